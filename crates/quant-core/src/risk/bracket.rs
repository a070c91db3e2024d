//! An entry with its three barriers, as intent: prices are not known before the fill.

use serde::{Deserialize, Serialize};

use crate::market::Side;
use crate::risk::{RiskError, positive};
use crate::time::UnixMicros;
use crate::units::Micros;

/// Which barrier counts when one bar crossed both and nothing finer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TiePolicy {
    /// The stop came first (pessimistic).
    SlFirst,
    /// The target came first (optimistic; with `SlFirst` it bounds the result).
    TpFirst,
}

/// Distances of the triple barrier, fixed at the decision.
///
/// # Units
/// `width` quote per base (for example the ATR at the decision); multiples without unit; `horizon` microseconds of
/// wall clock from the decision.
///
/// ```text
/// TP = P0 + s * tp_mult * width     SL = P0 - s * sl_mult * width     T1 = ts_decision + horizon
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Barrier {
    /// Width the multiples apply to, quote per base.
    pub width: f64,
    /// Target distance in widths.
    pub tp_mult: f64,
    /// Stop distance in widths.
    pub sl_mult: f64,
    /// Longest life, from the decision on.
    pub horizon: Micros,
    /// What a bar that crossed both barriers means.
    pub tie: TiePolicy,
}

impl Barrier {
    /// Returns the terms if all of them can be used.
    ///
    /// # Errors
    /// `RiskError::OutOfRange` for a width, multiple or horizon that is not finite and positive.
    pub fn check(self) -> Result<Self, RiskError> {
        positive("barrier.width", self.width)?;
        positive("barrier.tp_mult", self.tp_mult)?;
        positive("barrier.sl_mult", self.sl_mult)?;
        positive("barrier.horizon", self.horizon.0 as f64)?;
        Ok(self)
    }
}

/// A market entry that carries its own exits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BracketOrder {
    /// Entry id, unique within a run.
    pub id: String,
    /// Position of the instrument in the run's list.
    pub instrument_idx: usize,
    /// Side of the entry: `Buy` opens a long.
    pub side: Side,
    /// Quantity in lots, above zero.
    pub qty_lots: i64,
    /// Instant of the decision (`ts_avail` of the last row used).
    pub ts_decision: UnixMicros,
    /// Exit terms.
    pub barrier: Barrier,
}

impl BracketOrder {
    /// Returns the instant the trade is given up, `ts_decision + horizon`.
    pub const fn ts_horizon(&self) -> UnixMicros {
        self.barrier.horizon.after(self.ts_decision)
    }
}
