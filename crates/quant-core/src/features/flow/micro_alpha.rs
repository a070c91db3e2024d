//! Merge of the short-horizon flow and book scores.

use serde::{Deserialize, Serialize};

use crate::features::flow::{
    ObiParams, OfiWeightedParams, OfiZParams, TfiParams, WmidDevParams, finite,
};
use crate::features::kernels::rolling::RollingZ;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{
    FeatureDef, FeatureParams, FeatureSpec, MinuteFrame, ParamRules, Part, RowFeature,
};

/// One score may not outweigh the others.
const CLIP: f64 = 3.0;

/// Parameters of the merged flow and book scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicroAlphaParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for MicroAlphaParams {
    const KIND: &'static str = "micro_alpha";
    const DOC: &'static str = "mean of the clipped scores of book flow, resting quantity, trade flow and size-weighted mid";

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
        let Self {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        } = *self;
        let weighted = FeatureParams::OfiWeighted(OfiWeightedParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        });
        let ofi = FeatureParams::OfiZ(OfiZParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        });
        let obi = FeatureParams::Obi(ObiParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        });
        let tfi = FeatureParams::Tfi(TfiParams { minutes, days_back });
        let wmid = FeatureParams::WmidDev(WmidDevParams {
            lookback,
            min_valid_share,
            days_back,
        });
        [(weighted, 1), (ofi, 0), (obi, 1), (tfi, 0), (wmid, 1)]
            .map(|(feature, column)| Part { feature, column })
            .to_vec()
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (n, m) = (self.minutes, self.lookback);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![
                format!("micro_alpha_{n}_{m}"),
                format!("micro_alpha_count_{n}_{m}"),
            ],
            params: vec![
                ("minutes", n.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "mean of the non-null among ofi_weighted_z_n_m (else ofi_z_n_m), obi_z_n_m, z of tfi_n over m minutes and wmid_dev_zmad_m, each clipped to [-3, 3]; their number",
            units: "standard deviations; count",
            window: format!("{} minutes", n + m - 1),
            warmup: format!(
                "{m} minutes for the size-weighted mid, {} for the rest",
                n + m - 1
            ),
            inputs: "1m ofi, ofi_weighted, obi_tw, wmid_close, close, volume, buy_volume",
            nan_policy: "null in gaps and where every part is null",
            causality: ROW_CAUSALITY,
            reference: "composite of the kinds named",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                n_empty: n - 1,
                n_before: 0,
                tfi: RollingZ::new(m, self.min_valid_share),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    /// Minutes without trade flow that a segment begins with, and how many of them were seen.
    n_empty: u32,
    n_before: u32,
    /// The score of the trade flow, which is no column.
    tfi: RollingZ,
}

impl Kernel {
    fn trade_flow(&mut self, tfi: Option<f64>) -> Option<f64> {
        if self.n_before < self.n_empty {
            self.n_before += 1;
            return None;
        }
        self.tfi.push(tfi);
        finite(self.tfi.z())
    }
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.n_before = 0;
        self.tfi.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let &[weighted, ofi, obi, tfi, wmid] = frame.parts else {
            return;
        };
        let parts = [weighted.or(ofi), obi, self.trade_flow(tfi), wmid];
        let (mut sum, mut count) = (0.0, 0.0);
        for z in parts.into_iter().flatten() {
            sum += z.clamp(-CLIP, CLIP);
            count += 1.0;
        }
        if count > 0.0 {
            out[0] = Some(sum / count);
            out[1] = Some(count);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.n_empty + self.tfi.size())
    }
}
