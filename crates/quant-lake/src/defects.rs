//! Planted defects: what real archives suffer from, put into a simulated one by seed and rate, and told exactly.
//!
//! Works on one finished file at a time, bytes in, bytes out; the caller stores them and collects the
//! [`PlantedDefect`]s into `defects.json`. Truth is not changed: it describes the archive before any defect.
//!
//! A file gets at most one kind of defect. Which one is a draw from `(seed, path)` alone: a kind of rate r is planted in
//! a share r of the files it applies to. A file too short for its kind, or without the header it would lose, stays as it
//! is and is not reported. Kinds of single rows (`duplicate`, `unsorted`, `other_day`, `crossed_book`,
//! `zero_size_level`) are planted in one to three places; the others take one stretch of rows or the whole file.

mod container;
mod rows;
mod shape;

use core::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use self::container::Container;
use self::rows::Edit;
use crate::venues::binance::encode::checksum_line;

pub use shape::Shape;

/// Why defects cannot be planted.
#[derive(Debug, thiserror::Error)]
pub enum DefectError {
    /// No kind has this name.
    #[error("unknown defect `{}`\nhint: known defects are {}", name.escape_debug(), DefectKind::ALL.map(DefectKind::name).join(", "))]
    UnknownKind {
        /// The offending name.
        name: String,
    },
    /// A rate is not a share.
    #[error("rate of defect `{kind}` is {rate}\nhint: it is the share of files with it, 0 to 1")]
    BadRate {
        /// The kind.
        kind: DefectKind,
        /// The offending rate.
        rate: f64,
    },
    /// A kind has two rates.
    #[error("defect `{kind}` has two rates\nhint: name every kind once")]
    TwoRates {
        /// The kind.
        kind: DefectKind,
    },
    /// More defects than files.
    #[error(
        "the rates of the defects of {shape} files add up to {sum:.3}\nhint: a file gets at most one defect, so the rates of the kinds that fit it must not exceed 1 together"
    )]
    RatesExceedOne {
        /// Which files.
        shape: &'static str,
        /// Sum of the rates that apply to them.
        sum: f64,
    },
    /// A file of the archive is not what its name says.
    #[error("cannot unpack `{path}` to plant a defect: {source}")]
    Unpack {
        /// The file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A file cannot be packed again.
    #[error("cannot pack `{path}` with its defect: {source}")]
    Pack {
        /// The file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
}

/// A kind of defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// A stretch of rows is missing (5 to 60 rows, of band files samples; at most a quarter of the file).
    Gap,
    /// A row is repeated right after itself.
    Duplicate,
    /// Two neighbouring rows of different times are swapped.
    Unsorted,
    /// After a row stands its copy with all times one day earlier.
    OtherDay,
    /// The header line is missing.
    MissingHeader,
    /// Two neighbouring columns are swapped, header and values: reading by name still works, by position does not.
    ReorderedHeader,
    /// Band values of 10 to 120 samples repeat those of the sample before; their times go on.
    FrozenBands,
    /// Over 12 to 96 rows open interest stands 5 minutes early: a row holds the values of the row after it.
    ShiftedOi,
    /// Best bid and ask (of a book message: the first prices of its sides) are swapped.
    CrossedBook,
    /// A best quantity (of a book image: of its best bid) is 0.
    ZeroSizeLevel,
    /// Receive stamps of a tenth to a third of a recording are 250 to 2,000 ms too early.
    ClockOffset,
    /// The checksum file names another hash.
    WrongChecksum,
    /// The packed file ends early, after a tenth to nine tenths of its bytes; the checksum is that of what is there.
    TruncatedArchive,
    /// All klines are labelled one minute late or early.
    LabelShift,
    /// From a row in the middle on times are in a finer or coarser unit.
    UnitSwitch,
    /// Quantities of the whole file are a hundred times too large or a thousandth: contracts instead of base.
    ContractMixup,
    /// 10 to 120 klines repeat the one before them; their times go on.
    FrozenKlines,
    /// In a tenth to half of the file every row is followed by its copy of the day before or after.
    InterleavedDays,
    /// 10 to 120 quotes repeat the one before them; their ids and times go on.
    StaleQuotes,
}

