//! Bybit book archives and recordings end to end on recorded data, and what a day of a 500-level book costs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::{Day, UnixMicros};

use super::fixture::{Fixture, day, zip_of};
use super::shared_data::shared;
use crate::ingest::container::{Container, ContainerSpec, Pick};
use crate::ingest::*;
use crate::manifest::SourceKind;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookOptions, DEFAULT_CADENCE};
use crate::venues::bybit::book::{self, BookFile, book_parser};
use crate::venues::bybit::recording::{self, Recording, recording_parser};
use crate::venues::contracts::QtyUnit;

const BOOK: BookOptions = BookOptions {
    levels: 50,
    cadence: DEFAULT_CADENCE,
    unit: QtyUnit::Base,
};

fn instrument(market: Market, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: "bybit".parse().unwrap(),
        market,
        symbol: symbol.parse().unwrap(),
    }
}

fn archive(
    fixture: &Fixture,
    path: &Path,
    (symbol, of, depth): (&str, Day, u16),
    datasets: &[Dataset],
) -> IngestReport {
    let file = BookFile {
        symbol: symbol.parse().unwrap(),
        depth: Some(depth),
        book: BOOK,
        datasets: datasets.to_vec(),
    };
    let request = FilesRequest {
        key: instrument(Market::Linear, symbol),
        files: vec![VendorFile {
            path: path.to_owned(),
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            url: None,
            container: Container::Zip(Pick::Extension("data".to_owned())).into(),
            datasets: datasets.to_vec(),
            days: Some((of, of)),
            whole_days: true,
            sha256: None,
            continues: false,
        }],
        kind: SourceKind::BybitManual,
        parser_version: book::PARSER_VERSION,
        params: file.ingest_params(),
        range: None,
        slice: Slice::OfName,
        book_levels: BOOK.levels,
        options: fixture.options.clone(),
        created_at: UnixMicros(1),
    };
    let make = |_: &VendorFile, parse| Ok(book_parser(&file, parse));
    ingest_files(
        &fixture.lake(),
        &request,
        &make,
        &NoProgress,
        &AtomicBool::new(false),
    )
    .unwrap()
}

fn recorded(fixture: &Fixture, path: &Path, market: Market, symbol: &str) -> IngestReport {
    let recording = Recording {
        market,
        symbol: symbol.parse().unwrap(),
        depth: None,
        book: BOOK,
        datasets: recording::DATASETS.to_vec(),
    };
    let request = FilesRequest {
        key: instrument(market, symbol),
        files: vec![VendorFile {
            path: path.to_owned(),
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            url: None,
            container: ContainerSpec::from(Container::Zstd).accepting_truncated(),
            datasets: recording::DATASETS.to_vec(),
            days: None,
            whole_days: false,
            sha256: None,
            continues: false,
        }],
        kind: SourceKind::Recording,
        parser_version: recording::PARSER_VERSION,
        params: recording.ingest_params(),
        range: None,
        slice: Slice::OfName,
        book_levels: BOOK.levels,
        options: fixture.options.clone(),
        created_at: UnixMicros(1),
    };
    let make = |_: &VendorFile, parse| Ok(recording_parser(&recording, parse));
    ingest_files(
        &fixture.lake(),
        &request,
        &make,
        &NoProgress,
        &AtomicBool::new(false),
    )
    .unwrap()
}

fn of(report: &IngestReport, dataset: Dataset) -> &FileOutcome {
    let found = report.files.iter().find(|f| f.dataset == dataset);
    found.unwrap_or_else(|| panic!("{dataset}: {report:?}"))
}

const BOTH: [Dataset; 2] = [Dataset::L2Snapshots, Dataset::L2Deltas];

#[test]
fn book_archives_become_partitions() {
    let Some(root) = shared("archives/bybit/orderbook/linear") else {
        return;
    };
    for (symbol, date, depth, messages, deltas) in [
        ("XRPUSDT", "2024-12-01", 500, 50, 3_966),
        ("BTCUSDT", "2026-08-09", 200, 414, 0),
        ("ETHUSDT", "2026-08-09", 200, 421, 0),
    ] {
        let path = root
            .join(symbol)
            .join(format!("{date}_{symbol}_ob{depth}.data.zip"));
        let levels = levels_in(&path);
        if deltas > 0 {
            assert_eq!(levels, deltas, "{symbol}");
        }
        let fixture = Fixture::new();
        let report = archive(&fixture, &path, (symbol, day(date), depth), &BOTH);
        let (images, deltas) = (of(&report, BOTH[0]), of(&report, BOTH[1]));
        assert_eq!(
            (deltas.counts.rows_in, deltas.counts.written),
            (levels, levels),
            "{report:?}"
        );
        let d = &images.diagnostics;
        assert_eq!(
            (d["messages"], d["messages_applied"], d["snapshots"]),
            (messages, messages, 1)
        );
        for none in [
            "gaps",
            "waits",
            "resyncs",
            "crossed_books",
            "times_moved_forward",
        ] {
            assert!(!d.contains_key(none), "{symbol} {none}: {d:?}");
        }
        // One image a second from the first whole second on: none of the first message's second is skipped.
        assert!(
            images.counts.written > 0 && images.counts.balanced(),
            "{report:?}"
        );
        let again = archive(&fixture, &path, (symbol, day(date), depth), &BOTH);
        assert!(
            again
                .files
                .iter()
                .all(|f| matches!(f.status, FileStatus::Current)),
            "{again:?}"
        );
    }
}

