//! Is there a jump: the test of Barndorff-Nielsen and Shephard on the 5-second grid.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::rolling::sum_rows;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::price::jump::{MIN_RETURNS, RETURNS_PER_MINUTE, bipower_of};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Number of returns, zero returns, RV, and the sums of bipower variation and tripower quarticity.
const SUMS: [usize; 5] = [
    stat_column("rv_n"),
    stat_column("rv_zero"),
    stat_column("rv"),
    stat_column("rv_bipower"),
    stat_column("rv_tri"),
];
/// `E |N(0, 1)|^(4/3) = 2^(2/3) Gamma(7/6) / Gamma(1/2)`.
const MU_FOUR_THIRDS: f64 = 0.830_860_925_029_559_1;

/// Parameters of the test for jumps on the 5-second grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpZParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Largest share of zero returns for which the test is made.
    pub max_zero_share: f64,
    /// Smallest share of known values in the window.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for JumpZParams {
    const KIND: &'static str = "jump_z";
    const DOC: &'static str = "test for jumps on the 5-second grid: about N(0, 1) without any";

    fn example() -> Self {
        Self {
            minutes: 60,
            // Zeros bias the test long before they take bipower variation to 0.
            max_zero_share: 0.02,
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
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("jump_z_{n}")],
            params: vec![
                ("minutes", n.to_string()),
                ("max_zero_share", self.max_zero_share.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "((RV - BV) / RV) / sqrt((pi^2/4 + pi - 5) / M max(1, TQ / BV^2)); M = sum rv_n; RV = sum rv; \
                      BV = pi/2 M/(M-1) sum rv_bipower; TQ = M mu^-3 M/(M-2) sum rv_tri; mu = 2^(2/3) Gamma(7/6) / \
                      Gamma(1/2)",
            units: "standard deviations",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m rv_n, rv_zero, rv, rv_bipower, rv_tri",
            nan_policy: "null until warm, in and after gaps until warm, for M < max(3, min_valid_share * 12 n), for sum \
                         rv_zero / M > max_zero_share, and for RV = 0 or BV = 0; independent zeros of share f raise it by \
                         about f sqrt(M / 0.61)",
            causality: ROW_CAUSALITY,
            reference: "Barndorff-Nielsen and Shephard (2006), Econometrics of Testing for Jumps; Huang and Tauchen \
                        (2005), The Relative Contribution of Jumps to Total Price Variance",
            days_back: self.days_back,
        };
        let least = self.min_valid_share * RETURNS_PER_MINUTE * f64::from(n);
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                max_zero_share: self.max_zero_share,
                min_returns: least.max(MIN_RETURNS),
                minutes: Window::new(n),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    max_zero_share: f64,
    min_returns: f64,
    /// The sums of each minute; what a minute does not know adds nothing.
    minutes: Window<[f64; 5]>,
}

impl Kernel {
    fn take(&mut self, frame: &MinuteFrame<'_>) {
        self.minutes
            .push(SUMS.map(|column| frame.stat(column).unwrap_or(0.0)));
    }
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.minutes.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.take(frame);
        if !self.minutes.is_full() {
            return;
        }
        let [m, zeros, rv, bipower, tripower] = sum_rows(self.minutes.as_slice());
        if m < self.min_returns || zeros / m > self.max_zero_share {
            return;
        }
        let bipower = bipower_of(m, bipower);
        if rv <= 0.0 || bipower <= 0.0 {
            return;
        }
        let pi = core::f64::consts::PI;
        let scale = m / (MU_FOUR_THIRDS * MU_FOUR_THIRDS * MU_FOUR_THIRDS) * (m / (m - 2.0));
        let quarticity = scale * tripower;
        // The variance of BV less that of RV, both over integrated variance, for Gaussian returns.
        let variance = (pi * pi / 4.0 + pi - 5.0) / m * (quarticity / (bipower * bipower)).max(1.0);
        out[0] = Some((rv - bipower) / rv / variance.sqrt());
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        self.take(frame);
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.minutes.size())
    }
}
