//! The one watermark: events arrive in any order, leave in stream order, and what comes too late stays out.
//!
//! Live, replay and rebuild use the same rule: the watermark is the largest event time received so far minus a fixed
//! lag, in arrival order; never a clock. It keeps events and orders them; what they mean is the builder's business.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::market::StreamKey;
use crate::time::UnixMicros;
use crate::units::Micros;

/// An event that waits for its turn.
#[derive(Clone, Debug)]
struct Waiting<T> {
    key: StreamKey,
    /// Number of arrival: equal keys keep their order.
    arrival: u64,
    item: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key, self.arrival).cmp(&(other.key, other.arrival))
    }
}

/// Puts events that arrive out of order into stream order.
///
/// # Causality
/// An event leaves once the watermark has passed its place: nothing earlier can be accepted any more. An event whose own
/// time lies before the watermark when it arrives is late and stays out.
///
/// # Complexity
/// O(log n) per event, n the events within the lag; the memory is kept.
///
/// ```
/// use quant_core::market::{StreamKey, WatermarkMerge};
/// use quant_core::time::UnixMicros;
/// use quant_core::units::Micros;
///
/// let key = |us| StreamKey { ts_avail: UnixMicros(us), rank: 0, seq: 0 };
/// let mut merge = WatermarkMerge::new(Micros(100));
/// for us in [1_000, 950, 1_101, 990] {
///     merge.push(UnixMicros(us), key(us), us);
/// }
/// let mut out = Vec::new();
/// merge.release(|_, us| out.push(us));
/// assert_eq!((out, merge.n_late()), (vec![950, 1_000], 1)); // 990 < 1101 - 100
/// ```
#[derive(Clone, Debug)]
pub struct WatermarkMerge<T> {
    lag: Micros,
    newest: Option<UnixMicros>,
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    n_arrived: u64,
    n_late: u64,
}

impl<T> WatermarkMerge<T> {
    /// Returns a merge whose watermark is `lag` behind the newest event time.
    pub fn new(lag: Micros) -> Self {
        Self {
            lag,
            newest: None,
            waiting: BinaryHeap::with_capacity(4_096),
            n_arrived: 0,
            n_late: 0,
        }
    }

    /// Takes an event of time `ts_event` whose place in the stream is `key`; returns false if it is late.
    pub fn push(&mut self, ts_event: UnixMicros, key: StreamKey, item: T) -> bool {
        let is_late = self.watermark().is_some_and(|w| ts_event < w);
        self.advance(ts_event);
        if is_late {
            self.n_late += 1;
            return false;
        }
        self.n_arrived += 1;
        self.waiting.push(Reverse(Waiting {
            key,
            arrival: self.n_arrived,
            item,
        }));
        true
    }

    /// Learns that the stream is silent up to `ts_event`.
    pub fn advance(&mut self, ts_event: UnixMicros) {
        self.newest = Some(self.newest.map_or(ts_event, |newest| newest.max(ts_event)));
    }

    /// Returns the watermark: nothing before it is accepted any more.
    pub fn watermark(&self) -> Option<UnixMicros> {
        self.newest.map(|newest| newest.plus(-self.lag.0))
    }

    /// Hands out, in stream order, every event whose place lies before the watermark.
    pub fn release(&mut self, mut take: impl FnMut(StreamKey, T)) {
        let Some(watermark) = self.watermark() else {
            return;
        };
        while let Some(Reverse(first)) = self.waiting.peek()
            && first.key.ts_avail < watermark
            && let Some(Reverse(next)) = self.waiting.pop()
        {
            take(next.key, next.item);
        }
    }

    /// Hands out everything: the stream has ended.
    pub fn finish(&mut self, mut take: impl FnMut(StreamKey, T)) {
        while let Some(Reverse(next)) = self.waiting.pop() {
            take(next.key, next.item);
        }
    }

    /// Returns how many events were late.
    pub const fn n_late(&self) -> u64 {
        self.n_late
    }
}
