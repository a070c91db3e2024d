//! Distance of the close from the session VWAP, in deviations of the session's prices.

use serde::{Deserialize, Serialize};

use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the distance of the close from the session VWAP in volume-weighted deviations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionVwapZParams {
    /// Smallest number of minutes with volume.
    pub min_minutes: u32,
}

impl FeatureDef for SessionVwapZParams {
    const KIND: &'static str = "session_vwap_z";
    const DOC: &'static str =
        "distance of the close from the session VWAP in volume-weighted deviations";

    fn example() -> Self {
        Self { min_minutes: 30 }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("min_minutes", self.min_minutes, 2);
    }

    fn days_back(&self) -> u16 {
        0
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(SessionVwapZ::new(*self))
    }
}

/// A deviation of at most this share of the mean is rounding of equal prices, and counts as 0.
const ROUNDING: f64 = 1e-12;

/// The close, and the weighted moments of the day so far.
#[derive(Debug)]
pub(crate) struct SessionVwapZ {
    spec: FeatureSpec,
    min_minutes: u32,
    close: Option<f64>,
    n: u32,
    weight: f64,
    mean: f64,
    /// Weighted sum of squared deviations.
    squares: f64,
}

impl SessionVwapZ {
    pub(crate) fn new(p: SessionVwapZParams) -> Self {
        let spec = FeatureSpec {
            name: "session_vwap_z",
            columns: vec!["session_vwap_z".to_owned()],
            params: vec![("min_minutes", p.min_minutes.to_string())],
            formula: "(c - V) / s; V, s^2 = mean and variance (no correction) weighted by v of the \
                      prices p = vwap, else (h + l + c) / 3, of the minutes since 00:00 UTC",
            units: "standard deviations",
            window: "since 00:00 UTC".to_owned(),
            warmup: format!("{} minutes with volume", p.min_minutes),
            inputs: "1m volume, vwap, high, low, close",
            nan_policy: "null below min_minutes minutes with volume, for s of at most 1e-12 V, and in gaps; gaps clear \
                      nothing",
            causality: ROW_CAUSALITY,
            reference: "session VWAP bands; weighted moments after West (1979), Updating Mean and \
                      Variance Estimates",
            days_back: 0,
        };
        Self {
            spec,
            min_minutes: p.min_minutes,
            close: None,
            n: 0,
            weight: 0.0,
            mean: 0.0,
            squares: 0.0,
        }
    }
}

impl RowFeature for SessionVwapZ {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.close = None;
        self.n = 0;
        self.weight = 0.0;
        self.mean = 0.0;
        self.squares = 0.0;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = None;
        let minute = frame.traded();
        if let Some(row) = &minute.row {
            self.close = row.close.or(self.close);
            let typical = match (row.high, row.low, row.close) {
                (Some(h), Some(l), Some(c)) => Some((h + l + c) / 3.0),
                _ => None,
            };
            if row.volume > 0.0
                && let Some(price) = row.vwap.or(typical)
            {
                self.n += 1;
                self.weight += row.volume;
                let off = price - self.mean;
                self.mean += off * (row.volume / self.weight);
                self.squares += row.volume * off * (price - self.mean);
            }
        }
        if minute.segment.in_gap || self.n < self.min_minutes {
            return;
        }
        let std = (self.squares / self.weight).max(0.0).sqrt();
        out[0] = self
            .close
            .filter(|_| std > ROUNDING * libm::fabs(self.mean))
            .map(|close| (close - self.mean) / std);
    }
}
