//! One minute of one instrument: its events, the book before it, and depth events conflated on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use quant_core::market::Side;
use quant_core::synth::{LevelChange, SimMinute};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

use super::BookImage;
use crate::mock::top::Levels;

/// Depth events per interval, shared by every socket that asks for the same one.
type DepthCache = Mutex<BTreeMap<u32, Arc<[DepthEvent]>>>;

/// One minute of the tape.
#[derive(Debug)]
pub struct Minute {
    /// Everything that happened.
    pub sim: SimMinute,
    /// The book before the first change of the minute.
    pub book_before: BookImage,
    depth: DepthCache,
}

/// Level changes of one interval, as one message of a diff stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthEvent {
    /// When it is sent: the end of the interval, or the change itself without conflation.
    pub ts: UnixMicros,
    /// Time of the last change in it.
    pub last_change: UnixMicros,
    /// First message id in it.
    pub first_id: i64,
    /// Last message id in it.
    pub last_id: i64,
    /// Last message id of the event before.
    pub prev_last_id: i64,
    /// Changed bids as `(ticks, lots)`, best first; 0 lots removes.
    pub bids: Levels,
    /// Changed asks as `(ticks, lots)`, best first; 0 lots removes.
    pub asks: Levels,
}

impl Minute {
    /// Returns a minute.
    pub const fn new(sim: SimMinute, book_before: BookImage) -> Self {
        Self {
            sim,
            book_before,
            depth: Mutex::new(BTreeMap::new()),
        }
    }

    /// Returns the exclusive end.
    pub const fn end(&self) -> UnixMicros {
        self.sim.start.plus(MICROS_PER_MINUTE)
    }

    /// Returns the depth events of intervals of `every_ms`, which must divide a minute; 0 gives one event per message.
    ///
    /// An interval without changes has no event.
    pub fn depth(&self, every_ms: u32) -> Arc<[DepthEvent]> {
        let mut cache = self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        let events = cache
            .entry(every_ms)
            .or_insert_with(|| conflate(&self.sim.changes, self.book_before.last_id, every_ms));
        Arc::clone(events)
    }
}

fn conflate(changes: &[LevelChange], mut prev: i64, every_ms: u32) -> Arc<[DepthEvent]> {
    let step = i64::from(every_ms) * 1_000;
    let same = |a: &LevelChange, b: &LevelChange| match every_ms {
        0 => a.update_id == b.update_id,
        _ => a.ts.floor_to(step) == b.ts.floor_to(step),
    };
    let mut out = Vec::new();
    for group in changes.chunk_by(same) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let (bids, asks) = final_levels(group);
        out.push(DepthEvent {
            ts: match every_ms {
                0 => last.ts,
                _ => last.ts.floor_to(step).plus(step),
            },
            last_change: last.ts,
            first_id: first.update_id,
            last_id: last.update_id,
            prev_last_id: prev,
            bids,
            asks,
        });
        prev = last.update_id;
    }
    out.into()
}

/// Returns the last quantity of each level that changed, best first.
fn final_levels(group: &[LevelChange]) -> (Levels, Levels) {
    let (mut bids, mut asks) = (Levels::new(), Levels::new());
    for change in group {
        match change.side {
            Side::Buy => bids.push((change.price_ticks, change.qty_lots)),
            Side::Sell => asks.push((change.price_ticks, change.qty_lots)),
        }
    }
    // A stable sort keeps the order in time of equal prices: the last one stands.
    bids.sort_by_key(|(price, _)| core::cmp::Reverse(*price));
    asks.sort_by_key(|(price, _)| *price);
    keep_last(&mut bids);
    keep_last(&mut asks);
    (bids, asks)
}

fn keep_last(levels: &mut Levels) {
    levels.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 = later.1;
        }
        same
    });
}
