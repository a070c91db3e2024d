//! Fetches of one day add up: what a venue shows for a short time only is kept, goes on by ids, and what is lost is a gap.
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

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
const DEEPCOIN: &str = "sim-deepcoin swap SOL-USDT-SWAP trades";
const UM: &str = "sim-binance um SOLUSDT agg_trades";

fn build(cwd: &Path, mock: &Mock, what: &str, days: (&str, &str)) -> Ran {
    let [exchange, market, symbol, dataset] = parts(what);
    let url = format!("http://{}", mock.address);
    let line = format!(
        "build-dataset --exchange {exchange} --market {market} --symbol {symbol} --source rest --base-url {url} --start {} --end {} \
         --datasets {dataset} --lake lake --json",
        days.0, days.1
    );
    run(cwd, &line.split_whitespace().collect::<Vec<_>>())
}

fn parts(what: &str) -> [&str; 4] {
    let found: Vec<&str> = what.split(' ').collect();
    found.try_into().unwrap()
}

fn set(what: &str) -> String {
    format!("raw/{}", what.replace(' ', "/"))
}

fn partition(cwd: &Path, what: &str, day: &str) -> Value {
    let manifest = manifest(&cwd.join("lake"), &set(what));
    let partitions = manifest["partitions"].as_array().unwrap().clone();
    partitions.into_iter().find(|p| p["date"] == day).unwrap()
}

fn ids(cwd: &Path, what: &str, day: &str) -> Vec<i64> {
    let frame = Frame::read(&data_file(&cwd.join("lake"), &set(what), day));
    frame.i64("trade_id")
}

/// How often a route was asked.
fn asked(mock: &Mock, route: &str) -> u64 {
    let requests = mock.status()["requests"].clone();
    let of = requests.get(format!("GET {route}")).cloned();
    let counts = of.iter().flat_map(|v| v.as_object().unwrap().values());
    counts.filter_map(Value::as_u64).sum()
}

fn step(mock: &Mock, ms: i64) {
    let answer = mock.post("/_mock/clock", &json!({"step_ms": ms}));
    assert_eq!(answer.status, 200);
}

