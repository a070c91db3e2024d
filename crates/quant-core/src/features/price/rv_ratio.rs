//! Realised volatility over the median of its daily medians.

use serde::{Deserialize, Serialize};

use crate::features::kernels::ROW_CAUSALITY;
use crate::features::kernels::day_medians::DayMedians;
use crate::features::kernels::returns::RealisedReturns;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the realised volatility over the median of its daily medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RvRatioParams {
    /// Number of returns n of the realised volatility.
    pub minutes: u32,
    /// Days whose medians are compared with; also the replay window.
    pub days: u16,
    /// Smallest valid share of returns in a window, of minutes in a day, and of days.
    pub min_valid_share: f64,
}

impl FeatureDef for RvRatioParams {
    const KIND: &'static str = "rv_ratio";
    const DOC: &'static str = "realised volatility over the median of its daily medians";

    fn example() -> Self {
        Self {
            minutes: 60,
            days: 7,
            min_valid_share: 0.8,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 2);
        rules.int("days", u32::from(self.days), 1, 60);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(RvRatio::new(self.minutes, self.days, self.min_valid_share))
    }
}

/// Realised volatility over the median of the daily medians of the days before.
#[derive(Debug)]
pub(crate) struct RvRatio {
    spec: FeatureSpec,
    returns: RealisedReturns,
    days: DayMedians,
}

impl RvRatio {
    pub(crate) fn new(minutes: u32, days: u16, min_valid_share: f64) -> Self {
        let spec = FeatureSpec {
            name: "rv_ratio",
            columns: vec![format!("rv_ratio_{minutes}_{days}d")],
            params: vec![
                ("minutes", minutes.to_string()),
                ("days", days.to_string()),
                ("min_valid_share", min_valid_share.to_string()),
            ],
            formula: "rv_t / median_(d in the days before) median_(s in d) rv_s",
            units: "ratio",
            window: format!("{minutes} minutes over {days} whole UTC days"),
            warmup: format!("{days} days"),
            inputs: "1m close, is_filled",
            nan_policy: "null until the days exist, while rv is null, and below min_valid_share of returns in the \
                         window, of real minutes per day, or of valid days; a median of 0 gives null",
            causality: ROW_CAUSALITY,
            reference: "realised_vol of this registry; days are summarised by their median",
            days_back: days,
        };
        Self {
            spec,
            returns: RealisedReturns::new(minutes, min_valid_share),
            days: DayMedians::new(days, min_valid_share),
        }
    }
}

impl RowFeature for RvRatio {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.returns.clear();
        self.days.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.days.start_minute(frame.day());
        let rv = self.returns.update(frame);
        let is_real = frame.traded().row.is_some_and(|r| !r.is_filled);
        self.days.push(rv, is_real);
        out[0] = match (rv, self.days.baseline()) {
            (Some(rv), Some(baseline)) => Some(rv / baseline),
            _ => None,
        };
    }
}
