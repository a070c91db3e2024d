//! Quoted spread.

use crate::bars::stats::held::Held;
use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Touch;

/// Time integrals of the spread and of the spread over the mid.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    held: Held<2>,
}

impl Spread {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Spread {
    const SPEC: StatSpec = StatSpec {
        name: "spread",
        doc: "quoted spread",
        columns: &[
            StatColumn {
                name: "spread_tw",
                formula: "time-weighted mean of ask - bid",
                units: "price",
            },
            StatColumn {
                name: "spread_bps_tw",
                formula: "time-weighted mean of (ask - bid) / mid * 1e4",
                units: "bp",
            },
            StatColumn {
                name: "spread_close",
                formula: "ask - bid at the close",
                units: "price",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a fresh valid touch",
        reference: "quoted spread",
    };

    #[inline]
    fn hold_touch(&mut self, us: i64, touch: &Touch) {
        let spread = touch.spread();
        self.held.add(us, [spread, spread / touch.mid()]);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let [spread, share] = self.held.close();
        out.write(spread);
        out.write(share.map(|x| x * 1e4));
        out.write(minute.touch.at_close.map(|t| t.spread()));
    }
}
