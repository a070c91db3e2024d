//! Imbalance of what rests in the book.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{Of, STAT_NULLS, Scored};
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const OBI_TW: usize = stat_column("obi_tw");

/// Parameters of the imbalance of resting quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObiParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for ObiParams {
    const KIND: &'static str = "obi";
    const DOC: &'static str = "mean weighted imbalance of resting quantity, and its z";

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
            columns: vec![format!("obi_{n}"), format!("obi_z_{n}_{m}")],
            params: vec![
                ("minutes", n.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "x = mean_(i<n) obi_tw_(t-i); (x_t - mean) / std of x over m minutes",
            units: "share in [-1, 1]; standard deviations",
            window: format!("{} minutes", n + m - 1),
            warmup: format!("{n} minutes; its score {} minutes", n + m - 1),
            inputs: "1m obi_tw",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Cartea, Donnelly and Jaimungal (2018), Enhancing Trading Strategies with Order Book Signals",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel(Scored::new(Of::Mean, n, m, self.min_valid_share)),
        ))
    }
}

/// Scores the n-minute mean of `obi_tw`.
#[derive(Debug)]
struct Kernel(Scored);

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = self.0.push(frame.stat(OBI_TW));
        out[1] = self.0.z();
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.0.memory())
    }
}
