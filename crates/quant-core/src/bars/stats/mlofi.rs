//! Order flow imbalance of each rank and their weighted mean.

use crate::bars::stats::obi::WEIGHTS;
use crate::bars::stats::ofi::{ask_flow, bid_flow};
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::book::{TOP_LEVELS, TopBook};
use crate::time::UnixMicros;

/// Running sums per rank.
#[derive(Clone, Debug)]
pub(super) struct Mlofi {
    sums: [f64; TOP_LEVELS],
    /// Ranks that every change of the minute had on both sides before and after; missing ones are the worst ones.
    n_ranks: usize,
    /// A valid book came in this minute.
    is_seen: bool,
}

impl Mlofi {
    pub(super) const fn new(_inputs: &StatInputs) -> Self {
        Self::start()
    }

    const fn start() -> Self {
        Self {
            sums: [0.0; TOP_LEVELS],
            n_ranks: TOP_LEVELS,
            is_seen: false,
        }
    }
}

impl MinuteStat for Mlofi {
    const SPEC: StatSpec = StatSpec {
        name: "mlofi",
        doc: "order flow imbalance of each rank and their weighted mean",
        columns: &[
            StatColumn {
                name: "mlofi_01",
                formula: "sum of dW_1 - dV_1 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_02",
                formula: "sum of dW_2 - dV_2 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_03",
                formula: "sum of dW_3 - dV_3 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_04",
                formula: "sum of dW_4 - dV_4 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_05",
                formula: "sum of dW_5 - dV_5 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_06",
                formula: "sum of dW_6 - dV_6 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_07",
                formula: "sum of dW_7 - dV_7 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_08",
                formula: "sum of dW_8 - dV_8 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_09",
                formula: "sum of dW_9 - dV_9 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "mlofi_10",
                formula: "sum of dW_10 - dV_10 over book changes",
                units: "base units",
            },
            StatColumn {
                name: "ofi_weighted",
                formula: "sum_m mlofi_m / m over sum_m 1 / m, ranks that are not null",
                units: "base units",
            },
        ],
        inputs: "changes of the book with a known state before",
        made_of: MadeOf::Books,
        nan_policy: "null if the rank is missing in a change of the minute, or without changes and without a book in force",
        reference: "Xu, Gould and Howison (2018), Multi-Level Order-Flow Imbalance; weights 1/m",
    };

    #[inline]
    fn on_book(&mut self, _ts: UnixMicros, before: Option<&TopBook>, after: &TopBook) {
        self.is_seen = true;
        let Some(before) = before else {
            return;
        };
        let bids = before.bids().iter().zip(after.bids());
        let asks = before.asks().iter().zip(after.asks());
        self.n_ranks = self.n_ranks.min(bids.len()).min(asks.len());
        for (sum, ((bid, new_bid), (ask, new_ask))) in self.sums.iter_mut().zip(bids.zip(asks)) {
            *sum += bid_flow(*bid, *new_bid) - ask_flow(*ask, *new_ask);
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = self.is_seen || minute.book.at_open;
        let n_ranks = if is_known { self.n_ranks } else { 0 };
        for (rank, sum) in self.sums.iter().enumerate() {
            out.write((rank < n_ranks).then_some(*sum));
        }
        let (mut weighted, mut weights) = (0.0, 0.0);
        for (sum, w) in self.sums.iter().zip(WEIGHTS).take(n_ranks) {
            weighted += w * sum;
            weights += w;
        }
        out.ratio(weighted, weights);
        *self = Self::start();
    }
}
