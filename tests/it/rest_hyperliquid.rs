//! Hyperliquid's `/info` from a simulated market: rows of every dataset equal what it answers, and nothing is asked twice.
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::mock::Mock;
use crate::support::{Frame, Ran, data_file, manifest, run};

const DAY_MS: i64 = 1_767_571_200_000;
const NEXT_MS: i64 = DAY_MS + 86_400_000;

fn build(cwd: &Path, args: &[&str]) -> Ran {
    let base = [
        "build-dataset",
        "--exchange",
        "sim-hyperliquid",
        "--market",
        "swap",
        "--symbol",
        "SOL",
        "--lake",
        "lake",
        "--json",
    ];
    run(cwd, &[&base[..], args].concat())
}

fn rest(cwd: &Path, mock: &Mock, days: (&str, &str), datasets: &str) -> Ran {
    let url = format!("http://{}", mock.address);
    let args = [
        "--source",
        "rest",
        "--base-url",
        &url,
        "--start",
        days.0,
        "--end",
        days.1,
        "--datasets",
        datasets,
    ];
    build(cwd, &args)
}

fn set(name: &str) -> String {
    format!("raw/sim-hyperliquid/swap/SOL/{name}")
}

fn frame(cwd: &Path, name: &str, day: &str) -> Frame {
    Frame::read(&data_file(&cwd.join("lake"), &set(name), day))
}

#[track_caller]
fn info(mock: &Mock, asked: &Value) -> Value {
    let answer = mock.post("/info", asked);
    assert_eq!(answer.status, 200, "{asked}");
    answer.json()
}

/// A number in quotes.
#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn column(rows: &[Value], name: &str) -> Vec<Option<f64>> {
    rows.iter().map(|row| Some(number(&row[name]))).collect()
}

fn asked(mock: &Mock) -> u64 {
    mock.status()["requests"]["POST /info"]["200"]
        .as_u64()
        .unwrap_or(0)
}

#[test]
fn history_is_what_the_venue_answers_and_whole_days_are_asked_for_once() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let world = [
        "--instrument",
        "um:SOLUSDT:alt",
        "--history-minutes",
        "1500",
        "--hold",
        "--start",
        "2026-01-05",
    ];
    let mock = Mock::start(cwd, &world);
    let sets = "klines_1m,funding";
    rest(cwd, &mock, ("2026-01-05", "2026-01-07"), sets).code(0);
    let now_ms = mock.status()["clock"]["now_us"].as_i64().unwrap() / 1_000;
    for (day, from, until, n) in [
        ("2026-01-05", DAY_MS, NEXT_MS, 1_440),
        ("2026-01-06", NEXT_MS, NEXT_MS + 86_400_000, 60),
    ] {
        let candles = info(
            &mock,
            &json!({"type": "candleSnapshot", "req": {"coin": "SOL", "interval": "1m",
                "startTime": from, "endTime": until - 1}}),
        );
        let mut candles = candles.as_array().unwrap().clone();
        candles.retain(|row| row["T"].as_i64().unwrap() < now_ms);
        let klines = frame(cwd, "klines_1m", day);
        assert_eq!(klines.rows(), n, "{day}");
        let times = |name: &str| -> Vec<i64> {
            let at = |row: &Value| row[name].as_i64().unwrap() * 1_000;
            candles.iter().map(at).collect()
        };
        assert_eq!(klines.ts("ts_open"), times("t"));
        let ends: Vec<i64> = times("T").iter().map(|last| last + 1_000).collect();
        assert_eq!(klines.ts("ts_close"), ends);
        for (ours, theirs) in [
            ("open", "o"),
            ("high", "h"),
            ("low", "l"),
            ("close", "c"),
            ("volume", "v"),
        ] {
            assert_eq!(klines.f64(ours), column(&candles, theirs), "{day} {ours}");
        }
        assert!(column(&candles, "v").iter().any(|v| *v > Some(0.0)));

        let settled = info(
            &mock,
            &json!({"type": "fundingHistory", "coin": "SOL", "startTime": from, "endTime": until - 1}),
        );
        let settled = settled.as_array().unwrap();
        let funding = frame(cwd, "funding", day);
        let times: Vec<i64> = settled
            .iter()
            .map(|row| row["time"].as_i64().unwrap() * 1_000)
            .collect();
        assert_eq!(funding.ts("ts_event"), times);
        assert_eq!(funding.f64("rate"), column(settled, "fundingRate"));
        // Every hour but the one the world began with, and those that have not come yet.
        assert_eq!(settled.len(), if n == 1_440 { 23 } else { 1 });
    }
    // The whole day is there: not even the clock is asked for.
    let before = asked(&mock);
    let again = rest(cwd, &mock, ("2026-01-05", "2026-01-06"), sets).code(0);
    assert_eq!(asked(&mock), before);
    let files = again.json()["files"].as_array().unwrap().clone();
    assert!(files.iter().all(|f| f["status"] == "current"), "{files:?}");
    // A coin the venue has not got is said to be one.
    let url = format!("http://{}", mock.address);
    let none = format!(
        "build-dataset --exchange sim-hyperliquid --market swap --symbol NONE --source rest --base-url {url} \
         --start 2026-01-05 --end 2026-01-06 --datasets klines_1m --lake none"
    );
    run(cwd, &none.split(' ').collect::<Vec<_>>())
        .code(3)
        .says(&["a listed coin"]);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn open_interest_is_the_context_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    // Contexts bear no time and are stamped with their receipt: on the clock of the market, which is years from ours.
    let (day, after) = ("2026-01-05", "2026-01-06");
    let world = [
        "--instrument",
        "um:BTCUSDT:btc,um:SOLUSDT:alt",
        "--history-minutes",
        "12",
        "--hold",
        "--start",
        day,
    ];
    let mock = Mock::start(cwd, &world);
    for samples in 1..=2 {
        rest(cwd, &mock, (day, after), "open_interest").code(0);
        let answer = info(&mock, &json!({"type": "metaAndAssetCtxs"}));
        let universe = answer[0]["universe"].as_array().unwrap();
        let place = universe.iter().position(|c| c["name"] == "SOL").unwrap();
        assert_eq!((place, universe.len()), (1, 2));
        let context = &answer[1][place];
        let (coins, mark) = (number(&context["openInterest"]), number(&context["markPx"]));
        assert!(coins > 0.0);
        let rows = frame(cwd, "open_interest", day);
        // Samples of a day add up.
        assert_eq!(rows.rows(), samples);
        let now_us = mock.status()["clock"]["now_us"].as_i64().unwrap();
        let received = |ts: &i64| (now_us - 1_000..now_us + 60_000_000).contains(ts);
        assert!(rows.ts("ts_event").iter().all(received), "{rows:?}");
        assert_eq!(rows.f64("open_interest"), vec![Some(coins); samples]);
        assert_eq!(rows.f64("notional"), vec![Some(coins * mark); samples]);
    }
}

