//! Total return of the range.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::Undefined;

/// Returns last equity over start equity, minus 1.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let last = input.marks.last().map_or(input.start_equity, |x| x.1);
    let value = if input.start_equity > 0.0 {
        Ok(last / input.start_equity - 1.0)
    } else {
        Err(Undefined::NotPositive {
            what: "start equity",
        })
    };
    Statistic::new("total_return", "fraction", input.marks.len(), value)
}
