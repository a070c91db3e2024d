//! Volume-weighted mean price since 00:00 UTC.

use crate::features::kernels::ROW_CAUSALITY;
use serde::{Deserialize, Serialize};

use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the volume-weighted mean price since 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionVwapParams {}

impl FeatureDef for SessionVwapParams {
    const KIND: &'static str = "session_vwap";
    const DOC: &'static str = "volume-weighted mean price since 00:00 UTC";

    fn example() -> Self {
        Self {}
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        0
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(SessionVwap::new())
    }
}

/// Session VWAP: quote volume where the row knows it, typical price times volume where it does not.
#[derive(Debug)]
pub(crate) struct SessionVwap {
    spec: FeatureSpec,
    quote: f64,
    base: f64,
}

impl SessionVwap {
    pub(crate) fn new() -> Self {
        let spec = FeatureSpec {
            name: "session_vwap",
            columns: vec!["session_vwap".to_owned()],
            params: vec![],
            formula: "sum q_i / sum v_i over the minutes of the UTC day; q_i = quote_volume, else \
                      v_i (h_i + l_i + c_i) / 3",
            units: "quote per base",
            window: "since 00:00 UTC".to_owned(),
            warmup: "the first minute with volume".to_owned(),
            inputs: "1m volume, quote_volume, high, low, close",
            nan_policy: "null until the day's first volume and inside a gap, which clears nothing: after it the \
                         sums of the session go on",
            causality: ROW_CAUSALITY,
            reference: "volume-weighted average price, session of one UTC day",
            days_back: 0,
        };
        Self {
            spec,
            quote: 0.0,
            base: 0.0,
        }
    }
}

impl RowFeature for SessionVwap {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.quote = 0.0;
        self.base = 0.0;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let minute = frame.traded();
        if let Some(row) = &minute.row
            && row.volume > 0.0
        {
            let typical = match (row.high, row.low, row.close) {
                (Some(h), Some(l), Some(c)) => Some((h + l + c) / 3.0 * row.volume),
                _ => None,
            };
            if let Some(quote) = row.quote_volume.or(typical) {
                self.quote += quote;
                self.base += row.volume;
            }
        }
        let is_known = self.base > 0.0 && !minute.segment.in_gap;
        out[0] = is_known.then(|| self.quote / self.base);
    }
}
