//! How Kyle's lambda changes: illiquidity building up.

use serde::{Deserialize, Serialize};

use crate::features::flow::KyleParams;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{
    FeatureDef, FeatureParams, FeatureSpec, MinuteFrame, ParamRules, Part, RowFeature,
};

/// Parameters of the change of Kyle's lambda.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KyleSlopeParams {
    /// Number of minutes n of the lambda.
    pub minutes: u32,
    /// Minutes k between the two lambdas.
    pub lag: u32,
    /// Smallest t-statistic of the earlier lambda for which a ratio to it is written.
    pub min_t: f64,
    /// Smallest share of the window's intervals that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for KyleSlopeParams {
    const KIND: &'static str = "kyle_slope";
    const DOC: &'static str =
        "change of Kyle's lambda per minute, and its ratio to the earlier one";

    fn example() -> Self {
        Self {
            minutes: 30,
            lag: 10,
            min_t: 2.0,
            min_valid_share: 0.5,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("lag", self.lag, 1);
        // Below 1 the earlier lambda may be any number near 0, and the ratio has no bound.
        rules.number("min_t", self.min_t, 1.0, 100.0);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn parts(&self) -> Vec<Part> {
        let feature = FeatureParams::Kyle(KyleParams {
            minutes: self.minutes,
            min_valid_share: self.min_valid_share,
            days_back: self.days_back,
        });
        // Lambda and its t-statistic.
        [0, 2].map(|column| Part { feature, column }).to_vec()
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (n, k) = (self.minutes, self.lag);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("kyle_slope_{n}_{k}"), format!("kyle_spike_{n}_{k}")],
            params: vec![
                ("minutes", n.to_string()),
                ("lag", k.to_string()),
                ("min_t", self.min_t.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "(lambda_t - lambda_(t-k)) / k; lambda_t / lambda_(t-k), lambda = kyle_lambda_n",
            units: "price per base unit and minute; ratio",
            window: format!("{} minutes", n + k),
            warmup: format!("{} minutes", n + k),
            inputs: "1m flow_n, flow_x, flow_y, flow_xx, flow_xy, flow_yy",
            nan_policy: "null until warm, in and after gaps until warm, and where either lambda is; the ratio also \
                         unless lambda_t is positive and kyle_t_n of minute t - k at least min_t",
            causality: ROW_CAUSALITY,
            reference: "Kyle (1985), Continuous Auctions and Insider Trading",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                lag: f64::from(k),
                min_t: self.min_t,
                n_empty: n - 1,
                n_before: 0,
                lambdas: Window::new(k + 1),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    lag: f64,
    min_t: f64,
    /// Minutes without a lambda that a segment begins with, and how many of them were seen.
    n_empty: u32,
    n_before: u32,
    /// Lambda and its t-statistic.
    lambdas: Window<[Option<f64>; 2]>,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.n_before = 0;
        self.lambdas.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let &[lambda, t] = frame.parts else { return };
        if self.n_before < self.n_empty {
            self.n_before += 1;
            return;
        }
        self.lambdas.push([lambda, t]);
        if !self.lambdas.is_full() {
            return;
        }
        if let (Some(now), Some([Some(before), t])) = (lambda, self.lambdas.oldest()) {
            out[0] = Some((now - before) / self.lag);
            // A ratio to what is not told from 0 would be of any size.
            let is_told = t.is_some_and(|t| t >= self.min_t);
            out[1] = (now > 0.0 && is_told).then(|| now / before);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.n_empty + self.lambdas.size())
    }
}
