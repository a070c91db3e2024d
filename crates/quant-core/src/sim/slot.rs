//! What the venue keeps per instrument: pending orders, open trades, settlements to come.

use crate::market::Funding;
use crate::risk::BracketOrder;
use crate::sim::bracket::{Distances, Levels};
use crate::sim::models::{Executable, LevelUsed, Liquidity};
use crate::sim::report::ExitReason;
use crate::time::UnixMicros;
use crate::units::Step;

/// An order that has not filled yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) order: BracketOrder,
    pub(super) distances: Distances,
    pub(super) ts_arrival: UnixMicros,
    pub(super) px_decision: Option<f64>,
}

/// A trade that has entered and not left.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) order: BracketOrder,
    pub(super) px_decision: Option<f64>,
    pub(super) levels: Levels,
    pub(super) entry_ref_ticks: i64,
    pub(super) ts_entry: UnixMicros,
    pub(super) level_entry: LevelUsed,
    pub(super) fee_entry: f64,
    pub(super) funding: f64,
    /// Best and worst gain so far, ticks; best >= 0 >= worst.
    pub(super) best: i64,
    pub(super) worst: i64,
    /// Arrival of the market order that gives the trade up at its horizon.
    pub(super) ts_give_up: Option<UnixMicros>,
}

impl Open {
    pub(super) fn see(&mut self, px_ticks: i64) {
        let gain = self.levels.gain(px_ticks);
        self.best = self.best.max(gain);
        self.worst = self.worst.min(gain);
    }
}

/// Everything of one instrument.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) tick: Step,
    pub(super) lot: Step,
    pub(super) pending: Vec<Pending>,
    pub(super) open: Vec<Open>,
    /// Settlements not yet applied, with the mark price known when they were announced.
    pub(super) funding_due: Vec<(Funding, Option<f64>)>,
    pub(super) mark: Option<f64>,
    pub(super) last: Option<f64>,
    pub(super) ts_last: UnixMicros,
}

/// A fill before it is booked.
pub(super) struct Execution {
    pub(super) reason: ExitReason,
    pub(super) ts: UnixMicros,
    pub(super) ts_arrival: UnixMicros,
    pub(super) ref_ticks: i64,
    pub(super) px_ticks: i64,
    pub(super) liquidity: Liquidity,
    pub(super) level_used: LevelUsed,
    pub(super) ambiguous: bool,
}

impl Execution {
    pub(super) fn market(
        reason: ExitReason,
        found: &Executable,
        ts_arrival: UnixMicros,
        (ref_ticks, px_ticks): (i64, i64),
    ) -> Self {
        Self {
            reason,
            ts: found.ts,
            ts_arrival,
            ref_ticks,
            px_ticks,
            liquidity: Liquidity::Taker,
            level_used: found.level_used,
            ambiguous: false,
        }
    }
}
