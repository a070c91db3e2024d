//! How far two samples of one quantity lie apart: population stability index and Kolmogorov-Smirnov distance.

use crate::stats::{Undefined, finite, quantile_of_sorted};

/// Returns the population stability index of `second` against `first` over quantile bins of `first`.
///
/// ```text
/// PSI = sum_i (q_i - p_i) ln(q_i / p_i)
/// p_i = (n_i + 1/2) / (n + k/2)   of the first sample, q_i of the second; k bins, ]edge_(i-1), edge_i]
/// ```
///
/// The edges are the type-7 quantiles `i / n_bins` of the first sample; equal ones count once, so a sample with few distinct
/// values has fewer bins. The half added to each count keeps empty bins finite. Usual reading: below 0.1 stable, above
/// 0.25 another population.
///
/// # Errors
/// `OutOfDomain` below two bins or for a sample that is not finite, `TooFew` if a sample has fewer values than bins.
///
/// # References
/// Siddiqi (2006), Credit Risk Scorecards.
pub fn psi(first: &[f64], second: &[f64], n_bins: usize) -> Result<f64, Undefined> {
    if n_bins < 2 {
        return Err(Undefined::OutOfDomain {
            what: "number of bins",
        });
    }
    let n = first.len().min(second.len());
    if n < n_bins {
        return Err(Undefined::TooFew { n, needed: n_bins });
    }
    if second.iter().any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let mut sorted = first.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut edges = Vec::with_capacity(n_bins - 1);
    for i in 1..n_bins {
        edges.push(quantile_of_sorted(&sorted, i as f64 / n_bins as f64)?);
    }
    edges.dedup();
    let count = |sample: &[f64]| {
        let mut counts = vec![0.5; edges.len() + 1];
        for x in sample {
            counts[edges.partition_point(|edge| edge < x)] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        counts.into_iter().map(move |c: f64| c / total)
    };
    let sum = count(first)
        .zip(count(second))
        .map(|(p, q)| (q - p) * libm::log(q / p))
        .sum();
    finite(sum, "sample")
}

/// Returns the two-sample Kolmogorov-Smirnov statistic: the largest distance of the empirical distribution functions.
///
/// # Errors
/// `TooFew` for an empty sample, `OutOfDomain` for one that is not finite.
///
/// # References
/// Smirnov (1939); no p-value: neighbouring minutes are not independent.
pub fn ks_distance(first: &[f64], second: &[f64]) -> Result<f64, Undefined> {
    let n = first.len().min(second.len());
    if n == 0 {
        return Err(Undefined::TooFew { n, needed: 1 });
    }
    if first.iter().chain(second).any(|x| !x.is_finite()) {
        return Err(Undefined::OutOfDomain { what: "sample" });
    }
    let sorted = |sample: &[f64]| {
        let mut out = sample.to_vec();
        out.sort_unstable_by(f64::total_cmp);
        out
    };
    let (a, b) = (sorted(first), sorted(second));
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        // All copies of a value in both samples are passed before the functions are compared.
        let x = a[i].min(b[j]);
        while i < a.len() && a[i] <= x {
            i += 1;
        }
        while j < b.len() && b[j] <= x {
            j += 1;
        }
        let gap = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        largest = largest.max(libm::fabs(gap));
    }
    Ok(largest)
}
