//! Book updates at a cadence: the net change of every interval, of the whole book or of its best K levels.

use crate::market::Side;
use crate::synth::book::SimBook;
use crate::synth::derive::level_book::{LevelBook, rank};
use crate::synth::derive::replay::{
    BookConsumer, BookReplay, MessageStamp, first_multiple, push_top,
};
use crate::synth::event::LevelChange;
use crate::time::UnixMicros;

/// What an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// The whole published book: forget what was before.
    Snapshot,
    /// New absolute quantities of some levels.
    Delta,
}

/// One published update, levels `(ticks, lots)`, best first; in a delta 0 lots remove a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookUpdate<'a> {
    /// When it is published: the end of its interval, or its message's time at cadence 0.
    pub ts: UnixMicros,
    /// Time of the last message in it.
    pub message_ts: UnixMicros,
    /// Snapshot or delta.
    pub kind: UpdateKind,
    /// Id of the first message it covers, the one after `prev_last_id`; in a snapshot equal to `last_id`.
    pub first_id: i64,
    /// Id of the last message it covers.
    pub last_id: i64,
    /// `last_id` of the update before.
    pub prev_last_id: i64,
    /// Bids.
    pub bids: &'a [(i64, i64)],
    /// Asks.
    pub asks: &'a [(i64, i64)],
}

#[derive(Clone, Debug)]
struct Head {
    ts: UnixMicros,
    last: MessageStamp,
    kind: UpdateKind,
    first_id: i64,
    prev_last_id: i64,
    start: usize,
    asks: usize,
    end: usize,
}

/// Publishes a book at a cadence.
///
/// An interval whose net change is empty publishes nothing, and the next update covers its ids too; so every delta's
/// `first_id` is `prev_last_id + 1`. With a depth K, the published book is the best K levels: a level that falls out is
/// removed and one that moves in is added, whether or not its quantity changed.
#[derive(Clone, Debug)]
pub struct Conflator {
    every_us: i64,
    depth: Option<usize>,
    due: i64,
    wants_snapshot: bool,
    wants_repeat: bool,
    published_id: Option<i64>,
    bids: Pending,
    asks: Pending,
    heads: Vec<Head>,
    levels: Vec<(i64, i64)>,
}

/// One side between two publications.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// Changed levels: price and the quantity before its change, in order of change.
    touched: Vec<(i64, i64)>,
    /// Rank of the worst level published; `None` if every level is.
    worst: Option<i64>,
}

