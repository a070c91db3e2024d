//! The price and volume kernel of a minute: what `MinuteBuilder` adds every trade to. It knows no time.

use crate::bars::{BarSource, MinuteRow};
use crate::time::UnixMicros;

/// Running open, high, low, close and volumes of the current minute.
///
/// # Determinism
/// Sums run in event order, starting from 0 each minute: the same trades give the same bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ohlcv {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    quote_volume: f64,
    buy_volume: f64,
    n_trades: u64,
    n_prints: u64,
}

impl Ohlcv {
    /// Returns the kernel of a minute nothing was traded in yet.
    pub const fn empty() -> Self {
        Self {
            open: 0.0,
            high: f64::MIN,
            low: f64::MAX,
            close: 0.0,
            volume: 0.0,
            quote_volume: 0.0,
            buy_volume: 0.0,
            n_trades: 0,
            n_prints: 0,
        }
    }

    /// Adds one print of `n_trades` matches; `is_buy` if the aggressor bought.
    #[inline]
    pub fn add(&mut self, price: f64, qty: f64, is_buy: bool, n_trades: u32) {
        if self.n_prints == 0 {
            self.open = price;
        }
        self.n_prints += 1;
        if price > self.high {
            self.high = price;
        }
        if price < self.low {
            self.low = price;
        }
        self.close = price;
        self.volume += qty;
        self.quote_volume += price * qty;
        // A product with 0 or 1 instead of a branch: the aggressor is close to random.
        self.buy_volume += qty * f64::from(u8::from(is_buy));
        self.n_trades += u64::from(n_trades);
    }

    /// Returns whether nothing was printed.
    pub const fn is_empty(&self) -> bool {
        self.n_prints == 0
    }

    /// Returns how many prints were added.
    pub(crate) const fn n_prints(&self) -> u64 {
        self.n_prints
    }

    /// Returns the last price, if anything was printed.
    pub fn last_price(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.close)
    }

    /// Returns the row of the minute at `ts_open`; an empty one repeats `previous_close`.
    pub fn row(
        &self,
        ts_open: UnixMicros,
        source: BarSource,
        previous_close: Option<f64>,
    ) -> MinuteRow {
        if self.is_empty() {
            return filled_row(ts_open, source, previous_close);
        }
        MinuteRow {
            ts_open,
            open: Some(self.open),
            high: Some(self.high),
            low: Some(self.low),
            close: Some(self.close),
            volume: self.volume,
            quote_volume: Some(self.quote_volume),
            n_trades: Some(self.n_trades),
            buy_volume: Some(self.buy_volume),
            vwap: ratio(self.quote_volume, self.volume),
            bar_source: source,
            is_filled: false,
        }
    }
}

/// Returns the row of a minute without trades: flat at the previous close, every volume 0.
pub(crate) fn filled_row(
    ts_open: UnixMicros,
    source: BarSource,
    previous_close: Option<f64>,
) -> MinuteRow {
    MinuteRow {
        ts_open,
        open: previous_close,
        high: previous_close,
        low: previous_close,
        close: previous_close,
        volume: 0.0,
        quote_volume: Some(0.0),
        n_trades: Some(0),
        buy_volume: Some(0.0),
        vwap: None,
        bar_source: source,
        is_filled: true,
    }
}

/// Returns `numerator / denominator` for a positive denominator and a finite result.
pub(crate) fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    let value = numerator / denominator;
    (denominator > 0.0 && value.is_finite()).then_some(value)
}
