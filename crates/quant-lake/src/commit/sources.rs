//! Keeps downloaded originals under `sources/<sha256>`, so that a run can be rebuilt from them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::store::Store;
use super::{CommitError, make_dirs};
use crate::content::hex;
use crate::layout::{Lake, LayoutError};

/// Why an original was not kept.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The hash is not one.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file-system step failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The original changed since it was hashed.
    #[error("`{}` has sha256 {found}, expected {expected}\nhint: the file changed while it was read; ingest it again", path.display())]
    Changed {
        /// The original.
        path: PathBuf,
        /// Hash of its bytes now.
        found: String,
        /// Hash given.
        expected: String,
    },
}

/// Copies an original into the lake under its hash and returns where it lies; does nothing if it is already there.
///
/// # Errors
/// `Changed` if the bytes do not have this hash, else the failing step.
pub fn keep_source(
    lake: &Lake,
    store: &dyn Store,
    original: &Path,
    sha256: &str,
) -> Result<PathBuf, SourceError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let target = lake.source_path(sha256)?;
    let bytes = |p: &Path| std::fs::metadata(p).map(|m| m.len());
    if let (Ok(kept), Ok(given)) = (bytes(&target), bytes(original))
        && kept == given
    {
        return Ok(target);
    }
    let dir = lake.sources_dir();
    make_dirs(store, &dir)?;
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temp = dir.join(format!("{sha256}.tmp-{}-{n}", std::process::id()));
    let published = copy(store, original, &temp, sha256).and_then(|()| {
        store
            .rename(&temp, &target)
            .map_err(|e| io("publish", &target, e))?;
        Ok(store
            .sync_dir(&dir)
            .map_err(|e| io("sync folder", &dir, e))?)
    });
    if published.is_err() {
        drop(store.remove(&temp));
    }
    published.map(|()| target)
}

fn copy(
    store: &dyn Store,
    original: &Path,
    temp: &Path,
    expected: &str,
) -> Result<(), SourceError> {
    let mut input = File::open(original).map_err(|e| io("open", original, e))?;
    let mut output = store.create(temp).map_err(|e| io("create", temp, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = input
            .read(&mut buffer)
            .map_err(|e| io("read", original, e))?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        output
            .write_all(&buffer[..n])
            .map_err(|e| io("write", temp, e))?;
    }
    let found = hex(&hash.finalize());
    if found != expected {
        let (path, expected) = (original.to_owned(), expected.to_owned());
        return Err(SourceError::Changed {
            path,
            found,
            expected,
        });
    }
    output.sync().map_err(|e| io("sync", temp, e))?;
    Ok(())
}

fn io(step: &'static str, path: &Path, source: std::io::Error) -> CommitError {
    CommitError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}
