//! Walks folders for the files of a plan, by name.
//!
//! Bounded and without surprises: symbolic links and hidden files are not followed, unfinished downloads are left alone, and
//! two files of one name are an error rather than a choice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quant_core::time::TimeRange;

use super::{FileKind, FileUnit, Packing, name_of};

/// Deepest level looked into; the vendors' trees have seven.
const MAX_DEPTH: usize = 16;

/// Most files and folders looked at: more is not an archive but a disk.
const MAX_ENTRIES: usize = 2_000_000;

/// Endings of files that browsers and downloaders have not finished.
const UNFINISHED: [&str; 6] = [
    ".crdownload",
    ".part",
    ".partial",
    ".tmp",
    ".download",
    ".aria2",
];

/// Why a search is refused.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A folder cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// Folder or file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A path is no folder.
    #[error("`{}` is not a folder\nhint: name the folder that holds the downloaded files", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Two files have the name of one.
    #[error("`{name}` is there twice: `{}` and `{}`\nhint: keep one of them, or name the folder that holds it", first.display(), second.display())]
    Twice {
        /// File name.
        name: String,
        /// One of them.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// There is too much below a folder.
    #[error("`{}` holds more than {limit} files\nhint: name the folder of the archive, not one far above it", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// Limit.
        limit: usize,
    },
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// Folders of any files: a mirror of the vendor's tree, or everything in one place.
    pub any: Vec<PathBuf>,
    /// Folders of trades.
    pub trades: Vec<PathBuf>,
    /// Folders of candles.
    pub candles: Vec<PathBuf>,
    /// Folders of funding rates.
    pub funding: Vec<PathBuf>,
    /// Folders of order books.
    pub books: Vec<PathBuf>,
}

impl Folders {
    /// Returns the folders that may hold files of a kind.
    pub fn of(&self, kind: FileKind) -> impl Iterator<Item = &Path> {
        let own = match kind {
            FileKind::BybitTrades | FileKind::BybitSpotTrades | FileKind::OkxTrades => &self.trades,
            FileKind::OkxCandles => &self.candles,
            FileKind::OkxFunding => &self.funding,
            FileKind::BybitBook | FileKind::OkxBook => &self.books,
        };
        self.any.iter().chain(own).map(PathBuf::as_path)
    }
}

/// A file of the plan that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// What was looked for.
    pub unit: FileUnit,
    /// Where it lies.
    pub path: PathBuf,
    /// How it is packed.
    pub packing: Packing,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Files to read, in the order of the plan; fallbacks only where they are needed.
    pub files: Vec<FoundFile>,
    /// Files of the plan that are absent and whose times no file found covers.
    pub missing: Vec<FileUnit>,
    /// What was left alone, and why.
    pub notes: Vec<String>,
}

/// Looks for the files of a plan.
///
/// # Errors
/// `DiscoverError`: a folder that is none or cannot be read, or two files of one name.
///
/// # Determinism
/// Folders are walked in the order of names; the result does not depend on the file system's order.
pub fn discover(plan: Vec<FileUnit>, folders: &Folders) -> Result<Discovery, DiscoverError> {
    let wanted: BTreeSet<&str> = plan.iter().flat_map(FileUnit::names).collect();
    let mut roots: BTreeMap<PathBuf, Listing> = BTreeMap::new();
    let mut notes = Vec::new();
    for root in plan.iter().flat_map(|unit| folders.of(unit.kind)) {
        if !roots.contains_key(root) {
            let listing = Listing::of(root, &wanted, &mut notes)?;
            roots.insert(root.to_owned(), listing);
        }
    }
    let mut found: Vec<Option<PathBuf>> = Vec::with_capacity(plan.len());
    for unit in &plan {
        let listings: Vec<&Listing> = folders.of(unit.kind).filter_map(|r| roots.get(r)).collect();
        found.push(locate(unit, &listings)?);
    }
    drop(wanted);
    notes.sort();
    notes.dedup();

    let served = |unit: &FileUnit, by_fallbacks: bool| -> Vec<TimeRange> {
        plan.iter()
            .zip(&found)
            .filter(|(other, path)| {
                path.is_some()
                    && other.datasets == unit.datasets
                    && (by_fallbacks || !other.is_fallback)
            })
            .map(|(other, _)| other.asked)
            .collect()
    };
    let keep: Vec<(bool, bool)> = plan
        .iter()
        .zip(&found)
        .map(|(unit, path)| {
            let needed = !unit.is_fallback || !covers(served(unit, false), unit.asked);
            let is_hole =
                path.is_none() && !unit.is_fallback && !covers(served(unit, true), unit.asked);
            (needed && path.is_some(), is_hole)
        })
        .collect();
    let mut out = Discovery {
        notes,
        ..Discovery::default()
    };
    for ((unit, path), (is_read, is_missing)) in plan.into_iter().zip(found).zip(keep) {
        match path {
            Some(path) if is_read => {
                let packing = Packing::of(&path.to_string_lossy());
                out.files.push(FoundFile {
                    unit,
                    path,
                    packing,
                });
            }
            _ if is_missing => out.missing.push(unit),
            _ => {}
        }
    }
    Ok(out)
}

