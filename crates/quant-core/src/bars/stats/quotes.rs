//! How much of the minute has a usable touch.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::time::{MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Keeps nothing: the driver counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotes;

impl Quotes {
    pub(super) const fn new(_inputs: &StatInputs) -> Self {
        Self
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
            StatColumn {
                name: "is_stale",
                formula: "1 without a fresh valid touch at the close, else 0",
                units: "0 or 1",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a quote source; quote_age also while nothing is in force",
        reference: "-",
    };

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let used = &minute.touch;
        out.count(used.n_events, used.is_known);
        let share = used.valid_us as f64 / MICROS_PER_MINUTE as f64;
        out.write(used.is_known.then_some(share));
        let seconds = |us| us as f64 / MICROS_PER_SECOND as f64;
        out.write(used.age_us.map(seconds));
        let is_stale = u8::from(used.at_close.is_none());
        out.write(used.is_known.then(|| f64::from(is_stale)));
    }
}
