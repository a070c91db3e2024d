//! Exponential mean of 5-minute closes.

use serde::{Deserialize, Serialize};

use crate::features::kernels::ema::EmaState;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the exponential mean of 5-minute closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaParams {
    /// Span n; `alpha = 2 / (n + 1)`.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EmaParams {
    const KIND: &'static str = "ema";
    const DOC: &'static str = "exponential mean of 5-minute closes";

    fn example() -> Self {
        Self {
            bars: 20,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("bars", self.bars, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Ema::new(self.bars, self.days_back))
    }
}

/// Exponential mean of closes.
pub(crate) type Ema = BarFeature<EmaKernel>;

#[derive(Debug)]
pub(crate) struct EmaKernel(EmaState);

impl BarKernel for EmaKernel {
    fn clear(&mut self) {
        self.0.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.0.push(bar.close);
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.0.value();
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl Ema {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "ema",
            columns: vec![format!("ema_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "e_0 = c_0; e_t = a c_t + (1 - a) e_(t-1); a = 2 / (n + 1)",
            units: "quote per base",
            window: format!("recursive over 5m bars, span {bars}"),
            warmup: format!("{bars} bars"),
            inputs: "5m close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "pandas ewm(span=n, adjust=False).mean()",
            days_back,
        };
        Self::of(spec, EmaKernel(EmaState::new(bars)))
    }
}
