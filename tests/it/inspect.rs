//! `quant inspect` on simulated archives, damaged files, partitions and, where they are, recorded data.

use std::path::Path;

use serde_json::Value;

use crate::real_data::shared;
use crate::support::{listing, run};

/// Simulates one quiet day of a venue in `dir/sim`.
fn simulate(dir: &Path, exchange: &str) {
    let args = [
        "synth",
        "--exchange",
        exchange,
        "--days",
        "1",
        "--set",
        "trades_per_day=1000",
        "--set",
        "quotes_per_day=3000",
        "--book-cadence-ms",
        "60000",
        "--out",
        "sim",
        "--quiet",
    ];
    run(dir, &args).code(0);
}

/// Inspects a file that must be sound.
#[track_caller]
fn look(dir: &Path, path: &str) -> Value {
    run(dir, &["inspect", path, "--json"]).code(0).json()
}

/// Returns the summary of a dataset.
#[track_caller]
fn table<'a>(found: &'a Value, dataset: &str) -> &'a Value {
    let tables = found["tables"].as_array().unwrap();
    let of = tables.iter().find(|t| t["dataset"] == dataset);
    of.unwrap_or_else(|| panic!("no {dataset}: {found:#}"))
}

/// Returns the messages of a channel, of all instruments.
fn count(found: &Value, channel: &str) -> u64 {
    let channels = found["channels"].as_array().unwrap();
    let of = channels
        .iter()
        .filter(|c| c["channel"].as_str().unwrap().starts_with(channel));
    of.map(|c| c["count"].as_u64().unwrap()).sum()
}

#[test]
fn every_simulated_archive_is_what_its_name_says() {
    for (exchange, n) in [("binance", 10), ("bybit", 2), ("okx", 6)] {
        let dir = tempfile::tempdir().unwrap();
        simulate(dir.path(), exchange);
        let mut seen = 0;
        for name in listing(dir.path()).into_keys() {
            if ![".zip", ".gz"].iter().any(|end| name.ends_with(end)) {
                continue;
            }
            seen += 1;
            let found = look(dir.path(), &name);
            assert_eq!(found["exchange"], format!("sim-{exchange}"), "{name}");
            assert_eq!(found["complete"], true, "{name}");
            let symbol = found["symbol"].as_str().unwrap();
            assert!(
                matches!(symbol, "BTCUSDT" | "BTC-USDT-SWAP"),
                "{name}: {symbol}"
            );
            let command = found["command"].as_str().unwrap();
            assert!(command.starts_with(&format!(
                "quant build-dataset --exchange sim-{exchange} --market "
            )));
            assert!(!command.contains('<'), "{name}: {command}");
        }
        assert_eq!(seen, n, "{exchange}");
    }
}

#[test]
fn the_command_it_prints_ingests_the_file() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), "binance");
    let path = "sim/data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01.zip";
    let found = look(dir.path(), path);
    let rows = table(&found, "trades")["rows"].as_u64().unwrap();
    assert_eq!(table(&found, "trades")["ids_missing"], 0);
    let command = found["command"].as_str().unwrap().to_owned();
    let mut args: Vec<&str> = command.split(' ').skip(1).collect();
    args.push("--json");
    let answer = run(dir.path(), &args).code(0).json();
    assert_eq!(answer["rows"]["written"], rows);
    // The partition it made, by its folder and by its file.
    let day = "data/raw/sim-binance/um/BTCUSDT/trades/date=2024-01-01";
    let partition = look(dir.path(), day);
    assert_eq!(table(&partition, "trades")["rows"], rows);
    let file = look(dir.path(), &format!("{day}/part-000.parquet"));
    assert_eq!(table(&file, "trades")["rows"], rows);
    assert_eq!(
        table(&file, "trades")["volume"],
        table(&found, "trades")["volume"]
    );
    // One flipped byte is found.
    let part = dir.path().join(day).join("part-000.parquet");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    run(dir.path(), &["inspect", day, "--json"]).code(3);
}

#[test]
fn a_table_as_a_user_sees_it() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), "binance");
    let path = "sim/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.zip";
    let text = run(dir.path(), &["inspect", path]).code(0).stdout;
    insta::assert_snapshot!("inspect_klines", text);
}

#[test]
fn findings_and_absent_files_have_their_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["inspect", "absent.zip"])
        .code(2)
        .says(&["there is nothing at `absent.zip`"]);
    std::fs::write(dir.path().join("x.zip"), b"PK\x03\x04 cut").unwrap();
    let ran = run(dir.path(), &["inspect", "x.zip"]).code(3);
    assert!(ran.stdout.contains("FAILED"), "{ran:?}");
    simulate(dir.path(), "binance");
    let zip = "sim/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-01.zip";
    let path = dir.path().join(zip);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let found = run(dir.path(), &["inspect", zip, "--json"]).code(3).json();
    let failed: Vec<&str> = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["verdict"] == "fail")
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert!(failed.contains(&"checksum file"), "{found:#}");
}

