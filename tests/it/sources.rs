//! The edge of `build-dataset`: what a source takes when no datasets are named, what may be set, what is counted and what is told
//! to be missing.

use std::path::Path;

use serde_json::Value;

use crate::bad_archives::{Bench, DAY, NEXT_DAY};
use crate::mock::Mock;
use crate::support::{HEADER, Ran, agg_rows, ingest_args, put_text, read_json, run, text};

/// What a contract is worth, which files of OKX do not say.
const TERMS: &str = "
instruments:
  - exchange: sim-okx
    market: swap
    symbol: BTC-USDT-SWAP
    valid_from: \"2020-01-01T00:00:00Z\"
    valid_to: null
    tick_size: \"0.1\"
    lot_size: \"0.01\"
    min_notional: 0.0
    contract_value: 0.01
    inverse: false
    funding_interval_h: 8
    maker_bps: 2.0
    taker_bps: 5.0
    onboard: null
    delist: null
    source: test
";

/// Runs a command written as one line.
fn line(cwd: &Path, command: &str) -> Ran {
    let args: Vec<&str> = command.split_whitespace().collect();
    run(cwd, &args)
}

/// Datasets that an answer has written or partly written files of, each once, in its order.
fn written(answer: &Value) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for file in answer["files"].as_array().unwrap() {
        let dataset = file["dataset"].as_str().unwrap().to_owned();
        if file["status"] == "written" && !out.contains(&dataset) {
            out.push(dataset);
        }
    }
    out
}

#[test]
fn files_at_hand_of_okx_are_taken_without_datasets_on_every_market() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    std::fs::write(cwd.join("terms.yaml"), TERMS).unwrap();
    for (market, symbol, instrument, expected) in [
        (
            "swap",
            "BTC-USDT-SWAP",
            "swap:BTC-USDT-SWAP:btc",
            &[
                "klines_1m",
                "trades",
                "funding",
                "l2_snapshots",
                "l2_deltas",
            ][..],
        ),
        (
            "spot",
            "BTC-USDT",
            "spot:BTC-USDT:btc",
            &["klines_1m", "trades", "l2_snapshots", "l2_deltas"],
        ),
    ] {
        let out = format!("host-{market}");
        line(
            cwd,
            &format!(
                "synth --exchange okx --days 2 --start 2024-01-01 --instruments {instrument} --set trades_per_day=1000 \
                 --set quotes_per_day=2000 --book-cadence-ms 60000 --out {out} -q"
            ),
        )
        .code(0);
        let command = format!(
            "build-dataset --exchange sim-okx --market {market} --symbol {symbol} --source okx-manual \
             --start 2024-01-01 --end 2024-01-02 --lake lake --json --root {out} \
             --instruments terms.yaml"
        );
        let answer = line(cwd, &command).code(0).json();
        let mut found = written(&answer);
        let mut expected: Vec<String> = expected.iter().map(|d| (*d).to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{market}");
    }
    // Refusals say what there is.
    let base = "build-dataset --exchange sim-okx --source okx-manual --start 2024-01-01 --end 2024-01-02 --lake lake";
    for (rest, word) in [
        (
            "--market inverse --symbol BTC-USD-SWAP --root host-swap",
            "--market swap",
        ),
        (
            "--market spot --symbol BTC-USDT --root host-spot --datasets funding",
            "hint: give `--datasets` of trades",
        ),
        (
            "--market spot --symbol BTC-USDT",
            "--okx-manual-candles-dir",
        ),
    ] {
        line(cwd, &format!("{base} {rest}"))
            .code(2)
            .says(&["hint: ", word]);
    }
}

