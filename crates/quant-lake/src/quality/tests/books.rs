//! Detectors of books on clean and on planted slices, and the counters of a manifest with the sources they come from.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use quant_core::time::MICROS_PER_DAY;

use super::slices::{batch, day, each, n, names, price, start, subject, ts};
use crate::manifest::{Partition, Source, SourceKind};
use crate::quality::assess::is_recorded;
use crate::quality::columns::Batch;
use crate::quality::images::{DeltaScan, Seconds, Taken, images_missing};
use crate::quality::levels::LevelScan;
use crate::quality::{Finding, Quality, Severity, counters};
use crate::schema::Dataset;
use crate::venues::book_flow::{Cadence, DEFAULT_CADENCE};

type Image = (i64, i64, Vec<Option<f64>>);

const SECOND: i64 = 1_000_000;

fn image(i: i64) -> Vec<Option<f64>> {
    (0..5)
        .flat_map(|level| {
            let step = f64::from(level) * 0.01;
            [price(i) - step, 1.0, price(i) + 0.01 + step, 1.0].map(Some)
        })
        .collect()
}

/// A day with an image every second.
fn whole_day() -> Vec<Image> {
    (1..86_400)
        .map(|i| (start() + i * SECOND, i, image(i)))
        .collect()
}

fn scan_with(
    rows: &[Image],
    taken: Option<Taken>,
    is_voided: bool,
    is_first: bool,
) -> (Vec<Finding>, Seconds) {
    let mut scan = LevelScan::new(subject(Dataset::L2Snapshots), 50);
    let names: Vec<String> = scan.columns().iter().map(|&c| c.to_owned()).collect();
    let mut columns = vec![
        ("ts_event", ts(rows.iter().map(|r| r.0).collect())),
        ("seq", n(rows.iter().map(|r| r.1).collect())),
    ];
    for (i, name) in names[2..].iter().enumerate() {
        let column: Float64Array = rows.iter().map(|r| r.2.get(i).copied().flatten()).collect();
        columns.push((name, Arc::new(column) as ArrayRef));
    }
    let all = batch(columns);
    let half = all.num_rows() / 2;
    scan.batch(Batch(&all.slice(0, half)));
    scan.batch(Batch(&all.slice(half, all.num_rows() - half)));
    let (findings, _, seconds) = scan.finish(taken, is_voided, is_first);
    (findings, seconds)
}

fn scan(rows: &[Image]) -> Vec<Finding> {
    scan_with(rows, None, false, false).0
}

/// (detector, severity, start and length in seconds).
fn said(findings: &[Finding]) -> Vec<(&str, Severity, i64, i64)> {
    findings
        .iter()
        .map(|f| {
            let (from, to) = (f.from.0 - start(), f.to.0 - f.from.0);
            (f.detector.as_str(), f.severity, from / SECOND, to / SECOND)
        })
        .collect()
}

#[test]
fn book_images_crossed_one_sided_and_frozen() {
    let clean = whole_day();
    assert!(scan(&clean).is_empty());
    let mut rows = clean.clone();
    rows[9].2.swap(0, 2);
    let found = scan(&rows);
    assert_eq!(
        (names(&found), found[0].severity),
        (vec!["crossed_book"], Severity::Warn)
    );
    // One image in fifty is crossed: no race between two sides.
    for row in rows.iter_mut().step_by(50) {
        row.2.swap(0, 2);
    }
    let found = scan(&rows);
    assert_eq!(names(&found), ["crossed_book"]);
    assert!(found.iter().all(|f| f.severity == Severity::Fail));
    rows = clean.clone();
    rows[9].2[2] = None;
    let found = scan(&rows);
    assert_eq!(
        (names(&found), found[0].severity),
        (vec!["empty_level"], Severity::Warn)
    );
    // A side is gone for a fiftieth of the day: this is no book.
    for row in rows.iter_mut().step_by(50) {
        row.2[2] = None;
    }
    let found = scan(&rows);
    assert_eq!(names(&found), ["empty_level"]);
    assert!(found.iter().all(|f| f.severity == Severity::Fail));
    rows = clean.clone();
    for i in 101..500 {
        rows[i].2 = rows[100].2.clone();
    }
    assert_eq!(names(&scan(&rows)), ["frozen_book"]);
    // A market asleep: no message, no new sequence.
    each(&mut rows[100..500], |r| r.1 = 100);
    assert!(scan(&rows).is_empty());
}