/// Returns whether ranges together leave no hole in `whole`.
fn covers(mut ranges: Vec<TimeRange>, whole: TimeRange) -> bool {
    ranges.sort_by_key(|r| (r.start, r.end));
    let mut reached = whole.start;
    for range in ranges {
        if range.start <= reached {
            reached = reached.max(range.end);
        }
    }
    reached >= whole.end
}

/// Finds the most wanted file of a unit that is there.
fn locate(unit: &FileUnit, listings: &[&Listing]) -> Result<Option<PathBuf>, DiscoverError> {
    for path in &unit.paths {
        let name = name_of(path);
        let candidates: BTreeSet<&Path> = listings
            .iter()
            .flat_map(|listing| listing.files.get(name).into_iter().flatten())
            .filter(|(_, below)| unit.category.is_none_or(|own| !is_of_another(below, own)))
            .map(|(path, _)| path.as_path())
            .collect();
        let mut candidates = candidates.into_iter();
        match (candidates.next(), candidates.next()) {
            (None, _) => {}
            (Some(only), None) => return Ok(Some(only.to_owned())),
            (Some(first), Some(second)) => {
                return Err(DiscoverError::Twice {
                    name: name.to_owned(),
                    first: first.to_owned(),
                    second: second.to_owned(),
                });
            }
        }
    }
    Ok(None)
}

/// Returns whether one of the folders names another category than `own`.
fn is_of_another(folders: &[String], own: &str) -> bool {
    let categories = ["linear", "inverse", "spot"];
    folders
        .iter()
        .any(|folder| folder != own && categories.contains(&folder.as_str()))
}

/// The wanted files below one folder.
#[derive(Debug, Default)]
struct Listing {
    /// Path and the folders between the root and the file, by file name.
    files: BTreeMap<String, Vec<(PathBuf, Vec<String>)>>,
    entries: usize,
}

impl Listing {
    fn of(
        root: &Path,
        wanted: &BTreeSet<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Self, DiscoverError> {
        let io = |source| DiscoverError::Io {
            path: root.to_owned(),
            source,
        };
        // Named by the user, so a link is followed here.
        if !std::fs::metadata(root).map_err(io)?.is_dir() {
            return Err(DiscoverError::NotAFolder {
                path: root.to_owned(),
            });
        }
        // One spelling per place, so that a folder named twice holds each file once.
        let root = root.canonicalize().map_err(io)?;
        let mut out = Self::default();
        out.walk(&root, &root, &mut Vec::new(), wanted, notes)?;
        Ok(out)
    }

    fn walk(
        &mut self,
        root: &Path,
        folder: &Path,
        below: &mut Vec<String>,
        wanted: &BTreeSet<&str>,
        notes: &mut Vec<String>,
    ) -> Result<(), DiscoverError> {
        let io = |source| DiscoverError::Io {
            path: folder.to_owned(),
            source,
        };
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(DiscoverError::TooMany {
                    path: root.to_owned(),
                    limit: MAX_ENTRIES,
                });
            }
            // No archive has names that are not text.
            if let Ok(name) = entry.file_name().into_string() {
                // Of the entry itself: a link is a link, wherever it leads.
                entries.push((name, entry.file_type().map_err(io)?));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in entries {
            let path = folder.join(&name);
            let is_wanted = wanted.contains(name.as_str());
            if name.starts_with('.') {
                continue;
            }
            if kind.is_symlink() {
                if is_wanted {
                    notes.push(format!(
                        "`{}` is a link and was not followed",
                        path.display()
                    ));
                }
            } else if kind.is_dir() {
                if below.len() + 1 >= MAX_DEPTH {
                    notes.push(format!(
                        "`{}` lies deeper than {MAX_DEPTH} folders and was not looked into",
                        path.display()
                    ));
                    continue;
                }
                below.push(name);
                self.walk(root, &path, below, wanted, notes)?;
                below.pop();
            } else if !kind.is_file() {
                // Sockets and devices are no archives.
            } else if is_wanted {
                let places = self.files.entry(name).or_default();
                places.push((path, below.clone()));
            } else if let Some(original) = unfinished(&name).filter(|o| wanted.contains(o.as_str()))
            {
                notes.push(format!(
                    "`{}` is unfinished or a copy of `{original}` and was left alone",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

/// Returns the name a file would have if its download were finished, or were not its second one (`x (1).zip`).
fn unfinished(name: &str) -> Option<String> {
    if let Some(stem) = UNFINISHED.iter().find_map(|end| name.strip_suffix(end)) {
        return Some(stem.to_owned());
    }
    if let Some(stem) = name.strip_suffix('~') {
        return Some(stem.to_owned());
    }
    let open = name.find(" (")?;
    let close = open + name[open..].find(')')?;
    let inside = &name[open + 2..close];
    let is_number = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| format!("{}{}", &name[..open], &name[close + 1..]))
}
