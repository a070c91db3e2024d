//! Gzip (RFC 1952) as a stream: every member, every check, nothing in memory but one block.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Cut;
use super::source::{Source, moved};
use crate::ingest::archive::{ArchiveError, Limits};

/// Longest member header: an extra field of 64 KiB and names of sane length.
const MAX_HEADER_BYTES: usize = 96 * 1024;

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a member, or of the end of the file.
    Between,
    Body,
    Trailer,
    Ended,
}

/// What a header parser says about the bytes so far.
enum Header {
    Incomplete,
    Bytes(usize),
    Bad(&'static str),
}

/// The text of a gzip file.
pub(super) struct Gzip {
    source: Source,
    limits: Limits,
    inflate: Decompress,
    state: State,
    members: u64,
    inflated: u64,
    member_bytes: u64,
    crc: Crc,
    cut: Option<Cut>,
}

impl Gzip {
    pub(super) fn new(source: Source, limits: Limits) -> Self {
        Self {
            source,
            limits,
            inflate: Decompress::new(false),
            state: State::Between,
            members: 0,
            inflated: 0,
            member_bytes: 0,
            crc: Crc::new(),
            cut: None,
        }
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
                State::Between => self.member()?,
                State::Body => n += self.body(&mut out[n..])?,
                State::Trailer => self.trailer()?,
                State::Ended => break,
            }
        }
        Ok(n)
    }

    fn member(&mut self) -> Result<(), ArchiveError> {
        loop {
            let data = self.source.data();
            if !data.is_empty() && !is_start(data) {
                return Err(if self.members == 0 {
                    self.source.header("no gzip header")
                } else {
                    self.source.garbage("gzip member")
                });
            }
            match header(data) {
                Header::Bytes(n) => {
                    self.source.consume(n);
                    break;
                }
                Header::Bad(what) => return Err(self.source.header(what)),
                Header::Incomplete if data.len() >= MAX_HEADER_BYTES => {
                    return Err(self.source.header("endless gzip header"));
                }
                Header::Incomplete => {}
            }
            if !self.source.more()? {
                if self.source.data().is_empty() && self.members > 0 {
                    self.state = State::Ended;
                } else {
                    self.cut = Some(self.source.cut("gzip header"));
                }
                return Ok(());
            }
        }
        if self.members > 0 {
            self.inflate.reset(false);
            self.crc.reset();
        }
        self.members += 1;
        self.member_bytes = 0;
        self.state = State::Body;
        Ok(())
    }

    fn body(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let at_end = self.source.data().is_empty() && !self.source.more()?;
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(self.source.data(), out, FlushDecompress::None)
            .map_err(|_| self.source.corrupt())?;
        let used = moved(before_in, self.inflate.total_in());
        let wrote = moved(before_out, self.inflate.total_out());
        self.source.consume(used);
        self.crc.update(&out[..wrote]);
        self.member_bytes += wrote as u64;
        self.inflated += wrote as u64;
        self.limits
            .check(self.source.path(), self.inflated, self.source.bytes())?;
        if status == Status::StreamEnd {
            self.state = State::Trailer;
        } else if used == 0 && wrote == 0 {
            if !at_end {
                // Input and room, and yet no progress: nothing a sound stream does.
                return Err(self.source.corrupt());
            }
            self.cut = Some(self.source.cut("gzip data"));
        }
        Ok(wrote)
    }

    fn trailer(&mut self) -> Result<(), ArchiveError> {
        while self.source.data().len() < 8 {
            if !self.source.more()? {
                self.cut = Some(self.source.cut("gzip trailer"));
                return Ok(());
            }
        }
        let word = |at: usize| {
            self.source.data()[at..at + 4]
                .iter()
                .rev()
                .fold(0, |word: u32, b| word << 8 | u32::from(*b))
        };
        let (declared_crc, declared) = (word(0), word(4));
        if self.crc.sum() != declared_crc {
            return Err(ArchiveError::Crc {
                path: self.source.path().to_owned(),
                found: self.crc.sum(),
                declared: declared_crc,
            });
        }
        // The trailer holds the size modulo 2^32.
        let found = self.member_bytes & u64::from(u32::MAX);
        if found != u64::from(declared) {
            return Err(ArchiveError::Size {
                path: self.source.path().to_owned(),
                found,
                declared: u64::from(declared),
            });
        }
        self.source.consume(8);
        self.state = State::Between;
        Ok(())
    }
}

/// Whether bytes start like a gzip member, as far as they go.
pub(super) fn is_start(data: &[u8]) -> bool {
    let n = data.len().min(2);
    data[..n] == MAGIC[..n]
}

fn header(data: &[u8]) -> Header {
    if data.get(2).is_some_and(|method| *method != MAGIC[2]) {
        return Header::Bad("gzip with a compression other than deflate");
    }
    let Some(&flags) = data.get(3) else {
        return Header::Incomplete;
    };
    if flags & RESERVED != 0 {
        return Header::Bad("gzip header with reserved flags");
    }
    let mut at = 10;
    if flags & FEXTRA != 0 {
        let Some(len) = data.get(at..at + 2) else {
            return Header::Incomplete;
        };
        at += 2 + usize::from(u16::from_le_bytes([len[0], len[1]]));
    }
    for flag in [FNAME, FCOMMENT] {
        if flags & flag != 0 {
            let end = data.get(at..).and_then(|rest| memchr::memchr(0, rest));
            let Some(end) = end else {
                return Header::Incomplete;
            };
            at += end + 1;
        }
    }
    if flags & FHCRC != 0 {
        let Some(stored) = data.get(at..at + 2) else {
            return Header::Incomplete;
        };
        let mut crc = Crc::new();
        crc.update(&data[..at]);
        if crc.sum() & 0xffff != u32::from(u16::from_le_bytes([stored[0], stored[1]])) {
            return Header::Bad("gzip header with a wrong CRC");
        }
        at += 2;
    }
    if at > MAX_HEADER_BYTES {
        Header::Bad("endless gzip header")
    } else if data.len() < at {
        Header::Incomplete
    } else {
        Header::Bytes(at)
    }
}