/// The latest trades as the venue shows them: id, time and price.
fn latest(mock: &Mock) -> BTreeMap<i64, (i64, f64)> {
    let path = "/deepcoin/market/trades?instId=SOL-USDT-SWAP&productGroup=SwapU&limit=500";
    // The route is limited to a request a second, and the program has just asked it.
    let answer = (0..20).find_map(|_| {
        let answer = mock.get(path).json();
        if answer["data"].is_array() {
            return Some(answer);
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        None
    });
    let answer = answer.unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = answer["data"].as_array().unwrap().iter();
    let row = |row: &Value| {
        let ts: i64 = text(row, "ts").parse().unwrap();
        let id = text(row, "tradeId").parse().unwrap();
        (id, (ts, text(row, "px").parse().unwrap()))
    };
    rows.map(row).collect()
}

#[test]
fn the_latest_trades_add_up_and_no_history_without_sizes_takes_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    let (today, tomorrow) = ("2026-01-06", "2026-01-07");
    let (mut wanted, mut gaps, mut n_sources) = (BTreeMap::new(), 0, 0);
    let mut add = |mock: &Mock| {
        let shown = latest(mock);
        let first = *shown.keys().next().unwrap();
        let ours: BTreeMap<i64, (i64, f64)> = shown
            .iter()
            .filter(|(_, row)| (NEXT_MS..NEXT_MS + 86_400_000).contains(&row.0))
            .map(|(id, row)| (*id, *row))
            .collect();
        gaps += match wanted.keys().next_back() {
            Some(last) => u64::from(first > last + 1),
            None => u64::from(shown.len() == 500 && shown[&first].0 > NEXT_MS),
        };
        wanted.extend(ours);
        (wanted.keys().copied().collect::<Vec<_>>(), gaps)
    };
    // Pauses without a hole, then one with.
    for pause in [0, 60_000, 7_200_000, 60_000] {
        step(&mock, pause);
        let (held, gaps) = add(&mock);
        build(cwd, &mock, DEEPCOIN, (today, tomorrow)).code(0);
        n_sources += 1;
        assert_eq!(ids(cwd, DEEPCOIN, today), held, "after {pause} ms");
        let now = partition(cwd, DEEPCOIN, today);
        assert_eq!(now["quality"]["gaps"], gaps, "after {pause} ms");
        assert_eq!(now["sources"].as_array().unwrap().len(), n_sources);
        let q = |name: &str| now["quality"][name].as_u64().unwrap();
        assert_eq!(
            now["rows_in"].as_u64().unwrap(),
            held.len() as u64 + q("duplicates") + q("filtered") + q("quarantined")
        );
        // The same answer changes nothing.
        let again = build(cwd, &mock, DEEPCOIN, (today, tomorrow))
            .code(0)
            .json();
        assert_eq!(again["files"][0]["status"], "current", "{again}");
        assert_eq!(partition(cwd, DEEPCOIN, today), now);
    }
    let (held, before) = add(&mock);
    assert!(before > 0, "two hours have more than 500 trades");
    let frame = Frame::read(&data_file(&cwd.join("lake"), &set(DEEPCOIN), today));
    assert!(frame.f64("qty").iter().all(|q| *q > Some(0.0)));

    // Just after midnight the latest trades are still of the day before, and end it.
    let now_ms = mock.status()["clock"]["now_us"].as_i64().unwrap() / 1_000;
    step(&mock, NEXT_MS + 86_400_000 + 5_000 - now_ms);
    let (ended, gaps) = add(&mock);
    assert!(
        ended.len() > held.len(),
        "some of them are of the day before"
    );
    let told = build(cwd, &mock, DEEPCOIN, (today, tomorrow)).code(0);
    assert!(told.stdout.contains("have sizes and are kept"), "{told:?}");
    assert_eq!(ids(cwd, DEEPCOIN, today), ended);
    let closed = partition(cwd, DEEPCOIN, today);
    assert_eq!(closed["quality"]["gaps"], gaps);
    // From then on nothing is asked, and the history without sizes never was.
    let n = asked(&mock, "/deepcoin/market/trades");
    let told = build(cwd, &mock, DEEPCOIN, (today, tomorrow)).code(0);
    assert!(told.stdout.contains("have sizes and are kept"), "{told:?}");
    assert_eq!(asked(&mock, "/deepcoin/market/trades"), n);
    assert_eq!(asked(&mock, "/deepcoin/market/handicap-trade"), 0);
    assert_eq!(partition(cwd, DEEPCOIN, today), closed);
    // A day of which nothing is held has prices only.
    build(cwd, &mock, DEEPCOIN, ("2026-01-05", today)).code(0);
    assert!(asked(&mock, "/deepcoin/market/handicap-trade") > 0);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}

fn first_id(mock: &Mock, from_ms: i64) -> i64 {
    let path = format!(
        "/fapi/v1/aggTrades?symbol=SOLUSDT&limit=1&startTime={from_ms}&endTime={}",
        from_ms + 3_599_999
    );
    mock.get(&path).json()[0]["a"].as_i64().unwrap()
}

fn last_id(mock: &Mock) -> i64 {
    let path = "/fapi/v1/aggTrades?symbol=SOLUSDT&limit=1";
    mock.get(path).json()[0]["a"].as_i64().unwrap()
}