#[test]
fn the_archive_of_okx_is_taken_without_datasets_and_its_books_by_depth() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    line(
        cwd,
        "synth --exchange okx --days 1 --start 2024-01-01 --instruments swap:BTC-USDT-SWAP:btc --set trades_per_day=500 \
         --set quotes_per_day=500 --book-cadence-ms 60000 --out host -q",
    )
    .code(0);
    // The simulator writes one product; under the name of another it is served as that.
    let books = cwd.join("host/cdn/okx/match/orderbook/L2");
    let file = |depth: &str| {
        books.join(format!(
            "{depth}lv/daily/20240101/BTC-USDT-SWAP-L2orderbook-{depth}lv-2024-01-01.tar.gz"
        ))
    };
    std::fs::create_dir_all(file("50").parent().unwrap()).unwrap();
    std::fs::copy(file("400"), file("50")).unwrap();
    let world =
        "--archive host --instrument um:BTCUSDT:btc --history-minutes 5 --hold --start 2024-01-05";
    let mock = Mock::start(cwd, &world.split(' ').collect::<Vec<_>>());
    let base = format!(
        "build-dataset --exchange sim-okx --market swap --symbol BTC-USDT-SWAP --source okx-hist --base-url http://{} \
         --start 2024-01-01 --end 2024-01-02 --lake lake --okx-auto-download --json",
        mock.address
    );
    let mut found = written(&line(cwd, &base).code(0).json());
    found.sort();
    assert_eq!(found, ["klines_1m", "trades"]);
    let run_of = || read_json(&cwd.join("lake/cache/okx-hist/okx_hist_manifest.json"));
    for (flag, depth, module) in [
        ("", 400, 4),
        ("--okx-book-depth 50", 50, 6),
        // In the cache there are both by now: the one asked for is read.
        ("--okx-book-depth 400", 400, 4),
    ] {
        let answer = line(cwd, &format!("{base} --datasets l2_snapshots {flag}"))
            .code(0)
            .json();
        let name = format!("-{depth}lv-");
        let files = answer["files"].as_array().unwrap();
        assert_eq!(files.len(), 1, "{answer:#}");
        assert!(
            files[0]["file"].as_str().unwrap().contains(&name),
            "{answer:#}"
        );
        let manifest = run_of();
        assert_eq!(
            (&manifest["book_depth"], &manifest["files"][0]["module"]),
            (&depth.into(), &module.into())
        );
    }
    let told = line(
        cwd,
        &format!("{base} --datasets l2_snapshots --okx-book-depth 5000 --gap-report gaps.json"),
    );
    told.code(0);
    let gaps = read_json(&cwd.join("gaps.json"));
    assert_eq!(gaps["findings"][0]["detector"], "file_not_published");
    assert_eq!(
        (&gaps["failures"], &run_of()["book_depth"]),
        (&1.into(), &5_000.into())
    );
    line(
        cwd,
        &base.replace("--json", "--datasets l2_snapshots --okx-book-depth 25"),
    )
    .code(2)
    .says(&["50, 400, 5000"]);
}

#[test]
fn files_at_hand_of_bybit_are_taken_without_datasets() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    line(
        cwd,
        "synth --exchange bybit --days 1 --start 2024-01-01 --set trades_per_day=1000 --set quotes_per_day=2000 \
         --book-cadence-ms 60000 --out host -q",
    )
    .code(0);
    let command = "build-dataset --exchange sim-bybit --market linear --symbol BTCUSDT --source bybit-manual \
                   --start 2024-01-01 --end 2024-01-02 --lake lake --root host --json";
    let answer = line(cwd, command).code(0).json();
    let mut found = written(&answer);
    found.sort();
    assert_eq!(found, ["l2_deltas", "l2_snapshots", "trades"]);
    let refused = command.replace("--json", "--datasets klines_1m");
    line(cwd, &refused).code(2).says(&["hint: "]);
}

