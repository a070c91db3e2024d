//! Relative changes of the open interest.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const OPEN_INTEREST: usize = stat_column("open_interest");
/// Minutes back of each column.
const LAGS: [usize; 3] = [240, 1_440, 7 * 1_440];
/// Minutes a base may be older than its lag.
const TOLERANCE: usize = 15;
/// Minutes kept: the longest lag, its tolerance and the current minute.
const KEPT: usize = LAGS[2] + TOLERANCE + 1;

/// Parameters of the changes of the open interest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OiChangeParams {
    /// Replay window; the change over 7 days needs 7.
    pub days_back: u16,
}

impl FeatureDef for OiChangeParams {
    const KIND: &'static str = "oi_change";
    const DOC: &'static str =
        "relative changes of the open interest over 4 hours, a day and a week";

    fn example() -> Self {
        Self { days_back: 7 }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(OiChange::new(*self))
    }
}

/// Open interest over that of some time ago.
#[derive(Debug)]
struct OiChange {
    spec: FeatureSpec,
    /// Ring of the last values; NaN stands for what is unknown or not seen yet.
    values: Vec<f64>,
    at: usize,
}

impl OiChange {
    fn new(params: OiChangeParams) -> Self {
        let columns = ["oi_change_4h", "oi_change_24h", "oi_change_7d"];
        Self {
            spec: FeatureSpec {
                name: OiChangeParams::KIND,
                columns: columns.map(str::to_owned).to_vec(),
                params: vec![],
                formula: "OI_t / OI_s - 1, s the last minute at or before t - 4 h (24 h, 7 d) with a known open interest, \
                          at most 15 minutes earlier than that",
                units: "ratio less 1",
                window: "4 hours, 24 hours, 7 days".to_owned(),
                warmup: "241, 1441, 10081 minutes of the replay".to_owned(),
                inputs: "open_interest",
                nan_policy: "not cleared by gaps, but null inside one; null while the open interest of t or of every minute \
                             that may be s is unknown or lies before the replay",
                causality: ROW_CAUSALITY,
                reference: "relative change of the open interest",
                days_back: params.days_back,
            },
            values: vec![f64::NAN; KEPT],
            at: 0,
        }
    }

    /// The last known value at least `lag` minutes old.
    fn base(&self, lag: usize) -> Option<f64> {
        (lag..=lag + TOLERANCE)
            .map(|n| self.values[(self.at + KEPT - n) % KEPT])
            .find(|x| !x.is_nan())
    }
}

impl RowFeature for OiChange {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.values.fill(f64::NAN);
        self.at = 0;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out.fill(None);
        self.at = (self.at + 1) % KEPT;
        let now = frame.stat(OPEN_INTEREST);
        self.values[self.at] = now.unwrap_or(f64::NAN);
        if frame.traded().segment.in_gap {
            return;
        }
        let Some(now) = now else { return };
        for (out, lag) in out.iter_mut().zip(LAGS) {
            *out = self
                .base(lag)
                .filter(|then| *then > 0.0)
                .map(|then| now / then - 1.0);
        }
    }
}
