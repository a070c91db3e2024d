//! Gates: when there is no number to give, `run-all` says what is missing, how to get it, and exits with 4.

use std::path::Path;

use serde_json::Value;

use crate::support::{Frame, listing, read_json, run};
use crate::walk::{Minute, walk, write_config, write_csv};

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml");

/// Expects exit code 4 with these words in the diagnosis, now and from the cache; returns the run's gates.
#[track_caller]
fn refused(dir: &Path, args: &[&str], gate: &str, words: &[&str]) -> Value {
    let mut all = vec!["run-all", "--json"];
    all.extend(args);
    let answer = run(dir, &all).code(4).json();
    assert_eq!(
        (&answer["exit_code"], &answer["cache_hit"]),
        (&4.into(), &false.into())
    );
    let folder = dir.join(answer["dir"].as_str().unwrap());
    let diagnosis = std::fs::read_to_string(folder.join("RUN_DIAGNOSIS.md")).unwrap();
    // What is shown names the places of this invocation; what is kept does not, so that it is the same everywhere.
    let shown = answer["summary"].as_str().unwrap();
    let config = args[args.iter().position(|a| *a == "--config").unwrap() + 1];
    let placed = diagnosis
        .replace("--lake LAKE", "--lake lake")
        .replace("--config CONFIG", &format!("--config {config}"));
    assert_eq!(shown, placed);
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
    assert!(!folder.join("report.md").exists());
    assert_eq!(read_json(&folder.join("run.json"))["exit_code"], 4);

    let before = listing(dir);
    let again = run(dir, &all).code(4).json();
    assert_eq!(again["cache_hit"], true);
    assert_eq!(again["summary"], answer["summary"]);
    assert_eq!(listing(dir), before);

    let gates = read_json(&folder.join("pipeline_health.json"))["gates"].clone();
    let failed = |g: &&Value| g["passed"] == false;
    let last = gates.as_array().unwrap().iter().rfind(failed);
    let last = last.unwrap().clone();
    assert_eq!(
        (&last["name"], &last["passed"]),
        (&gate.into(), &false.into())
    );
    assert!(!last["remedies"].as_array().unwrap().is_empty());
    last
}

#[test]
fn no_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["--config", DEFAULT];
    for set in [
        "ingest.source=lake",
        "instruments.0.exchange=binance",
        "paths.lake=lake",
    ] {
        args.extend(["--set", set]);
    }
    let fetch = "quant build-dataset --exchange binance --market um --symbol BTCUSDT --start 2024-01-01 \
                 --end 2024-01-16 --source vision --datasets klines_1m,trades,book_ticker,depth_bands,funding --lake lake";
    let gate = refused(
        dir.path(),
        &args,
        "data",
        &["lake holds no trades or klines", fetch],
    );
    assert_eq!(gate["measured"], 0.0);
}

#[test]
fn the_remedy_helps() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "extends: {DEFAULT}\nrun: {{start: 2024-01-10, end: 2024-01-12, warmup_days: 1}}\n\
         ingest: {{source: lake, synth: {{trades_per_day: 12000, quotes_per_day: 20000}}}}\ngates: {{min_coverage: 0.5}}\n"
    );
    std::fs::write(dir.path().join("sim.yaml"), text).unwrap();
    let gate = refused(dir.path(), &["--config", "sim.yaml"], "data", &["sim.yaml"]);
    let remedy = gate["remedies"][0]
        .as_str()
        .unwrap()
        .replace("CONFIG", "sim.yaml");
    let mut words = remedy.split_whitespace();
    assert_eq!(words.next(), Some("quant"));
    let args: Vec<&str> = words.collect();
    run(dir.path(), &args).code(0);
    // What it fetched is in the lake now: the refused command gives a number.
    run(dir.path(), &["run-all", "--config", "sim.yaml"]).code(0);
}

