//! `run-all` end to end on a small simulated market: what it leaves behind, what it answers from the cache, what its
//! numbers add up to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{Frame, Ran, command, copy_dir, listing, read_json, run};

const CONFIG: &str = concat!(
    "extends: ",
    env!("CARGO_MANIFEST_DIR"),
    "/configs/default.yaml\n",
    "run: {start: 2024-01-10, end: 2024-01-12, warmup_days: 1}\n",
    "ingest: {synth: {trades_per_day: 12000, quotes_per_day: 20000}}\n",
    "features: {realized_vol_median_days: 1}\n",
    // A minute has 1.4 trades on average, so that a fifth of them is empty.
    "gates: {min_coverage: 0.5}\n",
);
const RUN_START: i64 = 1_704_844_800_000_000;
const RUN_END: i64 = 1_705_017_600_000_000;
const START_EQUITY: f64 = 100_000.0;
const LATENCY_US: i64 = 150_000;
const VARIANTS: [&str; 2] = ["baseline", "baseline_zero_cost"];

/// A finished run; no test writes into it.
fn finished() -> (&'static Path, &'static Value) {
    static RUN: OnceLock<(tempfile::TempDir, Value)> = OnceLock::new();
    let (dir, answer) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("run.yaml"), CONFIG).unwrap();
        let answer = run_all(dir.path(), &[]).code(0).json();
        (dir, answer)
    });
    (dir.path(), answer)
}

/// A copy of the finished run, to be changed.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(finished().0, dir.path());
    dir
}

fn run_all(dir: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["run-all", "--config", "run.yaml", "--json"];
    args.extend(more);
    run(dir, &args)
}

fn run_dir(dir: &Path, answer: &Value) -> PathBuf {
    dir.join(answer["dir"].as_str().unwrap())
}

fn frame(name: &str) -> Frame {
    let (dir, answer) = finished();
    Frame::read(&run_dir(dir, answer).join(name))
}

#[test]
fn every_promised_file_is_there() {
    let (dir, answer) = finished();
    assert_eq!(answer["cache_hit"], false);
    let folder = run_dir(dir, answer);
    let names: Vec<String> = listing(&folder).into_keys().collect();
    let expected = [
        "config.yaml",
        "data_gap_report.json",
        "entries_5m.parquet",
        "equity_baseline.parquet",
        "equity_baseline_zero_cost.parquet",
        "feature_health_report.json",
        "metrics.json",
        "pipeline_health.json",
        "report.md",
        "run.json",
        "timing.json",
        "trades_baseline.parquet",
        "trades_baseline_zero_cost.parquet",
    ];
    assert_eq!(names, expected);
    let runs: Vec<String> = listing(&dir.join("artifacts/runs"))
        .into_keys()
        .filter(|n| n.ends_with('/'))
        .collect();
    assert_eq!(runs, [format!("{}/", answer["run_id"].as_str().unwrap())]);
    let report = std::fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(report.contains("SIMULATED"));
    let record = read_json(&folder.join("run.json"));
    assert_eq!(record["run_id"], answer["run_id"]);
    assert_eq!(record["simulated"], true);
    // What it lists is what is there.
    let mut hashes = listing(&folder);
    hashes.retain(|name, _| name != "run.json" && name != "timing.json");
    let listed: BTreeMap<String, String> =
        serde_json::from_value(record["artifacts"].clone()).unwrap();
    assert_eq!(listed, hashes);
    run(dir, &["verify", "--lake", "data"]).code(0);
}

/// Calls `look` with every object of a JSON value.
fn each_object(value: &Value, look: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            look(map);
            map.values().for_each(|v| each_object(v, look));
        }
        Value::Array(items) => items.iter().for_each(|v| each_object(v, look)),
        _ => {}
    }
}

