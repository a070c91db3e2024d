//! One identity, one result: what a run is made of decides what it says, and nothing else does.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ran, listing, run};

const CONFIG: &str = concat!(
    "extends: ",
    env!("CARGO_MANIFEST_DIR"),
    "/configs/default.yaml\n",
    "run: {start: 2024-01-10, end: 2024-01-12, warmup_days: 1}\n",
    "ingest: {datasets: [klines_1m, trades], synth: {trades_per_day: 12000, quotes_per_day: 20000}}\n",
    "features: {realized_vol_median_days: 1}\n",
    "gates: {min_coverage: 0.1, min_entries: 0, allow_gaps: true}\n",
);

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("run.yaml"), CONFIG).unwrap();
    dir
}

/// Runs the config over a lake of the folder.
fn run_all(dir: &Path, lake: &str, more: &[&str]) -> Ran {
    let places = [
        format!("paths.lake={lake}"),
        format!("paths.artifacts=artifacts-{lake}"),
    ];
    let mut args = vec!["run-all", "--config", "run.yaml", "--json"];
    for place in &places {
        args.extend(["--set", place]);
    }
    args.extend(more);
    run(dir, &args)
}

/// The simulated archive that a run wrote below its lake.
fn archive(dir: &Path, lake: &str) -> PathBuf {
    let mut found = std::fs::read_dir(dir.join(lake).join("synth")).unwrap();
    found.next().unwrap().unwrap().path()
}

fn ingest(dir: &Path, lake: &str, root: &Path, exchange: &str, end: &str) -> Ran {
    let mut args = vec!["build-dataset", "--exchange", exchange, "--market", "um"];
    args.extend(["--symbol", "BTCUSDT", "--start", "2024-01-09", "--end", end]);
    args.extend(["--root", root.to_str().unwrap(), "--lake", lake, "--json"]);
    run(dir, &args)
}

/// Every file of a run but the one that holds wall times.
fn files(dir: &Path, answer: &Value) -> std::collections::BTreeMap<String, String> {
    let mut files = listing(&dir.join(answer["dir"].as_str().unwrap()));
    assert!(files.remove("timing.json").is_some());
    files
}

#[test]
fn bars_of_a_day_whose_raw_data_is_gone_are_not_used() {
    let dir = folder();
    let dir = dir.path();
    run_all(dir, "a", &[]).code(0);
    let root = archive(dir, "a");
    for dataset in ["klines_1m", "trades"] {
        std::fs::remove_dir_all(dir.join("a/raw/sim-binance/um/BTCUSDT").join(dataset)).unwrap();
    }
    for lake in ["a", "b"] {
        ingest(dir, lake, &root, "sim-binance", "2024-01-11").code(0);
    }
    let from_lake = ["--set", "ingest.source=lake"];
    let (a, b) = (
        run_all(dir, "a", &from_lake).code(0).json(),
        run_all(dir, "b", &from_lake).code(0).json(),
    );
    assert_eq!(a["run_id"], b["run_id"]);
    assert_eq!(files(dir, &a), files(dir, &b));
    let report = a["summary"].as_str().unwrap();
    assert!(
        report.contains("| 2880 |") && report.contains("| 1440 |"),
        "a day is absent: {report}"
    );
}

#[test]
fn a_refusal_reads_the_same_wherever_the_lake_is() {
    let dir = folder();
    let dir = dir.path();
    let from_lake = ["--set", "ingest.source=lake"];
    let (a, b) = (
        run_all(dir, "a", &from_lake).code(4).json(),
        run_all(dir, "b", &from_lake).code(4).json(),
    );
    assert_eq!(a["run_id"], b["run_id"]);
    assert_eq!(files(dir, &a), files(dir, &b));
}

