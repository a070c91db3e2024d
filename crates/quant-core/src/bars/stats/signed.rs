//! Signed volume and signed root of quote volume.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Signed {}

impl Signed {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Signed {
    const SPEC: StatSpec = StatSpec {
        name: "signed",
        doc: "signed volume and signed root of quote volume",
        columns: &[
            StatColumn {
                name: "signed_volume",
                formula: "sum of s q",
                units: "base units",
            },
            StatColumn {
                name: "signed_sqrt_quote",
                formula: "sum of s sqrt(p q)",
                units: "sqrt(quote units)",
            },
        ],
        inputs: "trades",
        nan_policy: "null without trades as a source",
        reference: "Hasbrouck (2009), J. Finance 64(3), for the root",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
    }
}
