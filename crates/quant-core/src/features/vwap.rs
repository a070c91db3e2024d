//! Volume-weighted mean price since 00:00 UTC.

use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureSpec, MinuteFrame, RowFeature};

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
            nan_policy: "null until the day's first volume; minutes without volume weigh nothing, so gaps \
                         need no rule",
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
        if let Some(row) = &frame.traded().row
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
        out[0] = (self.base > 0.0).then(|| self.quote / self.base);
    }
}
