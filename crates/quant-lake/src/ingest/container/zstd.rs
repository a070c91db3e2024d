//! Zstandard (RFC 8878) as a stream: every frame, a bounded window, nothing in memory but that.

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::Cut;
use super::source::Source;
use crate::ingest::archive::{ArchiveError, Limits};

/// Largest window: what the `zstd` tool grants without being asked.
const WINDOW_LOG: u32 = 27;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a frame, or of the end of the file.
    Between,
    Body,
    /// Inside a frame that carries no data, bytes left.
    Skip(u64),
    Ended,
}

/// What the start of a frame says.
enum Frame {
    Incomplete,
    Data { window: u64, dictionary: bool },
    Skippable(u64),
}

/// The text of a zstd file.
pub(super) struct Zstd {
    source: Source,
    limits: Limits,
    decoder: Decoder<'static>,
    state: State,
    frames: u64,
    inflated: u64,
    cut: Option<Cut>,
}

impl Zstd {
    pub(super) fn new(source: Source, limits: Limits) -> Result<Self, ArchiveError> {
        let decoder = Decoder::new()
            .and_then(|mut decoder| {
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
                Ok(decoder)
            })
            .map_err(|error| ArchiveError::Io {
                path: source.path().to_owned(),
                source: error,
            })?;
        Ok(Self {
            source,
            limits,
            decoder,
            state: State::Between,
            frames: 0,
            inflated: 0,
            cut: None,
        })
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Where the file ends too early, once [`Self::fill`] got there.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    pub(super) fn finish_hash(self) -> Result<(u64, String), ArchiveError> {
        self.source.finish_hash()
    }

    /// Fills `out`; fewer bytes only at the end, which is too early if [`Self::cut`] says so.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut n = 0;
        while n < out.len() && self.cut.is_none() {
            match self.state {
                State::Between => self.frame()?,
                State::Body => n += self.body(&mut out[n..])?,
                State::Skip(left) => self.skip(left)?,
                State::Ended => break,
            }
        }
        Ok(n)
    }

    fn frame(&mut self) -> Result<(), ArchiveError> {
        loop {
            let data = self.source.data();
            if !data.is_empty() && !is_start(data) {
                return Err(if self.frames == 0 {
                    self.source.header("no zstd header")
                } else {
                    self.source.garbage("zstd frame")
                });
            }
            match frame(data) {
                Frame::Incomplete => {}
                Frame::Data {
                    dictionary: true, ..
                } => return Err(self.source.header("zstd frame that needs a dictionary")),
                Frame::Data { window, .. } if window > 1 << WINDOW_LOG => {
                    return Err(ArchiveError::Window {
                        path: self.source.path().to_owned(),
                        bytes: window,
                        limit: 1 << WINDOW_LOG,
                    });
                }
                Frame::Data { .. } => {
                    self.state = State::Body;
                    break;
                }
                Frame::Skippable(bytes) => {
                    self.source.consume(8);
                    self.state = State::Skip(bytes);
                    break;
                }
            }
            if !self.source.more()? {
                if self.source.data().is_empty() && self.frames > 0 {
                    self.state = State::Ended;
                } else {
                    self.cut = Some(self.source.cut("zstd frame header"));
                }
                return Ok(());
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn body(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let at_end = self.source.data().is_empty() && !self.source.more()?;
        let status = self
            .decoder
            .run_on_buffers(self.source.data(), out)
            .map_err(|_| self.source.corrupt())?;
        self.source.consume(status.bytes_read);
        self.inflated += status.bytes_written as u64;
        self.limits
            .check(self.source.path(), self.inflated, self.source.bytes())?;
        if status.remaining == 0 {
            self.state = State::Between;
        } else if status.bytes_read == 0 && status.bytes_written == 0 {
            if !at_end {
                // Input and room, and yet no progress: nothing a sound stream does.
                return Err(self.source.corrupt());
            }
            self.cut = Some(self.source.cut("zstd frame"));
        }
        Ok(status.bytes_written)
    }

    fn skip(&mut self, left: u64) -> Result<(), ArchiveError> {
        if left == 0 {
            self.state = State::Between;
            return Ok(());
        }
        if self.source.data().is_empty() && !self.source.more()? {
            self.cut = Some(self.source.cut("zstd frame"));
            return Ok(());
        }
        let n = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(self.source.data().len());
        self.source.consume(n);
        self.state = State::Skip(left - n as u64);
        Ok(())
    }
}

/// Whether bytes start like a frame, as far as they go.
pub(super) fn is_start(data: &[u8]) -> bool {
    let n = data.len().min(4);
    data[..n] == MAGIC[..n]
        || (matches!(data.first(), Some(0x50..=0x5f)) && data[1..n] == [0x2a, 0x4d, 0x18][..n - 1])
}

/// Reads the start of a frame whose magic is right.
fn frame(data: &[u8]) -> Frame {
    let Some((magic, rest)) = data.split_first_chunk::<4>() else {
        return Frame::Incomplete;
    };
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let field = rest.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    };
    if *magic != MAGIC {
        return number(0, 4).map_or(Frame::Incomplete, Frame::Skippable);
    }
    let Some(&flags) = rest.first() else {
        return Frame::Incomplete;
    };
    let single_segment = flags & 0x20 != 0;
    let dictionary_bytes = [0, 1, 2, 4][usize::from(flags & 3)];
    let at = if single_segment { 1 } else { 2 };
    let Some(dictionary) = number(at, dictionary_bytes) else {
        return Frame::Incomplete;
    };
    let window = if single_segment {
        let (bytes, base) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(flags >> 6)];
        number(at + dictionary_bytes, bytes).map(|n| n.saturating_add(base))
    } else {
        number(1, 1).map(|descriptor| {
            let base = 1_u64 << (10 + (descriptor >> 3));
            base + base / 8 * (descriptor & 7)
        })
    };
    window.map_or(Frame::Incomplete, |window| Frame::Data {
        window,
        dictionary: dictionary != 0,
    })
}
