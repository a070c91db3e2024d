//! Realised volatility of minute closes.

use serde::{Deserialize, Serialize};

use crate::features::kernels::ROW_CAUSALITY;
use crate::features::kernels::returns::RealisedReturns;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, Replay, RowFeature};

/// Parameters of the root of the sum of squared 1-minute log returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealisedVolParams {
    /// Number of returns n.
    pub minutes: u32,
    /// Smallest share of returns into minutes that are not filled.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for RealisedVolParams {
    const KIND: &'static str = "realised_vol";
    const DOC: &'static str = "root of the sum of squared 1-minute log returns";

    fn example() -> Self {
        Self {
            minutes: 60,
            min_valid_share: 0.8,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(RealisedVol::new(
            self.minutes,
            self.min_valid_share,
            self.days_back,
        ))
    }
}

/// Root of the sum of squared one-minute log returns.
#[derive(Debug)]
pub(crate) struct RealisedVol {
    spec: FeatureSpec,
    returns: RealisedReturns,
}

impl RealisedVol {
    pub(crate) fn new(minutes: u32, min_valid_share: f64, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "realised_vol",
            columns: vec![format!("realised_vol_{minutes}")],
            params: vec![
                ("minutes", minutes.to_string()),
                ("min_valid_share", min_valid_share.to_string()),
            ],
            formula: "sqrt(sum_(i<n) r_(t-i)^2), r_t = ln(c_t / c_(t-1)), 0 for filled and absent minutes",
            units: "log return over the window, not annualised",
            window: format!("{minutes} minutes"),
            warmup: format!("{} minutes", minutes + 1),
            inputs: "1m close, is_filled",
            nan_policy: "null until warm, in and after gaps until warm, and below min_valid_share of real minutes",
            causality: ROW_CAUSALITY,
            reference: "realised variance, Andersen and Bollerslev (1998)",
            days_back,
        };
        Self {
            spec,
            returns: RealisedReturns::new(minutes, min_valid_share),
        }
    }
}

impl RowFeature for RealisedVol {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn replay(&self) -> Replay {
        self.returns.replay()
    }

    fn reset(&mut self) {
        self.returns.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = self.returns.update(frame);
    }
}
