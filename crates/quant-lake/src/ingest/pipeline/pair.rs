//! Runs a file with exactly two threads: one reads, one writes, and whichever has nothing better to do parses.
//!
//! Inflating, parsing and writing cost about 3 : 2 : 4, so no fixed split keeps both threads busy. Parsing is the work
//! both can do: it has a state (the [`Role`]) that one of them holds at a time, chunk by chunk and in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{
    Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Chunk, Ended, Pipeline, QUEUE, Stream, Whole, end, from_parse, join};
use crate::ingest::chunks::LineChunks;
use crate::ingest::unit::FileError;
use crate::venues::rows::{FileTotals, Parsed, RowParser};

/// What the thread that parses holds.
struct Role<'a> {
    parser: &'a mut dyn RowParser,
    /// Chunks to parse; gone when nobody will parse any more.
    chunks: Option<Receiver<Chunk>>,
    recycle: Sender<Vec<u8>>,
    /// Why the reader could not parse a chunk.
    failed: Option<FileError>,
}

impl Role<'_> {
    fn feed(&mut self, (buffer, n): Chunk, out: &mut Vec<Parsed>) -> Result<(), FileError> {
        self.parser.feed(&buffer[..n], out).map_err(from_parse)?;
        // The reader may be gone already.
        drop(self.recycle.send(buffer));
        Ok(())
    }
}

/// A panic elsewhere is passed on when the threads are joined; until then the state is only used to end.
fn lock<'a, 'r>(role: &'a Mutex<Role<'r>>) -> MutexGuard<'a, Role<'r>> {
    role.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the reader go, which may be waiting for room: also when the writer fails or panics.
struct Close<'a, 'r>(&'a Mutex<Role<'r>>);

impl Drop for Close<'_, '_> {
    fn drop(&mut self) {
        lock(self.0).chunks = None;
    }
}

/// Runs the file through `parser` into `sink`; `sink` runs on the calling thread.
pub(super) fn run(
    pipeline: &Pipeline<'_>,
    mut input: Stream,
    parser: &mut dyn RowParser,
    sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
) -> Ended {
    let (send, chunks) = sync_channel::<Chunk>(QUEUE);
    let (recycle, used) = channel();
    let (to_sink, batches) = channel();
    let backlog = AtomicUsize::new(0);
    let role = Mutex::new(Role {
        parser,
        chunks: Some(chunks),
        recycle,
        failed: None,
    });
    std::thread::scope(|scope| {
        let reader = Reader {
            pipeline,
            role: &role,
            send,
            used,
            to_sink,
            backlog: &backlog,
        };
        let reader = scope.spawn(move || (reader.run(&mut input), Whole::of(input)));
        let close = Close(&role);
        let parsed = write(&role, &batches, &backlog, sink);
        drop(close);
        join(reader, parsed)
    })
}

/// The thread that inflates; it parses when it is too far ahead.
struct Reader<'a, 'r> {
    pipeline: &'a Pipeline<'a>,
    role: &'a Mutex<Role<'r>>,
    send: SyncSender<Chunk>,
    used: Receiver<Vec<u8>>,
    to_sink: Sender<Parsed>,
    /// Batches sent and not yet taken.
    backlog: &'a AtomicUsize,
}

impl Reader<'_, '_> {
    /// Ends when the file does, when reading fails, or when nobody parses any more (who failed says why).
    fn run(self, input: &mut Stream) -> Result<(), FileError> {
        let mut chunks = LineChunks::default();
        let mut out = Vec::new();
        loop {
            let mut buffer = self.used.try_recv().unwrap_or_default();
            let Some(n) = self.pipeline.next_chunk(input, &mut chunks, &mut buffer)? else {
                return Ok(());
            };
            let mut next = (buffer, n);
            loop {
                next = match self.send.try_send(next) {
                    Ok(()) => break,
                    Err(TrySendError::Disconnected(_)) => return Ok(()),
                    Err(TrySendError::Full(chunk)) => chunk,
                };
                // The reader never waits for the role: the writer may hold it while waiting for the reader's chunks.
                // Nor does it parse when the writer is behind: too many batches would only cost memory.
                let behind = self.backlog.load(Ordering::Relaxed) >= QUEUE;
                let role = if behind {
                    None
                } else {
                    self.role.try_lock().ok()
                };
                let Some(role) = role else {
                    // The writer parses now, or will when it has caught up; either makes room. No lock is held here.
                    if self.send.send(next).is_err() {
                        return Ok(());
                    }
                    break;
                };
                if !self.parse_one(role, &mut out) {
                    return Ok(());
                }
            }
        }
    }

    /// Parses the oldest chunk, if the writer has not taken it by now; returns false if the file is refused.
    fn parse_one(&self, mut role: MutexGuard<'_, Role<'_>>, out: &mut Vec<Parsed>) -> bool {
        let Some(Ok(chunk)) = role.chunks.as_ref().map(Receiver::try_recv) else {
            return true;
        };
        if let Err(error) = role.feed(chunk, out) {
            role.failed = Some(error);
            return false;
        }
        // Sent before the role is given up, so that batches arrive in order.
        for parsed in out.drain(..) {
            self.backlog.fetch_add(1, Ordering::Relaxed);
            // A writer that is gone has failed and says why.
            drop(self.to_sink.send(parsed));
        }
        true
    }
}

/// Writes what is parsed; parses when nothing is.
fn write(
    role: &Mutex<Role<'_>>,
    batches: &Receiver<Parsed>,
    backlog: &AtomicUsize,
    sink: &mut dyn FnMut(Parsed) -> Result<(), FileError>,
) -> Result<FileTotals, FileError> {
    let mut out = Vec::new();
    let take = || -> Result<Parsed, TryRecvError> {
        let parsed = batches.try_recv()?;
        backlog.fetch_sub(1, Ordering::Relaxed);
        Ok(parsed)
    };
    loop {
        if let Ok(parsed) = take() {
            sink(parsed)?;
            continue;
        }
        let mut held = lock(role);
        // What the reader has parsed in the meantime comes first.
        if let Ok(parsed) = take() {
            drop(held);
            sink(parsed)?;
            continue;
        }
        if let Some(error) = held.failed.take() {
            return Err(error);
        }
        // Waiting with the role in hand is fine: the reader never waits for it.
        match held.chunks.as_ref().map(Receiver::recv) {
            Some(Ok(chunk)) => held.feed(chunk, &mut out)?,
            _ => return end(&mut *held.parser, &mut out, sink),
        }
        drop(held);
        out.drain(..).try_for_each(&mut *sink)?;
    }
}