impl DefectKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Gap,
        Self::Duplicate,
        Self::Unsorted,
        Self::OtherDay,
        Self::MissingHeader,
        Self::ReorderedHeader,
        Self::FrozenBands,
        Self::ShiftedOi,
        Self::CrossedBook,
        Self::ZeroSizeLevel,
        Self::ClockOffset,
        Self::WrongChecksum,
        Self::TruncatedArchive,
        Self::LabelShift,
        Self::UnitSwitch,
        Self::ContractMixup,
        Self::FrozenKlines,
        Self::InterleavedDays,
        Self::StaleQuotes,
    ];

    /// Returns the name used in configs and in `defects.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::Unsorted => "unsorted",
            Self::OtherDay => "other_day",
            Self::MissingHeader => "missing_header",
            Self::ReorderedHeader => "reordered_header",
            Self::FrozenBands => "frozen_bands",
            Self::ShiftedOi => "shifted_oi",
            Self::CrossedBook => "crossed_book",
            Self::ZeroSizeLevel => "zero_size_level",
            Self::ClockOffset => "clock_offset",
            Self::WrongChecksum => "wrong_checksum",
            Self::TruncatedArchive => "truncated_archive",
            Self::LabelShift => "label_shift",
            Self::UnitSwitch => "unit_switch",
            Self::ContractMixup => "contract_mixup",
            Self::FrozenKlines => "frozen_klines",
            Self::InterleavedDays => "interleaved_days",
            Self::StaleQuotes => "stale_quotes",
        }
    }

    /// Returns the kind of a name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns whether files of this shape can have the defect.
    pub const fn applies_to(self, shape: Shape) -> bool {
        match self {
            Self::Gap | Self::Duplicate | Self::Unsorted | Self::TruncatedArchive => true,
            Self::OtherDay
            | Self::MissingHeader
            | Self::ReorderedHeader
            | Self::InterleavedDays => shape.is_table(),
            Self::LabelShift | Self::FrozenKlines => {
                matches!(shape, Shape::Klines | Shape::OkxCandles)
            }
            Self::UnitSwitch => shape.has_epoch(),
            Self::ContractMixup => !shape.quantity_columns().is_empty(),
            Self::StaleQuotes => matches!(shape, Shape::BookTicker),
            Self::FrozenBands => matches!(shape, Shape::BookDepth),
            Self::ShiftedOi => matches!(shape, Shape::Metrics),
            Self::CrossedBook | Self::ZeroSizeLevel => {
                matches!(shape, Shape::BookTicker | Shape::Book)
            }
            Self::ClockOffset => matches!(shape, Shape::Recording),
            Self::WrongChecksum => shape.has_checksum(),
        }
    }
}

impl fmt::Display for DefectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which defects to plant, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct DefectPlan {
    seed: u64,
    rates: Vec<(DefectKind, f64)>,
}

impl DefectPlan {
    /// Checks a plan: rates are shares of the files a kind applies to.
    ///
    /// # Errors
    /// `UnknownKind`, `BadRate`, `TwoRates`, or `RatesExceedOne` if the kinds that fit one shape of file sum to more
    /// than 1.
    pub fn new<S: AsRef<str>>(seed: u64, rates: &[(S, f64)]) -> Result<Self, DefectError> {
        let mut checked: Vec<(DefectKind, f64)> = Vec::new();
        for (name, rate) in rates {
            let name = name.as_ref();
            let kind = DefectKind::from_name(name).ok_or_else(|| DefectError::UnknownKind {
                name: name.to_owned(),
            })?;
            if !(0.0..=1.0).contains(rate) {
                return Err(DefectError::BadRate { kind, rate: *rate });
            }
            if checked.iter().any(|(known, _)| *known == kind) {
                return Err(DefectError::TwoRates { kind });
            }
            checked.push((kind, *rate));
        }
        // The order of a config file does not decide what is planted.
        checked.sort_by_key(|(kind, _)| *kind);
        for shape in Shape::ALL {
            let applying = checked.iter().filter(|(kind, _)| kind.applies_to(shape));
            let sum: f64 = applying.map(|(_, rate)| rate).sum();
            // Ten rates of 0.1 add up to a hair more or less than 1.
            if sum > 1.0 + 1e-9 {
                return Err(DefectError::RatesExceedOne {
                    shape: shape.name(),
                    sum,
                });
            }
        }
        Ok(Self {
            seed,
            rates: checked,
        })
    }

    /// Returns whether nothing can be planted.
    pub fn is_empty(&self) -> bool {
        self.rates.iter().all(|(_, rate)| *rate <= 0.0)
    }

    /// Returns the kind of defect a file is to get, by its path below the root; cheap, so ask before unpacking.
    pub fn kind_for(&self, path: &str, shape: Shape) -> Option<DefectKind> {
        let mut at = Draw::new(self.seed, "file", path).unit();
        for (kind, rate) in &self.rates {
            if kind.applies_to(shape) {
                if at < *rate {
                    return Some(*kind);
                }
                at -= rate;
            }
        }
        None
    }
}

/// A file of an archive and, where the venue publishes one, the text of its checksum file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The packed file.
    pub bytes: Vec<u8>,
    /// Text of `<name>.CHECKSUM`.
    pub checksum: Option<String>,
}

/// Rows `[row, row + rows)` of the planted file stand where `[clean_row, clean_row + clean_rows)` of the clean one stood.
///
/// Rows are counted from 0, the header is none. A gap has no rows, a repeated or foreign row no clean rows. Outside of all
/// places of a defect both files have the same rows in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// First row in the planted file.
    pub row: u64,
    /// Number of rows there.
    pub rows: u64,
    /// First row in the clean file.
    pub clean_row: u64,
    /// Number of rows there.
    pub clean_rows: u64,
}

