//! What Bybit writes: archive files, REST pages and WebSocket frames, from plain rows.
//!
//! Quantities are in the venue's unit: coins on linear and spot, USD contracts on inverse. Pages list rows in the
//! order given (the venue lists newest first). No clock and no simulator: every time is an argument.

pub mod book;
pub mod listing;
pub mod live;
pub mod rest;
pub mod rest_market;
pub mod ticker;
pub mod trades;

use quant_core::market::{Side, Symbol};

use crate::venues::wire::{Digits, Json};

/// The part of the venue a symbol trades on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// USDT and USDC contracts; quantities in coins.
    Linear,
    /// Coin-margined contracts; quantities in USD.
    Inverse,
    /// Spot; quantities in coins.
    Spot,
}

impl Category {
    /// Returns the name used in paths, requests and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Inverse => "inverse",
            Self::Spot => "spot",
        }
    }
}

/// A symbol and how its numbers are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Symbol, `BTCUSDT`.
    pub symbol: Symbol,
    /// Category.
    pub category: Category,
    /// Decimals of prices in books, trades and tickers.
    pub price: Digits,
    /// Decimals of quantities in books, trades and tickers.
    pub qty: Digits,
}

impl Terms {
    /// Returns the terms of a symbol: contracts pad prices and quantities to their decimals (`65114.20`, `0.770`),
    /// spot drops zeros (`65140`, `0.014`).
    pub const fn new(
        symbol: Symbol,
        category: Category,
        price_decimals: u8,
        qty_decimals: u8,
    ) -> Self {
        let (price, qty) = match category {
            Category::Spot => (Digits::UpTo(price_decimals), Digits::UpTo(qty_decimals)),
            Category::Linear | Category::Inverse => {
                (Digits::Fixed(price_decimals), Digits::Fixed(qty_decimals))
            }
        };
        Self {
            symbol,
            category,
            price,
            qty,
        }
    }
}

/// Direction of a trade's price against the trade before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickDirection {
    /// Higher.
    PlusTick,
    /// Equal, and the last change was up.
    ZeroPlusTick,
    /// Lower.
    MinusTick,
    /// Equal, and the last change was down.
    ZeroMinusTick,
}

impl TickDirection {
    /// Returns the venue's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlusTick => "PlusTick",
            Self::ZeroPlusTick => "ZeroPlusTick",
            Self::MinusTick => "MinusTick",
            Self::ZeroMinusTick => "ZeroMinusTick",
        }
    }
}

/// Gives each trade of one symbol its [`TickDirection`], in time order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TickTracker {
    last: Option<f64>,
    down: bool,
}

impl TickTracker {
    /// Takes the next price; the very first one counts as `ZeroPlusTick`.
    pub fn next(&mut self, price: f64) -> TickDirection {
        let order = self.last.and_then(|last| price.partial_cmp(&last));
        self.last = Some(price);
        match order {
            Some(core::cmp::Ordering::Greater) => {
                self.down = false;
                TickDirection::PlusTick
            }
            Some(core::cmp::Ordering::Less) => {
                self.down = true;
                TickDirection::MinusTick
            }
            _ if self.down => TickDirection::ZeroMinusTick,
            _ => TickDirection::ZeroPlusTick,
        }
    }
}

/// One trade.
///
/// # Units
/// `ts_us` microseconds UTC; `price` quote currency; `qty` coins, or USD on inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRow {
    /// Time at the matching engine.
    pub ts_us: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Taker's side.
    pub side: Side,
    /// Direction against the trade before.
    pub tick: TickDirection,
    /// Id of the trade; contracts show it as a UUID made from it, spot as digits.
    pub id: i64,
    /// Cross sequence: several trades of one order share it.
    pub seq: i64,
    /// Block trade.
    pub is_block: bool,
    /// Made against a retail-price-improvement order.
    pub is_rpi: bool,
}

/// Returns the venue's word for a side.
pub(super) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

/// Appends a UUID-shaped match id: a pure function of symbol and id, distinct for distinct ids of a symbol.
pub(super) fn push_match_id(out: &mut Vec<u8>, symbol: &Symbol, id: i64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // FNV-1a over the symbol separates symbols; splitmix64 is a bijection of the id, so no two ids collide.
    let salt = symbol
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
    let low = splitmix64(salt ^ id.cast_unsigned());
    let high = splitmix64(low);
    let mut bytes = [0_u8; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    // RFC 9562: version 5 and variant 10, as the venue's own ids have.
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (i, byte) in bytes.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators", the output function of `SplitMix64`.
const fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Json<'_> {
    /// Appends a trade id as the category shows it, in quotes.
    pub(super) fn trade_id(&mut self, terms: &Terms, id: i64) -> &mut Self {
        match terms.category {
            Category::Spot => self.int_text(id),
            Category::Linear | Category::Inverse => {
                self.raw("\"");
                self.with_out(|out| push_match_id(out, &terms.symbol, id));
                self.raw("\"")
            }
        }
    }
}

#[cfg(test)]
mod tests;
