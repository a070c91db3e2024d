//! `build-bars` with microstructure: every column from a simulated archive with a book, what is up to date, what is stale,
//! that days, threads and histories do not change a bit.

use std::path::Path;

use quant_core::bars::STAT_COLUMNS;
use serde_json::Value;

use crate::support::{
    Frame, HEADER, agg_rows, contents, data_file, ingest_args, listing, manifest, put_text, run,
    text,
};

const DAYS: [&str; 3] = ["2024-01-01", "2024-01-02", "2024-01-03"];

/// Ingests three simulated days: archives, and the book of a recording that goes on from day to day.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let synth = "synth -q --days 3 --start 2024-01-01 --out world --set trades_per_day=2000 --set quotes_per_day=1500 \
        --book-cadence-ms 100 --datasets trades,book_ticker,depth_bands,funding,metrics,mark_klines,index_klines,premium_klines,l2_deltas";
    run(dir.path(), &synth.split_whitespace().collect::<Vec<_>>()).code(0);
    let base =
        "build-dataset -q --json --exchange sim-binance --market um --symbol BTCUSDT --lake lake";
    for more in [
        "--source vision --root world --start 2024-01-01 --end 2024-01-04 \
         --datasets trades,book_ticker,depth_bands,funding,metrics,mark_klines,index_klines,premium_klines",
        "--source recording --input world/recordings/binance/um --datasets l2_deltas",
    ] {
        let args = format!("{base} {more}");
        run(dir.path(), &args.split_whitespace().collect::<Vec<_>>()).code(0);
    }
    dir
}

fn build(dir: &Path, more: &[&str]) -> Value {
    let mut args = vec!["build-bars", "--json", "--config"];
    args.push(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml"));
    for set in [
        "paths.lake=lake",
        "ingest.source=lake",
        "run.start=2024-01-01",
        "run.end=2024-01-04",
        "run.warmup_days=0",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    run(dir, &args).code(0).json()[0].clone()
}

fn bar_set(report: &Value) -> String {
    let id = report["bar_set"].as_str().unwrap();
    format!("bars/sim-binance/um/BTCUSDT/{id}")
}

#[test]
fn every_statistic_of_a_simulated_day_is_there_and_is_made_again_bit_by_bit() {
    let dir = bench();
    let lake = dir.path().join("lake");
    let report = build(dir.path(), &[]);
    assert_eq!(
        (&report["built"], &report["current"]),
        (&3.into(), &0.into())
    );
    let set = bar_set(&report);
    for day in DAYS {
        let bars = Frame::read(&data_file(&lake, &set, day));
        assert_eq!(bars.rows(), 1_440);
        for name in STAT_COLUMNS {
            let known = bars.f64(name).into_iter().flatten().count();
            // There are no forced orders, and the first day has none before it to size buckets by.
            let is_absent =
                name.starts_with("liq_") || (name.starts_with("vpin_") && day == DAYS[0]);
            assert_eq!(known == 0, is_absent, "{name} of {day}: {known}");
        }
        let told = |name: &str, what: &str| {
            let column = bars.text(name);
            assert!(column.iter().all(|t| t.as_deref() == Some(what)), "{name}");
        };
        told("quote_source", "book_ticker");
        told("book_source", "l2_deltas");
        // The recording goes on over midnight: only its first day has a snapshot, and later ones open with the book.
        let openings = set.replace("bars/", "openings/");
        let opening = Frame::read(&data_file(&lake, &openings, day)).text("kind");
        let has = |kind: &str| opening.iter().any(|k| k.as_deref() == Some(kind));
        for kind in [
            "book_bid",
            "book_ask",
            "book_id",
            "last_quote",
            "last_trade",
            "mark",
            "oi",
        ] {
            assert_eq!(has(kind), day != DAYS[0], "{kind} of {day}");
        }
        // Settled at 00:00: known before the minute that begins then.
        assert!(has("funding"), "{day}");
    }
    let names: Vec<String> = manifest(&lake, &set)["partitions"][1]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap().to_owned())
        .collect();
    let of = |what: &str| names.iter().filter(|n| n.contains(what)).count();
    assert_eq!(
        (of("openings/"), of("/l2_deltas/"), of("/funding/")),
        (1, 1, 2),
        "{names:?}"
    );

    // Nothing to do, nothing written.
    let (before, hashes) = (listing(&lake), contents(&lake, &set));
    let again = build(dir.path(), &["--jobs", "1"]);
    assert_eq!((&again["built"], &again["current"]), (&0.into(), &3.into()));
    assert_eq!(listing(&lake), before);
    // Threads, and which days are built beside it, change nothing.
    for more in [
        &["--force", "--jobs", "1"][..],
        &["--force", "--jobs", "2"],
        &[
            "--force",
            "--set",
            "run.start=2024-01-02",
            "--set",
            "run.end=2024-01-03",
        ],
    ] {
        assert_ne!(build(dir.path(), more)["built"], 0);
        assert_eq!(contents(&lake, &set), hashes, "{more:?}");
    }
    // A set without statistics has its own folder, and neither makes the other stale.
    let plain = build(dir.path(), &["--set", "bars.microstructure=null"]);
    assert_eq!(plain["built"], 3);
    assert_eq!(build(dir.path(), &[])["current"], 3);
    let bars = Frame::read(&data_file(&lake, &bar_set(&plain), DAYS[1]));
    let with = Frame::read(&data_file(&lake, &set, DAYS[1]));
    for name in ["open", "close", "volume", "buy_volume"] {
        assert_eq!(bars.f64(name), with.f64(name), "{name}");
    }
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);

    // A state dataset that goes away takes its columns, and only the days that read it.
    std::fs::remove_dir_all(lake.join("raw/sim-binance/um/BTCUSDT/mark_klines")).unwrap();
    assert_eq!(build(dir.path(), &[])["built"], 3);
    let without = Frame::read(&data_file(&lake, &set, DAYS[1]));
    assert!(without.f64("mark").iter().all(Option::is_none));
    assert_eq!(without.f64("index"), with.f64("index"));
}

