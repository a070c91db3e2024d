//! Features of order flow and of the book, one file each; `docs/row_features.md` defines every column.
//!
//! Here is only what they share: a windowed statistic with its score, and the least-squares line. Composite kinds read the columns of the simple ones (their `parts`), so each definition exists once and is computed once.

mod absorption;
mod flow_toxicity;
mod hawkes;
mod kyle;
mod kyle_minute;
mod kyle_slope;
mod line;
mod liquidation_pressure;
mod micro_alpha;
mod obi;
mod ofi;
mod ofi_weighted;
mod ofi_z;
mod replenishment;
mod size_concentration;
mod tfi;
mod tfi_threshold;
mod vpin;
mod vpin_bvc;
mod wmid_dev;

pub use absorption::AbsorptionParams;
pub use flow_toxicity::FlowToxicityParams;
pub use hawkes::HawkesParams;
pub use kyle::KyleParams;
pub use kyle_minute::KyleMinuteParams;
pub use kyle_slope::KyleSlopeParams;
pub use liquidation_pressure::LiquidationPressureParams;
pub use micro_alpha::MicroAlphaParams;
pub use obi::ObiParams;
pub use ofi::OfiParams;
pub use ofi_weighted::OfiWeightedParams;
pub use ofi_z::OfiZParams;
pub use replenishment::ReplenishmentParams;
pub use size_concentration::SizeConcentrationParams;
pub use tfi::TfiParams;
pub use tfi_threshold::TfiThresholdParams;
pub use vpin::VpinParams;
pub use vpin_bvc::VpinBvcParams;
pub use wmid_dev::WmidDevParams;

use crate::features::kernels::rolling::{RollingZ, ValidSum};

/// Null policy of windows of statistics.
const STAT_NULLS: &str = "null until warm, in and after gaps until warm, below min_valid_share of known minutes, and \
                          where a denominator is 0";

/// How a window becomes one value.
#[derive(Clone, Copy, Debug)]
enum Of {
    Sum,
    Mean,
}

/// A sum or mean over n minutes and its score over m minutes, which begins once the window is full.
#[derive(Debug)]
struct Scored {
    of: Of,
    window: ValidSum,
    score: RollingZ,
}

impl Scored {
    fn new(of: Of, minutes: u32, lookback: u32, min_valid_share: f64) -> Self {
        Self {
            of,
            window: ValidSum::new(minutes, min_valid_share),
            score: RollingZ::new(lookback, min_valid_share),
        }
    }

    fn with_mad(of: Of, minutes: u32, lookback: u32, min_valid_share: f64) -> Self {
        Self {
            score: RollingZ::with_mad(lookback, min_valid_share),
            ..Self::new(of, minutes, lookback, min_valid_share)
        }
    }

    fn clear(&mut self) {
        self.window.clear();
        self.score.clear();
    }

    /// Takes the statistic of the next minute and returns the value of the window.
    fn push(&mut self, x: Option<f64>) -> Option<f64> {
        self.window.push(x);
        let value = match self.of {
            Of::Sum => self.window.sum(),
            Of::Mean => self.window.mean(),
        };
        if self.window.is_full() {
            self.score.push(value);
        }
        value
    }

    fn z(&self) -> Option<f64> {
        finite(self.score.z())
    }

    fn zmad(&self) -> Option<f64> {
        finite(self.score.zmad())
    }

    /// Returns how many minutes its state depends on.
    fn memory(&self) -> u32 {
        self.window.size() + self.score.size() - 1
    }
}

/// Turns what overflowed into a null before it can be clipped into a value.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

/// Returns `numerator / denominator`; `None` unless the denominator is positive.
fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}
