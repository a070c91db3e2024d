//! Images of the best K levels at a fixed cadence.

use crate::market::Side;
use crate::synth::derive::level_book::LevelBook;
use crate::synth::derive::replay::{BookConsumer, MessageStamp, first_multiple, push_top};
use crate::time::UnixMicros;

/// The best levels of a book at an instant, best first, `(ticks, lots)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookView<'a> {
    /// Stamp of the image; it shows every message before it.
    pub ts: UnixMicros,
    /// Id of the last message in it.
    pub update_id: i64,
    /// Time of that message.
    pub message_ts: UnixMicros,
    /// Bids.
    pub bids: &'a [(i64, i64)],
    /// Asks.
    pub asks: &'a [(i64, i64)],
}

#[derive(Clone, Debug)]
struct Head {
    ts: i64,
    last: MessageStamp,
    start: usize,
    asks: usize,
    end: usize,
}

/// Takes an image of the best K levels on every multiple of a cadence, also when nothing changed; none in halted minutes.
#[derive(Clone, Debug)]
pub struct SnapshotSampler {
    k: usize,
    every_us: i64,
    due: i64,
    heads: Vec<Head>,
    levels: Vec<(i64, i64)>,
}

impl SnapshotSampler {
    /// Returns a sampler of `k` levels per side every `every_us` microseconds (at least 1).
    pub fn new(k: usize, every_us: i64) -> Self {
        Self {
            k,
            every_us: every_us.max(1),
            due: i64::MIN,
            heads: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Returns the images of the minute replayed last.
    pub fn images(&self) -> impl Iterator<Item = BookView<'_>> {
        self.heads.iter().map(|head| BookView {
            ts: UnixMicros(head.ts),
            update_id: head.last.update_id,
            message_ts: head.last.ts,
            bids: &self.levels[head.start..head.asks],
            asks: &self.levels[head.asks..head.end],
        })
    }
}

impl BookConsumer for SnapshotSampler {
    fn begin(&mut self, start: UnixMicros, _last: MessageStamp) {
        self.heads.clear();
        self.levels.clear();
        self.due = first_multiple(self.every_us, start);
    }

    fn due(&self) -> i64 {
        self.due
    }

    fn look(&mut self, book: &LevelBook, last: MessageStamp, is_halted: bool) {
        if !is_halted {
            let start = self.levels.len();
            push_top(book, Side::Buy, self.k, &mut self.levels);
            let asks = self.levels.len();
            push_top(book, Side::Sell, self.k, &mut self.levels);
            self.heads.push(Head {
                ts: self.due,
                last,
                start,
                asks,
                end: self.levels.len(),
            });
        }
        self.due += self.every_us;
    }
}