#[test]
fn too_little_coverage() {
    let dir = tempfile::tempdir().unwrap();
    let mut bars = walk("2024-03-01", 2, None);
    // Two of 48 hours are missing.
    bars.drain(600..720);
    write_csv(&dir.path().join("bars.csv"), &bars);
    write_config(
        dir.path(),
        "2024-03-01",
        "2024-03-03",
        "gates: {min_coverage: 0.99}\n",
    );
    let words = [
        "`min_coverage`",
        "120 of 2880 minutes",
        "--set gates.min_coverage=",
    ];
    let gate = refused(
        dir.path(),
        &["--config", "csv.yaml"],
        "min_coverage",
        &words,
    );
    assert_eq!(gate["measured"], 2_760.0 / 2_880.0);
    assert_eq!(gate["required"], 0.99);

    // The gap is reported to the minute, refused or not.
    let set = [
        "run-all",
        "--json",
        "--config",
        "csv.yaml",
        "--set",
        "gates.min_coverage=0.9",
        "--allow-gaps",
    ];
    let answer = run(dir.path(), &set).code(0).json();
    let folder = dir.path().join(answer["dir"].as_str().unwrap());
    let report = read_json(&folder.join("data_gap_report.json"));
    let coverage = &report["instruments"]["csv:um:BTCUSD"];
    assert_eq!(
        (&coverage["expected"], &coverage["real"]),
        (&2_880.into(), &2_760.into())
    );
    let gaps = coverage["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["minutes"], 120);
    // 2024-03-01T10:00Z.
    assert_eq!(gaps[0]["start"], 1_709_287_200_000_000_i64);
}

/// Returns the bytes of what a run decided and what came of it.
fn decided(dir: &Path, folder: &str) -> Vec<Vec<u8>> {
    [
        "entries_5m",
        "trades_baseline",
        "trades_baseline_zero_cost",
        "equity_baseline",
    ]
    .map(|name| std::fs::read(dir.join(folder).join(format!("{name}.parquet"))).unwrap())
    .to_vec()
}

/// Nothing was decided or entered in the gap, trades over it are counted, equity stands still.
#[track_caller]
fn check_the_gap(at: &Path) {
    // 10:00 to 12:00.
    let gap = 1_709_287_200_000_000..1_709_294_400_000_000;
    let entries = Frame::read(&at.join("entries_5m.parquet"));
    assert!(entries.rows() > 0);
    assert!(
        entries
            .ts("ts_decision")
            .iter()
            .all(|t| !(gap.start + 60_000_000..gap.end).contains(t))
    );
    let trades = Frame::read(&at.join("trades_baseline.parquet"));
    let (entered, left, over) = (
        trades.ts("ts_entry"),
        trades.ts("ts_exit"),
        trades.i64("gap_minutes"),
    );
    assert!(!entered.is_empty());
    for i in 0..entered.len() {
        assert!(!gap.contains(&entered[i]), "entered in the gap");
        let open = (left[i].min(gap.end) - entered[i].max(gap.start)).max(0);
        assert_eq!(over[i], (open + 59_999_999) / 60_000_000, "trade {i}");
    }
    let equity = Frame::read(&at.join("equity_baseline.parquet"));
    let marks: Vec<_> = equity
        .ts("ts")
        .into_iter()
        .zip(equity.f64("position_value"))
        .collect();
    let inside: Vec<_> = marks
        .iter()
        .filter(|(t, _)| (gap.start..=gap.end).contains(t))
        .map(|(_, v)| *v)
        .collect();
    assert!(
        inside.len() == 25 && inside.windows(2).all(|w| w[0] == w[1]),
        "{inside:?}"
    );
}

#[test]
fn gaps_are_refused_or_masked() {
    let dir = tempfile::tempdir().unwrap();
    let bars = walk("2024-03-01", 2, None);
    write_config(
        dir.path(),
        "2024-03-01",
        "2024-03-03",
        "gates: {min_coverage: 0.9}\n",
    );
    // Two hours are missing; in the other file they repeat the bar before them.
    let mut missing = bars.clone();
    missing.drain(600..720);
    let mut frozen = bars.clone();
    for i in 600..720 {
        frozen[i] = Minute {
            ts_open: bars[i].ts_open,
            ..bars[599]
        };
    }
    let masked = ["run-all", "--json", "--config", "csv.yaml", "--allow-gaps"];
    let mut runs = Vec::new();
    for (bars, detector) in [(missing, "missing_minutes"), (frozen, "frozen_klines")] {
        let lake = format!("paths.lake={detector}");
        write_csv(&dir.path().join("bars.csv"), &bars);
        let args = ["--config", "csv.yaml", "--set", &lake];
        let gate = refused(
            dir.path(),
            &args,
            "gaps",
            &[detector, "120 ", "--allow-gaps"],
        );
        assert_eq!(
            (&gate["measured"], &gate["required"]),
            (&0.5.into(), &1.0.into())
        );

        let mut args = masked.to_vec();
        args.extend(["--set", &lake]);
        let answer = run(dir.path(), &args).code(0).json();
        let folder = answer["dir"].as_str().unwrap().to_owned();
        let at = dir.path().join(&folder);
        let report = read_json(&at.join("data_gap_report.json"));
        assert_eq!(report["allow_gaps"], true);
        let coverage = &report["instruments"]["csv:um:BTCUSD"];
        assert_eq!(
            (&coverage["masked"], &coverage["real"]),
            (&120.into(), &2_760.into())
        );
        assert_eq!(coverage["gaps"][0]["kind"], "masked");
        let findings = report["findings"]["csv:um:BTCUSD"].as_array().unwrap();
        assert!(
            findings
                .iter()
                .any(|f| f["detector"] == detector && f["severity"] == "fail")
        );
        for variant in read_json(&at.join("metrics.json")).as_array().unwrap() {
            let metrics = variant["metrics"].as_array().unwrap();
            let of = |name: &str| metrics.iter().find(|m| m["name"] == name).unwrap();
            assert_eq!(
                (&of("masked_minutes")["value"], &of("masked_minutes")["n"]),
                (&120.0.into(), &2_880.into())
            );
        }
        let text = std::fs::read_to_string(at.join("report.md")).unwrap();
        assert!(text.contains("120 minutes of gaps were masked"), "{text}");

        check_the_gap(&at);
        runs.push(decided(dir.path(), &folder));
    }
    // What stands in masked minutes is of no consequence.
    assert!(runs[0] == runs[1]);
}

#[test]
fn no_entries() {
    let dir = tempfile::tempdir().unwrap();
    write_csv(&dir.path().join("bars.csv"), &walk("2024-03-01", 2, None));
    let mut more = "entries:\n".to_owned();
    for family in ["trend_pullback", "trend_breakout", "range_fade"] {
        more = format!("{more}  {family}: {{long: false, short: false}}\n");
    }
    write_config(dir.path(), "2024-03-01", "2024-03-03", &more);
    let words = ["`min_entries`", "not enough candidates", "run.end="];
    let gate = refused(dir.path(), &["--config", "csv.yaml"], "min_entries", &words);
    assert_eq!(gate["measured"], 0.0);
}

/// Writes `bars.csv` with a column of turnover, which `in_contracts` leaves without its price.
fn write_turnover(dir: &Path, bars: &[Minute], in_contracts: &dyn Fn(&Minute) -> bool) {
    use std::fmt::Write as _;
    let mut text = "timestamp,open,high,low,close,volume,quote\n".to_owned();
    for bar in bars {
        let Minute {
            ts_open,
            open,
            high,
            low,
            close,
            volume,
        } = bar;
        let price = if in_contracts(bar) { 1 } else { *close };
        let quote = volume * price;
        writeln!(
            text,
            "{ts_open},{open},{high},{low},{close},{volume},{quote}"
        )
        .unwrap();
    }
    std::fs::write(dir.join("bars.csv"), text).unwrap();
}

#[test]
fn of_the_first_day_of_the_warm_up_only_missing_rows_are_forgiven() {
    let dir = tempfile::tempdir().unwrap();
    let bars = walk("2024-03-01", 4, None);
    let more = "gates: {min_coverage: 0.9}\nfeatures: {realized_vol_median_days: 1}\n";
    write_config(dir.path(), "2024-03-04", "2024-03-05", more);
    let day = |bar: &Minute| (bar.ts_open.0 - bars[0].ts_open.0) / 86_400_000_000;
    let args = |lake: &'static str| {
        let mut args = vec!["--config", "csv.yaml"];
        for set in [
            lake,
            "run.warmup_days=3",
            "ingest.csv.volume_unit=base",
            "ingest.csv.columns.quote_volume=quote",
        ] {
            args.extend(["--set", set]);
        }
        args
    };
    let passes = |lake, more: &[&str]| {
        let mut all = vec!["run-all", "--json"];
        all.extend(args(lake));
        all.extend(more);
        run(dir.path(), &all).code(0).json()
    };
    // The history begins at ten o'clock; on the second day.
    write_turnover(dir.path(), &bars[600..], &|_| false);
    passes("paths.lake=late", &[]);
    write_turnover(dir.path(), &bars[1_440..], &|_| false);
    passes("paths.lake=second", &[]);
    // What is wrong with the rows of its first day is wrong, whenever it begins.
    for (lake, from) in [("paths.lake=units", 0), ("paths.lake=late_units", 600)] {
        write_turnover(dir.path(), &bars[from..], &|bar| day(bar) == 0);
        let words = ["kline_units", "2024-03-01"];
        let gate = refused(dir.path(), &args(lake), "gaps", &words);
        assert_eq!(gate["measured"], 0.75);
    }
    // Its last minutes are missing like those of any other day.
    let mut early = bars.clone();
    early.drain(1_380..1_440);
    write_turnover(dir.path(), &early, &|_| false);
    refused(
        dir.path(),
        &args("paths.lake=early"),
        "gaps",
        &["missing_minutes"],
    );
    // Between days that are held a day is missing.
    let mut hole = bars.clone();
    hole.drain(1_440..2_880);
    write_turnover(dir.path(), &hole, &|_| false);
    let words = ["absent_day", "2024-03-02"];
    let gate = refused(dir.path(), &args("paths.lake=hole"), "gaps", &words);
    assert_eq!(gate["measured"], 0.75);
    let answer = passes("paths.lake=hole", &["--allow-gaps"]);
    let folder = dir.path().join(answer["dir"].as_str().unwrap());
    let report = read_json(&folder.join("data_gap_report.json"));
    let findings = report["findings"]["csv:um:BTCUSD"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["detector"] == "absent_day"));
}

