//! Illiquidity of Amihud: move per quote traded.

use serde::{Deserialize, Serialize};

use crate::features::kernels::returns::LastClose;
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the illiquidity of Amihud: absolute 1-minute return per quote traded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmihudParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of known values in the window.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for AmihudParams {
    const KIND: &'static str = "amihud";
    const DOC: &'static str = "illiquidity of Amihud: absolute 1-minute return per quote traded";

    fn example() -> Self {
        Self {
            minutes: 60,
            min_valid_share: 0.5,
            days_back: 1,
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
        Box::new(Amihud::new(*self))
    }
}

/// Illiquidity of Amihud: move per quote traded.
pub(crate) type Amihud = MinuteFeature<AmihudKernel>;

/// Makes the values readable.
const SCALE: f64 = 1e9;

#[derive(Debug)]
pub(crate) struct AmihudKernel {
    last_close: LastClose,
    ratios: ValidSum,
}

impl MinuteKernel for AmihudKernel {
    fn clear(&mut self) {
        self.last_close.clear();
        self.ratios.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let minute = frame.traded();
        let r = self.last_close.push(minute);
        let quote = minute.row.and_then(|row| row.quote_volume);
        self.ratios.push(match (r, quote) {
            (Some(r), Some(quote)) if quote > 0.0 => Some(libm::fabs(r) / quote),
            _ => None,
        });
        out[0] = self.ratios.mean().map(|mean| SCALE * mean);
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.ratios.size() + 1)
    }
}

impl Amihud {
    pub(crate) fn new(p: AmihudParams) -> Self {
        let spec = FeatureSpec {
            name: "amihud",
            columns: vec![format!("amihud_{}", p.minutes)],
            params: vec![
                ("minutes", p.minutes.to_string()),
                ("min_valid_share", p.min_valid_share.to_string()),
            ],
            formula: "1e9 mean of abs(r_i) / qv_i over the minutes with qv > 0 and a return",
            units: "log return per 1e9 quote",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes),
            inputs: "1m close, is_filled, quote_volume",
            nan_policy: "null until warm, in and after gaps until warm, and below min_valid_share of \
                      minutes used; the first close of a segment has no return",
            causality: ROW_CAUSALITY,
            reference: "Amihud (2002), Illiquidity and Stock Returns; divided by the number of minutes \
                      used",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            AmihudKernel {
                last_close: LastClose::new(),
                ratios: ValidSum::new(p.minutes, p.min_valid_share),
            },
        )
    }
}
