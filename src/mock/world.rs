//! The simulated world behind the mock exchange: per instrument a tape of minutes, and what REST may ask of it.
//!
//! Minutes are made ahead of the simulated clock by one thread per instrument (`generator`); readers see only what lies at
//! or before the instant they name. Knows no venue, no socket and no wall clock.

pub mod generator;
pub mod kline;
pub mod minute;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::synth::request::split_pair;
use quant_core::market::{Market, Side};
use quant_core::synth::{
    InstrumentParams, LevelChange, SimBook, SimFunding, SimMark, SimMatch, SimMinute, SimPositions,
};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

pub use generator::Feed;
pub use kline::Kline;
pub use minute::{DepthEvent, Minute};

/// The book after some message, as a snapshot shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BookImage {
    /// Resting quantity per price.
    pub book: SimBook,
    /// Id of the last message in it; 0 before the first.
    pub last_id: i64,
    /// Time of the last change; 0 before the first.
    pub ts: UnixMicros,
}

impl BookImage {
    /// Applies changes up to and including `until`, whole messages only.
    pub fn apply_until(&mut self, changes: &[LevelChange], until: UnixMicros) {
        // All levels of a message share its time, so cutting by time never cuts a message.
        for change in changes.iter().take_while(|c| c.ts <= until) {
            self.book.apply(change);
            self.last_id = change.update_id;
            self.ts = change.ts;
        }
    }
}

/// Every instrument of one simulated market.
#[derive(Debug)]
pub struct World {
    instruments: Vec<Arc<Instrument>>,
}

impl World {
    /// Returns a world of these instruments, in this order.
    pub const fn new(instruments: Vec<Arc<Instrument>>) -> Self {
        Self { instruments }
    }

    /// Returns the instruments in the order they were given.
    pub fn instruments(&self) -> &[Arc<Instrument>] {
        &self.instruments
    }

    /// Returns the perpetual of a pair, e.g. `BTC` and `USDT`.
    pub fn perp(&self, base: &str, quote: &str) -> Option<&Arc<Instrument>> {
        self.pair(base, quote, true)
    }

    /// Returns the spot instrument of a pair.
    pub fn spot(&self, base: &str, quote: &str) -> Option<&Arc<Instrument>> {
        self.pair(base, quote, false)
    }

    fn pair(&self, base: &str, quote: &str, is_perp: bool) -> Option<&Arc<Instrument>> {
        self.instruments
            .iter()
            .find(|i| i.is_perp == is_perp && i.base == base && i.quote == quote)
    }

    /// Returns the end of what every instrument has; `i64::MAX` in a world without instruments.
    pub fn generated(&self) -> UnixMicros {
        UnixMicros(
            self.instruments
                .iter()
                .map(|i| i.generated().0)
                .min()
                .unwrap_or(i64::MAX),
        )
    }
}

/// One instrument and its tape.
#[derive(Debug)]
pub struct Instrument {
    /// What it is simulated from.
    pub params: InstrumentParams,
    /// Base currency, e.g. `BTC`.
    pub base: String,
    /// Quote currency, e.g. `USDT`.
    pub quote: String,
    /// A perpetual; otherwise spot.
    pub is_perp: bool,
    /// First instant of the tape.
    pub start: UnixMicros,
    generated: AtomicI64,
    tape: RwLock<Tape>,
}

#[derive(Debug, Default)]
struct Tape {
    minutes: VecDeque<Arc<Minute>>,
    klines: Vec<Kline>,
    positions: Vec<SimPositions>,
    fundings: Vec<SimFunding>,
}

impl Instrument {
    /// Returns an instrument with an empty tape that begins at `start`.
    pub fn new(params: InstrumentParams, start: UnixMicros) -> Self {
        let (base, quote) = split_pair(params.symbol.as_str());
        Self {
            is_perp: params.market != Market::Spot,
            base,
            quote,
            params,
            start,
            generated: AtomicI64::new(start.0),
            tape: RwLock::new(Tape::default()),
        }
    }

    /// Returns the exclusive end of the tape.
    pub fn generated(&self) -> UnixMicros {
        UnixMicros(self.generated.load(Ordering::Acquire))
    }

    /// Returns the price of so many ticks, quote per base.
    pub fn price(&self, ticks: i64) -> f64 {
        self.params.tick_size.value(ticks)
    }

    /// Returns the quantity of so many lots, base units.
    pub fn qty(&self, lots: i64) -> f64 {
        self.params.lot_size.value(lots)
    }

    /// Returns cash of so many ticks times lots, quote units.
    pub fn cash(&self, tick_lots: i128) -> f64 {
        // Beyond 2^53 the sum is rounded once, like any f64 sum.
        tick_lots as f64 * self.price(1) * self.qty(1)
    }

    /// Appends a minute, and drops minutes that end at or before `keep_from`.
    pub(crate) fn push(&self, minute: SimMinute, book_before: BookImage, keep_from: UnixMicros) {
        let end = minute.start.plus(MICROS_PER_MINUTE);
        let mut tape = self.tape.write().unwrap_or_else(PoisonError::into_inner);
        if !minute.truth.is_halted {
            let previous = tape.klines.last().map(|k| k.close);
            let mid = || {
                let best = |side| book_before.book.best(side).map(|(price, _)| price);
                best(Side::Buy).or_else(|| best(Side::Sell))
            };
            if let Some(quiet) = previous.or_else(mid) {
                tape.klines
                    .push(Kline::of(minute.start, &minute.matches, quiet));
            }
        }
        tape.positions.extend(minute.positions);
        tape.fundings.extend(minute.funding);
        tape.minutes
            .push_back(Arc::new(Minute::new(minute, book_before)));
        while tape
            .minutes
            .front()
            .is_some_and(|m| m.end().0 <= keep_from.0)
        {
            tape.minutes.pop_front();
        }
        drop(tape);
        self.generated.store(end.0, Ordering::Release);
    }