impl Conflator {
    /// Returns a conflator whose first update is a snapshot.
    ///
    /// `every_us` is the cadence in microseconds, 0 publishes every message; `depth` is K, `None` the whole book.
    pub fn new(every_us: i64, depth: Option<usize>) -> Self {
        Self {
            every_us,
            depth,
            due: i64::MIN,
            wants_snapshot: true,
            wants_repeat: false,
            published_id: None,
            bids: Pending::default(),
            asks: Pending::default(),
            heads: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Returns a conflator whose readers hold the best levels of `book` already: its first update is a delta.
    pub fn following(every_us: i64, depth: Option<usize>, book: &SimBook) -> Self {
        let mut conflator = Self::new(every_us, depth);
        conflator.wants_snapshot = false;
        let worst = |side| {
            let k = depth?;
            let (price, _) = book.levels(side).nth(k.checked_sub(1)?)?;
            Some(rank(side, price))
        };
        conflator.bids.worst = worst(Side::Buy);
        conflator.asks.worst = worst(Side::Sell);
        conflator
    }

    /// Makes the next publication a snapshot, as after a restart of the venue's service.
    pub const fn restart(&mut self) {
        self.wants_snapshot = true;
    }

    /// Shows the book once more, whole, with the next publication: the pending changes come first, so that the snapshot
    /// is the book its readers have built by then. It says nothing new, as the snapshots within a venue's archive.
    pub const fn repeat(&mut self) {
        self.wants_repeat = true;
    }

    /// Returns the updates of the minute replayed last, flushed ones included.
    pub fn updates(&self) -> impl Iterator<Item = BookUpdate<'_>> {
        self.heads.iter().map(|head| BookUpdate {
            ts: head.ts,
            message_ts: head.last.ts,
            kind: head.kind,
            first_id: head.first_id,
            last_id: head.last.update_id,
            prev_last_id: head.prev_last_id,
            bids: &self.levels[head.start..head.asks],
            asks: &self.levels[head.asks..head.end],
        })
    }

    /// Publishes what is pending after a run, stamped `at`: for readers that want a minute's last interval with the
    /// minute itself. A snapshot still wanted waits for its own publication.
    pub fn flush(&mut self, at: UnixMicros, replay: &BookReplay) {
        if let Some(last) = replay.last().filter(|_| !self.wants_snapshot) {
            self.publish(at, replay.book(), last);
        }
    }

    fn publish(&mut self, ts: UnixMicros, book: &LevelBook, last: MessageStamp) {
        if self.wants_snapshot {
            self.publish_one(UpdateKind::Snapshot, ts, book, last);
        } else {
            self.publish_one(UpdateKind::Delta, ts, book, last);
            if self.wants_repeat {
                self.publish_one(UpdateKind::Snapshot, ts, book, last);
            }
        }
        (self.wants_snapshot, self.wants_repeat) = (false, false);
    }

    fn publish_one(
        &mut self,
        kind: UpdateKind,
        ts: UnixMicros,
        book: &LevelBook,
        last: MessageStamp,
    ) {
        let prev_last_id = self.published_id.unwrap_or(last.update_id);
        let start = self.levels.len();
        let first_id = match kind {
            UpdateKind::Snapshot => last.update_id,
            UpdateKind::Delta => prev_last_id + 1,
        };
        let k = self.depth.unwrap_or(usize::MAX);
        for (side, is_buy) in [(Side::Buy, true), (Side::Sell, false)] {
            let pending = if is_buy {
                &mut self.bids
            } else {
                &mut self.asks
            };
            let worst = worst_rank(book, side, self.depth);
            match kind {
                UpdateKind::Snapshot => push_top(book, side, k, &mut self.levels),
                UpdateKind::Delta => {
                    push_changes(book, side, k, worst, pending, &mut self.levels);
                }
            }
            pending.touched.clear();
            pending.worst = worst;
            if is_buy {
                self.heads.push(Head {
                    ts,
                    last,
                    kind,
                    first_id,
                    prev_last_id,
                    start,
                    asks: self.levels.len(),
                    end: 0,
                });
            }
        }
        let end = self.levels.len();
        if kind == UpdateKind::Delta && end == start {
            self.heads.pop();
            return;
        }
        if let Some(head) = self.heads.last_mut() {
            head.end = end;
        }
        self.published_id = Some(last.update_id);
    }
}

/// Returns the rank of the K-th best level, `None` if there are fewer (or no limit).
fn worst_rank(book: &LevelBook, side: Side, depth: Option<usize>) -> Option<i64> {
    let levels = book.worst_first(side);
    let at = levels.len().checked_sub(depth?)?;
    levels.get(at).map(|(price, _)| rank(side, *price))
}

/// Appends the difference between what was published and the best `k` levels now, best first.
fn push_changes(
    book: &LevelBook,
    side: Side,
    k: usize,
    worst: Option<i64>,
    pending: &mut Pending,
    out: &mut Vec<(i64, i64)>,
) {
    let touched = &mut pending.touched;
    if touched.is_empty() {
        return;
    }
    let start = out.len();
    let was_in = |price: i64| pending.worst.is_none_or(|w| rank(side, price) >= w);
    let is_in = |price: i64| worst.is_none_or(|w| rank(side, price) >= w);
    // The sort is stable: of a level that changed twice the first entry, its published quantity, stays.
    touched.sort_by_key(|(price, _)| *price);
    touched.dedup_by_key(|(price, _)| *price);
    for (price, before) in touched.iter().copied() {
        let old = if was_in(price) { before } else { 0 };
        let new = if is_in(price) {
            book.qty(side, price)
        } else {
            0
        };
        if old != new {
            out.push((price, new));
        }
    }
    let is_touched = |price: i64| touched.binary_search_by_key(&price, |(p, _)| *p).is_ok();
    let levels = book.worst_first(side);
    let edge = levels.len().saturating_sub(k);
    // Levels whose quantity is as it was, pushed out by better ones, or moved in after better ones left.
    let (outside, inside) = levels.split_at(edge);
    for (price, _) in outside.iter().rev().take_while(|(price, _)| was_in(*price)) {
        if !is_touched(*price) {
            out.push((*price, 0));
        }
    }
    for (price, lots) in inside.iter().take_while(|(price, _)| !was_in(*price)) {
        if !is_touched(*price) {
            out.push((*price, *lots));
        }
    }
    out[start..].sort_unstable_by_key(|(price, _)| core::cmp::Reverse(rank(side, *price)));
}

impl BookConsumer for Conflator {
    fn begin(&mut self, start: UnixMicros, last: MessageStamp) {
        self.heads.clear();
        self.levels.clear();
        self.published_id.get_or_insert(last.update_id);
        self.due = if self.every_us > 0 {
            first_multiple(self.every_us, start)
        } else {
            i64::MAX
        };
    }

    fn due(&self) -> i64 {
        self.due
    }

    fn look(&mut self, book: &LevelBook, last: MessageStamp, _is_halted: bool) {
        self.publish(UnixMicros(self.due), book, last);
        self.due += self.every_us;
    }

    fn change(&mut self, change: &LevelChange, before: i64) {
        let pending = match change.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        pending.touched.push((change.price_ticks, before));
    }

    fn message_end(&mut self, book: &LevelBook, last: MessageStamp) {
        if self.every_us <= 0 {
            self.publish(last.ts, book, last);
        }
    }
}
