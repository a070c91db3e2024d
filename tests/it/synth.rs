//! `quant synth`: worlds of several instruments and venues, recordings, defects, and what it refuses.

use std::path::Path;

use crate::support::{Ran, listing, read_json, run};

/// A market of few events: these tests are about files.
const QUIET_MARKET: [&str; 4] = [
    "--set",
    "trades_per_day=1000",
    "--set",
    "quotes_per_day=3000",
];

fn synth(dir: &Path, args: &[&str]) -> Ran {
    let mut all = vec!["synth", "--days", "1"];
    all.extend(QUIET_MARKET);
    all.extend(args);
    run(dir, &all)
}

#[test]
fn what_cannot_be_simulated_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &[&str]); 16] = [
        (
            &["--profile", "moon"],
            &["unknown profile `moon`", "planted_hazard"],
        ),
        (&["--look", "gold"], &["unknown look", "btc, alt"]),
        (&["--days", "0"], &["0 days"]),
        (&["--set", "branching=1.0"], &["branching", "explodes"]),
        (&["--set", "tick_size=0"], &["tick_size"]),
        (&["--set", "lot_size=-1"], &["lot_size"]),
        (&["--set", "daily_volatility=nan"], &["daily_volatility"]),
        (&["--set", "color=red"], &["no such parameter"]),
        (
            &["--set", "ETHUSDT.branching=0.5"],
            &["no instrument has this symbol"],
        ),
        (&["--market", "cm"], &["market `cm`", "um, spot"]),
        (
            &["--exchange", "deepcoin"],
            &["deepcoin", "binance, bybit, okx"],
        ),
        (
            &["--instruments", "um:BTCUSDT:btc,um:BTCUSDT:alt"],
            &["named twice"],
        ),
        (&["--defects", "moths=0.5"], &["moths", "gap"]),
        (
            &["--datasets", "liquidations"],
            &["liquidations", "none is written"],
        ),
        (
            &["--datasets", "l2_snapshots", "--book-levels", "0"],
            &["0 levels", "5, 10 or 20"],
        ),
        (&["--defects", "gap=1.5"], &["gap", "1.5"]),
    ];
    for (args, words) in cases {
        let mut args = args.to_vec();
        args.extend(["--out", "sim"]);
        if args[0] == "--days" {
            let mut all = vec!["synth"];
            all.extend(&args);
            run(dir.path(), &all).code(2).says(words);
        } else {
            synth(dir.path(), &args).code(2).says(words);
        }
        assert!(listing(dir.path()).is_empty(), "{args:?}");
    }
    std::fs::create_dir(dir.path().join("full")).unwrap();
    std::fs::write(dir.path().join("full/mine.txt"), "mine").unwrap();
    synth(dir.path(), &["--out", "full"])
        .code(2)
        .says(&["not empty", "--out"]);
    assert_eq!(listing(dir.path()).len(), 2);
}

#[test]
fn overrides_are_judged_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["--symbol", "1000PEPEUSDT", "--look", "alt", "--out", "sim"];
    for set in [
        "start_price=0.0012",
        "tick_size=0.0000001",
        "lot_size=1",
        "median_qty=9000",
        "touch_qty=900000",
    ] {
        args.extend(["--set", set]);
    }
    synth(dir.path(), &args).code(0);
    let found = listing(&dir.path().join("sim/data"));
    assert!(
        found
            .keys()
            .any(|name| name.contains("trades/1000PEPEUSDT"))
    );
}

#[test]
fn adding_an_instrument_changes_no_other() {
    let dir = tempfile::tempdir().unwrap();
    synth(dir.path(), &["--out", "one"]).code(0);
    let three = "um:BTCUSDT:btc,spot:BTCUSDT:btc,um:SOLUSDT:alt";
    synth(dir.path(), &["--instruments", three, "--out", "three"]).code(0);
    let (one, three) = (
        listing(&dir.path().join("one/data")),
        listing(&dir.path().join("three/data")),
    );
    assert!(one.len() > 20 && three.len() > one.len());
    for (name, hash) in &one {
        assert_eq!(three.get(name), Some(hash), "{name}");
    }
    assert!(
        three
            .keys()
            .any(|name| name.contains("spot/daily/trades/BTCUSDT"))
    );
    assert!(three.keys().any(|name| name.contains("bookTicker/SOLUSDT")));
}

