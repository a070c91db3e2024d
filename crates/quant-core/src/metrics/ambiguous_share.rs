//! Share of trades whose exit the tie policy decided.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::mean;

/// Returns trades with both barriers crossed in one bar over decided trades.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let ties: Vec<f64> = input
        .decided
        .iter()
        .map(|x| if x.ambiguous { 1.0 } else { 0.0 })
        .collect();
    Statistic::new("ambiguous_share", "fraction", ties.len(), mean(&ties))
}
