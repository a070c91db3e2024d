//! Tests of places in the lake and the names that are refused.

use super::*;

fn key() -> DatasetKey {
    DatasetKey {
        instrument: InstrumentKey {
            exchange: "sim-binance".parse().unwrap(),
            market: "um".parse().unwrap(),
            symbol: "BTCUSDT".parse().unwrap(),
        },
        dataset: Dataset::AggTrades,
    }
}

#[test]
fn paths_follow_the_documented_tree() {
    let lake = Lake::new("data");
    let spec = PartitionSetSpec::raw(&key(), 50);
    assert!(spec.simulated);
    assert_eq!(
        lake.day_dir(&spec, "2024-01-02".parse().unwrap())
            .join(part_file(0)),
        Path::new("data/raw/sim-binance/um/BTCUSDT/agg_trades/date=2024-01-02/part-000.parquet")
    );
    assert_eq!(
        lake.manifest_path(&spec),
        Path::new("data/raw/sim-binance/um/BTCUSDT/agg_trades/manifest.json")
    );
    assert_eq!(
        lake.lock_path(&spec),
        Path::new("data/.locks/raw/sim-binance/um/BTCUSDT/agg_trades.lock")
    );
}

#[test]
fn folders_of_symbols_are_portable_and_name_their_symbol() {
    for (symbol, folder) in [
        ("BTCUSDT", "BTCUSDT"),
        ("BTC-USDT-SWAP", "BTC-USDT-SWAP"),
        ("币安人生USDT", "币安人生USDT"),
        ("@107", "@107"),
        ("xyz:TSLA", "xyz%3ATSLA"),
    ] {
        let symbol: Symbol = symbol.parse().unwrap();
        assert_eq!(symbol_folder(&symbol), folder);
        assert_eq!(parse_symbol_folder(folder), Ok(symbol));
        // What no folder of Windows or of a shell's pattern may hold.
        assert!(!folder.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*', ' ', '.']));
    }
    for other in [
        "xyz:TSLA",
        "xyz%3aTSLA",
        "xyz%3A",
        "%3A",
        "C%3ATSLA",
        "xyz%3A..",
        "..",
        "",
    ] {
        assert!(parse_symbol_folder(other).is_err(), "{other}");
    }
}

#[test]
fn sets_of_a_symbol_with_a_colon_are_found_where_they_are_made() {
    let mut key = key();
    key.instrument.exchange = "sim-hyperliquid".parse().unwrap();
    key.instrument.symbol = "xyz:TSLA".parse().unwrap();
    let spec = PartitionSetSpec::raw(&key, 50);
    assert_eq!(spec.dir, "raw/sim-hyperliquid/um/xyz%3ATSLA/agg_trades");
    let names: Vec<&str> = spec.dir.split('/').collect();
    assert_eq!(crate::verify::spec_of_dir(&names, 50), Ok(spec));
}

#[test]
fn part_names_are_exact() {
    assert_eq!(parse_part_file("part-000.parquet"), Some(0));
    assert_eq!(parse_part_file("part-1000.parquet"), Some(1000));
    for bad in [
        "part-0.parquet",
        "part-0001.parquet",
        "../part-000.parquet",
        "part-+01.parquet",
        "part-000.parquet.tmp-1-2",
        "part-99999999999.parquet",
        "",
        "part-000.parquet/",
    ] {
        assert_eq!(parse_part_file(bad), None, "{bad}");
    }
}

#[test]
fn source_paths_take_hashes_only() {
    let lake = Lake::new("data");
    assert!(lake.source_path(&"a".repeat(64)).is_ok());
    for bad in ["../../etc/passwd", "", &"A".repeat(64), &"a".repeat(63)] {
        assert!(lake.source_path(bad).is_err(), "{bad}");
    }
    assert!(check_set_id("0af3_minute-1").is_ok());
    assert!(
        check_set_id("..").is_err() && check_set_id("a/b").is_err() && check_set_id("").is_err()
    );
}

#[test]
fn day_folders_round_trip() {
    let day: Day = "2024-02-29".parse().unwrap();
    assert_eq!(parse_day_folder(&day_folder(day)), Some(day));
    assert_eq!(parse_day_folder("date=2023-02-29"), None);
}
