//! Share of trades with a net profit.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::mean;

/// Returns winners over decided trades; a net result of exactly 0 is no win.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let wins: Vec<f64> = input
        .nets()
        .iter()
        .map(|x| if *x > 0.0 { 1.0 } else { 0.0 })
        .collect();
    Statistic::new("win_rate", "fraction", wins.len(), mean(&wins))
}
