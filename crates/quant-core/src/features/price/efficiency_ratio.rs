//! Efficiency ratio: how much of the path was net movement. It has no direction.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, Window};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the net move over path length of 5-minute closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficiencyRatioParams {
    /// Number of moves n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EfficiencyRatioParams {
    const KIND: &'static str = "efficiency_ratio";
    const DOC: &'static str = "net move over path length of 5-minute closes";

    fn example() -> Self {
        Self {
            bars: 12,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("bars", self.bars, 2);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(EfficiencyRatio::new(self.bars, self.days_back))
    }
}

/// Net move over path length of closes.
pub(crate) type EfficiencyRatio = BarFeature<EfficiencyKernel>;

#[derive(Debug)]
pub(crate) struct EfficiencyKernel {
    closes: Window<f64>,
}

impl BarKernel for EfficiencyKernel {
    fn clear(&mut self) {
        self.closes.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        self.closes.push(bar.close);
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = None;
        if !self.closes.is_full() {
            return;
        }
        let mut closes = self.closes.iter();
        if let Some(first) = closes.next() {
            let (mut last, mut path) = (first, 0.0);
            for close in closes {
                path += libm::fabs(close - last);
                last = close;
            }
            // Rounding may lift a straight path's ratio above 1 by an ulp.
            out[0] = (path > 0.0).then(|| (libm::fabs(last - first) / path).min(1.0));
        }
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.closes.size())
    }
}

impl EfficiencyRatio {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "efficiency_ratio",
            columns: vec![format!("efficiency_ratio_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "|c_t - c_(t-n)| / sum_(i<n) |c_(t-i) - c_(t-i-1)|",
            units: "share in [0, 1]",
            window: format!("{bars} moves of 5m closes"),
            warmup: format!("{} bars", bars + 1),
            inputs: "5m close",
            nan_policy: "null until warm, in and after gaps until warm, and for a path of length 0",
            causality: BAR_CAUSALITY,
            reference: "Kaufman (1995), Smarter Trading",
            days_back,
        };
        Self::of(
            spec,
            EfficiencyKernel {
                closes: Window::new(bars + 1),
            },
        )
    }
}
