//! The best bid and ask, reduced to what statistics look at.

use serde::{Deserialize, Serialize};

use crate::market::{BookLevel, Quote};
use crate::time::UnixMicros;

/// A valid best bid and ask: both sides there, both sizes positive, bid below ask.
///
/// # Units
/// Prices quote per base, quantities base units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// Best bid price.
    pub bid_px: f64,
    /// Quantity at the best bid.
    pub bid_qty: f64,
    /// Best ask price.
    pub ask_px: f64,
    /// Quantity at the best ask.
    pub ask_qty: f64,
}

impl Touch {
    /// Returns the touch of two levels, or `None` if it is one-sided, empty, locked or crossed.
    #[inline]
    pub fn of(bid: BookLevel, ask: BookLevel) -> Option<Self> {
        let is_valid = bid.qty > 0.0 && ask.qty > 0.0 && bid.px > 0.0 && bid.px < ask.px;
        is_valid.then_some(Self {
            bid_px: bid.px,
            bid_qty: bid.qty,
            ask_px: ask.px,
            ask_qty: ask.qty,
        })
    }

    /// Returns the touch of a quote, or `None` if it is one-sided, empty, locked or crossed.
    #[inline]
    pub fn of_quote(quote: &Quote) -> Option<Self> {
        Self::of(
            BookLevel {
                px: quote.bid_px,
                qty: quote.bid_qty,
            },
            BookLevel {
                px: quote.ask_px,
                qty: quote.ask_qty,
            },
        )
    }

    /// Returns the mean of bid and ask.
    #[inline]
    pub const fn mid(&self) -> f64 {
        f64::midpoint(self.bid_px, self.ask_px)
    }

    /// Returns ask minus bid.
    #[inline]
    pub const fn spread(&self) -> f64 {
        self.ask_px - self.bid_px
    }

    /// Returns the bid's share of the two best sizes.
    #[inline]
    pub const fn imbalance(&self) -> f64 {
        self.bid_qty / (self.bid_qty + self.ask_qty)
    }

    /// Returns the mid weighted with the size of the other side; this is not Stoikov's microprice.
    #[inline]
    pub const fn wmid(&self) -> f64 {
        (self.bid_qty * self.ask_px + self.ask_qty * self.bid_px) / (self.bid_qty + self.ask_qty)
    }
}

/// A touch with the time of the event that last confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TouchAt {
    /// When.
    pub ts: UnixMicros,
    /// What.
    pub touch: Touch,
}
