//! A book of ticks and lots: applied changes in, best prices and levels out.

use std::collections::BTreeMap;

use crate::market::Side;
use crate::synth::event::LevelChange;

/// The resting quantity at every price.
///
/// Consumers keep one of their own, started from the market's book before its first minute and fed with every
/// [`LevelChange`]; it equals the market's book whenever a message has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl SimBook {
    /// Sets one level; a quantity of 0 removes it.
    pub fn set(&mut self, side: Side, price_ticks: i64, qty_lots: i64) {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if qty_lots == 0 {
            levels.remove(&price_ticks);
        } else {
            levels.insert(price_ticks, qty_lots);
        }
    }

    /// Applies one change.
    pub fn apply(&mut self, change: &LevelChange) {
        self.set(change.side, change.price_ticks, change.qty_lots);
    }

    /// Returns the quantity at a price, 0 where nothing rests.
    pub fn qty(&self, side: Side, price_ticks: i64) -> i64 {
        match side {
            Side::Buy => self.bids.get(&price_ticks),
            Side::Sell => self.asks.get(&price_ticks),
        }
        .copied()
        .unwrap_or(0)
    }

    /// Returns the best level of a side as `(ticks, lots)`.
    pub fn best(&self, side: Side) -> Option<(i64, i64)> {
        self.levels(side).next()
    }

    /// Returns the levels of a side as `(ticks, lots)`, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (i64, i64)> + '_ {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.bids.iter().rev()), None),
            Side::Sell => (None, Some(self.asks.iter())),
        };
        bids.into_iter()
            .flatten()
            .chain(asks.into_iter().flatten())
            .map(|(price, qty)| (*price, *qty))
    }

    /// Returns the number of levels of a side.
    pub fn depth(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }
}
