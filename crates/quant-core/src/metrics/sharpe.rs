//! Sharpe ratio of daily returns, per day and annualised with 365 days, with its interval and PSR(0).

use crate::metrics::statistic::{Detail, Input, SharpeDetail, Statistic};
use crate::stats::{Sharpe, probabilistic_sharpe};

/// Crypto venues never close.
const DAYS_PER_YEAR: f64 = 365.0;

/// 97.5 % quantile of the standard normal law.
const Z_95: f64 = 1.959_963_984_540_054;

/// Returns the ratio per day.
pub(super) fn daily(input: &Input<'_>) -> Statistic {
    statistic(input, "sharpe_daily", "per day", 1.0)
}

/// Returns the ratio per year: the daily one times sqrt(365), which assumes serially independent days.
pub(super) fn annual(input: &Input<'_>) -> Statistic {
    statistic(
        input,
        "sharpe_ann",
        "per year of 365 days",
        DAYS_PER_YEAR.sqrt(),
    )
}

fn statistic(input: &Input<'_>, name: &'static str, unit: &'static str, scale: f64) -> Statistic {
    let n = input.daily.len();
    let sharpe = input
        .returns
        .clone()
        .and_then(|returns| Sharpe::of(&returns));
    let mut out = Statistic::new(name, unit, n, sharpe.clone().map(|x| x.value * scale));
    if let Ok(sharpe) = sharpe {
        let se = sharpe.standard_error().ok();
        let end = |sign: f64| se.map(|se| (sharpe.value + sign * Z_95 * se) * scale);
        out.detail = Some(Detail::Sharpe(SharpeDetail {
            n_days: n as u64,
            sharpe_daily: sharpe.value,
            skew: sharpe.skew,
            kurtosis: sharpe.kurtosis,
            se: se.map(|se| se * scale),
            ci_low: end(-1.0),
            ci_high: end(1.0),
            psr_zero: probabilistic_sharpe(&sharpe, 0.0).ok(),
        }));
    }
    out
}