#[test]
fn a_day_of_aggregates_goes_on_by_id_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let mock = Mock::start(cwd, &WORLD);
    let (yesterday, today, tomorrow) = ("2026-01-05", "2026-01-06", "2026-01-07");
    let route = "/fapi/v1/aggTrades";
    // It is one o'clock: an hour of yesterday is out of reach, the rest is not.
    let first_today = first_id(&mock, NEXT_MS);
    let in_reach = first_id(&mock, DAY_MS + 3_600_000 + 10_000);
    let told = build(cwd, &mock, UM, (yesterday, tomorrow)).code(0);
    assert!(told.stdout.contains("a gap: the day before"), "{told:?}");
    let all = |from: i64, until: i64| (from..until).collect::<Vec<_>>();
    // From the moment on that is surely in reach when the request arrives.
    let held = ids(cwd, UM, yesterday);
    let late = first_id(&mock, DAY_MS + 3_600_000 + 120_000);
    assert!(
        (in_reach..late).contains(&held[0]),
        "{in_reach} {late} {}",
        held[0]
    );
    assert_eq!(held, all(held[0], first_today));
    assert_eq!(partition(cwd, UM, yesterday)["quality"]["gaps"], 1);
    assert_eq!(ids(cwd, UM, today), all(first_today, last_id(&mock) + 1));
    // Yesterday is done with; today goes on from the last id: a page, and an empty one.
    let before = partition(cwd, UM, today);
    let n = asked(&mock, route);
    let again = build(cwd, &mock, UM, (yesterday, tomorrow)).code(0).json();
    assert_eq!(asked(&mock, route), n + 1, "{again}");
    assert!(
        again["files"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["status"] == "current")
    );
    assert_eq!(partition(cwd, UM, today), before);
    step(&mock, 60_000);
    let n = asked(&mock, route);
    build(cwd, &mock, UM, (yesterday, tomorrow)).code(0);
    assert!(asked(&mock, route) <= n + 2);
    assert_eq!(ids(cwd, UM, today), all(first_today, last_id(&mock) + 1));
    // In the night its rest is still within reach, and only that is asked for.
    let now_ms = mock.status()["clock"]["now_us"].as_i64().unwrap() / 1_000;
    step(&mock, NEXT_MS + 86_400_000 + 1_800_000 - now_ms);
    let end = first_id(&mock, NEXT_MS + 86_400_000);
    let (n, held) = (asked(&mock, route), ids(cwd, UM, today).len() as u64);
    build(cwd, &mock, UM, (today, tomorrow)).code(0);
    assert_eq!(ids(cwd, UM, today), all(first_today, end));
    let rest = (end - first_today).unsigned_abs() - held;
    assert!(
        asked(&mock, route) - n <= rest / 1_000 + 2,
        "{rest} more rows"
    );
    let whole = partition(cwd, UM, today);
    assert_eq!(whole["quality"]["gaps"], 0);
    assert_eq!(whole["sources"].as_array().unwrap().len(), 3);
    let n = asked(&mock, route);
    build(cwd, &mock, UM, (today, tomorrow)).code(0);
    assert_eq!(asked(&mock, route), n);
    assert_eq!(partition(cwd, UM, today), whole);
    // Half an hour of the next day is held, and then nobody asks for two days: the rest is a gap, and told once.
    let (day, after) = (tomorrow, "2026-01-08");
    build(cwd, &mock, UM, (day, after)).code(0);
    let part = partition(cwd, UM, day);
    step(&mock, 2 * 86_400_000);
    let told = build(cwd, &mock, UM, (day, after)).code(0);
    assert!(
        told.stdout.contains("a gap: the rest of the day"),
        "{told:?}"
    );
    let closed = partition(cwd, UM, day);
    for same in ["rows", "content_sha256", "sources", "rows_in"] {
        assert_eq!(closed[same], part[same], "{same}");
    }
    assert_eq!(closed["quality"]["gaps"], 1);
    build(cwd, &mock, UM, (day, after)).code(0);
    assert_eq!(partition(cwd, UM, day), closed);
    // A day of which nothing is held and nothing can be had is refused by name.
    build(cwd, &mock, UM, (after, "2026-01-09")).code(0);
    std::fs::remove_dir_all(cwd.join("lake")).unwrap();
    build(cwd, &mock, UM, (day, after))
        .code(3)
        .says(&["24 h", "--source vision"]);
}
