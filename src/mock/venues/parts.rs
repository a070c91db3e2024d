//! What the handlers of OKX, Bybit and Deepcoin share: parameters, the best N levels of a book, statistics of 24 hours,
//! bars of mark prices. It knows no venue.

use std::sync::Arc;

use quant_core::synth::{SimBook, SimMark};
use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::wire::WireError;

use crate::mock::top::{Levels, TopN};
use crate::mock::venue::{Frame, FrameKind, Query};
use crate::mock::world::{Instrument, Minute};

/// What every stream of a venue has: what it shows, and the key that faults and counters know it by.
pub(super) struct Head<L> {
    pub(super) listed: Arc<L>,
    pub(super) key: Arc<str>,
}

impl<L> Head<L> {
    /// Returns the frame whose text `push` writes; a number that no venue writes gives none.
    pub(super) fn frame(
        &self,
        ts: UnixMicros,
        kind: FrameKind,
        push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Option<Frame> {
        let mut text = Vec::with_capacity(512);
        push(&mut text).ok()?;
        Some(Frame {
            ts,
            stream: Arc::clone(&self.key),
            kind,
            text: String::from_utf8(text).ok()?,
        })
    }
}

/// A query parameter that is there but no integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotAnInteger {
    pub(super) name: &'static str,
}

/// Returns an integer parameter; an empty value counts as absent.
pub(super) fn int(query: &Query, name: &'static str) -> Result<Option<i64>, NotAnInteger> {
    match query.get(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| NotAnInteger { name }),
    }
}

/// Returns a limit: the default where absent or below 1, at most `max`.
pub(super) fn limit(
    query: &Query,
    name: &'static str,
    usual: usize,
    max: usize,
) -> Result<usize, NotAnInteger> {
    let asked = int(query, name)?.and_then(|n| usize::try_from(n).ok());
    Ok(asked.filter(|n| *n > 0).map_or(usual, |n| n.min(max)))
}

/// Milliseconds of an instant, rounded down.
pub(super) const fn ms(ts: UnixMicros) -> i64 {
    ts.0.div_euclid(1_000)
}

/// The book of one subscription to a venue that publishes the best N levels only.
///
/// It begins with the book of the last interval that was told at the moment of subscribing, and turns each later
/// interval into the changes of the best N.
pub(super) struct Ladder {
    top: TopN,
    book: SimBook,
    every_ms: u32,
    after: UnixMicros,
    last_id: i64,
    last_change: UnixMicros,
}

/// Bids and asks as `(ticks, lots)`, best first.
pub(super) type Sides<'a> = (&'a [(i64, i64)], &'a [(i64, i64)]);

/// What one interval changed among the best N levels.
pub(super) struct Step<'a> {
    /// When it is told.
    pub(super) ts: UnixMicros,
    /// Time of the last change in the interval.
    pub(super) last_change: UnixMicros,
    /// Id of the last message in the interval.
    pub(super) last_id: i64,
    /// Changed bids and asks; 0 lots: the level left the best N.
    pub(super) changes: (Levels, Levels),
    /// The best N bids and asks after it.
    pub(super) levels: Sides<'a>,
}

impl Ladder {
    /// Returns the ladder of a subscription at `now`; `None` outside of the kept tape.
    pub(super) fn start(of: &Instrument, now: UnixMicros, n: usize, every_ms: u32) -> Option<Self> {
        let image = of.book_emitted(now, every_ms)?;
        let mut top = TopN::new(n);
        top.diff(&image.book);
        Some(Self {
            top,
            book: image.book,
            every_ms,
            after: now,
            last_id: image.last_id,
            last_change: image.ts,
        })
    }

    /// Returns the best N bids and asks.
    pub(super) fn levels(&self) -> Sides<'_> {
        self.top.levels()
    }

    /// Returns the id of the last message in the book.
    pub(super) const fn last_id(&self) -> i64 {
        self.last_id
    }

    /// Returns the time of the last change in the book.
    pub(super) const fn last_change(&self) -> UnixMicros {
        self.last_change
    }

    /// Tells every interval of the minute that changed the best N levels.
    pub(super) fn minute(&mut self, minute: &Minute, mut each: impl FnMut(Step<'_>)) {
        use quant_core::market::Side;
        for event in minute.depth(self.every_ms).iter() {
            if event.ts <= self.after {
                continue;
            }
            for (price, lots) in &event.bids {
                self.book.set(Side::Buy, *price, *lots);
            }
            for (price, lots) in &event.asks {
                self.book.set(Side::Sell, *price, *lots);
            }
            self.last_id = event.last_id;
            self.last_change = event.last_change;
            let changes = self.top.diff(&self.book);
            if changes.0.is_empty() && changes.1.is_empty() {
                continue;
            }
            each(Step {
                ts: event.ts,
                last_change: event.last_change,
                last_id: event.last_id,
                changes,
                levels: self.top.levels(),
            });
        }
    }
}

/// Trading of the 24 hours before an instant.
///
/// # Units
/// Prices in ticks, volume in lots, cash in ticks times lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day24 {
    pub(super) open: i64,
    pub(super) high: i64,
    pub(super) low: i64,
    pub(super) last: i64,
    pub(super) hour_ago: i64,
    pub(super) lots: i64,
    pub(super) cash: i128,
}

impl Day24 {
    /// Returns the statistics as known at `now`; `None` before the first kline.
    pub(super) fn at(of: &Instrument, now: UnixMicros) -> Option<Self> {
        let klines = of.klines_1m(now.plus(-MICROS_PER_DAY), now.plus(1), now);
        let (first, last) = (klines.first()?, klines.last()?);
        let hour = now.plus(-60 * MICROS_PER_MINUTE);
        let at = klines.partition_point(|k| k.ts_open < hour);
        Some(Self {
            open: first.open,
            high: klines.iter().map(|k| k.high).max()?,
            low: klines.iter().map(|k| k.low).min()?,
            last: last.close,
            hour_ago: klines.get(at).map_or(first.open, |k| k.open),
            lots: klines.iter().map(|k| k.lots).sum(),
            cash: klines.iter().map(|k| k.cash).sum(),
        })
    }

    /// Adds a later match.
    pub(super) fn add(&mut self, price: i64, lots: i64) {
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.last = price;
        self.lots += lots;
        self.cash += i128::from(price) * i128::from(lots);
    }
}

/// A bar of prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PriceBar {
    pub(super) open_ts: UnixMicros,
    pub(super) open: f64,
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
}

/// Returns bars of a price of the marks known at `now`, ascending; only the kept tape has any.
pub(super) fn mark_bars(
    of: &Instrument,
    (from, until): (UnixMicros, UnixMicros),
    now: UnixMicros,
    open_of: impl Fn(UnixMicros) -> UnixMicros,
    price: impl Fn(&SimMark) -> f64,
) -> Vec<PriceBar> {
    let mut out: Vec<PriceBar> = Vec::new();
    for minute in of.minutes(from, until.min(now.plus(1))) {
        for mark in minute
            .sim
            .marks
            .iter()
            .filter(|m| m.ts >= from && m.ts <= now)
        {
            let (open_ts, value) = (open_of(mark.ts), price(mark));
            match out.last_mut().filter(|bar| bar.open_ts == open_ts) {
                Some(bar) => {
                    bar.high = bar.high.max(value);
                    bar.low = bar.low.min(value);
                    bar.close = value;
                }
                None => out.push(PriceBar {
                    open_ts,
                    open: value,
                    high: value,
                    low: value,
                    close: value,
                }),
            }
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests;
