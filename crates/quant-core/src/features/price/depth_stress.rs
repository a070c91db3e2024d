//! Depth against what it usually is.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::kernels::day_medians::DayMedians;
use crate::features::kernels::rolling::ValidSum;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the median of the daily medians of book depth over its mean now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthStressParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Days whose medians are compared with; also the replay window.
    pub days: u16,
    /// Smallest share of known values in the window, of known minutes in a day, and of valid days.
    pub min_valid_share: f64,
}

impl FeatureDef for DepthStressParams {
    const KIND: &'static str = "depth_stress";
    const DOC: &'static str = "median of the daily medians of book depth over its mean now";

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
        Box::new(DepthStress::new(*self))
    }
}

const DEPTH_BID_TW: usize = stat_column("depth_bid_tw");
const DEPTH_ASK_TW: usize = stat_column("depth_ask_tw");

/// Depth against what it usually is.
#[derive(Debug)]
pub(crate) struct DepthStress {
    spec: FeatureSpec,
    window: ValidSum,
    days: DayMedians,
}

impl DepthStress {
    pub(crate) fn new(p: DepthStressParams) -> Self {
        let spec = FeatureSpec {
            name: "depth_stress",
            columns: vec![format!("depth_stress_{}_{}d", p.minutes, p.days)],
            params: vec![
                ("minutes", p.minutes.to_string()),
                ("days", p.days.to_string()),
                ("min_valid_share", p.min_valid_share.to_string()),
            ],
            formula: "median_(d in the days before) median_(s in d) D_s / mean_n D, D = depth_bid_tw \
                      + depth_ask_tw",
            units: "ratio",
            window: format!("{} minutes over {} whole UTC days", p.minutes, p.days),
            warmup: format!("{} days and {} minutes", p.days, p.minutes),
            inputs: "1m depth_bid_tw, depth_ask_tw",
            nan_policy: "null until the days exist, below min_valid_share of known minutes in the \
                      window, of known minutes per day, or of valid days, and in gaps; a median of 0 \
                      gives null; a mean of 0 as well",
            causality: ROW_CAUSALITY,
            reference: "stress indicator of this project: 1 is usual, above 1 thin",
            days_back: p.days,
        };
        Self {
            spec,
            window: ValidSum::new(p.minutes, p.min_valid_share),
            days: DayMedians::new(p.days, p.min_valid_share),
        }
    }
}

impl RowFeature for DepthStress {
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
            (Some(mean), Some(usual)) if mean > 0.0 => Some(usual / mean),
            _ => None,
        };
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        let value = frame
            .stat(DEPTH_BID_TW)
            .zip(frame.stat(DEPTH_ASK_TW))
            .map(|(bid, ask)| bid + ask);
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
