//! What Hyperliquid answers to `POST /info`: candles, funding, the universe with its contexts, books, from plain rows.
//!
//! Numbers are text with one decimal at least (`"29258.0"`, `"0.98639"`), times are milliseconds, quantities coins. No
//! clock and no simulator: every time is an argument.
//!
//! References: the venue's documents of the `/info` endpoint and a recorded `l2Book`.

use crate::venues::wire::{Digits, Json, WireError};

/// Levels per side of an `l2Book`, at most.
pub const BOOK_LEVELS: usize = 20;
/// Decimals of rates and premiums.
const RATE_DECIMALS: u8 = 10;
/// Decimals of amounts of quote currency.
const MONEY_DECIMALS: u8 = 6;
/// Decimals of a perpetual's price and quantity together, at most.
pub const DECIMALS: u8 = 6;

/// A coin and how its numbers are written: zeros are dropped, but for one decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The venue's name of the perpetual, `BTC`.
    pub coin: String,
    /// Decimals of quantities, `szDecimals`; at most [`DECIMALS`].
    pub qty_decimals: u8,
    /// Largest leverage.
    pub max_leverage: u32,
}

impl Terms {
    /// Returns the largest number of decimals of a price.
    pub const fn price_decimals(&self) -> u8 {
        DECIMALS.saturating_sub(self.qty_decimals)
    }
}

/// One candle.
///
/// # Units
/// `open_ms` milliseconds UTC, `length_ms` milliseconds; prices quote currency, volume coins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandleRow {
    /// Start of the candle.
    pub open_ms: i64,
    /// Length.
    pub length_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume.
    pub volume: f64,
    /// Number of trades.
    pub n_trades: i64,
}

/// One hourly settlement.
///
/// # Units
/// `time_ms` milliseconds UTC; rate and premium fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRow {
    /// Time of the settlement.
    pub time_ms: i64,
    /// Rate of the hour.
    pub rate: f64,
    /// Premium it was made of.
    pub premium: f64,
}

/// What `metaAndAssetCtxs` tells of a coin now.
///
/// # Units
/// Prices quote currency, open interest and base volume coins, notional volume quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContextRow {
    /// Predicted rate of the hour.
    pub funding: f64,
    /// Open interest.
    pub open_interest: f64,
    /// Price a day ago.
    pub prev_day: f64,
    /// Turnover of a day.
    pub day_notional: f64,
    /// Volume of a day.
    pub day_base: f64,
    /// Premium; `None` on a book without both sides.
    pub premium: Option<f64>,
    /// Oracle price.
    pub oracle: f64,
    /// Mark price.
    pub mark: f64,
    /// Middle of the best prices; `None` on a book without both sides.
    pub mid: Option<f64>,
    /// Average prices of selling and of buying an amount at once; `None` on a thin book.
    pub impact: Option<[f64; 2]>,
}

/// One level of a book.
///
/// # Units
/// Price quote currency, quantity coins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookRow {
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Number of orders.
    pub orders: i64,
}

