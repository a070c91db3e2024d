//! Effective spread of Roll: bounces make consecutive returns negatively correlated.

use serde::{Deserialize, Serialize};

use crate::features::kernels::returns::LastClose;
use crate::features::kernels::rolling::covariance;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the effective spread of Roll from the covariance of consecutive 1-minute returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for RollParams {
    const KIND: &'static str = "roll";
    const DOC: &'static str =
        "effective spread of Roll from the covariance of consecutive 1-minute returns";

    fn example() -> Self {
        Self {
            minutes: 60,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 3);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Roll::new(*self))
    }
}

/// Effective spread of Roll: bounces make consecutive returns negatively correlated.
pub(crate) type Roll = MinuteFeature<RollKernel>;

#[derive(Debug)]
pub(crate) struct RollKernel {
    last_close: LastClose,
    returns: Window<f64>,
}

impl MinuteKernel for RollKernel {
    fn clear(&mut self) {
        self.last_close.clear();
        self.returns.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        if let Some(r) = self.last_close.push(frame.traded()) {
            self.returns.push(r);
        }
        if self.returns.is_full() {
            let r = self.returns.as_slice();
            // A positive covariance is momentum, not a spread: its root would read as a wide one.
            out[0] = covariance(&r[1..], &r[..r.len() - 1])
                .filter(|cov| *cov < 0.0)
                .map(|cov| 2.0 * (-cov).sqrt());
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.returns.size() + 1)
    }
}

impl Roll {
    pub(crate) fn new(p: RollParams) -> Self {
        let spec = FeatureSpec {
            name: "roll",
            columns: vec![format!("roll_{}", p.minutes)],
            params: vec![("minutes", p.minutes.to_string())],
            formula: "2 sqrt(-cov), cov (ddof 1) of the n - 1 pairs (r_i, r_(i-1)) in the last n of \
                      r_t = ln(c_t / c_(t-1)), 0 for filled and absent minutes",
            units: "share of the price",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes + 1),
            inputs: "1m close, is_filled",
            nan_policy: "null until warm, in and after gaps until warm, and for a covariance that is \
                      not negative",
            causality: ROW_CAUSALITY,
            reference: "Roll (1984), A Simple Implicit Measure of the Effective Bid-Ask Spread in an \
                      Efficient Market",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            RollKernel {
                last_close: LastClose::new(),
                returns: Window::new(p.minutes),
            },
        )
    }
}
