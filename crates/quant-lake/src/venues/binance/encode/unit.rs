//! What all JSON of one symbol shares: its names and decimals.

use quant_core::market::{Market, Symbol};

use super::EncodeError;
use super::text::{Decimals, Look};

/// Names and decimals of one symbol.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) market: Market,
    pub(super) symbol: String,
    /// Coin-margined only.
    pub(super) pair: Option<String>,
    /// `,"s":"BTCUSDT"`, with the pair on the coin-margined market.
    pub(super) names: String,
    pub(super) price: Look,
    pub(super) qty: Look,
    /// Price times quantity; coins on the coin-margined market.
    pub(super) quote: Look,
}

impl Unit {
    pub(super) fn new(
        market: Market,
        symbol: &Symbol,
        decimals: Decimals,
    ) -> Result<Self, EncodeError> {
        let symbol = symbol.as_str().to_owned();
        let mut names = format!(r#","s":"{symbol}""#);
        let mut pair = None;
        let (price, qty, quote) = match market {
            Market::Spot => (8, 8, 8),
            Market::Um => (
                decimals.price,
                decimals.qty,
                decimals.price.saturating_add(decimals.qty),
            ),
            Market::Cm => {
                let name = symbol.split('_').next().unwrap_or(&symbol);
                names.push_str(r#","ps":""#);
                names.push_str(name);
                names.push('"');
                pair = Some(name.to_owned());
                (decimals.price, decimals.qty, 8)
            }
            Market::Swap | Market::Linear | Market::Inverse => {
                return Err(EncodeError::NotBinance { market });
            }
        };
        Ok(Self {
            market,
            symbol,
            pair,
            names,
            price: Look::Fixed(price),
            qty: Look::Fixed(qty),
            quote: Look::Fixed(quote),
        })
    }

    pub(super) const fn is_spot(&self) -> bool {
        matches!(self.market, Market::Spot)
    }
}