#[test]
fn no_number_is_missing_without_a_reason() {
    let (dir, answer) = finished();
    let folder = run_dir(dir, answer);
    let mut n = 0;
    for name in [
        "data_gap_report.json",
        "feature_health_report.json",
        "metrics.json",
        "pipeline_health.json",
        "run.json",
    ] {
        // The parser refuses NaN and infinity.
        each_object(&read_json(&folder.join(name)), &mut |map| {
            for (key, _) in map.iter().filter(|(_, v)| v.is_null()) {
                let allowed = match key.as_str() {
                    "value" => map["reason"].is_string(),
                    key if map.get("undefined").is_some_and(|u| u[key].is_string()) => true,
                    "reason" => map["value"].is_number(),
                    // Not every statistic has more to tell; not every drawdown has ended.
                    "detail" | "ts_recovered" => name == "metrics.json",
                    // Only a trend has a direction.
                    "direction" => map["state"] != "trend",
                    // The state at a midnight, where no entry came before it.
                    "last_long" | "last_short" => map.len() == 2,
                    _ => false,
                };
                assert!(allowed, "{name}: `{key}` is null in {map:?}");
            }
            if map.contains_key("reason") {
                n += 1;
                assert!(map["n"].is_u64(), "a statistic names its sample: {map:?}");
            }
        });
    }
    assert!(n > 30, "{n} statistics");
    for variant in VARIANTS {
        let equity = frame(&format!("equity_{variant}.parquet"));
        for column in ["equity", "cash", "position_value", "fees", "funding"] {
            assert!(
                equity
                    .f64(column)
                    .iter()
                    .all(|v| v.is_some_and(f64::is_finite))
            );
        }
    }
    for (name, columns) in [
        (
            "entries_5m.parquet",
            &["ref_price", "width", "stop", "target"][..],
        ),
        (
            "trades_baseline.parquet",
            &["px_entry", "px_exit", "pnl_net", "fees"],
        ),
    ] {
        let frame = frame(name);
        for column in columns {
            assert!(
                frame
                    .f64(column)
                    .iter()
                    .all(|v| v.is_some_and(f64::is_finite))
            );
        }
    }
}

#[test]
fn the_account_adds_up() {
    for variant in VARIANTS {
        let trades = frame(&format!("trades_{variant}.parquet"));
        let equity = frame(&format!("equity_{variant}.parquet"));
        assert!(
            trades.rows() > 5,
            "{variant}: too few trades to say anything"
        );
        let column = |name: &str| -> Vec<f64> { trades.f64(name).into_iter().flatten().collect() };
        let net = column("pnl_net");
        let last = *equity.f64("equity").last().unwrap();
        let sum = START_EQUITY + net.iter().sum::<f64>();
        assert!(
            (sum - last.unwrap()).abs() < 1e-6,
            "{variant}: {sum} is not {last:?}"
        );
        let (gross, slippage) = (column("pnl_gross"), column("slippage_cost"));
        let (fees, funding) = (column("fees"), column("funding"));
        for i in 0..trades.rows() {
            let rest = gross[i] - slippage[i] - fees[i] - funding[i] - net[i];
            assert!(rest.abs() < 1e-9, "{variant}: {rest}");
        }
        let costs: f64 = fees.iter().chain(&slippage).sum();
        assert_eq!(costs > 0.0, variant == "baseline", "{costs}");
        // Every five minutes one point, the last at the end with nothing open.
        let ts = equity.ts("ts");
        assert!(ts.windows(2).all(|w| w[1] - w[0] == 300_000_000));
        assert_eq!(*ts.last().unwrap(), RUN_END);
        assert!((equity.f64("position_value").last().unwrap().unwrap()).abs() < 1e-9);
    }
}

#[test]
fn nothing_fills_before_its_order_arrives_or_outside_the_range() {
    for variant in VARIANTS {
        let trades = frame(&format!("trades_{variant}.parquet"));
        let decision = trades.ts("ts_decision");
        let (entry, exit) = (trades.ts("ts_entry"), trades.ts("ts_exit"));
        let known = trades.ts("ts_known");
        for i in 0..trades.rows() {
            assert!(entry[i] >= decision[i] + LATENCY_US);
            assert!(decision[i] >= RUN_START && entry[i] < RUN_END);
            assert!(exit[i] >= entry[i] && exit[i] <= RUN_END);
            assert!(known[i] >= exit[i] && known[i] <= RUN_END);
        }
    }
    let entries = frame("entries_5m.parquet");
    let (close, decision) = (entries.ts("bar_close"), entries.ts("ts_decision"));
    for (close, decision) in close.into_iter().zip(decision) {
        // Bars end on whole five minutes and are decided a watermark later.
        assert_eq!(close % 300_000_000, 0);
        assert_eq!(decision, close + 250_000);
        assert!(close > RUN_START && close <= RUN_END);
    }
}

