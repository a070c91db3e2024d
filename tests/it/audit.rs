//! `quant audit`: causality and parity on simulated lakes, planted leaks, wrong lags, nothing to compare, signals and kills.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, command, listing, run};

const ARCHIVE: &str = "klines_1m,trades,book_ticker,depth_bands,funding,metrics,mark_klines,index_klines,premium_klines";

/// What is made: days from 2024-01-01 on, events a day, and whether a book is recorded.
struct World {
    days: u32,
    trades: u32,
    quotes: u32,
    book: bool,
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn bench(world: &World) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (book, cadence) = if world.book {
        (",l2_deltas", "--book-cadence-ms 1000")
    } else {
        ("", "")
    };
    let line = format!(
        "synth -q --days {} --start 2024-01-01 --out world --set trades_per_day={} \
         --set quotes_per_day={} {cadence} --datasets {ARCHIVE}{book}",
        world.days, world.trades, world.quotes
    );
    run(dir.path(), &words(&line)).code(0);
    let base =
        "build-dataset -q --exchange sim-binance --market um --symbol BTCUSDT --lake lake --source";
    let end = world.days + 1;
    let line = format!(
        "{base} vision --root world --start 2024-01-01 --end 2024-01-{end:02} --datasets {ARCHIVE}"
    );
    run(dir.path(), &words(&line)).code(0);
    if world.book {
        let line =
            format!("{base} recording --input world/recordings/binance/um --datasets l2_deltas");
        run(dir.path(), &words(&line)).code(0);
    }
    dir
}

fn args<'a>(what: &'a str, start: &'a str, end: &'a str, more: &'a str) -> Vec<&'a str> {
    let mut out = vec!["audit", what, "--config"];
    out.push(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml"));
    for set in [
        "paths.lake=lake",
        "ingest.source=lake",
        "run.warmup_days=1",
        "features.realized_vol_median_days=1",
        start,
        end,
    ] {
        out.extend(["--set", set]);
    }
    out.extend(more.split_whitespace());
    out
}

/// Audits the second day of a lake of three.
fn audit(dir: &Path, what: &str, more: &str) -> Ran {
    run(
        dir,
        &args(what, "run.start=2024-01-02", "run.end=2024-01-03", more),
    )
}

/// The lake with everything in it, locks left out.
fn lake(dir: &Path) -> BTreeMap<String, String> {
    listing(&dir.join("lake"))
}

fn quick() -> tempfile::TempDir {
    bench(&World {
        days: 3,
        trades: 600,
        quotes: 500,
        book: false,
    })
}

/// Values compared by column, summed over the ways of a parity report that lost nothing.
fn compared(report: &Value) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for way in report["ways"].as_array().unwrap() {
        for pair in way["comparison"]["non_null"].as_array().unwrap() {
            let name = pair[0].as_str().unwrap().to_owned();
            *out.entry(name).or_default() += pair[1].as_u64().unwrap();
        }
    }
    out
}

