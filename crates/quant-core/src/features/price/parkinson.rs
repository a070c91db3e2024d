//! Range volatility of Parkinson.

use serde::{Deserialize, Serialize};

use crate::features::kernels::range_vol::{BarVariance, RangeKernel};
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the range volatility of Parkinson of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkinsonParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for ParkinsonParams {
    const KIND: &'static str = "parkinson";
    const DOC: &'static str = "range volatility of Parkinson of 5-minute bars";

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
        Box::new(Parkinson::new(*self))
    }
}

/// Range volatility of Parkinson.
pub(crate) type Parkinson = BarFeature<RangeKernel<ParkinsonVariance>>;

/// `ln(h / l)^2 / (4 ln 2)`.
#[derive(Debug)]
pub(crate) struct ParkinsonVariance;

impl BarVariance for ParkinsonVariance {
    fn variance(bar: &PriceBar) -> f64 {
        let range = libm::log(bar.high / bar.low);
        range * range / (4.0 * core::f64::consts::LN_2)
    }
}

impl Parkinson {
    pub(crate) fn new(p: ParkinsonParams) -> Self {
        let spec = FeatureSpec {
            name: "parkinson",
            columns: vec![format!("parkinson_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "sqrt(mean_n ln(h / l)^2 / (4 ln 2))",
            units: "log return per 5m bar, not annualised",
            window: format!("{} 5m bars", p.bars),
            warmup: format!("{} bars", p.bars),
            inputs: "5m high, low",
            nan_policy: "null until warm, in and after gaps until warm, and for a negative mean",
            causality: BAR_CAUSALITY,
            reference: "Parkinson (1980), The Extreme Value Method for Estimating the Variance of the \
                      Rate of Return",
            days_back: p.days_back,
        };
        Self::of(spec, RangeKernel::new(p.bars))
    }
}
