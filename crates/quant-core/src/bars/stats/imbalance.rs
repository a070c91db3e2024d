//! Imbalance of the best sizes (TOBI).

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Imbalance {}

impl Imbalance {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Imbalance {
    const SPEC: StatSpec = StatSpec {
        name: "imbalance",
        doc: "imbalance of the best sizes (TOBI)",
        columns: &[
            StatColumn {
                name: "imbalance_close",
                formula: "bid_qty / (bid_qty + ask_qty) at the close",
                units: "share",
            },
            StatColumn {
                name: "imbalance_bucket",
                formula: "min(floor(10 I), 9) at the close",
                units: "bucket 0 to 9",
            },
            StatColumn {
                name: "imbalance_tw",
                formula: "time-weighted mean of I",
                units: "share",
            },
        ],
        inputs: "touches",
        nan_policy: "null without a fresh valid touch",
        reference: "Stoikov (2018), The Micro-Price: the state (I, S)",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
