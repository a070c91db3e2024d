//! Premium over the index and distance from the mark price.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, Replay, RowFeature};

const PREMIUM: usize = stat_column("premium");
const MARK: usize = stat_column("mark");
const INDEX: usize = stat_column("index");

/// Parameters of the premium over the index and of the close's distance from the mark price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PremiumParams {
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for PremiumParams {
    const KIND: &'static str = "premium";
    const DOC: &'static str =
        "premium over the index, and distance of the close from the mark price";

    fn example() -> Self {
        Self { days_back: 0 }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Premium::new(*self))
    }
}

/// Premium and mark deviation. It keeps nothing from minute to minute.
#[derive(Debug)]
struct Premium {
    spec: FeatureSpec,
}

impl Premium {
    fn new(params: PremiumParams) -> Self {
        Self {
            spec: FeatureSpec {
                name: PremiumParams::KIND,
                columns: vec!["premium_bps".to_owned(), "mark_dev_bps".to_owned()],
                params: vec![],
                formula: "premium * 1e4, where unknown (mark - index) / index * 1e4; (c - mark) / mark * 1e4",
                units: "bp",
                window: "the minute".to_owned(),
                warmup: "none".to_owned(),
                inputs: "premium, mark, index, 1m close",
                nan_policy: "null in a gap, and where the price or premium it needs is unknown",
                causality: ROW_CAUSALITY,
                reference: "premium index of perpetuals (Binance, Bybit, OKX)",
                days_back: params.days_back,
            },
        }
    }
}

/// Returns `(a - b) / b` in basis points.
fn bps_above(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| (a - b) / b * 1e4)
}

impl RowFeature for Premium {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn replay(&self) -> Replay {
        Replay::Minutes(0)
    }

    fn reset(&mut self) {}

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out.fill(None);
        let minute = frame.traded();
        if minute.segment.in_gap {
            return;
        }
        let mark = frame.stat(MARK);
        out[0] = frame.stat(PREMIUM).map(|p| p * 1e4).or_else(|| {
            let (mark, index) = mark.zip(frame.stat(INDEX))?;
            bps_above(mark, index)
        });
        out[1] = minute
            .row
            .and_then(|r| r.close)
            .zip(mark)
            .and_then(|(close, mark)| bps_above(close, mark));
    }
}
