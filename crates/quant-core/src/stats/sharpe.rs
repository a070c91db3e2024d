//! Inference about Sharpe ratios. Every ratio here is per period and every `n` counts those periods.

use crate::stats::{Undefined, kurtosis_raw, mean, normal_cdf, normal_quantile, skewness, std_dev};

/// A per-period Sharpe ratio with what inference about it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpe {
    /// Mean over standard deviation (ddof 1), per period.
    pub value: f64,
    /// Number of periods T.
    pub n: usize,
    /// Skewness of the returns.
    pub skew: f64,
    /// Raw kurtosis of the returns, 3 for normal ones.
    pub kurtosis: f64,
}

impl Sharpe {
    /// Returns the Sharpe ratio of per-period returns.
    ///
    /// # Errors
    /// `TooFew` below two returns, `NoVariation` for constant ones.
    pub fn of(returns: &[f64]) -> Result<Self, Undefined> {
        // Also refuses constant samples, whose deviation is rounding noise and not always exactly zero.
        let skew = skewness(returns)?;
        let value = mean(returns)? / std_dev(returns, 1)?;
        Ok(Self {
            value,
            n: returns.len(),
            skew,
            kurtosis: kurtosis_raw(returns)?,
        })
    }

    /// Returns the standard error, robust to skewness and fat tails, not to serial correlation.
    ///
    /// ```text
    /// se^2 = (1 - g3 SR + (g4 - 1)/4 SR^2) / (T - 1)
    /// ```
    ///
    /// # Errors
    /// `NotPositive` where the variance formula has no positive value, `TooFew` below two periods.
    ///
    /// # References
    /// Lo 2002, "The Statistics of Sharpe Ratios" (normal case g3 = 0, g4 = 3); Mertens 2002, "Comments on the correct
    /// variance of estimated Sharpe Ratios" (the general one). T - 1 as in Bailey and Lopez de Prado 2012.
    pub fn standard_error(&self) -> Result<f64, Undefined> {
        if self.n < 2 {
            return Err(Undefined::TooFew {
                n: self.n,
                needed: 2,
            });
        }
        Ok((self.unit_variance()? / (self.n - 1) as f64).sqrt())
    }

    fn unit_variance(&self) -> Result<f64, Undefined> {
        let sr = self.value;
        let v = 1.0 - self.skew * sr + (self.kurtosis - 1.0) / 4.0 * sr * sr;
        if v.is_finite() && v > 0.0 {
            Ok(v)
        } else {
            Err(Undefined::NotPositive {
                what: "variance of the Sharpe ratio",
            })
        }
    }
}

/// Returns PSR(SR*), the probability that the true Sharpe ratio exceeds `benchmark` (per period).
///
/// # Errors
/// As [`Sharpe::standard_error`].
///
/// # References
/// Bailey and Lopez de Prado 2012, "The Sharpe Ratio Efficient Frontier", eq. 11.
pub fn probabilistic_sharpe(sharpe: &Sharpe, benchmark: f64) -> Result<f64, Undefined> {
    Ok(normal_cdf(
        (sharpe.value - benchmark) / sharpe.standard_error()?,
    ))
}

/// Returns `MinTRL`, the number of periods needed to believe `SR > benchmark` at `confidence`.
///
/// # Errors
/// `NotPositive` unless the Sharpe ratio exceeds the benchmark; `OutOfDomain` for a confidence outside (0, 1).
///
/// # References
/// Bailey and Lopez de Prado 2012, eq. 13.
pub fn min_track_record(
    sharpe: &Sharpe,
    benchmark: f64,
    confidence: f64,
) -> Result<f64, Undefined> {
    let excess = sharpe.value - benchmark;
    if excess <= 0.0 {
        return Err(Undefined::NotPositive {
            what: "Sharpe ratio above the benchmark",
        });
    }
    let z = normal_quantile(confidence)? / excess;
    Ok(1.0 + sharpe.unit_variance()? * z * z)
}

/// Returns SR0, the largest Sharpe ratio to expect by luck among `n_trials` without any edge; 0 for one trial.
///
/// `variance` is the variance across the trials' per-period Sharpe ratios.
///
/// # Errors
/// `OutOfDomain` for a trial count below 1 or a negative variance.
///
/// # References
/// Bailey and Lopez de Prado 2014, "The Deflated Sharpe Ratio", eq. 1.
pub fn expected_max_sharpe(n_trials: f64, variance: f64) -> Result<f64, Undefined> {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    if !(n_trials.is_finite() && n_trials >= 1.0) {
        return Err(Undefined::OutOfDomain {
            what: "number of trials",
        });
    }
    if !(variance.is_finite() && variance >= 0.0) {
        return Err(Undefined::OutOfDomain {
            what: "variance across trials",
        });
    }
    // At N = 1 the formula's first quantile is minus infinity; one trial has nothing to deflate.
    if n_trials <= 1.0 {
        return Ok(0.0);
    }
    let a = normal_quantile(1.0 - 1.0 / n_trials)?;
    let b = normal_quantile(1.0 - 1.0 / (n_trials * core::f64::consts::E))?;
    Ok(variance.sqrt() * ((1.0 - EULER_GAMMA) * a + EULER_GAMMA * b))
}

/// Returns DSR, PSR against the best of `n_trials` lucky trials.
///
/// # Errors
/// As [`expected_max_sharpe`] and [`probabilistic_sharpe`].
pub fn deflated_sharpe(sharpe: &Sharpe, n_trials: f64, variance: f64) -> Result<f64, Undefined> {
    probabilistic_sharpe(sharpe, expected_max_sharpe(n_trials, variance)?)
}