#[test]
fn rest_history_is_taken_without_datasets_and_counted_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    // An hour into the second day.
    let mock = Mock::start(
        cwd,
        &[
            "--instrument",
            "um:SOLUSDT:alt",
            "--history-minutes",
            "1500",
            "--hold",
            "--start",
            "2026-01-05",
        ],
    );
    for (exchange, market, symbol, expected) in [
        ("sim-binance", "um", "SOLUSDT", ["klines_1m", "agg_trades"]),
        ("sim-okx", "swap", "SOL-USDT-SWAP", ["klines_1m", "trades"]),
        (
            "sim-deepcoin",
            "swap",
            "SOL-USDT-SWAP",
            ["klines_1m", "trades"],
        ),
    ] {
        let base = format!(
            "build-dataset --exchange {exchange} --market {market} --symbol {symbol} --source rest --base-url http://{} \
             --start 2026-01-06 --end 2026-01-08 --lake lake",
            mock.address
        );
        let ran = line(cwd, &base).code(0);
        // Today as far as it has come, and tomorrow not at all, of two datasets.
        assert!(
            ran.stderr
                .contains("ingest: 4 files: 2 written, 2 not published; "),
            "{exchange}: {}",
            ran.stderr
        );
        let answer = line(cwd, &format!("{base} --json")).code(0).json();
        let of = |file: &Value| file["dataset"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = answer["files"].as_array().unwrap().iter().map(of).collect();
        names.dedup();
        assert_eq!(names, expected, "{exchange}");
    }
    // What is out of reach is told; it is an error only of a dataset that was asked for by name.
    let old = format!(
        "build-dataset --exchange sim-binance --market um --symbol SOLUSDT --source rest --base-url http://{} \
         --start 2026-01-04 --lake lake --json",
        mock.address
    );
    let answer = line(cwd, &format!("{old} --end 2026-01-06")).code(0).json();
    // Yesterday is in reach but for its first hour.
    assert_eq!(written(&answer), ["klines_1m", "agg_trades"]);
    let trades = &answer["files"][2];
    assert_eq!(trades["status"], "not published");
    assert!(
        trades["detail"].as_str().unwrap().contains("24 h only"),
        "{trades}"
    );
    line(
        cwd,
        &format!("{old} --end 2026-01-05 --datasets agg_trades"),
    )
    .code(3);
}

#[test]
fn a_day_that_goes_on_without_a_final_bar_is_not_published_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(
        cwd,
        &[
            "--instrument",
            "um:SOLUSDT:alt",
            "--history-minutes",
            "1440",
            "--hold",
            "--start",
            "2026-01-05",
        ],
    );
    // Half a minute past midnight: one bar is forming.
    mock.step_ms(30_000);
    for (exchange, market, symbol) in [
        ("sim-binance", "um", "SOLUSDT"),
        ("sim-okx", "swap", "SOL-USDT-SWAP"),
    ] {
        let command = format!(
            "build-dataset --exchange {exchange} --market {market} --symbol {symbol} --source rest --base-url http://{} \
             --start 2026-01-06 --end 2026-01-07 --datasets klines_1m --lake lake --json",
            mock.address
        );
        let answer = line(cwd, &command).code(0).json();
        assert_eq!(
            answer["files"][0]["status"], "not published",
            "{exchange}: {answer:#}"
        );
        let set = cwd.join(format!("lake/raw/{exchange}/{market}/{symbol}/klines_1m"));
        assert!(!set.join("date=2026-01-06").exists(), "{exchange}");
    }
}

#[test]
fn what_is_set_without_a_config_is_obeyed_or_refused() {
    let bench = Bench::new();
    let mut rows = agg_rows(DAY, 1_001, 1_000);
    for row in rows.iter_mut().take(100) {
        *row = row.replace(',', ",x");
    }
    put_text(&bench.path("archive"), DAY, &text(HEADER, &rows));
    let more = |extra: &[&str]| {
        let mut args = ingest_args(DAY, NEXT_DAY);
        args.extend(extra);
        bench.run(&args)
    };
    more(&[]).code(3).says(&["--max-quarantine-share X"]);
    more(&["--set", "ingest.max_quarantine_share=0.05"]).code(3);
    for set in [
        "nonsense=1",
        "ingest.max_quarantine_share=2",
        "paths.lake=x",
        "ingest.max_quarantine_share=many",
    ] {
        more(&["--set", set])
            .code(2)
            .says(&["hint", "max_quarantine_share"]);
    }
    more(&["--max-quarantine-share", "1.5"]).code(2);
    // A flag outdoes the key.
    let outdone = [
        "--max-quarantine-share",
        "0.05",
        "--set",
        "ingest.max_quarantine_share=0.5",
    ];
    more(&outdone).code(3);
    more(&["--set", "ingest.max_quarantine_share=0.5"]).code(0);
}

