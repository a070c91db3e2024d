//! Order flow imbalance of the best level.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::{BookLevel, Touch};
use crate::time::UnixMicros;

/// Running sums over the changes of the touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Ofi {
    sum: f64,
    n: u64,
    depth: f64,
    /// A valid touch came in this minute.
    is_seen: bool,
}

impl Ofi {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

/// Returns the order flow that a change of a bid shows: what came at the same or a better price, less what was there
/// at the same or a worse one.
#[inline]
pub(super) fn bid_flow(before: BookLevel, after: BookLevel) -> f64 {
    let came = if after.px >= before.px {
        after.qty
    } else {
        0.0
    };
    let went = if after.px <= before.px {
        before.qty
    } else {
        0.0
    };
    came - went
}

/// Returns the order flow that a change of an ask shows; supply, where that of a bid is demand.
#[inline]
pub(super) fn ask_flow(before: BookLevel, after: BookLevel) -> f64 {
    let came = if after.px <= before.px {
        after.qty
    } else {
        0.0
    };
    let went = if after.px >= before.px {
        before.qty
    } else {
        0.0
    };
    came - went
}

const fn bid(touch: &Touch) -> BookLevel {
    BookLevel {
        px: touch.bid_px,
        qty: touch.bid_qty,
    }
}

const fn ask(touch: &Touch) -> BookLevel {
    BookLevel {
        px: touch.ask_px,
        qty: touch.ask_qty,
    }
}

/// Returns the order flow imbalance of one change of the touch, base units; positive for buying pressure.
///
/// ```text
/// e = 1{Pb' >= Pb} qb' - 1{Pb' <= Pb} qb - 1{Pa' <= Pa} qa' + 1{Pa' >= Pa} qa
/// ```
///
/// # References
/// Cont, Kukanov and Stoikov 2014, "The Price Impact of Order Book Events", J. Financial Econometrics 12(1), eq. 4.
#[inline]
pub fn touch_flow(before: &Touch, after: &Touch) -> f64 {
    bid_flow(bid(before), bid(after)) - ask_flow(ask(before), ask(after))
}

impl MinuteStat for Ofi {
    const SPEC: StatSpec = StatSpec {
        name: "ofi",
        doc: "order flow imbalance of the best level",
        columns: &[
            StatColumn {
                name: "ofi",
                formula: "sum of e_n, e_n = 1{Pb_n >= Pb_(n-1)} qb_n - 1{Pb_n <= Pb_(n-1)} qb_(n-1) - 1{Pa_n <= Pa_(n-1)} qa_n + 1{Pa_n >= Pa_(n-1)} qa_(n-1)",
                units: "base units",
            },
            StatColumn {
                name: "ofi_events",
                formula: "number of changes",
                units: "count",
            },
            StatColumn {
                name: "ofi_depth",
                formula: "mean over the changes of (qb + qa) / 2 after",
                units: "base units",
            },
        ],
        inputs: "changes of the touch with a known state before",
        made_of: MadeOf::Touches,
        nan_policy: "ofi: null without any touch in force; ofi_events: null without a quote source; ofi_depth: null without changes",
        reference: "Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1), eq. 4",
    };

    #[inline]
    fn on_touch(&mut self, _ts: UnixMicros, before: Option<&Touch>, after: &Touch) {
        self.is_seen = true;
        if let Some(before) = before {
            self.sum += touch_flow(before, after);
            self.n += 1;
            self.depth += f64::midpoint(after.bid_qty, after.ask_qty);
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = self.is_seen || minute.touch.at_open;
        out.write(is_known.then_some(self.sum));
        out.count(self.n, minute.touch.is_known);
        out.ratio(self.depth, self.n as f64);
        *self = Self::default();
    }
}
