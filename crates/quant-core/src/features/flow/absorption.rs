//! Composites of unusual book flow: flow that the book absorbs, and flow that moves the price.

use serde::{Deserialize, Serialize};

use crate::features::flow::{KyleParams, OfiZParams, ReplenishmentParams};
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{
    FeatureDef, FeatureParams, FeatureSpec, MinuteFrame, ParamRules, Part, RowFeature,
};

/// A score beyond this is as unusual as can be.
const CLIP: f64 = 3.0;

/// Parameters of absorbed and informative flow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsorptionParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for AbsorptionParams {
    const KIND: &'static str = "absorption";
    const DOC: &'static str = "unusual book flow that the book absorbs, and that moves the price";

    fn example() -> Self {
        Self {
            minutes: 30,
            lookback: 240,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("lookback", self.lookback, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn parts(&self) -> Vec<Part> {
        let ofi_z = FeatureParams::OfiZ(OfiZParams {
            minutes: self.minutes,
            lookback: self.lookback,
            min_valid_share: self.min_valid_share,
            days_back: self.days_back,
        });
        let kyle = FeatureParams::Kyle(KyleParams {
            minutes: self.minutes,
            min_valid_share: self.min_valid_share,
            days_back: self.days_back,
        });
        let replenishment = FeatureParams::Replenishment(ReplenishmentParams {
            minutes: self.minutes,
            min_valid_share: self.min_valid_share,
            days_back: self.days_back,
        });
        [(ofi_z, 0), (kyle, 1), (replenishment, 0)]
            .map(|(feature, column)| Part { feature, column })
            .to_vec()
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (n, m) = (self.minutes, self.lookback);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![
                format!("absorption_{n}_{m}"),
                format!("price_discovery_{n}_{m}"),
            ],
            params: vec![
                ("minutes", n.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "a (1 - R2) f; a R2; a = min(|ofi_z_n_m|, 3) / 3, R2 = kyle_r2_n, f = refill_share_n, 1 where null",
            units: "share in [0, 1], the first times refills per depletion; share in [0, 1]",
            window: format!("{} minutes", n + m - 1),
            warmup: format!("{} minutes", n + m - 1),
            inputs: "1m ofi, flow_n, flow_x, flow_y, flow_xx, flow_xy, flow_yy, n_depletions, n_refills",
            nan_policy: "null until warm, in and after gaps until warm, and where ofi_z or kyle_r2 is",
            causality: ROW_CAUSALITY,
            reference: "composite of Cont, Kukanov and Stoikov (2014), Kyle (1985) and Large (2007)",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(spec, Kernel { memory: n + m - 1 }))
    }
}

/// A formula of its parts, without a state of its own.
#[derive(Debug)]
struct Kernel {
    /// Minutes the longest of the parts depends on.
    memory: u32,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {}

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let &[z, r2, refill] = frame.parts else {
            return;
        };
        if let (Some(r2), Some(z)) = (r2, z) {
            let refill = refill.unwrap_or(1.0);
            let a = libm::fabs(z).min(CLIP) / CLIP;
            out[0] = Some(a * (1.0 - r2) * refill);
            out[1] = Some(a * r2);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.memory)
    }
}