#[test]
fn what_a_source_did_not_have_is_written_down_also_when_it_had_everything() {
    let bench = Bench::new();
    let mut args = ingest_args("2024-01-01", NEXT_DAY);
    args.extend(["--gap-report", "out/gaps.json"]);
    bench.run(&args).code(0);
    let report = read_json(&bench.path("out/gaps.json"));
    assert_eq!(
        (&report["ok"], &report["source"]),
        (&false.into(), &"vision".into())
    );
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report:#}");
    assert_eq!(findings[0]["detector"], "file_not_found");
    assert_eq!(
        (&findings[0]["day"], &findings[0]["dataset"]),
        (&DAY.into(), &"agg_trades".into())
    );
    let mut args = ingest_args("2024-01-01", DAY);
    args.extend(["--gap-report", "out/gaps.json"]);
    bench.run(&args).code(0);
    let report = read_json(&bench.path("out/gaps.json"));
    assert_eq!(report["ok"], true);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn refusals_of_arguments_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let of = "build-dataset --exchange binance --market um --symbol BTCUSDT --lake lake";
    std::fs::write(cwd.join("file"), "x").unwrap();
    for (rest, code) in [
        ("--start 2024-01-02 --end 2024-01-01 --root .", 2),
        ("--source recording --input absent.gz", 2),
        ("--source recording --input file --datasets funding", 2),
        (
            "--start 2024-01-01 --end 2024-01-02 --source bybit-manual --root .",
            2,
        ),
    ] {
        line(cwd, &format!("{of} {rest}"))
            .code(code)
            .says(&["hint: "]);
    }
    let below_a_file = of.replace("--lake lake", "--lake file/lake");
    std::fs::create_dir_all(cwd.join("archive/data")).unwrap();
    let ran = line(
        cwd,
        &format!("{below_a_file} --start 2024-01-01 --end 2024-01-02 --root archive"),
    );
    assert_ne!(ran.code, 0, "{ran:?}");
    ran.says(&["hint: "]);
}

#[test]
fn a_repeat_does_not_say_that_what_never_was_is_in_the_lake() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let t = 1_704_067_200_000_i64;
    let frames: Vec<String> = (1..=3_i64)
        .map(|i| {
            let ts = t + i * 1_000;
            format!(
                r#"{ts}000000 {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{ts},"T":{ts},"s":"BTCUSDT","t":{i},"p":"100","q":"1","X":"MARKET","m":true}}}}"#)
        })
        .collect();
    std::fs::write(cwd.join("session.log"), frames.join("\n")).unwrap();
    let command = "build-dataset --exchange binance --market um --symbol BTCUSDT --source recording --input session.log \
                   --lake lake --datasets";
    // One file, whatever it fills.
    line(cwd, &format!("{command} trades,liquidations"))
        .code(0)
        .says(&["ingest: 1 files: 1 written; "]);
    line(cwd, &format!("{command} trades,liquidations"))
        .code(0)
        .says(&["nothing to do: 1 files are in the lake already\n"]);
    for _ in 0..2 {
        line(cwd, &format!("{command} liquidations"))
            .code(0)
            .says(&["ingest: 1 files: 0 written, 1 without rows asked for; "]);
    }
}

/// Recordings of one name in two folders are two recordings, and the book of the second goes on from the first.
#[test]
fn recordings_of_one_name_in_two_folders_are_both_kept() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let t = 1_704_067_200_000_i64;
    let image = format!(
        r#"{t}000000 {{"lastUpdateId":100,"E":{t},"T":{t},"bids":[["99","3"]],"asks":[["101","1"]]}}"#
    );
    let update = |i: i64| {
        let (ts, last, before) = (t + i * 1_000, 100 + i, 99 + i);
        format!(
            r#"{ts}000000 {{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{ts},"T":{ts},"s":"BTCUSDT","U":{last},"u":{last},"pu":{before},"b":[["98","{i}"]],"a":[]}}}}"#
        )
    };
    let updates = |range: std::ops::Range<i64>| range.map(update).collect::<Vec<_>>();
    let put = |path: &str, lines: &[String]| {
        let path = cwd.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    };
    let first = [vec![image.clone(), update(0)], updates(1..20)].concat();
    put("d1/btcusdt.log", &first);
    put("d2/btcusdt.log", &updates(20..50));
    let whole = [vec![image, update(0)], updates(1..50)].concat();
    put("whole.log", &whole);
    let of = "build-dataset --exchange binance --market um --symbol BTCUSDT --source recording --datasets l2_deltas,l2_snapshots";
    line(cwd, &format!("{of} --lake fresh --input whole.log")).code(0);
    let content = |lake: &str| -> Vec<(String, u64, String)> {
        ["l2_deltas", "l2_snapshots"]
            .iter()
            .map(|dataset| {
                let set = cwd.join(lake).join("raw/binance/um/BTCUSDT").join(dataset);
                let found = walk_for_manifest(&set);
                let text = std::fs::read(found).unwrap();
                let manifest: Value = serde_json::from_slice(&text).unwrap();
                let day = &manifest["partitions"][0];
                let hash = day["content_sha256"].as_str().unwrap().to_owned();
                ((*dataset).to_owned(), day["rows"].as_u64().unwrap(), hash)
            })
            .collect()
    };
    let expected = content("fresh");
    assert!(expected[0].1 > 49, "{expected:?}");
    let both = format!("{of} --lake lake --input d2/btcusdt.log --input d1");
    line(cwd, &both).code(0);
    assert_eq!(content("lake"), expected);
    line(cwd, &both)
        .code(0)
        .says(&["nothing to do: 2 files are in the lake already\n"]);
    // The second alone, then both: it is read again, and its rows are those of the session.
    line(cwd, &format!("{of} --lake late --input d2/btcusdt.log")).code(0);
    let late = both.replace("--lake lake", "--lake late");
    line(cwd, &late).code(0);
    assert_eq!(content("late"), expected);
    line(cwd, &late).code(0).says(&["nothing to do: 2 files"]);
}

