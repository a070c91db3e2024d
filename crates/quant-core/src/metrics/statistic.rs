//! The shape every statistic is reported in.

use serde::Serialize;

use crate::sim::ClosedTrade;
use crate::stats::{Sharpe, Undefined};
use crate::time::{TimeRange, UnixMicros};

/// What a Sharpe ratio must be printed with.
///
/// # Units
/// `se`, `ci_low`, `ci_high` in the period of the statistic they belong to (per day or per year); the rest per day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SharpeDetail {
    /// Number of daily returns T.
    pub n_days: u64,
    /// Daily Sharpe ratio, the input of PSR and DSR.
    pub sharpe_daily: f64,
    /// Skewness of daily returns.
    pub skew: f64,
    /// Raw kurtosis of daily returns, 3 for normal ones.
    pub kurtosis: f64,
    /// Standard error, if it is defined.
    pub se: Option<f64>,
    /// Lower end of the 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub ci_high: Option<f64>,
    /// Probability that the true ratio exceeds 0.
    pub psr_zero: Option<f64>,
}

impl SharpeDetail {
    /// Returns the per-day ratio in the form inference takes, for example to deflate it by the number of trials.
    pub fn to_sharpe(&self) -> Sharpe {
        Sharpe {
            value: self.sharpe_daily,
            n: usize::try_from(self.n_days).unwrap_or(usize::MAX),
            skew: self.skew,
            kurtosis: self.kurtosis,
        }
    }
}

/// When the largest drawdown happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DrawdownDates {
    /// Mark of the high before it.
    pub ts_peak: UnixMicros,
    /// Mark of the low.
    pub ts_trough: UnixMicros,
    /// First mark back at the old high, if it came.
    pub ts_recovered: Option<UnixMicros>,
}

/// What a statistic carries beyond its value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Detail {
    /// Of a Sharpe ratio.
    Sharpe(SharpeDetail),
    /// Of the largest drawdown.
    Drawdown(DrawdownDates),
}

/// One number of a report.
///
/// # Shapes
/// `value` is finite or `None`; `reason` is given exactly if it is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistic {
    /// Name, stable across versions.
    pub name: &'static str,
    /// Value, if defined.
    pub value: Option<f64>,
    /// Sample size: days, trades or marks, whichever the value was computed from.
    pub n: u64,
    /// Unit of the value.
    pub unit: &'static str,
    /// Why there is no value.
    pub reason: Option<String>,
    /// Interval, dates and the like.
    pub detail: Option<Detail>,
}

impl Statistic {
    /// Returns the statistic of a computed value; a value that is not finite becomes `None` with a reason.
    pub(super) fn new(
        name: &'static str,
        unit: &'static str,
        n: usize,
        value: Result<f64, Undefined>,
    ) -> Self {
        let (value, reason) = match value {
            Ok(x) if x.is_finite() => (Some(x), None),
            Ok(_) => (
                None,
                Some("the result is beyond the range of numbers".to_owned()),
            ),
            Err(why) => (None, Some(why.to_string())),
        };
        Self {
            name,
            value,
            n: n as u64,
            unit,
            reason,
            detail: None,
        }
    }
}

/// What every statistic is computed from.
pub(super) struct Input<'a> {
    /// Every closed trade of the range.
    pub(super) trades: &'a [ClosedTrade],
    /// Trades with an outcome: all but the censored ones.
    pub(super) decided: Vec<&'a ClosedTrade>,
    /// Marks inside the range, `(ts, equity)`, ascending; the first is the start.
    pub(super) marks: Vec<(UnixMicros, f64)>,
    /// Daily equity, or why there is none.
    pub(super) daily: Vec<super::DailyEquity>,
    /// Daily returns, or why there are none.
    pub(super) returns: Result<Vec<f64>, Undefined>,
    /// The range.
    pub(super) range: TimeRange,
    /// Equity at its start.
    pub(super) start_equity: f64,
}

impl Input<'_> {
    /// Returns net results of decided trades.
    pub(super) fn nets(&self) -> Vec<f64> {
        self.decided.iter().map(|x| x.net).collect()
    }
}
