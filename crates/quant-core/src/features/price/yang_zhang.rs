//! Volatility of Yang and Zhang: opens, closes and ranges together.

use serde::{Deserialize, Serialize};

use crate::features::kernels::range_vol::BarVariance;
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar};
use crate::features::price::rogers_satchell::RogersSatchellVariance;
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the volatility of Yang and Zhang of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YangZhangParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for YangZhangParams {
    const KIND: &'static str = "yang_zhang";
    const DOC: &'static str = "volatility of Yang and Zhang of 5-minute bars";

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
        Box::new(YangZhang::new(*self))
    }
}

/// Volatility of Yang and Zhang: opens, closes and ranges together.
pub(crate) type YangZhang = BarFeature<YangZhangKernel>;

#[derive(Debug)]
pub(crate) struct YangZhangKernel {
    /// `0.34 / (1.34 + (n + 1) / (n - 1))`: the weight of least variance at a base of 1.34.
    k: f64,
    last_close: Option<f64>,
    opens: ValidSum,
    closes: ValidSum,
    ranges: ValidSum,
}

impl BarKernel for YangZhangKernel {
    fn clear(&mut self) {
        self.last_close = None;
        self.opens.clear();
        self.closes.clear();
        self.ranges.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        if let Some(before) = self.last_close.replace(bar.close) {
            self.opens.push(Some(libm::log(bar.open / before)));
            self.closes.push(Some(libm::log(bar.close / bar.open)));
            self.ranges
                .push(Some(RogersSatchellVariance::variance(bar)));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = match (
            self.opens.mean_std(),
            self.closes.mean_std(),
            self.ranges.mean(),
        ) {
            (Some((_, open)), Some((_, close)), Some(range)) => {
                let variance = open * open + self.k * close * close + (1.0 - self.k) * range;
                (variance >= 0.0).then(|| variance.sqrt())
            }
            _ => None,
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.ranges.size() + 1)
    }
}

impl YangZhang {
    pub(crate) fn new(p: YangZhangParams) -> Self {
        let spec = FeatureSpec {
            name: "yang_zhang",
            columns: vec![format!("yang_zhang_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "sqrt(s_o^2 + k s_c^2 + (1 - k) s_rs^2); s_o^2 = var ln(o_t / c_(t-1)), s_c^2 = \
                      var ln(c_t / o_t), ddof 1; s_rs^2 = mean of Rogers-Satchell; k = 0.34 / (1.34 \
                      + (n + 1) / (n - 1))",
            units: "log return per 5m bar, not annualised",
            window: format!("{} 5m bars and the close before them", p.bars),
            warmup: format!("{} bars", p.bars + 1),
            inputs: "5m open, high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, and for a negative variance",
            causality: BAR_CAUSALITY,
            reference: "Yang and Zhang (2000), Drift-Independent Volatility Estimation",
            days_back: p.days_back,
        };
        let n = f64::from(p.bars);
        Self::of(
            spec,
            YangZhangKernel {
                k: 0.34 / (1.34 + (n + 1.0) / (n - 1.0)),
                last_close: None,
                opens: ValidSum::new(p.bars, 1.0),
                closes: ValidSum::new(p.bars, 1.0),
                ranges: ValidSum::new(p.bars, 1.0),
            },
        )
    }
}
