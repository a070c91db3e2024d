//! Tail index of a sample. It does not choose the threshold.

use crate::stats::{Undefined, finite};

/// Returns the Hill estimate of the tail index of `|x|` from its `k` largest values: `P(|X| > x) ~ x^-alpha`.
///
/// ```text
/// alpha = k / sum_{i=1}^{k} ln(|x|_(i) / |x|_(k+1))     |x|_(1) >= |x|_(2) >= ...
/// ```
///
/// Its standard error under independence is `alpha / sqrt(k)`.
///
/// # Errors
/// `OutOfDomain` for `k = 0` or a sample that is not finite, `TooFew` unless `n > k`, `NotPositive` where the threshold
/// `|x|_(k+1)` is 0, `NoVariation` where the `k + 1` largest values are equal.
///
/// # References
/// Hill 1975, "A Simple General Approach to Inference About the Tail of a Distribution".
pub fn hill(xs: &[f64], k: usize) -> Result<f64, Undefined> {
    if k == 0 {
        return Err(Undefined::OutOfDomain { what: "k" });
    }
    if xs.len() <= k {
        return Err(Undefined::TooFew {
            n: xs.len(),
            needed: k + 1,
        });
    }
    if xs.iter().any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let mut sizes: Vec<f64> = xs.iter().map(|x| x.abs()).collect();
    let (largest, threshold, _) = sizes.select_nth_unstable_by(k, |a, b| b.total_cmp(a));
    let threshold = *threshold;
    if threshold <= 0.0 {
        return Err(Undefined::NotPositive {
            what: "the threshold of the tail",
        });
    }
    // The selection leaves the tail in no particular order; a sum in sorted order is the same everywhere.
    largest.sort_unstable_by(f64::total_cmp);
    let sum: f64 = largest.iter().map(|x| libm::log(x / threshold)).sum();
    if sum <= 0.0 {
        return Err(Undefined::NoVariation { n: k + 1 });
    }
    finite(k as f64 / sum, "sample")
}
