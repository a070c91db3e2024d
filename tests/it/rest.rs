//! REST history of the mock exchange becomes partitions: as many rows as it serves, no request for what is there, nothing
//! committed under faults.
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int8Type, Int64Type};
use serde_json::Value;

use crate::mock::Mock;
use crate::support::{Frame, Ran, data_file, manifest, run};

/// A day and an hour of one contract, the clock standing still.
const WORLD: [&str; 7] = [
    "--instrument",
    "um:SOLUSDT:alt",
    "--history-minutes",
    "1500",
    "--hold",
    "--start",
    "2026-01-05",
];
const DAY_MS: i64 = 1_767_571_200_000;
const NEXT_MS: i64 = DAY_MS + 86_400_000;

fn build(cwd: &Path, mock: &Mock, market: &str, days: (&str, &str), datasets: &str) -> Ran {
    let url = format!("http://{}", mock.address);
    let mut parts = market.split(' ');
    let mut next = || parts.next().unwrap();
    let (exchange, market, symbol) = (next(), next(), next());
    run(
        cwd,
        &[
            "build-dataset",
            "--exchange",
            exchange,
            "--market",
            market,
            "--symbol",
            symbol,
            "--start",
            days.0,
            "--end",
            days.1,
            "--source",
            "rest",
            "--base-url",
            &url,
            "--datasets",
            datasets,
            "--lake",
            "lake",
            "--json",
        ],
    )
}

const BOTH: (&str, &str) = ("2026-01-05", "2026-01-07");
const UM: &str = "sim-binance um SOLUSDT";

/// Rows of each day of a set.
fn rows(cwd: &Path, set: &str) -> Vec<u64> {
    let manifest = manifest(&cwd.join("lake"), set);
    let partitions = manifest["partitions"].as_array().unwrap();
    partitions
        .iter()
        .map(|p| p["rows"].as_u64().unwrap())
        .collect()
}

/// Requests the mock has answered, but for those that look at it.
fn requests(mock: &Mock) -> Value {
    mock.status()["requests"].clone()
}

fn list(mock: &Mock, path: &str) -> Vec<Value> {
    mock.get(path).json().as_array().unwrap().clone()
}

#[test]
fn as_many_rows_as_are_served_and_no_request_for_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    let sets = "klines_1m,mark_klines,premium_klines,index_klines,funding,open_interest";
    build(cwd, &mock, UM, BOTH, sets).code(0);
    for (set, route, name) in [
        ("klines_1m", "klines", "symbol"),
        ("mark_klines", "markPriceKlines", "symbol"),
        ("premium_klines", "premiumIndexKlines", "symbol"),
        ("index_klines", "indexPriceKlines", "pair"),
    ] {
        let served = |from: i64, until: i64| {
            let path = format!(
                "/fapi/v1/{route}?{name}=SOLUSDT&interval=1m&startTime={from}&endTime={until}&limit=1500"
            );
            let now = mock.status()["clock"]["now_us"].as_i64().unwrap() / 1_000;
            let closed = |row: &&Value| row[6].as_i64().unwrap() < now;
            list(&mock, &path).iter().filter(closed).count() as u64
        };
        let wanted = [served(DAY_MS, NEXT_MS - 1), served(NEXT_MS, NEXT_MS * 2)];
        assert_eq!(
            rows(cwd, &format!("raw/sim-binance/um/SOLUSDT/{set}")),
            wanted,
            "{set}"
        );
        assert_eq!(wanted[0], 1_440);
    }
    let funding = list(
        &mock,
        "/fapi/v1/fundingRate?symbol=SOLUSDT&limit=1000&startTime=1",
    );
    let of_day = |from: i64, until: i64, name: &str, rows: &[Value]| {
        let inside = |row: &&Value| (from..until).contains(&row[name].as_i64().unwrap());
        rows.iter().filter(inside).count() as u64
    };
    assert_eq!(
        rows(cwd, "raw/sim-binance/um/SOLUSDT/funding"),
        [
            of_day(DAY_MS, NEXT_MS, "fundingTime", &funding),
            of_day(NEXT_MS, NEXT_MS * 2, "fundingTime", &funding)
        ]
    );
    let interest = list(
        &mock,
        "/futures/data/openInterestHist?symbol=SOLUSDT&period=5m&limit=500",
    );
    assert_eq!(
        rows(cwd, "raw/sim-binance/um/SOLUSDT/open_interest"),
        [
            of_day(DAY_MS, NEXT_MS, "timestamp", &interest),
            of_day(NEXT_MS, NEXT_MS * 2, "timestamp", &interest)
        ]
    );
    // The whole day is there; only the part of a day is asked for again.
    let before = requests(&mock);
    let again = build(cwd, &mock, UM, ("2026-01-05", "2026-01-06"), sets).code(0);
    assert_eq!(requests(&mock), before);
    let files = again.json()["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), 6);
    assert!(files.iter().all(|f| f["status"] == "current"), "{files:?}");
    build(cwd, &mock, UM, BOTH, "klines_1m").code(0);
    let klines = |seen: &Value| seen["GET /fapi/v1/klines"]["200"].as_u64().unwrap();
    assert_eq!(klines(&requests(&mock)), klines(&before) + 1);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn trades_are_complete_by_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    let today = ("2026-01-06", "2026-01-07");
    build(cwd, &mock, UM, today, "agg_trades").code(0);
    // Ids of aggregates have no holes: the first of the day and the last of all tell how many there are.
    let path = format!(
        "/fapi/v1/aggTrades?symbol=SOLUSDT&limit=1&startTime={NEXT_MS}&endTime={}",
        NEXT_MS + 3_599_999
    );
    let first = list(&mock, &path)[0]["a"].as_u64().unwrap();
    let last = list(&mock, "/fapi/v1/aggTrades?symbol=SOLUSDT&limit=1")[0]["a"]
        .as_u64()
        .unwrap();
    assert_eq!(
        rows(cwd, "raw/sim-binance/um/SOLUSDT/agg_trades"),
        [last - first + 1]
    );
    assert!(last - first > 1_000, "more than one page");
    // The day before yesterday is out of reach, and the answer says where it is.
    build(cwd, &mock, UM, ("2026-01-04", "2026-01-05"), "agg_trades")
        .code(3)
        .says(&["24 h", "--source vision"]);
}

