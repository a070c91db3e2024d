//! Imbalance of the best sizes (TOBI).

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Touch;

/// Time integral of the share of the bid.
#[derive(Clone, Debug, Default)]
pub(super) struct Imbalance {
    held: Held<1>,
}

impl Imbalance {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Imbalance {
    const SPEC: StatSpec = StatSpec {
        name: "imbalance",
        doc: "imbalance of the best sizes (TOBI)",
        columns: &[
            StatColumn {
                name: "imbalance_close",
                formula: "bid_qty / (bid_qty + ask_qty) at the close",
                units: "share",
            },
            StatColumn {
                name: "imbalance_bucket",
                formula: "min(floor(10 I), 9) at the close",
                units: "bucket 0 to 9",
            },
            StatColumn {
                name: "imbalance_tw",
                formula: "time-weighted mean of I",
                units: "share",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a fresh valid touch",
        reference: "Stoikov (2018), The Micro-Price: the state (I, S)",
    };

    #[inline]
    fn hold_touch(&mut self, us: i64, touch: &Touch) {
        self.held.add(us, [touch.imbalance()]);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let at_close = minute.touch.at_close.map(|t| t.imbalance());
        out.write(at_close);
        out.write(at_close.map(|share| (10.0 * share).floor().min(9.0)));
        let [mean] = self.held.close();
        out.write(mean);
    }
}
