//! Judges the counters of a manifest: rows that were left out, repaired or refused while the partition was made.

use super::finding::{Finding, Severity, Subject};
use super::rules::{
    BOOK_GAP, DUPLICATE_ROWS, OTHER_DAY_ROWS, QUARANTINED_ROWS, STREAM_GAP, UNSORTED_ROWS,
};
use crate::manifest::{Partition, SourceKind};
use crate::schema::Dataset;

/// Share of rows out of order from which a file runs backwards as a whole; two halves that changed places stay below.
const BACKWARDS: f64 = 0.9;

/// Share of rows of a book on the edges of a day, in a file that holds this day.
const OTHER_EDGE: f64 = 0.01;

pub(super) fn judge(subject: Subject, partition: &Partition) -> Vec<Finding> {
    let mut out = Vec::new();
    let (rows_in, quality) = (partition.rows_in, &partition.quality);
    let share = |n: u64| n as f64 / rows_in.max(1) as f64;
    let all_of = |is: &dyn Fn(SourceKind) -> bool| {
        !partition.sources.is_empty() && partition.sources.iter().all(|s| is(s.kind))
    };
    if quality.gaps > 0 {
        let n = quality.gaps;
        // Of klines and samples the rows themselves tell what is missing.
        let found = if BOOK_GAP.datasets.contains(&subject.dataset) {
            let text = format!(
                "{n} stretch(es) in which the book is unknown: a broken chain, a lost connection, a contradicted image or a cut file"
            );
            Some(subject.find_day(&BOOK_GAP, 0, n as f64, text))
        } else if STREAM_GAP.datasets.contains(&subject.dataset) {
            let text = format!("{n} stretch(es) are missing: a lost connection or a cut file");
            Some(subject.find_day(&STREAM_GAP, 0, n as f64, text))
        } else {
            None
        };
        out.extend(found);
    }
    if quality.other_day > 0 {
        let n = quality.other_day;
        // The image of the last interval of a day is stamped with its end, and the first message of a file with the instant of
        // the matching engine, which may be just before midnight.
        let is_edge = BOOK_GAP.datasets.contains(&subject.dataset) && share(n) < OTHER_EDGE;
        let is_usual = is_edge || all_of(&|kind| has_other_days(kind, subject.dataset));
        let text = if is_edge {
            format!("{n} rows on the edge of another day left out")
        } else if is_usual {
            format!("{n} rows of other days left out, as these sources are not cut at UTC midnight")
        } else {
            format!("{n} rows of other days stood in the file, left out")
        };
        let finding = subject.find_day(&OTHER_DAY_ROWS, n, n as f64, text);
        out.push(if is_usual {
            finding.softened(Severity::Note)
        } else {
            finding
        });
    }
    if quality.quarantined > 0 {
        let n = quality.quarantined;
        let text = format!("{n} of {rows_in} rows were refused; see the quarantine");
        out.push(subject.find_day(&QUARANTINED_ROWS, n, n as f64, text));
    }
    // The vendor writes metrics in any order; pages come newest first; Bybit's old files run backwards.
    let is_any_order = subject.dataset == Dataset::Metrics
        || all_of(&|kind| matches!(kind, SourceKind::Rest | SourceKind::Deepcoin))
        || (all_of(&|kind| kind == SourceKind::BybitManual)
            && share(quality.out_of_order) >= BACKWARDS);
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
            is_any_order,
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

/// Whether rows of other UTC days belong into the files of a source: it cuts them elsewhere, or not by day.
fn has_other_days(kind: SourceKind, dataset: Dataset) -> bool {
    match kind {
        // Days of UTC+8; books are cut at midnight UTC.
        SourceKind::OkxHist | SourceKind::OkxManual => {
            !matches!(dataset, Dataset::L2Deltas | Dataset::L2Snapshots)
        }
        SourceKind::Rest
        | SourceKind::Deepcoin
        | SourceKind::Recording
        | SourceKind::Csv
        | SourceKind::Derived => true,
        SourceKind::Vision | SourceKind::BybitManual => false,
    }
}
