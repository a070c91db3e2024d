//! How much of the volume is in few large prints.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{STAT_NULLS, ratio};
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const SIZE_SQ: usize = stat_column("size_sq");

/// Parameters of the concentration of volume in few prints.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeConcentrationParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for SizeConcentrationParams {
    const KIND: &'static str = "size_concentration";
    const DOC: &'static str = "sum of squared print sizes over squared volume";

    fn example() -> Self {
        Self {
            minutes: 30,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("size_concentration_{n}")],
            params: vec![
                ("minutes", n.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "sum size_sq / (sum v)^2 over the known minutes of the last n",
            units: "share in (0, 1]",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m size_sq, volume",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Herfindahl-Hirschman index of print sizes",
            days_back: self.days_back,
        };
        let window = || ValidSum::new(n, self.min_valid_share);
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                squares: window(),
                volume: window(),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    squares: ValidSum,
    /// Volume of the minutes whose squares are known.
    volume: ValidSum,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.squares.clear();
        self.volume.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let volume = frame.traded().row.map(|r| r.volume);
        let both = frame.stat(SIZE_SQ).zip(volume);
        self.squares.push(both.map(|(squares, _)| squares));
        self.volume.push(both.map(|(_, volume)| volume));
        if let (Some(squares), Some(volume)) = (self.squares.sum(), self.volume.sum()) {
            out[0] = ratio(squares, volume * volume);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.volume.size())
    }
}