/// Levels of all messages, counted without any of our code but the container.
fn levels_in(path: &Path) -> u64 {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let text = std::io::read_to_string(zip.by_index(0).unwrap()).unwrap();
    let mut n = 0;
    for line in text.lines() {
        let frame: serde_json::Value = serde_json::from_str(line).unwrap();
        for side in ["b", "a"] {
            n += frame["data"][side].as_array().unwrap().len() as u64;
        }
    }
    n
}

#[test]
fn a_recording_becomes_partitions_of_the_market_asked_for() {
    let Some(path) = shared("recordings/bybit/BYBIT.jsonl.zst") else {
        return;
    };
    for (market, symbol, trades, messages) in [
        (Market::Linear, "BTCUSDT", 56, 414),
        (Market::Linear, "ETHUSDT", 23, 421),
        (Market::Linear, "SOLUSDT", 165, 383),
        (Market::Linear, "DOGEUSDT", 83, 380),
        (Market::Spot, "BTCUSDT", 11, 300),
        (Market::Spot, "ETHUSDT", 9, 250),
    ] {
        let fixture = Fixture::new();
        let report = recorded(&fixture, &path, market, symbol);
        let counts = |dataset| of(&report, dataset).counts;
        assert_eq!(
            (
                counts(Dataset::Trades).rows_in,
                counts(Dataset::Trades).written
            ),
            (trades, trades),
            "{report:?}"
        );
        let klines = counts(Dataset::Klines1m);
        assert_eq!((klines.rows_in, klines.written), (1, 1), "{report:?}");
        assert_eq!(counts(Dataset::Liquidations).rows_in, 0);
        let d = &of(&report, Dataset::L2Snapshots).diagnostics;
        assert_eq!((d["messages"], d["messages_applied"]), (messages, messages));
        assert!(
            !d.contains_key("gaps") && !d.contains_key("crossed_books"),
            "{d:?}"
        );
        assert!(report.failures().next().is_none() && report.counts().balanced());
        assert_eq!(report.counts().quarantined, 0, "{report:?}");
    }
    let fixture = Fixture::new();
    let report = recorded(&fixture, &path, Market::Inverse, "BTCUSD");
    let (_, error) = report.failures().next().expect("refused");
    let text = error.to_string();
    assert!(
        text.contains("connections of market linear, spot, not inverse"),
        "{text}"
    );
}

/// `RUN_SLOW_TESTS=1` and `QUANT_BENCH_OB500` = a day as `{date}_BTCUSDT_ob500.data.zip`; prints, asserts no time.
#[test]
fn one_large_book_archive() {
    let (Some(_), Some(path)) = (
        std::env::var_os("RUN_SLOW_TESTS"),
        std::env::var_os("QUANT_BENCH_OB500").map(PathBuf::from),
    ) else {
        return;
    };
    let date = &path.file_name().unwrap().to_str().unwrap()[..10];
    for datasets in [&BOTH[..1], &BOTH[..1]] {
        let fixture = Fixture::new();
        let began = Instant::now();
        let report = archive(&fixture, &path, ("BTCUSDT", day(date), 500), datasets);
        let seconds = began.elapsed().as_secs_f64();
        assert!(report.failures().next().is_none(), "{report:?}");
        let d = &of(&report, datasets[0]).diagnostics;
        let text = format!("{seconds:.3} s, {} rows, {d:?}", report.counts().written);
        writeln!(std::io::stderr(), "{text}").unwrap();
    }
}

fn put(fixture: &Fixture, lines: &[String]) -> PathBuf {
    let path = fixture
        .root
        .path()
        .join("2024-12-04_HYPEUSDT_ob500.data.zip");
    let text = lines.join("\n");
    let member = "2024-12-04_HYPEUSDT_ob500.data";
    std::fs::write(&path, zip_of(&[(member, text.as_bytes())])).unwrap();
    path
}

fn frame(ms: i64, u: i64, bids: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.500.HYPEUSDT","type":"snapshot","ts":{ms},"data":{{"s":"HYPEUSDT","b":[{bids}],"a":[],"u":{u},"seq":{u}}},"cts":{ms}}}"#
    )
}

#[test]
fn a_day_of_empty_snapshots_is_an_empty_partition() {
    let fixture = Fixture::new();
    let ms = 1_733_270_400_000;
    let path = put(&fixture, &[frame(ms, 5, ""), frame(ms + 5_000, 6, "")]);
    let of_day = ("HYPEUSDT", day("2024-12-04"), 500);
    let report = archive(&fixture, &path, of_day, &BOTH);
    for file in &report.files {
        let FileStatus::Written { days } = &file.status else {
            panic!("{report:?}");
        };
        assert_eq!((days.len(), days[0].rows), (1, 0), "{report:?}");
    }
    let images = of(&report, Dataset::L2Snapshots);
    assert_eq!(images.diagnostics["empty_snapshots"], 2);
    assert!(
        images.notes.iter().any(|n| n.contains("no book")),
        "{images:?}"
    );
}

#[test]
fn a_file_of_two_time_units_is_refused_and_the_lake_stays_as_it_was() {
    let fixture = Fixture::new();
    let ms = 1_733_270_400_000;
    let bids = r#"["20.5","1"]"#;
    let path = put(
        &fixture,
        &[frame(ms, 5, bids), frame((ms + 5_000) * 1_000, 6, bids)],
    );
    let report = archive(&fixture, &path, ("HYPEUSDT", day("2024-12-04"), 500), &BOTH);
    let (_, error) = report.failures().next().expect("refused");
    let text = error.to_string();
    assert!(
        text.contains("times are in microseconds, not in milliseconds as before"),
        "{text}"
    );
    assert!(text.contains("hint:"), "{text}");
    let partitions = fixture.listing().into_keys();
    assert_eq!(
        partitions
            .filter(|p| p.extension().is_some_and(|e| e == "parquet"))
            .count(),
        0
    );
}
