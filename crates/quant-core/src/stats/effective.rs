//! How many independent values a series with memory is worth.

use crate::stats::{GappySeries, Undefined};

/// Window of the sum, in correlation times: five leave less than 1 % of an exponential memory outside.
const WINDOW: f64 = 5.0;
/// From this lag on, lags are an eighth apart: a memory that is longer changes slowly.
const DENSE: usize = 8;

/// Returns the size of the independent sample whose mean is as uncertain as that of `xs`; at most the number of values.
///
/// The smaller of two estimates, because a short memory hides a long one from the first, and noise hides it from the
/// second:
///
/// ```text
/// n (1 - r) / (1 + r)     r = rho(1) + (1 + 3 rho(1)) / n, at most 1
/// n / tau                 tau = 1 + 2 sum_{k=1}^{K} rho(k), K the first lag with K >= 5 tau, at most a quarter of the sample
/// ```
///
/// The first is exact for an AR(1) memory, with the bias of its sample autocorrelation taken off; a random walk has next to
/// nothing left. The second sees a level under noise, whose first autocorrelation is small. Missing (not finite) values
/// keep their place. Sums beyond lag 8 are by the trapezoid rule over lags an eighth apart.
///
/// # Errors
/// `TooFew` below two values or without a pair of neighbours, `NoVariation` if all are equal.
///
/// # Complexity
/// O(n log n), one copy of the sample.
///
/// # References
/// Marriott and Pope 1954, "Bias in the Estimation of Autocorrelations"; Kendall 1954; Sokal 1997, "Monte Carlo Methods in
/// Statistical Mechanics", eq. 3.16 to 3.19 (window).
pub fn effective_sample(xs: &[f64]) -> Result<f64, Undefined> {
    let series = GappySeries::new(xs)?;
    let n = series.n() as f64;
    let (Some(first), _) = series.at(1) else {
        return Err(Undefined::TooFew {
            n: series.n(),
            needed: 2,
        });
    };
    let r = (first + (1.0 + 3.0 * first) / n).clamp(0.0, 1.0);
    let by_first = n * (1.0 - r) / (1.0 + r);
    Ok(by_first.min(n / correlation_time(&series, first)))
}

/// Returns `1 + 2 sum rho(k)` over its own window, at least 1.
fn correlation_time(series: &GappySeries, first: f64) -> f64 {
    let longest = series.len() / 4;
    let (mut lag, mut last) = (1_usize, first);
    let mut tau = 1.0 + 2.0 * first;
    while (lag as f64) < WINDOW * tau.max(1.0) {
        let step = (lag / DENSE).max(1);
        if lag + step > longest {
            break;
        }
        lag += step;
        let (Some(rho), _) = series.at(lag) else {
            break;
        };
        // Of the lags after the last one up to this: the trapezoid less half of what the last one counted already.
        tau += (step as f64) * (last + rho) + (rho - last);
        last = rho;
    }
    tau.max(1.0)
}