#[test]
fn other_venues_have_their_own_files() {
    let dir = tempfile::tempdir().unwrap();
    for (venue, names) in [
        (
            "bybit",
            &[
                "trading/BTCUSDT/BTCUSDT2024-01-01.csv.gz",
                "orderbook/linear/BTCUSDT/2024-01-01_BTCUSDT_ob500.data.zip",
            ][..],
        ),
        (
            "okx",
            // A UTC day needs two files of UTC+8 days.
            &[
                "cdn/okex/traderecords/trades/daily/20240101/BTC-USDT-SWAP-trades-2024-01-01.zip",
                "cdn/okex/traderecords/trades/daily/20240102/BTC-USDT-SWAP-trades-2024-01-02.zip",
                "cdn/okx/match/orderbook/L2/400lv/daily/20240101/BTC-USDT-SWAP-L2orderbook-400lv-2024-01-01.tar.gz",
            ][..],
        ),
    ] {
        let args = [
            "--exchange",
            venue,
            "--book-cadence-ms",
            "1000",
            "--out",
            venue,
        ];
        synth(dir.path(), &args).code(0);
        let found = listing(&dir.path().join(venue));
        for name in names {
            assert!(found.contains_key(*name), "{name} in {:?}", found.keys());
        }
        assert_eq!(
            read_json(&dir.path().join(venue).join("SIMULATED.json"))["simulated"],
            true
        );
        let truth =
            quant_lake::truth::TruthReader::open(&dir.path().join(venue).join("truth.parquet"));
        let files = truth.unwrap().files().unwrap();
        for name in names {
            assert!(
                files.iter().any(|f| f.path == *name && f.rows > 0),
                "{name}"
            );
        }
    }
}

#[test]
fn truth_knows_every_record() {
    let dir = tempfile::tempdir().unwrap();
    synth(dir.path(), &["--profile", "null", "--out", "sim"]).code(0);
    let truth =
        quant_lake::truth::TruthReader::open(&dir.path().join("sim/truth.parquet")).unwrap();
    let minutes = truth.minutes().unwrap();
    assert_eq!(minutes.len(), 1_440);
    assert!(
        minutes.iter().all(|m| m.truth.edge.to_bits() == 0),
        "a null market has no edge"
    );
    let marker = read_json(&dir.path().join("sim/SIMULATED.json"));
    let written = marker["files"].as_array().unwrap();
    let files = truth.files().unwrap();
    assert_eq!(files.len(), written.len());
    for (file, written) in files.iter().zip(written) {
        assert_eq!(file.path, written["path"].as_str().unwrap());
        assert_eq!(file.rows, written["rows"].as_u64().unwrap());
        let records = truth
            .records(&file.instrument, &file.dataset, file.day)
            .unwrap();
        let mut n = 0;
        for record in records {
            let record = record.unwrap();
            assert_eq!(record.row, n);
            assert!(record.published_at >= record.ts_event, "{}", file.path);
            n += 1;
        }
        assert_eq!(n, file.rows, "{}", file.path);
    }
    let klines = truth
        .records("sim-binance:um:BTCUSDT", "klines_1m", files[0].day)
        .unwrap();
    for record in klines {
        let record = record.unwrap();
        assert_eq!(record.published_at.0 - record.ts_event.0, 60_000_000);
    }
}

