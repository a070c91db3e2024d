//! Standard deviation of 5-minute log returns.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the standard deviation of 5-minute log returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseVolParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for CloseVolParams {
    const KIND: &'static str = "close_vol";
    const DOC: &'static str = "standard deviation of 5-minute log returns";

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
        Box::new(CloseVol::new(*self))
    }
}

/// Standard deviation of 5-minute log returns.
pub(crate) type CloseVol = BarFeature<CloseVolKernel>;

#[derive(Debug)]
pub(crate) struct CloseVolKernel {
    last_close: Option<f64>,
    returns: ValidSum,
}

impl BarKernel for CloseVolKernel {
    fn clear(&mut self) {
        self.last_close = None;
        self.returns.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        if let Some(before) = self.last_close.replace(bar.close) {
            self.returns.push(Some(libm::log(bar.close / before)));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.returns.mean_std().map(|(_, std)| std);
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.returns.size() + 1)
    }
}

impl CloseVol {
    pub(crate) fn new(p: CloseVolParams) -> Self {
        let spec = FeatureSpec {
            name: "close_vol",
            columns: vec![format!("close_vol_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "std (ddof 1) of the last n of r_t = ln(c_t / c_(t-1))",
            units: "log return per 5m bar, not annualised",
            window: format!("{} returns of 5m closes", p.bars),
            warmup: format!("{} bars", p.bars + 1),
            inputs: "5m close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "sample standard deviation",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            CloseVolKernel {
                last_close: None,
                returns: ValidSum::new(p.bars, 1.0),
            },
        )
    }
}
