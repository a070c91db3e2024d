//! Where things live in the lake, and what one partition set looks like; builds paths, touches no file.
//!
//! ```text
//! raw/<exchange>/<market>/<symbol>/<dataset>/date=YYYY-MM-DD/part-NNN.parquet   + manifest.json per dataset
//! bars/<exchange>/<market>/<symbol>/<bar set id>/...                            + manifest.json
//! openings/<exchange>/<market>/<symbol>/...                                     + manifest.json
//! sources/<sha256>      quarantine/...      .locks/<set>.lock
//! ```

use std::path::{Path, PathBuf};

use quant_core::market::{InstrumentKey, MarketError, Symbol};
use quant_core::time::Day;
use serde::{Deserialize, Serialize};

use crate::schema::{Column, Dataset};

/// File name of the manifest of a partition set.
pub const MANIFEST_FILE: &str = "manifest.json";
/// What stands for a colon in the folder of a symbol.
const ESCAPED_COLON: &str = "%3A";

/// Why a name cannot become a path of the lake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The text is not usable as one folder name.
    #[error("`{}` is not a set id; expected 1 to 80 of `a-z 0-9 _ -`", id.escape_debug())]
    BadId {
        /// The offending text.
        id: String,
    },
    /// The text is not a lower-case sha256.
    #[error("`{}` is not a sha256; expected 64 lower-case hex digits", text.escape_debug())]
    BadSha256 {
        /// The offending text.
        text: String,
    },
}

/// One dataset of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetKey {
    /// Whose data.
    pub instrument: InstrumentKey,
    /// Which product.
    pub dataset: Dataset,
}

impl core::fmt::Display for DatasetKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.instrument, self.dataset)
    }
}

/// The root folder of a lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lake {
    root: PathBuf,
}

impl Lake {
    /// Returns the lake rooted at `root`; the folder need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of a partition set.
    pub fn set_dir(&self, spec: &PartitionSetSpec) -> PathBuf {
        self.join(&spec.dir)
    }

    /// Returns the manifest of a partition set.
    pub fn manifest_path(&self, spec: &PartitionSetSpec) -> PathBuf {
        self.set_dir(spec).join(MANIFEST_FILE)
    }

    /// Returns the folder of one day of a partition set.
    pub fn day_dir(&self, spec: &PartitionSetSpec, day: Day) -> PathBuf {
        self.set_dir(spec).join(day_folder(day))
    }

    /// Returns the lock file of a partition set. It lies outside the set, is never deleted and proves nothing by existing.
    pub fn lock_path(&self, spec: &PartitionSetSpec) -> PathBuf {
        self.join(&format!(".locks/{}.lock", spec.dir))
    }

    /// Returns the folder of kept originals.
    pub fn sources_dir(&self) -> PathBuf {
        self.root.join("sources")
    }

    /// Returns where the original with this hash is kept.
    ///
    /// # Errors
    /// `LayoutError::BadSha256` if the text is not 64 lower-case hex digits.
    pub fn source_path(&self, sha256: &str) -> Result<PathBuf, LayoutError> {
        if is_sha256(sha256) {
            Ok(self.sources_dir().join(sha256))
        } else {
            Err(LayoutError::BadSha256 {
                text: sha256.to_owned(),
            })
        }
    }

    /// Returns the folder of the rejected rows of a dataset, outside the dataset itself.
    pub fn quarantine_dir(&self, key: &DatasetKey) -> PathBuf {
        self.join(&format!(
            "quarantine/{}/{}",
            instrument_path(&key.instrument),
            key.dataset
        ))
    }

    fn join(&self, relative: &str) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(relative.split('/'));
        path
    }
}

/// Which rows a partition of a day may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayRule {
    /// Rows whose time lies in the day; the time column leads the sort key.
    Inside,
    /// Rows known before the day begins (openings): times before its start.
    Before,
}

/// One partition set: a raw dataset, a bar set or the openings of an instrument.
///
/// The same writer, reader and verifier serve all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSetSpec {
    /// Folder relative to the lake root, `/`-separated.
    pub dir: String,
    /// Columns in file order.
    pub columns: Vec<Column>,
    /// Columns a partition is strictly sorted by: no two rows share a key.
    pub sort_key: Vec<String>,
    /// Column that decides the day of a row.
    pub time_column: String,
    /// Length of the interval one row covers; `None` for point events.
    pub interval_us: Option<i64>,
    /// Which times a partition may hold.
    pub day_rule: DayRule,
    /// Data of the simulator.
    pub simulated: bool,
}

impl PartitionSetSpec {
    /// Returns the set of a raw dataset. `book_levels` matters for `l2_snapshots` only.
    pub fn raw(key: &DatasetKey, book_levels: u16) -> Self {
        Self {
            dir: format!("raw/{}/{}", instrument_path(&key.instrument), key.dataset),
            columns: key.dataset.columns(book_levels),
            sort_key: key
                .dataset
                .sort_key()
                .iter()
                .map(|&c| c.to_owned())
                .collect(),
            time_column: key.dataset.time_column().to_owned(),
            interval_us: key.dataset.interval_us(),
            day_rule: DayRule::Inside,
            simulated: key.instrument.exchange.simulated,
        }
    }

    /// Returns the Arrow schema of the set.
    pub fn arrow_schema(&self) -> arrow_schema::SchemaRef {
        crate::schema::arrow_schema(&self.columns)
    }
}

/// Returns `<exchange>/<market>/<symbol>`, `/`-separated, the symbol as [`symbol_folder`].
pub fn instrument_path(key: &InstrumentKey) -> String {
    let symbol = symbol_folder(&key.symbol);
    format!("{}/{}/{symbol}", key.exchange, key.market)
}

/// Returns the folder name of a symbol: the symbol, but for a colon, which no portable name has.
///
/// Written as Hive and Spark write it in theirs; no symbol holds a `%`, so that no two share a folder.
pub fn symbol_folder(symbol: &Symbol) -> String {
    symbol.as_str().replace(':', ESCAPED_COLON)
}

/// Returns the symbol of a folder name made by [`symbol_folder`].
///
/// # Errors
/// `BadSymbol`: another text, a bare colon included.
pub fn parse_symbol_folder(name: &str) -> Result<Symbol, MarketError> {
    if name.contains(':') {
        return Err(MarketError::BadSymbol {
            symbol: name.to_owned(),
        });
    }
    name.replace(ESCAPED_COLON, ":").parse()
}

/// Returns the folder name of a day.
pub fn day_folder(day: Day) -> String {
    format!("date={day}")
}

/// Returns the day of a folder name made by [`day_folder`].
pub fn parse_day_folder(name: &str) -> Option<Day> {
    name.strip_prefix("date=")?.parse().ok()
}

/// Returns the data-file name of a part number.
pub fn part_file(number: u32) -> String {
    format!("part-{number:03}.parquet")
}

/// Returns the part number of a data-file name, or `None` for any other text (paths included).
pub fn parse_part_file(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("part-")?.strip_suffix(".parquet")?;
    let plain = digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    let number = if plain {
        digits.parse().ok()?
    } else {
        return None;
    };
    (part_file(number) == name).then_some(number)
}

/// Returns whether the text is 64 lower-case hex digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the text if it can be one folder name of the lake.
///
/// # Errors
/// `LayoutError::BadId` otherwise.
pub fn check_set_id(id: &str) -> Result<&str, LayoutError> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let ok = (1..=80).contains(&id.len()) && id.bytes().all(allowed) && !id.starts_with('-');
    if ok {
        Ok(id)
    } else {
        Err(LayoutError::BadId { id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests;
