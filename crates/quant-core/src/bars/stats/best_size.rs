//! Sizes of the best bid and ask.

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Touch;

/// Time integrals of the best sizes.
#[derive(Clone, Debug, Default)]
pub(super) struct BestSize {
    held: Held<2>,
}

impl BestSize {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for BestSize {
    const SPEC: StatSpec = StatSpec {
        name: "best_size",
        doc: "sizes of the best bid and ask",
        columns: &[
            StatColumn {
                name: "bid_qty_tw",
                formula: "time-weighted mean of the best bid size",
                units: "base units",
            },
            StatColumn {
                name: "ask_qty_tw",
                formula: "time-weighted mean of the best ask size",
                units: "base units",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a fresh valid touch",
        reference: "-",
    };

    #[inline]
    fn hold_touch(&mut self, us: i64, touch: &Touch) {
        self.held.add(us, [touch.bid_qty, touch.ask_qty]);
    }

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        for mean in self.held.close() {
            out.write(mean);
        }
    }
}
