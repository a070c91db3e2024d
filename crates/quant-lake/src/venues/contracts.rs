//! What a venue's quantity counts, and how it becomes base units: the one conversion all venues share.
//!
//! Knows no file and no column. The terms come from the instruments table; a quantity in contracts whose worth is
//! unknown has no unit, so it cannot be read by mistake as coins.

pub mod over_time;

use quant_core::market::{Instrument, Market};
use quant_core::units::decimal_product;

/// Unit of the quantities of one instrument at one venue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QtyUnit {
    /// Base units (coins).
    Base,
    /// Contracts of a fixed base quantity.
    Linear {
        /// Base units per contract (`ctVal`), finite and positive.
        ctval: f64,
    },
    /// Contracts of a fixed quote value (coin-margined).
    Inverse {
        /// Quote units (USD) per contract, finite and positive.
        usd: f64,
    },
}

impl QtyUnit {
    /// Returns the unit of a market's quantities; `None` if they are contracts and their worth is unknown.
    ///
    /// Spot, Binance USD-margined and Bybit linear quantities are coins whatever the instruments table says; the others
    /// are contracts and need an entry of the table that is valid at the time of the rows.
    pub fn of(market: Market, instrument: Option<&Instrument>) -> Option<Self> {
        if matches!(market, Market::Spot | Market::Um | Market::Linear) {
            return Some(Self::Base);
        }
        let terms = instrument?;
        let value = terms.contract_value;
        if !(value.is_finite() && value > 0.0) {
            return None;
        }
        match market {
            // The market says how its contracts are settled, except for swaps, which are of both kinds.
            Market::Cm | Market::Inverse => Some(Self::Inverse { usd: value }),
            _ if terms.inverse => Some(Self::Inverse { usd: value }),
            _ => Some(Self::Linear { ctval: value }),
        }
    }

    /// Returns base units for a venue quantity traded at `price` (quote per base, positive; inverse only uses it).
    ///
    /// # Units
    /// ```text
    /// Base     qty
    /// Linear   qty * ctval           the product of the decimals, rounded once: 140.2 * 0.02 is 2.804
    /// Inverse  qty * usd / price     likewise, and whole contracts of whole dollars are exact: this rounds once too
    /// ```
    /// Bit for bit what [`Instrument::base_qty`] returns. The result may be infinite or zero for absurd operands: a parser
    /// must check it.
    #[inline]
    pub fn base(self, qty: f64, price: f64) -> f64 {
        match self {
            Self::Base => qty,
            Self::Linear { ctval } => decimal_product(qty, ctval),
            Self::Inverse { usd } => decimal_product(qty, usd) / price,
        }
    }

    /// Returns quote units for a venue quantity traded at `price`.
    ///
    /// # Units
    /// Inverse contracts are worth `qty * usd` at any price; the others `base * price`.
    #[inline]
    pub fn quote(self, qty: f64, price: f64) -> f64 {
        match self {
            Self::Base | Self::Linear { .. } => self.base(qty, price) * price,
            Self::Inverse { usd } => decimal_product(qty, usd),
        }
    }

    /// Returns what belongs in a column `*_raw`: the quantity as sent where it is not base units, else nothing.
    #[inline]
    pub fn raw(self, qty: f64) -> Option<f64> {
        match self {
            Self::Base => None,
            Self::Linear { .. } | Self::Inverse { .. } => Some(qty),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_shared;
