//! The first levels of both sides of a book, copied out so that two states can be compared.

use crate::market::book::LocalBook;
use crate::market::{BookLevel, BookSnapshot, Side, Touch};

/// Levels per side that statistics look at.
pub const TOP_LEVELS: usize = 10;

/// The best [`TOP_LEVELS`] levels of each side.
///
/// # Shapes
/// Levels beyond the length of a side are stale memory: use [`TopBook::bids`] and [`TopBook::asks`].
#[derive(Clone, Copy, Debug)]
pub struct TopBook {
    bids: [BookLevel; TOP_LEVELS],
    asks: [BookLevel; TOP_LEVELS],
    n_bids: usize,
    n_asks: usize,
}

impl PartialEq for TopBook {
    fn eq(&self, other: &Self) -> bool {
        self.bids() == other.bids() && self.asks() == other.asks()
    }
}

impl TopBook {
    /// Returns a book without levels.
    pub const fn empty() -> Self {
        let none = BookLevel { px: 0.0, qty: 0.0 };
        Self {
            bids: [none; TOP_LEVELS],
            asks: [none; TOP_LEVELS],
            n_bids: 0,
            n_asks: 0,
        }
    }

    /// Takes over the first levels of a local book.
    #[inline]
    pub fn read(&mut self, book: &LocalBook) {
        self.n_bids = copy(&mut self.bids, book.levels(Side::Buy));
        self.n_asks = copy(&mut self.asks, book.levels(Side::Sell));
    }

    /// Takes over the first levels of an image; levels without quantity are left out.
    pub fn read_image(&mut self, image: &BookSnapshot) {
        self.n_bids = copy(&mut self.bids, filled(&image.bids));
        self.n_asks = copy(&mut self.asks, filled(&image.asks));
    }

    /// Returns the bids, best first.
    #[inline]
    pub fn bids(&self) -> &[BookLevel] {
        &self.bids[..self.n_bids]
    }

    /// Returns the asks, best first.
    #[inline]
    pub fn asks(&self) -> &[BookLevel] {
        &self.asks[..self.n_asks]
    }

    /// Returns whether a side shows every level that statistics look at, so that worse ones may exist unseen.
    #[inline]
    pub const fn is_full(&self, side: Side) -> bool {
        TOP_LEVELS
            == match side {
                Side::Buy => self.n_bids,
                Side::Sell => self.n_asks,
            }
    }

    /// Returns whether both sides start with the same level as those of `other`, or are empty as there.
    #[inline]
    pub fn has_same_best(&self, other: &Self) -> bool {
        self.bids().first() == other.bids().first() && self.asks().first() == other.asks().first()
    }

    /// Returns the best levels as a valid touch.
    #[inline]
    pub fn touch(&self) -> Option<Touch> {
        Touch::of(*self.bids().first()?, *self.asks().first()?)
    }
}

fn filled(levels: &[BookLevel]) -> impl Iterator<Item = BookLevel> + '_ {
    levels.iter().copied().filter(|level| level.qty > 0.0)
}

#[inline]
fn copy(to: &mut [BookLevel; TOP_LEVELS], from: impl Iterator<Item = BookLevel>) -> usize {
    let mut n = 0;
    for (slot, level) in to.iter_mut().zip(from) {
        *slot = level;
        n += 1;
    }
    n
}
