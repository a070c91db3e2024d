//! The command line itself: help, streams, exit codes, refusals of arguments and configs.

use std::path::Path;

use crate::bad_archives::{Bench, DAY};
use crate::support::{Ran, ingest_args, listing, manifest, read_json, run};

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml");

/// A command as a user sees it: arguments, exit code and both streams, without what differs by machine.
fn transcript(cwd: &Path, args: &[&str]) -> String {
    let Ran {
        code,
        stdout,
        stderr,
    } = run(cwd, args);
    let clean = |text: &str| {
        text.replace(env!("CARGO_MANIFEST_DIR"), "[root]")
            .replace(&*cwd.to_string_lossy(), "[cwd]")
            .replace("quant.exe", "quant")
            .replace("No such file or directory (os error 2)", "[not found]")
            .replace(
                "The system cannot find the file specified. (os error 2)",
                "[not found]",
            )
    };
    let args = clean(&args.join(" "));
    format!(
        "$ quant {args}\nexit code: {code}\n----- stdout\n{}----- stderr\n{}",
        clean(&stdout),
        clean(&stderr)
    )
}

#[track_caller]
fn snapshot(name: &str, args: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(name, transcript(dir.path(), args));
    assert_eq!(listing(dir.path()).len(), 0, "nothing is written");
}

#[test]
fn help() {
    snapshot("help", &["--help"]);
    for command in [
        "build-dataset",
        "build-bars",
        "build-features",
        "run-all",
        "diagnose-microstructure",
        "verify",
        "inspect",
        "inspect-bybit-l2",
        "check-data",
        "check-updates",
        "universe",
        "features",
        "config",
        "synth",
        "synth-facts",
    ] {
        snapshot(&format!("help_{command}"), &[command, "--help"]);
    }
    for what in ["causality", "parity"] {
        snapshot(&format!("help_audit_{what}"), &["audit", what, "--help"]);
    }
}

#[test]
fn errors_as_a_user_sees_them() {
    snapshot("error_no_command", &[]);
    snapshot("error_unknown_flag", &["verify", "--depth", "3"]);
    snapshot("error_no_config", &["run-all", "--config", "nowhere.yaml"]);
    snapshot("error_no_lake", &["verify", "--lake", "nowhere"]);
    snapshot(
        "error_csv_without_config",
        &with(&ingest_args("2024-01-01", DAY), &["--source", "csv"]),
    );
    snapshot(
        "error_config_rules",
        &[
            "config",
            "check",
            "--config",
            DEFAULT,
            "--set",
            "run.end=2024-01-01",
            "--set",
            "gates.min_coverage=1.5",
            "--set",
            "instruments.0.exchange=binance",
        ],
    );
    snapshot(
        "error_json",
        &[
            "--json",
            "config",
            "check",
            "--config",
            DEFAULT,
            "--set",
            "run.warmup=3",
        ],
    );
}

/// Ingest arguments, without `--json`, changed.
fn with<'a>(args: &[&'a str], change: &[&'a str]) -> Vec<&'a str> {
    let mut out: Vec<&str> = args.iter().copied().filter(|a| *a != "--json").collect();
    match out.iter().position(|a| *a == change[0]) {
        Some(at) => {
            out.splice(at..at + 2, change.iter().copied());
        }
        None => out.extend(change),
    }
    out
}

/// Expects exit code 2 with these words, from a folder with a good lake that stays as it was.
#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let bench = Bench::new();
    let before = listing(&bench.path("."));
    let ran = bench.run(args).code(2).says(words);
    assert_eq!(ran.stdout, "");
    assert_eq!(listing(&bench.path(".")), before);
}

#[test]
fn end_before_start() {
    let words = ["2024-01-02", "2024-01-01"];
    refused(
        &with(
            &ingest_args("2024-01-02", "2024-01-01"),
            &["--lake", "lake"],
        ),
        &words,
    );
    refused(
        &with(
            &ingest_args("2024-01-02", "2024-01-02"),
            &["--lake", "lake"],
        ),
        &["2024-01-02"],
    );
    refused(
        &[
            "run-all",
            "--config",
            DEFAULT,
            "--set",
            "paths.lake=lake",
            "--end",
            "2024-01-02",
        ],
        &["default.yaml", "`run.end`", "does not lie after run.start"],
    );
}

