//! Exact sums of trades, and their decimal text.

use crate::market::Side;
use crate::synth::derive::kline::MinuteKline;
use crate::synth::derive::trades::SimAgg;
use crate::synth::event::SimMatch;
use crate::units::Step;

/// What the rows of a file of trades, aggregates or klines add up to.
///
/// # Units
/// Lots, and ticks times lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeSums {
    /// Rows of the file.
    pub rows: u64,
    /// Volume.
    pub lots: i128,
    /// Turnover.
    pub tick_lots: i128,
    /// Volume bought by takers.
    pub buy_lots: i128,
    /// Turnover bought by takers.
    pub buy_tick_lots: i128,
}

impl TradeSums {
    /// Adds a row of one match.
    pub fn add_match(&mut self, m: &SimMatch) {
        self.add_trade(m.price_ticks, m.qty_lots, m.aggressor);
    }

    /// Adds a row of one aggregate.
    pub fn add_agg(&mut self, agg: &SimAgg) {
        self.add_trade(agg.price_ticks, agg.qty_lots, agg.aggressor);
    }

    /// Adds a row of one kline.
    pub fn add_kline(&mut self, kline: &MinuteKline) {
        self.rows += 1;
        self.lots += i128::from(kline.lots);
        self.tick_lots += kline.tick_lots;
        self.buy_lots += i128::from(kline.buy_lots);
        self.buy_tick_lots += kline.buy_tick_lots;
    }

    /// Adds the sums of other rows.
    pub const fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.lots += other.lots;
        self.tick_lots += other.tick_lots;
        self.buy_lots += other.buy_lots;
        self.buy_tick_lots += other.buy_tick_lots;
    }

    fn add_trade(&mut self, price_ticks: i64, qty_lots: i64, aggressor: Side) {
        let turnover = i128::from(price_ticks) * i128::from(qty_lots);
        self.rows += 1;
        self.lots += i128::from(qty_lots);
        self.tick_lots += turnover;
        if aggressor == Side::Buy {
            self.buy_lots += i128::from(qty_lots);
            self.buy_tick_lots += turnover;
        }
    }
}

/// Returns `n` steps as an exact decimal, without trailing zeros. `None` beyond the range of `i128`.
///
/// For a turnover the step is [`Step::product`] of tick and lot.
pub fn decimal_text(n: i128, step: Step) -> Option<String> {
    let unit = step.to_string();
    let (whole, fraction) = unit.split_once('.').unwrap_or((&unit, ""));
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let product = n.checked_mul(mantissa)?;
    let sign = if product < 0 { "-" } else { "" };
    let digits = product.unsigned_abs().to_string();
    let width = fraction.len() + 1;
    let padded = format!("{digits:0>width$}");
    let (whole, fraction) = padded.split_at(padded.len() - fraction.len());
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

/// Returns the `f64` nearest to the exact decimal of `n` steps.
pub fn decimal_value(n: i128, step: Step) -> Option<f64> {
    decimal_text(n, step)?.parse().ok()
}
