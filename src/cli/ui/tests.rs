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
        bar.finished(&outcome(status, 0));
    }
    assert_eq!(
        bar.summary(Duration::ZERO).unwrap(),
        "nothing to do: 2 files are in the lake already, 1 are not published or not there"
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
    bar.finished(&outcome(FileStatus::Written { days }, 500));
    bar.finished(&outcome(FileStatus::Current, 0));
    assert_eq!(
        bar.summary(Duration::from_secs(2)).unwrap(),
        "ingest: 3 files: 1 written, 1 in the lake already, 1 not done; 500 rows, 4.0 MB of text in 2.0 s \
(250 rows/s, 2.0 MB/s)"
    );
}
