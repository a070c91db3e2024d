//! `build-bars`: a day is built once, and again when and only when what it was made of changed.

use std::path::Path;

use serde_json::Value;

use crate::support::{
    HEADER, agg_rows, command, contents, data_file, ingest_args, put_text, read_json, run, text,
};

const CONFIG: &str = concat!(
    "extends: ",
    env!("CARGO_MANIFEST_DIR"),
    "/configs/default.yaml\n",
    "run: {start: 2024-01-02, end: 2024-01-04, warmup_days: 0}\n",
    "paths: {lake: lake}\n",
    "instruments: [{exchange: binance, market: um, symbol: BTCUSDT, role: traded}]\n",
    "ingest: {source: lake, datasets: [agg_trades], synth: null}\n",
);
fn build(dir: &Path) -> Value {
    let answer = run(dir, &["build-bars", "--config", "run.yaml", "--json"])
        .code(0)
        .json();
    answer[0].clone()
}

fn ingest(dir: &Path) {
    run(dir, &ingest_args("2024-01-02", "2024-01-04")).code(0);
}

#[test]
fn days_are_rebuilt_by_lineage_and_take_their_opening_from_the_day_before() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("run.yaml"), CONFIG).unwrap();
    let root = dir.join("archive");
    put_text(
        &root,
        "2024-01-02",
        &text(HEADER, &agg_rows("2024-01-02", 1, 50)),
    );
    put_text(
        &root,
        "2024-01-03",
        &text(HEADER, &agg_rows("2024-01-03", 51, 50)),
    );
    ingest(dir);
    let first = build(dir);
    assert_eq!(
        (first["built"].clone(), first["current"].clone()),
        (2.into(), 0.into()),
        "{first}"
    );
    let again = build(dir);
    assert_eq!(
        (again["built"].clone(), again["current"].clone()),
        (0.into(), 2.into()),
        "{again}"
    );

    // Another close of the first day: that day changes, and so does the opening of the next one.
    let set = format!(
        "bars/binance/um/BTCUSDT/{}",
        first["bar_set"].as_str().unwrap()
    );
    let before = contents(&dir.join("lake"), &set);
    put_text(
        &root,
        "2024-01-02",
        &text(HEADER, &agg_rows("2024-01-02", 1, 49)),
    );
    ingest(dir);
    let changed = build(dir);
    assert_eq!(changed["built"], 2, "{changed}");
    let after = contents(&dir.join("lake"), &set);
    assert_ne!(before["2024-01-02"], after["2024-01-02"]);

    // A missing file is made anew, with the same content.
    std::fs::remove_file(data_file(&dir.join("lake"), &set, "2024-01-03")).unwrap();
    assert_eq!(build(dir)["built"], 1);
    assert_eq!(contents(&dir.join("lake"), &set), after);
    let manifest = read_json(&dir.join("lake").join(&set).join("manifest.json"));
    let sources = manifest["partitions"][1]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "the day and its opening: {sources:?}");
}

#[test]
fn nothing_to_build_from_is_said() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("run.yaml"), CONFIG).unwrap();
    let mut none = command(dir.path(), &["build-bars", "--config", "run.yaml"]);
    crate::support::Ran::of(&mut none)
        .code(3)
        .says(&["binance:um:BTCUSDT", "hint:"]);
}
