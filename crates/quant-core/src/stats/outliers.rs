//! Values far from the median, measured in a scale that they cannot widen.

use crate::stats::{Undefined, quantile_of_sorted};

/// Makes the median absolute deviation of a normal sample its standard deviation.
const MAD_SCALE: f64 = 1.4826;

/// Returns how many values have `|x - median| / (1.4826 * median |x - median|) > limit`.
///
/// # Errors
/// `TooFew` for an empty sample, `OutOfDomain` for one that is not finite, `NoVariation` if more than half of the values
/// are equal.
///
/// # References
/// Hampel (1974), The Influence Curve and its Role in Robust Estimation.
pub fn mad_outliers(xs: &[f64], limit: f64) -> Result<usize, Undefined> {
    if xs.iter().any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let mut sorted = xs.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = quantile_of_sorted(&sorted, 0.5)?;
    let distance = |x: &f64| libm::fabs(x - median);
    let mut distances: Vec<f64> = sorted.iter().map(distance).collect();
    distances.sort_unstable_by(f64::total_cmp);
    let scale = MAD_SCALE * quantile_of_sorted(&distances, 0.5)?;
    if scale <= 0.0 {
        return Err(Undefined::NoVariation { n: xs.len() });
    }
    Ok(distances.len() - distances.partition_point(|d| d / scale <= limit))
}