#[test]
fn nothing_looks_ahead_and_every_planted_leak_is_caught() {
    let dir = quick();
    let before = lake(dir.path());
    let ran = audit(
        dir.path(),
        "causality",
        "--json --allow-empty --every 1000 --random 1 --mutants --truth world/truth.parquet",
    )
    .code(0);
    assert_eq!(lake(dir.path()), before);
    let report = ran.json();
    let product = &report["product"];
    assert_eq!(product["comparison"]["n_differences"], 0);
    assert_eq!(product["instants"], 2);
    assert!(product["rows_touched"].as_u64().unwrap() > 1_000);
    assert!(product["comparison"]["rows"].as_u64().unwrap() > 1_440);
    let mutants = report["mutants"].as_array().unwrap();
    assert_eq!(mutants.len(), 13);
    for row in mutants {
        let (leak, outcome) = (
            row["leak"].as_str().unwrap(),
            row["outcome"].as_str().unwrap(),
        );
        let expected = if leak == "none" {
            "clean, as it must be"
        } else {
            "caught"
        };
        assert_eq!(outcome, expected, "{row}");
        assert_eq!(row["differences"] == 0, leak == "none", "{row}");
    }
    let published = report["published"].as_array().unwrap();
    assert_eq!(published.len(), ARCHIVE.split(',').count());
    for row in published {
        assert_eq!(row["early"], 0, "{row}");
        assert!(row["records"].as_u64().unwrap() > 0);
    }
    assert_eq!(report["without_truth"], serde_json::json!([]));
    let never = report["never_compared"].as_array().unwrap();
    assert!(
        never
            .iter()
            .any(|c| c == "bars sim-binance:um:BTCUSDT/liq_buy")
    );

    // A lag that is too short is none of the pipeline's faults, and fails all the same.
    let early =
        "--every 2000 --random 0 --truth world/truth.parquet --set availability.metrics.lag_ms=0";
    let ran = audit(dir.path(), "causality", early).code(1).says(&[
        "`metrics`",
        "before it was published",
        "availability.metrics.lag_ms",
    ]);
    assert!(
        ran.stdout.contains("1 instants") && ran.stdout.contains("0 differences"),
        "{ran:?}"
    );

    // Columns without a value are a failure unless accepted, as of parity.
    let truth = "--every 2000 --random 0 --truth world/truth.parquet";
    audit(dir.path(), "causality", truth).code(3).says(&[
        "nothing was compared in",
        "liq_buy",
        "--allow-empty",
    ]);
    assert_eq!(lake(dir.path()), before);

    late_quotes_are_waited_for(dir.path());
    truths_that_tell_too_little(dir.path());
    parity_in_every_way(dir.path());
}

/// The lag of every event a row is made of delays the row: nothing of it looks ahead, and the rows are others.
fn late_quotes_are_waited_for(dir: &Path) {
    for (late, ms) in [
        ("book_ticker", 2_000),
        ("depth_bands", 60_000),
        ("trades", 2_000),
    ] {
        let more = format!(
            "--json --allow-empty --every 1000 --random 2 --set availability.{late}.lag_ms={ms} \
             --truth world/truth.parquet"
        );
        let report = audit(dir, "causality", &more).code(0).json();
        let product = &report["product"];
        assert_eq!(product["comparison"]["n_differences"], 0, "{late}");
        assert!(
            product["comparison"]["rows"].as_u64().unwrap() > 1_000,
            "{late}"
        );
    }
}

/// Days of simulated data without a truth are named, and fail unless accepted.
fn truths_that_tell_too_little(dir: &Path) {
    let line = format!(
        "synth -q --days 1 --start 2024-01-01 --out one --set trades_per_day=600 --set quotes_per_day=500 \
         --datasets {ARCHIVE}"
    );
    run(dir, &words(&line)).code(0);
    let plain = "--every 2000 --random 0 --set bars.microstructure=null --set features.extra=[] \
                 --set bars.sources=[klines_1m]";
    for (truth, days) in [
        ("--truth world/truth.parquet", None),
        ("--truth one/truth.parquet", Some("2024-01-02 (")),
        ("", Some("2024-01-01, 2024-01-02 (")),
    ] {
        let ran = audit(dir, "causality", &format!("{plain} {truth} --allow-empty")).code(0);
        let Some(days) = days else {
            assert!(!ran.stdout.contains("not checked"), "{ran:?}");
            continue;
        };
        let said =
            format!("publication times not checked: sim-binance:um:BTCUSDT klines_1m of {days}");
        assert!(ran.stdout.contains(&said), "{ran:?}");
    }
    // Columns come first; without any empty one the missing truth fails by itself.
    let ran = audit(dir, "causality", plain).code(3);
    assert!(
        ran.stderr.contains("nothing was compared in") || ran.stderr.contains("not checked"),
        "{ran:?}"
    );
}

