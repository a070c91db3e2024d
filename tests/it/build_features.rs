//! `build-features`: what is written, what is up to date, what a changed day makes stale, and that chunks change no bit.

use std::path::Path;

use serde_json::Value;

use crate::support::{
    Frame, HEADER, Ran, agg_rows, contents, copy_dir, data_file, ingest_args, listing, put_text,
    run, text,
};

const DAYS: [&str; 6] = [
    "2024-01-01",
    "2024-01-02",
    "2024-01-03",
    "2024-01-04",
    "2024-01-05",
    "2024-01-06",
];
const END: &str = "2024-01-07";
/// Days of replay of the longest feature as configured below.
const WARMUP: usize = 2;

fn put(root: &Path, day: &str, first_id: u64, rows: u64) {
    let rows = agg_rows(day, first_id, rows);
    put_text(&root.join("archive"), day, &text(HEADER, &rows));
}

/// A folder with six days of trades and their bars.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (day, first_id) in DAYS.iter().zip((1..).step_by(10_000)) {
        put(dir.path(), day, first_id, 1_000);
    }
    run(dir.path(), &ingest_args(DAYS[0], END)).code(0);
    command(dir.path(), "build-bars", &["--json"]).code(0);
    dir
}

fn command(root: &Path, name: &str, more: &[&str]) -> Ran {
    let mut args = vec![name, "--config"];
    args.push(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/configs/binance_btcusdt.yaml"
    ));
    for set in [
        "paths.lake=lake",
        "run.start=2024-01-03",
        "run.end=2024-01-07",
        "run.warmup_days=2",
        "features.realized_vol_median_days=2",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    run(root, &args)
}

fn build(root: &Path, more: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(more);
    command(root, "build-features", &all).code(0).json()
}

fn set_of(report: &Value) -> String {
    let name = |key: &str| report[key].as_str().unwrap().to_owned();
    let set = format!("features/{}/{}", name("universe"), name("feature_set"));
    assert_eq!(name("set"), set);
    set
}

#[test]
fn features_are_written_a_row_per_minute() {
    let dir = bench();
    let report = build(dir.path(), &[]);
    assert_eq!(
        (&report["built"], &report["rows"]),
        (&4.into(), &5_760.into())
    );
    assert_eq!(report["absent"], serde_json::json!([]));
    let lake = dir.path().join("lake");
    let set = set_of(&report);
    let bars = format!(
        "bars/binance/um/BTCUSDT/{}",
        report["bar_set"].as_str().unwrap()
    );
    let mut missing = 0;
    for day in &DAYS[WARMUP..] {
        let features = Frame::read(&data_file(&lake, &set, day));
        let rows = Frame::read(&data_file(&lake, &bars, day));
        assert_eq!(features.rows(), 1_440);
        let (opens, avail) = (features.ts("ts_open"), features.ts("ts_avail"));
        assert_eq!(opens, rows.ts("ts_open"));
        assert_eq!(features.ts("ts_close"), rows.ts("ts_close"));
        assert!(opens.iter().zip(&avail).all(|(o, a)| a - o == 60_250_000));
        // From the definition: bought minus sold over both, of the last 15 minutes.
        let (volume, bought) = (rows.f64("volume"), rows.f64("buy_volume"));
        let sum = |values: &[Option<f64>], m: usize| -> f64 {
            values[m + 1 - 15..=m].iter().map(|v| v.unwrap()).sum()
        };
        let tfi = features.f64("tfi_15");
        for (m, found) in tfi.iter().enumerate().skip(15) {
            let (v, b) = (sum(&volume, m), sum(&bought, m));
            let found = found.unwrap();
            assert!(
                (found - (2.0 * b - v) / v).abs() < 1e-9,
                "{day} {m}: {found}"
            );
        }
        // State runs on over midnight.
        assert!(tfi[0].is_some() && features.f64("ema_12").iter().all(Option::is_some));
        missing += features
            .f64("rv_ratio_120_2d")
            .iter()
            .filter(|v| v.is_none())
            .count();
    }
    let columns = report["columns"].as_array().unwrap();
    let of = |name: &str| columns.iter().find(|c| c["column"] == name).unwrap();
    assert_eq!(of("ema_12")["missing"], 0);
    assert_eq!(of("rv_ratio_120_2d")["missing"], missing);
    let share = of("rv_ratio_120_2d")["share"].as_f64().unwrap();
    assert!((share - missing as f64 / 5_760.0).abs() < 1e-12);
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
    let inspected = run(dir.path(), &["inspect", &format!("lake/{set}"), "--json"]);
    assert_eq!(inspected.code(0).json()["tables"][0]["rows"], 5_760);
}

