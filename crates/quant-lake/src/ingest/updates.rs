//! The venue's lists of replaced archives (`updates/`): which hashes were published once and are no longer, and which
//! partitions of a lake were made of such files.
//!
//! A list is a CSV, alone or in a zip: `File,Original File Checksum,New File Checksum` (or `File Path,...`), checksum
//! cells in the form of a `.CHECKSUM` file. Lists follow one another: what an earlier one called new, a later one may
//! call old.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use quant_core::time::Day;
use serde::Serialize;

use super::checksum::parse_checksum;
use crate::layout::{DatasetKey, Lake};
use crate::manifest::{Manifest, ManifestError, SourceKind};
use crate::schema::DEFAULT_BOOK_LEVELS;
use crate::verify::set_specs;

/// Largest text of a list; the largest one seen has 92 kB.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// What macOS adds to a zip.
const RESOURCE_FORKS: &str = "__MACOSX/";

/// Why a list is refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdatesError {
    /// The file or folder cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A folder without lists.
    #[error("`{}` holds no list of replaced archives\nhint: name the venue's `updates` folder, or its .csv or .zip files", path.display())]
    NoLists {
        /// Folder.
        path: PathBuf,
    },
    /// Not a zip with one list inside.
    #[error("`{}` is not a zipped list: {problem}\nhint: fetch the file again", path.display())]
    Zip {
        /// File.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Too large for a list.
    #[error("`{}` is larger than a list of replaced archives may be, {limit} bytes\nhint: this is another file", path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// Limit.
        limit: u64,
    },
    /// The first line is not the header of a list.
    #[error("`{}`: the first line is `{}`; expected `File,Original File Checksum,New File Checksum` (or `File Path,...`)\nhint: this is not a list of replaced archives", path.display(), found.escape_debug())]
    Header {
        /// File.
        path: PathBuf,
        /// The line.
        found: String,
    },
    /// A header and nothing else.
    #[error("`{}` lists nothing\nhint: fetch the file again", path.display())]
    Empty {
        /// File.
        path: PathBuf,
    },
    /// A line that cannot be understood.
    #[error("`{}`, line {line}: `{}`: {problem}; expected `FILE,<64 hex digits>  FILE.zip,<64 hex digits>  FILE.zip`\nhint: fetch the list again", path.display(), text.escape_debug())]
    Row {
        /// File.
        path: PathBuf,
        /// Line, from 1, the header included.
        line: usize,
        /// Its first characters.
        text: String,
        /// What is wrong.
        problem: String,
    },
}

/// Why a lake cannot be compared with lists.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUpdate {
    /// The archive as the list names it: a path below the archive's root, or a bare name.
    pub file: String,
    /// sha256 of what it replaces.
    pub old_sha256: String,
    /// sha256 of what is published since.
    pub new_sha256: String,
}

/// What became of one published hash.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replaced {
    by: String,
    list: String,
}

/// All lists together, in their order.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    /// Withdrawn hash -> the next one.
    replaced: BTreeMap<String, Replaced>,
    /// Number of lists.
    lists: usize,
    /// Number of lines.
    lines: usize,
}

/// A source of a partition that the venue has replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaleSource {
    /// Folder of the partition set, relative to the lake.
    pub set: String,
    /// Day of the partition.
    pub date: Day,
    /// File name in the manifest.
    pub file: String,
    /// Hash of the file the partition was made of.
    pub old_sha256: String,
    /// Hash of what the venue publishes now, as far as the lists know.
    pub new_sha256: String,
    /// The list that withdrew the stored file.
    pub list: String,
    /// Dataset and instrument, for fetching it again.
    #[serde(skip)]
    pub key: DatasetKey,
    /// Names of the other files the partition was made of.
    #[serde(skip)]
    pub others: Vec<String>,
}

/// What a lake holds of listed files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// Partitions of Binance Vision looked at.
    pub n_partitions: u64,
    /// Different sources among them.
    pub n_sources: u64,
    /// Sources that are what a list says is published now.
    pub n_renewed: u64,
    /// Partitions made of files that were replaced since, in path and date order.
    pub stale: Vec<StaleSource>,
}

