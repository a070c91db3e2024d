//! A threshold of trade flow imbalance that follows the day before.

use serde::{Deserialize, Serialize};

use crate::features::flow::tfi::TfiSums;
use crate::features::kernels::{ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};
use crate::time::Day;

/// The threshold is of the day before.
const DAYS_BACK: u16 = 1;

/// Parameters of the adaptive threshold of trade flow imbalance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TfiThresholdParams {
    /// Number of minutes n of the imbalance.
    pub minutes: u32,
    /// Largest number of values, newest first.
    pub samples: u32,
    /// Fewest values for a percentile.
    pub min_samples: u32,
    /// Which percentile, 0 to 100.
    pub percentile: f64,
    /// Threshold with fewer than `min_samples` values.
    pub fallback: f64,
}

impl FeatureDef for TfiThresholdParams {
    const KIND: &'static str = "tfi_threshold";
    const DOC: &'static str = "percentile of the absolute trade flow imbalance of the day before";

    fn example() -> Self {
        Self {
            minutes: 5,
            samples: 1440,
            min_samples: 300,
            percentile: 90.0,
            fallback: 0.3,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("samples", self.samples, 1);
        rules.int("min_samples", self.min_samples, 1, self.samples);
        rules.number("percentile", self.percentile, 0.0, 100.0);
        rules.share("fallback", self.fallback);
    }

    fn days_back(&self) -> u16 {
        DAYS_BACK
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("tfi_threshold_{n}")],
            params: vec![
                ("minutes", n.to_string()),
                ("samples", self.samples.to_string()),
                ("min_samples", self.min_samples.to_string()),
                ("percentile", self.percentile.to_string()),
                ("fallback", self.fallback.to_string()),
            ],
            formula: "percentile (linear between order statistics) of the last values of |tfi_n| of the day before; fallback with fewer than min_samples",
            units: "share in [0, 1]",
            window: format!("{} values of the day before", self.samples),
            warmup: "1 day".to_owned(),
            inputs: "1m volume, buy_volume",
            nan_policy: "null without the day before, and in gaps",
            causality: ROW_CAUSALITY,
            reference: "Hyndman and Fan (1996), Sample Quantiles in Statistical Packages, type 7",
            days_back: DAYS_BACK,
        };
        Box::new(TfiThreshold {
            spec,
            params: *self,
            tfi: TfiSums::new(n),
            today: None,
            values: Window::new(self.samples),
            threshold: None,
            sorted: Vec::with_capacity(self.samples as usize),
        })
    }
}

#[derive(Debug)]
struct TfiThreshold {
    spec: FeatureSpec,
    params: TfiThresholdParams,
    tfi: TfiSums,
    today: Option<Day>,
    /// Values of the current day; a gap does not take them away.
    values: Window<f64>,
    /// Of the day before.
    threshold: Option<f64>,
    /// Kept to allocate nothing.
    sorted: Vec<f64>,
}

impl TfiThreshold {
    /// Makes the threshold of the day that begins.
    fn close_day(&mut self) {
        self.sorted.clear();
        self.sorted.extend(self.values.iter());
        self.sorted.sort_unstable_by(f64::total_cmp);
        self.values.clear();
        self.threshold = Some(if self.sorted.len() < self.params.min_samples as usize {
            self.params.fallback
        } else {
            percentile(&self.sorted, self.params.percentile)
        });
    }
}

/// Returns the percentile of sorted values, linear between order statistics (numpy `linear`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "p is checked to be in [0, 100], so the place is in the slice"
)]
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let at = p / 100.0 * last as f64;
    let low = (libm::floor(at) as usize).min(last);
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

impl RowFeature for TfiThreshold {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.tfi.clear();
        self.today = None;
        self.values.clear();
        self.threshold = None;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        if self.today != Some(frame.day()) {
            if self.today.is_some() {
                self.close_day();
            }
            self.today = Some(frame.day());
        }
        out[0] = None;
        let segment = frame.traded().segment;
        if segment.in_gap {
            return;
        }
        if segment.started {
            self.tfi.clear();
        }
        if let Some(tfi) = self.tfi.push(frame) {
            self.values.push(libm::fabs(tfi));
        }
        out[0] = self.threshold;
    }
}