#[test]
fn stretches_without_images() {
    let clean = whole_day();
    let without = |from: i64, to: i64| -> Vec<Image> {
        let mut rows = clean.clone();
        rows.retain(|r| !(start() + from * SECOND..start() + to * SECOND).contains(&r.0));
        rows
    };
    // Two minutes, twenty seconds, five seconds of a busy book.
    let found = scan(&without(40_000, 40_120));
    assert_eq!(said(&found), [("image_gap", Severity::Fail, 39_999, 121)]);
    assert!(found[0].text.contains("121 were due"), "{}", found[0].text);
    assert_eq!(
        said(&scan(&without(40_000, 40_020))),
        [("image_gap", Severity::Warn, 39_999, 21)]
    );
    assert!(scan(&without(40_000, 40_005)).is_empty());
    // It ends too early; it begins late, which is a warning where the history begins.
    assert_eq!(
        said(&scan(&without(80_000, 86_400))),
        [("image_gap", Severity::Fail, 79_999, 6_401)]
    );
    for (is_first, severity) in [(false, Severity::Fail), (true, Severity::Warn)] {
        let found = scan_with(&without(0, 7_200), None, false, is_first).0;
        assert_eq!(said(&found), [("image_gap", severity, 0, 7_200)]);
    }
    // Twenty seconds of a recording.
    let found = scan_with(&clean[40_000..40_020], None, false, true).0;
    assert_eq!(
        found.iter().map(|f| f.severity).collect::<Vec<_>>(),
        [Severity::Warn, Severity::Fail]
    );

    // A quiet market: ten seconds of images after a message every two minutes. A pause of seven minutes is how it is ...
    let quiet: Vec<Image> = clean
        .iter()
        .filter(|r| r.1 % 120 < 10 && !(40_000..40_300).contains(&r.1))
        .cloned()
        .collect();
    assert!(scan(&quiet).is_empty(), "{:?}", said(&scan(&quiet)));
    // ... unless the book is known to have been void; and eight hours are beyond any chance.
    let found = scan_with(&quiet, None, true, false).0;
    assert!(found.iter().any(|f| f.severity == Severity::Fail));
    let short: Vec<Image> = quiet.iter().filter(|r| r.1 < 57_600).cloned().collect();
    let found = scan(&short);
    assert_eq!(
        (found.len(), found[0].detector.as_str(), found[0].severity),
        (1, "image_gap", Severity::Fail)
    );
    // Images of 15 minutes: three quarters of an hour are two of them, three hours a gap.
    let slow: Vec<Image> = clean.iter().filter(|r| r.1 % 900 == 0).cloned().collect();
    assert!(scan(&slow).is_empty());
    let hole = |hours: i64| -> Vec<Image> {
        let mut rows = slow.clone();
        rows.retain(|r| !(36_000..36_000 + hours * 3_600).contains(&r.1));
        rows
    };
    assert_eq!(
        said(&scan(&hole(3))),
        [("image_gap", Severity::Fail, 35_100, 11_700)]
    );
    // Once a day, as on venues that send one image: nothing is due.
    assert!(scan(&clean[..1]).is_empty() && scan(&[]).is_empty());
}

