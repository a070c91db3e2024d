//! Profit factor: net profit of winners over net loss of losers.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::Undefined;

/// Returns the ratio; without a losing trade it has no value.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let nets = input.nets();
    let won: f64 = nets.iter().filter(|x| **x > 0.0).sum();
    let lost: f64 = -nets.iter().filter(|x| **x < 0.0).sum::<f64>();
    let value = if nets.is_empty() {
        Err(Undefined::TooFew { n: 0, needed: 1 })
    } else if lost > 0.0 {
        Ok(won / lost)
    } else {
        Err(Undefined::NotPositive {
            what: "total loss of losing trades",
        })
    };
    Statistic::new("profit_factor", "ratio", nets.len(), value)
}
