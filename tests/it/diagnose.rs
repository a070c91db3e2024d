//! `diagnose-microstructure`: what it writes, that it is the same for any number of threads, and that it finds a planted edge
//! and none in a market without.
//!
//! `RUN_SLOW_TESTS=1` runs 50 null worlds instead of 3, and more planted ones.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, listing, run};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml");

fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some_and(|v| v == "1")
}

/// Diagnoses `days` days of a thin simulated market.
fn diagnose(cwd: &Path, profile: &str, seed: u64, days: u8, more: &[&str]) -> Ran {
    let sets = [
        format!("paths.lake=lake-{profile}-{seed}"),
        "paths.artifacts=artifacts".to_owned(),
        "run.start=2024-01-02".to_owned(),
        format!("run.end=2024-01-{:02}", 2 + days),
        "run.warmup_days=1".to_owned(),
        "ingest.datasets=[trades,book_ticker]".to_owned(),
        "ingest.synth.trades_per_day=5000".to_owned(),
        "ingest.synth.quotes_per_day=15000".to_owned(),
        format!("ingest.synth.profile={}", quoted(profile)),
        format!("ingest.synth.seed={seed}"),
        "features.tfi_minutes=5".to_owned(),
        "features.realized_vol_median_days=1".to_owned(),
    ];
    let mut args = vec!["diagnose-microstructure", "--config", CONFIG, "--json"];
    for set in &sets {
        args.extend(["--set", set]);
    }
    args.extend(more);
    run(cwd, &args)
}

/// `null` is a word of YAML.
fn quoted(profile: &str) -> String {
    format!("\"{profile}\"")
}

fn column<'a>(report: &'a Value, name: &str) -> &'a Value {
    let columns = report["columns"].as_array().unwrap();
    columns.iter().find(|c| c["name"] == name).unwrap()
}

/// Columns of flow, by prefix: `ofi` as soon as the minute rows or the feature set have it, `tfi` always.
fn flow_columns(report: &Value) -> Vec<&Value> {
    // Sizes and counts are no direction.
    let is_flow = |name: &str| {
        (name.starts_with("ofi") || name.starts_with("tfi"))
            && !name.ends_with("_events")
            && !name.ends_with("_depth")
    };
    let columns = report["columns"].as_array().unwrap();
    let found: Vec<&Value> = columns
        .iter()
        .filter(|c| is_flow(c["name"].as_str().unwrap()))
        .collect();
    assert!(!found.is_empty());
    found
}

/// Returns the horizon at which a drift of half-life 10 minutes, known exactly, correlates most with the return over it:
/// the drift of the next h minutes is `(1 - p^h) / (1 - p)` times today's, the noise grows with the root of h.
fn planted_peak(horizons: &[f64]) -> f64 {
    let p = 0.5_f64.powf(0.1);
    let signal = |h: f64| (1.0 - p.powf(h)) / h.sqrt();
    horizons
        .iter()
        .copied()
        .max_by(|a, b| signal(*a).total_cmp(&signal(*b)))
        .unwrap()
}