#[test]
fn seconds_without_images_while_the_stream_goes_on() {
    let deltas = |live: &dyn Fn(i64) -> bool| {
        let mut scan = DeltaScan::new(subject(Dataset::L2Deltas));
        let times = (0..MICROS_PER_DAY / SECOND)
            .filter(|s| live(*s))
            .map(|s| start() + s * SECOND + 300_000)
            .collect();
        scan.batch(Batch(&batch(vec![("ts_event", ts(times))])));
        scan.finish().1
    };
    let clean = whole_day();
    let images = |is: &dyn Fn(i64) -> bool| {
        let rows: Vec<Image> = clean.iter().filter(|r| is(r.1)).cloned().collect();
        scan_with(&rows, None, false, false)
    };
    let compare = |images: &Seconds, deltas: &Seconds| {
        images_missing(subject(Dataset::L2Snapshots), images, deltas).map(|f| (f.severity, f.rows))
    };
    let all = deltas(&|_| true);
    let (found, whole) = images(&|_| true);
    assert!(found.is_empty());
    assert_eq!(compare(&whole, &all), None);
    // Crossed for four seconds in ten: no stretch is long, and the stream never stops.
    let (found, crossed) = images(&|s| s % 10 < 6);
    assert!(found.is_empty(), "{:?}", said(&found));
    let (severity, rows) = compare(&crossed, &all).unwrap();
    assert_eq!((severity, rows), (Severity::Fail, 4 * 8_640));
    // A market that is silent in those seconds owes no image.
    assert_eq!(compare(&crossed, &deltas(&|s| s % 10 < 5)), None);
    // Thirty seconds of a day.
    let (_, short) = images(&|s| !(5_000..5_030).contains(&s));
    assert_eq!(compare(&short, &all), Some((Severity::Warn, 30)));
    // Two images of a day, taken after every message or at a cadence that only the parameters tell.
    for taken in [Taken::WithMessages, Taken::Every(1_000_000)] {
        let (found, few) = scan_with(&clean[..2], Some(taken), false, true);
        assert_eq!(compare(&few, &all).unwrap().0, Severity::Fail);
        let gap = found.iter().any(|f| f.severity == Severity::Fail);
        assert_eq!(gap, taken != Taken::WithMessages, "{:?}", said(&found));
    }
    assert_eq!(
        compare(&scan_with(&clean[..2], None, false, true).1, &all),
        None
    );
    // Images that happen to be further apart owe none to anything.
    let (_, slow) = images(&|s| s % 30 == 0);
    assert_eq!(compare(&slow, &all), None);
}

/// The row of a lost book is no sign of life: a snapshot of several rows and an update are.
#[test]
fn a_lost_book_is_no_message_of_the_stream() {
    let at = |s: i64| start() + s * SECOND;
    let rows = [
        (1, true, false),
        (1, true, true),
        (2, false, true),
        (3, true, true),
        (4, false, true),
    ];
    let flags = |of: &dyn Fn(&(i64, bool, bool)) -> bool| -> ArrayRef {
        let values: Vec<bool> = rows.iter().map(of).collect();
        Arc::new(arrow_array::BooleanArray::from(values))
    };
    let mut scan = DeltaScan::new(subject(Dataset::L2Deltas));
    scan.batch(Batch(&batch(vec![
        ("ts_event", ts(rows.iter().map(|r| at(r.0)).collect())),
        ("is_snapshot", flags(&|r| r.1)),
        ("msg_end", flags(&|r| r.2)),
    ])));
    let (_, seconds) = scan.finish();
    let seen = [1, 2, 3, 4].map(|s| seconds.has(s));
    assert_eq!(seen, [true, true, false, true]);
}

