//! Which outcomes are gaps, and what is said of them.

use quant_lake::ingest::DayOutcome;

use super::*;

fn key() -> InstrumentKey {
    InstrumentKey {
        exchange: "okx".parse().unwrap(),
        market: "swap".parse().unwrap(),
        symbol: "BTC-USDT-SWAP".parse().unwrap(),
    }
}

fn outcome(status: FileStatus, days: (i32, i32)) -> FileOutcome {
    let days = (Day(days.0), Day(days.1));
    let mut out = FileOutcome::unknown(Dataset::Klines1m, "x.zip".to_owned(), days);
    out.status = status;
    out
}

fn written(day: i32, rows: u64) -> DayOutcome {
    DayOutcome {
        day: Day(day),
        rows,
        content_sha256: String::new(),
        merged: false,
        unchanged: false,
    }
}

#[test]
fn every_day_that_was_not_to_be_had_is_told_with_its_reason() {
    let mut report = GapReport::new("okx-hist".to_owned(), false, None);
    let reason = "the archive names no file".to_owned();
    let days = vec![written(5, 1_440), written(6, 0)];
    report.add(
        &key(),
        &[
            outcome(FileStatus::NotPublished { reason }, (1, 2)),
            outcome(FileStatus::NotFound, (3, 3)),
            outcome(FileStatus::Current, (4, 4)),
            outcome(FileStatus::Written { days }, (5, 6)),
            outcome(FileStatus::Written { days: Vec::new() }, (7, 7)),
            // A recording may hold any day.
            outcome(FileStatus::NotFound, (0, 50_000)),
        ],
    );
    let told: Vec<(i32, &str)> = report
        .findings
        .iter()
        .map(|gap| (gap.finding.day.0, gap.finding.detector.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "file_not_published"),
            (2, "file_not_published"),
            (3, "file_not_found"),
            (6, "day_without_rows"),
            (7, "file_without_rows"),
            (0, "file_not_found"),
        ]
    );
    assert_eq!(report.findings[0].finding.rows, 1_440);
    assert!(report.findings[0].finding.text.contains("names no file"));
}

#[test]
fn a_report_is_written_with_and_without_gaps_and_findings_read_as_those_of_check_data() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/gaps.json");
    let read =
        || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
    let mut report = GapReport::new("vision".to_owned(), false, None);
    report.add(&key(), &[outcome(FileStatus::Current, (1, 1))]);
    report.write(&path).unwrap();
    let found = read();
    assert_eq!(
        (&found["ok"], &found["failures"]),
        (&true.into(), &0.into())
    );
    assert_eq!(found["findings"].as_array().unwrap().len(), 0);

    let mut report = GapReport::new("vision".to_owned(), false, None);
    report.add(&key(), &[outcome(FileStatus::NotFound, (1, 1))]);
    report.write(&path).unwrap();
    let found = read();
    assert_eq!(
        (&found["ok"], &found["failures"]),
        (&false.into(), &1.into())
    );
    let mut finding = found["findings"][0].clone();
    let fields = finding.as_object_mut().unwrap();
    assert_eq!(fields.remove("file").unwrap(), "x.zip");
    assert_eq!(fields.remove("instrument").unwrap(), key().to_string());
    // What is left is a finding, field by field.
    let finding: Finding = serde_json::from_value(finding).unwrap();
    assert_eq!((finding.day, finding.severity), (Day(1), Severity::Fail));
}
