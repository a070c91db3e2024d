//! Holds back an incomplete last line until it is known whether the stream was cut there.

use memchr::memrchr;

use super::Cut;
use crate::ingest::archive::ArchiveError;

/// Bytes decoded at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A look-ahead of one block behind a decoder.
pub(super) struct Tail {
    buffer: Vec<u8>,
    at: usize,
    /// End of the bytes that may be handed on.
    safe: usize,
    filled: usize,
    ended: bool,
    cut: Option<Cut>,
    dropped: u64,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; 2 * BLOCK_BYTES],
            at: 0,
            safe: 0,
            filled: 0,
            ended: false,
            cut: None,
            dropped: 0,
        }
    }

    /// Whether the end was reached and came too early.
    pub(super) fn truncated(&self) -> bool {
        self.cut.is_some() && self.at == self.safe
    }

    /// Bytes of the incomplete last line.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Fills `out` with what `decode` delivers; fewer bytes only at the end.
    pub(super) fn fill(
        &mut self,
        out: &mut [u8],
        mut decode: impl FnMut(&mut [u8]) -> Result<(usize, Option<Cut>), ArchiveError>,
    ) -> Result<usize, ArchiveError> {
        let mut n = 0;
        while n < out.len() {
            if self.at < self.safe {
                let wrote = (self.safe - self.at).min(out.len() - n);
                out[n..n + wrote].copy_from_slice(&self.buffer[self.at..self.at + wrote]);
                (self.at, n) = (self.at + wrote, n + wrote);
                continue;
            }
            if self.ended {
                break;
            }
            // What is held back has no line end and is less than a block.
            self.buffer.copy_within(self.safe..self.filled, 0);
            let held = self.filled - self.safe;
            (self.at, self.safe, self.filled) = (0, 0, held);
            let (got, cut) = decode(&mut self.buffer[held..held + BLOCK_BYTES])?;
            self.filled += got;
            self.ended = got < BLOCK_BYTES;
            self.cut = cut;
            let lines = memrchr(b'\n', &self.buffer[..self.filled]).map(|at| at + 1);
            self.safe = match lines {
                _ if self.ended && cut.is_none() => self.filled,
                Some(end) => end,
                None if self.ended => 0,
                // No line is that long: hand it on, the reader of lines will refuse it.
                None => self.filled,
            };
            if self.ended {
                self.dropped = (self.filled - self.safe) as u64;
            }
        }
        Ok(n)
    }
}
