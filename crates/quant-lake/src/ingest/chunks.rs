//! Cuts a byte stream into chunks of whole lines of bounded length.

use memchr::memrchr;

/// Longest line that can be market data: a recorded page of a thousand instruments has 0.8 MB in one line.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// Size of a chunk: small enough for the second-level cache, large enough to amortise a hand-over.
pub const CHUNK_BYTES: usize = 512 * 1024;

/// A line is longer than [`MAX_LINE_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the line that starts at byte {at} is longer than {MAX_LINE_BYTES} bytes\nhint: this is not a file of rows"
)]
pub struct LineTooLong {
    /// Byte of the member or file.
    pub at: u64,
}

/// Splits what a filler function delivers into chunks of whole lines.
#[derive(Debug, Default)]
pub struct LineChunks {
    carry: Vec<u8>,
    offset: u64,
    ended: bool,
}

/// Result of asking for a chunk.
pub type NextChunk<E> = Result<Option<usize>, E>;

impl LineChunks {
    /// Puts the next whole lines at the front of `buffer` (at least [`CHUNK_BYTES`] long after the call, longer only for a
    /// longer line) and returns how many bytes they are; `None` at the end. Only the last chunk may lack its final newline.
    ///
    /// `fill` fills a slice completely unless the stream ends.
    ///
    /// # Errors
    /// `LineTooLong`, or what `fill` reports.
    pub fn next<E: From<LineTooLong>>(
        &mut self,
        buffer: &mut Vec<u8>,
        mut fill: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> NextChunk<E> {
        if self.ended {
            return Ok(None);
        }
        let carried = self.carry.len();
        grow(buffer, CHUNK_BYTES.max(2 * carried));
        buffer[..carried].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut filled = carried;
        let cut = loop {
            let before = filled;
            filled += fill(&mut buffer[before..])?;
            self.ended = filled < buffer.len();
            // What was there before holds no line end.
            let cut = memrchr(b'\n', &buffer[before..filled]).map_or(0, |at| before + at + 1);
            if filled - cut > MAX_LINE_BYTES {
                return Err(LineTooLong {
                    at: self.offset + cut as u64,
                }
                .into());
            }
            if cut > 0 || self.ended {
                break cut;
            }
            grow(buffer, 2 * buffer.len());
        };
        let len = if self.ended { filled } else { cut };
        self.carry.extend_from_slice(&buffer[len..filled]);
        self.offset += len as u64;
        Ok((len > 0).then_some(len))
    }
}

/// Sets the length of a buffer, at most as much as the longest line and a chunk need.
fn grow(buffer: &mut Vec<u8>, len: usize) {
    let len = len.min(MAX_LINE_BYTES + CHUNK_BYTES);
    buffer.reserve_exact(len.saturating_sub(buffer.len()));
    buffer.resize(len, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut at = 0;
        let mut chunks = LineChunks::default();
        let (mut out, mut buffer) = (Vec::new(), Vec::new());
        while let Some(n) = chunks.next(&mut buffer, |slice| {
            let n = slice.len().min(text.len() - at);
            slice[..n].copy_from_slice(&text[at..at + n]);
            at += n;
            Ok::<_, LineTooLong>(n)
        })? {
            out.push(buffer[..n].to_vec());
        }
        Ok(out)
    }

    #[test]
    fn keeps_every_byte_and_cuts_at_line_ends() {
        for total in [
            0,
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES + 7,
        ] {
            let text: Vec<u8> = (0..total)
                .map(|i| if i % 97 == 96 { b'\n' } else { b'x' })
                .collect();
            let chunks = split(&text).unwrap();
            assert_eq!(chunks.concat(), text);
            for chunk in chunks.iter().rev().skip(1) {
                assert_eq!(chunk.last(), Some(&b'\n'));
            }
        }
    }

    #[test]
    fn a_long_line_comes_whole() {
        for total in [
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
            MAX_LINE_BYTES,
        ] {
            let mut text = b"a\n".to_vec();
            text.extend(std::iter::repeat_n(b'x', total - 1));
            text.extend_from_slice(b"\nb\nc");
            let chunks = split(&text).unwrap();
            assert_eq!(chunks.concat(), text, "{total}");
            for chunk in chunks.iter().rev().skip(1) {
                assert_eq!(chunk.last(), Some(&b'\n'));
            }
        }
    }

    #[test]
    fn refuses_endless_lines() {
        let mut text = b"a\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', MAX_LINE_BYTES));
        assert_eq!(split(&text).unwrap().concat(), text);
        text.push(b'x');
        assert_eq!(split(&text), Err(LineTooLong { at: 2 }));
        text.extend(std::iter::repeat_n(b'x', 4 * CHUNK_BYTES));
        assert_eq!(split(&text), Err(LineTooLong { at: 2 }));
    }
}
