//! Range volatility of Rogers and Satchell.

use serde::{Deserialize, Serialize};

use crate::features::kernels::range_vol::{BarVariance, RangeKernel};
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the range volatility of Rogers and Satchell of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RogersSatchellParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for RogersSatchellParams {
    const KIND: &'static str = "rogers_satchell";
    const DOC: &'static str = "range volatility of Rogers and Satchell of 5-minute bars";

    fn example() -> Self {
        Self {
            bars: 24,
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
        Box::new(RogersSatchell::new(*self))
    }
}

/// Range volatility of Rogers and Satchell.
pub(crate) type RogersSatchell = BarFeature<RangeKernel<RogersSatchellVariance>>;

/// `ln(h / c) ln(h / o) + ln(l / c) ln(l / o)`.
#[derive(Debug)]
pub(crate) struct RogersSatchellVariance;

impl BarVariance for RogersSatchellVariance {
    fn variance(bar: &PriceBar) -> f64 {
        libm::log(bar.high / bar.close) * libm::log(bar.high / bar.open)
            + libm::log(bar.low / bar.close) * libm::log(bar.low / bar.open)
    }
}

impl RogersSatchell {
    pub(crate) fn new(p: RogersSatchellParams) -> Self {
        let spec = FeatureSpec {
            name: "rogers_satchell",
            columns: vec![format!("rogers_satchell_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "sqrt(mean_n (ln(h / c) ln(h / o) + ln(l / c) ln(l / o)))",
            units: "log return per 5m bar, not annualised",
            window: format!("{} 5m bars", p.bars),
            warmup: format!("{} bars", p.bars),
            inputs: "5m open, high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, and for a negative mean",
            causality: BAR_CAUSALITY,
            reference: "Rogers and Satchell (1991), Estimating Variance from High, Low and Closing \
                      Prices",
            days_back: p.days_back,
        };
        Self::of(spec, RangeKernel::new(p.bars))
    }
}
