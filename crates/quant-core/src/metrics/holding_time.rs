//! Mean time from entry to exit.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::mean;
use crate::time::MICROS_PER_MINUTE;

/// Returns the mean in minutes of event time. An exit inside a bar counts to the bar's close.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let minutes: Vec<f64> = input
        .decided
        .iter()
        .map(|x| (x.ts_exit.0 - x.ts_entry.0) as f64 / MICROS_PER_MINUTE as f64)
        .collect();
    Statistic::new(
        "holding_time_mean",
        "minutes",
        minutes.len(),
        mean(&minutes),
    )
}
