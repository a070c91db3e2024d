//! Share of time with at least one open trade.

use crate::metrics::statistic::{Input, Statistic};

/// Returns the length of the union of `[ts_entry, ts_exit)` inside the range over the length of the range.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let mut spans: Vec<(i64, i64)> = input
        .trades
        .iter()
        .map(|x| {
            (
                x.ts_entry.max(input.range.start).0,
                x.ts_exit.min(input.range.end).0,
            )
        })
        .collect();
    spans.sort_unstable();
    let mut open_us = 0_i64;
    let mut covered_to = input.range.start.0;
    for (from, to) in spans {
        let from = from.max(covered_to);
        open_us += (to - from).max(0);
        covered_to = covered_to.max(to);
    }
    let value = open_us as f64 / input.range.len_us() as f64;
    Statistic::new(
        "exposure",
        "fraction of time",
        input.trades.len(),
        Ok(value),
    )
}
