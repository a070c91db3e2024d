//! Sums of the regression of price changes on signed volume.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Kyle {}

impl Kyle {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Kyle {
    const SPEC: StatSpec = StatSpec {
        name: "kyle",
        doc: "sums of the regression of price changes on signed volume",
        columns: &[
            StatColumn {
                name: "flow_n",
                formula: "intervals",
                units: "count",
            },
            StatColumn {
                name: "flow_x",
                formula: "sum of x, x = signed volume of the interval",
                units: "base units",
            },
            StatColumn {
                name: "flow_y",
                formula: "sum of y, y = change of the grid price",
                units: "price",
            },
            StatColumn {
                name: "flow_xx",
                formula: "sum of x^2",
                units: "base units^2",
            },
            StatColumn {
                name: "flow_xy",
                formula: "sum of x y",
                units: "base units price",
            },
            StatColumn {
                name: "flow_yy",
                formula: "sum of y^2",
                units: "price^2",
            },
        ],
        inputs: "trades and the price grid, intervals of 10 s with a price at both ends",
        nan_policy: "null without trades as a source",
        reference: "Kyle (1985), Econometrica 53(6), as a regression within the same interval",
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
