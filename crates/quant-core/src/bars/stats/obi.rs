//! Weighted order book imbalance.

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::BookLevel;
use crate::market::book::{TOP_LEVELS, TopBook};

/// Weights of the ranks, `1 / k`.
pub(super) const WEIGHTS: [f64; TOP_LEVELS] = weights();

const fn weights() -> [f64; TOP_LEVELS] {
    let mut weights = [1.0; TOP_LEVELS];
    let mut i = 0;
    while i < TOP_LEVELS {
        weights[i] = 1.0 / (i + 1) as f64;
        i += 1;
    }
    weights
}

/// Time integral of the imbalance.
#[derive(Clone, Debug, Default)]
pub(super) struct Obi {
    held: Held<1>,
}

impl Obi {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

#[inline]
fn weighted(levels: &[BookLevel]) -> f64 {
    let terms = levels.iter().zip(WEIGHTS);
    terms.fold(0.0, |sum, (level, w)| sum + w * level.qty)
}

#[inline]
fn imbalance(book: &TopBook) -> f64 {
    let (bids, asks) = (weighted(book.bids()), weighted(book.asks()));
    (bids - asks) / (bids + asks)
}

impl MinuteStat for Obi {
    const SPEC: StatSpec = StatSpec {
        name: "obi",
        doc: "weighted order book imbalance",
        columns: &[
            StatColumn {
                name: "obi_tw",
                formula: "time-weighted mean of (sum q_b / k - sum q_a / k) / (sum q_b / k + sum q_a / k)",
                units: "share in [-1, 1]",
            },
            StatColumn {
                name: "obi_close",
                formula: "the same at the close",
                units: "share in [-1, 1]",
            },
        ],
        inputs: "books",
        made_of: MadeOf::Books,
        nan_policy: "null without a fresh valid book",
        reference: "weights 1/k over the first ten ranks",
    };

    #[inline]
    fn hold_book(&mut self, us: i64, book: &TopBook) {
        self.held.add(us, [imbalance(book)]);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let [mean] = self.held.close();
        out.write(mean);
        out.write(minute.book.at_close.map(imbalance));
    }
}