impl Updates {
    /// Reads lists in the order given; a folder gives its `.csv` and `.zip` files in the order of their names, which begin
    /// with their dates.
    ///
    /// # Errors
    /// `UpdatesError`: the first file that is not a list, with the line.
    pub fn read(paths: &[PathBuf]) -> Result<Self, UpdatesError> {
        let mut out = Self::default();
        for path in paths {
            if path.is_dir() {
                let lists = lists_in(path)?;
                if lists.is_empty() {
                    return Err(UpdatesError::NoLists { path: path.clone() });
                }
                for list in lists {
                    out.add_file(&list)?;
                }
            } else {
                out.add_file(path)?;
            }
        }
        Ok(out)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), UpdatesError> {
        let text = text_of(path)?;
        let rows = parse_list(path, &text)?;
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |n| n.to_string_lossy().into_owned(),
        );
        self.add(&name, &rows);
        Ok(())
    }

    /// Adds a list that is later than all before it.
    pub fn add(&mut self, name: &str, rows: &[ListedUpdate]) {
        self.lists += 1;
        self.lines += rows.len();
        for row in rows {
            let replaced = Replaced {
                by: row.new_sha256.clone(),
                list: name.to_owned(),
            };
            self.replaced.insert(row.old_sha256.clone(), replaced);
        }
        // The later list wins: what it publishes is published, whatever was said of it before. So no chain is a circle,
        // except inside one list, which `parse_list` refuses.
        let old: BTreeSet<&str> = rows.iter().map(|r| r.old_sha256.as_str()).collect();
        for row in rows {
            if !old.contains(row.new_sha256.as_str()) {
                self.replaced.remove(&row.new_sha256);
            }
        }
    }

    /// Returns how many lists were read, and their lines.
    pub const fn size(&self) -> (usize, usize) {
        (self.lists, self.lines)
    }

    /// Returns whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty()
    }

    /// Returns whether the venue has replaced the file with this hash.
    pub fn withdraws(&self, sha256: &str) -> bool {
        self.replaced.contains_key(sha256)
    }

    /// Returns the hash published last in place of this one, and the list that withdrew it; `None` if it stands.
    pub fn successor(&self, sha256: &str) -> Option<(&str, &str)> {
        let first = self.replaced.get(sha256)?;
        let mut last = first;
        // At most every hash once: a circle cannot be, and must not hang if it is.
        for _ in 0..self.replaced.len() {
            match self.replaced.get(&last.by) {
                Some(next) => last = next,
                None => break,
            }
        }
        Some((&last.by, &first.list))
    }

    /// Looks through the manifests of every raw dataset of a lake for files that were replaced since.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn compare(&self, lake: &Lake) -> Result<Comparison, CompareError> {
        let current: BTreeSet<&str> = self
            .replaced
            .values()
            .map(|r| r.by.as_str())
            .filter(|sha| !self.replaced.contains_key(*sha))
            .collect();
        let mut out = Comparison::default();
        let mut seen = BTreeSet::new();
        let (specs, _) = set_specs(lake, DEFAULT_BOOK_LEVELS);
        for spec in specs {
            let Some(key) = dataset_key(&spec.dir) else {
                continue;
            };
            let Some(manifest) = Manifest::load(&lake.set_dir(&spec), &spec)? else {
                continue;
            };
            for partition in &manifest.partitions {
                let vision = || {
                    partition
                        .sources
                        .iter()
                        .filter(|s| s.kind == SourceKind::Vision)
                };
                out.n_partitions += u64::from(vision().next().is_some());
                for source in vision() {
                    if seen.insert(source.sha256.clone()) {
                        out.n_sources += 1;
                        out.n_renewed += u64::from(current.contains(source.sha256.as_str()));
                    }
                    let Some((new, list)) = self.successor(&source.sha256) else {
                        continue;
                    };
                    out.stale.push(StaleSource {
                        set: spec.dir.clone(),
                        date: partition.date,
                        file: source.name.clone(),
                        old_sha256: source.sha256.clone(),
                        new_sha256: new.to_owned(),
                        list: list.to_owned(),
                        key: key.clone(),
                        others: vision()
                            .filter(|s| s.sha256 != source.sha256)
                            .map(|s| s.name.clone())
                            .collect(),
                    });
                }
            }
        }
        Ok(out)
    }
}

/// Returns what a folder `raw/<exchange>/<market>/<symbol>/<dataset>` holds.
fn dataset_key(dir: &str) -> Option<DatasetKey> {
    let mut parts = dir.split('/');
    if parts.next() != Some("raw") {
        return None;
    }
    let instrument = quant_core::market::InstrumentKey {
        exchange: parts.next()?.parse().ok()?,
        market: parts.next()?.parse().ok()?,
        symbol: parts.next()?.parse().ok()?,
    };
    let dataset = parts.next()?.parse().ok()?;
    Some(DatasetKey {
        instrument,
        dataset,
    })
}