/// Returns the only manifest below a folder.
fn walk_for_manifest(folder: &Path) -> std::path::PathBuf {
    let here = folder.join("manifest.json");
    if here.exists() {
        return here;
    }
    let mut inside = std::fs::read_dir(folder).unwrap();
    walk_for_manifest(&inside.next().unwrap().unwrap().path())
}

#[test]
fn what_inspect_says_would_be_refused_is_refused_and_the_rest_is_taken() {
    use std::io::Write as _;
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let message = |is_snapshot: bool, i: i64, u: i64| {
        let kind = if is_snapshot { "snapshot" } else { "delta" };
        let ts = 1_704_067_200_000_i64 + i * 500;
        format!(
            r#"{{"topic":"orderbook.200.BTCUSDT","type":"{kind}","ts":{ts},"data":{{"s":"BTCUSDT","b":[["90","{}"]],"a":[["101","1"]],"u":{u},"seq":{u}}},"cts":{ts}}}"#,
            i + 1
        )
    };
    let whole: Vec<String> = (0..40).map(|i| message(i == 0, i, 5 + i)).collect();
    let gapped: Vec<String> = (0..40)
        .map(|i| message(i == 0, i, if i < 20 { 5 + i } else { 7 + i }))
        .collect();
    let broken: Vec<String> = (0..40).map(|_| "{\"type\":\"delta\"".to_owned()).collect();
    for (name, lines, day, inspected, ingested) in [
        ("sound", &whole[..], "2024-01-01", 0, 0),
        ("nosnap", &whole[1..], "2024-01-01", 3, 0),
        ("otherday", &whole[..], "2024-01-03", 3, 0),
        ("gapped", &gapped[..], "2024-01-01", 3, 0),
        ("broken", &broken[..], "2024-01-01", 3, 3),
    ] {
        let folder = cwd.join(name).join("orderbook/linear/BTCUSDT");
        std::fs::create_dir_all(&folder).unwrap();
        let stem = format!("{day}_BTCUSDT_ob200.data");
        let path = folder.join(format!("{stem}.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        zip.start_file(stem.as_str(), zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(lines.join("\n").as_bytes()).unwrap();
        zip.finish().unwrap();
        let shown = path.to_string_lossy().into_owned();
        let found = run(cwd, &["inspect", &shown, "--json"])
            .code(inspected)
            .json();
        assert_eq!(found["refused"], ingested == 3, "{name}: {found:#}");
        let end = if day == "2024-01-01" {
            "2024-01-02"
        } else {
            "2024-01-04"
        };
        line(
            cwd,
            &format!(
                "build-dataset --exchange bybit --market linear --symbol BTCUSDT --source bybit-manual --root {name} \
                 --start {day} --end {end} --lake lake-{name} --datasets l2_snapshots,l2_deltas -q"
            ),
        )
        .code(ingested);
    }
}
