//! Sizes added to and removed from visible prices.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::book::TopBook;
use crate::market::{BookLevel, Side};
use crate::time::UnixMicros;

/// Sizes that came and went on one side.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    added: f64,
    removed: f64,
}

/// Running sums of both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    bids: Changes,
    asks: Changes,
    /// A valid book came in this minute.
    is_seen: bool,
}

impl Added {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl Changes {
    /// Adds the change of one price.
    #[inline]
    fn add(&mut self, before: f64, after: f64) {
        self.added += (after - before).max(0.0);
        self.removed += (before - after).max(0.0);
    }

    /// Joins two sides by price, best first, as far as both show. `SIGN` is -1 for bids and +1 for asks, so that a
    /// larger `SIGN * px` is worse; a side with `may_hide` shows nothing of what is worse than its last level.
    #[inline]
    fn join<const SIGN: i8>(
        &mut self,
        (before, before_hides): (&[BookLevel], bool),
        (after, after_hides): (&[BookLevel], bool),
    ) {
        let key = |level: &BookLevel| f64::from(SIGN) * level.px;
        let reach = |levels: &[BookLevel], hides: bool| match levels.last() {
            Some(last) if hides => key(last),
            _ => f64::INFINITY,
        };
        let limit = reach(before, before_hides).min(reach(after, after_hides));
        let at = |levels: &[BookLevel], i: usize| {
            let inside = levels.get(i).filter(|level| key(level) <= limit);
            inside.map_or((f64::INFINITY, 0.0), |level| (key(level), level.qty))
        };
        let (mut i, mut j) = (0, 0);
        loop {
            let ((old_px, old_qty), (new_px, new_qty)) = (at(before, i), at(after, j));
            if old_px.min(new_px) >= f64::INFINITY {
                return;
            }
            let (has_old, has_new) = (old_px <= new_px, new_px <= old_px);
            self.add(
                if has_old { old_qty } else { 0.0 },
                if has_new { new_qty } else { 0.0 },
            );
            i += usize::from(has_old);
            j += usize::from(has_new);
        }
    }
}

impl MinuteStat for Added {
    const SPEC: StatSpec = StatSpec {
        name: "added",
        doc: "sizes added to and removed from visible prices",
        columns: &[
            StatColumn {
                name: "book_added_bid",
                formula: "sum of max(q_after - q_before, 0) over bid prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_removed_bid",
                formula: "sum of max(q_before - q_after, 0) over bid prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_added_ask",
                formula: "sum of max(q_after - q_before, 0) over ask prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_removed_ask",
                formula: "sum of max(q_before - q_after, 0) over ask prices visible in both",
                units: "base units",
            },
        ],
        inputs: "changes of the book with a known state before",
        made_of: MadeOf::Books,
        nan_policy: "null without changes and without a book in force",
        reference: "per price visible before and after; cancellation proxies are made of it",
    };

    #[inline]
    fn on_book(&mut self, _ts: UnixMicros, before: Option<&TopBook>, after: &TopBook) {
        self.is_seen = true;
        if let Some(before) = before {
            self.bids.join::<-1>(
                (before.bids(), before.is_full(Side::Buy)),
                (after.bids(), after.is_full(Side::Buy)),
            );
            self.asks.join::<1>(
                (before.asks(), before.is_full(Side::Sell)),
                (after.asks(), after.is_full(Side::Sell)),
            );
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = self.is_seen || minute.book.at_open;
        for side in [self.bids, self.asks] {
            out.write(is_known.then_some(side.added));
            out.write(is_known.then_some(side.removed));
        }
        *self = Self::default();
    }
}