#[test]
fn a_report_is_whole_and_the_same_for_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let one = diagnose(dir.path(), "mixed", 3, 1, &["--jobs", "1", "--out", "one"]).code(0);
    let report = one.json();
    diagnose(
        dir.path(),
        "mixed",
        3,
        1,
        &["--jobs", "3", "--out", "three"],
    )
    .code(0);
    let (first, second) = (
        listing(&dir.path().join("one")),
        listing(&dir.path().join("three")),
    );
    assert_eq!(first, second);
    for file in [
        "microstructure.json",
        "microstructure.md",
        "plots/correlation.svg",
        "plots/ic_tfi_5.svg",
        "plots/histogram_tfi_5.svg",
        "plots/days_tfi_5.svg",
    ] {
        assert!(first.contains_key(file), "{file} is not among {first:#?}");
    }
    assert_eq!(report["simulated"], true);
    assert_eq!(
        (&report["minutes"], &report["masked_minutes"]),
        (&1_440.into(), &0.into())
    );
    let columns = report["columns"].as_array().unwrap();
    let tested = columns
        .iter()
        .flat_map(|c| c["ic"].as_array().unwrap())
        .filter(|ic| ic["rank"]["p"].is_f64());
    assert_eq!(report["tests"]["n"], tested.count());
    untested_columns_say_why(&report);
    let text = std::fs::read_to_string(dir.path().join("one/microstructure.md")).unwrap();
    for words in [
        "not tested: price level",
        "coefficients have no test: ",
        "`~`: not tested",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let tfi = column(&report, "tfi_5");
    let d = &tfi["distribution"];
    let quantiles: Vec<f64> = ["q01", "q05", "q25", "q50", "q75", "q95", "q99"]
        .iter()
        .map(|q| d[q].as_f64().unwrap())
        .collect();
    assert!(quantiles.is_sorted() && quantiles[0] >= -1.0 && quantiles[6] <= 1.0);
    for ic in tfi["ic"].as_array().unwrap() {
        let n = 1_440 - ic["horizon_minutes"].as_u64().unwrap();
        assert!(ic["n"].as_u64().unwrap() <= n);
        let at = |key: &str| ic["rank"][key].as_f64().unwrap();
        assert!(
            at("ci_low") <= at("value") && at("value") <= at("ci_high"),
            "{ic}"
        );
        assert!(at("p") <= ic["p_bh"].as_f64().unwrap() + 1e-12);
        assert!(ic["p_bh"].as_f64().unwrap() <= ic["p_holm"].as_f64().unwrap() + 1e-12);
    }
    let matrix = report["cross_correlation"]["rank"].as_array().unwrap();
    for (i, row) in matrix.iter().enumerate() {
        // A column that never moves goes with nothing, not even itself.
        let own = row[i].as_f64();
        assert!(own.is_none_or(|r| (r - 1.0).abs() < 1e-12), "{row:#?}");
        for k in 0..matrix.len() {
            assert_eq!(row[k], matrix[k][i]);
        }
    }
    // A window of ten seconds is quiet or not; its price moves with the flow.
    let ofi = &report["ofi_regression"];
    assert_eq!(ofi["source"], "book_ticker");
    assert_eq!(ofi["totals"]["n_blocks"], 48);
    assert!(ofi["totals"]["mean_r2"].as_f64().unwrap() > 0.2, "{ofi:#}");
    assert!(ofi["totals"]["pooled"]["slope"].as_f64().unwrap() > 0.0);

    // Another seed changes intervals and nothing else; a folder that holds a chart of another report loses it.
    std::fs::write(dir.path().join("three/plots/old.svg"), "").unwrap();
    let other = diagnose(
        dir.path(),
        "mixed",
        3,
        1,
        &["--seed", "2", "--out", "three"],
    )
    .code(0)
    .json();
    assert!(!dir.path().join("three/plots/old.svg").exists());
    let other = column(&other, "tfi_5");
    let (a, b) = (&tfi["ic"][2]["rank"], &other["ic"][2]["rank"]);
    assert_eq!((&a["value"], &a["p"]), (&b["value"], &b["p"]));
    assert_ne!(a["ci_low"], b["ci_low"]);
}

/// A coefficient has a p-value, or says why not and stands outside of the family; levels of the price never have one.
fn untested_columns_say_why(report: &Value) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for column in report["columns"].as_array().unwrap() {
        let is_level = column["is_price_level"].as_bool().unwrap();
        for ic in column["ic"].as_array().unwrap() {
            let rank = &ic["rank"];
            if rank["value"].is_null() {
                continue;
            }
            let Some(why) = rank["untested"].as_str() else {
                assert!(rank["p"].is_f64() && ic["p_holm"].is_f64(), "{ic}");
                assert!(
                    rank["n_effective"].as_f64().unwrap() >= 30.0 && !is_level,
                    "{ic}"
                );
                continue;
            };
            assert!(
                rank["p"].is_null() && rank["t"].is_null() && ic["p_bh"].is_null(),
                "{ic}"
            );
            assert_eq!(is_level, why == "price_level", "{}", column["name"]);
            if why == "persistent" {
                assert!(rank["n_effective"].as_f64().unwrap() < 30.0, "{ic}");
            }
            *counts.entry(why).or_default() += 1;
        }
    }
    for (why, n) in &counts {
        assert_eq!(report["tests"]["untested"][*why], *n, "{why}");
    }
    assert!(
        counts["price_level"] > 0 && counts["persistent"] > 0,
        "{counts:?}"
    );
    for name in ["mid_close", "wmid_tw", "session_vwap", "ema_12"] {
        assert_eq!(column(report, name)["is_price_level"], true, "{name}");
    }
    for name in ["spread_tw", "flow_y", "atr_14", "tfi_5"] {
        assert_eq!(column(report, name)["is_price_level"], false, "{name}");
    }
}

#[test]
fn what_cannot_be_diagnosed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (args, words) in [
        (["--horizons", "5,1"], "--horizons is [5, 1]"),
        (["--replicates", "3"], "--replicates is 3"),
        (["--end", "2023-01-01"], "run."),
    ] {
        diagnose(dir.path(), "null", 1, 1, &args)
            .code(2)
            .says(&[words]);
    }
    diagnose(dir.path(), "null", 1, 1, &["--set", "ingest.source=lake"])
        .code(3)
        .says(&["the lake holds nothing to build bars of `sim-binance:um:BTCUSDT` from"]);
}

