//! Merge of the short-horizon flow and book scores.

use serde::{Deserialize, Serialize};

use crate::features::flow::finite;
use crate::features::flow::obi::ObiScore;
use crate::features::flow::ofi_weighted::WeightedScore;
use crate::features::flow::ofi_z::OfiScore;
use crate::features::flow::tfi::TfiSums;
use crate::features::flow::wmid_dev::WmidScore;
use crate::features::kernels::rolling::RollingZ;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

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
        let share = self.min_valid_share;
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                weighted: WeightedScore::new(n, m, share),
                ofi: OfiScore::new(n, m, share),
                obi: ObiScore::new(n, m, share),
                tfi: TfiSums::new(n),
                tfi_score: RollingZ::new(m, share),
                wmid: WmidScore::new(m, share),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    weighted: WeightedScore,
    ofi: OfiScore,
    obi: ObiScore,
    tfi: TfiSums,
    tfi_score: RollingZ,
    wmid: WmidScore,
}

impl Kernel {
    fn trade_flow(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        let tfi = self.tfi.push(frame);
        if self.tfi.is_full() {
            self.tfi_score.push(tfi);
        }
        finite(self.tfi_score.z())
    }
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.weighted.clear();
        self.ofi.clear();
        self.obi.clear();
        self.tfi.clear();
        self.tfi_score.clear();
        self.wmid.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.ofi.push(frame);
        let parts = [
            self.weighted.push(frame).1.or_else(|| self.ofi.z()),
            self.obi.push(frame).1,
            self.trade_flow(frame),
            self.wmid.push(frame).1,
        ];
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
        Some(
            [
                self.weighted.memory(),
                self.ofi.memory(),
                self.obi.memory(),
                self.tfi.memory() + self.tfi_score.size() - 1,
                self.wmid.memory(),
            ]
            .into_iter()
            .max()
            .unwrap_or(0),
        )
    }
}
