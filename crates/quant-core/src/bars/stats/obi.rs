//! Weighted order book imbalance.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Obi {}

impl Obi {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
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
        nan_policy: "null without a fresh valid book",
        reference: "weights 1/k over the first ten ranks",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
    }
}
