//! How much of the minute has a usable book.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::time::{MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Keeps nothing: the driver counts.
#[derive(Clone, Debug, Default)]
pub(super) struct BookUpdates;

impl BookUpdates {
    pub(super) const fn new(_inputs: &StatInputs) -> Self {
        Self
    }
}

impl MinuteStat for BookUpdates {
    const SPEC: StatSpec = StatSpec {
        name: "book_updates",
        doc: "how much of the minute has a usable book",
        columns: &[
            StatColumn {
                name: "n_book_updates",
                formula: "book events, also invalid ones",
                units: "count",
            },
            StatColumn {
                name: "book_coverage",
                formula: "share of the minute with a fresh valid book",
                units: "share",
            },
            StatColumn {
                name: "book_age",
                formula: "seconds from the last valid book event to the close",
                units: "s",
            },
        ],
        inputs: "books",
        made_of: MadeOf::Books,
        nan_policy: "null without a book source; book_age also while nothing is in force",
        reference: "-",
    };

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let used = &minute.book;
        out.count(used.n_events, used.is_known);
        let share = used.valid_us as f64 / MICROS_PER_MINUTE as f64;
        out.write(used.is_known.then_some(share));
        let seconds = |us| us as f64 / MICROS_PER_SECOND as f64;
        out.write(used.age_us.map(seconds));
    }
}
