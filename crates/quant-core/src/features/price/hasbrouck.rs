//! Impact of Hasbrouck: return on the signed root of the quote traded, without intercept.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::returns::LastClose;
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the impact of Hasbrouck: 1-minute return on the signed root of the quote traded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HasbrouckParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of known values in the window.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for HasbrouckParams {
    const KIND: &'static str = "hasbrouck";
    const DOC: &'static str =
        "impact of Hasbrouck: 1-minute return on the signed root of the quote traded";

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
        Box::new(Hasbrouck::new(*self))
    }
}

/// Impact of Hasbrouck: return on the signed root of the quote traded, without intercept.
pub(crate) type Hasbrouck = MinuteFeature<HasbrouckKernel>;

const SIGNED_SQRT_QUOTE: usize = stat_column("signed_sqrt_quote");

#[derive(Debug)]
pub(crate) struct HasbrouckKernel {
    last_close: LastClose,
    products: ValidSum,
    squares: ValidSum,
}

impl MinuteKernel for HasbrouckKernel {
    fn clear(&mut self) {
        self.last_close.clear();
        self.products.clear();
        self.squares.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let r = self.last_close.push(frame.traded());
        let flow = frame.stat(SIGNED_SQRT_QUOTE);
        let pair = r.zip(flow);
        self.products.push(pair.map(|(r, s)| s * r));
        self.squares.push(pair.map(|(_, s)| s * s));
        out[0] = match (self.products.sum(), self.squares.sum()) {
            (Some(products), Some(squares)) if squares > 0.0 => Some(products / squares),
            _ => None,
        };
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.products.size() + 1)
    }
}

impl Hasbrouck {
    pub(crate) fn new(p: HasbrouckParams) -> Self {
        let spec = FeatureSpec {
            name: "hasbrouck",
            columns: vec![format!("hasbrouck_{}", p.minutes)],
            params: vec![
                ("minutes", p.minutes.to_string()),
                ("min_valid_share", p.min_valid_share.to_string()),
            ],
            formula: "sum S_i r_i / sum S_i^2 over the minutes with S = signed_sqrt_quote and a \
                      return",
            units: "log return per root of quote",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes),
            inputs: "1m close, is_filled, signed_sqrt_quote",
            nan_policy: "null until warm, in and after gaps until warm, below min_valid_share of \
                      minutes used, and for sum S^2 = 0; the first close of a segment has no return",
            causality: ROW_CAUSALITY,
            reference: "Hasbrouck (2009), Trading Costs and Returns for U.S. Equities; signed returns \
                      on signed volume",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            HasbrouckKernel {
                last_close: LastClose::new(),
                products: ValidSum::new(p.minutes, p.min_valid_share),
                squares: ValidSum::new(p.minutes, p.min_valid_share),
            },
        )
    }
}
