//! A user's own CSV: stamps, units, refusals.

use std::path::Path;

use serde_json::Value;

use crate::support::{Frame, Ran, data_file, listing, manifest, run};
use crate::walk::{Minute, walk, write_config, write_csv};

const SET: &str = "raw/csv/um/BTCUSD/klines_1m";
const FIRST: &str = "2024-03-01";

/// A folder with `bars.csv` of one day and a config that reads it.
fn bench() -> (tempfile::TempDir, Vec<Minute>) {
    let dir = tempfile::tempdir().unwrap();
    let bars = walk(FIRST, 1, None);
    write_csv(&dir.path().join("bars.csv"), &bars);
    write_config(dir.path(), FIRST, "2024-03-02", "");
    (dir, bars)
}

fn ingest(dir: &Path, lake: &str, sets: &[&str]) -> Ran {
    let mut args = vec![
        "build-dataset",
        "--exchange",
        "csv",
        "--market",
        "um",
        "--symbol",
        "BTCUSD",
    ];
    args.extend([
        "--start",
        "2024-02-28",
        "--end",
        "2024-03-04",
        "--source",
        "csv",
    ]);
    args.extend(["--config", "csv.yaml", "--lake", lake, "--json"]);
    for set in sets {
        args.extend(["--set", set]);
    }
    run(dir, &args)
}

fn rows(answer: &Value) -> [u64; 5] {
    [
        "rows_in",
        "written",
        "duplicates",
        "filtered",
        "quarantined",
    ]
    .map(|name| answer["rows"][name].as_u64().unwrap())
}