#[test]
fn okx_and_deepcoin_page_backward_and_count_contracts() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    for (exchange, candles, pages) in [
        ("sim-okx", "/api/v5/market/history-candles", 5),
        ("sim-deepcoin", "/deepcoin/market/candles", 5),
    ] {
        let market = format!("{exchange} swap SOL-USDT-SWAP");
        build(
            cwd,
            &mock,
            &market,
            ("2026-01-05", "2026-01-06"),
            "klines_1m,funding",
        )
        .code(0);
        let set = |name: &str| format!("raw/{exchange}/swap/SOL-USDT-SWAP/{name}");
        assert_eq!(rows(cwd, &set("klines_1m")), [1_440]);
        assert_eq!(rows(cwd, &set("funding")), [3]);
        let seen = requests(&mock);
        assert_eq!(seen[format!("GET {candles}")]["200"], pages);
        // What a contract is worth decides the rows, so the manifest tells it.
        let params = manifest(&cwd.join("lake"), &set("klines_1m"))["ingest_params"].clone();
        assert!(
            params["base_per_contract"].as_f64().unwrap() > 0.0,
            "{params}"
        );
        let before = requests(&mock);
        build(
            cwd,
            &mock,
            &market,
            ("2026-01-05", "2026-01-06"),
            "klines_1m,funding",
        )
        .code(0);
        assert_eq!(requests(&mock), before);
    }
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}