/// Appends a number in quotes, with one decimal at least.
fn decimal(j: &mut Json<'_>, field: &'static str, x: f64, decimals: u8) {
    j.raw("\"").num(field, x, Digits::UpTo(decimals));
    j.with_out(|out| {
        let start = out.iter().rposition(|b| *b == b'"').unwrap_or(0);
        if !out[start..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
    });
    j.raw("\"");
}

/// Appends a number in quotes or `null`.
fn optional(j: &mut Json<'_>, field: &'static str, x: Option<f64>, decimals: u8) {
    match x {
        Some(x) => decimal(j, field, x, decimals),
        None => {
            j.raw("null");
        }
    }
}

/// Appends `candleSnapshot`; `interval` is the venue's word, rows ascend.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all answers.
pub fn push_candles(
    out: &mut Vec<u8>,
    terms: &Terms,
    interval: &str,
    rows: &[CandleRow],
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    let price = terms.price_decimals();
    j.list(rows, |j, row| {
        j.raw("{\"T\":").int(row.open_ms + row.length_ms - 1);
        j.raw(",\"c\":");
        decimal(j, "c", row.close, price);
        j.raw(",\"h\":");
        decimal(j, "h", row.high, price);
        j.raw(",\"i\":").text(interval).raw(",\"l\":");
        decimal(j, "l", row.low, price);
        j.raw(",\"n\":").int(row.n_trades).raw(",\"o\":");
        decimal(j, "o", row.open, price);
        j.raw(",\"s\":").text(&terms.coin);
        j.raw(",\"t\":").int(row.open_ms).raw(",\"v\":");
        decimal(j, "v", row.volume, terms.qty_decimals);
        j.raw("}");
    });
    j.finish()
}

/// Appends `fundingHistory`; rows ascend.
///
/// # Errors
/// As [`push_candles`].
pub fn push_funding(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[FundingRow],
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.list(rows, |j, row| {
        j.raw("{\"coin\":")
            .text(&terms.coin)
            .raw(",\"fundingRate\":");
        decimal(j, "fundingRate", row.rate, RATE_DECIMALS);
        j.raw(",\"premium\":");
        decimal(j, "premium", row.premium, RATE_DECIMALS);
        j.raw(",\"time\":").int(row.time_ms).raw("}");
    });
    j.finish()
}

fn universe<'t>(j: &mut Json<'_>, coins: impl IntoIterator<Item = &'t Terms>) {
    j.raw("{\"universe\":").list(coins, |j, terms| {
        j.raw("{\"name\":").text(&terms.coin);
        j.raw(",\"szDecimals\":").int(i64::from(terms.qty_decimals));
        j.raw(",\"maxLeverage\":")
            .int(i64::from(terms.max_leverage))
            .raw("}");
    });
    j.raw("}");
}

/// Appends `meta`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_meta<'t>(
    out: &mut Vec<u8>,
    coins: impl IntoIterator<Item = &'t Terms>,
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    universe(&mut j, coins);
    j.finish()
}

/// Appends `metaAndAssetCtxs`: the universe, then one context per coin at the same place.
///
/// # Errors
/// As [`push_candles`].
pub fn push_contexts(out: &mut Vec<u8>, coins: &[(&Terms, ContextRow)]) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("[");
    universe(&mut j, coins.iter().map(|(terms, _)| *terms));
    j.raw(",").list(coins, |j, (terms, row)| {
        let price = terms.price_decimals();
        j.raw("{\"funding\":");
        decimal(j, "funding", row.funding, RATE_DECIMALS);
        j.raw(",\"openInterest\":");
        decimal(j, "openInterest", row.open_interest, terms.qty_decimals);
        j.raw(",\"prevDayPx\":");
        decimal(j, "prevDayPx", row.prev_day, price);
        j.raw(",\"dayNtlVlm\":");
        decimal(j, "dayNtlVlm", row.day_notional, MONEY_DECIMALS);
        j.raw(",\"premium\":");
        optional(j, "premium", row.premium, RATE_DECIMALS);
        j.raw(",\"oraclePx\":");
        decimal(j, "oraclePx", row.oracle, price);
        j.raw(",\"markPx\":");
        decimal(j, "markPx", row.mark, price);
        j.raw(",\"midPx\":");
        optional(j, "midPx", row.mid, price);
        j.raw(",\"impactPxs\":");
        match row.impact {
            Some(prices) => {
                j.list(prices, |j, x| decimal(j, "impactPxs", x, price));
            }
            None => {
                j.raw("null");
            }
        }
        j.raw(",\"dayBaseVlm\":");
        decimal(j, "dayBaseVlm", row.day_base, terms.qty_decimals);
        j.raw("}");
    });
    j.raw("]");
    j.finish()
}

/// Appends `l2Book`: bids descend, asks ascend.
///
/// # Errors
/// As [`push_candles`].
pub fn push_book(
    out: &mut Vec<u8>,
    terms: &Terms,
    time_ms: i64,
    sides: [&[BookRow]; 2],
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"coin\":").text(&terms.coin);
    j.raw(",\"time\":").int(time_ms).raw(",\"levels\":");
    j.list(sides, |j, side| {
        j.list(side, |j, level| {
            j.raw("{\"px\":");
            decimal(j, "px", level.price, terms.price_decimals());
            j.raw(",\"sz\":");
            decimal(j, "sz", level.qty, terms.qty_decimals);
            j.raw(",\"n\":").int(level.orders).raw("}");
        });
    });
    j.raw("}");
    j.finish()
}

#[cfg(test)]
mod tests;
