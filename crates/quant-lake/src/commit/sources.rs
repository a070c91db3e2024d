//! Keeps downloaded originals under `sources/<sha256>`, so that a run can be rebuilt from them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::store::Store;
use super::{CommitError, Failpoints, make_dirs};
use crate::content::hex;
use crate::layout::{Lake, LayoutError, is_sha256};

/// Held while an original is copied.
const LOCK_FILE: &str = ".locks/sources.lock";

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
    failpoints: &Failpoints,
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
    // Ingests of other datasets keep originals too: one at a time, so that what lies about is nobody's.
    let _lock = lock(lake)?;
    sweep(store, &dir)?;
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temp = dir.join(format!("{sha256}.tmp-{}-{n}", std::process::id()));
    let published = copy(store, failpoints, original, &temp, sha256).and_then(|()| {
        store
            .rename(&temp, &target)
            .map_err(|e| io("publish", &target, e))?;
        failpoints.reach("source.renamed");
        store
            .sync_dir(&dir)
            .map_err(|e| io("sync folder", &dir, e))?;
        failpoints.reach("source.dir_synced");
        Ok(())
    });
    if published.is_err() {
        drop(store.remove(&temp));
    }
    published.map(|()| target)
}

/// Waits for the other writers of the folder.
fn lock(lake: &Lake) -> Result<File, CommitError> {
    let path = lake.root().join(LOCK_FILE);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|e| io("create folder of", &path, e))?;
    }
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| io("open", &path, e))?;
    file.lock().map_err(|e| io("lock", &path, e))?;
    Ok(file)
}

/// Removes the copies that interrupted ingests left unfinished.
fn sweep(store: &dyn Store, dir: &Path) -> Result<(), CommitError> {
    for entry in std::fs::read_dir(dir).map_err(|e| io("list", dir, e))? {
        let entry = entry.map_err(|e| io("list", dir, e))?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if name
            .split_once(".tmp-")
            .is_some_and(|(sha, _)| is_sha256(sha))
        {
            let path = entry.path();
            store
                .remove(&path)
                .map_err(|e| io("remove stale", &path, e))?;
        }
    }
    Ok(())
}

fn copy(
    store: &dyn Store,
    failpoints: &Failpoints,
    original: &Path,
    temp: &Path,
    expected: &str,
) -> Result<(), SourceError> {
    let mut input = File::open(original).map_err(|e| io("open", original, e))?;
    let mut output = store.create(temp).map_err(|e| io("create", temp, e))?;
    failpoints.reach("source.created");
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
    failpoints.reach("source.written");
    output.sync().map_err(|e| io("sync", temp, e))?;
    failpoints.reach("source.synced");
    Ok(())
}

fn io(step: &'static str, path: &Path, source: std::io::Error) -> CommitError {
    CommitError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}
