//! Exponent of a power law through points, by a straight line in logarithms.

use crate::stats::{Ols, Undefined};

/// A power law `y = scale * x^-exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// Exponent of the decay: positive where `y` falls.
    pub exponent: f64,
    /// Value at `x = 1`.
    pub scale: f64,
    /// Share of the variance of `ln y` that the line explains.
    pub r2: f64,
    /// Number of points used.
    pub n: usize,
}

/// Returns the power law through `(xs, ys)` by least squares of `ln y` on `ln x`; points where either is not positive
/// are left out, and `n` says how many were not.
///
/// For an autocorrelation `C(k)` at log-spaced lags this is the memory exponent gamma: the memory is long where
/// `gamma < 1`.
///
/// # Errors
/// `TooFew` below two usable points, `NoVariation` where they share one `x`.
///
/// # References
/// Lillo and Farmer 2004, "The Long Memory of the Efficient Market".
pub fn power_law(xs: &[f64], ys: &[f64]) -> Result<PowerLaw, Undefined> {
    let mut sums = Ols::new();
    let mut n = 0;
    for (x, y) in xs.iter().zip(ys) {
        if *x > 0.0 && *y > 0.0 {
            sums.add(libm::log(*x), libm::log(*y));
            n += 1;
        }
    }
    let fit = sums.fit()?;
    Ok(PowerLaw {
        exponent: -fit.slope,
        scale: crate::stats::finite(libm::exp(fit.intercept), "scale")?,
        r2: fit.r2,
        n,
    })
}
