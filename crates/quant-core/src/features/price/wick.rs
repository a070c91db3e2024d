//! Wick shares of the last completed 5-minute bar.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the upper and lower wick of the last 5-minute bar over its range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WickParams {
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for WickParams {
    const KIND: &'static str = "wick";
    const DOC: &'static str = "upper and lower wick of the last 5-minute bar over its range";

    fn example() -> Self {
        Self { days_back: 0 }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Wick::new(self.days_back))
    }
}

/// Upper and lower wick over the range of the last completed bar.
pub(crate) type Wick = BarFeature<WickKernel>;

#[derive(Debug)]
pub(crate) struct WickKernel {
    last: Option<PriceBar>,
}

impl BarKernel for WickKernel {
    fn clear(&mut self) {
        self.last = None;
    }

    fn push(&mut self, bar: &PriceBar) {
        self.last = Some(*bar);
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out.fill(None);
        if let Some(bar) = &self.last {
            let range = bar.high - bar.low;
            if range > 0.0 {
                out[0] = Some((bar.high - bar.open.max(bar.close)) / range);
                out[1] = Some((bar.open.min(bar.close) - bar.low) / range);
            }
        }
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(1)
    }
}

impl Wick {
    pub(crate) fn new(days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "wick",
            columns: vec!["upper_wick".to_owned(), "lower_wick".to_owned()],
            params: vec![],
            formula: "(h - max(o, c)) / (h - l); (min(o, c) - l) / (h - l)",
            units: "share in [0, 1]",
            window: "the last completed 5m bar".to_owned(),
            warmup: "1 bar".to_owned(),
            inputs: "5m open, high, low, close",
            nan_policy: "null before the first bar, in gaps, and for a range of 0",
            causality: BAR_CAUSALITY,
            reference: "candlestick shadows",
            days_back,
        };
        Self::of(spec, WickKernel { last: None })
    }
}
