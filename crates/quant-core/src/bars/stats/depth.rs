//! Sum of the first ten levels.

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::BookLevel;
use crate::market::book::TopBook;

/// Time integrals of the sums of both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Depth {
    held: Held<2>,
}

impl Depth {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

/// Returns the sum of the sizes, best first.
#[inline]
pub(super) fn sum(levels: &[BookLevel]) -> f64 {
    levels.iter().fold(0.0, |sum, level| sum + level.qty)
}

impl MinuteStat for Depth {
    const SPEC: StatSpec = StatSpec {
        name: "depth",
        doc: "sum of the first ten levels",
        columns: &[
            StatColumn {
                name: "depth_bid_tw",
                formula: "time-weighted mean of the sum of bid sizes",
                units: "base units",
            },
            StatColumn {
                name: "depth_ask_tw",
                formula: "time-weighted mean of the sum of ask sizes",
                units: "base units",
            },
            StatColumn {
                name: "depth_bid_close",
                formula: "sum of bid sizes at the close",
                units: "base units",
            },
            StatColumn {
                name: "depth_ask_close",
                formula: "sum of ask sizes at the close",
                units: "base units",
            },
        ],
        inputs: "books",
        made_of: MadeOf::Books,
        nan_policy: "null without a fresh valid book",
        reference: "-",
    };

    #[inline]
    fn hold_book(&mut self, us: i64, book: &TopBook) {
        self.held.add(us, [sum(book.bids()), sum(book.asks())]);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        for mean in self.held.close() {
            out.write(mean);
        }
        out.write(minute.book.at_close.map(|book| sum(book.bids())));
        out.write(minute.book.at_close.map(|book| sum(book.asks())));
    }
}