#[test]
fn a_symbol_that_is_a_path() {
    for symbol in [
        "../../x", "..", "a/b", "a\\b", "/etc", "", "BTC USDT", "C:x",
    ] {
        refused(
            &with(
                &ingest_args("2024-01-02", "2024-01-03"),
                &["--symbol", symbol],
            ),
            &["--symbol"],
        );
    }
    refused(
        &[
            "run-all",
            "--config",
            DEFAULT,
            "--set",
            "paths.lake=lake",
            "--symbol",
            "../../x",
        ],
        &["--symbol", "../../x"],
    );
    refused(
        &[
            "run-all",
            "--config",
            DEFAULT,
            "--set",
            "instruments.0.symbol=../../x",
        ],
        &["default.yaml", "instruments[0].symbol", "../../x"],
    );
}

#[test]
fn unknown_config_keys() {
    for (set, key) in [
        ("run.warmup=3", "run.warmup"),
        ("entrys.cooldown_bars=3", "entrys"),
        ("labeling.triple_barrier.pt=3", "labeling.triple_barrier.pt"),
    ] {
        for command in [
            &["config", "check"][..],
            &["config", "show"],
            &["run-all"],
            &["build-bars"],
        ] {
            let mut args = command.to_vec();
            args.extend([
                "--config",
                DEFAULT,
                "--set",
                "paths.lake=lake",
                "--set",
                set,
            ]);
            refused(
                &args,
                &["default.yaml", key, "unknown field", "quant config schema"],
            );
        }
    }
    // In a file, and through the environment.
    let bench = Bench::new();
    let file = bench.path("mine.yaml");
    std::fs::write(&file, format!("extends: {DEFAULT}\nrun: {{warmup: 3}}\n")).unwrap();
    let before = listing(&bench.path("."));
    bench
        .run(&["run-all", "--config", "mine.yaml"])
        .code(2)
        .says(&["mine.yaml", "run.warmup"]);
    let args = ["config", "check", "--config", DEFAULT];
    let mut command = crate::support::command(&bench.path("."), &args);
    Ran::of(command.env("QUANT__RUN__WARMUP", "3"))
        .code(2)
        .says(&["run.warmup"]);
    std::fs::write(&file, "run: [\n").unwrap();
    bench
        .run(&["run-all", "--config", "mine.yaml"])
        .code(2)
        .says(&["mine.yaml", "line"]);
    std::fs::write(&file, format!("extends: {DEFAULT}\nrun: {{warmup: 3}}\n")).unwrap();
    assert_eq!(listing(&bench.path(".")), before);
}

#[test]
fn overrides_win_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["config", "show", "--json", "--config", DEFAULT];
    let shown = run(dir.path(), &args).code(0).json();
    assert_eq!(shown["run"]["warmup_days"], 8);
    let mut command = crate::support::command(dir.path(), &args);
    let from_env = Ran::of(command.env("QUANT__RUN__WARMUP_DAYS", "3"))
        .code(0)
        .json();
    assert_eq!(from_env["run"]["warmup_days"], 3);
    let args = with(&args, &["--set", "run.warmup_days=4"]);
    let mut command = crate::support::command(dir.path(), &args);
    let both = Ran::of(command.arg("--json").env("QUANT__RUN__WARMUP_DAYS", "3"))
        .code(0)
        .json();
    assert_eq!(both["run"]["warmup_days"], 4);
}

/// A market of few events: these tests are about commands.
const QUIET_MARKET: [&str; 4] = [
    "--set",
    "trades_per_day=1000",
    "--set",
    "quotes_per_day=3000",
];

