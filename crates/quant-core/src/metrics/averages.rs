//! Averages per trade: expectancy in quote units and in bps, and payoff.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::mean;
use crate::units::BPS;

/// Returns the mean net result per trade.
pub(super) fn expectancy(input: &Input<'_>) -> Statistic {
    let nets = input.nets();
    Statistic::new("expectancy", "quote per trade", nets.len(), mean(&nets))
}

/// Returns the mean over trades of net result relative to entry value, in bps.
pub(super) fn expectancy_bps(input: &Input<'_>) -> Statistic {
    let bps: Vec<f64> = input
        .decided
        .iter()
        .map(|x| x.net / (x.qty * x.px_entry) / BPS)
        .collect();
    Statistic::new(
        "expectancy_bps",
        "bps of entry value per trade",
        bps.len(),
        mean(&bps),
    )
}

/// Returns the mean winner over the mean loser; needs at least one of each.
pub(super) fn payoff(input: &Input<'_>) -> Statistic {
    let (won, lost): (Vec<f64>, Vec<f64>) = input
        .nets()
        .into_iter()
        .filter(|x| x.abs() > 0.0)
        .partition(|x| *x > 0.0);
    let value = mean(&won).and_then(|won| Ok(won / -mean(&lost)?));
    Statistic::new("payoff", "ratio", won.len() + lost.len(), value)
}
