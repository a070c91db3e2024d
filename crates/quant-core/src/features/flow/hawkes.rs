//! Self-exciting intensity of large moves: each adds a jump that decays.

use serde::{Deserialize, Serialize};

use crate::features::kernels::returns::LastClose;
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the intensity of large moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HawkesParams {
    /// Number of returns before t that a move is compared with.
    pub sigma_minutes: u32,
    /// Standard deviations that make a move large.
    pub threshold: f64,
    /// Minutes in which the excitement falls to 1/e.
    pub decay_minutes: f64,
    /// What a large move adds, in multiples of the base.
    pub jump: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for HawkesParams {
    const KIND: &'static str = "hawkes";
    const DOC: &'static str = "self-exciting intensity of large one-minute moves";

    fn example() -> Self {
        Self {
            sigma_minutes: 60,
            threshold: 2.0,
            decay_minutes: 10.0,
            jump: 1.0,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("sigma_minutes", self.sigma_minutes, 2);
        rules.number("threshold", self.threshold, 0.0, 100.0);
        rules.number("decay_minutes", self.decay_minutes, 0.1, 1_440.0);
        rules.number("jump", self.jump, 0.0, 1_000.0);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let m = self.sigma_minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("hawkes_{m}")],
            params: vec![
                ("sigma_minutes", m.to_string()),
                ("threshold", self.threshold.to_string()),
                ("decay_minutes", self.decay_minutes.to_string()),
                ("jump", self.jump.to_string()),
            ],
            formula: "1 + L_t, L_t = L_(t-1) exp(-1 / decay_minutes) + jump 1{|r_t| > threshold s}, s = std of the sigma_minutes returns before t",
            units: "multiples of the base intensity, at least 1",
            window: format!("{m} returns, and all moves since the start of the segment"),
            warmup: format!("{} minutes", m + 2),
            inputs: "1m close, is_filled",
            nan_policy: "null until warm, in and after gaps until warm",
            causality: ROW_CAUSALITY,
            reference: "Hawkes (1971), Spectra of Some Self-exciting and Mutually Exciting Point Processes",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                threshold: self.threshold,
                decay: libm::exp(-1.0 / self.decay_minutes),
                jump: self.jump,
                closes: LastClose::new(),
                returns: ValidSum::new(m, 1.0),
                excitement: 0.0,
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    threshold: f64,
    /// What is left of the excitement after a minute.
    decay: f64,
    jump: f64,
    closes: LastClose,
    /// The returns before the current one.
    returns: ValidSum,
    /// L.
    excitement: f64,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.closes.clear();
        self.returns.clear();
        self.excitement = 0.0;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let Some(r) = self.closes.push(frame.traded()) else {
            return;
        };
        if let Some((_, s)) = self.returns.mean_std() {
            self.excitement *= self.decay;
            if libm::fabs(r) > self.threshold * s {
                self.excitement += self.jump;
            }
            out[0] = Some(1.0 + self.excitement);
        }
        self.returns.push(Some(r));
    }

    fn memory_minutes(&self) -> Option<u32> {
        None
    }
}
