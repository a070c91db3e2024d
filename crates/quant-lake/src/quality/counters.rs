//! Judges the counters of a manifest: rows that were left out, repaired or refused while the partition was made.

use super::Quality;
use super::finding::{Finding, Severity, Subject};
use super::rules::{DUPLICATE_ROWS, OTHER_DAY_ROWS, QUARANTINED_ROWS, UNSORTED_ROWS};
use crate::schema::Dataset;

pub(super) fn judge(subject: Subject, rows_in: u64, quality: &Quality) -> Vec<Finding> {
    let mut out = Vec::new();
    let share = |n: u64| n as f64 / rows_in.max(1) as f64;
    if quality.other_day > 0 {
        let n = quality.other_day;
        let text = format!("{n} rows of other days stood in the file, left out");
        out.push(subject.find_day(&OTHER_DAY_ROWS, n, n as f64, text));
    }
    if quality.quarantined > 0 {
        let n = quality.quarantined;
        let text = format!("{n} of {rows_in} rows were refused; see the quarantine");
        out.push(subject.find_day(&QUARANTINED_ROWS, n, n as f64, text));
    }
    // The vendor writes metrics in any order.
    let sorted = subject.dataset != Dataset::Metrics;
    for (rule, n, what, mild) in [
        (
            &DUPLICATE_ROWS,
            quality.duplicates,
            "repeated rows, left out",
            false,
        ),
        (
            &UNSORTED_ROWS,
            quality.out_of_order,
            "rows out of order, sorted in",
            !sorted,
        ),
    ] {
        if n == 0 {
            continue;
        }
        let finding = subject.find_day(rule, n, share(n), format!("{n} {what}"));
        let is_small = share(n) < rule.threshold;
        out.push(if is_small || mild {
            finding.softened(Severity::Note)
        } else {
            finding
        });
    }
    out
}