#[test]
fn simulated_archives_are_known_by_whatever_folder_they_are_named() {
    let dir = folder();
    let dir = dir.path();
    run(
        dir,
        &[
            "synth",
            "--days",
            "1",
            "--start",
            "2024-01-09",
            "--set",
            "trades_per_day=1000",
            "--set",
            "quotes_per_day=3000",
            "--out",
            "sim",
            "--quiet",
        ],
    )
    .code(0);
    for root in ["sim", "sim/data", "./sim/../sim/data"] {
        ingest(dir, "real", Path::new(root), "binance", "2024-01-10")
            .code(2)
            .says(&["simulated", "sim-binance"]);
        assert!(!dir.join("real/raw").exists(), "{root}");
    }
    ingest(
        dir,
        "real",
        Path::new("sim/data"),
        "sim-binance",
        "2024-01-10",
    )
    .code(0);
}

#[test]
fn simulated_archives_are_known_over_http_too() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        BufReader::new(stream.try_clone().unwrap())
            .read_line(&mut head)
            .unwrap();
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 19\r\n\r\n{\"simulated\": true}",
            )
            .unwrap();
        head
    });
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["build-dataset", "--exchange", "binance", "--market", "um"];
    args.extend([
        "--symbol",
        "BTCUSDT",
        "--start",
        "2024-01-09",
        "--end",
        "2024-01-10",
    ]);
    args.extend(["--base-url", &url, "--lake", "lake"]);
    run(dir.path(), &args)
        .code(2)
        .says(&["simulated", "--root DIR"]);
    assert!(server.join().unwrap().starts_with("GET /SIMULATED.json "));
    assert!(!dir.path().join("lake/raw").exists());
}

/// A portal answers 200 with a page of its own, whatever is asked for.
#[test]
fn a_page_of_a_portal_is_no_marker_of_the_simulator() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|l| !l.is_empty()))
            {}
            let body = "<html>please log in</html>";
            let n = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let args = format!(
        "build-dataset --exchange binance --market um --symbol BTCUSDT --start 2024-01-09 --end 2024-01-10 --datasets trades \
         --base-url {url} --lake lake"
    );
    let ran = run(dir.path(), &args.split_whitespace().collect::<Vec<_>>())
        .code(3)
        .says(&["CHECKSUM"]);
    assert!(!ran.stderr.contains("simulated"), "{ran:?}");
}

#[test]
fn what_became_of_the_source_rows_is_part_of_the_identity() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    crate::walk::write_csv(
        &dir.join("bars.csv"),
        &crate::walk::walk("2024-01-09", 3, None),
    );
    let text = std::fs::read_to_string(dir.join("bars.csv")).unwrap();
    // The last row twice: the same bars, another story.
    let last = text.lines().last().unwrap();
    std::fs::write(
        dir.join("twice.csv"),
        format!("{}\n{last}\n", text.trim_end()),
    )
    .unwrap();
    let config = crate::walk::write_config(
        dir,
        "2024-01-10",
        "2024-01-12",
        "features: {realized_vol_median_days: 1}\n",
    );
    std::fs::rename(config, dir.join("run.yaml")).unwrap();
    let id = |csv: &str, lake: &str| {
        let path = format!("ingest.csv.path={csv}");
        run_all(dir, lake, &["--set", &path]).json()["run_id"].clone()
    };
    let (once, twice) = (id("bars.csv", "a"), id("twice.csv", "b"));
    assert_ne!(once, twice);
    assert_eq!(once, id("bars.csv", "c"));
}

#[test]
fn a_barrier_within_a_tick_refuses_the_candidate_not_the_run() {
    let dir = folder();
    let dir = dir.path();
    let tight = ["--set", "labeling.triple_barrier.sl_mult=0.01"];
    // The tick is 0.1 and an ATR some tens: a hundredth of it can be below a tick.
    let table = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/configs/instruments.yaml"
    ))
    .unwrap();
    std::fs::write(
        dir.join("instruments.yaml"),
        table.replace("tick_size: \"0.10\"", "tick_size: \"25\""),
    )
    .unwrap();
    let mut more = vec!["--set", "paths.instruments=instruments.yaml"];
    more.extend(tight);
    let answer = run_all(dir, "a", &more).code(0).json();
    let entries = crate::support::Frame::read(
        &dir.join(answer["dir"].as_str().unwrap())
            .join("entries_5m.parquet"),
    );
    let refused = entries
        .text("reason")
        .into_iter()
        .flatten()
        .filter(|r| r.starts_with("barrier:"))
        .count();
    assert!(refused > 0);
}
