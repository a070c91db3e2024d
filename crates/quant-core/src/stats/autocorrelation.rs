//! Sample autocorrelation of a series. It neither detrends nor deseasonalises.

use crate::stats::{Undefined, finite, mean};

/// Returns the sample autocorrelation of `xs` at each of `lags`, in their order.
///
/// ```text
/// rho(k) = sum_{t=1}^{n-k} (x_t - m)(x_{t+k} - m) / sum_{t=1}^{n} (x_t - m)^2
/// ```
///
/// One mean and one variance for all lags: every value lies in [-1, 1] and `rho(0) = 1`. Under independence a value is
/// about normal with mean `-1 / n` and standard deviation `1 / sqrt(n)`.
///
/// # Errors
/// `TooFew` unless `n` exceeds the largest lag and 1, `NoVariation` for a constant sample, `OutOfDomain` for a sample
/// that is not finite.
///
/// # Complexity
/// O(n) per lag, one copy of the sample.
///
/// # References
/// Box and Jenkins 1976, "Time Series Analysis", eq. 2.1.12.
pub fn autocorrelation(xs: &[f64], lags: &[usize]) -> Result<Vec<f64>, Undefined> {
    let needed = lags.iter().copied().max().unwrap_or(0).max(1) + 1;
    if xs.len() < needed {
        return Err(Undefined::TooFew {
            n: xs.len(),
            needed,
        });
    }
    let m = mean(xs)?;
    let centred: Vec<f64> = xs.iter().map(|x| x - m).collect();
    let total = finite(centred.iter().map(|d| d * d).sum::<f64>(), "sample")?;
    let spread = (total / xs.len() as f64).sqrt();
    if spread <= 1e-14 * m.abs() || total <= 0.0 {
        return Err(Undefined::NoVariation { n: xs.len() });
    }
    lags.iter()
        .map(|&lag| {
            let shifted = &centred[lag..];
            let sum: f64 = centred.iter().zip(shifted).map(|(a, b)| a * b).sum();
            finite(sum / total, "sample")
        })
        .collect()
}
