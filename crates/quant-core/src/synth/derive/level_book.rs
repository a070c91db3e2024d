//! A book in two sorted lists, best price last: cheap where changes are, near the touch.

use crate::market::Side;
use crate::synth::book::SimBook;

/// The resting quantity at every price, `(ticks, lots)`.
///
/// Holds what a [`SimBook`] holds. Changes cost a search and a move of the levels better than theirs, which are few, and
/// the best K levels are a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelBook {
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
}

/// Orders the prices of a side: the better, the larger.
pub(super) const fn rank(side: Side, price_ticks: i64) -> i64 {
    match side {
        Side::Buy => price_ticks,
        Side::Sell => -price_ticks,
    }
}

impl LevelBook {
    /// Returns a copy of a book.
    pub fn from_book(book: &SimBook) -> Self {
        let side = |side| {
            let mut levels: Vec<_> = book.levels(side).collect();
            levels.reverse();
            levels
        };
        Self {
            bids: side(Side::Buy),
            asks: side(Side::Sell),
        }
    }

    /// Sets one level, 0 lots remove it, and returns the lots before.
    pub fn set(&mut self, side: Side, price_ticks: i64, lots: i64) -> i64 {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        let at = rank(side, price_ticks);
        match levels.binary_search_by_key(&at, |(price, _)| rank(side, *price)) {
            Ok(i) if lots == 0 => levels.remove(i).1,
            Ok(i) => core::mem::replace(&mut levels[i].1, lots),
            Err(_) if lots == 0 => 0,
            Err(i) => {
                levels.insert(i, (price_ticks, lots));
                0
            }
        }
    }

    /// Returns the quantity at a price, 0 where nothing rests.
    pub fn qty(&self, side: Side, price_ticks: i64) -> i64 {
        let at = rank(side, price_ticks);
        let levels = self.worst_first(side);
        levels
            .binary_search_by_key(&at, |(price, _)| rank(side, *price))
            .map_or(0, |i| levels[i].1)
    }

    /// Returns the best level of a side.
    pub fn best(&self, side: Side) -> Option<(i64, i64)> {
        self.worst_first(side).last().copied()
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl DoubleEndedIterator<Item = (i64, i64)> + '_ {
        self.worst_first(side).iter().rev().copied()
    }

    /// Returns the levels of a side, best last.
    pub fn worst_first(&self, side: Side) -> &[(i64, i64)] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// Returns the number of levels of a side.
    pub fn depth(&self, side: Side) -> usize {
        self.worst_first(side).len()
    }
}
