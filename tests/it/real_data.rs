//! The same commands on recorded market data: `QUANT_SHARED_DATA`, else `../shared/data` beside the workspace. Without
//! it the tests say that they were skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use quant_core::time::{Day, UnixMicros};
use serde_json::Value;

use crate::support::{manifest, read_json, run, sha256};

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let path = root.join(path);
    if !path.exists() {
        eprintln!("skipped: there is no `{}`", path.display());
        return None;
    }
    // The command runs in another folder.
    Some(path.canonicalize().unwrap())
}

/// What an archive holds, counted here without the product's parser.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    rows: u64,
    other_day: u64,
    repeated: u64,
}

fn count(zip: &Path, day: Day, time_column: usize) -> Counted {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    assert_eq!(archive.len(), 1);
    let mut text = String::new();
    archive
        .by_index(0)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let has_header = !text.starts_with(|c: char| c.is_ascii_digit());
    let mut out = Counted::default();
    let mut seen = BTreeSet::new();
    for line in text.lines().skip(usize::from(has_header)) {
        out.rows += 1;
        let ms: i64 = line.split(',').nth(time_column).unwrap().parse().unwrap();
        if UnixMicros(ms * 1_000).day() != day {
            out.other_day += 1;
        } else if !seen.insert(line) {
            out.repeated += 1;
        }
    }
    out
}

/// Ingests the recorded archive and compares every file with what is counted here.
fn check_archive(market: &str, datasets: &[(&str, &str, usize)], expected: [u64; 2]) {
    let Some(root) = shared("archives/binance") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<&str> = datasets.iter().map(|d| d.0).collect();
    let names = names.join(",");
    let mut args = vec![
        "build-dataset",
        "--exchange",
        "binance",
        "--market",
        market,
        "--symbol",
        "BTCUSDT",
    ];
    args.extend([
        "--start",
        "2024-07-18",
        "--end",
        "2024-08-10",
        "--root",
        root.to_str().unwrap(),
    ]);
    args.extend(["--datasets", &names, "--lake", "lake", "--json"]);
    let answer = run(dir.path(), &args).code(0).json();
    let files: BTreeMap<&str, &Value> = answer["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["file"].as_str().unwrap(), f))
        .collect();
    let (mut n_files, mut n_rows) = (0, 0);
    for (dataset, vendor, time_column) in datasets {
        let folder = match market {
            "spot" => "data/spot/daily".to_owned(),
            _ => format!("data/futures/{market}/daily"),
        };
        for day in "2024-07-18".parse::<Day>().unwrap().0.."2024-08-10".parse::<Day>().unwrap().0 {
            let day = Day(day);
            let path = format!("{folder}/{vendor}/BTCUSDT/BTCUSDT-{vendor}-{day}.zip");
            let zip = root.join(&path);
            let Some(file) = files.get(path.as_str()) else {
                panic!("{path} is not reported");
            };
            if !zip.exists() {
                assert_eq!(file["rows"]["rows_in"], 0, "{path}");
                assert!(
                    ["not found", "not published"].contains(&file["status"].as_str().unwrap()),
                    "{file}"
                );
                continue;
            }
            let counted = count(&zip, day, *time_column);
            assert_eq!(file["status"], "written", "{file}");
            let rows = &file["rows"];
            assert_eq!(rows["rows_in"], counted.rows, "{path}");
            assert_eq!(rows["filtered"], counted.other_day, "{path}");
            assert_eq!(rows["duplicates"], counted.repeated, "{path}");
            assert_eq!(rows["quarantined"], 0, "{path}");
            assert_eq!(
                rows["written"],
                counted.rows - counted.other_day - counted.repeated,
                "{path}"
            );

            let set = format!("raw/binance/{market}/BTCUSDT/{dataset}");
            let manifest = manifest(&dir.path().join("lake"), &set);
            let partitions = manifest["partitions"].as_array().unwrap();
            let partition = partitions
                .iter()
                .find(|p| p["date"] == day.to_string())
                .unwrap();
            let source = &partition["sources"][0];
            assert_eq!(source["checksum_verified"], true);
            assert_eq!(source["sha256"], sha256(&std::fs::read(&zip).unwrap()));
            n_files += 1;
            n_rows += counted.rows;
        }
    }
    assert_eq!([n_files, n_rows], expected);
    assert_eq!(answer["rows"]["rows_in"], n_rows);
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn um_trades_and_book_ticker() {
    check_archive(
        "um",
        &[("trades", "trades", 4), ("book_ticker", "bookTicker", 5)],
        [7, 150_363],
    );
}

#[test]
fn spot_trades() {
    check_archive("spot", &[("trades", "trades", 4)], [2, 19_904]);
}

#[test]
fn spot_book_ticker_is_not_published() {
    let Some(root) = shared("archives/binance") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec![
        "build-dataset",
        "--exchange",
        "binance",
        "--market",
        "spot",
        "--symbol",
        "BTCUSDT",
    ];
    args.extend([
        "--start",
        "2024-08-08",
        "--end",
        "2024-08-10",
        "--root",
        root.to_str().unwrap(),
    ]);
    args.extend(["--datasets", "book_ticker", "--lake", "lake", "--json"]);
    let answer = run(dir.path(), &args).code(0).json();
    let files = answer["files"].as_array().unwrap();
    assert!(!files.is_empty());
    for file in files {
        assert_eq!(file["status"], "not published", "{file}");
        assert_ne!(file["detail"], "");
    }
    assert_eq!(answer["rows"]["rows_in"], 0);
    assert!(!dir.path().join("lake/raw").exists());
}

#[test]
fn a_month_of_minutes_from_a_csv() {
    let Some(path) = shared("klines/btc-perp-20211231-20220201_1m.csv") else {
        return;
    };
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    assert_eq!(lines - 1, 45_031);
    let dir = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/csv_klines.yaml");
    let path = format!("ingest.csv.path={}", path.display());
    let answer = run(
        dir.path(),
        &["run-all", "--json", "--config", config, "--set", &path],
    )
    .code(0)
    .says(&["rows in 45031 = written 45031 + duplicate 0 + filtered 0 + quarantined 0"])
    .json();
    let folder = dir.path().join(answer["dir"].as_str().unwrap());
    let coverage = &read_json(&folder.join("data_gap_report.json"))["instruments"]["csv:um:BTCUSD"];
    assert_eq!(coverage["expected"], 44_640);
    assert_eq!(coverage["real"], 44_640);
    assert!(coverage["gaps"].as_array().unwrap().is_empty());
    let gates = read_json(&folder.join("pipeline_health.json"))["gates"].clone();
    let gate = gates
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["name"] == "min_coverage")
        .unwrap()
        .clone();
    assert_eq!(gate["measured"], 1.0);
    let record = read_json(&folder.join("run.json"));
    assert_eq!(
        (&record["simulated"], &record["exit_code"]),
        (&false.into(), &0.into())
    );
    let report = std::fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(!report.contains("SIMULATED") && report.contains("44640"));
    run(dir.path(), &["verify", "--lake", "data"]).code(0);
}