#[test]
fn a_changed_day_makes_stale_whoever_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let days = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"];
    let put = |day: &str, first_id, n| {
        let rows = agg_rows(day, first_id, n);
        put_text(&dir.path().join("archive"), day, &text(HEADER, &rows));
    };
    for (day, first_id) in days.iter().zip((1..).step_by(10_000)) {
        put(day, first_id, 1_000);
    }
    let ingest = ingest_args(days[0], "2024-01-05");
    run(dir.path(), &ingest).code(0);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/binance_btcusdt.yaml");
    let build = || {
        let sets = "--set paths.lake=lake --set run.start=2024-01-01 --set run.end=2024-01-05 --set run.warmup_days=0";
        let mut args = vec!["build-bars", "--json", "--config", config];
        args.extend(sets.split(' '));
        run(dir.path(), &args).code(0).json()[0].clone()
    };
    let report = build();
    assert_eq!(report["built"], 4);
    let set = format!(
        "bars/binance/um/BTCUSDT/{}",
        report["bar_set"].as_str().unwrap()
    );
    let lake = dir.path().join("lake");
    let before = contents(&lake, &set);
    // Volumes of the second day size the buckets of all days after it.
    put(days[1], 10_001, 1_300);
    run(dir.path(), &ingest).code(0);
    let report = build();
    assert_eq!(
        (&report["built"], &report["current"]),
        (&3.into(), &1.into())
    );
    let after = contents(&lake, &set);
    let changed: Vec<bool> = days.iter().map(|d| after[*d] != before[*d]).collect();
    assert_eq!(changed, [false, true, true, true]);
    assert_eq!(build()["current"], 4);
}
