//! Statistics of a finished or running account: one statistic per file, each with its sample size and unit.
//!
//! Undefined is `None` plus a reason, never infinity or NaN. Nothing here deflates for the number of trials: that
//! needs the trial ledger, which lives at the edge.

mod ambiguous_share;
mod averages;
mod daily;
mod exposure;
mod holding_time;
mod max_drawdown;
mod profit_factor;
mod set;
mod sharpe;
mod sortino;
mod statistic;
mod total_return;
mod totals;
mod turnover;
mod win_rate;

pub use daily::{DailyEquity, daily_equity, daily_returns};
pub use set::MetricSet;
pub use statistic::{Detail, DrawdownDates, SharpeDetail, Statistic};

#[cfg(test)]
mod tests;
