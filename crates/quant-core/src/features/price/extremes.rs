//! Highest high and lowest low of the bars before the current one.
//!
//! The current bar is excluded so that "beyond the extreme" compares it with its past.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS, Window,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the highest high and lowest low of the 5-minute bars before the current one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtremesParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for ExtremesParams {
    const KIND: &'static str = "extremes";
    const DOC: &'static str =
        "highest high and lowest low of the 5-minute bars before the current one";

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
        Box::new(Extremes::new(self.bars, self.days_back))
    }
}

/// Highest high and lowest low of the `n` bars before the last completed one.
pub(crate) type Extremes = BarFeature<ExtremesKernel>;

#[derive(Debug)]
pub(crate) struct ExtremesKernel {
    /// (high, low) of the last `n + 1` bars.
    bars: Window<(f64, f64)>,
}

impl BarKernel for ExtremesKernel {
    fn clear(&mut self) {
        self.bars.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        self.bars.push((bar.high, bar.low));
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out.fill(None);
        if self.bars.is_full() {
            let before = || self.bars.iter().rev().skip(1);
            out[0] = before().map(|(high, _)| high).reduce(f64::max);
            out[1] = before().map(|(_, low)| low).reduce(f64::min);
        }
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.bars.size())
    }
}

impl Extremes {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "extremes",
            columns: vec![format!("high_{bars}"), format!("low_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "max_(1<=i<=n) h_(t-i); min_(1<=i<=n) l_(t-i)",
            units: "quote per base",
            window: format!("{bars} 5m bars before the last completed one"),
            warmup: format!("{} bars", bars + 1),
            inputs: "5m high, low",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "Donchian channel without the current bar",
            days_back,
        };
        Self::of(
            spec,
            ExtremesKernel {
                bars: Window::new(bars + 1),
            },
        )
    }
}