/// Rewrites `bars.csv` line by line; the header is line 0.
fn edit(dir: &Path, change: impl Fn(usize, &str) -> String) {
    let path = dir.join("bars.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut out = String::new();
    for (i, line) in text.lines().enumerate() {
        out.push_str(&change(i, line));
        out.push('\n');
    }
    std::fs::write(path, out).unwrap();
}

#[test]
fn a_stamp_of_the_close_is_one_minute_later_than_one_of_the_open() {
    let (dir, bars) = bench();
    let at_open: Vec<i64> = bars.iter().map(|b| b.ts_open.0).collect();
    let answer = ingest(dir.path(), "open", &[]).code(0).json();
    assert_eq!(rows(&answer), [1_440, 1_440, 0, 0, 0]);
    let frame = Frame::read(&data_file(&dir.path().join("open"), SET, FIRST));
    assert_eq!(frame.ts("ts_open"), at_open);
    assert!(
        frame
            .ts("ts_close")
            .iter()
            .zip(&at_open)
            .all(|(c, o)| c - o == 60_000_000)
    );

    // The same file, read as closes: the first bar belongs to the day before.
    ingest(dir.path(), "close", &["ingest.csv.stamp=close"]).code(0);
    let lake = dir.path().join("close");
    let before = Frame::read(&data_file(&lake, SET, "2024-02-29"));
    let frame = Frame::read(&data_file(&lake, SET, FIRST));
    let mut shifted = before.ts("ts_open");
    shifted.extend(frame.ts("ts_open"));
    let expected: Vec<i64> = at_open.iter().map(|ts| ts - 60_000_000).collect();
    assert_eq!(shifted, expected);
    let close = |minute: &Minute| {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        Some(minute.close as f64)
    };
    assert_eq!(frame.f64("close")[0], close(&bars[1]));
}

#[test]
fn volume_units() {
    let (dir, bars) = bench();
    ingest(dir.path(), "quote", &[]).code(0);
    ingest(dir.path(), "base", &["ingest.csv.volume_unit=base"]).code(0);
    let frame = |lake: &str| Frame::read(&data_file(&dir.path().join(lake), SET, FIRST));
    let (quote, base) = (frame("quote"), frame("base"));
    let written: Vec<Option<f64>> = bars
        .iter()
        .map(|b| Some(b.volume.to_string().parse().unwrap()))
        .collect();
    // What the file says is kept exactly; what it does not say is derived or missing, never the same number.
    assert_eq!(quote.f64("quote_volume"), written);
    assert_eq!(base.f64("volume"), written);
    assert!(base.f64("quote_volume").iter().all(Option::is_none));
    for (volume, bar) in quote.f64("volume").into_iter().zip(&bars) {
        let mean: f64 = (bar.open + bar.high + bar.low + bar.close)
            .to_string()
            .parse()
            .unwrap();
        let quote: f64 = bar.volume.to_string().parse().unwrap();
        assert!((volume.unwrap() - quote / (mean / 4.0)).abs() < 1e-9);
    }
}

#[test]
fn contracts_of_two_worths_are_refused() {
    let (dir, _) = bench();
    let entry = |from: &str, to: &str, worth: f64| {
        format!(
            "  - {{exchange: csv, market: um, symbol: BTCUSD, valid_from: \"{from}\", valid_to: {to}, tick_size: \"0.1\", \
             lot_size: \"0.001\", min_notional: 0.0, contract_value: {worth}, inverse: false, funding_interval_h: 8, \
             maker_bps: 2.0, taker_bps: 5.0, onboard: null, delist: null, source: test}}\n"
        )
    };
    let put = |change: &str| {
        let before = entry("2020-01-01", &format!("\"{change}\""), 0.01);
        let text = format!("instruments:\n{before}{}", entry(change, "null", 0.1));
        std::fs::write(dir.path().join("terms.yaml"), text).unwrap();
    };
    let sets = [
        "paths.instruments=terms.yaml",
        "ingest.csv.volume_unit=contracts",
    ];
    put("2024-03-01");
    ingest(dir.path(), "lake", &sets).code(2).says(&[
        "0.01 base units and, from 2024-03-01, 0.1 base units",
        "bars.csv",
        "hints",
    ]);
    // Coins are coins, and a change on no day asked for is none.
    ingest(dir.path(), "lake", &sets[..1]).code(0);
    put("2023-03-01");
    ingest(dir.path(), "lake", &sets).code(0);
}

/// Expects a refusal that leaves the lake, which holds the good day, as it was.
#[track_caller]
fn refused(dir: &Path, code: i32, sets: &[&str], words: &[&str]) {
    let before = listing(&dir.join("lake"));
    ingest(dir, "lake", sets)
        .code(code)
        .says(words)
        .says(&["hint"]);
    assert_eq!(listing(&dir.join("lake")), before);
}

#[test]
fn columns_that_are_not_there() {
    let (dir, _) = bench();
    ingest(dir.path(), "lake", &[]).code(0);
    edit(dir.path(), |_, line| {
        line.rsplit_once(',').unwrap().0.to_owned()
    });
    refused(
        dir.path(),
        3,
        &[],
        &["bars.csv", "row 1", "missing [volume]"],
    );
    let (dir, _) = bench();
    ingest(dir.path(), "lake", &[]).code(0);
    edit(dir.path(), |_, line| line.replace("close", "last"));
    refused(
        dir.path(),
        3,
        &[],
        &["bars.csv", "row 1", "missing [close]"],
    );
    // More columns than mapped are the user's business.
    let (dir, _) = bench();
    edit(dir.path(), |i, line| {
        format!("{line},{}", if i == 0 { "note" } else { "x" })
    });
    let answer = ingest(dir.path(), "lake", &[]).code(0).json();
    assert_eq!(rows(&answer), [1_440, 1_440, 0, 0, 0]);
}

#[test]
fn the_wrong_delimiter() {
    let (dir, _) = bench();
    ingest(dir.path(), "lake", &[]).code(0);
    edit(dir.path(), |_, line| line.replace(',', ";"));
    refused(
        dir.path(),
        3,
        &[],
        &["bars.csv", "row 1", "missing [timestamp"],
    );
    let answer = ingest(dir.path(), "other", &["ingest.csv.delimiter=;"])
        .code(0)
        .json();
    assert_eq!(rows(&answer), [1_440, 1_440, 0, 0, 0]);
}

#[test]
fn the_wrong_time_format() {
    let (dir, _) = bench();
    ingest(dir.path(), "lake", &[]).code(0);
    let words = [
        "bars.csv",
        "row 2",
        "column `timestamp`",
        "milliseconds since 1970",
    ];
    refused(dir.path(), 3, &["ingest.csv.time_format=epoch_ms"], &words);
}

#[test]
fn nan_rows_are_quarantined() {
    let (dir, bars) = bench();
    let bad = format!(",{},", bars[6].open);
    edit(dir.path(), |i, line| {
        if i == 7 {
            line.replacen(&bad, ",NaN,", 1)
        } else {
            line.to_owned()
        }
    });
    let answer = ingest(dir.path(), "lake", &[]).code(0).json();
    assert_eq!(rows(&answer), [1_440, 1_439, 0, 0, 1]);
    let lake = dir.path().join("lake");
    let quarantine: Vec<String> = listing(&lake)
        .into_keys()
        .filter(|p| Path::new(p).extension().is_some_and(|e| e == "jsonl"))
        .collect();
    assert_eq!(quarantine.len(), 1);
    let line: Value = serde_json::from_str(
        std::fs::read_to_string(lake.join(&quarantine[0]))
            .unwrap()
            .trim(),
    )
    .unwrap();
    // The header is line 1.
    assert_eq!(
        (&line["line"], &line["file"]),
        (&8.into(), &"bars.csv".into())
    );
    assert!(
        line["reason"]
            .as_str()
            .unwrap()
            .contains("not a finite decimal")
    );
    assert_eq!(
        manifest(&lake, SET)["partitions"][0]["quality"]["quarantined"],
        1
    );
}

#[test]
fn a_price_no_market_has_is_quarantined() {
    let (dir, bars) = bench();
    let bad = format!(",{},", bars[6].open);
    edit(dir.path(), |i, line| {
        if i == 7 {
            line.replacen(&bad, ",1e300,", 1)
        } else {
            line.to_owned()
        }
    });
    let answer = ingest(dir.path(), "lake", &[]).code(0).json();
    assert_eq!(rows(&answer), [1_440, 1_439, 0, 0, 1]);
}

#[test]
fn a_corrected_file_replaces_what_it_said_before() {
    let (dir, bars) = bench();
    let close = |bar: &Minute| format!(",{},", bar.close);
    let was = close(&bars[6]);
    // Up or down: which value is larger must not decide which one is believed.
    for to in [bars[6].low, bars[6].high] {
        write_csv(&dir.path().join("bars.csv"), &bars);
        ingest(dir.path(), "lake", &[]).code(0);
        edit(dir.path(), |i, line| {
            if i == 7 {
                let at = line.rfind(&was).unwrap();
                format!("{},{to},{}", &line[..at], &line[at + was.len()..])
            } else {
                line.to_owned()
            }
        });
        let answer = ingest(dir.path(), "lake", &[]).code(0).json();
        assert_eq!(rows(&answer), [1_440, 1_440, 0, 0, 0]);
        let file = data_file(&dir.path().join("lake"), SET, FIRST);
        let closes = Frame::read(&file).f64("close");
        assert_eq!(closes[6], Some(to.to_string().parse().unwrap()));
    }
}

#[test]
fn no_such_file() {
    let (dir, _) = bench();
    ingest(dir.path(), "lake", &[]).code(0);
    let sets = ["ingest.csv.path=nowhere.csv"];
    refused(
        dir.path(),
        2,
        &sets,
        &["nowhere.csv", "ingest.csv.path=FILE"],
    );
    run(
        dir.path(),
        &["run-all", "--config", "csv.yaml", "--set", sets[0]],
    )
    .code(2)
    .says(&["nowhere.csv", "ingest.csv.path=FILE"]);
}