#[test]
fn images_at_any_cadence_are_due_while_the_stream_goes_on() {
    let deltas = |live: &dyn Fn(i64) -> bool| {
        let mut scan = DeltaScan::new(subject(Dataset::L2Deltas));
        let times = (0..MICROS_PER_DAY / SECOND)
            .filter(|s| live(*s))
            .map(|s| start() + s * SECOND + 300_000)
            .collect();
        scan.batch(Batch(&batch(vec![("ts_event", ts(times))])));
        scan.finish().1
    };
    let all = deltas(&|_| true);
    // Whole multiples of a second, one that does not divide the day, parts of a second, and neither.
    for every in [5_000, 30_000, 7_000, 200, 700, 1_500].map(|ms| ms * 1_000) {
        let judge = |is: &dyn Fn(i64) -> bool, deltas: &Seconds| {
            let first = start().div_euclid(every) + 1;
            let end = (start() + MICROS_PER_DAY - 1).div_euclid(every);
            let rows: Vec<Image> = (first..=end)
                .map(|n| n * every)
                .filter(|at| is((at - start()) / SECOND))
                .zip(0..)
                .map(|(at, i)| (at, i, image(i)))
                .collect();
            let (_, seen) = scan_with(&rows, Some(Taken::Every(every)), false, false);
            images_missing(subject(Dataset::L2Snapshots), &seen, deltas)
        };
        assert_eq!(judge(&|_| true, &all), None, "{every}");
        // Crossed for a third of the time.
        let crossed = |s: i64| s % 90 >= 30;
        let found = judge(&crossed, &all).unwrap();
        assert_eq!(found.severity, Severity::Fail, "{every}");
        let share = found.measured;
        assert!((share - 1.0 / 3.0).abs() < 0.01, "{every}: {share}");
        // Of a stream that is silent meanwhile nothing is known.
        let silent = deltas(&|s| (30..89).contains(&(s % 90)));
        assert_eq!(judge(&crossed, &silent), None, "{every}");
    }
}

#[test]
fn parameters_that_tell_when_images_are_taken() {
    use crate::manifest::IngestParams;
    let of = |name: &str, value: serde_json::Value| {
        Taken::of(&IngestParams::from([
            ("levels".to_owned(), 50.into()),
            (name.to_owned(), value),
        ]))
    };
    let every = serde_json::json!({"every_us": 500_000, "max_stale_us": 10_000_000});
    assert_eq!(of("book_cadence", every), Some(Taken::Every(500_000)));
    assert_eq!(
        of("cadence_us", 100_000.into()),
        Some(Taken::Every(100_000))
    );
    let as_text = |cadence: Cadence| of("cadence", format!("{cadence:?}").into());
    assert_eq!(as_text(DEFAULT_CADENCE), Some(Taken::Every(1_000_000)));
    assert_eq!(as_text(Cadence::EveryMessage), Some(Taken::WithMessages));
    assert_eq!(as_text(Cadence::EverySnapshot), None);
    assert_eq!(of("cadence", "every_snapshot".into()), None);
    assert_eq!(
        of("book_cadence", "message".into()),
        Some(Taken::WithMessages)
    );
    assert_eq!(of("depth", 400.into()), None);
}

fn partition(rows_in: u64, kinds: &[SourceKind], quality: Quality) -> Partition {
    let source = |kind: &SourceKind| Source {
        kind: *kind,
        name: kind.name().to_owned(),
        url: None,
        bytes: 1,
        sha256: "0".repeat(64),
        checksum_verified: false,
        context: None,
    };
    Partition {
        date: day(),
        file: "part-000.parquet".to_owned(),
        rows: rows_in,
        ts_min: None,
        ts_max: None,
        bytes: 1,
        sha256: "0".repeat(64),
        content_sha256: "0".repeat(64),
        schema_version: "1.1".to_owned(),
        parser_version: "p-1".to_owned(),
        ingest_params_hash: "0".repeat(64),
        rows_in,
        sources: kinds.iter().map(source).collect(),
        quality,
    }
}

#[test]
fn only_recordings_begin_within_a_day() {
    let of = |kinds: &[SourceKind]| is_recorded(&partition(1, kinds, Quality::default()));
    assert!(of(&[SourceKind::Recording, SourceKind::Recording]));
    for kind in [SourceKind::OkxManual, SourceKind::BybitManual] {
        assert!(!of(&[kind]) && !of(&[SourceKind::Recording, kind]));
    }
    assert!(!of(&[]));
}

