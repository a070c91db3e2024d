//! Volume per minute.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the volume per minute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeRateParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for VolumeRateParams {
    const KIND: &'static str = "volume_rate";
    const DOC: &'static str = "volume per minute";

    fn example() -> Self {
        Self {
            minutes: 15,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(VolumeRate::new(*self))
    }
}

/// Volume per minute.
pub(crate) type VolumeRate = MinuteFeature<VolumeRateKernel>;

#[derive(Debug)]
pub(crate) struct VolumeRateKernel {
    volumes: ValidSum,
}

impl MinuteKernel for VolumeRateKernel {
    fn clear(&mut self) {
        self.volumes.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.volumes.push(frame.traded().row.map(|row| row.volume));
        out[0] = self.volumes.mean();
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.volumes.size())
    }
}

impl VolumeRate {
    pub(crate) fn new(p: VolumeRateParams) -> Self {
        let spec = FeatureSpec {
            name: "volume_rate",
            columns: vec![format!("volume_rate_{}", p.minutes)],
            params: vec![("minutes", p.minutes.to_string())],
            formula: "sum v_i / n",
            units: "base units per minute",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes),
            inputs: "1m volume",
            nan_policy: "null until warm, in and after gaps until warm, and where a row is absent",
            causality: ROW_CAUSALITY,
            reference: "mean volume",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            VolumeRateKernel {
                volumes: ValidSum::new(p.minutes, 1.0),
            },
        )
    }
}
