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

/// Returns the autocorrelation at each of `lags` of a series with missing (not finite) values, with the number of pairs.
///
/// ```text
/// rho(k) = mean over pairs (x_t - m)(x_{t+k} - m) / mean over values (x_t - m)^2
/// ```
///
/// Both values of a pair must be there; a lag with fewer than two pairs has no value. Without missing values it is
/// [`autocorrelation`] times `n / (n - k)`, limited to [-1, 1].
///
/// # Errors
/// `TooFew` below two values, `NoVariation` if they are equal.
///
/// # References
/// Parzen 1963, "On Spectral Analysis with Missing Observations".
pub fn autocorrelation_with_gaps(
    xs: &[f64],
    lags: &[usize],
) -> Result<Vec<(Option<f64>, usize)>, Undefined> {
    let series = GappySeries::new(xs)?;
    Ok(lags.iter().map(|&lag| series.at(lag)).collect())
}

/// A series with missing values, ready to be correlated with itself.
#[derive(Clone, Debug)]
pub(super) struct GappySeries {
    /// Values less their mean; not finite where missing.
    centred: Vec<f64>,
    variance: f64,
    n: usize,
}

impl GappySeries {
    /// Takes the mean off.
    ///
    /// # Errors
    /// `TooFew` below two values, `NoVariation` if they are equal.
    pub(super) fn new(xs: &[f64]) -> Result<Self, Undefined> {
        let values: Vec<f64> = xs.iter().copied().filter(|x| x.is_finite()).collect();
        let n = values.len();
        if n < 2 {
            return Err(Undefined::TooFew { n, needed: 2 });
        }
        let m = mean(&values)?;
        let variance = values.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n as f64;
        let variance = finite(variance, "sample")?;
        if variance.sqrt() <= 1e-14 * m.abs() || variance <= 0.0 {
            return Err(Undefined::NoVariation { n });
        }
        Ok(Self {
            centred: xs.iter().map(|x| x - m).collect(),
            variance,
            n,
        })
    }

    /// Returns the number of values.
    pub(super) const fn n(&self) -> usize {
        self.n
    }

    /// Returns the number of places.
    pub(super) const fn len(&self) -> usize {
        self.centred.len()
    }

    /// Returns the autocorrelation at `lag`, if there are two pairs, and the number of pairs.
    pub(super) fn at(&self, lag: usize) -> (Option<f64>, usize) {
        let later = self.centred.get(lag..).unwrap_or_default();
        let (mut sum, mut pairs) = (0.0, 0_usize);
        for (a, b) in self.centred.iter().zip(later) {
            if a.is_finite() && b.is_finite() {
                sum += a * b;
                pairs += 1;
            }
        }
        let value = sum / pairs.max(1) as f64 / self.variance;
        let value = (pairs >= 2 && value.is_finite()).then(|| value.clamp(-1.0, 1.0));
        (value, pairs)
    }
}
