//! Trade flow imbalance of minute rows. Book imbalance (`ofi`) is another thing and not here.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
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
        let minutes = self.minutes;
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
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(spec, TfiSums::new(minutes)))
    }
}

/// Bought and traded volume of the last n minutes.
#[derive(Debug)]
pub(super) struct TfiSums {
    /// (bought, traded) per minute; `None` where the split is unknown.
    rows: Window<Option<(f64, f64)>>,
}

impl TfiSums {
    pub(super) fn new(minutes: u32) -> Self {
        Self {
            rows: Window::new(minutes),
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.is_full()
    }

    /// Takes the next minute and returns bought minus sold over both.
    pub(super) fn push(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        let row = frame.traded().row;
        self.rows
            .push(row.and_then(|r| Some((r.buy_volume?, r.volume))));
        if !self.is_full() {
            return None;
        }
        let (mut bought, mut traded) = (0.0, 0.0);
        for row in self.rows.as_slice() {
            let (b, v) = (*row)?;
            bought += b;
            traded += v;
        }
        // A venue's rounded split may exceed its volume by a rounding step.
        (traded > 0.0).then(|| ((bought - (traded - bought)) / traded).clamp(-1.0, 1.0))
    }

    /// Returns how many minutes its state depends on.
    pub(super) fn memory(&self) -> u32 {
        self.rows.size()
    }
}

impl MinuteKernel for TfiSums {
    fn clear(&mut self) {
        self.rows.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = self.push(frame);
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.memory())
    }
}
