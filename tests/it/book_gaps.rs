//! A book that was not known for a while is no good data: recordings with one message removed, without an image, crossed, cut off.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::run;

const DAY_MS: i64 = 1_719_878_400_000;
const RECORDING: &str = "btcusdt_20240702.gz";

/// Messages of a day, one every two seconds.
const MESSAGES: i64 = 43_200;

/// Bids and asks of message `i`: the best levels move with every message.
fn levels(i: i64, is_crossed: bool) -> (String, String) {
    let bid = |i: i64| format!("{}.{}", 90_000 + i % 7, i % 9);
    let ask = |i: i64| format!("{}.{}", 90_010 + i % 7, i % 9);
    let side = |px: &dyn Fn(i64) -> String, far: &str| {
        let mut out = format!("[\"{far}\",\"2\"],[\"{}\",\"1.{i}\"]", px(i));
        if i > 0 && px(i - 1) != px(i) {
            write!(out, ",[\"{}\",\"0\"]", px(i - 1)).unwrap();
        }
        out
    };
    let far_ask = if is_crossed { "89000" } else { "91000" };
    (side(&bid, "89500"), side(&ask, far_ask))
}

/// Lines of a recording of Binance's futures: an image, then a chain of updates.
fn lines(is_crossed: impl Fn(i64) -> bool) -> Vec<String> {
    let at = |i: i64| DAY_MS + i * 2_000 + 100;
    let (bids, asks) = levels(0, false);
    let mut out = vec![format!(
        "{}000000 {{\"lastUpdateId\":15,\"E\":{t},\"T\":{t},\"bids\":[{bids}],\"asks\":[{asks}]}}\n",
        at(0),
        t = at(0)
    )];
    for i in 1..MESSAGES {
        let (bids, asks) = levels(i, is_crossed(i));
        let (first, last, prev) = (i * 10 + 1, i * 10 + 10, i * 10);
        out.push(format!(
            "{t}000000 {{\"stream\":\"btcusdt@depth@0ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{t},\"T\":{t},\
             \"s\":\"BTCUSDT\",\"U\":{first},\"u\":{last},\"pu\":{prev},\"b\":[{bids}],\"a\":[{asks}]}}}}\n",
            t = at(i)
        ));
    }
    out
}

/// Ingests a recording and returns what `check-data` says of it.
fn checked(lines: &[String], code: i32) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let cwd: &Path = dir.path();
    let file = std::fs::File::create(cwd.join(RECORDING)).unwrap();
    let mut gz = GzEncoder::new(file, Compression::fast());
    for line in lines {
        gz.write_all(line.as_bytes()).unwrap();
    }
    gz.finish().unwrap();
    let words = |text: &'static str| -> Vec<&'static str> { text.split_whitespace().collect() };
    let mut args = words(
        "build-dataset --exchange binance --market um --symbol BTCUSDT --source recording --lake lake --datasets \
         l2_deltas,l2_snapshots --input",
    );
    args.push(RECORDING);
    run(cwd, &args).code(0);
    let check = "check-data --lake lake --exchange binance --market um --symbol BTCUSDT --json";
    let answer = run(cwd, &words(check)).code(code).json();
    assert_eq!(answer["ok"], code == 0, "{answer}");
    let mut args = words(check);
    args.extend(["--min-coverage", "0.99"]);
    let strict = run(cwd, &args).code(code).json();
    assert_eq!(strict["findings"], answer["findings"]);
    strict
}

/// Failed detectors with their dataset.
fn failures(answer: &Value) -> BTreeSet<(String, String)> {
    let text = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|f| f["severity"] == "fail")
        .map(|f| (text(f, "dataset"), text(f, "detector")))
        .collect()
}

fn set<const N: usize>(of: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    of.into_iter()
        .map(|(dataset, detector)| (dataset.to_owned(), detector.to_owned()))
        .collect()
}

