//! User files from end to end.

use quant_core::market::InstrumentKey;
use quant_core::time::UnixMicros;

use super::fixture::*;
use crate::ingest::*;
use crate::quality::{Scans, Severity, assess_day};
use crate::read::HashMemo;
use crate::schema::Dataset;

fn request(fixture: &Fixture, name: &str, text: &str) -> CsvRequest {
    let path = fixture.root.path().join(name);
    std::fs::write(&path, text).unwrap();
    CsvRequest {
        path,
        key: mine(),
        mapping: serde_json::from_str(
            r#"{"rows": {"kind": "trades", "timestamp": "time", "price": "price", "qty": "qty", "trade_id": "id",
            "side": {"is_buyer_maker": "is_buyer_maker"}, "qty_unit": "base"}, "time": "epoch_ms"}"#,
        )
        .unwrap(),
        range: None,
        options: fixture.options.clone(),
        created_at: UnixMicros(1),
    }
}

fn mine() -> InstrumentKey {
    InstrumentKey {
        exchange: "csv".parse().unwrap(),
        ..key("um", "BTCUSDT")
    }
}

fn hashes(fixture: &Fixture) -> Vec<(u64, String)> {
    let manifest = fixture.manifest(&mine(), Dataset::Trades).unwrap();
    manifest
        .partitions
        .into_iter()
        .map(|p| (p.rows, p.content_sha256))
        .collect()
}

fn three_days() -> Vec<String> {
    (0..3)
        .flat_map(|i| trades(day("2024-07-01").plus(i), 1_000 * i64::from(i) + 1, 400))
        .collect()
}

#[test]
fn days_are_split_whatever_the_order() {
    let rows = three_days();
    let fixture = Fixture::new();
    let report = fixture.csv(&request(&fixture, "a.csv", &csv(UM_TRADES, &rows)));
    assert_eq!(
        (report.counts().written, report.days_written()),
        (1_200, 3),
        "{report:?}"
    );
    let sorted = hashes(&fixture);
    assert_eq!(
        sorted.iter().map(|(rows, _)| *rows).collect::<Vec<_>>(),
        [400; 3]
    );

    let fixture = Fixture::new();
    let mut mixed = rows.clone();
    mixed.reverse();
    mixed.push(rows[5].clone());
    let report = fixture.csv(&request(&fixture, "a.csv", &csv(UM_TRADES, &mixed)));
    let counts = report.counts();
    assert!(counts.balanced());
    assert_eq!(
        (counts.rows_in, counts.written, counts.duplicates),
        (1_201, 1_200, 1)
    );
    assert_eq!(hashes(&fixture), sorted);
}

#[test]
fn overlapping_files_merge_in_any_order() {
    let rows = three_days();
    let (a, b) = (csv(UM_TRADES, &rows[..700]), csv(UM_TRADES, &rows[500..]));
    let fixture = Fixture::new();
    fixture.csv(&request(&fixture, "all.csv", &csv(UM_TRADES, &rows)));
    let whole = hashes(&fixture);
    for order in [[&a, &b], [&b, &a]] {
        let fixture = Fixture::new();
        for (text, name) in order.iter().zip(["x.csv", "y.csv"]) {
            assert!(
                fixture
                    .csv(&request(&fixture, name, text))
                    .failures()
                    .next()
                    .is_none()
            );
        }
        assert_eq!(hashes(&fixture), whole);
        let before = fixture.listing();
        let again = fixture.csv(&request(&fixture, "x.csv", order[0]));
        assert!(
            matches!(again.files[0].status, FileStatus::Current),
            "{again:?}"
        );
        let after: Vec<_> = fixture.listing().into_iter().collect();
        assert_eq!(after, before.into_iter().collect::<Vec<_>>());
    }
}

fn of_klines(fixture: &Fixture, name: &str, text: &str) -> CsvRequest {
    CsvRequest {
        mapping: serde_json::from_str(
            r#"{"rows": {"kind": "klines", "timestamp": "time", "open": "open", "high": "high", "low": "low",
            "close": "close", "volume": "volume", "stamp": "open", "volume_unit": "base"}, "time": "epoch_ms"}"#,
        )
        .unwrap(),
        ..request(fixture, name, text)
    }
}

