//! Reads, parses and hands on one file with one, two or three threads; hashes it to the last byte whatever happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use super::archive::ArchiveError;
use super::chunks::{LineChunks, LineTooLong};
use super::container::Stream;
use super::report::Progress;
use super::unit::FileError;
use crate::venues::rows::{FileTotals, ParseError, Parsed, RowParser};

mod pair;

/// Chunks in flight between two threads.
const QUEUE: usize = 4;

/// Reading went wrong.
enum ReadProblem {
    Archive(ArchiveError),
    Line(LineTooLong),
}

impl From<LineTooLong> for ReadProblem {
    fn from(problem: LineTooLong) -> Self {
        Self::Line(problem)
    }
}

/// A file that was read to its last byte.
pub(super) struct Whole {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// It ended too early, which was accepted: bytes of the broken last line.
    pub(super) dropped: Option<u64>,
}

impl Whole {
    /// Reads and hashes what is left of a file.
    fn of(input: Stream) -> Result<Self, ArchiveError> {
        let dropped = input.truncated().then(|| input.dropped_bytes());
        let (bytes, sha256) = input.finish_hash()?;
        Ok(Self {
            bytes,
            sha256,
            dropped,
        })
    }
}

/// How a file ended.
pub(super) struct Ended {
    /// Reading to the end.
    pub(super) read: Result<(), FileError>,
    /// The file as it is on disk.
    pub(super) whole: Result<Whole, ArchiveError>,
    /// Parsing and handing on.
    pub(super) parsed: Result<FileTotals, FileError>,
}

/// What runs a file.
pub(super) struct Pipeline<'a> {
    /// Threads to use, at least 1.
    pub(super) threads: usize,
    /// Name in messages.
    pub(super) file: &'a str,
    /// Checked between chunks.
    pub(super) stop: &'a AtomicBool,
    /// Told about every chunk.
    pub(super) progress: &'a dyn Progress,
}

type Chunk = (Vec<u8>, usize);

impl Pipeline<'_> {
    /// Runs the file through `parser` into `sink`.
    pub(super) fn run(
        &self,
        input: Stream,
        parser: &mut dyn RowParser,
        sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
    ) -> Ended {
        match self.threads {
            0 | 1 => self.run_inline(input, parser, sink),
            2 => pair::run(self, input, parser, sink),
            _ => std::thread::scope(|scope| {
                let (chunks, recycle, reader) = self.spawn_reader(scope, input);
                let (to_sink, batches) = sync_channel::<Parsed>(QUEUE);
                let parsing = scope.spawn(move || {
                    let mut forward = |parsed| to_sink.send(parsed).map_err(|_| FileError::Stopped);
                    Self::parse_all(parser, &chunks, &recycle, &mut forward)
                });
                let written = batches.iter().try_for_each(sink);
                drop(batches);
                let parsed = match parsing.join() {
                    Ok(parsed) => parsed,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                join(reader, written.and(parsed))
            }),
        }
    }

    fn next_chunk(
        &self,
        input: &mut Stream,
        chunks: &mut LineChunks,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<usize>, FileError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(FileError::Stopped);
        }
        let next = chunks.next(buffer, |out| input.fill(out).map_err(ReadProblem::Archive));
        let n = next.map_err(|problem| match problem {
            ReadProblem::Archive(error) => FileError::Archive(error),
            ReadProblem::Line(error) => FileError::Line {
                file: self.file.to_owned(),
                error,
            },
        })?;
        self.progress.advanced(n.unwrap_or(0) as u64);
        Ok(n)
    }

    fn run_inline(
        &self,
        mut input: Stream,
        parser: &mut dyn RowParser,
        sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
    ) -> Ended {
        let mut chunks = LineChunks::default();
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        let mut read = Ok(());
        let mut parsed = Ok(());
        loop {
            match self.next_chunk(&mut input, &mut chunks, &mut buffer) {
                Ok(Some(n)) => {
                    parsed = feed(parser, &buffer[..n], &mut out, sink);
                    if parsed.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(e) => {
                    read = Err(e);
                    break;
                }
            }
        }
        let parsed = match (&read, parsed) {
            (Ok(()), Ok(())) => end(parser, &mut out, sink),
            (_, Err(e)) => Err(e),
            (Err(_), Ok(())) => Err(FileError::Stopped),
        };
        Ended {
            read,
            whole: Whole::of(input),
            parsed,
        }
    }

    /// Starts the thread that inflates; it ends when the file does, when it fails, or when nobody listens any more.
    fn spawn_reader<'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        mut input: Stream,
    ) -> (
        Receiver<Chunk>,
        std::sync::mpsc::Sender<Vec<u8>>,
        ReaderHandle<'scope>,
    ) {
        let (send, chunks) = sync_channel::<Chunk>(QUEUE);
        let (recycle, used) = channel::<Vec<u8>>();
        let handle = scope.spawn(move || {
            let read = self.read_all(&mut input, &send, &used);
            drop(send);
            (read, Whole::of(input))
        });
        (chunks, recycle, handle)
    }

    fn read_all(
        &self,
        input: &mut Stream,
        send: &SyncSender<Chunk>,
        used: &Receiver<Vec<u8>>,
    ) -> Result<(), FileError> {
        let mut chunks = LineChunks::default();
        loop {
            let mut buffer = used.try_recv().unwrap_or_default();
            let Some(n) = self.next_chunk(input, &mut chunks, &mut buffer)? else {
                return Ok(());
            };
            if send.send((buffer, n)).is_err() {
                // The parser has failed and says why.
                return Ok(());
            }
        }
    }

    fn parse_all(
        parser: &mut dyn RowParser,
        chunks: &Receiver<Chunk>,
        recycle: &std::sync::mpsc::Sender<Vec<u8>>,
        sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
    ) -> Result<FileTotals, FileError> {
        let mut out = Vec::new();
        for (buffer, n) in chunks {
            feed(parser, &buffer[..n], &mut out, sink)?;
            // The reader may be gone already.
            drop(recycle.send(buffer));
        }
        end(parser, &mut out, sink)
    }
}

type ReaderHandle<'scope> =
    std::thread::ScopedJoinHandle<'scope, (Result<(), FileError>, Result<Whole, ArchiveError>)>;

fn join(reader: ReaderHandle<'_>, parsed: Result<FileTotals, FileError>) -> Ended {
    let (read, whole) = match reader.join() {
        Ok(ended) => ended,
        // A panic of the reader must not look like the end of the file.
        Err(panic) => std::panic::resume_unwind(panic),
    };
    Ended {
        read,
        whole,
        parsed,
    }
}

fn feed(
    parser: &mut dyn RowParser,
    lines: &[u8],
    out: &mut Vec<Parsed>,
    sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
) -> Result<(), FileError> {
    parser.feed(lines, out).map_err(from_parse)?;
    out.drain(..).try_for_each(sink)
}

fn end(
    parser: &mut dyn RowParser,
    out: &mut Vec<Parsed>,
    sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
) -> Result<FileTotals, FileError> {
    let totals = parser.finish(out).map_err(from_parse)?;
    out.drain(..).try_for_each(sink)?;
    Ok(totals)
}

fn from_parse(error: ParseError) -> FileError {
    FileError::Parse(error)
}

#[cfg(test)]
mod tests;
