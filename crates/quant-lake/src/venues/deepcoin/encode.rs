//! What Deepcoin answers: REST pages, from plain rows.
//!
//! **Quantities of swaps are contracts** (the page's documentation calls candle volume base volume, its example is
//! contracts). Envelope `{"code":"0","msg":"","data":..}`. Pages list rows in the order given (the venue lists newest
//! first). No clock and no simulator: every time is an argument.

pub mod history;
pub mod rest;

use quant_core::market::Side;

use crate::venues::wire::{Digits, Json, WireError};

/// Product group, as `trades` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductGroup {
    /// Spot.
    Spot,
    /// Coin-margined swaps.
    Swap,
    /// USDT-margined swaps.
    SwapU,
}

impl ProductGroup {
    /// Returns the venue's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "Spot",
            Self::Swap => "Swap",
            Self::SwapU => "SwapU",
        }
    }
}

/// An instrument and how its numbers are written: zeros are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Instrument, `BTC-USDT-SWAP`.
    pub inst_id: String,
    /// Group.
    pub group: ProductGroup,
    /// Decimals of prices.
    pub price: Digits,
    /// Decimals of quantities.
    pub qty: Digits,
}

impl Terms {
    /// Returns the terms of an instrument.
    pub fn new(inst_id: &str, group: ProductGroup, price_decimals: u8, qty_decimals: u8) -> Self {
        Self {
            inst_id: inst_id.to_owned(),
            group,
            price: Digits::UpTo(price_decimals),
            qty: Digits::UpTo(qty_decimals),
        }
    }
}

/// One trade.
///
/// # Units
/// `ts_ms` milliseconds UTC, `price` quote currency, `qty` contracts on swaps, coins on spot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRow {
    /// Trade id.
    pub trade_id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Taker's side.
    pub side: Side,
    /// Time.
    pub ts_ms: i64,
}

/// One candle.
///
/// # Units
/// `open_ms` milliseconds UTC; prices and turnover quote currency; volume contracts on swaps, coins on spot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandleRow {
    /// Start of the candle.
    pub open_ms: i64,
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
    /// Turnover.
    pub turnover: f64,
}

fn page(out: &mut Vec<u8>, data: impl FnOnce(&mut Json<'_>)) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"msg\":\"\",\"data\":");
    data(&mut j);
    j.raw("}");
    j.finish()
}

#[cfg(test)]
mod tests;
