//! One side of a local book: a sorted vector whose best level is the last one.
//!
//! Changes cluster near the top, so a change at the end of the vector moves few levels, and a short probe from there
//! usually finds its place before a binary search has to. A level that is removed below the top keeps its place without a
//! quantity: most removed prices come back (three of four insertions of a recorded hour), and then nothing moves. What is
//! inserted deeper takes the nearest empty place, so that only the levels between move.

use std::hint::select_unpredictable;
use std::iter::{FusedIterator, Rev};
use std::slice::Iter;

use crate::market::BookLevel;

/// How many levels are probed one by one from the best before the rest is searched by halves.
const PROBE: usize = 6;

/// Empty places that are kept however small the side is.
const MAX_EMPTY: usize = 32;

/// First step of the search that starts at the level changed before, and how many places it compares at once in the end.
const COUNTED: usize = 8;

/// How far an insertion looks for an empty place to fill before it moves everything better than it.
const REACH: usize = 96;

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

    /// As [`Self::find`], for a place that is likely near another one: steps that grow, then halves, then a count.
    #[inline]
    fn find_near(&self, px: f64, near: usize) -> Result<usize, usize> {
        let levels = self.levels.as_slice();
        let is_worse_at = |at: usize| levels.get(at).map(|level| Self::is_worse(level.px, px));
        // All places below `low` are worse, all from `high` on are not.
        let (mut low, mut high) = (0, levels.len());
        let mut step = COUNTED;
        if is_worse_at(near) == Some(true) {
            low = near + 1;
            while let Some(is_worse) = is_worse_at(low + step) {
                if !is_worse {
                    high = low + step;
                    break;
                }
                low += step + 1;
                step *= 4;
            }
        } else {
            high = near.min(high);
            while let Some(at) = high.checked_sub(step + 1) {
                if is_worse_at(at) == Some(true) {
                    low = at + 1;
                    break;
                }
                high = at;
                step *= 4;
            }
        }
        while high - low > COUNTED {
            let half = low + (high - low) / 2;
            let is_worse = Self::is_worse(levels[half].px, px);
            low = select_unpredictable(is_worse, half + 1, low);
            high = select_unpredictable(is_worse, high, half);
        }
        // Eight places that end where `high` may be or beyond: those below `low` are worse, those from `high` on are not.
        let from = low.min(levels.len().saturating_sub(COUNTED));
        let at = match levels.get(from..from + COUNTED) {
            Some(places) => {
                let worse = places.iter().map(|level| Self::is_worse(level.px, px));
                from + worse.map(usize::from).sum::<usize>()
            }
            None => levels.partition_point(|level| Self::is_worse(level.px, px)),
        };
        match levels.get(at) {
            Some(level) if !Self::is_worse(px, level.px) => Ok(at),
            _ => Err(at),
        }
    }

    /// Sets one level after the other; fastest where each price is near the one before.
    #[inline]
    pub(super) fn apply_all(&mut self, levels: impl IntoIterator<Item = BookLevel>) {
        let mut near = self.levels.len();
        for BookLevel { px, qty } in levels {
            let place = self.find_near(px, near);
            near = place.unwrap_or_else(|at| at);
            self.set(place, px, qty);
        }
    }

    #[inline]
    pub(super) fn apply(&mut self, px: f64, qty: f64) -> Applied {
        self.set(self.find(px), px, qty)
    }

    #[inline]
    fn set(&mut self, place: Result<usize, usize>, px: f64, qty: f64) -> Applied {
        debug_assert_valid(px, qty);
        match place {
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
                self.insert(at, BookLevel { px, qty });
                Applied::Inserted
            }
            Err(_) => Applied::Unknown,
        }
    }

    /// Inserts a level before `at`: into the nearest empty place, else by moving everything better than it.
    fn insert(&mut self, at: usize, level: BookLevel) {
        let (below, above) = self.levels.split_at(at);
        if self.n_empty > 0 && above.len() > REACH {
            let is_empty = |level: &BookLevel| level.qty <= 0.0;
            if let Some(n) = above[..REACH].iter().position(is_empty) {
                self.levels.copy_within(at..at + n, at + 1);
                self.levels[at] = level;
                self.n_empty -= 1;
                return;
            }
            let from = below.len().saturating_sub(REACH);
            if let Some(n) = below[from..].iter().rposition(is_empty) {
                self.levels.copy_within(from + n + 1..at, from + n);
                self.levels[at - 1] = level;
                self.n_empty -= 1;
                return;
            }
        }
        self.levels.insert(at, level);
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
