//! How much of the minute has a usable touch.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Quotes {}

impl Quotes {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Quotes {
    const SPEC: StatSpec = StatSpec {
        name: "quotes",
        doc: "how much of the minute has a usable touch",
        columns: &[
            StatColumn {
                name: "n_quotes",
                formula: "touch events, also unchanged or invalid ones",
                units: "count",
            },
            StatColumn {
                name: "quote_coverage",
                formula: "share of the minute with a fresh valid touch",
                units: "share",
            },
            StatColumn {
                name: "quote_age",
                formula: "seconds from the last valid touch event to the close",
                units: "s",
            },
        ],
        inputs: "touches",
        nan_policy: "null without a quote source; quote_age also while nothing is in force",
        reference: "-",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