/// The first day of a history begins where trading did, if klines say so; a file that begins too late is a part of a day.
#[test]
fn a_history_that_begins_within_a_day() {
    let at = day("2024-07-01").start().0 / 1_000;
    let trades: Vec<String> = (0..5_760)
        .map(|i| {
            format!(
                "{},{}.5,1,1,{},true",
                i + 1,
                100 + i % 7,
                at + 28_800_000 + i * 10_000
            )
        })
        .collect();
    let kline = |i: i64| {
        format!(
            "{},{p}.5,{p}.9,{p}.1,{p}.6,6",
            at + i * 60_000,
            p = 100 + i % 9
        )
    };
    for (first, severity) in [(480, Severity::Note), (0, Severity::Fail)] {
        let fixture = Fixture::new();
        fixture.csv(&request(&fixture, "t.csv", &csv(UM_TRADES, &trades)));
        let rows: Vec<String> = (first..1_440).map(kline).collect();
        let text = csv("time,open,high,low,close,volume", &rows);
        let report = fixture.csv(&of_klines(&fixture, "k.csv", &text));
        assert_eq!(report.failures().count(), 0, "{report:?}");
        let found = assess_day(
            &fixture.lake(),
            &mine(),
            day("2024-07-01"),
            &[Dataset::Klines1m, Dataset::Trades],
            &HashMemo::default(),
            &Scans::default(),
        )
        .unwrap();
        let silences: Vec<_> = (found.findings.iter())
            .filter(|f| f.detector == "silence")
            .map(|f| (f.from, f.severity))
            .collect();
        assert_eq!(silences, [(day("2024-07-01").start(), severity)]);
    }
}

/// Intervals that one slice lacks and another brings are no gaps of the day that both make.
#[test]
fn gaps_are_those_of_the_merged_day() {
    let at = day("2024-07-01").start().0 / 1_000;
    let rows: Vec<String> = (0..1_440)
        .map(|i| format!("{},1,2,0.5,1.5,{i}.5", at + i * 60_000))
        .collect();
    let text = |rows: &[String]| csv("time,open,high,low,close,volume", rows);
    let slices = [
        text(&rows[..700]),
        text(&rows[600..1_000]),
        text(&rows[1_000..]),
    ];
    for (order, gaps) in [
        (&[0, 1, 2][..], 0),
        (&[2, 0, 1], 0),
        (&[1, 2, 0], 0),
        (&[0, 2], 1),
        (&[1], 2),
    ] {
        let fixture = Fixture::new();
        for i in order {
            let report = fixture.csv(&of_klines(&fixture, &format!("{i}.csv"), &slices[*i]));
            assert_eq!(report.failures().count(), 0, "{report:?}");
        }
        let manifest = fixture.manifest(&mine(), Dataset::Klines1m).unwrap();
        assert_eq!(manifest.partitions[0].quality.gaps, gaps, "{order:?}");
    }
}

#[test]
fn another_kind_of_source_is_refused() {
    let fixture = Fixture::new();
    let um = key("um", "BTCUSDT");
    let text = csv(UM_TRADES, &trades(day("2024-07-01"), 1, 10));
    fixture.put(
        &um,
        Dataset::Trades,
        crate::venues::binance::Period::Day(day("2024-07-01")),
        &text,
    );
    fixture.ingest(&fixture.request(&um, Dataset::Trades, "2024-07-01", "2024-07-02"));
    let before = fixture.listing();
    let mut mine = request(&fixture, "a.csv", &text);
    mine.key = um;
    let report = fixture.csv(&mine);
    let (_, error) = report.failures().next().unwrap();
    assert!(error.to_string().contains("--replace-source"), "{error}");
    assert_eq!(fixture.listing(), before);
    mine.options.replace_source = true;
    assert_eq!(fixture.csv(&mine).days_written(), 1);
}

#[test]
fn a_range_takes_whole_days() {
    let fixture = Fixture::new();
    let mut mine = request(&fixture, "a.csv", &csv(UM_TRADES, &three_days()));
    mine.range = Some(
        quant_core::time::TimeRange::new(
            "2024-07-02T10:00:00Z".parse().unwrap(),
            "2024-07-02T11:00:00Z".parse().unwrap(),
        )
        .unwrap(),
    );
    let counts = fixture.csv(&mine).counts();
    assert_eq!(
        (counts.rows_in, counts.written, counts.filtered),
        (1_200, 400, 800)
    );
}

#[test]
fn a_missing_file_is_an_error_of_that_file() {
    let fixture = Fixture::new();
    let mut mine = request(&fixture, "a.csv", "x");
    mine.path = fixture.root.path().join("nothing.csv");
    let report = fixture.csv(&mine);
    assert!(
        report
            .failures()
            .next()
            .unwrap()
            .1
            .to_string()
            .contains("nothing.csv")
    );
    assert!(fixture.listing().is_empty());
}
