//! The same on recorded market data, where it is present: `QUANT_SHARED_DATA`, else `../shared/data` beside the
//! workspace. Absent data is said out loud, never passed over.

#![expect(clippy::float_cmp, reason = "values must come back bit for bit")]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use quant_core::time::UnixMicros;

use super::fixture::*;
use crate::ingest::*;
use crate::schema::Dataset;

pub(super) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        writeln!(
            std::io::stderr(),
            "SKIPPED: no shared data at {}",
            root.join(path).display()
        )
        .unwrap();
    }
    found
}

#[test]
fn recorded_days_of_the_archive() {
    let Some(root) = shared("archives/binance") else {
        return;
    };
    let fixture = Fixture::new();
    let source = LocalArchive::open(root).unwrap();
    for (market, dataset, start, end, rows) in [
        ("um", Dataset::Trades, "2024-07-18", "2024-07-20", None),
        (
            "um",
            Dataset::Trades,
            "2024-08-08",
            "2024-08-09",
            Some(21_313),
        ),
        ("um", Dataset::BookTicker, "2024-07-18", "2024-07-20", None),
        (
            "um",
            Dataset::BookTicker,
            "2024-08-08",
            "2024-08-10",
            Some(66_089),
        ),
        ("spot", Dataset::Trades, "2024-08-08", "2024-08-10", None),
    ] {
        let request = fixture.request(&key(market, "BTCUSDT"), dataset, start, end);
        let report = ingest_vision(
            &fixture.lake(),
            &source,
            &request,
            &NoProgress,
            &AtomicBool::new(false),
        )
        .unwrap();
        assert!(report.failures().next().is_none(), "{report:?}");
        let counts = report.counts();
        assert!(
            counts.balanced() && counts.quarantined == 0 && counts.written > 0,
            "{counts:?}"
        );
        if let Some(rows) = rows {
            assert_eq!(
                counts.rows_in, rows,
                "{market} {dataset} {start}: {report:?}"
            );
        }
    }
}

#[test]
fn a_month_of_minutes_in_quote_volume() {
    let Some(path) = shared("klines/btc-perp-20211231-20220201_1m.csv") else {
        return;
    };
    let fixture = Fixture::new();
    let mine = CsvRequest {
        path,
        key: key("um", "BTCUSDT"),
        mapping: serde_json::from_str(
            r#"{"rows": {"kind": "klines", "timestamp": "timestamp", "open": "open", "high": "high", "low": "low",
            "close": "close", "volume": "volume", "stamp": "open", "volume_unit": "quote"}, "time": "text"}"#,
        )
        .unwrap(),
        range: None,
        options: fixture.options.clone(),
        created_at: UnixMicros(1),
    };
    let report = fixture.csv(&mine);
    assert_eq!(
        (report.counts().rows_in, report.counts().written),
        (45_031, 45_031),
        "{report:?}"
    );
    assert_eq!(report.days_written(), 33);
    let batch = fixture.rows(&mine.key, Dataset::Klines1m, day("2021-12-31"));
    assert_eq!(batch.num_rows(), 59);
    let at = |name: &str| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0)
    };
    assert_eq!(
        (at("open"), at("quote_volume"), at("volume_raw")),
        (46319.0, 2300413.7295, 2300413.7295)
    );
    assert_eq!(
        at("volume"),
        2300413.7295 / ((46319.0 + 46385.0 + 46319.0 + 46377.0) / 4.0)
    );
}