#[test]
fn the_bybit_alias_finds_the_file_and_writes_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), "bybit");
    let alias = |level: &'static str| {
        [
            "inspect-bybit-l2",
            "--root",
            "sim",
            "--symbol",
            "BTCUSDT",
            "--date",
            "2024-01-01",
            "--level",
            level,
            "--json",
        ]
    };
    let answer = run(dir.path(), &alias("500")).code(0).json();
    let written = std::fs::read(dir.path().join("bybit_l2_inspect.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), answer);
    let book = &answer["book"];
    assert_eq!(book["bybit"]["u_contiguous"], true);
    assert_eq!(book["bybit"]["seq_monotone"], true);
    assert_eq!(book["crossed"], 0);
    let sum = |name: &str| book[name].as_u64().unwrap();
    assert!(sum("snapshots") >= 1);
    assert_eq!(sum("messages"), sum("snapshots") + sum("deltas"));
    std::fs::remove_file(dir.path().join("bybit_l2_inspect.json")).unwrap();
    run(dir.path(), &alias("200"))
        .code(2)
        .says(&["no book of BTCUSDT", "2024-01-01_BTCUSDT_ob200.data.zip"]);
    assert!(!dir.path().join("bybit_l2_inspect.json").exists());
}

#[test]
fn recorded_sessions() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(path) = shared("recordings/binance/um/btcusdt_20240808.gz") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(
            (&found["market"], &found["symbol"]),
            (&"um".into(), &"BTCUSDT".into())
        );
        assert_eq!(count(&found, "depth"), 6_551);
        assert_eq!(count(&found, "trade"), 21_313);
        assert_eq!(count(&found, "bookTicker"), 66_089);
        assert_eq!(count(&found, "REST image"), 1);
        assert_eq!(found["lines"], 93_954);
        // The recorder's clock runs 1.27 s behind.
        let lag = found["receive_lag_ms"]["median"].as_f64().unwrap();
        assert!((-1_300.0..-1_200.0).contains(&lag), "{lag}");
        assert_eq!(table(&found, "book_ticker")["rows"], 66_089);
    }
    if let Some(path) = shared("recordings/binance/spot/btcusdt_20240808.gz") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(found["market"], "spot");
        assert_eq!(count(&found, "REST image"), 1);
    }
    if let Some(path) = shared("recordings/okx/OKX.jsonl.zst") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(found["exchange"], "okx");
        assert_eq!(count(&found, "books"), 290);
        let books = found["channels"].as_array().unwrap();
        assert_eq!(books.iter().filter(|c| c["channel"] == "books").count(), 3);
    }
    if let Some(path) = shared("recordings/bybit/BYBIT.jsonl.zst") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(found["exchange"], "bybit");
        assert!(count(&found, "orderbook.200") > 414);
    }
    if let Some(path) = shared("recordings/hyperliquid/btcusd_20250126.gz") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(
            (&found["exchange"], &found["symbol"]),
            (&"hyperliquid".into(), &"BTC".into())
        );
    }
}

#[test]
fn recorded_archives() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(root) = shared("archives/bybit") {
        let book = root.join("orderbook/linear/BTCUSDT/2026-08-09_BTCUSDT_ob200.data.zip");
        let found = look(dir.path(), &book.to_string_lossy());
        assert_eq!(found["book"]["messages"], 414);
        assert_eq!(found["book"]["bybit"]["u_contiguous"], true);
        let trades = root.join("trading/BTCUSDT/BTCUSDT2026-08-09.csv.gz");
        let found = look(dir.path(), &trades.to_string_lossy());
        assert_eq!(
            (&found["market"], &found["symbol"]),
            (&"linear".into(), &"BTCUSDT".into())
        );
        assert_eq!(table(&found, "trades")["time_unit"], "seconds");
    }
    if let Some(root) = shared("archives/okx/match/orderbook/L2/400lv/daily/20220513") {
        let mut messages = 0;
        for entry in std::fs::read_dir(root).unwrap() {
            let found = look(dir.path(), &entry.unwrap().path().to_string_lossy());
            messages += found["book"]["messages"].as_u64().unwrap();
        }
        assert_eq!(messages, 290);
    }
    if let Some(root) = shared("archives/binance/data") {
        for (path, market, rows) in [
            (
                "futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-08-08.zip",
                "um",
                21_313,
            ),
            (
                "futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-08-08.zip",
                "um",
                66_088,
            ),
        ] {
            let found = look(dir.path(), &root.join(path).to_string_lossy());
            assert_eq!(found["market"], market);
            assert_eq!(found["tables"][0]["rows_in"], rows, "{path}");
        }
    }
    if let Some(path) = shared("klines/btc-perp-20211231-20220201_1m.csv") {
        let found = look(dir.path(), &path.to_string_lossy());
        assert_eq!(found["tables"][0]["rows"], 45_031);
        assert_eq!(found["tables"][0]["n_gaps"], 0);
    }
}
