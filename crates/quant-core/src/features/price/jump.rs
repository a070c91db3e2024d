//! Realised variance on the 5-second grid, its jump-robust versions, and the share of jumps.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::rolling::sum_rows;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the realised and jump-robust variance of the 5-second grid, and the share of jumps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Largest share of zero returns for which bipower variation is trusted.
    pub max_zero_share: f64,
    /// Smallest share of known values in the window.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for JumpParams {
    const KIND: &'static str = "jump";
    const DOC: &'static str =
        "realised and jump-robust variance of the 5-second grid, and the share of jumps";

    fn example() -> Self {
        Self {
            minutes: 60,
            max_zero_share: 0.3,
            min_valid_share: 0.5,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.share("max_zero_share", self.max_zero_share);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Jump::new(*self))
    }
}

/// Realised variance on the 5-second grid, its jump-robust versions, and the share of jumps.
pub(crate) type Jump = MinuteFeature<JumpKernel>;

const RV_N: usize = stat_column("rv_n");
const RV_ZERO: usize = stat_column("rv_zero");
const RV: usize = stat_column("rv");
const RV_BIPOWER: usize = stat_column("rv_bipower");
const RV_MED: usize = stat_column("rv_med");
const RV_MIN: usize = stat_column("rv_min");
/// Returns of a whole minute on the grid of 5 seconds.
const RETURNS_PER_MINUTE: f64 = 12.0;
/// Fewest returns every estimator is defined for.
const MIN_RETURNS: f64 = 3.0;

#[derive(Debug)]
pub(crate) struct JumpKernel {
    max_zero_share: f64,
    min_returns: f64,
    /// The six sums of each minute; a minute without them adds nothing.
    minutes: Window<[f64; 6]>,
}

impl MinuteKernel for JumpKernel {
    fn clear(&mut self) {
        self.minutes.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let columns = [RV_N, RV_ZERO, RV, RV_BIPOWER, RV_MED, RV_MIN];
        let mut sums = [0.0; 6];
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum = frame.stat(column).unwrap_or(0.0);
        }
        self.minutes.push(sums);
        if !self.minutes.is_full() {
            return;
        }
        let [m, zeros, rv, bipower, med, min] = sum_rows(self.minutes.as_slice());
        if m < self.min_returns {
            return;
        }
        let pi = core::f64::consts::PI;
        let bipower = pi / 2.0 * (m / (m - 1.0)) * bipower;
        let med = pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi) * (m / (m - 2.0)) * med;
        let min = pi / (pi - 2.0) * (m / (m - 1.0)) * min;
        // Zero returns take every estimator but RV towards 0, which would read as one lasting jump.
        let is_told = rv > 0.0 && zeros / m <= self.max_zero_share;
        let jumps = is_told.then(|| (rv - bipower).max(0.0) / rv);
        out.copy_from_slice(&[Some(rv), Some(bipower), Some(med), Some(min), jumps]);
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.minutes.size())
    }
}

impl Jump {
    pub(crate) fn new(p: JumpParams) -> Self {
        let spec = FeatureSpec {
            name: "jump",
            columns: vec![
                format!("rv_{}", p.minutes),
                format!("bipower_{}", p.minutes),
                format!("medrv_{}", p.minutes),
                format!("minrv_{}", p.minutes),
                format!("jump_share_{}", p.minutes),
            ],
            params: vec![
                ("minutes", p.minutes.to_string()),
                ("max_zero_share", p.max_zero_share.to_string()),
                ("min_valid_share", p.min_valid_share.to_string()),
            ],
            formula: "M = sum rv_n; RV = sum rv; BV = pi/2 M/(M-1) sum rv_bipower; MedRV = pi/(6-4 \
                      sqrt3+pi) M/(M-2) sum rv_med; MinRV = pi/(pi-2) M/(M-1) sum rv_min; max(RV - \
                      BV, 0) / RV",
            units: "squared log return over the window; share in [0, 1]",
            window: format!("{} minutes", p.minutes),
            warmup: format!("{} minutes", p.minutes),
            inputs: "1m rv_n, rv_zero, rv, rv_bipower, rv_med, rv_min",
            nan_policy: "null until warm, in and after gaps until warm, and for M < max(3, \
                      min_valid_share * 12 n); the share is null also for RV = 0 and for sum rv_zero / M > \
                      max_zero_share",
            causality: ROW_CAUSALITY,
            reference: "Barndorff-Nielsen and Shephard (2004), Power and Bipower Variation; Andersen, \
                      Dobrev and Schaumburg (2012), Jump-Robust Volatility Estimation using Nearest \
                      Neighbor Truncation",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            JumpKernel {
                max_zero_share: p.max_zero_share,
                min_returns: (p.min_valid_share * RETURNS_PER_MINUTE * f64::from(p.minutes))
                    .max(MIN_RETURNS),
                minutes: Window::new(p.minutes),
            },
        )
    }
}