#[test]
fn every_accepted_candidate_is_traded_or_unfilled() {
    let (dir, answer) = finished();
    let entries = frame("entries_5m.parquet");
    let accepted = entries.bool("accepted");
    let (ids, reasons) = (entries.text("id"), entries.text("reason"));
    let mut ordered = Vec::new();
    for i in 0..entries.rows() {
        assert!(
            accepted[i] || reasons[i].is_some(),
            "a rejection has a reason"
        );
        if accepted[i] && reasons[i].is_none() {
            ordered.push(ids[i].clone());
        }
    }
    let health = read_json(&run_dir(dir, answer).join("pipeline_health.json"));
    let backtest = health["backtest"].as_array().unwrap();
    for (variant, health) in VARIANTS.iter().zip(backtest) {
        assert_eq!(health["name"], *variant);
        let traded = frame(&format!("trades_{variant}.parquet")).text("id");
        assert!(traded.iter().all(|id| ordered.contains(id)));
        let mut unique = traded.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), traded.len());
        assert_eq!(health["trades"], traded.len());
        assert_eq!(health["unfilled"], ordered.len() - traded.len());
    }
}

#[test]
fn the_health_of_features_agrees_with_the_pipelines() {
    let (dir, answer) = finished();
    let folder = run_dir(dir, answer);
    let report = read_json(&folder.join("feature_health_report.json"));
    let features = read_json(&folder.join("pipeline_health.json"))["features"].clone();
    assert_eq!(report["feature_set"], features["feature_set"]);
    let columns = report["columns"].as_array().unwrap();
    assert_eq!(columns.len(), features["valid"].as_object().unwrap().len());
    for column in columns {
        let n = |key: &str| column[key].as_u64().unwrap();
        let name = column["column"].as_str().unwrap();
        assert_eq!(n("rows"), features["minutes"].as_u64().unwrap());
        assert_eq!(
            n("rows") - n("missing"),
            features["valid"][name].as_u64().unwrap()
        );
        let reasons = column["missing_by_reason"].as_object().unwrap();
        let by_reason: u64 = reasons.values().map(|v| v.as_u64().unwrap()).sum();
        assert_eq!(by_reason, n("missing"), "{name}");
        // Nothing is thinned in a short range.
        assert_eq!(n("n_first") + n("n_second") + n("missing"), n("rows"));
        if let [Some(low), Some(p01), Some(p50), Some(p99), Some(high)] =
            ["min", "p01", "p50", "p99", "max"].map(|key| column[key].as_f64())
        {
            assert!(
                low <= p01 && p01 <= p50 && p50 <= p99 && p99 <= high,
                "{name}"
            );
        }
        assert!(
            column["ks"]
                .as_f64()
                .is_none_or(|ks| (0.0..=1.0).contains(&ks))
        );
    }
}

#[test]
fn the_second_run_is_answered_from_the_cache() {
    let dir = copy();
    let before = listing(dir.path());
    let again = run_all(dir.path(), &[]).code(0);
    assert!(again.stderr.contains("cache hit"));
    let answer = again.json();
    assert_eq!(answer["cache_hit"], true);
    assert_eq!(answer["run_id"], finished().1["run_id"]);
    assert_eq!(answer["summary"], finished().1["summary"]);
    assert_eq!(listing(dir.path()), before);
}

