//! Median volume of the bars before the current one.
//!
//! The current bar is excluded so that "above the median" compares it with its past.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::SortedWindow;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the median volume of the 5-minute bars before the current one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeMedianParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for VolumeMedianParams {
    const KIND: &'static str = "volume_median";
    const DOC: &'static str = "median volume of the 5-minute bars before the current one";

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
        Box::new(VolumeMedian::new(self.bars, self.days_back))
    }
}

/// Median volume of the `n` bars before the last completed one.
pub(crate) type VolumeMedian = BarFeature<VolumeMedianKernel>;

#[derive(Debug)]
pub(crate) struct VolumeMedianKernel {
    last: Option<f64>,
    /// The bars before the last one.
    before: SortedWindow,
}

impl BarKernel for VolumeMedianKernel {
    fn clear(&mut self) {
        self.last = None;
        self.before.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        if let Some(volume) = self.last.replace(bar.volume) {
            self.before.push(Some(volume));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.before.median();
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.before.size() + 1)
    }
}

impl VolumeMedian {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "volume_median",
            columns: vec![format!("volume_median_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "median_(1<=i<=n) v_(t-i)",
            units: "base units per 5m bar",
            window: format!("{bars} 5m bars before the last completed one"),
            warmup: format!("{} bars", bars + 1),
            inputs: "5m volume",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "median of an even count: mean of the middle two",
            days_back,
        };
        Self::of(
            spec,
            VolumeMedianKernel {
                last: None,
                before: SortedWindow::new(bars, 1.0),
            },
        )
    }
}
