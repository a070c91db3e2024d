//! Sums of powers of 5 s returns.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Variance {}

impl Variance {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Variance {
    const SPEC: StatSpec = StatSpec {
        name: "variance",
        doc: "sums of powers of 5 s returns",
        columns: &[
            StatColumn {
                name: "rv_n",
                formula: "returns",
                units: "count",
            },
            StatColumn {
                name: "rv_zero",
                formula: "returns equal to 0",
                units: "count",
            },
            StatColumn {
                name: "rv",
                formula: "sum of r^2",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_bipower",
                formula: "sum of |r_i| |r_(i-1)| over consecutive returns, no scale",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_med",
                formula: "sum of the squared median of three consecutive |r|, no scale",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_min",
                formula: "sum of the squared minimum of two consecutive |r|, no scale",
                units: "log return^2",
            },
        ],
        inputs: "the price grid",
        nan_policy: "sums are 0 without returns; rv_n says how many there were",
        reference: "Barndorff-Nielsen and Shephard (2004); Andersen, Dobrev and Schaumburg (2012)",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