    fn read<T>(&self, f: impl FnOnce(&Tape) -> T) -> T {
        f(&self.tape.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the first instant whose events are still kept.
    pub fn oldest(&self) -> UnixMicros {
        self.read(|tape| tape.minutes.front().map_or(self.start, |m| m.sim.start))
    }

    /// Returns the minute that holds `t`, if it is kept.
    pub fn minute_at(&self, t: UnixMicros) -> Option<Arc<Minute>> {
        self.read(|tape| {
            let first = tape.minutes.front()?.sim.start.0;
            let index = (t.0 - first).div_euclid(MICROS_PER_MINUTE);
            usize::try_from(index)
                .ok()
                .and_then(|i| tape.minutes.get(i))
                .map(Arc::clone)
        })
    }

    /// Returns the kept minutes that touch `[from, until)`, ascending.
    pub fn minutes(&self, from: UnixMicros, until: UnixMicros) -> Vec<Arc<Minute>> {
        self.read(|tape| {
            let first = tape.minutes.partition_point(|m| m.end().0 <= from.0);
            tape.minutes
                .range(first..)
                .take_while(|m| m.sim.start < until)
                .map(Arc::clone)
                .collect()
        })
    }

    /// Returns the book with every message up to and including `t`; `None` outside the kept window.
    pub fn book_at(&self, t: UnixMicros) -> Option<BookImage> {
        let minute = self.minute_at(t)?;
        let mut image = minute.book_before.clone();
        image.apply_until(&minute.sim.changes, t);
        Some(image)
    }

    /// Returns the book that a subscriber of `depth(every_ms)` has who got every event up to and including `now`.
    ///
    /// Its `last_id` is the `prev_last_id` of the next event.
    pub fn book_emitted(&self, now: UnixMicros, every_ms: u32) -> Option<BookImage> {
        if every_ms == 0 {
            return self.book_at(now);
        }
        let boundary = now.floor_to(i64::from(every_ms) * 1_000);
        // An interval holds the changes before its end; the instant before the boundary is the last emitted one.
        let last = boundary.plus(-1);
        if last < self.start {
            let minute = self.minute_at(self.start)?;
            return Some(minute.book_before.clone());
        }
        self.book_at(last)
    }

    /// Returns the matches of `[from, until)` that are still kept, ascending.
    pub fn matches(&self, from: UnixMicros, until: UnixMicros) -> Vec<SimMatch> {
        let mut out = Vec::new();
        for minute in self.minutes(from, until) {
            let all = &minute.sim.matches;
            let low = all.partition_point(|m| m.ts < from);
            let high = all.partition_point(|m| m.ts < until);
            out.extend_from_slice(&all[low..high.max(low)]);
        }
        out
    }

    /// Returns the one-minute klines that open in `[from, until)`, as known at `now`; the one being formed is not closed.
    pub fn klines_1m(&self, from: UnixMicros, until: UnixMicros, now: UnixMicros) -> Vec<Kline> {
        let current = now.floor_minute();
        let mut out = self.read(|tape| {
            let low = tape.klines.partition_point(|k| k.ts_open < from);
            let high = tape
                .klines
                .partition_point(|k| k.ts_open < until && k.ts_open <= current);
            tape.klines[low..high.max(low)].to_vec()
        });
        if let Some(last) = out.last_mut()
            && last.ts_open == current
            && let Some(minute) = self.minute_at(now)
        {
            let seen = minute.sim.matches.partition_point(|m| m.ts <= now);
            let quiet = self.read(|tape| {
                let at = tape.klines.partition_point(|k| k.ts_open < current);
                at.checked_sub(1).map(|i| tape.klines[i].close)
            });
            *last = Kline::of(
                current,
                &minute.sim.matches[..seen],
                quiet.unwrap_or(last.open),
            );
            last.is_closed = false;
        }
        out
    }

    /// Returns every position report published at or before `now`.
    pub fn positions(&self, now: UnixMicros) -> Vec<SimPositions> {
        self.read(|tape| {
            let known = tape.positions.iter().filter(|p| p.published_at <= now);
            known.copied().collect()
        })
    }

    /// Returns every funding settled at or before `now`.
    pub fn fundings(&self, now: UnixMicros) -> Vec<SimFunding> {
        self.read(|tape| {
            let known = tape.fundings.iter().filter(|f| f.ts <= now);
            known.copied().collect()
        })
    }

    /// Returns the latest mark price at or before `now`.
    pub fn mark_at(&self, now: UnixMicros) -> Option<SimMark> {
        for back in 0..3 {
            let minute = self.minute_at(now.plus(-back * MICROS_PER_MINUTE))?;
            let seen = minute.sim.marks.partition_point(|m| m.ts <= now);
            if let Some(mark) = minute.sim.marks[..seen].last() {
                return Some(*mark);
            }
        }
        None
    }

    /// Returns the next funding settlement after `now`: every eight hours from midnight.
    pub fn next_funding(&self, now: UnixMicros) -> UnixMicros {
        let period = 8 * 60 * MICROS_PER_MINUTE;
        now.floor_to(period).plus(period)
    }
}

#[cfg(test)]
pub(crate) mod tests;