#[test]
fn polled_books_become_images() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let world = [
        "--instrument",
        "um:SOLUSDT:alt",
        "--history-minutes",
        "5",
        "--hold",
        "--start",
        "2026-01-05",
    ];
    let mock = Mock::start(cwd, &world);
    // As a poller of `/info` records: time of receipt and answer.
    let mut lines = Vec::new();
    let mut books = Vec::new();
    for _ in 0..20 {
        let answer = mock.post("/_mock/clock", &json!({"step_ms": 1_500}));
        assert_eq!(answer.status, 200);
        let book = info(&mock, &json!({"type": "l2Book", "coin": "SOL"}));
        let received = book["time"].as_i64().unwrap() * 1_000_000 + 40_000_000;
        writeln!(lines, "{received} {book}").unwrap();
        books.push(book);
    }
    let file = std::fs::File::create(cwd.join("sol.gz")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(&lines).unwrap();
    gzip.finish().unwrap();
    let args = [
        "--source",
        "recording",
        "--input",
        "sol.gz",
        "--datasets",
        "l2_snapshots",
        "--book-levels",
        "20",
        "--book-images",
        "snapshot",
        "--start",
        "2026-01-05",
        "--end",
        "2026-01-06",
    ];
    build(cwd, &args).code(0);
    let images = frame(cwd, "l2_snapshots", "2026-01-05");
    let times: Vec<i64> = books
        .iter()
        .map(|b| b["time"].as_i64().unwrap() * 1_000)
        .collect();
    assert_eq!(images.ts("ts_event"), times);
    assert!(times.is_sorted_by(|a, b| a < b));
    for (side, name) in [(0, "bid"), (1, "ask")] {
        for level in 0..20 {
            for (field, column) in [("px", "px"), ("sz", "qty")] {
                let shown: Vec<Option<f64>> = books
                    .iter()
                    .map(|b| b["levels"][side][level][field].as_str())
                    .map(|text| text.map(|text| text.parse().unwrap()))
                    .collect();
                assert_eq!(images.f64(&format!("{name}_{column}_{level:02}")), shown);
            }
        }
    }
    let partitions = &manifest(&cwd.join("lake"), &set("l2_snapshots"))["partitions"];
    assert_eq!(partitions[0]["rows"], 20);
}

#[test]
fn names_of_builders_and_of_spot_have_folders_that_every_system_takes() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    for (market, coin, folder) in [("swap", "xyz:TSLA", "xyz%3ATSLA"), ("spot", "@107", "@107")] {
        let line = |second: i64| {
            let time = DAY_MS + second * 1_000;
            let level = json!([{"px": "10.5", "sz": "1.0", "n": 1}]);
            let asks = json!([{"px": "10.6", "sz": "2.0", "n": 1}]);
            let book = json!({"coin": coin, "time": time, "levels": [level, asks]});
            format!("{} {book}\n", time * 1_000_000)
        };
        // One line is no JSON: it goes to the quarantine, which has folders of its own.
        let text = (0..100).map(line).collect::<String>() + "1767571300000000000 {\n";
        std::fs::write(cwd.join("coin.jsonl"), text).unwrap();
        let args = format!(
            "build-dataset --exchange sim-hyperliquid --market {market} --symbol {coin} --source recording --input coin.jsonl \
             --datasets l2_deltas --start 2026-01-05 --end 2026-01-06 --lake lake --json"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let ran = run(cwd, &args);
        let below = format!("{market}/{folder}/l2_deltas");
        let set = format!("raw/sim-hyperliquid/{below}");
        let quarantine = cwd.join("lake/quarantine/sim-hyperliquid").join(&below);
        assert!(quarantine.is_dir(), "{ran:?}");
        let rows = Frame::read(&data_file(&cwd.join("lake"), &set, "2026-01-05"));
        assert_eq!(rows.rows(), 200, "two levels of a hundred books");
        assert_eq!(
            manifest(&cwd.join("lake"), &set)["ingest_params"]["coin"],
            coin
        );
        let again = run(cwd, &args).json();
        assert_eq!(again["files"][0]["status"], "current", "{again}");
    }
    let verified = run(cwd, &["verify", "--lake", "lake"]).code(0);
    assert!(!verified.stdout.contains("unknown"), "{verified:?}");
}
