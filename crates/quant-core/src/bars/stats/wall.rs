//! Largest level over the sum of levels.

use crate::bars::stats::depth::sum;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::BookLevel;

/// Keeps nothing: only the book at the close counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Wall;

impl Wall {
    pub(super) const fn new(_inputs: &StatInputs) -> Self {
        Self
    }
}

fn largest(levels: &[BookLevel]) -> f64 {
    levels.iter().fold(0.0, |max, level| max.max(level.qty))
}

impl MinuteStat for Wall {
    const SPEC: StatSpec = StatSpec {
        name: "wall",
        doc: "largest level over the sum of levels",
        columns: &[
            StatColumn {
                name: "wall_ratio_bid",
                formula: "largest bid / sum of bids at the close",
                units: "share",
            },
            StatColumn {
                name: "wall_ratio_ask",
                formula: "largest ask / sum of asks at the close",
                units: "share",
            },
            StatColumn {
                name: "wall_ratio",
                formula: "largest level / sum of both sides at the close",
                units: "share",
            },
        ],
        inputs: "books",
        made_of: MadeOf::Books,
        nan_policy: "null without a fresh valid book",
        reference: "largest level / total size within the first ten levels",
    };

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let Some(book) = minute.book.at_close else {
            for _ in Self::SPEC.columns {
                out.write(None);
            }
            return;
        };
        let (bid, ask) = (largest(book.bids()), largest(book.asks()));
        let (bids, asks) = (sum(book.bids()), sum(book.asks()));
        out.ratio(bid, bids);
        out.ratio(ask, asks);
        out.ratio(bid.max(ask), bids + asks);
    }
}
