//! The exit path of one open trade: which barrier a price or a bar reaches first.
//!
//! Pure integer arithmetic in ticks, seen from the trade's own side: up is always good.

use crate::market::Side;
use crate::risk::{Barrier, TiePolicy};
use crate::sim::report::ExitReason;
use crate::units::Step;

/// Distances of target and stop from the entry, in ticks, both above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Distances {
    pub(super) tp: i64,
    pub(super) sl: i64,
}

impl Distances {
    /// Returns the distances on the tick grid: the target rounded away from the entry, the stop toward it, so that
    /// rounding never helps. `None` if either is less than a tick.
    pub(super) fn new(barrier: &Barrier, tick: Step) -> Option<Self> {
        let tp = tick.ceil(barrier.tp_mult * barrier.width)?;
        let sl = tick.floor(barrier.sl_mult * barrier.width)?;
        (tp >= 1 && sl >= 1 && barrier.tp_mult * barrier.width >= tick.size())
            .then_some(Self { tp, sl })
    }
}

/// The barriers of one open trade, ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    pub(super) side: Side,
    pub(super) entry: i64,
    pub(super) distances: Distances,
    pub(super) tie: TiePolicy,
}

/// A barrier that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// `Tp` or `Sl`.
    pub(super) reason: ExitReason,
    /// Price before slippage, ticks.
    pub(super) ref_ticks: i64,
    /// The first price was already there, so the instant is known.
    pub(super) at_open: bool,
    /// Both barriers were crossed in one bar.
    pub(super) ambiguous: bool,
}

impl Levels {
    /// Returns the target price, ticks.
    pub(super) fn tp(&self) -> i64 {
        self.entry + i64::from(self.side.sign()) * self.distances.tp
    }

    /// Returns the stop price, ticks.
    pub(super) fn sl(&self) -> i64 {
        self.entry - i64::from(self.side.sign()) * self.distances.sl
    }

    /// Returns how far `px` lies in our favour, ticks.
    pub(super) fn gain(&self, px: i64) -> i64 {
        i64::from(self.side.sign()) * (px - self.entry)
    }

    /// Returns the barrier one price reaches: the stop when touched, at that price; the target only when traded
    /// through, because a touch does not prove that a resting order was filled, and then at its limit.
    pub(super) fn on_price(&self, px: i64) -> Option<Hit> {
        let gain = self.gain(px);
        if gain <= -self.distances.sl {
            Some(hit(ExitReason::Sl, px, true, false))
        } else if gain > self.distances.tp {
            Some(hit(ExitReason::Tp, self.tp(), true, false))
        } else {
            None
        }
    }

    /// Returns the barrier a bar reaches first. Its open comes first and is judged alone; of high and low nothing
    /// is known but that they happened, so if both barriers are crossed the tie policy decides.
    pub(super) fn on_bar(&self, open: i64, high: i64, low: i64) -> Option<Hit> {
        if let Some(hit) = self.on_price(open) {
            return Some(hit);
        }
        let (best, worst) = match self.side {
            Side::Buy => (self.gain(high), self.gain(low)),
            Side::Sell => (self.gain(low), self.gain(high)),
        };
        let tp = best > self.distances.tp;
        let sl = worst <= -self.distances.sl;
        let both = tp && sl;
        if sl && (!both || self.tie == TiePolicy::SlFirst) {
            Some(hit(ExitReason::Sl, self.sl(), false, both))
        } else if tp {
            Some(hit(ExitReason::Tp, self.tp(), false, both))
        } else {
            None
        }
    }
}

fn hit(reason: ExitReason, ref_ticks: i64, at_open: bool, ambiguous: bool) -> Hit {
    Hit {
        reason,
        ref_ticks,
        at_open,
        ambiguous,
    }
}
