//! Quoted spread.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Spread {}

impl Spread {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Spread {
    const SPEC: StatSpec = StatSpec {
        name: "spread",
        doc: "quoted spread",
        columns: &[
            StatColumn {
                name: "spread_tw",
                formula: "time-weighted mean of ask - bid",
                units: "price",
            },
            StatColumn {
                name: "spread_bps_tw",
                formula: "time-weighted mean of (ask - bid) / mid * 1e4",
                units: "bp",
            },
            StatColumn {
                name: "spread_close",
                formula: "ask - bid at the close",
                units: "price",
            },
        ],
        inputs: "touches",
        nan_policy: "null without a fresh valid touch",
        reference: "quoted spread",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
