//! How unusual the notional of forced orders is.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{Of, STAT_NULLS, Scored};
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const BUY: usize = stat_column("liq_buy");
const SELL: usize = stat_column("liq_sell");

/// Parameters of the score of forced orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiquidationPressureParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for LiquidationPressureParams {
    const KIND: &'static str = "liquidation_pressure";
    const DOC: &'static str = "z of the notional of forced orders";

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
            columns: vec![format!("lpi_{n}_{m}")],
            params: vec![
                ("minutes", n.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "(x_t - mean) / std over m minutes, x = sum_(i<n) (liq_buy + liq_sell)_(t-i)",
            units: "standard deviations",
            window: format!("{} minutes", n + m - 1),
            warmup: format!("{} minutes", n + m - 1),
            inputs: "1m liq_buy, liq_sell",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "z-score of liquidation notional",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel(Scored::new(Of::Sum, n, m, self.min_valid_share)),
        ))
    }
}

#[derive(Debug)]
struct Kernel(Scored);

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let both = frame.stat(BUY).zip(frame.stat(SELL));
        self.0.push(both.map(|(buy, sell)| buy + sell));
        out[0] = self.0.z();
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.0.memory())
    }
}
