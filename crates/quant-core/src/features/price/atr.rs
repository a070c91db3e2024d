//! Wilder's average true range of 5-minute bars.

use serde::{Deserialize, Serialize};

use crate::features::kernels::atr::AtrState;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the Wilder's average true range of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtrParams {
    /// Window n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for AtrParams {
    const KIND: &'static str = "atr";
    const DOC: &'static str = "Wilder's average true range of 5-minute bars";

    fn example() -> Self {
        Self {
            bars: 14,
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
        Box::new(Atr::new(self.bars, self.days_back))
    }
}

/// Wilder's average true range.
pub(crate) type Atr = BarFeature<AtrKernel>;

#[derive(Debug)]
pub(crate) struct AtrKernel(AtrState);

impl BarKernel for AtrKernel {
    fn clear(&mut self) {
        self.0.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.0.push(bar);
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.0.value();
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl Atr {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "atr",
            columns: vec![format!("atr_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "tr_t = max(h_t, c_(t-1)) - min(l_t, c_(t-1)), tr_0 = h_0 - l_0; \
                      a_(n-1) = mean of the first n; a_t = (a_(t-1) (n - 1) + tr_t) / n",
            units: "quote per base",
            window: format!("recursive over 5m bars, {bars}"),
            warmup: format!("{bars} bars"),
            inputs: "5m high, low, close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "Wilder (1978), New Concepts in Technical Trading Systems",
            days_back,
        };
        Self::of(spec, AtrKernel(AtrState::new(bars)))
    }
}
