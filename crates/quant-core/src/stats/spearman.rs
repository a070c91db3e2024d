//! Correlation of the ranks of two samples.

use crate::stats::correlation::check_pairs;
use crate::stats::{Correlation, Undefined, pearson};

/// Returns the rank of every observation, 1 for the smallest; equal observations share the mean of their ranks.
///
/// # Errors
/// `OutOfDomain` for a sample that is not finite.
///
/// # Complexity
/// O(n log n): one sort of indices.
pub fn average_ranks(xs: &[f64]) -> Result<Vec<f64>, Undefined> {
    if xs.iter().any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    // Sorting pairs keeps the comparison inside the cache line; adding 0 makes one zero of two.
    let mut order: Vec<(f64, usize)> = xs.iter().enumerate().map(|(i, x)| (x + 0.0, i)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut ranks = vec![0.0; xs.len()];
    let mut first = 0;
    for group in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        // The mean of ranks first + 1 to first + len.
        let rank = f64::midpoint((first + 1) as f64, (first + group.len()) as f64);
        for (_, i) in group {
            ranks[*i] = rank;
        }
        first += group.len();
    }
    Ok(ranks)
}

/// Returns Spearman's rank correlation of `xs` and `ys`: Pearson's correlation of their average ranks.
///
/// Between a feature and the return that follows it, this is the information coefficient (rank IC). Under independence
/// its variance is `1 / (n - 1)` whatever the laws of the two samples, exactly without ties.
///
/// # Errors
/// `OutOfDomain` for samples of different length or not finite, `TooFew` below two pairs, `NoVariation` where a sample
/// is constant.
///
/// # References
/// Spearman 1904, "The Proof and Measurement of Association between Two Things"; Kendall 1948, "Rank Correlation
/// Methods", ch. 5 (variance). Information coefficient: Grinold and Kahn 2000, "Active Portfolio Management".
pub fn spearman(xs: &[f64], ys: &[f64]) -> Result<Correlation, Undefined> {
    check_pairs(xs, ys)?;
    pearson(&average_ranks(xs)?, &average_ranks(ys)?)
}
