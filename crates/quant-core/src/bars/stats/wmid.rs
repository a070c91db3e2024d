//! Size-weighted mid; not the microprice of Stoikov.

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Touch;

/// Time integral of the size-weighted mid.
#[derive(Clone, Debug, Default)]
pub(super) struct Wmid {
    held: Held<1>,
}

impl Wmid {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Wmid {
    const SPEC: StatSpec = StatSpec {
        name: "wmid",
        doc: "size-weighted mid; not the microprice of Stoikov",
        columns: &[
            StatColumn {
                name: "wmid_close",
                formula: "(bid_qty ask + ask_qty bid) / (bid_qty + ask_qty) at the close",
                units: "price",
            },
            StatColumn {
                name: "wmid_tw",
                formula: "its time-weighted mean",
                units: "price",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a fresh valid touch",
        reference: "size-weighted mid",
    };

    #[inline]
    fn hold_touch(&mut self, us: i64, touch: &Touch) {
        self.held.add(us, [touch.wmid()]);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(minute.touch.at_close.map(|t| t.wmid()));
        let [mean] = self.held.close();
        out.write(mean);
    }
}
