//! Statistics of returns of the mid price: tails, memory, scale.

use quant_core::stats::{autocorrelation, hill, kurtosis_excess};

/// Returns log returns over `step` minutes of closing mids, one per whole step, without those that touch a missing mid.
pub fn log_returns(mids: &[Option<f64>], step: usize) -> Vec<f64> {
    aligned_returns(mids, step).into_iter().flatten().collect()
}

/// Returns log returns over consecutive blocks of `step` minutes; `None` where any mid of the block is missing.
///
/// Block `i` runs from the close of minute `i * step` to the close of minute `(i + 1) * step`, so that series of two
/// instruments of one world stay side by side.
pub fn aligned_returns(mids: &[Option<f64>], step: usize) -> Vec<Option<f64>> {
    mids.windows(step + 1)
        .step_by(step.max(1))
        .map(|block| {
            let all = block.iter().all(Option::is_some);
            match (block.first(), block.last()) {
                (Some(Some(a)), Some(Some(b))) if all => Some((b / a).ln()),
                _ => None,
            }
        })
        .collect()
}

/// What the returns of a run look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReturnShape {
    /// One-minute returns.
    pub n: u64,
    /// Excess kurtosis of one-minute returns.
    pub kurtosis_1m: Option<f64>,
    /// Excess kurtosis of fifteen-minute returns.
    pub kurtosis_15m: Option<f64>,
    /// Fifteen-minute returns.
    pub n_15m: u64,
    /// One-hour returns.
    pub n_1h: u64,
    /// Hill index of the largest 2 % of absolute one-minute returns.
    pub hill: Option<f64>,
    /// Autocorrelation of returns at lags 1 to 10.
    pub acf: Option<Vec<f64>>,
    /// Autocorrelation of absolute returns at lags 1, 10 and 60.
    pub acf_abs: Option<Vec<f64>>,
    /// Standard deviation per day: root of the mean squared one-minute return of 1,440 minutes.
    pub daily_volatility: Option<f64>,
    /// Variance of one-hour returns over 60 times that of one-minute returns.
    pub variance_ratio: Option<f64>,
}

impl ReturnShape {
    /// Measures the closing mids of consecutive minutes; `None` marks a halted minute.
    pub fn of(mids: &[Option<f64>]) -> Self {
        let minutes = log_returns(mids, 1);
        let quarters = log_returns(mids, 15);
        let hours = log_returns(mids, 60);
        let mean_square = |xs: &[f64]| {
            let sum: f64 = xs.iter().map(|x| x * x).sum();
            (!xs.is_empty()).then(|| sum / xs.len() as f64)
        };
        let (ms_1m, ms_1h) = (mean_square(&minutes), mean_square(&hours));
        let sizes: Vec<f64> = minutes.iter().map(|r| r.abs()).collect();
        let lags: Vec<usize> = (1..=10).collect();
        Self {
            n: minutes.len() as u64,
            kurtosis_1m: kurtosis_excess(&minutes).ok(),
            kurtosis_15m: kurtosis_excess(&quarters).ok(),
            n_15m: quarters.len() as u64,
            n_1h: hours.len() as u64,
            hill: hill(&minutes, (minutes.len() / 50).max(1)).ok(),
            acf: autocorrelation(&minutes, &lags).ok(),
            acf_abs: autocorrelation(&sizes, &[1, 10, 60]).ok(),
            daily_volatility: ms_1m.map(|v| (v * 1_440.0).sqrt()),
            variance_ratio: ms_1h
                .zip(ms_1m)
                .filter(|(_, v)| *v > 0.0)
                .map(|(h, m)| h / (60.0 * m)),
        }
    }
}
