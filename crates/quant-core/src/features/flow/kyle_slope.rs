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
            min_valid_share: 0.5,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("lag", self.lag, 1);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part {
            feature: FeatureParams::Kyle(KyleParams {
                minutes: self.minutes,
                min_valid_share: self.min_valid_share,
                days_back: self.days_back,
            }),
            column: 0,
        }]
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (n, k) = (self.minutes, self.lag);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("kyle_slope_{n}_{k}"), format!("kyle_spike_{n}_{k}")],
            params: vec![
                ("minutes", n.to_string()),
                ("lag", k.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "(lambda_t - lambda_(t-k)) / k; lambda_t / lambda_(t-k), lambda = kyle_lambda_n",
            units: "price per base unit and minute; ratio",
            window: format!("{} minutes", n + k),
            warmup: format!("{} minutes", n + k),
            inputs: "1m flow_n, flow_x, flow_y, flow_xx, flow_xy, flow_yy",
            nan_policy: "null until warm, in and after gaps until warm, and where either lambda is; the ratio also \
                         unless both are positive",
            causality: ROW_CAUSALITY,
            reference: "Kyle (1985), Continuous Auctions and Insider Trading",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                lag: f64::from(k),
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
    /// Minutes without a lambda that a segment begins with, and how many of them were seen.
    n_empty: u32,
    n_before: u32,
    lambdas: Window<Option<f64>>,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.n_before = 0;
        self.lambdas.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let &[lambda] = frame.parts else { return };
        if self.n_before < self.n_empty {
            self.n_before += 1;
            return;
        }
        self.lambdas.push(lambda);
        if !self.lambdas.is_full() {
            return;
        }
        let before = self.lambdas.oldest().flatten();
        if let (Some(now), Some(before)) = (lambda, before) {
            out[0] = Some((now - before) / self.lag);
            out[1] = (now > 0.0 && before > 0.0).then(|| now / before);
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.n_empty + self.lambdas.size())
    }
}
