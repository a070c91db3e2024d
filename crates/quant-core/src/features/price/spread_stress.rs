//! Spread against what it usually is.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::kernels::day_medians::DayMedians;
use crate::features::kernels::rolling::ValidSum;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the mean quoted spread over the median of its daily medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadStressParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Days whose medians are compared with; also the replay window.
    pub days: u16,
    /// Smallest share of known values in the window, of known minutes in a day, and of valid days.
    pub min_valid_share: f64,
}

impl FeatureDef for SpreadStressParams {
    const KIND: &'static str = "spread_stress";
    const DOC: &'static str = "mean quoted spread over the median of its daily medians";

    fn example() -> Self {
        Self {
            minutes: 15,
            days: 2,
            min_valid_share: 0.5,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.int("days", u32::from(self.days), 1, 60);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(SpreadStress::new(*self))
    }
}

const SPREAD_BPS_TW: usize = stat_column("spread_bps_tw");

/// Spread against what it usually is.
#[derive(Debug)]
pub(crate) struct SpreadStress {
    spec: FeatureSpec,
    window: ValidSum,
    days: DayMedians,
}

impl SpreadStress {
    pub(crate) fn new(p: SpreadStressParams) -> Self {
        let spec = FeatureSpec {
            name: "spread_stress",
            columns: vec![format!("spread_stress_{}_{}d", p.minutes, p.days)],
            params: vec![
                ("minutes", p.minutes.to_string()),
                ("days", p.days.to_string()),
                ("min_valid_share", p.min_valid_share.to_string()),
            ],
            formula: "mean_n spread_bps_tw / median_(d in the days before) median_(s in d) \
                      spread_bps_tw_s",
            units: "ratio",
            window: format!("{} minutes over {} whole UTC days", p.minutes, p.days),
            warmup: format!("{} days and {} minutes", p.days, p.minutes),
            inputs: "1m spread_bps_tw",
            nan_policy: "null until the days exist, below min_valid_share of known minutes in the \
                      window, of known minutes per day, or of valid days, and in gaps; a median of 0 \
                      gives null",
            causality: ROW_CAUSALITY,
            reference: "stress indicator of this project: 1 is usual, above 1 wide",
            days_back: p.days,
        };
        Self {
            spec,
            window: ValidSum::new(p.minutes, p.min_valid_share),
            days: DayMedians::new(p.days, p.min_valid_share),
        }
    }
}

impl RowFeature for SpreadStress {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.window.clear();
        self.days.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.observe(frame, out);
        out[0] = match (self.window.mean(), self.days.baseline()) {
            _ if frame.traded().segment.in_gap => None,
            (Some(mean), Some(usual)) => Some(mean / usual),
            _ => None,
        };
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        let value = frame.stat(SPREAD_BPS_TW);
        // What is usual does not depend on whether anybody traded: gaps belong to their day.
        self.days.start_minute(frame.day());
        self.days.push(value, value.is_some());
        let segment = frame.traded().segment;
        if segment.in_gap {
            return;
        }
        if segment.started {
            self.window.clear();
        }
        self.window.push(value);
    }
}
