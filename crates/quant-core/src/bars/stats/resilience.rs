//! How often and how fast the best price comes back.

use crate::bars::{
    GapScope, MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec,
};
use crate::market::Touch;
use crate::time::{MICROS_PER_SECOND, UnixMicros};

/// How long a depletion waits for its refill.
const GIVE_UP_US: i64 = 10 * MICROS_PER_SECOND;

/// A depletion that waits: the price that was lost and when.
type Pending = Option<(f64, i64)>;

/// What is pending on each side, which outlives the minute, and the minute's sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Resilience {
    bid: Pending,
    ask: Pending,
    n_depletions: u64,
    n_refills: u64,
    refill_us: i64,
}

impl Resilience {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }

    /// Updates one side; `is_back(price)` tells whether the price is reached again, `lost` is a price just lost.
    #[inline]
    fn step(
        &mut self,
        pending: Pending,
        ts_us: i64,
        is_back: impl FnOnce(f64) -> bool,
        lost: Option<f64>,
    ) -> Pending {
        let pending = pending.filter(|(_, since)| ts_us - since <= GIVE_UP_US);
        match pending {
            Some((price, since)) if is_back(price) => {
                self.n_refills += 1;
                self.refill_us += ts_us - since;
                None
            }
            Some(_) => pending,
            None => lost.map(|price| {
                self.n_depletions += 1;
                (price, ts_us)
            }),
        }
    }
}

impl MinuteStat for Resilience {
    const SPEC: StatSpec = StatSpec {
        name: "resilience",
        doc: "how often and how fast the best price comes back",
        columns: &[
            StatColumn {
                name: "n_depletions",
                formula: "falls of the bid and rises of the ask while nothing is pending on the side",
                units: "count",
            },
            StatColumn {
                name: "n_refills",
                formula: "returns to the price before within 10 s",
                units: "count",
            },
            StatColumn {
                name: "refill_secs",
                formula: "sum of the seconds they took",
                units: "s",
            },
        ],
        inputs: "touches",
        made_of: MadeOf::Touches,
        nan_policy: "null without a quote source",
        reference: "resilience as time to refill after a depletion of the best price",
    };

    #[inline]
    fn on_touch(&mut self, ts: UnixMicros, before: Option<&Touch>, after: &Touch) {
        let lost_bid = before.map(|b| b.bid_px).filter(|px| after.bid_px < *px);
        let lost_ask = before.map(|b| b.ask_px).filter(|px| after.ask_px > *px);
        self.bid = self.step(self.bid, ts.0, |px| after.bid_px >= px, lost_bid);
        self.ask = self.step(self.ask, ts.0, |px| after.ask_px <= px, lost_ask);
    }

    fn on_gap(&mut self, scope: GapScope) {
        if scope == GapScope::All {
            (self.bid, self.ask) = (None, None);
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = minute.touch.is_known;
        out.count(self.n_depletions, is_known);
        out.count(self.n_refills, is_known);
        let seconds = self.refill_us as f64 / MICROS_PER_SECOND as f64;
        out.write(is_known.then_some(seconds));
        *self = Self {
            bid: self.bid,
            ask: self.ask,
            ..Self::default()
        };
    }
}
