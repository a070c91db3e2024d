//! `build-bars`: conservation, what is up to date and what a changed day makes stale.

use serde_json::Value;

use crate::support::{
    AGG_SET, Frame, HEADER, agg_rows, contents, data_file, ingest_args, listing, put_text, run,
    text,
};

const DAYS: [&str; 4] = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"];
const END: &str = "2024-01-05";

/// A folder with four ingested days.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (day, first_id) in DAYS.iter().zip((1..).step_by(10_000)) {
        // Fewer trades than minutes: some minutes are empty.
        put(&dir, day, first_id, 1_000);
    }
    run(dir.path(), &ingest_args(DAYS[0], END)).code(0);
    dir
}

fn put(dir: &tempfile::TempDir, day: &str, first_id: u64, rows: u64) {
    let rows = agg_rows(day, first_id, rows);
    put_text(&dir.path().join("archive"), day, &text(HEADER, &rows));
}

fn build(dir: &tempfile::TempDir, more: &[&str]) -> Value {
    let mut args = vec!["build-bars", "--json", "--config"];
    args.push(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/configs/binance_btcusdt.yaml"
    ));
    for set in [
        "paths.lake=lake",
        "run.start=2024-01-01",
        "run.end=2024-01-05",
        "run.warmup_days=0",
        // Statistics have their own lineage and tests: `micro_bars`.
        "bars.microstructure=null",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    run(dir.path(), &args).code(0).json()[0].clone()
}

fn bar_set(report: &Value) -> String {
    format!(
        "bars/binance/um/BTCUSDT/{}",
        report["bar_set"].as_str().unwrap()
    )
}

#[test]
fn bars_conserve_what_was_traded() {
    let dir = bench();
    let report = build(&dir, &[]);
    assert_eq!(
        (&report["built"], &report["current"]),
        (&4.into(), &0.into())
    );
    let lake = dir.path().join("lake");
    for day in DAYS {
        let trades = Frame::read(&data_file(&lake, AGG_SET, day));
        let bars = Frame::read(&data_file(&lake, &bar_set(&report), day));
        assert_eq!(bars.rows(), 1_440);
        let sum = |frame: &Frame, name: &str| frame.f64(name).into_iter().flatten().sum::<f64>();
        assert!((sum(&trades, "qty") - sum(&bars, "volume")).abs() < 1e-9);
        let (bought, traded) = (sum(&bars, "buy_volume"), sum(&bars, "volume"));
        assert!(bought > 0.0 && bought < traded);
        let filled = bars.bool("is_filled").into_iter().filter(|f| *f).count();
        // 1,000 trades 86.4 s apart: no minute has two.
        assert_eq!(filled, 440);
        let opens = bars.ts("ts_open");
        assert!(opens.windows(2).all(|w| w[1] - w[0] == 60_000_000));
    }
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn what_is_up_to_date_is_left_alone() {
    let dir = bench();
    let set = bar_set(&build(&dir, &[]));
    let lake = dir.path().join("lake");
    let (before, hashes) = (listing(&lake), contents(&lake, &set));
    let again = build(&dir, &["--jobs", "1"]);
    assert_eq!((&again["built"], &again["current"]), (&0.into(), &4.into()));
    assert_eq!(listing(&lake), before);
    let forced = build(&dir, &["--force", "--jobs", "3"]);
    assert_eq!(forced["built"], 4);
    assert_eq!(contents(&lake, &set), hashes);
}

#[test]
fn an_empty_better_source_does_not_hide_a_full_one() {
    let dir = bench();
    let name = format!("BTCUSDT-trades-{}", DAYS[1]);
    let folder = dir
        .path()
        .join("archive/data/futures/um/daily/trades/BTCUSDT");
    std::fs::create_dir_all(&folder).unwrap();
    let header = b"id,price,qty,quote_qty,time,is_buyer_maker\n";
    let zip = crate::support::zip_of(&[(&format!("{name}.csv"), header)]);
    let path = folder.join(format!("{name}.zip"));
    std::fs::write(&path, &zip).unwrap();
    let line = format!("{}  {name}.zip\n", crate::support::sha256(&zip));
    std::fs::write(crate::support::checksum_path(&path), line).unwrap();
    let mut args = ingest_args(DAYS[1], DAYS[2]);
    let at = args.iter().position(|a| *a == "agg_trades").unwrap();
    args[at] = "trades";
    run(dir.path(), &args).code(0);
    let report = build(&dir, &[]);
    assert_eq!(report["sources"]["agg_trades"], 4, "{report}");
}

#[test]
fn a_changed_day_makes_its_bars_and_the_next_days_stale() {
    let dir = bench();
    let set = bar_set(&build(&dir, &[]));
    let lake = dir.path().join("lake");
    let before = contents(&lake, &set);
    // The venue replaced the file of the second day.
    put(&dir, DAYS[1], 10_001, 1_300);
    let answer = run(dir.path(), &ingest_args(DAYS[0], END)).code(0).json();
    let status: Vec<&Value> = answer["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["status"])
        .collect();
    assert_eq!(status, ["current", "written", "current", "current"]);
    let report = build(&dir, &[]);
    assert_eq!(
        (&report["built"], &report["current"]),
        (&2.into(), &2.into())
    );
    let after = contents(&lake, &set);
    assert_eq!(
        (&after[DAYS[0]], &after[DAYS[3]]),
        (&before[DAYS[0]], &before[DAYS[3]])
    );
    assert_ne!(after[DAYS[1]], before[DAYS[1]]);

    // The same as a lake that never held the old file.
    let fresh = tempfile::tempdir().unwrap();
    crate::support::copy_dir(&dir.path().join("archive"), &fresh.path().join("archive"));
    run(fresh.path(), &ingest_args(DAYS[0], END)).code(0);
    build(&fresh, &[]);
    assert_eq!(contents(&fresh.path().join("lake"), &set), after);
    assert_eq!(
        contents(&fresh.path().join("lake"), AGG_SET),
        contents(&lake, AGG_SET)
    );
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
}
