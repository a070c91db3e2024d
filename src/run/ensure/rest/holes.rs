//! Which rows are missing between what the lake holds of a day and what a fetch brought.

use quant_core::time::{Day, UnixMicros};

use crate::rest::fetch::FetchedPages;
use crate::rest::venues::Job;

/// Returns the stretch of a day that was not to be had any more, in words.
///
/// Ids of one venue that are not consecutive make every pause between two fetches such a stretch: rows may be missing there, and
/// nothing tells that they are not.
pub(super) fn hole(job: &Job, fetched: &FetchedPages, day: Day) -> Option<String> {
    let route = job.source.params.get("route");
    let route = route.and_then(|v| v.as_str()).unwrap_or("the venue");
    match (job.after, fetched.first_id) {
        (Some(held), Some(first)) => (first > held.saturating_add(1)).then(|| {
            format!(
                "a gap: trades {} to {} are missing, `{route}` does not show them any more",
                held.saturating_add(1),
                first - 1
            )
        }),
        (Some(held), None) => job.lost_before.map(|edge| {
            format!(
                "a gap: what came after trade {held} and before {edge} is out of reach of `{route}`"
            )
        }),
        (None, _) => {
            let shown = fetched.first_ts.map(UnixMicros);
            let cut = shown.filter(|&first| {
                job.latest.is_some_and(|n| fetched.rows >= n) && first > day.start()
            });
            let from = job.lost_before.or(cut)?;
            Some(format!(
                "a gap: the day before {from} is missing, `{route}` does not show it any more"
            ))
        }
    }
}

#[cfg(test)]
mod tests;