#[test]
fn an_altered_artifact_is_not_answered_from_the_cache() {
    let original = listing(&run_dir(finished().0, finished().1));
    for name in ["metrics.json", "trades_baseline.parquet", "report.md"] {
        for delete in [false, true] {
            let dir = copy();
            let folder = run_dir(dir.path(), finished().1);
            let path = folder.join(name);
            if delete {
                std::fs::remove_file(&path).unwrap();
            } else {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[40] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
            let answer = run_all(dir.path(), &[]).code(0).json();
            assert_eq!(answer["cache_hit"], false, "{name}");
            assert_eq!(without_timing(&folder), without_timing_of(&original));
        }
    }
}

fn without_timing_of(listing: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut out = listing.clone();
    assert!(out.remove("timing.json").is_some());
    out
}

fn without_timing(folder: &Path) -> BTreeMap<String, String> {
    without_timing_of(&listing(folder))
}

#[test]
fn the_same_work_gives_the_same_bytes_anywhere() {
    let (dir, answer) = finished();
    let original = without_timing(&run_dir(dir, answer));
    for (jobs, tz, lang) in [
        ("1", "Asia/Tokyo", "de_DE.UTF-8"),
        ("3", "America/New_York", "C"),
    ] {
        let other = tempfile::tempdir().unwrap();
        let cwd = other.path().join("deep/er");
        std::fs::create_dir_all(&cwd).unwrap();
        std::fs::write(cwd.join("mine.yaml"), CONFIG).unwrap();
        for force in [false, true] {
            let mut args = vec!["run-all", "--config", "mine.yaml", "--json", "--jobs", jobs];
            args.extend([
                "--set",
                "paths.lake=../lake",
                "--set",
                "paths.artifacts=../out",
            ]);
            args.extend(force.then_some("--force"));
            let mut command = command(&cwd, &args);
            let ran = Ran::of(command.env("TZ", tz).env("LANG", lang)).code(0);
            let again = ran.json();
            assert_eq!(again["cache_hit"], false);
            assert_eq!(again["run_id"], answer["run_id"]);
            assert_eq!(again["summary"], answer["summary"]);
            assert_eq!(without_timing(&run_dir(&cwd, &again)), original);
        }
    }
}

#[test]
fn what_changes_a_result_changes_the_run_id() {
    let dir = copy();
    let mut ids = vec![finished().1["run_id"].clone()];
    for set in [
        "risk.trade_notional=9000",
        "execution.slippage_bps=1.5",
        "entries.cooldown_bars=7",
        "run.warmup_days=0",
        "ingest.synth.seed=9",
    ] {
        // Refused or not: the id is that of the work.
        let ran = run_all(dir.path(), &["--set", set]);
        assert!([0, 4].contains(&ran.code), "{ran:?}");
        ids.push(ran.json()["run_id"].clone());
    }
    for i in 0..ids.len() {
        assert!(!ids[..i].contains(&ids[i]), "{ids:?}");
    }
    // Places change nothing.
    let args = [
        "--set",
        "paths.artifacts=elsewhere",
        "--set",
        "ingest.keep_sources=true",
    ];
    assert_eq!(run_all(dir.path(), &args).code(0).json()["run_id"], ids[0]);
}

/// The report repeats numbers; it does not have its own.
#[test]
fn the_report_shows_the_metrics_file() {
    let (dir, answer) = finished();
    let folder = run_dir(dir, answer);
    let report = std::fs::read_to_string(folder.join("report.md")).unwrap();
    let metrics = read_json(&folder.join("metrics.json"));
    let mut n = 0;
    for (i, variant) in VARIANTS.iter().enumerate() {
        assert_eq!(metrics[i]["name"], *variant);
        for statistic in metrics[i]["metrics"].as_array().unwrap() {
            let name = statistic["name"].as_str().unwrap();
            let row = report
                .lines()
                .find(|l| l.starts_with(&format!("| {name} |")))
                .unwrap_or_else(|| panic!("`{name}` is not in the report"));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let shown = cells[4 + i];
            match statistic["value"].as_f64() {
                None => assert!(
                    shown.contains(statistic["reason"].as_str().unwrap()),
                    "{row}"
                ),
                Some(value) => {
                    let shown: f64 = shown.parse().unwrap();
                    assert!(
                        (shown - value).abs() <= 1e-4_f64.max(value.abs() * 1e-4),
                        "{row}: {value}"
                    );
                }
            }
            n += 1;
        }
    }
    assert!(n > 30);
}

#[test]
fn a_killed_run_leaves_no_half_run_behind() {
    let (dir, answer) = finished();
    let original = without_timing(&run_dir(dir, answer));
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("run.yaml"), CONFIG).unwrap();
    let runs = other.path().join("artifacts/runs");
    let mut killed = 0;
    for delay_ms in [2, 5, 10, 20, 40, 70, 100, 130] {
        let args = ["run-all", "--config", "run.yaml", "--force"];
        let mut child = command(other.path(), &args)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // What is visible is whole; a name with a dot in front or behind is not.
        for name in listing(&runs).into_keys() {
            if let Some(id) = name.strip_suffix('/').filter(|n| !n.contains('.')) {
                assert_eq!(
                    without_timing(&runs.join(id)),
                    original,
                    "after {delay_ms} ms"
                );
            }
        }
        if other.path().join("data").is_dir() {
            run(other.path(), &["verify", "--lake", "data"]).code(0);
        }
    }
    assert!(killed > 0, "no kill hit a living process");
    let again = run_all(other.path(), &[]).code(0).json();
    assert_eq!(again["run_id"], answer["run_id"]);
    assert_eq!(without_timing(&run_dir(other.path(), &again)), original);
}
