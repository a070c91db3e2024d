//! One side of a local book: a sorted vector whose best level is the last one.
//!
//! Changes cluster near the top, so a change at the end of the vector moves few levels, and a short probe from there
//! usually finds its place before a binary search has to. A level that is removed below the top keeps its place without a
//! quantity: most removed prices come back (three of four insertions of a recorded hour), and then nothing moves.

use std::iter::{FusedIterator, Rev};
use std::slice::Iter;

use crate::market::BookLevel;

/// How many levels are probed one by one from the best before the rest is searched by halves.
const PROBE: usize = 6;

/// Empty places that are kept however small the side is.
const MAX_EMPTY: usize = 32;

/// What a change of one level did to a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Applied {
    /// The price had no level and has one now.
    Inserted,
    /// The level was there with the quantity `old`, possibly the same.
    Changed {
        /// Quantity before.
        old: f64,
    },
    /// The level was there with the quantity `old` and is gone.
    Removed {
        /// Quantity before.
        old: f64,
    },
    /// A level that is not there was to be removed: normal below the depth the venue showed.
    Unknown,
}

/// The levels of one side, best first; its length is exact.
#[derive(Clone, Debug)]
pub struct Levels<'a> {
    places: Rev<Iter<'a, BookLevel>>,
    left: usize,
}

impl Iterator for Levels<'_> {
    type Item = BookLevel;

    #[inline]
    fn next(&mut self) -> Option<BookLevel> {
        let level = self.places.find(|level| level.qty > 0.0)?;
        self.left -= 1;
        Some(*level)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Levels<'_> {
    fn next_back(&mut self) -> Option<BookLevel> {
        let level = self.places.rfind(|level| level.qty > 0.0)?;
        self.left -= 1;
        Some(*level)
    }
}

impl ExactSizeIterator for Levels<'_> {}
impl FusedIterator for Levels<'_> {}

/// Levels from the worst to the best; `BID` says that higher prices are better.
#[derive(Clone, Debug, Default)]
pub(super) struct SideLevels<const BID: bool> {
    /// Places, some of them empty (quantity 0); the last one never is.
    levels: Vec<BookLevel>,
    n_empty: usize,
}

impl<const BID: bool> PartialEq for SideLevels<BID> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<const BID: bool> SideLevels<BID> {
    pub(super) const fn new() -> Self {
        Self {
            levels: Vec::new(),
            n_empty: 0,
        }
    }

    #[inline]
    fn is_worse(px: f64, than: f64) -> bool {
        if BID { px < than } else { px > than }
    }

    /// Returns where the level of a price is, or where it would be inserted.
    #[inline]
    fn find(&self, px: f64) -> Result<usize, usize> {
        let levels = self.levels.as_slice();
        let rest = levels.len().saturating_sub(PROBE);
        let mut at = levels.len();
        while at > rest {
            let there = levels[at - 1].px;
            if Self::is_worse(there, px) {
                return Err(at);
            }
            at -= 1;
            if !Self::is_worse(px, there) {
                return Ok(at);
            }
        }
        // Every probed level is better than `px`, so its place is in the rest.
        let at = levels[..rest].partition_point(|level| Self::is_worse(level.px, px));
        match levels[..rest].get(at) {
            Some(level) if !Self::is_worse(px, level.px) => Ok(at),
            _ => Err(at),
        }
    }

    #[inline]
    pub(super) fn apply(&mut self, px: f64, qty: f64) -> Applied {
        debug_assert_valid(px, qty);
        match self.find(px) {
            Ok(at) => {
                let old = std::mem::replace(&mut self.levels[at].qty, qty);
                match (old > 0.0, qty > 0.0) {
                    (true, true) => Applied::Changed { old },
                    (false, true) => {
                        self.n_empty -= 1;
                        Applied::Inserted
                    }
                    (true, false) => {
                        self.n_empty += 1;
                        self.tidy(at);
                        Applied::Removed { old }
                    }
                    (false, false) => Applied::Unknown,
                }
            }
            Err(at) if qty > 0.0 => {
                self.levels.insert(at, BookLevel { px, qty });
                Applied::Inserted
            }
            Err(_) => Applied::Unknown,
        }
    }

    /// Keeps the last place filled, and empty ones few beside the others.
    #[inline]
    fn tidy(&mut self, emptied: usize) {
        if emptied + 1 == self.levels.len() {
            while self.levels.last().is_some_and(|level| level.qty <= 0.0) {
                self.levels.pop();
                self.n_empty -= 1;
            }
        }
        // Each removal pays for a small share of the next sweep.
        if self.n_empty > MAX_EMPTY + self.levels.len() / 2 {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        self.levels.retain(|level| level.qty > 0.0);
        self.n_empty = 0;
    }

    pub(super) fn replace_with(&mut self, levels: impl IntoIterator<Item = BookLevel>) {
        self.levels.clear();
        self.levels.extend(
            levels
                .into_iter()
                .inspect(|level| debug_assert_valid(level.px, level.qty)),
        );
        // Best first is how most venues send them, worst first how some do.
        self.levels.reverse();
        if !self.is_in_order() {
            self.levels.reverse();
        }
        if !self.is_in_order() {
            self.sort();
        }
        self.sweep();
    }

    /// Brings levels in the order they were sent into the order of the side, keeping the last sent of each price.
    fn sort(&mut self) {
        self.levels.reverse();
        self.levels.sort_by(|a, b| {
            if BID {
                a.px.total_cmp(&b.px)
            } else {
                b.px.total_cmp(&a.px)
            }
        });
        self.levels
            .dedup_by(|sent_before, kept| !Self::is_worse(kept.px, sent_before.px));
    }

    fn is_in_order(&self) -> bool {
        self.levels
            .windows(2)
            .all(|pair| Self::is_worse(pair[0].px, pair[1].px))
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.n_empty = 0;
    }

    pub(super) fn truncate_to(&mut self, n: usize) -> usize {
        if self.len() <= n {
            return 0;
        }
        self.sweep();
        let n_excess = self.levels.len().saturating_sub(n);
        self.levels.drain(..n_excess);
        n_excess
    }

    #[inline]
    pub(super) fn best(&self) -> Option<BookLevel> {
        self.levels.last().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.levels.len() - self.n_empty
    }

    pub(super) fn qty_at(&self, px: f64) -> Option<f64> {
        let at = self.find(px).ok()?;
        Some(self.levels[at].qty).filter(|qty| *qty > 0.0)
    }

    #[inline]
    pub(super) fn iter(&self) -> Levels<'_> {
        Levels {
            places: self.levels.iter().rev(),
            left: self.len(),
        }
    }
}

#[inline]
fn debug_assert_valid(px: f64, qty: f64) {
    debug_assert!(px.is_finite() && px >= 0.0, "price {px} of a book level");
    debug_assert!(
        qty.is_finite() && qty >= 0.0,
        "quantity {qty} of a book level"
    );
}
