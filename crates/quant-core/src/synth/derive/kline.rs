//! Minute klines of trades, and of mark, index and premium.

use crate::market::Side;
use crate::synth::event::{SimMark, SimMinute};
use crate::time::UnixMicros;

/// A minute of trades in exact integers.
///
/// # Units
/// Prices in ticks, quantities in lots, turnover in ticks times lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteKline {
    /// Inclusive start of the minute.
    pub start: UnixMicros,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Volume.
    pub lots: i64,
    /// Turnover.
    pub tick_lots: i128,
    /// Number of matches.
    pub n_matches: i64,
    /// Volume bought by takers.
    pub buy_lots: i64,
    /// Turnover bought by takers.
    pub buy_tick_lots: i128,
}

/// Makes klines minute by minute and carries the last price over empty ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KlineBuilder {
    last_close: Option<i64>,
}

impl KlineBuilder {
    /// Returns a builder; `last_close` is the last price before the first minute, in ticks, where one is known.
    pub const fn new(last_close: Option<i64>) -> Self {
        Self { last_close }
    }

    /// Returns the last price seen, in ticks.
    pub const fn last_close(&self) -> Option<i64> {
        self.last_close
    }

    /// Returns the kline of the next minute.
    ///
    /// A minute without trades repeats the last close with zero volume. `None` for a minute the venue was halted (the
    /// venue leaves such rows out) and before the first price of all.
    pub fn minute(&mut self, minute: &SimMinute) -> Option<MinuteKline> {
        if minute.truth.is_halted {
            return None;
        }
        let open = minute
            .matches
            .first()
            .map_or(self.last_close, |m| Some(m.price_ticks))?;
        let mut k = MinuteKline {
            start: minute.start,
            open,
            high: open,
            low: open,
            close: open,
            lots: 0,
            tick_lots: 0,
            n_matches: 0,
            buy_lots: 0,
            buy_tick_lots: 0,
        };
        for m in &minute.matches {
            let turnover = i128::from(m.price_ticks) * i128::from(m.qty_lots);
            k.high = k.high.max(m.price_ticks);
            k.low = k.low.min(m.price_ticks);
            k.close = m.price_ticks;
            k.lots += m.qty_lots;
            k.tick_lots += turnover;
            k.n_matches += 1;
            if m.aggressor == Side::Buy {
                k.buy_lots += m.qty_lots;
                k.buy_tick_lots += turnover;
            }
        }
        self.last_close = Some(k.close);
        Some(k)
    }
}

/// A minute of a published reference value.
///
/// # Units
/// Quote per base for mark and index, a fraction for the premium.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceKline {
    /// Inclusive start of the minute.
    pub start: UnixMicros,
    /// First value.
    pub open: f64,
    /// Highest value.
    pub high: f64,
    /// Lowest value.
    pub low: f64,
    /// Last value.
    pub close: f64,
    /// Number of values published in the minute.
    pub n_ticks: i64,
}

/// The three reference klines of one minute of a perpetual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceKlines {
    /// Mark price.
    pub mark: ReferenceKline,
    /// Index price.
    pub index: ReferenceKline,
    /// Premium index, `mark / index - 1`, of every publication.
    pub premium: ReferenceKline,
}

/// Returns the reference klines of a minute; `None` where nothing was published (spot, halts).
pub fn reference_klines(minute: &SimMinute) -> Option<ReferenceKlines> {
    let kline = |value: fn(&SimMark) -> f64| {
        let open = value(minute.marks.first()?);
        let mut k = ReferenceKline {
            start: minute.start,
            open,
            high: open,
            low: open,
            close: open,
            n_ticks: 0,
        };
        for mark in &minute.marks {
            let x = value(mark);
            k.high = k.high.max(x);
            k.low = k.low.min(x);
            k.close = x;
            k.n_ticks += 1;
        }
        Some(k)
    };
    Some(ReferenceKlines {
        mark: kline(|m| m.mark)?,
        index: kline(|m| m.index)?,
        premium: kline(|m| m.mark / m.index - 1.0)?,
    })
}
