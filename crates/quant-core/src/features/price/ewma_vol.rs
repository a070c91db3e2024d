//! Exponentially weighted standard deviation of 5-minute log returns.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the exponentially weighted standard deviation of 5-minute log returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EwmaVolParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EwmaVolParams {
    const KIND: &'static str = "ewma_vol";
    const DOC: &'static str = "exponentially weighted standard deviation of 5-minute log returns";

    fn example() -> Self {
        Self {
            bars: 24,
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
        Box::new(EwmaVol::new(*self))
    }
}

/// Exponentially weighted standard deviation of 5-minute log returns.
pub(crate) type EwmaVol = BarFeature<EwmaVolKernel>;

/// The recursion of pandas: weights relative to the newest return, whose own weight is 1.
#[derive(Debug)]
pub(crate) struct EwmaVolKernel {
    n: u32,
    last_close: Option<f64>,
    seen: u32,
    mean: f64,
    /// Weighted mean of squared deviations.
    biased: f64,
    weight: f64,
    weight_sq: f64,
}

impl BarKernel for EwmaVolKernel {
    fn clear(&mut self) {
        *self = Self::new(self.n);
    }

    fn push(&mut self, bar: &PriceBar) {
        let Some(before) = self.last_close.replace(bar.close) else {
            return;
        };
        let r = libm::log(bar.close / before);
        let decay = 1.0 - 2.0 / (f64::from(self.n) + 1.0);
        let old = self.weight * decay;
        self.weight = old + 1.0;
        self.weight_sq = self.weight_sq * decay * decay + 1.0;
        // As a step from the old mean, equal returns leave it, and the deviations at 0, without rounding.
        let mean = self.mean + (r - self.mean) / self.weight;
        let (moved, off) = (self.mean - mean, r - mean);
        self.biased = (old * (self.biased + moved * moved) + off * off) / self.weight;
        self.mean = mean;
        self.seen = self.seen.saturating_add(1);
    }

    fn write(&self, out: &mut [Option<f64>]) {
        let square = self.weight * self.weight;
        let free = square - self.weight_sq;
        out[0] = (self.seen >= self.n && free > 0.0).then(|| (square / free * self.biased).sqrt());
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl EwmaVolKernel {
    const fn new(n: u32) -> Self {
        Self {
            n,
            last_close: None,
            seen: 0,
            mean: 0.0,
            biased: 0.0,
            weight: 0.0,
            weight_sq: 0.0,
        }
    }
}

impl EwmaVol {
    pub(crate) fn new(p: EwmaVolParams) -> Self {
        let spec = FeatureSpec {
            name: "ewma_vol",
            columns: vec![format!("ewma_vol_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "w_i = (1 - a)^(t-i), a = 2 / (n + 1), W = sum w_i, W2 = sum w_i^2; sqrt(W^2 / \
                      (W^2 - W2) * sum w_i (r_i - m)^2 / W), m = sum w_i r_i / W, over all returns \
                      since the start",
            units: "log return per 5m bar, not annualised",
            window: format!("recursive over returns of 5m closes, span {}", p.bars),
            warmup: format!("{} bars", p.bars + 1),
            inputs: "5m close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "pandas ewm(span=n, adjust=True).std(bias=False)",
            days_back: p.days_back,
        };
        Self::of(spec, EwmaVolKernel::new(p.bars))
    }
}
