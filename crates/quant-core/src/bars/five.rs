//! Coarser bars made of minute rows, 5 minutes by default. It never looks at a bar that is not over.

use serde::{Deserialize, Serialize};

use crate::bars::ohlcv::ratio;
use crate::bars::{BarsError, MinuteRow};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};

/// A bar of N minute rows, half-open `[ts_open, ts_close)`.
///
/// # Units
/// As [`MinuteRow`].
///
/// # Shapes
/// Open, high and low come from the real rows, as on the venues; a bar of filled rows only repeats the previous
/// close. Prices are `None` only before the first price of the history. A volume part is `None` as soon as one row
/// does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarN {
    /// Inclusive start.
    pub ts_open: UnixMicros,
    /// Exclusive end.
    pub ts_close: UnixMicros,
    /// First price.
    pub open: Option<f64>,
    /// Highest price.
    pub high: Option<f64>,
    /// Lowest price.
    pub low: Option<f64>,
    /// Last price.
    pub close: Option<f64>,
    /// Base units traded.
    pub volume: f64,
    /// Quote units traded.
    pub quote_volume: Option<f64>,
    /// Base units bought by aggressors.
    pub buy_volume: Option<f64>,
    /// `quote_volume / volume`; `None` without volume.
    pub vwap: Option<f64>,
    /// Number of trades.
    pub n_trades: Option<u64>,
    /// Minutes that are not filled.
    pub n_valid: u32,
    /// Every minute is filled.
    pub is_filled: bool,
}

impl BarN {
    fn start(ts_open: UnixMicros, ts_close: UnixMicros, row: &MinuteRow) -> Self {
        Self {
            ts_open,
            ts_close,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
            quote_volume: row.quote_volume,
            buy_volume: row.buy_volume,
            vwap: None,
            n_trades: row.n_trades,
            n_valid: u32::from(!row.is_filled),
            is_filled: row.is_filled,
        }
    }

    fn add(&mut self, row: &MinuteRow) {
        self.volume += row.volume;
        self.quote_volume = both(self.quote_volume, row.quote_volume, |a, b| a + b);
        self.buy_volume = both(self.buy_volume, row.buy_volume, |a, b| a + b);
        self.n_trades = both(self.n_trades, row.n_trades, |a, b| a + b);
        if row.is_filled {
            return;
        }
        self.n_valid += 1;
        if self.is_filled {
            // The first real row: what was repeated before it is no price of this bar.
            (self.open, self.high, self.low) = (row.open, row.high, row.low);
            self.is_filled = false;
        } else {
            self.high = both(self.high, row.high, f64::max);
            self.low = both(self.low, row.low, f64::min);
        }
        self.close = row.close;
    }
}

fn both<T>(a: Option<T>, b: Option<T>, f: impl FnOnce(T, T) -> T) -> Option<T> {
    Some(f(a?, b?))
}

/// Turns minute rows into bars of a fixed interval.
///
/// # Causality
/// A bar appears with its last minute row and never before.
#[derive(Clone, Debug)]
pub struct Resampler {
    interval_minutes: u32,
    interval_us: i64,
    bar: Option<BarN>,
    n_rows: u32,
    last_open: Option<UnixMicros>,
    n_incomplete: u64,
    n_ignored: u64,
}

impl Resampler {
    /// Returns a resampler to bars of `interval_minutes`.
    ///
    /// # Errors
    /// `BadInterval` unless the interval divides a day.
    pub fn new(interval_minutes: u32) -> Result<Self, BarsError> {
        if interval_minutes == 0 || 1_440 % interval_minutes != 0 {
            return Err(BarsError::BadInterval {
                minutes: interval_minutes,
            });
        }
        Ok(Self {
            interval_minutes,
            interval_us: i64::from(interval_minutes) * MICROS_PER_MINUTE,
            bar: None,
            n_rows: 0,
            last_open: None,
            n_incomplete: 0,
            n_ignored: 0,
        })
    }

    /// Takes the next minute row and returns the bar it completes.
    ///
    /// An interval with absent rows gives no bar. A row that is not later than the one before is ignored; both are
    /// counted.
    pub fn push(&mut self, row: &MinuteRow) -> Option<BarN> {
        if self.last_open.is_some_and(|last| row.ts_open <= last) {
            self.n_ignored += 1;
            return None;
        }
        self.last_open = Some(row.ts_open);
        let ts_open = row.ts_open.floor_to(self.interval_us);
        match &mut self.bar {
            Some(bar) if bar.ts_open == ts_open => {
                bar.add(row);
                self.n_rows += 1;
            }
            unfinished => {
                if unfinished.is_some() {
                    self.n_incomplete += 1;
                }
                *unfinished = Some(BarN::start(ts_open, ts_open.plus(self.interval_us), row));
                self.n_rows = 1;
            }
        }
        if self.bar.is_none_or(|bar| row.ts_close() < bar.ts_close) {
            return None;
        }
        let mut bar = self.bar.take()?;
        if self.n_rows < self.interval_minutes {
            self.n_incomplete += 1;
            return None;
        }
        bar.vwap = bar.quote_volume.and_then(|q| ratio(q, bar.volume));
        Some(bar)
    }

    /// Returns how many started intervals lacked a row and gave no bar.
    pub const fn n_incomplete(&self) -> u64 {
        self.n_incomplete
    }

    /// Returns how many rows were not later than the one before.
    pub const fn n_ignored(&self) -> u64 {
        self.n_ignored
    }
}
