//! Composites of unusual book flow: flow that the book absorbs, and flow that moves the price.

use serde::{Deserialize, Serialize};

use crate::features::flow::kyle::KyleSums;
use crate::features::flow::ofi_z::OfiScore;
use crate::features::flow::replenishment::RefillShare;

use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

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
        let share = self.min_valid_share;
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                ofi: OfiScore::new(n, m, share),
                kyle: KyleSums::new(n, share),
                refills: RefillShare::new(n, share),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    ofi: OfiScore,
    kyle: KyleSums,
    refills: RefillShare,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.ofi.clear();
        self.kyle.clear();
        self.refills.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.ofi.push(frame);
        let r2 = self.kyle.push(frame).and_then(|lambda| lambda.line.r2);
        let refill = self.refills.push(frame).unwrap_or(1.0);
        if let (Some(r2), Some(z)) = (r2, self.ofi.z()) {
            let a = libm::fabs(z).min(CLIP) / CLIP;
            out[0] = Some(a * (1.0 - r2) * refill);
            out[1] = Some(a * r2);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(
            self.ofi
                .memory()
                .max(self.kyle.memory())
                .max(self.refills.memory()),
        )
    }
}