fn parity_in_every_way(dir: &Path) {
    let before = lake(dir);
    let ran = audit(dir, "parity", "--json --allow-empty --max-delay-ms 3000").code(0);
    assert_eq!(lake(dir), before);
    let report = ran.json();
    let ways = report["ways"].as_array().unwrap();
    let names: Vec<&str> = ways.iter().map(|w| w["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stream", "sockets", "last day alone"]);
    for way in ways {
        assert_eq!(way["comparison"]["n_differences"], 0, "{way}");
        assert!(way["comparison"]["rows"].as_u64().unwrap() >= 2_880);
    }
    // Whatever quotes, trades, states and bands tell, both of the features that have no long window.
    let compared = compared(&report);
    for name in [
        "mid_close",
        "spread_tw",
        "ofi",
        "imbalance_tw",
        "vpin_imbalance",
        "flow_xy",
        "rv",
        "vwap",
        "mark",
        "index",
        "premium",
        "funding_rate",
        "open_interest",
        "band_bid",
    ] {
        let n = compared.get(&format!("bars sim-binance:um:BTCUSDT/{name}"));
        assert!(n.is_some_and(|n| *n > 500), "{name}: {n:?}");
    }
    // Columns without a value are a failure unless accepted.
    audit(dir, "parity", "--no-sockets --kills 0")
        .code(3)
        .says(&["nothing was compared in", "liq_buy", "--allow-empty"]);
}

#[test]
fn nothing_to_compare_is_no_success() {
    let dir = tempfile::tempdir().unwrap();
    for what in ["causality", "parity"] {
        // No lake: none is made.
        audit(dir.path(), what, "")
            .code(3)
            .says(&["there is no lake", "paths.lake"]);
        assert!(!dir.path().join("lake").exists());
    }
    std::fs::create_dir(dir.path().join("lake")).unwrap();
    for what in ["causality", "parity"] {
        audit(dir.path(), what, "").code(3).says(&[
            "holds nothing to build bars of `sim-binance:um:BTCUSDT`",
            "ingest the range first",
        ]);
        assert!(lake(dir.path()).is_empty(), "{:?}", lake(dir.path()));
    }
    let mut plain = vec![
        "audit",
        "causality",
        "--mutants",
        "--set",
        "bars.microstructure=null",
    ];
    plain.extend(
        args(
            "causality",
            "run.start=2024-01-02",
            "run.end=2024-01-03",
            "",
        )
        .into_iter()
        .skip(2),
    );
    run(dir.path(), &plain)
        .code(2)
        .says(&["bars.microstructure", "configs/default.yaml"]);
    plain[1] = "parity";
    plain.remove(2);
    run(dir.path(), &plain)
        .code(2)
        .says(&["bars.microstructure", "configs/default.yaml"]);
    let zero = audit(dir.path(), "causality", "--every 0");
    assert!(
        zero.code == 2 && zero.stderr.contains("--every"),
        "{zero:?}"
    );
}

