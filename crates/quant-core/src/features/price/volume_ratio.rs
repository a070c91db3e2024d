//! Volume of the last bar against the mean of those before it.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the volume of the last 5-minute bar over the mean of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeRatioParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for VolumeRatioParams {
    const KIND: &'static str = "volume_ratio";
    const DOC: &'static str = "volume of the last 5-minute bar over the mean of those before it";

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
        Box::new(VolumeRatio::new(*self))
    }
}

/// Volume of the last bar against the mean of those before it.
pub(crate) type VolumeRatio = BarFeature<VolumeRatioKernel>;

#[derive(Debug)]
pub(crate) struct VolumeRatioKernel {
    last: Option<f64>,
    /// The bars before the last one.
    before: ValidSum,
}

impl BarKernel for VolumeRatioKernel {
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
        out[0] = match (self.last, self.before.mean()) {
            (Some(last), Some(mean)) if mean > 0.0 => Some(last / mean),
            _ => None,
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.before.size() + 1)
    }
}

impl VolumeRatio {
    pub(crate) fn new(p: VolumeRatioParams) -> Self {
        let spec = FeatureSpec {
            name: "volume_ratio",
            columns: vec![format!("volume_ratio_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "v_t / mean_(1<=i<=n) v_(t-i)",
            units: "ratio",
            window: format!("the last completed 5m bar and {} before it", p.bars),
            warmup: format!("{} bars", p.bars + 1),
            inputs: "5m volume",
            nan_policy: "null until warm, in and after gaps until warm, and for a mean of 0",
            causality: BAR_CAUSALITY,
            reference: "relative volume",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            VolumeRatioKernel {
                last: None,
                before: ValidSum::new(p.bars, 1.0),
            },
        )
    }
}