fn lists_in(dir: &Path) -> Result<Vec<PathBuf>, UpdatesError> {
    let io = |source| UpdatesError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_list = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("zip"));
        if is_list && path.is_file() {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// Reads the text of a list, out of its zip if need be.
fn text_of(path: &Path) -> Result<String, UpdatesError> {
    let io = |source| UpdatesError::Io {
        path: path.to_owned(),
        source,
    };
    let broken = |problem: String| UpdatesError::Zip {
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("zip"))
    {
        let mut zip = zip::ZipArchive::new(file).map_err(|e| broken(e.to_string()))?;
        let mut names = Vec::new();
        for name in zip.file_names() {
            let name = name.map_err(|e| broken(e.to_string()))?;
            if !name.starts_with(RESOURCE_FORKS) {
                names.push(name.into_owned());
            }
        }
        let [name] = names.as_slice() else {
            return Err(broken(format!(
                "it has {} members besides `{RESOURCE_FORKS}`, one list belongs there",
                names.len()
            )));
        };
        if !name.to_ascii_lowercase().ends_with(".csv") {
            return Err(broken(format!(
                "its member `{}` is no .csv",
                name.escape_debug()
            )));
        }
        let member = zip.by_name(name).map_err(|e| broken(e.to_string()))?;
        let mut bounded = member.take(MAX_LIST_BYTES + 1);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|e| broken(e.to_string()))?;
    } else {
        file.take(MAX_LIST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
    }
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(UpdatesError::TooLarge {
            path: path.to_owned(),
            limit: MAX_LIST_BYTES,
        });
    }
    // Bytes that are no text become a character that no cell may have.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a list strictly: every line, or none.
///
/// # Errors
/// `UpdatesError`: another header, a line of another shape, a hash replaced twice, nothing listed.
pub fn parse_list(path: &Path, text: &str) -> Result<Vec<ListedUpdate>, UpdatesError> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let header = header.strip_prefix('\u{feff}').unwrap_or(header);
    if !matches!(
        header,
        "File,Original File Checksum,New File Checksum"
            | "File Path,Original File Checksum,New File Checksum"
    ) {
        return Err(UpdatesError::Header {
            path: path.to_owned(),
            found: header.chars().take(80).collect(),
        });
    }
    let mut out: Vec<ListedUpdate> = Vec::new();
    let mut old: BTreeMap<String, usize> = BTreeMap::new();
    for (line, text) in (2..).zip(lines) {
        let bad = |problem: String| UpdatesError::Row {
            path: path.to_owned(),
            line,
            text: text.chars().take(200).collect(),
            problem,
        };
        let row = parse_row(path, text).map_err(bad)?;
        if let Some(earlier) = old.insert(row.old_sha256.clone(), line) {
            return Err(bad(format!("line {earlier} replaces the same checksum")));
        }
        out.push(row);
    }
    if out.is_empty() {
        return Err(UpdatesError::Empty {
            path: path.to_owned(),
        });
    }
    // A chain inside one list that ends where it began has no last version.
    let next: BTreeMap<&str, (&str, usize)> = out
        .iter()
        .zip(2..)
        .map(|(r, line)| (r.old_sha256.as_str(), (r.new_sha256.as_str(), line)))
        .collect();
    for (row, line) in out.iter().zip(2..) {
        let mut at = row.new_sha256.as_str();
        for _ in 0..out.len() {
            let Some((further, _)) = next.get(at) else {
                break;
            };
            at = further;
        }
        if next.contains_key(at) {
            return Err(UpdatesError::Row {
                path: path.to_owned(),
                line,
                text: row.file.chars().take(200).collect(),
                problem: "its checksums replace one another in a circle".to_owned(),
            });
        }
    }
    Ok(out)
}

fn parse_row(path: &Path, text: &str) -> Result<ListedUpdate, String> {
    let cells: Vec<&str> = text.split(',').collect();
    let [file, old, new] = cells.as_slice() else {
        return Err(format!("{} cells, not 3", cells.len()));
    };
    let plain = |c: char| c != '"' && c != char::REPLACEMENT_CHARACTER && !c.is_control();
    let name = file.rsplit('/').next().unwrap_or(file);
    if name.is_empty() || name.trim() != name || !file.chars().all(plain) {
        return Err("its first cell is not a file".to_owned());
    }
    let zip = if name.ends_with(".zip") {
        name.to_owned()
    } else {
        format!("{name}.zip")
    };
    let sum = |cell: &str| {
        let sum = parse_checksum(&path.display().to_string(), cell)
            .map_err(|_| format!("`{}` is not a checksum", cell.escape_debug()))?;
        match sum.name {
            Some(name) if name == zip => Ok(sum.sha256),
            Some(name) => Err(format!(
                "a checksum of `{}`, not of `{zip}`",
                name.escape_debug()
            )),
            None => Err("a checksum without a file name".to_owned()),
        }
    };
    let (old_sha256, new_sha256) = (sum(old)?, sum(new)?);
    if old_sha256 == new_sha256 {
        return Err("both checksums are the same".to_owned());
    }
    Ok(ListedUpdate {
        file: (*file).to_owned(),
        old_sha256,
        new_sha256,
    })
}

#[cfg(test)]
mod tests;