/// History without sizes is marked, and bars are made of the klines beside it.
#[test]
fn trades_without_sizes_are_told_of_and_make_no_bars() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    let market = "sim-deepcoin swap SOL-USDT-SWAP";
    let day = ("2026-01-05", "2026-01-06");
    build(cwd, &mock, market, day, "klines_1m,trades").code(0);
    let lake = cwd.join("lake");
    let trades = "raw/sim-deepcoin/swap/SOL-USDT-SWAP/trades";
    let frame = Frame::read(&data_file(&lake, trades, day.0));
    assert!(frame.rows() > 1_000 && frame.f64("qty").iter().all(|q| *q == Some(0.0)));
    let check = "check-data --lake lake --exchange sim-deepcoin --market swap --symbol SOL-USDT-SWAP --json";
    let answer = run(cwd, &check.split_whitespace().collect::<Vec<_>>())
        .code(0)
        .json();
    let findings = answer["findings"].as_array().unwrap();
    let told = findings.iter().filter(|f| f["detector"] == "prices_only");
    assert_eq!(told.count(), 1, "{findings:?}");

    let terms = "instruments:\n  - {exchange: sim-deepcoin, market: swap, symbol: SOL-USDT-SWAP, valid_from: '2019-01-01', valid_to: null, \
                 tick_size: '0.01', lot_size: '1', min_notional: 0.0, contract_value: 1.0, inverse: false, funding_interval_h: 8, \
                 maker_bps: 2.0, taker_bps: 5.0, onboard: null, delist: null, source: test}\n";
    std::fs::write(cwd.join("terms.yaml"), terms).unwrap();
    let config = format!(
        "extends: {}/configs/default.yaml\nrun: {{start: {}, end: {}, warmup_days: 0}}\n\
         instruments: [{{exchange: sim-deepcoin, market: swap, symbol: SOL-USDT-SWAP, role: traded}}]\n\
         paths: {{lake: lake, artifacts: artifacts, instruments: terms.yaml}}\n\
         ingest: {{source: lake, datasets: [klines_1m, trades], synth: null}}\n",
        env!("CARGO_MANIFEST_DIR"),
        day.0,
        day.1
    );
    std::fs::write(cwd.join("run.yaml"), config).unwrap();
    let bars = run(cwd, &["build-bars", "--json", "--config", "run.yaml"])
        .code(0)
        .json();
    let set = format!(
        "bars/sim-deepcoin/swap/SOL-USDT-SWAP/{}",
        bars[0]["bar_set"].as_str().unwrap()
    );
    let frame = Frame::read(&data_file(&lake, &set, day.0));
    let sources = frame.text("bar_source");
    assert!(sources.iter().all(|s| s.as_deref() == Some("klines")));
    assert!(frame.f64("volume").iter().flatten().sum::<f64>() > 0.0);
}

#[test]
fn simulated_history_never_enters_a_real_exchange_nor_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let mock = Mock::start(
        dir.path(),
        &[
            "--instrument",
            "um:SOLUSDT:alt",
            "--history-minutes",
            "5",
            "--hold",
        ],
    );
    build(dir.path(), &mock, "binance um SOLUSDT", BOTH, "klines_1m")
        .code(2)
        .says(&["simulated"]);
    assert!(!dir.path().join("lake/raw").exists());
}

/// The first `n` requests of klines go wrong.
fn plan(kind: &str, params: &str, n: u32) -> String {
    format!(
        "faults:\n- {{kind: {kind}, match: {{path: '/fapi/v1/klines'}}, at: {{request: 1, every: 1}}, times: {n}, params: {params}}}\n"
    )
}

#[test]
fn faults_of_the_host_commit_nothing_and_a_ban_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let day = ("2026-01-05", "2026-01-06");
    for (kind, params, n, code, says) in [
        ("http_html", "{}", 100, 3, "not JSON"),
        ("http_403", "{}", 100, 3, "firewall"),
        ("http_418", "{retry_after: 3600}", 1, 3, "banned"),
        (
            "http_429",
            "{retry_after: 1000000000}",
            1,
            3,
            "wants no requests",
        ),
        ("http_429", "{retry_after: 1}", 1, 0, ""),
        ("short_body", "{keep: 0.5}", 1, 0, ""),
        ("cut_chunked", "{keep: 0.5}", 1, 0, ""),
    ] {
        let inside = tempfile::tempdir_in(cwd).unwrap();
        let cwd = inside.path();
        std::fs::write(cwd.join("plan.yaml"), plan(kind, params, n)).unwrap();
        let args = [&[
            "--instrument",
            "um:SOLUSDT:alt",
            "--history-minutes",
            "30",
            "--hold",
            "--faults",
            "plan.yaml",
        ][..]]
        .concat();
        let mock = Mock::start(cwd, &args);
        let ran = build(cwd, &mock, UM, day, "klines_1m")
            .code(code)
            .says(&[says]);
        let asked = |mock: &Mock| requests(mock)["GET /fapi/v1/klines"].clone();
        if code == 0 {
            assert_eq!(
                rows(cwd, "raw/sim-binance/um/SOLUSDT/klines_1m"),
                [30],
                "{ran:#?}"
            );
            continue;
        }
        assert!(!cwd.join("lake/raw").exists(), "{kind}");
        assert!(!cwd.join("lake/downloads").exists(), "{kind}");
        if matches!(kind, "http_418" | "http_429") {
            let before = requests(&mock);
            build(cwd, &mock, UM, day, "klines_1m")
                .code(3)
                .says(&[says]);
            // Not even whether it is a mock is asked.
            assert_eq!(requests(&mock), before);
        }
        assert!(
            asked(&mock).as_object().unwrap().values().all(|n| n == 1),
            "{kind}"
        );
    }
}

