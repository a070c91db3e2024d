//! Kyle's lambda of 10 s intervals: what a signed unit of volume moves the mid by.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::line::Moments;

use crate::features::kernels::rolling::sum_rows;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// n, x, y, xx, xy, yy.
const SUMS: [usize; 6] = [
    stat_column("flow_n"),
    stat_column("flow_x"),
    stat_column("flow_y"),
    stat_column("flow_xx"),
    stat_column("flow_xy"),
    stat_column("flow_yy"),
];
const MID: usize = stat_column("mid_close");
/// Intervals of 10 s in a minute.
const PER_MINUTE: f64 = 6.0;
/// Fewest points of a line with a standard error.
const MIN_POINTS: f64 = 3.0;

/// Parameters of the slope of mid changes on signed volume of 10 s intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KyleParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of the window's intervals that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for KyleParams {
    const KIND: &'static str = "kyle";
    const DOC: &'static str = "slope of mid changes on signed volume of 10 s intervals";

    fn example() -> Self {
        Self {
            minutes: 30,
            min_valid_share: 0.5,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: ["lambda", "r2", "t", "bp"]
                .iter()
                .map(|part| format!("kyle_{part}_{n}"))
                .collect(),
            params: vec![
                ("minutes", n.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "y = a + lambda x + e by OLS, y = change of the mid and x = signed volume of each 10 s interval \
                      of the last n minutes; R2; lambda / its classical standard error; lambda 1e10 / mid^2",
            units: "price per base unit; share; number; bp per 1e6 quote units",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m flow_n, flow_x, flow_y, flow_xx, flow_xy, flow_yy, mid_close",
            nan_policy: "null until warm, in and after gaps until warm, below max(3, min_valid_share 6 n) intervals, \
                         and where x does not vary; r2 and t also where y does not; t also for a perfect fit; bp also \
                         without a mid",
            causality: ROW_CAUSALITY,
            reference: "Kyle (1985), Continuous Auctions and Insider Trading",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                minutes: Window::new(n),
                min_intervals: (self.min_valid_share * PER_MINUTE * f64::from(n)).max(MIN_POINTS),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    /// The six sums of each minute; a minute that is not known adds zeros.
    minutes: Window<[f64; 6]>,
    min_intervals: f64,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.minutes.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let mut own = [0.0; 6];
        for (sum, column) in own.iter_mut().zip(SUMS) {
            *sum = frame.stat(column).unwrap_or(f64::NAN);
        }
        if own.iter().any(|sum| sum.is_nan()) {
            own = [0.0; 6];
        }
        self.minutes.push(own);
        if !self.minutes.is_full() {
            return;
        }
        let sums = sum_rows(self.minutes.as_slice());
        let n = sums[0];
        if n < self.min_intervals {
            return;
        }
        let moments = Moments::of_sums(sums);
        let Some(line) = moments.line() else { return };
        out[0] = Some(line.slope);
        out[1] = line.r2;
        out[2] = line
            .rss
            .map(|rss| line.slope / (rss / (n - 2.0) / moments.sxx).sqrt());
        out[3] = frame.stat(MID).map(|mid| line.slope * 1e10 / (mid * mid));
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.minutes.size())
    }
}
