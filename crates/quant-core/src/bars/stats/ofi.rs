//! Order flow imbalance of the best level.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Ofi {}

impl Ofi {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Ofi {
    const SPEC: StatSpec = StatSpec {
        name: "ofi",
        doc: "order flow imbalance of the best level",
        columns: &[
            StatColumn {
                name: "ofi",
                formula: "sum of e_n, e_n = 1{Pb_n >= Pb_(n-1)} qb_n - 1{Pb_n <= Pb_(n-1)} qb_(n-1) - 1{Pa_n <= Pa_(n-1)} qa_n + 1{Pa_n >= Pa_(n-1)} qa_(n-1)",
                units: "base units",
            },
            StatColumn {
                name: "ofi_events",
                formula: "number of changes",
                units: "count",
            },
            StatColumn {
                name: "ofi_depth",
                formula: "mean over the changes of (qb + qa) / 2 after",
                units: "base units",
            },
        ],
        inputs: "changes of the touch with a known state before",
        nan_policy: "ofi and ofi_events: null without any touch in force; ofi_depth: null without changes",
        reference: "Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1), eq. 4",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
