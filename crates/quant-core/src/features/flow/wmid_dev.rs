//! How far the size-weighted mid is from the last trade. It is not Stoikov's microprice.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{STAT_NULLS, finite};
use crate::features::kernels::rolling::RollingZ;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const WMID: usize = stat_column("wmid_close");

/// Parameters of the distance of the size-weighted mid from the close.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WmidDevParams {
    /// Number of minutes m the score looks over.
    pub lookback: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for WmidDevParams {
    const KIND: &'static str = "wmid_dev";
    const DOC: &'static str =
        "distance of the size-weighted mid from the close, and its median-based z";

    fn example() -> Self {
        Self {
            lookback: 240,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("lookback", self.lookback, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let m = self.lookback;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec!["wmid_dev".to_owned(), format!("wmid_dev_zmad_{m}")],
            params: vec![
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "x = (wmid_close - c) / c 1e4; (x_t - median) / (1.4826 median |x - median|) over m minutes",
            units: "bp; standard deviations",
            window: format!("1 minute; its score {m} minutes"),
            warmup: format!("none; its score {m} minutes"),
            inputs: "1m close, wmid_close",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Gatheral and Oomen (2010), Zero-intelligence Realized Variance Estimation (size-weighted mid)",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel(RollingZ::with_mad(m, self.min_valid_share)),
        ))
    }
}

/// Scores the distance of the size-weighted mid from the close.
#[derive(Debug)]
struct Kernel(RollingZ);

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let close = frame.traded().row.and_then(|r| r.close);
        let dev = frame
            .stat(WMID)
            .zip(close)
            .map(|(wmid, close)| (wmid - close) / close * 1e4);
        self.0.push(dev);
        out[0] = dev;
        out[1] = finite(self.0.zmad());
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.0.size())
    }
}
