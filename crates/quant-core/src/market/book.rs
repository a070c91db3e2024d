//! A local order book of price levels, and the rules by which each venue's stream keeps one in step.
//!
//! [`LocalBook`] only holds levels; [`BinanceSync`], [`BybitSync`] and [`OkxSync`] only look at ids. The caller owns
//! the messages: it asks the state machine what to do with one, then does it to the book. Ingestion and live
//! trading use the same two halves. Parsing, sockets, times and cadences are elsewhere.

mod binance;
mod bybit;
mod crc;
mod okx;
mod side;
mod sync;
mod top;

pub use binance::{BinanceRule, BinanceSync};
pub use bybit::BybitSync;
pub use crc::Crc32;
pub use okx::{OKX_CHECKSUM_DEPTH, OkxSync, OkxTextBook, okx_checksum};
pub use side::{Applied, Levels};
pub use sync::{BreakKind, BreakReason, Step};
pub use top::{TOP_LEVELS, TopBook};

use self::side::SideLevels;
use super::{BookLevel, Side};

/// Two sides of price levels, as one venue publishes them for one instrument.
///
/// # Units
/// Whatever the caller feeds, the same throughout: usually quote per base and base units.
///
/// # Shapes
/// Prices are correctly rounded decimals, so equal texts are equal floats and prices compare exactly. Prices and
/// quantities must be finite and not negative: parsers refuse others before a level exists. Debug builds assert it;
/// in release builds a NaN leaves the order of its side unspecified, nothing worse.
///
/// # Complexity
/// A change costs a probe of a few levels, at worst a binary search, and moves at most the levels better than it.
/// Nothing is allocated once the deepest state has been seen.
///
/// # Determinism
/// The same calls give the same levels in the same order.
///
/// ```
/// use quant_core::market::book::{Applied, LocalBook};
/// use quant_core::market::{BookLevel, Side};
///
/// let level = |px, qty| BookLevel { px, qty };
/// let mut book = LocalBook::new();
/// book.replace_with([level(99.0, 1.0), level(98.0, 2.0)], [level(101.0, 3.0)]);
/// assert_eq!(book.apply(Side::Buy, 100.0, 5.0), Applied::Inserted);
/// assert_eq!(book.apply(Side::Buy, 99.0, 0.0), Applied::Removed { old: 1.0 });
/// assert_eq!(book.apply(Side::Sell, 102.0, 0.0), Applied::Unknown);
/// assert_eq!(book.best_bid(), Some(level(100.0, 5.0)));
/// assert!(!book.is_crossed());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalBook {
    bids: SideLevels<true>,
    asks: SideLevels<false>,
}

impl LocalBook {
    /// Returns an empty book.
    pub const fn new() -> Self {
        Self {
            bids: SideLevels::new(),
            asks: SideLevels::new(),
        }
    }

    /// Sets the absolute quantity at a price and tells what that did; 0 removes the level.
    ///
    /// Removing a level that is not there is normal: venues send changes of levels below the depth they showed.
    #[inline]
    pub fn apply(&mut self, side: Side, px: f64, qty: f64) -> Applied {
        match side {
            Side::Buy => self.bids.apply(px, qty),
            Side::Sell => self.asks.apply(px, qty),
        }
    }

    /// Sets the absolute quantities of one side's levels in turn, as [`Self::apply`] does with each.
    ///
    /// # Complexity
    /// The search for a price starts at the one before, so levels in order of price, either way, are found in few steps.
    #[inline]
    pub fn apply_all(&mut self, side: Side, levels: impl IntoIterator<Item = BookLevel>) {
        match side {
            Side::Buy => self.bids.apply_all(levels),
            Side::Sell => self.asks.apply_all(levels),
        }
    }

    /// Replaces both sides by those of a snapshot, in whatever order its levels come.
    ///
    /// Levels without quantity are left out; of two levels at one price the later counts.
    ///
    /// # Complexity
    /// Linear where each side is sorted either way, as all venues send it; otherwise a sort that may allocate.
    pub fn replace_with(
        &mut self,
        bids: impl IntoIterator<Item = BookLevel>,
        asks: impl IntoIterator<Item = BookLevel>,
    ) {
        self.bids.replace_with(bids);
        self.asks.replace_with(asks);
    }

    /// Forgets every level and keeps the memory.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Keeps the best `n` levels of each side, for venues that promise `n`; returns how many went.
    pub fn truncate_to(&mut self, n: usize) -> usize {
        self.bids.truncate_to(n) + self.asks.truncate_to(n)
    }

    /// Returns the highest bid.
    #[inline]
    pub fn best_bid(&self) -> Option<BookLevel> {
        self.bids.best()
    }

    /// Returns the lowest ask.
    #[inline]
    pub fn best_ask(&self) -> Option<BookLevel> {
        self.asks.best()
    }

    /// Returns true if the best bid is above the best ask: no venue's book, so the copy is wrong.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.spread().is_some_and(|(bid, ask)| bid > ask)
    }

    /// Returns true if the best bid equals the best ask.
    #[inline]
    #[expect(
        clippy::float_cmp,
        reason = "prices are correctly rounded decimals and compare exactly"
    )]
    pub fn is_locked(&self) -> bool {
        self.spread().is_some_and(|(bid, ask)| bid == ask)
    }

    /// Returns true if neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.bids.len() == 0 && self.asks.len() == 0
    }

    /// Returns the number of levels of a side.
    pub fn n_levels(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// Returns the quantity at a price, if there is a level.
    pub fn qty_at(&self, side: Side, px: f64) -> Option<f64> {
        match side {
            Side::Buy => self.bids.qty_at(px),
            Side::Sell => self.asks.qty_at(px),
        }
    }

    /// Returns the levels of a side, best first.
    #[inline]
    pub fn levels(&self, side: Side) -> Levels<'_> {
        match side {
            Side::Buy => self.bids.iter(),
            Side::Sell => self.asks.iter(),
        }
    }

    fn spread(&self) -> Option<(f64, f64)> {
        Some((self.best_bid()?.px, self.best_ask()?.px))
    }
}

#[cfg(test)]
mod tests;
