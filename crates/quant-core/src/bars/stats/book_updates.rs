//! How much of the minute has a usable book.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct BookUpdates {}

impl BookUpdates {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
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
        nan_policy: "null without a book source; book_age also while nothing is in force",
        reference: "-",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
