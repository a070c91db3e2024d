//! Range volatility of Garman and Klass.

use serde::{Deserialize, Serialize};

use crate::features::kernels::range_vol::{BarVariance, RangeKernel};
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the range volatility of Garman and Klass of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GarmanKlassParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for GarmanKlassParams {
    const KIND: &'static str = "garman_klass";
    const DOC: &'static str = "range volatility of Garman and Klass of 5-minute bars";

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
        Box::new(GarmanKlass::new(*self))
    }
}

/// Range volatility of Garman and Klass.
pub(crate) type GarmanKlass = BarFeature<RangeKernel<GarmanKlassVariance>>;

/// `0.5 ln(h / l)^2 - (2 ln 2 - 1) ln(c / o)^2`.
#[derive(Debug)]
pub(crate) struct GarmanKlassVariance;

impl BarVariance for GarmanKlassVariance {
    fn variance(bar: &PriceBar) -> f64 {
        let range = libm::log(bar.high / bar.low);
        let body = libm::log(bar.close / bar.open);
        0.5 * range * range - (2.0 * core::f64::consts::LN_2 - 1.0) * body * body
    }
}

impl GarmanKlass {
    pub(crate) fn new(p: GarmanKlassParams) -> Self {
        let spec = FeatureSpec {
            name: "garman_klass",
            columns: vec![format!("garman_klass_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "sqrt(mean_n (0.5 ln(h / l)^2 - (2 ln 2 - 1) ln(c / o)^2))",
            units: "log return per 5m bar, not annualised",
            window: format!("{} 5m bars", p.bars),
            warmup: format!("{} bars", p.bars),
            inputs: "5m open, high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, and for a negative mean",
            causality: BAR_CAUSALITY,
            reference: "Garman and Klass (1980), On the Estimation of Security Price Volatilities from \
                      Historical Data",
            days_back: p.days_back,
        };
        Self::of(spec, RangeKernel::new(p.bars))
    }
}
