//! A file read once from front to back in large blocks, hashed on the way.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Cut;
use crate::content::hex;
use crate::ingest::archive::{ArchiveError, INPUT_BYTES, open_file, read_some};

/// The packed bytes of a file.
pub(super) struct Source {
    path: PathBuf,
    file: File,
    bytes: u64,
    hash: Sha256,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    read: u64,
    ended: bool,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io {
            path: path.to_owned(),
            source,
        };
        let file = open_file(path)?;
        let bytes = file.metadata().map_err(io)?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            hash: Sha256::new(),
            buffer: vec![0; INPUT_BYTES],
            at: 0,
            filled: 0,
            read: 0,
            ended: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file, or what was read of it if it has grown since.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.max(self.read)
    }

    /// Bytes that were read and not yet used.
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Marks bytes of [`Self::data`] as used.
    pub(super) fn consume(&mut self, n: usize) {
        self.at += n;
    }

    /// Byte of the file at which [`Self::data`] starts.
    pub(super) fn position(&self) -> u64 {
        self.read - (self.filled - self.at) as u64
    }

    /// Reads more behind [`Self::data`]; false at the end of the file or if the buffer is full.
    pub(super) fn more(&mut self) -> Result<bool, ArchiveError> {
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.filled, 0);
            (self.at, self.filled) = (0, self.filled - self.at);
        }
        if self.ended || self.filled == self.buffer.len() {
            return Ok(false);
        }
        let free = &mut self.buffer[self.filled..];
        let n = read_some(&mut self.file, free).map_err(|source| ArchiveError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.hash.update(&free[..n]);
        self.filled += n;
        self.read += n as u64;
        self.ended = n == 0;
        Ok(n > 0)
    }

    /// Hashes what is left of the file and returns its size and sha256.
    pub(super) fn finish_hash(mut self) -> Result<(u64, String), ArchiveError> {
        self.consume(self.filled - self.at);
        while self.more()? {
            self.consume(self.filled - self.at);
        }
        Ok((self.read, hex(&self.hash.finalize())))
    }

    /// The file ends inside `part`.
    pub(super) fn cut(&self, part: &'static str) -> Cut {
        Cut {
            part,
            at: self.read,
        }
    }

    pub(super) fn corrupt(&self) -> ArchiveError {
        ArchiveError::Corrupt {
            path: self.path.clone(),
            at: self.position(),
        }
    }

    pub(super) fn header(&self, what: &'static str) -> ArchiveError {
        ArchiveError::Header {
            path: self.path.clone(),
            what,
            at: self.position(),
        }
    }

    pub(super) fn garbage(&self, expected: &'static str) -> ArchiveError {
        ArchiveError::TrailingGarbage {
            path: self.path.clone(),
            expected,
            at: self.position(),
        }
    }
}

/// Returns how far a byte counter moved within one buffer.
pub(super) fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}
