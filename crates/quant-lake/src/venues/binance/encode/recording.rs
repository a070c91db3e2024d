//! Raw recordings: gzip of lines `<recv> <json>`, as recorders of live streams leave them.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};

use super::text::push_integer;

/// Fast and with Huffman tables of its own; fixed, since it decides the bytes.
const GZIP_LEVEL: u32 = 2;

/// Unit of the receive stamps: recorders wrote microseconds until 2023, nanoseconds since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// 19 digits.
    Nanos,
    /// 16 digits, truncated.
    Micros,
}

/// How a recording is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingOptions {
    /// Unit of the stamps.
    pub stamp: Stamp,
    /// Added to every receive time: the error of the recorder's clock. Negative enough, frames seem to be received
    /// before they happened.
    pub clock_offset_ns: i64,
    /// A new gzip member begins after so many frames, as after every restart of a recorder; `None` writes one member.
    pub frames_per_member: Option<u64>,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self {
            stamp: Stamp::Nanos,
            clock_offset_ns: 0,
            frames_per_member: None,
        }
    }
}

/// Why a recording cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A frame with a line break inside would be two lines.
    #[error("frame {frame} holds a line break")]
    LineBreak {
        /// 0-based frame.
        frame: u64,
    },
    /// The sink refused bytes.
    #[error("cannot write the recording after frame {frame}")]
    Sink {
        /// Frames written so far.
        frame: u64,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

/// Writes a recording frame by frame into any sink.
///
/// # Determinism
/// No file name and no time of this machine in the gzip headers: same frames, same bytes.
pub struct RecordingWriter<W: Write> {
    options: RecordingOptions,
    member: Member<W>,
    line: Vec<u8>,
    frames: u64,
    in_member: u64,
}

/// The member under construction. `None` only while a member is being replaced, or after that has failed.
type Member<W> = Option<GzEncoder<W>>;

impl<W: Write> core::fmt::Debug for RecordingWriter<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RecordingWriter({} frames)", self.frames)
    }
}

fn member<W: Write>(sink: W) -> GzEncoder<W> {
    GzBuilder::new()
        .mtime(0)
        .write(sink, Compression::new(GZIP_LEVEL))
}

fn closed() -> io::Error {
    io::Error::other("the sink has failed before")
}

impl<W: Write> RecordingWriter<W> {
    /// Begins a recording.
    pub fn new(sink: W, options: RecordingOptions) -> Self {
        Self {
            options,
            member: Some(member(sink)),
            line: Vec::with_capacity(4_096),
            frames: 0,
            in_member: 0,
        }
    }

    /// Appends one frame received at `recv_ns`, nanoseconds UTC.
    ///
    /// # Errors
    /// `LineBreak`, after which nothing was written; `Sink`.
    pub fn push(&mut self, recv_ns: i64, frame: &[u8]) -> Result<(), RecordingError> {
        if memchr::memchr2(b'\n', b'\r', frame).is_some() {
            return Err(RecordingError::LineBreak { frame: self.frames });
        }
        if self.options.frames_per_member == Some(self.in_member) && self.in_member > 0 {
            self.restart().map_err(|e| self.failed(e))?;
        }
        let stamp_ns = recv_ns + self.options.clock_offset_ns;
        self.line.clear();
        push_integer(
            &mut self.line,
            match self.options.stamp {
                Stamp::Nanos => stamp_ns,
                Stamp::Micros => stamp_ns.div_euclid(1_000),
            },
        );
        self.line.push(b' ');
        self.line.extend_from_slice(frame);
        self.line.push(b'\n');
        let written = match &mut self.member {
            Some(gz) => gz.write_all(&self.line),
            None => Err(closed()),
        };
        written.map_err(|e| self.failed(e))?;
        self.frames += 1;
        self.in_member += 1;
        Ok(())
    }

    /// Returns the number of frames so far.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends the recording and returns the sink.
    ///
    /// # Errors
    /// `Sink`.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        let last = self.member.take().ok_or_else(closed);
        last.and_then(GzEncoder::finish).map_err(|e| self.failed(e))
    }

    fn restart(&mut self) -> io::Result<()> {
        let sink = self.member.take().ok_or_else(closed)?.finish()?;
        self.member = Some(member(sink));
        self.in_member = 0;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RecordingError {
        RecordingError::Sink {
            frame: self.frames,
            source,
        }
    }
}
