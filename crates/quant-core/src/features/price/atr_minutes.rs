//! Wilder's average true range of minutes.

use serde::{Deserialize, Serialize};

use crate::features::kernels::atr::AtrState;
use crate::features::kernels::{MinuteFeature, MinuteKernel, PriceBar, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the Wilder's average true range of minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtrMinutesParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for AtrMinutesParams {
    const KIND: &'static str = "atr_minutes";
    const DOC: &'static str = "Wilder's average true range of minutes";

    fn example() -> Self {
        Self {
            minutes: 14,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(AtrMinutes::new(*self))
    }
}

/// Wilder's average true range of minutes.
pub(crate) type AtrMinutes = MinuteFeature<AtrMinutesKernel>;

#[derive(Debug)]
pub(crate) struct AtrMinutesKernel(AtrState);

impl MinuteKernel for AtrMinutesKernel {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        if let Some(row) = &frame.traded().row
            && let (Some(open), Some(high), Some(low), Some(close)) =
                (row.open, row.high, row.low, row.close)
        {
            self.0.push(&PriceBar {
                high,
                low,
                open,
                close,
                volume: row.volume,
            });
        }
        out[0] = self.0.value();
    }

    fn memory_minutes(&self) -> Option<u32> {
        None
    }
}

impl AtrMinutes {
    pub(crate) fn new(p: AtrMinutesParams) -> Self {
        let spec = FeatureSpec {
            name: "atr_minutes",
            columns: vec![format!("atr_minutes_{}", p.minutes)],
            params: vec![("minutes", p.minutes.to_string())],
            formula: "as atr, of minutes: tr_t = max(h_t, c_(t-1)) - min(l_t, c_(t-1)), tr_0 = h_0 - \
                      l_0; a_(n-1) = mean of the first n; a_t = (a_(t-1) (n - 1) + tr_t) / n",
            units: "quote per base",
            window: format!("recursive over minutes, {}", p.minutes),
            warmup: format!("{} minutes with prices", p.minutes),
            inputs: "1m high, low, close",
            nan_policy: "null until warm, in and after gaps until warm; absent minutes are skipped, \
                      filled ones have a range of 0",
            causality: ROW_CAUSALITY,
            reference: "Wilder (1978), New Concepts in Technical Trading Systems",
            days_back: p.days_back,
        };
        Self::of(spec, AtrMinutesKernel(AtrState::new(p.minutes)))
    }
}
