//! How unusual the order flow imbalance is.

use serde::{Deserialize, Serialize};

use crate::features::flow::ofi::OFI;
use crate::features::flow::{Of, STAT_NULLS, Scored};
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the scores of the order flow imbalance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfiZParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for OfiZParams {
    const KIND: &'static str = "ofi_z";
    const DOC: &'static str = "z and median-based z of the order flow imbalance";

    fn example() -> Self {
        Self {
            minutes: 30,
            lookback: 240,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("lookback", self.lookback, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (n, m) = (self.minutes, self.lookback);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("ofi_z_{n}_{m}"), format!("ofi_zmad_{n}_{m}")],
            params: vec![
                ("minutes", n.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "(x_t - mean) / std; (x_t - median) / (1.4826 median |x - median|), x = ofi_n over m minutes",
            units: "standard deviations",
            window: format!("{} minutes", n + m - 1),
            warmup: format!("{} minutes", n + m - 1),
            inputs: "1m ofi",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Cont, Kukanov and Stoikov (2014), The Price Impact of Order Book Events",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel(Scored::with_mad(Of::Sum, n, m, self.min_valid_share)),
        ))
    }
}

/// Scores the n-minute sum of `ofi`.
#[derive(Debug)]
struct Kernel(Scored);

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.0.push(frame.stat(OFI));
        out[0] = self.0.z();
        out[1] = self.0.zmad();
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.0.memory())
    }
}
