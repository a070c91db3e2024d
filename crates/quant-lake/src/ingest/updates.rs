//! The venue's lists of replaced archives (`updates/`): which hashes were published once and are no longer, and which
//! partitions of a lake were made of such files.
//!
//! A list is a CSV, alone or in a zip: `File,Original File Checksum,New File Checksum` (or `File Path,...`), checksum
//! cells in the form of a `.CHECKSUM` file. Lists follow one another: what an earlier one called new, a later one may
//! call old.

mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quant_core::time::Day;
use serde::Serialize;

use crate::layout::{DatasetKey, Lake, parse_symbol_folder};
use crate::manifest::{Manifest, ManifestError, SourceKind};
use crate::schema::DEFAULT_BOOK_LEVELS;
use crate::verify::set_specs;

use list::{lists_in, text_of};
pub use list::{parse_list, read_list};

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
        symbol: parse_symbol_folder(parts.next()?).ok()?,
    };
    let dataset = parts.next()?.parse().ok()?;
    Some(DatasetKey {
        instrument,
        dataset,
    })
}

#[cfg(test)]
mod tests;
