//! The thread that keeps an instrument's tape ahead of the clock.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use quant_core::synth::{SimBook, SimMinute};
use quant_core::time::UnixMicros;

use super::{BookImage, Instrument};

/// A market that makes minutes, one after the other.
pub trait Feed: Send {
    /// Returns the book after the minutes made so far.
    fn book(&self) -> SimBook;
    /// Makes the next minute; the first call makes the first minute of the tape.
    fn next_minute(&mut self, out: &mut SimMinute);
}

/// How far the tapes must reach, told to the generators; how far they reach, told to the clock.
#[derive(Debug, Default)]
pub struct Demand {
    wanted: Mutex<i64>,
    more: Condvar,
    keep_from: AtomicI64,
    stop: AtomicBool,
    /// Raised by a generator after every minute.
    pub made: tokio::sync::Notify,
}

impl Demand {
    /// Asks for tapes that reach past `until`, and lets go of minutes that end at or before `keep_from`.
    pub fn want(&self, until: UnixMicros, keep_from: UnixMicros) {
        self.keep_from.store(keep_from.0, Ordering::Relaxed);
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if until.0 > *wanted {
            *wanted = until.0;
            drop(wanted);
            self.more.notify_all();
        }
    }

    /// Ends the generators.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.more.notify_all();
    }

    /// Waits until the tape that reaches `have` is too short; false when the server ends.
    fn wait(&self, have: UnixMicros) -> bool {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        while have.0 > *wanted && !self.stop.load(Ordering::Relaxed) {
            // The timeout covers a stop raised between the check and the wait.
            let waited = self.more.wait_timeout(wanted, Duration::from_millis(200));
            wanted = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Makes minutes as long as there is demand; meant for a thread of its own.
pub fn run(instrument: &Instrument, mut feed: Box<dyn Feed>, demand: &Demand) {
    let mut before = BookImage {
        book: feed.book(),
        last_id: 0,
        ts: instrument.start,
    };
    while demand.wait(instrument.generated()) {
        let mut minute = SimMinute::new();
        feed.next_minute(&mut minute);
        if before.last_id == 0
            && let Some(first) = minute.changes.first()
        {
            // The id space begins with the first message; what came before it is the one before.
            before.last_id = first.update_id - 1;
        }
        let mut after = before.clone();
        after.apply_until(&minute.changes, UnixMicros(i64::MAX));
        let keep = UnixMicros(demand.keep_from.load(Ordering::Relaxed));
        instrument.push(minute, core::mem::replace(&mut before, after), keep);
        demand.made.notify_one();
    }
}

/// Starts the generator of an instrument.
///
/// # Errors
/// When the system refuses a thread.
pub fn spawn(
    instrument: Arc<Instrument>,
    feed: Box<dyn Feed>,
    demand: Arc<Demand>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name(format!("sim-{}", instrument.params.symbol))
        .spawn(move || run(&instrument, feed, &demand))
}
