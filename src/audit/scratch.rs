//! A scratch copy of a lake: hard links where the file system has them, so that copying costs nothing and changes nothing.
//!
//! Safe because the lake never writes into a file that has its final name: a replacement is another file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use quant_lake::layout::Lake;
use quant_lake::manifest::{Manifest, Partition};
use quant_lake::stream::StreamSets;

use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::bars::BarSetSpec;
use crate::run::pipeline::instrument_keys;

/// Folders of a lake that a rebuild reads or writes; downloaded originals and quarantine are not among them.
const PARTS: [&str; 4] = ["raw", "openings", "bars", "features"];
/// What the names of scratch folders begin with.
const PREFIX: &str = ".tmp-audit-";
/// Held by the process that uses the folder: an OS lock ends with its process, whatever ended that.
const LOCK: &str = "lock";

/// A folder beside the lake's data that is gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes an empty folder inside the lake's root, where hard links work; readers of the lake do not look at it. Folders
    /// of processes that were killed are removed first.
    ///
    /// # Errors
    /// Data if there is no lake or it cannot be written to, with the path.
    pub fn create(lake: &Path) -> CommandResult<Self> {
        if !lake.is_dir() {
            return Err(CommandError::text(
                ErrorKind::Data,
                &format!("there is no lake at `{}`", lake.display()),
            )
            .hint("ingest the range first (`quant build-dataset`), or set paths.lake"));
        }
        sweep(lake);
        let pid = std::process::id();
        let mut n = 0_u32;
        loop {
            // Locked before it has its name: nobody takes a folder for a dead one between the two steps.
            let new = lake.join(format!(".tmp-new-audit-{pid}-{n}"));
            let path = lake.join(format!("{PREFIX}{pid}-{n}"));
            let error = |e: io::Error| io_error("create", &path, &e);
            n += 1;
            match fs::create_dir(&new) {
                // Of another machine or container with this number, on the same lake.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && n < 1_000 => continue,
                made => made.map_err(error)?,
            }
            let lock = File::create(new.join(LOCK)).map_err(error)?;
            lock.lock().map_err(error)?;
            if fs::rename(&new, &path).is_ok() {
                return Ok(Self { path, _lock: lock });
            }
            fs::remove_dir_all(&new).map_err(error)?;
            if n >= 1_000 {
                return Err(CommandError::text(
                    ErrorKind::Internal,
                    &format!("cannot create `{}`: the name is taken", path.display()),
                )
                .hint(format!("remove the folders `{PREFIX}*` of the lake")));
            }
        }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes a folder below it.
    ///
    /// # Errors
    /// Data, with the path.
    pub fn clear(&self, name: &str) -> CommandResult<()> {
        let path = self.path.join(name);
        fs::remove_dir_all(&path).map_err(|e| io_error("remove", &path, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only in the way.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Returns the error of a step in the lake: data, as of every command that reads or writes one.
fn io_error(step: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError {
        kind: ErrorKind::Data,
        ..CommandError::io(step, path, error)
    }
}

/// Removes the folders nobody holds. What cannot be looked at or removed stays: it is only in the way.
fn sweep(lake: &Path) {
    let entries = fs::read_dir(lake).into_iter().flatten().flatten();
    for entry in entries {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let is_dead = match File::open(path.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Its owner, or another sweeper, is removing it.
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        if is_dead {
            drop(fs::remove_dir_all(&path));
        }
    }
}

/// Leaves each day of a scratch lake only the source its bars are made from.
///
/// Which source a day has rows of is a fact of the lake, known when its day is over; the audit takes rows away, and must not make
/// the product choose again.
///
/// # Errors
/// Reading errors of the lake; data ones of the file system.
pub fn pin_sources(config: &Config, lake: &Path) -> CommandResult<()> {
    let spec = BarSetSpec::of(&config.raw)?;
    let at = Lake::new(lake);
    for instrument in instrument_keys(config) {
        let sets = StreamSets::open(&at, &instrument, &spec.sources).data_error()?;
        for &dataset in &spec.sources {
            let Some(set) = sets.get(dataset) else {
                continue;
            };
            let is_used = |p: &Partition| sets.choose(&spec.sources, p.date) == Some(dataset);
            let old = set.manifest();
            let used: Vec<&Partition> = old.partitions.iter().filter(|p| is_used(p)).collect();
            if used.len() < old.partitions.len() {
                let mut new = old.clone();
                new.partitions.clear();
                for partition in used {
                    drop(new.insert(partition.clone(), set.spec().interval_us));
                }
                replace(&at.manifest_path(set.spec()), &new)?;
            }
        }
    }
    Ok(())
}

/// Writes another manifest in the place of one, or none if it lists nothing; the file it was linked to stays as it is.
fn replace(path: &Path, manifest: &Manifest) -> CommandResult<()> {
    fs::remove_file(path).map_err(|e| io_error("replace", path, &e))?;
    if manifest.partitions.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(manifest).internal_error()?;
    fs::write(path, text).map_err(|e| io_error("write", path, &e))
}

/// Copies the partitions of a lake. Locks and temporaries stay behind.
///
/// # Errors
/// Data, with the path.
pub fn copy_lake(from: &Path, to: &Path) -> CommandResult<()> {
    copy_parts(from, to, &PARTS)
}

/// Copies the raw partitions only: everything derived is to be built again.
///
/// # Errors
/// Data, with the path.
pub fn copy_raw(from: &Path, to: &Path) -> CommandResult<()> {
    copy_parts(from, to, &PARTS[..1])
}

fn copy_parts(from: &Path, to: &Path, parts: &[&str]) -> CommandResult<()> {
    fs::create_dir_all(to).map_err(|e| io_error("create", to, &e))?;
    for part in parts {
        let source = from.join(part);
        if source.is_dir() {
            copy_tree(&source, &to.join(part))?;
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> CommandResult<()> {
    let at = |step: &'static str, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| io_error(step, &path, &error)
    };
    fs::create_dir_all(to).map_err(at("create", to))?;
    for entry in fs::read_dir(from).map_err(at("list", from))? {
        let entry = entry.map_err(at("list", from))?;
        let (source, name) = (entry.path(), entry.file_name());
        let target = to.join(&name);
        let kind = entry.file_type().map_err(at("look at", &source))?;
        let is_dir = if kind.is_symlink() {
            // Part of a lake may live on another disk.
            fs::metadata(&source)
                .map_err(at("look at", &source))?
                .is_dir()
        } else {
            kind.is_dir()
        };
        if is_dir {
            copy_tree(&source, &target)?;
        } else if is_published(&name.to_string_lossy())
            && (kind.is_symlink() || fs::hard_link(&source, &target).is_err())
        {
            fs::copy(&source, &target).map_err(at("copy", &source))?;
        }
    }
    Ok(())
}

/// Manifests are replaced by renaming and partitions are never written again; everything else is a lock or a leftover.
fn is_published(name: &str) -> bool {
    !name.starts_with('.') && (name == "manifest.json" || name.ends_with(".parquet"))
}

#[cfg(test)]
mod tests;
