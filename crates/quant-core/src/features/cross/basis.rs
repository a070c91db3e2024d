//! Basis: how far the traded instrument stands above another one of the run.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, Replay, RowFeature};

const MID: usize = stat_column("mid_close");

/// Parameters of the distance of the traded price from that of another instrument.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisParams {
    /// Position of the other instrument in the run, counted from 0.
    pub other: u16,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for BasisParams {
    const KIND: &'static str = "basis";
    const DOC: &'static str = "price of the traded instrument over that of another one, in percent";

    fn example() -> Self {
        Self {
            other: 1,
            days_back: 0,
        }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn other(&self) -> Option<u16> {
        Some(self.other)
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Basis::new(*self))
    }
}

/// Traded price over another instrument's, less 1, in percent. It keeps nothing from minute to minute.
#[derive(Debug)]
struct Basis {
    spec: FeatureSpec,
    other: usize,
}

impl Basis {
    fn new(params: BasisParams) -> Self {
        let other = params.other;
        let spec = FeatureSpec {
            name: BasisParams::KIND,
            columns: vec![format!("basis_pct_{other}")],
            params: vec![("other", other.to_string())],
            formula: "(P - S) / S * 100; P, S = mid_close of traded and other instrument where both have one, else \
                      close of both, each of a minute that is not filled",
            units: "percent",
            window: "the minute".to_owned(),
            warmup: "none".to_owned(),
            inputs: "mid_close, 1m close of the traded and of the other instrument",
            nan_policy: "null in a gap of the traded instrument, and without a mid of both or a real close of both",
            causality: ROW_CAUSALITY,
            reference: "spot-futures basis, SPEC-research B",
            days_back: params.days_back,
        };
        Self {
            spec,
            other: usize::from(other),
        }
    }
}

impl RowFeature for Basis {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn replay(&self) -> Replay {
        Replay::Minutes(0)
    }

    fn reset(&mut self) {}

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = None;
        if frame.traded().segment.in_gap {
            return;
        }
        let mids = frame.stat(MID).zip(frame.stat_of(self.other, MID));
        let close = |idx: usize| frame.minutes[idx].row.filter(|r| !r.is_filled)?.close;
        let pair = mids.or_else(|| close(frame.traded_idx).zip(close(self.other)));
        out[0] = pair
            .filter(|(_, s)| *s > 0.0)
            .map(|(p, s)| (p - s) / s * 100.0);
    }
}
