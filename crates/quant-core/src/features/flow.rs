//! Trade flow imbalance of minute rows. Book imbalance (`ofi`) is another thing and not here.

use crate::features::kernels::{ROW_CAUSALITY, Window};
use serde::{Deserialize, Serialize};

use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the bought minus sold volume over both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TfiParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for TfiParams {
    const KIND: &'static str = "tfi";
    const DOC: &'static str = "bought minus sold volume over both";

    fn example() -> Self {
        Self {
            minutes: 5,
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
        Box::new(Tfi::new(self.minutes, self.days_back))
    }
}

/// Bought minus sold over traded volume.
#[derive(Debug)]
pub(crate) struct Tfi {
    spec: FeatureSpec,
    /// (bought, traded) per minute; `None` where the split is unknown.
    rows: Window<Option<(f64, f64)>>,
}

impl Tfi {
    pub(crate) fn new(minutes: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "tfi",
            columns: vec![format!("tfi_{minutes}")],
            params: vec![("minutes", minutes.to_string())],
            formula: "(B - S) / (B + S) with B, S the bought and sold volume of the last n minutes",
            units: "share in [-1, 1]",
            window: format!("{minutes} minutes"),
            warmup: format!("{minutes} minutes"),
            inputs: "1m volume, buy_volume",
            nan_policy: "null until warm, in and after gaps until warm, without volume, and where a \
                         minute's row or split is unknown",
            causality: ROW_CAUSALITY,
            reference: "signed trade volume over volume",
            days_back,
        };
        Self {
            spec,
            rows: Window::new(minutes),
        }
    }
}

impl RowFeature for Tfi {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.rows.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = None;
        let minute = frame.traded();
        if minute.segment.in_gap {
            return;
        }
        if minute.segment.started {
            self.rows.clear();
        }
        self.rows
            .push(minute.row.and_then(|r| Some((r.buy_volume?, r.volume))));
        if !self.rows.is_full() {
            return;
        }
        let (mut bought, mut traded) = (0.0, 0.0);
        for row in self.rows.iter() {
            let Some((b, v)) = row else { return };
            bought += b;
            traded += v;
        }
        // A venue's rounded split may exceed its volume by a rounding step.
        out[0] = (traded > 0.0).then(|| ((bought - (traded - bought)) / traded).clamp(-1.0, 1.0));
    }
}
