//! Kyle's lambda of whole minutes, with a standard error that allows for autocorrelation.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::line::Moments;

use crate::features::kernels::rolling::{min_count, sum_pairs};
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const MID: usize = stat_column("mid_close");
const SIGNED_VOLUME: usize = stat_column("signed_volume");
/// Largest lag of the standard error.
const MAX_LAG: u32 = 30;
/// Fewest points of a line with a standard error.
const MIN_POINTS: u32 = 3;

/// Parameters of the slope of minute mid changes on signed volume.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KyleMinuteParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Lags of the Newey-West standard error; 0 allows for unequal variances only.
    pub nw_lag: u32,
    /// Smallest share of the window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for KyleMinuteParams {
    const KIND: &'static str = "kyle_minute";
    const DOC: &'static str =
        "slope of minute mid changes on signed volume, with a Newey-West t and the residual";

    fn example() -> Self {
        Self {
            minutes: 60,
            nw_lag: 5,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, MIN_POINTS);
        rules.int("nw_lag", self.nw_lag, 0, MAX_LAG);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: ["lambda", "r2", "t", "residual"]
                .iter()
                .map(|part| format!("kyle_minute_{part}_{n}"))
                .collect(),
            params: vec![
                ("minutes", n.to_string()),
                ("nw_lag", self.nw_lag.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "y = a + lambda x + e by OLS, y = mid_t - mid_(t-1) and x = signed volume of each known minute \
                      of the last n; R2; lambda / its Newey-West standard error (Bartlett weights, known minutes in \
                      order); e_t / sqrt(sum e^2 / (N - 2))",
            units: "price per base unit; share; number; standard deviations",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m mid_close, signed_volume",
            nan_policy: "null until warm, in and after gaps until warm, below max(3, min_valid_share n) known \
                         minutes, and where x does not vary; r2, t and residual also where y does not; t and \
                         residual also for a perfect fit; residual also where minute t is not known",
            causality: ROW_CAUSALITY,
            reference: "Kyle (1985), Continuous Auctions and Insider Trading; Newey and West (1987), A Simple, \
                        Positive Semi-definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(spec, Kernel::new(self)))
    }
}

#[derive(Debug)]
struct Kernel {
    lag: usize,
    min_known: usize,
    last_mid: Option<f64>,
    /// x and y; NaN where the minute is not known.
    minutes: [Window<f64>; 2],
    n_known: usize,
    /// x and y of the known ones, then less their means, and their scores; kept to allocate nothing.
    xs: Vec<f64>,
    ys: Vec<f64>,
    scores: Vec<f64>,
}

impl Kernel {
    fn new(params: &KyleMinuteParams) -> Self {
        let n = params.minutes as usize;
        Self {
            lag: params.nw_lag as usize,
            min_known: min_count(params.min_valid_share, params.minutes).max(MIN_POINTS) as usize,
            last_mid: None,
            minutes: core::array::from_fn(|_| Window::new(params.minutes)),
            n_known: 0,
            xs: Vec::with_capacity(n),
            ys: Vec::with_capacity(n),
            scores: Vec::with_capacity(n),
        }
    }

    /// Turns the known minutes into deviations from their means and returns their moments.
    fn moments(&mut self) -> Moments {
        let n = self.xs.len() as f64;
        // Side by side: one addition need not wait for the other.
        let (x, y) = self
            .xs
            .iter()
            .zip(&self.ys)
            .fold((-0.0, -0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
        let (mean_x, mean_y) = (x / n, y / n);
        self.xs.iter_mut().for_each(|x| *x -= mean_x);
        self.ys.iter_mut().for_each(|y| *y -= mean_y);
        Moments {
            n,
            mean_x,
            mean_y,
            sxx: dot(&self.xs, &self.xs),
            sxy: dot(&self.xs, &self.ys),
            syy: dot(&self.ys, &self.ys),
        }
    }

    /// Returns the long-run sum of squares of the scores: `sum s^2 + 2 sum_l (1 - l / (L + 1)) sum_t s_t s_(t-l)`.
    fn long_run(&self) -> f64 {
        let s = &self.scores;
        let n_lags = self.lag as f64 + 1.0;
        let lags = 1..=self.lag.min(s.len() - 1);
        let products = lags.map(|l| (1.0 - l as f64 / n_lags) * dot(&s[l..], &s[..s.len() - l]));
        dot(s, s) + 2.0 * products.sum::<f64>()
    }
}

/// Returns the sum of products of two samples of one length.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_pairs(a, b, |x, y| x * y)
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.last_mid = None;
        self.minutes.iter_mut().for_each(Window::clear);
        self.n_known = 0;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let mid = frame.stat(MID);
        let before = core::mem::replace(&mut self.last_mid, mid);
        let y = before.zip(mid).map(|(before, mid)| mid - before);
        let own = frame.stat(SIGNED_VOLUME).zip(y);
        let (x, y) = own.unwrap_or((f64::NAN, f64::NAN));
        let [xs, ys] = &mut self.minutes;
        let is_known = |x: f64| usize::from(!x.is_nan());
        self.n_known += is_known(x);
        self.n_known -= xs.push(x).map_or(0, is_known);
        ys.push(y);
        if !xs.is_full() || self.n_known < self.min_known {
            return;
        }
        let (xs, ys) = (xs.as_slice(), ys.as_slice());
        self.xs.clear();
        self.ys.clear();
        if self.n_known == xs.len() {
            self.xs.extend_from_slice(xs);
            self.ys.extend_from_slice(ys);
        } else {
            for (x, y) in xs.iter().zip(ys).filter(|(x, _)| !x.is_nan()) {
                self.xs.push(*x);
                self.ys.push(*y);
            }
        }
        let m = self.moments();
        let Some(line) = m.line() else { return };
        out[0] = Some(line.slope);
        out[1] = line.r2;
        let Some(rss) = line.rss else { return };
        self.scores.clear();
        let points = self.xs.iter().zip(&self.ys);
        self.scores
            .extend(points.map(|(dx, dy)| dx * (dy - line.slope * dx)));
        let long_run = self.long_run();
        out[2] = (long_run > 0.0).then(|| line.slope * m.sxx / long_run.sqrt());
        out[3] = own.map(|(x, y)| {
            let residual = (y - m.mean_y) - line.slope * (x - m.mean_x);
            residual / (rss / (m.n - 2.0)).sqrt()
        });
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.minutes[0].size() + 1)
    }
}