/// Writes recorded trades of a day, one in thirty seconds, up to a minute; ids go on over all days.
fn record_trades(dir: &Path, day: i64, minutes: i64) {
    use std::io::Write as _;
    // 2024-01-09T00:00Z.
    let start = 1_704_758_400_000 + day * 86_400_000;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for i in 0..2 * minutes {
        let (at, id) = (start + i * 30_000, day * 2_880 + i + 1);
        // A price that moves and does not run away.
        let price = 42_000 + (id * 37 % 101) - (id * 11 % 67);
        let (quantity, is_sell) = (10 + id * 7 % 83, id % 3 == 0);
        writeln!(
            gz,
            "{at}000000 {{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{at},\"T\":{at},\"s\":\"BTCUSDT\",\
             \"t\":{id},\"p\":\"{price}.0\",\"q\":\"0.0{quantity}\",\"X\":\"MARKET\",\"m\":{is_sell}}}}}"
        )
        .unwrap();
    }
    let name = format!("btcusdt_202401{:02}.gz", 9 + day);
    std::fs::write(dir.join(name), gz.finish().unwrap()).unwrap();
}

#[test]
fn ids_missing_across_midnight_mask_the_end_of_the_day_before() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    for day in 0..4 {
        // Ten minutes are missing of the third day: twenty trades, which no silence would tell.
        let minutes = if day == 2 { 1_430 } else { 1_440 };
        record_trades(&dir.path().join("in"), day, minutes);
    }
    let of = "--exchange binance --market um --symbol BTCUSDT --lake lake";
    let build = format!("build-dataset {of} --source recording --input in --datasets trades -q");
    let words: Vec<&str> = build.split_whitespace().collect();
    run(dir.path(), &words).code(0);
    for (name, end) in [("whole", "2024-01-13"), ("short", "2024-01-12")] {
        let text = format!(
            "extends: {DEFAULT}\nrun: {{start: 2024-01-10, end: {end}, warmup_days: 1}}\npaths: {{lake: lake, artifacts: artifacts}}\n\
             instruments:\n  - {{exchange: binance, market: um, symbol: BTCUSDT, role: traded}}\n\
             ingest: {{source: lake, datasets: [trades], synth: null}}\nfeatures: {{realized_vol_median_days: 1}}\n\
             gates: {{min_coverage: 0.9, min_entries: 0}}\n"
        );
        std::fs::write(dir.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let args = ["--config", "whole.yaml"];
    refused(dir.path(), &args, "gaps", &["id_gap", "20 ids"]);
    let all = [
        "run-all",
        "--json",
        "--config",
        "whole.yaml",
        "--allow-gaps",
    ];
    let answer = run(dir.path(), &all).code(0).json();
    let folder = dir.path().join(answer["dir"].as_str().unwrap());
    let report = read_json(&folder.join("data_gap_report.json"));
    // From the minute of the last row to that of the first one.
    assert_eq!(report["instruments"]["binance:um:BTCUSDT"]["masked"], 12);
    // A run that does not read the day after gives the same whether that is there or not.
    let short = ["run-all", "--json", "--config", "short.yaml"];
    run(dir.path(), &short).code(0);
}
