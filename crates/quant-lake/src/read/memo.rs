//! Checks the hash of a file once per size and modification time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::ReadError;
use crate::content::hex;

/// Hashes of files seen by this process, by path, size and modification time. Share one between threads.
#[derive(Debug, Default)]
pub struct HashMemo {
    known: Mutex<BTreeMap<PathBuf, (u64, SystemTime, String)>>,
}

impl HashMemo {
    /// Opens a file and makes sure that it has this size and hash; the returned handle is the one that was hashed.
    ///
    /// # Errors
    /// `Io`, `Size` or `Hash`.
    pub fn open_checked(&self, path: &Path, bytes: u64, sha256: &str) -> Result<File, ReadError> {
        let io = |step| {
            move |source| ReadError::Io {
                step,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = File::open(path).map_err(io("open"))?;
        let metadata = file.metadata().map_err(io("inspect"))?;
        if metadata.len() != bytes {
            let (path, found) = (path.to_owned(), metadata.len());
            return Err(ReadError::Size {
                path,
                expected: bytes,
                found,
            });
        }
        // Without a modification time nothing is remembered.
        let modified = metadata.modified().ok();
        let known = modified.and_then(|modified| {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .get(path)
                .filter(|(len, time, _)| *len == bytes && *time == modified)
                .map(|(_, _, hash)| hash.clone())
        });
        let found = if let Some(hash) = known {
            hash
        } else {
            let hash = hash_file(&mut file).map_err(io("read"))?;
            file.seek(SeekFrom::Start(0)).map_err(io("read"))?;
            if let Some(modified) = modified {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(path.to_owned(), (bytes, modified, hash.clone()));
            }
            hash
        };
        if found != sha256 {
            let expected = sha256.to_owned();
            return Err(ReadError::Hash {
                path: path.to_owned(),
                expected,
                found,
            });
        }
        Ok(file)
    }
}

/// Returns the sha256 of the rest of a file.
pub(crate) fn hash_file(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}
