//! Realised volatility of minute closes, and its ratio to the median of past days.

use crate::features::kernels::{ROW_CAUSALITY, Window, median};
use serde::{Deserialize, Serialize};

use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};
use crate::time::{Day, MINUTES_PER_DAY};

/// Parameters of the root of the sum of squared 1-minute log returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealisedVolParams {
    /// Number of returns n.
    pub minutes: u32,
    /// Smallest share of returns into minutes that are not filled.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for RealisedVolParams {
    const KIND: &'static str = "realised_vol";
    const DOC: &'static str = "root of the sum of squared 1-minute log returns";

    fn example() -> Self {
        Self {
            minutes: 60,
            min_valid_share: 0.8,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(RealisedVol::new(
            self.minutes,
            self.min_valid_share,
            self.days_back,
        ))
    }
}

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

/// The last `n` one-minute log returns under the gap rule.
#[derive(Debug)]
struct Returns {
    n: u32,
    min_valid_share: f64,
    previous_close: Option<f64>,
    /// (return, the minute is real).
    window: Window<(f64, bool)>,
}

impl Returns {
    fn new(n: u32, min_valid_share: f64) -> Self {
        Self {
            n,
            min_valid_share,
            previous_close: None,
            window: Window::new(n),
        }
    }

    fn clear(&mut self) {
        self.previous_close = None;
        self.window.clear();
    }

    /// Takes the next minute and returns the realised volatility, if the window is full and valid.
    fn update(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        let minute = frame.traded();
        if minute.segment.in_gap {
            return None;
        }
        if minute.segment.started {
            self.clear();
        }
        // An absent row moves nothing, like a filled one.
        let row = minute.row.as_ref();
        let is_real = row.is_some_and(|r| !r.is_filled);
        let close = row.and_then(|r| r.close).or(self.previous_close)?;
        if let Some(before) = self.previous_close {
            let r = if is_real {
                libm::log(close / before)
            } else {
                0.0
            };
            self.window.push((r, is_real));
        }
        self.previous_close = Some(close);
        self.value()
    }

    fn value(&self) -> Option<f64> {
        if !self.window.is_full() {
            return None;
        }
        let (mut sum, mut n_real) = (0.0, 0_u32);
        for (r, is_real) in self.window.iter() {
            sum += r * r;
            n_real += u32::from(is_real);
        }
        (f64::from(n_real) >= self.min_valid_share * f64::from(self.n)).then(|| sum.sqrt())
    }
}

/// Root of the sum of squared one-minute log returns.
#[derive(Debug)]
pub(crate) struct RealisedVol {
    spec: FeatureSpec,
    returns: Returns,
}

impl RealisedVol {
    pub(crate) fn new(minutes: u32, min_valid_share: f64, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "realised_vol",
            columns: vec![format!("realised_vol_{minutes}")],
            params: vec![
                ("minutes", minutes.to_string()),
                ("min_valid_share", min_valid_share.to_string()),
            ],
            formula: "sqrt(sum_(i<n) r_(t-i)^2), r_t = ln(c_t / c_(t-1)), 0 for filled and absent minutes",
            units: "log return over the window, not annualised",
            window: format!("{minutes} minutes"),
            warmup: format!("{} minutes", minutes + 1),
            inputs: "1m close, is_filled",
            nan_policy: "null until warm, in and after gaps until warm, and below min_valid_share of real minutes",
            causality: ROW_CAUSALITY,
            reference: "realised variance, Andersen and Bollerslev (1998)",
            days_back,
        };
        Self {
            spec,
            returns: Returns::new(minutes, min_valid_share),
        }
    }
}

impl RowFeature for RealisedVol {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.returns.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = self.returns.update(frame);
    }
}

/// Realised volatility over the median of the daily medians of the days before.
#[derive(Debug)]
pub(crate) struct RvRatio {
    spec: FeatureSpec,
    days: u16,
    min_valid_share: f64,
    returns: Returns,
    today: Option<Day>,
    /// Values of the current day.
    today_values: Vec<f64>,
    today_real: u32,
    /// Medians of the valid days before, oldest first.
    medians: Vec<f64>,
    /// Median of `medians`, if enough days are valid.
    baseline: Option<f64>,
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
            days,
            min_valid_share,
            returns: Returns::new(minutes, min_valid_share),
            today: None,
            today_values: Vec::with_capacity(MINUTES_PER_DAY),
            today_real: 0,
            medians: Vec::new(),
            baseline: None,
        }
    }

    /// Summarises the day that is over.
    fn close_day(&mut self) {
        let is_valid = f64::from(self.today_real) >= self.min_valid_share * MINUTES_PER_DAY as f64;
        if is_valid && let Some(m) = median(&mut self.today_values) {
            self.medians.push(m);
        }
        self.today_values.clear();
        self.today_real = 0;
        let enough = self.medians.len() as f64 >= self.min_valid_share * f64::from(self.days);
        self.baseline = if enough {
            median(&mut self.medians.clone()).filter(|m| *m > 0.0)
        } else {
            None
        };
    }
}

impl RowFeature for RvRatio {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.returns.clear();
        self.today = None;
        self.today_values.clear();
        self.today_real = 0;
        self.medians.clear();
        self.baseline = None;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        if self.today != Some(frame.day()) {
            if self.today.is_some() {
                self.close_day();
            }
            self.today = Some(frame.day());
        }
        self.today_real += u32::from(frame.traded().row.is_some_and(|r| !r.is_filled));
        let rv = self.returns.update(frame);
        self.today_values.extend(rv);
        out[0] = match (rv, self.baseline) {
            (Some(rv), Some(baseline)) => Some(rv / baseline),
            _ => None,
        };
    }
}
