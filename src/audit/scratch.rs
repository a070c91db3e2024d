//! A scratch copy of a lake: hard links where the file system has them, so that copying costs nothing and changes nothing.
//!
//! Safe because the lake never writes into a file that has its final name: a replacement is another file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{CommandError, CommandResult};

/// Folders of a lake that a rebuild reads or writes; downloaded originals and quarantine are not among them.
const PARTS: [&str; 4] = ["raw", "openings", "bars", "features"];

/// A folder beside the lake's data that is gone when it is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty folder inside the lake's root, where hard links work; readers of the lake do not look at it.
    ///
    /// # Errors
    /// Internal, with the path.
    pub fn create(lake: &Path) -> CommandResult<Self> {
        let path = lake.join(format!(".tmp-audit-{}", std::process::id()));
        let error = |e: io::Error| CommandError::io("create", &path, &e);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(error)?;
        }
        fs::create_dir_all(&path).map_err(error)?;
        Ok(Self(path))
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes a folder below it.
    ///
    /// # Errors
    /// Internal, with the path.
    pub fn clear(&self, name: &str) -> CommandResult<()> {
        let path = self.0.join(name);
        fs::remove_dir_all(&path).map_err(|e| CommandError::io("remove", &path, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only in the way.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Copies the partitions of a lake. Locks and temporaries stay behind.
///
/// # Errors
/// Internal, with the path.
pub fn copy_lake(from: &Path, to: &Path) -> CommandResult<()> {
    for part in PARTS {
        let source = from.join(part);
        if source.is_dir() {
            copy_tree(&source, &to.join(part))?;
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> CommandResult<()> {
    let io_error = |step: &'static str, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| CommandError::io(step, &path, &error)
    };
    fs::create_dir_all(to).map_err(io_error("create", to))?;
    for entry in fs::read_dir(from).map_err(io_error("list", from))? {
        let entry = entry.map_err(io_error("list", from))?;
        let (source, name) = (entry.path(), entry.file_name());
        let target = to.join(&name);
        let kind = entry.file_type().map_err(io_error("look at", &source))?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if is_published(&name.to_string_lossy()) && fs::hard_link(&source, &target).is_err()
        {
            fs::copy(&source, &target).map_err(io_error("copy", &source))?;
        }
    }
    Ok(())
}

/// Manifests are replaced by renaming and partitions are never written again; everything else is a lock or a leftover.
fn is_published(name: &str) -> bool {
    !name.starts_with('.') && (name == "manifest.json" || name.ends_with(".parquet"))
}