/// Waits until a process works in its scratch folder.
#[cfg(unix)]
fn await_scratch(dir: &Path, inside: &str) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(5) {
        let entries = std::fs::read_dir(dir.join("lake")).unwrap().flatten();
        let scratch = entries.map(|e| e.path()).find(|p| {
            p.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(".tmp-audit-")
        });
        if scratch.is_some_and(|s| s.join(inside).exists()) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[cfg(unix)]
#[test]
fn signals_leave_the_lake_as_it_was() {
    let dir = bench(&World {
        days: 2,
        trades: 600,
        quotes: 500,
        book: false,
    });
    let before = lake(dir.path());
    for (what, more) in [
        ("causality", "--every 1 --random 0"),
        ("parity", "--allow-empty --kills 9"),
    ] {
        let line = args(what, "run.start=2024-01-02", "run.end=2024-01-03", more);
        let child = command(dir.path(), &line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(await_scratch(dir.path(), "base/bars"));
        let kill = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(kill.success());
        let ran = Ran::from_output(child.wait_with_output().unwrap());
        let ran = ran
            .code(130)
            .says(&["interrupted", "an audit keeps nothing"]);
        assert!(!ran.stderr.contains("finished days"), "{ran:?}");
        assert_eq!(lake(dir.path()), before, "{what}");
    }

    // SIGKILL: nothing of the process runs after it, and the next one clears up.
    let line = args(
        "causality",
        "run.start=2024-01-02",
        "run.end=2024-01-03",
        "--every 1 --random 0",
    );
    let mut child = command(dir.path(), &line)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(await_scratch(dir.path(), "base/bars"));
    child.kill().unwrap();
    child.wait().unwrap();
    let left = lake(dir.path());
    assert!(left.keys().any(|name| name.starts_with(".tmp-audit-")));
    run(dir.path(), &["verify", "--lake", "lake"]).code(0);
    audit(
        dir.path(),
        "causality",
        "--allow-empty --every 2000 --random 0",
    )
    .code(0);
    assert_eq!(lake(dir.path()), before);
}

/// Three days of books, quotes, trades and states over two sockets that delay and disconnect, and a SIGKILL in the middle of it:
/// `RUN_SLOW_TESTS=1`.
#[cfg(unix)]
#[test]
fn three_days_with_faults_and_a_kill() {
    if std::env::var("RUN_SLOW_TESTS").is_ok_and(|v| v == "1") {
        let dir = bench(&World {
            days: 4,
            trades: 2_000,
            quotes: 2_000,
            book: true,
        });
        let before = lake(dir.path());
        let (start, end) = ("run.start=2024-01-02", "run.end=2024-01-05");
        let more = "--json --allow-empty --max-delay-ms 2000 --disconnects 6 --down-s 60 --kills 2 \
                    --set features.realized_vol_median_days=2";
        let line = args("parity", start, end, more);

        for inside in ["base/bars", "survivors/bars"] {
            let mut child = command(dir.path(), &line)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            assert!(await_scratch(dir.path(), inside), "{inside}");
            child.kill().unwrap();
            child.wait().unwrap();
            run(dir.path(), &["verify", "--lake", "lake"]).code(0);
        }
        let report = run(dir.path(), &line).code(0).json();
        assert_eq!(lake(dir.path()), before);
        let ways = report["ways"].as_array().unwrap();
        let names: Vec<&str> = ways.iter().map(|w| w["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["stream", "sockets", "last day alone", "later start"]
        );
        for way in ways {
            assert_eq!(way["comparison"]["n_differences"], 0, "{way}");
        }
        let sockets = ways[1]["detail"].as_str().unwrap();
        assert!(!sockets.contains(" 0 of them left out"), "{sockets}");
        // Nobody was forced, and days as quiet as these leave some columns null: most returns are zero, few buckets close.
        let quiet = [
            "/liq_",
            "/rv_ratio_",
            "/jump_",
            "/bipower_",
            "/medrv_",
            "/minrv_",
            "/vpin_pct_",
        ];
        let empty: Vec<String> = (compared(&report).into_iter())
            .filter(|(name, n)| *n == 0 && !quiet.iter().any(|q| name.contains(q)))
            .map(|(name, _)| name)
            .collect();
        assert!(empty.is_empty(), "{empty:?}");

        let more =
            "--json --allow-empty --every 700 --random 3 --mutants --truth world/truth.parquet";
        let report = run(dir.path(), &args("causality", start, end, more))
            .code(0)
            .json();
        assert_eq!(report["product"]["comparison"]["n_differences"], 0);
        for row in report["mutants"].as_array().unwrap() {
            let outcome = row["outcome"].as_str().unwrap();
            assert!(outcome == "caught" || row["leak"] == "none", "{row}");
        }
        assert_eq!(lake(dir.path()), before);
    }
}
