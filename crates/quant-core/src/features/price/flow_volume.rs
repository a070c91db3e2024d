//! Volume bought and sold by aggressors.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the volume bought and sold by aggressors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowVolumeParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for FlowVolumeParams {
    const KIND: &'static str = "flow_volume";
    const DOC: &'static str = "volume bought and sold by aggressors";

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
        Box::new(FlowVolume::new(*self))
    }
}

/// Volume bought and sold by aggressors.
pub(crate) type FlowVolume = MinuteFeature<FlowVolumeKernel>;

#[derive(Debug)]
pub(crate) struct FlowVolumeKernel {
    bought: ValidSum,
    sold: ValidSum,
}

impl MinuteKernel for FlowVolumeKernel {
    fn clear(&mut self) {
        self.bought.clear();
        self.sold.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let row = frame.traded().row;
        let bought = row.and_then(|r| r.buy_volume);
        self.bought.push(bought);
        self.sold
            .push(row.zip(bought).map(|(r, bought)| r.volume - bought));
        out[0] = self.bought.sum();
        out[1] = self.sold.sum();
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.bought.size())
    }
}

impl FlowVolume {
    pub(crate) fn new(p: FlowVolumeParams) -> Self {
        let spec = FeatureSpec {
            name: "flow_volume",
            columns: vec![
                format!("buy_volume_{}", p.minutes),
                format!("sell_volume_{}", p.minutes),
            ],
            params: vec![("minutes", p.minutes.to_string())],
            formula: "sum bv_i; sum (v_i - bv_i)",
            units: "base units",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes),
            inputs: "1m volume, buy_volume",
            nan_policy: "null until warm, in and after gaps until warm, and where a minute's row or \
                      split is unknown",
            causality: ROW_CAUSALITY,
            reference: "aggressor side of the venue",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            FlowVolumeKernel {
                bought: ValidSum::new(p.minutes, 1.0),
                sold: ValidSum::new(p.minutes, 1.0),
            },
        )
    }
}
