//! p-values of many tests at once.

use crate::stats::Undefined;

fn sorted_positions(ps: &[f64]) -> Result<Vec<usize>, Undefined> {
    if ps.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Undefined::OutOfDomain { what: "p-value" });
    }
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]).then(a.cmp(b)));
    Ok(order)
}

/// Returns Holm's adjusted p-values, in the order given: at most `alpha` of them rejects any true null with probability
/// `alpha` at most, whatever the dependence.
///
/// ```text
/// p~_(i) = max_{j <= i} min(1, (m - j + 1) p_(j))
/// ```
///
/// # Errors
/// `OutOfDomain` for a p-value outside `[0, 1]`.
///
/// # References
/// Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
pub fn holm(ps: &[f64]) -> Result<Vec<f64>, Undefined> {
    let order = sorted_positions(ps)?;
    let mut out = vec![0.0; ps.len()];
    let mut highest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest.max(((ps.len() - rank) as f64 * ps[i]).min(1.0));
        out[i] = highest;
    }
    Ok(out)
}

/// Returns Benjamini and Hochberg's adjusted p-values, in the order given: rejecting those up to `q` keeps the expected share
/// of false ones among them at `q`, for independent or positively dependent tests.
///
/// ```text
/// p~_(i) = min_{j >= i} min(1, m p_(j) / j)
/// ```
///
/// # Errors
/// `OutOfDomain` for a p-value outside `[0, 1]`.
///
/// # References
/// Benjamini and Hochberg 1995, "Controlling the False Discovery Rate".
pub fn benjamini_hochberg(ps: &[f64]) -> Result<Vec<f64>, Undefined> {
    let order = sorted_positions(ps)?;
    let mut out = vec![0.0; ps.len()];
    let mut lowest: f64 = 1.0;
    for (rank, &i) in order.iter().enumerate().rev() {
        lowest = lowest.min(ps.len() as f64 * ps[i] / (rank + 1) as f64);
        out[i] = lowest;
    }
    Ok(out)
}