#[test]
fn stdout_is_one_json_value_and_quiet_is_quiet() {
    let bench = Bench::new();
    let synth = |args: &[&'static str]| {
        let mut out = vec!["synth", "--days", "1"];
        out.extend(QUIET_MARKET);
        out.push("--out");
        out.extend(args);
        out
    };
    let bars = |args: &[&'static str]| {
        let mut out = vec!["build-bars", "--config", DEFAULT];
        for set in [
            "instruments.0.exchange=binance",
            "paths.lake=lake",
            "ingest.source=lake",
            "run.start=2024-01-01",
            "run.end=2024-01-02",
            "run.warmup_days=0",
        ] {
            out.extend(["--set", set]);
        }
        out.extend(args);
        out
    };
    let commands: [&[&str]; 6] = [
        &ingest_args("2024-01-01", DAY),
        &bars(&[]),
        &["verify", "--lake", "lake"],
        &["config", "check", "--config", DEFAULT],
        &["config", "show", "--config", DEFAULT],
        &["config", "schema"],
    ];
    let mut commands: Vec<Vec<&str>> = commands.iter().map(|c| with(c, &["--quiet"])).collect();
    commands.push(synth(&["sim-text", "--quiet"]));
    for args in &commands {
        let text = bench.run(args).code(0);
        assert_eq!(text.stderr, "", "{args:?}");
        assert_ne!(text.stdout, "", "{args:?}");
        let mut args: Vec<&str> = args.iter().copied().filter(|a| *a != "--quiet").collect();
        args.push("--json");
        for arg in &mut args {
            if *arg == "sim-text" {
                *arg = "sim-json";
            }
        }
        let json = bench.run(&args).code(0);
        assert!(
            json.json().is_object() || json.json().is_array(),
            "{args:?}"
        );
    }
}

#[test]
fn errors_are_json_too() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["--json", "verify", "--lake", "nowhere"]).code(2);
    assert_eq!(ran.stdout, "");
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "config");
    assert_eq!(
        error["error"]["hints"][0],
        "name its folder with --lake DIR"
    );
}

#[test]
fn a_simulated_archive_cannot_pose_as_a_real_exchange() {
    let bench = Bench::new();
    let synth = with(
        &["synth", "--days", "1", "--out", "sim"],
        &["--start", "2024-01-02"],
    );
    bench.run(&with(&synth, &QUIET_MARKET)).code(0);
    let before = listing(&bench.path("lake"));
    bench
        .run(&with(
            &ingest_args("2024-01-02", "2024-01-03"),
            &["--root", "sim"],
        ))
        .code(2)
        .says(&["simulated", "--exchange sim-binance"]);
    assert_eq!(listing(&bench.path("lake")), before);
    // A folder with something in it is not written over.
    bench
        .run(&["synth", "--days", "1", "--out", "sim"])
        .code(2)
        .says(&["is not empty", "--out"]);
}

#[test]
fn synth_prints_the_command_that_ingests_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    for (market, out) in [("um", "sim"), ("spot", "sim-spot")] {
        let args = [
            "synth",
            "--days",
            "2",
            "--out",
            out,
            "--market",
            market,
            "--start",
            "2024-12-31",
        ];
        let text = run(dir.path(), &with(&args, &QUIET_MARKET)).code(0).stdout;
        let (_, ingest) = text.split_once("ingest: quant ").unwrap();
        let mut args: Vec<&str> = ingest.split_whitespace().collect();
        args.push("--json");
        let answer = run(dir.path(), &args).code(0).json();
        // Spot has klines, aggTrades and trades a day; um has six more but for bookTicker, which the venue had dropped by
        // then, and a funding file a month.
        let files = if market == "spot" { 6 } else { 18 };
        let read = answer["files"].as_array().unwrap();
        let read = read.iter().filter(|f| f["status"] != "not published");
        assert_eq!(read.count(), files, "{answer}");
        assert_eq!(answer["rows"]["rows_in"], answer["rows"]["written"]);
        let marker = read_json(&dir.path().join(out).join("SIMULATED.json"));
        let rows = marker["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["rows"].as_u64().unwrap());
        assert_eq!(answer["rows"]["written"], rows.sum::<u64>());
        for dataset in ["klines_1m", "agg_trades"] {
            let set = format!("raw/sim-binance/{market}/BTCUSDT/{dataset}");
            assert_eq!(manifest(&dir.path().join("data"), &set)["simulated"], true);
        }
    }
    run(dir.path(), &["verify"]).code(0);
}

#[test]
fn the_same_seed_simulates_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for (seed, out) in [("5", "a"), ("5", "b"), ("6", "c")] {
        let args = ["synth", "--days", "1", "--seed", seed, "--out", out];
        run(dir.path(), &with(&args, &QUIET_MARKET)).code(0);
    }
    let [a, b, c] = ["a", "b", "c"].map(|out| listing(&dir.path().join(out)));
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_eq!(a.keys().collect::<Vec<_>>(), c.keys().collect::<Vec<_>>());
}
