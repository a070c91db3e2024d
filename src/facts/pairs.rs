//! Two instruments of one world: their basis and their correlation.

use quant_core::stats::{autocorrelation, pearson};

use crate::facts::returns::aligned_returns;

/// Returns the half-life in minutes of the basis `ln spot - ln perp` of one asset, and the samples behind it.
///
/// ```text
/// phi^5 = rho(10) / rho(5)     half-life = -5 ln 2 / ln phi^5
/// ```
///
/// The ratio of two autocorrelations leaves out the noise of the two mids, which the first lags would read as reversion.
/// `None` where the basis does not revert: the ratio is not between 0 and 1.
pub fn basis_half_life(spot: &[Option<f64>], perp: &[Option<f64>]) -> (Option<f64>, u64) {
    let basis: Vec<f64> = spot
        .iter()
        .zip(perp)
        .filter_map(|(s, p)| Some((*s)?.ln() - (*p)?.ln()))
        .collect();
    let half_life = autocorrelation(&basis, &[5, 10]).ok().and_then(|rho| {
        let ratio = rho[1] / rho[0];
        (rho[0] > 0.0 && ratio > 0.0 && ratio < 1.0)
            .then(|| -5.0 * core::f64::consts::LN_2 / ratio.ln())
    });
    (half_life, basis.len() as u64)
}

/// Returns the correlation of five-minute log returns of two instruments, and the pairs behind it.
pub fn correlation_5m(a: &[Option<f64>], b: &[Option<f64>]) -> (Option<f64>, u64) {
    let (xs, ys): (Vec<f64>, Vec<f64>) = aligned_returns(a, 5)
        .into_iter()
        .zip(aligned_returns(b, 5))
        .filter_map(|(x, y)| x.zip(y))
        .unzip();
    let r = pearson(&xs, &ys).ok().map(|c| c.value);
    (r, xs.len() as u64)
}
