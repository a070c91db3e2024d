//! What is said at the end of an ingest.

use quant_core::time::Day;
use quant_lake::ingest::{Progress as _, RowCounts};
use quant_lake::schema::Dataset;

use super::*;

fn outcome(status: FileStatus, rows_in: u64) -> FileOutcome {
    FileOutcome {
        dataset: Dataset::AggTrades,
        file: "a.zip".to_owned(),
        first_day: Day(0),
        last_day: Day(0),
        status,
        counts: RowCounts {
            rows_in,
            ..RowCounts::default()
        },
        out_of_order: 0,
        notes: Vec::new(),
        diagnostics: std::collections::BTreeMap::new(),
    }
}

fn bar() -> IngestBar {
    IngestBar::new(Ui::new(false, true))
}

#[test]
fn a_second_run_says_that_there_is_nothing_to_do() {
    let bar = bar();
    assert_eq!(bar.summary(Duration::ZERO), None);
    bar.planned(3);
    for status in [
        FileStatus::Current,
        FileStatus::Current,
        FileStatus::NotFound,
    ] {
        bar.finished(&[outcome(status, 0)]);
    }
    assert_eq!(
        bar.summary(Duration::ZERO).unwrap(),
        "nothing to do: 2 files are in the lake already, 1 not there"
    );
}

#[test]
fn rates_are_rows_and_text_per_second() {
    let bar = bar();
    bar.planned(3);
    bar.advanced(3_000_000);
    bar.advanced(1_000_000);
    let days = vec![quant_lake::ingest::DayOutcome {
        day: Day(0),
        rows: 500,
        content_sha256: String::new(),
        merged: false,
        unchanged: false,
    }];
    bar.finished(&[outcome(FileStatus::Written { days }, 500)]);
    bar.finished(&[outcome(FileStatus::Current, 0)]);
    assert_eq!(
        bar.summary(Duration::from_secs(2)).unwrap(),
        "ingest: 3 files: 1 written, 1 in the lake already, 1 not done; 500 rows, 4.0 MB of text in 2.0 s \
(250 rows/s, 2.0 MB/s)"
    );
}

#[test]
fn a_file_counts_once_however_many_datasets_it_fills() {
    let bar = bar();
    bar.planned(2);
    let empty = || outcome(FileStatus::Written { days: Vec::new() }, 10);
    bar.finished(&[empty(), outcome(FileStatus::Current, 0), empty()]);
    bar.finished(&[outcome(FileStatus::Current, 0), empty()]);
    assert_eq!(
        bar.summary(Duration::ZERO).unwrap(),
        "nothing to do: 2 files are in the lake already"
    );
}

#[test]
fn what_never_had_rows_is_not_in_the_lake() {
    let bar = bar();
    bar.planned(2);
    for _ in 0..2 {
        bar.finished(&[outcome(FileStatus::Written { days: Vec::new() }, 0)]);
    }
    assert_eq!(
        bar.summary(Duration::ZERO).unwrap(),
        "ingest: 2 files: 0 written, 2 without rows asked for; 0 rows, 0.0 MB of text in 0.0 s"
    );
}