#[test]
fn a_planted_edge_is_found_at_its_horizon() {
    let horizons = [1.0, 5.0, 15.0, 30.0, 60.0, 240.0];
    let planted = planted_peak(&horizons);
    assert!((planted - 15.0).abs() < 1e-9);
    let seeds: u64 = if is_slow() { 10 } else { 1 };
    // Worlds, those significant after adjustment, those with the peak exactly there; by column.
    let mut counts: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for seed in 1..=seeds {
        let dir = tempfile::tempdir().unwrap();
        let report = diagnose(dir.path(), "planted_flow", seed, 3, &[])
            .code(0)
            .json();
        for column in flow_columns(&report) {
            let ics = column["ic"].as_array().unwrap();
            let at = ics.iter().find(|ic| ic["horizon_minutes"] == 15).unwrap();
            let decay = &column["decay"];
            println!(
                "seed {seed} {}: IC at 15 {} (p {}, BH {}), peak at {} ({}), half-life {}",
                column["name"],
                at["rank"]["value"],
                at["rank"]["p"],
                at["p_bh"],
                decay["peak_horizon_minutes"],
                decay["peak_ic"],
                decay["half_life_minutes"]
            );
            assert!(
                at["rank"]["value"].as_f64().unwrap() > 0.0,
                "seed {seed}: {at}"
            );
            assert!(
                at["rank"]["p"].as_f64().unwrap() <= 0.05,
                "seed {seed}: {at}"
            );
            let peak = decay["peak_horizon_minutes"].as_f64().unwrap();
            // The curve is flat around its peak: a neighbour may win by luck.
            assert!((5.0..=30.0).contains(&peak), "seed {seed}: {decay}");
            let name = column["name"].as_str().unwrap().to_owned();
            let count = counts.entry(name).or_default();
            count[0] += 1;
            count[1] += u64::from(at["p_bh"].as_f64().unwrap() <= 0.05);
            count[2] += u64::from((peak - planted).abs() < 1e-9);
        }
    }
    for (name, [worlds, significant, exact]) in counts {
        assert!(
            10 * significant >= 8 * worlds,
            "{name}: {significant} of {worlds}"
        );
        assert!(2 * exact >= worlds, "{name}: {exact} of {worlds}");
    }
}

/// Returns the smallest and largest count of `n` at probability `p` whose tails beyond are at most 0.05 % each.
fn binomial_bounds(n: u64, p: f64) -> (u64, u64) {
    let mut mass = (1.0 - p).powf(n as f64);
    let (mut below, mut low, mut high) = (0.0, 0, n);
    for k in 0..=n {
        if below <= 0.0005 {
            low = k;
        }
        below += mass;
        if 1.0 - below <= 0.0005 {
            high = k;
            break;
        }
        mass *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
    }
    (low, high)
}

#[test]
fn a_market_without_an_edge_is_rejected_as_often_as_said() {
    assert_eq!(binomial_bounds(50, 0.05), (0, 9));
    let seeds: u64 = if is_slow() { 50 } else { 3 };
    let mut counts: BTreeMap<(String, u64), u64> = BTreeMap::new();
    let (mut n_family, mut n_rejected) = (0_u64, 0_u64);
    for seed in 1..=seeds {
        let dir = tempfile::tempdir().unwrap();
        let args = ["--replicates", "20"];
        let report = diagnose(dir.path(), "null", seed, 2, &args).code(0).json();
        let all = report["columns"].as_array().unwrap().iter();
        for p in all
            .flat_map(|c| c["ic"].as_array().unwrap())
            .filter_map(|ic| ic["rank"]["p"].as_f64())
        {
            n_family += 1;
            n_rejected += u64::from(p <= 0.05);
        }
        for column in flow_columns(&report) {
            for ic in column["ic"].as_array().unwrap() {
                let key = (
                    column["name"].as_str().unwrap().to_owned(),
                    ic["horizon_minutes"].as_u64().unwrap(),
                );
                let is_rejected = ic["rank"]["p"].as_f64().unwrap() <= 0.05;
                *counts.entry(key).or_default() += u64::from(is_rejected);
            }
        }
    }
    println!("rejections of {seeds} null worlds at 5 %: {counts:?}");
    // Columns of a world are not independent: three worlds say little.
    let share = n_rejected as f64 / n_family as f64;
    println!("of the whole family: {n_rejected} of {n_family}");
    assert!(share <= if is_slow() { 0.07 } else { 0.12 }, "{share}");
    let (low, high) = binomial_bounds(seeds, 0.05);
    for (key, count) in &counts {
        assert!(
            (low..=high).contains(count),
            "{key:?}: {count} of {seeds}, expected {low} to {high}"
        );
    }
}
