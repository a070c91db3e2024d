//! Open, high, low and close of the mid.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Touch;
use crate::time::UnixMicros;

/// Running open, high and low of the mids in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Mid {
    open: Option<f64>,
    high: f64,
    low: f64,
}

impl Mid {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }

    #[inline]
    fn see(&mut self, mid: f64) {
        if self.open.is_none() {
            (self.open, self.high, self.low) = (Some(mid), mid, mid);
        } else {
            self.high = self.high.max(mid);
            self.low = self.low.min(mid);
        }
    }
}

impl MinuteStat for Mid {
    const SPEC: StatSpec = StatSpec {
        name: "mid",
        doc: "open, high, low and close of the mid",
        columns: &[
            StatColumn {
                name: "mid_open",
                formula: "(bid + ask) / 2 in force at ts_open, else of the first valid touch",
                units: "price",
            },
            StatColumn {
                name: "mid_high",
                formula: "largest mid in force",
                units: "price",
            },
            StatColumn {
                name: "mid_low",
                formula: "smallest mid in force",
                units: "price",
            },
            StatColumn {
                name: "mid_close",
                formula: "mid in force just before ts_close",
                units: "price",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a valid touch in force; mid_close null when stale",
        reference: "bid-ask midpoint",
    };

    #[inline]
    fn on_touch(&mut self, _ts: UnixMicros, _before: Option<&Touch>, after: &Touch) {
        self.see(after.mid());
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let seen = |x: f64| self.open.map(|_| x);
        out.write(self.open);
        out.write(seen(self.high));
        out.write(seen(self.low));
        out.write(minute.touch.at_close.map(|t| t.mid()));
        *self = Self::default();
        // What is in force at the close is in force at the next open.
        if let Some(touch) = minute.touch.at_close {
            self.see(touch.mid());
        }
    }
}