#[test]
fn chunks_and_starts_change_no_bit() {
    let dir = bench();
    let (one, many, later) = (
        dir.path().join("one"),
        dir.path().join("many"),
        dir.path().join("later"),
    );
    for root in [&one, &many, &later] {
        std::fs::create_dir(root).unwrap();
        copy_dir(&dir.path().join("lake"), &root.join("lake"));
    }
    let set = set_of(&build(&one, &["--jobs", "1"]));
    assert_eq!(set_of(&build(&many, &["--jobs", "4"])), set);
    let expected = contents(&one.join("lake"), &set);
    assert_eq!(expected.len(), 4);
    assert_eq!(contents(&many.join("lake"), &set), expected);
    // The last day alone, then the one before it alone, then what is left.
    for (start, end, built) in [(DAYS[5], END, 1), (DAYS[4], DAYS[5], 1), (DAYS[2], END, 2)] {
        let report = build(&later, &["--start", start, "--end", end, "--jobs", "2"]);
        assert_eq!(report["built"], built);
    }
    assert_eq!(contents(&later.join("lake"), &set), expected);
}

#[test]
fn what_is_up_to_date_is_left_alone_and_a_changed_day_is_not() {
    let dir = bench();
    let set = set_of(&build(dir.path(), &[]));
    let lake = dir.path().join("lake");
    let (before, hashes) = (listing(&lake), contents(&lake, &set));
    let again = command(dir.path(), "build-features", &["--jobs", "1"]).code(0);
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
    assert!(
        again.stdout.contains("0 days built (0 rows), 4 up to date"),
        "{again:?}"
    );
    assert_eq!(listing(&lake), before);
    assert_eq!(build(dir.path(), &["--force"])["built"], 4);
    assert_eq!(contents(&lake, &set), hashes);

    // The fifth day changes, and with it what the sixth opens with and warms up on; the days before know nothing of it.
    put(dir.path(), DAYS[4], 40_001, 1_300);
    run(dir.path(), &ingest_args(DAYS[0], END)).code(0);
    assert_eq!(build(dir.path(), &[])["built"], 0, "bars are what counts");
    command(dir.path(), "build-bars", &["--json"]).code(0);
    let report = build(dir.path(), &[]);
    assert_eq!(
        (&report["built"], &report["current"]),
        (&2.into(), &2.into())
    );
    let after = contents(&lake, &set);
    for (i, day) in DAYS.iter().enumerate().skip(WARMUP) {
        assert_eq!(after[*day] == hashes[*day], i < 4, "{day}");
    }
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn bars_that_were_not_built_are_asked_for() {
    let dir = bench();
    let lake = dir.path().join("lake");
    std::fs::remove_dir_all(lake.join("bars")).unwrap();
    let refused = command(dir.path(), "build-features", &[]).code(3).says(&[
        "`binance:um:BTCUSDT`: 6 day(s) of 2024-01-01 to 2024-01-06",
        "hint: build them first",
        "quant build-bars",
        "run.warmup_days=2",
    ]);
    assert_eq!(refused.stdout, "");
    assert!(!lake.join("features").exists());
    // A range without anything at all is no silent success either.
    command(dir.path(), "build-bars", &["--json"]).code(0);
    command(
        dir.path(),
        "build-features",
        &["--start", "2024-03-01", "--end", "2024-03-02"],
    )
    .code(3)
    .says(&["none of `binance:um:BTCUSDT`", "build-bars"]);
}

#[test]
fn an_altered_partition_is_found_and_made_anew() {
    let dir = bench();
    let set = set_of(&build(dir.path(), &[]));
    let lake = dir.path().join("lake");
    let hashes = contents(&lake, &set);
    let file = data_file(&lake, &set, DAYS[3]);
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    run(dir.path(), &["verify", "--lake", "lake"])
        .code(3)
        .says(&["build-features"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(build(dir.path(), &[])["built"], 1);
    assert_eq!(contents(&lake, &set), hashes);
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
}
