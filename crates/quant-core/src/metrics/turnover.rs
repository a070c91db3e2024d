//! Value traded relative to the equity at the start.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::Undefined;

/// Returns the value of all fills, entries and exits, over start equity.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let value: f64 = input
        .trades
        .iter()
        .map(|x| x.qty * (x.px_entry + x.px_exit))
        .sum();
    let value = if input.start_equity > 0.0 {
        Ok(value / input.start_equity)
    } else {
        Err(Undefined::NotPositive {
            what: "start equity",
        })
    };
    Statistic::new(
        "turnover",
        "times start equity",
        2 * input.trades.len(),
        value,
    )
}