/// What was planted where; one entry of `defects.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlantedDefect {
    /// What.
    pub kind: DefectKind,
    /// In which file, below the root.
    pub path: String,
    /// Where, ascending; empty for defects of the whole file.
    pub places: Vec<Place>,
    /// Columns concerned, 0-based; for JSON lines empty.
    pub columns: Vec<usize>,
    /// By how much times (`other_day`, `interleaved_days`, `label_shift`, `clock_offset`) or values against times (`shifted_oi`) are moved, microseconds.
    pub shift_us: Option<i64>,
    /// Bytes that are left of a truncated file.
    pub bytes_kept: Option<u64>,
    /// In words.
    pub detail: String,
}

/// A seeded stream of integers, one per purpose and file.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, purpose: &str, path: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for part in [purpose, path] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// A number in `low..=high`.
    fn within(&mut self, low: usize, high: usize) -> usize {
        let span = (high.saturating_sub(low) as u64).saturating_add(1);
        low + usize::try_from(self.next() % span).unwrap_or(0)
    }
}

/// Plants the defect that the plan has for a file, if any; `path` is the file's path below the root.
///
/// Without a defect the file comes back byte for byte. With one its rows are packed again as they were (zip with one
/// member, gzip, tar.gz with one member, or plain, by the name's ending) and the checksum text is made anew.
///
/// # Errors
/// `Unpack` or `Pack`.
///
/// # Determinism
/// Same seed, rates, path and bytes: same bytes.
pub fn plant(
    plan: &DefectPlan,
    path: &str,
    shape: Shape,
    file: StoredFile,
) -> Result<(StoredFile, Option<PlantedDefect>), DefectError> {
    let Some(kind) = plan.kind_for(path, shape) else {
        return Ok((file, None));
    };
    let mut draw = Draw::new(plan.seed, kind.name(), path);
    let planted = match kind {
        DefectKind::WrongChecksum => wrong_checksum(path, &file),
        DefectKind::TruncatedArchive => truncate(path, &file, &mut draw),
        _ => edit_rows(kind, path, shape, &file, &mut draw)?,
    };
    Ok(match planted {
        Some((file, defect)) => (file, Some(defect)),
        None => (file, None),
    })
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn whole_file(kind: DefectKind, path: &str, detail: String) -> PlantedDefect {
    PlantedDefect {
        kind,
        path: path.to_owned(),
        places: Vec::new(),
        columns: Vec::new(),
        shift_us: None,
        bytes_kept: None,
        detail,
    }
}

/// Raises the first digit of the hash.
fn wrong_checksum(path: &str, file: &StoredFile) -> Option<(StoredFile, PlantedDefect)> {
    let text = file.checksum.as_ref()?;
    let first = text.chars().next()?.to_digit(16)?;
    let other = char::from_digit((first + 1) % 16, 16)?;
    let planted = StoredFile {
        bytes: file.bytes.clone(),
        checksum: Some(format!("{other}{}", &text[1..])),
    };
    let detail = "the first digit of the published hash is one too high".to_owned();
    Some((planted, whole_file(DefectKind::WrongChecksum, path, detail)))
}

fn truncate(path: &str, file: &StoredFile, draw: &mut Draw) -> Option<(StoredFile, PlantedDefect)> {
    let len = file.bytes.len();
    if len < 10 {
        return None;
    }
    let kept = draw.within(len / 10, len * 9 / 10).max(1);
    let bytes = file.bytes[..kept].to_vec();
    let checksum = file
        .checksum
        .as_ref()
        .map(|_| checksum_line(&bytes, name_of(path)));
    let mut defect = whole_file(
        DefectKind::TruncatedArchive,
        path,
        format!("{kept} of {len} bytes are left"),
    );
    defect.bytes_kept = Some(kept as u64);
    Some((StoredFile { bytes, checksum }, defect))
}

fn edit_rows(
    kind: DefectKind,
    path: &str,
    shape: Shape,
    file: &StoredFile,
    draw: &mut Draw,
) -> Result<Option<(StoredFile, PlantedDefect)>, DefectError> {
    let unpack = |source| DefectError::Unpack {
        path: path.to_owned(),
        source,
    };
    let pack = |source| DefectError::Pack {
        path: path.to_owned(),
        source,
    };
    let (container, text) = Container::unpack(name_of(path), &file.bytes).map_err(unpack)?;
    let Some(edit) = Edit::new(kind, shape, &text, draw) else {
        return Ok(None);
    };
    let bytes = container.pack(|out| edit.write(&text, out)).map_err(pack)?;
    let checksum = file
        .checksum
        .as_ref()
        .map(|_| checksum_line(&bytes, name_of(path)));
    let defect = PlantedDefect {
        kind,
        path: path.to_owned(),
        places: edit.places(),
        columns: edit.columns.clone(),
        shift_us: edit.shift_us,
        bytes_kept: None,
        detail: edit.detail,
    };
    Ok(Some((StoredFile { bytes, checksum }, defect)))
}

#[cfg(test)]
mod tests;
