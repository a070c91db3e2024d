//! Volume now against volume of a longer while, within bounds.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the volume of a short window over that of a long one, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityRatioParams {
    /// Number of minutes s of the numerator.
    pub short_minutes: u32,
    /// Number of minutes l of the denominator.
    pub long_minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for ActivityRatioParams {
    const KIND: &'static str = "activity_ratio";
    const DOC: &'static str = "volume of a short window over that of a long one, within bounds";

    fn example() -> Self {
        Self {
            short_minutes: 5,
            long_minutes: 60,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("long_minutes", self.long_minutes, 2);
        rules.int(
            "short_minutes",
            self.short_minutes,
            1,
            self.long_minutes.saturating_sub(1).max(1),
        );
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(ActivityRatio::new(*self))
    }
}

/// Volume now against volume of a longer while, within bounds.
pub(crate) type ActivityRatio = MinuteFeature<ActivityRatioKernel>;

/// Bounds of the ratio.
const BOUNDS: (f64, f64) = (0.25, 4.0);

#[derive(Debug)]
pub(crate) struct ActivityRatioKernel {
    short: ValidSum,
    long: ValidSum,
}

impl MinuteKernel for ActivityRatioKernel {
    fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let volume = frame.traded().row.map(|row| row.volume);
        self.short.push(volume);
        self.long.push(volume);
        if !self.long.is_full() {
            out[0] = Some(1.0);
            return;
        }
        out[0] = match (self.short.mean(), self.long.mean()) {
            (Some(short), Some(long)) if long > 0.0 => {
                Some((short / long).clamp(BOUNDS.0, BOUNDS.1))
            }
            _ => None,
        };
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.short.size().max(self.long.size()))
    }
}

impl ActivityRatio {
    pub(crate) fn new(p: ActivityRatioParams) -> Self {
        let spec = FeatureSpec {
            name: "activity_ratio",
            columns: vec![format!(
                "activity_ratio_{}_{}",
                p.short_minutes, p.long_minutes
            )],
            params: vec![
                ("short_minutes", p.short_minutes.to_string()),
                ("long_minutes", p.long_minutes.to_string()),
            ],
            formula: "clamp((v over s minutes / s) / (v over l minutes / l), 0.25, 4)",
            units: "ratio in [0.25, 4]",
            window: format!("{} minutes", p.long_minutes),
            warmup: format!("{} minutes; 1 before", p.long_minutes),
            inputs: "1m volume",
            nan_policy: "null in gaps, without volume in the long window, and where a row in it is \
                      absent; 1 until the long window is covered",
            causality: ROW_CAUSALITY,
            reference: "relative volume of two windows",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            ActivityRatioKernel {
                short: ValidSum::new(p.short_minutes, 1.0),
                long: ValidSum::new(p.long_minutes, 1.0),
            },
        )
    }
}
