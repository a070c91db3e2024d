//! Numeric kernels of reports: moments, quantiles, the normal law, Sharpe-ratio inference; correlation, regression,
//! autocorrelation and tails of series; information coefficients and tests of many at once; drift and outliers of columns.
//!
//! Everything is per period: annualising belongs to the caller, after inference. Nothing here returns NaN or
//! infinity; what is undefined says why.

mod adjust;
mod autocorrelation;
mod bootstrap;
mod correlation;
mod drift;
mod effective;
mod ic;
mod moments;
mod normal;
mod ols;
mod outliers;
mod power_law;
mod running;
mod sharpe;
mod spearman;
mod tail;

pub use adjust::{benjamini_hochberg, holm};
use autocorrelation::GappySeries;
pub use autocorrelation::{autocorrelation, autocorrelation_with_gaps};
pub use bootstrap::{BlockDraws, bootstrap_correlation, percentile_interval};
pub use correlation::{Correlation, pearson};
pub use drift::{ks_distance, psi};
pub use effective::effective_sample;
pub use ic::{
    ForwardReturns, IcDecay, IcEstimate, IcParams, InformationCoefficient, MIN_EFFECTIVE, Untested,
    ic_decay, information_coefficient,
};
pub use moments::{
    kurtosis_excess, kurtosis_raw, mean, quantile, quantile_of_sorted, skewness, std_dev, variance,
};
pub use normal::{normal_cdf, normal_quantile};
pub use ols::{Ols, OlsFit, ols};
pub use outliers::mad_outliers;
pub use power_law::{PowerLaw, power_law};
pub use running::Running;
pub use sharpe::{
    Sharpe, deflated_sharpe, expected_max_sharpe, min_track_record, probabilistic_sharpe,
};
pub use spearman::{average_ranks, spearman};
pub use tail::hill;

/// Why a statistic has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// Not enough observations.
    #[error("{n} observations, at least {needed} needed")]
    TooFew {
        /// Observations given.
        n: usize,
        /// Observations needed.
        needed: usize,
    },
    /// All observations are equal.
    #[error("no variation in {n} observations")]
    NoVariation {
        /// Observations given.
        n: usize,
    },
    /// The denominator of the formula is not positive.
    #[error("{what} is not positive")]
    NotPositive {
        /// The quantity.
        what: &'static str,
    },
    /// An argument outside the formula's domain.
    #[error("{what} is outside its domain")]
    OutOfDomain {
        /// The argument.
        what: &'static str,
    },
}

/// Returns the natural logarithm, with the same bits on every platform.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Passes `x` if it is finite.
fn finite(x: f64, what: &'static str) -> Result<f64, Undefined> {
    if x.is_finite() {
        Ok(x)
    } else {
        Err(Undefined::OutOfDomain { what })
    }
}

#[cfg(test)]
mod tests;