fn judge(dataset: Dataset, kinds: &[SourceKind], quality: Quality) -> Vec<(String, Severity)> {
    let found = counters::judge(subject(dataset), &partition(1_000, kinds, quality));
    names(&found);
    found
        .into_iter()
        .map(|f| (f.detector, f.severity))
        .collect()
}

fn one(name: &str, severity: Severity) -> Vec<(String, Severity)> {
    vec![(name.to_owned(), severity)]
}

#[test]
fn counters_of_a_manifest() {
    let vision = [SourceKind::Vision];
    assert!(judge(Dataset::Trades, &vision, Quality::default()).is_empty());
    let said = judge(
        Dataset::Trades,
        &vision,
        Quality {
            duplicates: 1,
            out_of_order: 20,
            quarantined: 1,
            other_day: 2,
            ..Quality::default()
        },
    );
    let expected = [
        one("other_day_rows", Severity::Warn),
        one("quarantined_rows", Severity::Warn),
        one("duplicate_rows", Severity::Note),
        one("unsorted_rows", Severity::Warn),
    ];
    assert_eq!(said, expected.concat());
}

#[test]
fn gaps_that_were_counted() {
    let gaps = Quality {
        gaps: 1,
        ..Quality::default()
    };
    let of = |dataset| judge(dataset, &[SourceKind::Recording], gaps);
    for dataset in [Dataset::L2Deltas, Dataset::L2Snapshots] {
        assert_eq!(of(dataset), one("book_gap", Severity::Fail));
    }
    for dataset in [Dataset::Trades, Dataset::BookTicker, Dataset::Liquidations] {
        assert_eq!(of(dataset), one("stream_gap", Severity::Warn));
    }
    // Of klines the minutes tell.
    assert_eq!(of(Dataset::Klines1m), []);
}

#[test]
fn what_a_source_explains_is_a_note() {
    let other_day = Quality {
        other_day: 700,
        ..Quality::default()
    };
    let unsorted = |out_of_order| Quality {
        out_of_order,
        ..Quality::default()
    };
    let (warn, note) = (Severity::Warn, Severity::Note);
    for (dataset, kinds, severity) in [
        (Dataset::Trades, &[SourceKind::OkxManual][..], note),
        (Dataset::Klines1m, &[SourceKind::OkxHist], note),
        (Dataset::Trades, &[SourceKind::Recording], note),
        // Books of OKX are cut at midnight UTC, as all files of Bybit and Binance are.
        (Dataset::L2Deltas, &[SourceKind::OkxManual], warn),
        (Dataset::Trades, &[SourceKind::BybitManual], warn),
        (
            Dataset::Trades,
            &[SourceKind::OkxHist, SourceKind::Vision],
            warn,
        ),
        (Dataset::Trades, &[], warn),
    ] {
        let said = judge(dataset, kinds, other_day);
        assert_eq!(said, one("other_day_rows", severity), "{kinds:?}");
    }
    // Books: a few rows at midnight may bear the date of another day, not most.
    for (other_day, severity) in [(1, note), (700, warn)] {
        let quality = Quality {
            other_day,
            ..Quality::default()
        };
        let said = judge(Dataset::L2Snapshots, &[SourceKind::BybitManual], quality);
        assert_eq!(said, one("other_day_rows", severity));
    }
    for (kind, out_of_order, severity) in [
        (SourceKind::Rest, 500, note),
        (SourceKind::BybitManual, 990, note),
        (SourceKind::BybitManual, 500, warn),
        (SourceKind::Vision, 990, warn),
    ] {
        let said = judge(Dataset::Trades, &[kind], unsorted(out_of_order));
        assert_eq!(said, one("unsorted_rows", severity), "{kind:?}");
    }
}
