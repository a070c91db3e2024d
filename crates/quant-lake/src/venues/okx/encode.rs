//! What OKX writes: archive files, REST pages and WebSocket frames, from plain rows.
//!
//! **Quantities of swaps and futures are contracts**, those of spot coins; the coin amount is
//! `size * ctVal * ctMult` and is the caller's business. Pages list rows in the order given (the venue lists newest
//! first). No clock and no simulator: every time is an argument.

pub mod book;
pub mod candles;
pub mod funding;
pub mod history;
pub mod instruments;
pub mod live;
pub mod names;
pub mod rest;
pub mod trades;

use quant_core::market::Side;

use crate::venues::wire::Digits;

/// Kind of instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstType {
    /// Spot.
    Spot,
    /// Perpetual swap.
    Swap,
    /// Dated future.
    Futures,
}

impl InstType {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Spot, Self::Swap, Self::Futures];

    /// Returns the venue's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "SPOT",
            Self::Swap => "SWAP",
            Self::Futures => "FUTURES",
        }
    }

    /// Returns the kind of a venue's word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// An instrument and how its numbers are written: zeros are dropped everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Instrument, `BTC-USDT-SWAP`.
    pub inst_id: String,
    /// Kind.
    pub inst_type: InstType,
    /// Decimals of prices.
    pub price: Digits,
    /// Decimals of quantities.
    pub qty: Digits,
}

impl Terms {
    /// Returns the terms of an instrument.
    pub fn new(inst_id: &str, inst_type: InstType, price_decimals: u8, qty_decimals: u8) -> Self {
        Self {
            inst_id: inst_id.to_owned(),
            inst_type,
            price: Digits::UpTo(price_decimals),
            qty: Digits::UpTo(qty_decimals),
        }
    }

    /// Returns the instrument family: `BTC-USDT` of `BTC-USDT-SWAP` and of `BTC-USDT`.
    pub fn family(&self) -> &str {
        family_of(&self.inst_id)
    }
}

/// Returns the first two parts of an instrument's name.
pub(super) fn family_of(inst_id: &str) -> &str {
    inst_id
        .match_indices('-')
        .nth(1)
        .map_or(inst_id, |(at, _)| &inst_id[..at])
}

/// One trade.
///
/// # Units
/// `ts_ms` milliseconds UTC, `price` quote currency, `qty` contracts on swaps and futures, coins on spot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRow {
    /// Trade id; in an aggregate, that of its last match.
    pub trade_id: i64,
    /// Taker's side.
    pub side: Side,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Time at the matching engine.
    pub ts_ms: i64,
    /// Matches aggregated into this row.
    pub count: u32,
    /// 0 ordinary, 1 against an enhanced-liquidity-programme order.
    pub source: u8,
    /// Sequence of the book message of the same order.
    pub seq_id: i64,
}

/// Returns the venue's word for a side.
pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

#[cfg(test)]
mod tests;