#[test]
fn a_book_that_breaks_off_fails() {
    let clean = lines(|_| false);
    let answer = checked(&clean, 0);
    assert_eq!(answer["findings"], serde_json::json!([]));
    let images = |answer: &Value| {
        let all = answer["coverage"].as_array().unwrap().clone();
        let of = all.into_iter().find(|c| c["dataset"] == "l2_snapshots");
        let of = of.unwrap();
        (of["covered"].as_u64(), of["expected"].as_u64())
    };
    assert_eq!(images(&answer), (Some(1_440), Some(1_440)));

    // One message of the middle of the day is missing: there is no other image to begin again with.
    let mut broken = clean.clone();
    broken.remove(20_000);
    let answer = checked(&broken, 3);
    assert_eq!(
        failures(&answer),
        set([
            ("l2_deltas", "book_gap"),
            ("l2_snapshots", "book_gap"),
            ("l2_snapshots", "image_gap")
        ])
    );
    let (covered, expected) = images(&answer);
    assert!(
        covered.unwrap() < 680 && expected == Some(1_440),
        "{answer}"
    );
    assert_eq!(answer["below"].as_array().unwrap().len(), 1);

    // It ends at noon.
    let answer = checked(&clean[..21_600], 3);
    assert_eq!(failures(&answer), set([("l2_snapshots", "image_gap")]));
}

#[test]
fn a_book_that_never_was_or_is_crossed_fails() {
    let clean = lines(|_| false);
    // No image of the venue: no update can be applied.
    let answer = checked(&clean[1..], 3);
    assert_eq!(
        failures(&answer),
        set([("l2_deltas", "empty_day"), ("l2_snapshots", "empty_day")])
    );
    // An ask far below the bids, from the first message on, and from the tenth hour on.
    let answer = checked(&lines(|_| true), 3);
    assert!(
        failures(&answer).contains(&("l2_snapshots".to_owned(), "image_gap".to_owned()))
            || failures(&answer).contains(&("l2_snapshots".to_owned(), "empty_day".to_owned())),
        "{answer}"
    );
    let answer = checked(&lines(|i| i > 18_000), 3);
    assert_eq!(
        failures(&answer),
        set([
            ("l2_snapshots", "image_gap"),
            ("l2_snapshots", "images_missing")
        ])
    );
}

#[test]
fn a_lake_that_holds_nothing_is_not_ok() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lake")).unwrap();
    let mut args: Vec<&str> =
        "check-data --lake lake --exchange binance --market um --symbol BTCUSDT --start 2024-07-02 --end 2024-07-03 --json"
            .split_whitespace()
            .collect();
    run(dir.path(), &args)
        .code(3)
        .says(&["holds nothing of", "fetch it with"]);
    // What was named is missing day by day.
    args.extend(["--datasets", "trades"]);
    let answer = run(dir.path(), &args).code(3).json();
    assert_eq!(failures(&answer), set([("trades", "absent_day")]));
}

/// Images deeper than the usual fifty levels, beside days of fewer: sound to whoever looks.
#[test]
fn images_of_any_depth_are_verified() {
    let dir = tempfile::tempdir().unwrap();
    let cwd: &Path = dir.path();
    let text: String = lines(|_| false)[..2_000].concat();
    std::fs::write(cwd.join("btcusdt_20240702.jsonl"), text).unwrap();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let go = |text: &str| {
        let args: Vec<String> = words(text);
        run(cwd, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for levels in [60, 400, 5] {
        go(&format!(
            "build-dataset --exchange binance --market um --symbol BTCUSDT --source recording --lake lake --datasets \
             l2_snapshots --input btcusdt_20240702.jsonl --book-levels {levels}"
        ))
        .code(0);
        go("verify --lake lake").code(0);
        let set = "lake/raw/binance/um/BTCUSDT/l2_snapshots";
        let seen = go(&format!("inspect {set}")).code(0);
        assert!(!seen.stdout.contains("FAILED"), "{levels}: {}", seen.stdout);
    }
}
