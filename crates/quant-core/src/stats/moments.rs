//! Moments and quantiles of a sample, in fixed summation order.

use crate::stats::{Undefined, finite};

fn need(xs: &[f64], needed: usize) -> Result<(), Undefined> {
    if xs.len() < needed {
        Err(Undefined::TooFew {
            n: xs.len(),
            needed,
        })
    } else {
        Ok(())
    }
}

/// Returns the arithmetic mean.
///
/// # Errors
/// `TooFew` for an empty sample, `OutOfDomain` for a sample that is not finite.
pub fn mean(xs: &[f64]) -> Result<f64, Undefined> {
    need(xs, 1)?;
    finite(xs.iter().sum::<f64>() / xs.len() as f64, "sample")
}

/// Returns the `k`-th central moment divided by n.
fn central(xs: &[f64], k: u32) -> Result<f64, Undefined> {
    let m = mean(xs)?;
    let power = |x: f64| (0..k).fold(1.0, |acc, _| acc * (x - m));
    finite(
        xs.iter().map(|&x| power(x)).sum::<f64>() / xs.len() as f64,
        "sample",
    )
}

/// Returns the variance with divisor `n - ddof` (0: population, 1: unbiased), two passes.
///
/// # Errors
/// `TooFew` unless `n > ddof`, `OutOfDomain` for a sample that is not finite.
pub fn variance(xs: &[f64], ddof: usize) -> Result<f64, Undefined> {
    need(xs, ddof + 1)?;
    let n = xs.len() as f64;
    Ok(central(xs, 2)? * n / (n - ddof as f64))
}

/// Returns the square root of [`variance`].
///
/// # Errors
/// As [`variance`].
pub fn std_dev(xs: &[f64], ddof: usize) -> Result<f64, Undefined> {
    Ok(variance(xs, ddof)?.sqrt())
}

/// Returns whether a second moment is indistinguishable from rounding noise around the mean.
fn is_flat(m2: f64, m: f64) -> bool {
    // A constant sample leaves at most a few ulps of the mean per observation.
    m2.sqrt() <= 1e-14 * m.abs() || m2 <= 0.0
}

/// Returns the standardised central moment `m_k / m_2^(k/2)`.
fn standardised(xs: &[f64], k: u32) -> Result<f64, Undefined> {
    need(xs, 2)?;
    let m2 = central(xs, 2)?;
    if is_flat(m2, mean(xs)?) {
        return Err(Undefined::NoVariation { n: xs.len() });
    }
    let sd = m2.sqrt();
    let scale = (0..k).fold(1.0, |acc, _| acc * sd);
    if scale <= 0.0 {
        return Err(Undefined::NoVariation { n: xs.len() });
    }
    finite(central(xs, k)? / scale, "sample")
}

/// Returns the population skewness `m3 / m2^1.5`.
///
/// # Errors
/// `TooFew` below two observations, `NoVariation` for a constant sample.
pub fn skewness(xs: &[f64]) -> Result<f64, Undefined> {
    standardised(xs, 3)
}

/// Returns the raw population kurtosis `m4 / m2^2`: 3 for a normal law.
///
/// # Errors
/// `TooFew` below two observations, `NoVariation` for a constant sample.
pub fn kurtosis_raw(xs: &[f64]) -> Result<f64, Undefined> {
    standardised(xs, 4)
}

/// Returns the excess population kurtosis `m4 / m2^2 - 3`: 0 for a normal law, positive for fat tails.
///
/// # Errors
/// As [`kurtosis_raw`].
pub fn kurtosis_excess(xs: &[f64]) -> Result<f64, Undefined> {
    Ok(kurtosis_raw(xs)? - 3.0)
}

/// Returns the `p`-quantile by linear interpolation between order statistics.
///
/// # Errors
/// `TooFew` for an empty sample, `OutOfDomain` for `p` outside `[0, 1]` or a sample that is not finite.
///
/// # References
/// Hyndman and Fan 1996, "Sample Quantiles in Statistical Packages", type 7.
pub fn quantile(xs: &[f64], p: f64) -> Result<f64, Undefined> {
    need(xs, 1)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(Undefined::OutOfDomain { what: "p" });
    }
    if xs.iter().any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let mut sorted = xs.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, p)
}

/// Returns the `p`-quantile of a sample in ascending order, as [`quantile`].
///
/// # Errors
/// As [`quantile`].
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> Result<f64, Undefined> {
    need(sorted, 1)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(Undefined::OutOfDomain { what: "p" });
    }
    let last = sorted.len() - 1;
    // Sorted: what is not finite stands at an end.
    if !(sorted[0].is_finite() && sorted[last].is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let at = p * last as f64;
    let floor = libm::floor(at);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= floor <= len - 1"
    )]
    let i = floor as usize;
    let next = sorted[(i + 1).min(last)];
    Ok(sorted[i] + (at - floor) * (next - sorted[i]))
}