#[test]
fn planted_defects_are_listed_and_nothing_else_differs() {
    let dir = tempfile::tempdir().unwrap();
    synth(dir.path(), &["--out", "clean"]).code(0);
    let plan = [
        "--defects",
        "wrong_checksum=0.3,gap=0.3,duplicate=0.2,truncated_archive=0.2",
    ];
    for out in ["bad", "again"] {
        synth(dir.path(), &[&plan[..], &["--out", out]].concat()).code(0);
    }
    let [clean, bad, again] = ["clean", "bad", "again"].map(|out| listing(&dir.path().join(out)));
    assert_eq!(bad, again);
    let list = read_json(&dir.path().join("bad/defects.json"));
    let planted: Vec<&str> = list["defects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        planted.len(),
        10,
        "rates that add up to 1 leave no file clean"
    );
    for (name, hash) in &clean {
        let stem = name.trim_end_matches(".CHECKSUM");
        let touched = ["SIMULATED.json"].contains(&name.as_str()) || planted.contains(&stem);
        if !touched {
            assert_eq!(bad.get(name), Some(hash), "{name}");
        }
    }
    // The truth is that of the clean archive.
    assert_eq!(clean["truth.parquet"], bad["truth.parquet"]);
    let ingest = |root: &str, lake: &str| {
        let mut args = vec![
            "build-dataset",
            "--exchange",
            "sim-binance",
            "--market",
            "um",
        ];
        args.extend([
            "--symbol",
            "BTCUSDT",
            "--start",
            "2024-01-01",
            "--end",
            "2024-01-02",
        ]);
        args.extend([
            "--datasets",
            "klines_1m,agg_trades,trades,book_ticker,metrics",
        ]);
        args.extend(["--root", root, "--lake", lake, "--json"]);
        run(dir.path(), &args)
    };
    ingest("clean", "a").code(0);
    ingest("bad", "b").code(3);
}

#[test]
fn a_recording_holds_a_book_that_can_be_synchronised() {
    let dir = tempfile::tempdir().unwrap();
    for market in ["um", "spot"] {
        let args = [
            "--market",
            market,
            "--datasets",
            "l2_deltas",
            "--book-cadence-ms",
            "500",
            "--out",
            market,
        ];
        synth(dir.path(), &args).code(0);
        let path = format!("{market}/recordings/binance/{market}/btcusdt_20240101.gz");
        let lines = crate::support::gunzip(&dir.path().join(path));
        let (updates, snapshot) = depth_lines(&lines);
        let marks = lines.matches("btcusdt@markPrice@1s").count();
        assert_eq!(marks, if market == "um" { 86_400 } else { 0 });
        let last = snapshot["lastUpdateId"].as_i64().unwrap();
        let mut chain = 0_i64;
        let mut applied = 0;
        for update in &updates {
            let [first, end] = ["U", "u"].map(|k| update["data"][k].as_i64().unwrap());
            // The documented rules: futures chain `pu`, spot chains ids without a hole.
            if market == "um" {
                if end < last {
                    continue;
                }
                let pu = update["data"]["pu"].as_i64().unwrap();
                assert!(if applied == 0 {
                    first <= last && last <= end
                } else {
                    pu == chain
                });
                assert!(
                    applied == 0 || first > pu + 1,
                    "spot's rule must fail on futures"
                );
            } else {
                if end <= last {
                    continue;
                }
                assert!(if applied == 0 {
                    first <= last + 1
                } else {
                    first == chain + 1
                });
            }
            chain = end;
            applied += 1;
        }
        assert!(applied > 100, "{market}: {applied}");
    }
}

/// Returns the depth updates and the REST snapshot of a recording.
fn depth_lines(text: &str) -> (Vec<serde_json::Value>, serde_json::Value) {
    let mut updates = Vec::new();
    let mut snapshot = None;
    for line in text.lines() {
        let (_, json) = line.split_once(' ').unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        if value.get("lastUpdateId").is_some() {
            assert!(snapshot.replace(value).is_none());
        } else if value["stream"].as_str().unwrap().contains("@depth") {
            updates.push(value);
        }
    }
    (updates, snapshot.unwrap())
}