/// The last hours of spot trades, as a session starts with: back from the latest trade, a thousand per request.
#[test]
fn the_last_hours_of_spot_trades_are_whole_days_and_today() {
    use quant_core::market::InstrumentKey;
    use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
    use quant_lake::read::{HashMemo, PartitionSet};
    use quant_lake::schema::Dataset;

    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let world = [
        "--instrument",
        "spot:BTCUSDT:btc",
        "--history-minutes",
        "1500",
        "--hold",
        "--start",
        "2026-01-05",
    ];
    let mock = Mock::start(cwd, &world);
    let url = format!("http://{}", mock.address);
    let last_hours = |hours: &'static str, source: &'static str| {
        let args = format!(
            "build-dataset --exchange sim-binance --market spot --symbol BTCUSDT --source {source} --last-hours {hours} \
             --datasets agg_trades --lake lake --json --base-url {url}"
        );
        run(cwd, &args.split_whitespace().collect::<Vec<_>>())
    };
    let id_of = |query: &str| {
        let path = format!("/api/v3/aggTrades?symbol=BTCUSDT&limit=1{query}");
        list(&mock, &path)[0]["a"].as_i64().unwrap()
    };
    let first_since = |ms: i64| id_of(&format!("&startTime={ms}&endTime={}", ms + 3_599_999));
    let (first, midnight, last) = (first_since(DAY_MS), first_since(NEXT_MS), id_of(""));
    let before = requests(&mock)["GET /api/v3/aggTrades"]["200"]
        .as_u64()
        .unwrap();

    // An hour back from 01:00 is today, whose trades of an hour are a few pages of a thousand.
    last_hours("1", "rest").code(0);
    let set = "raw/sim-binance/spot/BTCUSDT/agg_trades";
    let n_today = u64::try_from(last - midnight + 1).unwrap();
    assert_eq!(rows(cwd, set), [n_today]);
    let asked = requests(&mock)["GET /api/v3/aggTrades"]["200"]
        .as_u64()
        .unwrap()
        - before;
    assert!(
        asked <= n_today / 1_000 + 2,
        "{asked} requests, {n_today} rows"
    );

    // Two days back reaches the days before: one is whole, the one before it has nothing.
    last_hours("48", "rest").code(0);
    let n_whole = u64::try_from(midnight - first).unwrap();
    assert_eq!(rows(cwd, set), [n_whole, n_today]);
    let key = DatasetKey {
        instrument: InstrumentKey {
            exchange: "sim-binance".parse().unwrap(),
            market: "spot".parse().unwrap(),
            symbol: "BTCUSDT".parse().unwrap(),
        },
        dataset: Dataset::AggTrades,
    };
    let lake = Lake::new(cwd.join("lake"));
    let set = PartitionSet::open(&lake, &PartitionSetSpec::raw(&key, 0)).unwrap();
    let (mut ids, mut buys) = (Vec::new(), 0);
    for day in ["2026-01-05", "2026-01-06"] {
        let columns = Some(&["trade_id", "aggressor"][..]);
        let day = day.parse().unwrap();
        for batch in set
            .read_day(day, columns, 65_536, &HashMemo::default())
            .unwrap()
        {
            let batch = batch.unwrap();
            ids.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
            let sides = batch.column(1).as_primitive::<Int8Type>();
            buys += sides.iter().flatten().filter(|side| *side == 1).count();
        }
    }
    assert_eq!(ids, (first..=last).collect::<Vec<_>>());
    assert!(buys > ids.len() / 4 && buys < ids.len() * 3 / 4);

    last_hours("48", "vision").code(2).says(&["--last-hours"]);
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one archive, asked four times in a row"
)]
fn the_archive_of_okx_is_listed_brought_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    run(
        cwd,
        &[
            "synth",
            "--exchange",
            "okx",
            "--days",
            "2",
            "--start",
            "2026-01-04",
            "--out",
            "host",
            "--datasets",
            "trades,klines_1m,funding",
            "--set",
            "trades_per_day=3000",
            "-q",
        ],
    )
    .code(0);
    let args = [
        "--archive",
        "host",
        "--instrument",
        "um:BTCUSDT:btc",
        "--history-minutes",
        "5",
        "--hold",
    ];
    let mock = Mock::start(cwd, &args);
    let url = format!("http://{}", mock.address);
    let hist = |end: &str, more: &[&str]| {
        let base = [
            "build-dataset",
            "--exchange",
            "sim-okx",
            "--market",
            "swap",
            "--symbol",
            "BTC-USDT-SWAP",
            "--start",
            "2026-01-04",
            "--end",
            end,
            "--source",
            "okx_hist",
            "--base-url",
            &url,
            "--datasets",
            "trades,klines_1m,funding",
            "--lake",
            "lake",
            "--json",
        ];
        run(cwd, &[&base[..], more].concat())
    };
    // Without leave to download nothing is brought, and every hole is told.
    let told = hist("2026-01-06", &[]).code(0).stdout;
    assert!(told.contains("--okx-auto-download was not given"), "{told}");
    assert!(!cwd.join("lake/raw").exists());
    hist("2026-01-06", &["--okx-auto-download"]).code(0);
    let set = |name: &str| rows(cwd, &format!("raw/sim-okx/swap/BTC-USDT-SWAP/{name}"));
    assert_eq!(set("funding"), [3, 3]);
    // Days have no file of candles: their month has. Minutes without a trade have no candle.
    let candles = set("klines_1m");
    assert!(
        candles.len() == 2 && candles.iter().all(|n| *n > 1_400),
        "{candles:?}"
    );
    assert!(
        set("trades").iter().all(|n| *n > 1_000),
        "{:?}",
        set("trades")
    );
    let run_of = |name: &str| -> Value {
        let path = cwd.join("lake/cache/okx-hist").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let manifest = run_of("okx_hist_manifest.json");
    // Two UTC days of trades and of funding need three files each.
    assert_eq!(manifest["files"].as_array().unwrap().len(), 7, "{manifest}");
    assert_eq!(manifest["missing"].as_array().unwrap().len(), 0);
    // What the venue said is kept: nothing is listed or brought again.
    let files = |mock: &Mock| {
        let seen = requests(mock);
        let seen = seen.as_object().unwrap().iter();
        let files =
            seen.filter(|(path, _)| path.contains("cdn/") || path.contains("market-data-history"));
        files
            .map(|(_, n)| n["200"].as_u64().unwrap_or(0))
            .sum::<u64>()
    };
    let before = files(&mock);
    hist("2026-01-06", &["--okx-auto-download"]).code(0);
    assert_eq!(files(&mock), before);
    // A day the archive has not got is a hole with a reason.
    let more = ["--okx-auto-download", "--gap-report", "gaps.json"];
    let told = hist("2026-01-08", &more).code(0).stdout;
    assert!(told.contains("the archive names no file"), "{told}");
    let missing = run_of("okx_hist_manifest.json")["missing"].clone();
    let days = |module: u64| -> Vec<String> {
        let of = missing
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["module"] == module);
        of.map(|m| m["day"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(days(1), ["2026-01-07", "2026-01-08"]);
    // The same holes, day by day, for a reader of findings.
    let gaps = crate::support::read_json(&cwd.join("gaps.json"));
    let of_trades: Vec<(&str, &str)> = gaps["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["dataset"] == "trades")
        .map(|f| (f["detector"].as_str().unwrap(), f["day"].as_str().unwrap()))
        .collect();
    // The file of the 7th (UTC+8) has rows of the 6th and the 7th.
    assert_eq!(
        of_trades,
        [
            ("file_not_published", "2026-01-06"),
            ("file_not_published", "2026-01-07"),
            ("file_not_published", "2026-01-07"),
        ]
    );
    assert!(
        gaps["findings"][0]["text"]
            .as_str()
            .unwrap()
            .contains("names no file")
    );
    assert_eq!(run_of("okx_hist_manifest.json")["book_depth"], 400);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}
