//! A plain file, hashed while it is read.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Kind;
use super::kind::{classify, read_head};
use crate::content::hex;
use crate::ingest::archive::{ArchiveError, INPUT_BYTES, open_file, read_some};

/// A text file as a stream.
pub(super) struct PlainFile {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl PlainFile {
    pub(super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = open_file(path)?;
        let found = classify(&read_head(&mut file).map_err(io)?);
        if found.is_packed() {
            return Err(ArchiveError::WrongKind {
                path: path.to_owned(),
                expected: Kind::Text,
                found,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut n = 0;
        while n < out.len() {
            let got =
                read_some(&mut self.file, &mut out[n..]).map_err(|source| ArchiveError::Io {
                    path: self.path.clone(),
                    source,
                })?;
            if got == 0 {
                break;
            }
            n += got;
        }
        self.hash.update(&out[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    pub(super) fn finish_hash(mut self) -> Result<(u64, String), ArchiveError> {
        let mut buffer = vec![0; INPUT_BYTES];
        while self.fill(&mut buffer)? > 0 {}
        Ok((self.bytes, hex(&self.hash.finalize())))
    }
}
