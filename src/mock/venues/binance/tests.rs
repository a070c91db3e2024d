//! Binance's rules: weights and bans, errors, pages, routes, envelopes, and books that rebuild by the documented rule.
use super::*;
use crate::mock::venue::{Control, Outbox, Query, WsCx};
use crate::mock::world::tests::{DAY, scribbled};
use quant_core::time::UnixMicros;
use serde_json::Value;
use std::collections::BTreeMap;

const MINUTES: i64 = 20;

fn world() -> World {
    World::new(vec![
        scribbled(Market::Um, 1, MINUTES),
        scribbled(Market::Spot, 2, MINUTES),
    ])
}

fn at(ms: i64) -> UnixMicros {
    UnixMicros(DAY + ms * 1_000)
}

fn cx(world: &World, now: UnixMicros, conn_ms: i64) -> RestCx<'_> {
    RestCx {
        world,
        now,
        book_time: now,
        conn_ms,
        base_url: "http://test",
        archive: None,
    }
}

/// Asks at 10 minutes of simulated time.
fn ask(venue: &Binance, world: &World, url: &str, conn_ms: i64) -> Response {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let query = Query::parse(query);
    let request = Request {
        method: "GET",
        path,
        query: &query,
        host: "",
        body: b"",
    };
    venue.rest(&request, &cx(world, at(600_000), conn_ms))
}

fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| value.as_str())
}

// ---- REST --------------------------------------------------------------------------------------------------

#[test]
fn errors_are_the_venues_own() {
    let world = world();
    let venue = Binance::new(&world);
    for (url, status, code) in [
        ("/fapi/v1/klines?interval=1m", 400, -1102),
        ("/fapi/v1/klines?symbol=&interval=1m", 400, -1102),
        ("/fapi/v1/klines?symbol=NOPE&interval=1m", 400, -1121),
        ("/fapi/v1/klines?symbol=btcusdt&interval=1m", 400, -1121),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        (
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1501",
            400,
            -1130,
        ),
        (
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=0",
            400,
            -1130,
        ),
        (
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=x",
            400,
            -1102,
        ),
        (
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=2&endTime=1",
            400,
            -1023,
        ),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", 400, -4021),
        (
            "/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=1&startTime=1",
            400,
            -1128,
        ),
        (
            "/fapi/v1/aggTrades?symbol=BTCUSDT&startTime=1767571200000&endTime=1767578400000",
            400,
            -1127,
        ),
        (
            "/futures/data/openInterestHist?symbol=BTCUSDT&period=1m",
            400,
            -1130,
        ),
        (
            "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&startTime=1",
            400,
            -1130,
        ),
    ] {
        let answer = ask(&venue, &world, url, 0);
        assert_eq!(answer.status, status, "{url}");
        assert_eq!(json(&answer)["code"], code, "{url}");
    }
    let clamp = ask(
        &venue,
        &world,
        "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&startTime=1",
        0,
    );
    assert_eq!(json(&clamp)["msg"], "parameter 'startTime' is invalid.");
    assert_eq!(ask(&venue, &world, "/fapi/v1/nothing", 0).status, 404);
    let unknown = ask(
        &venue,
        &world,
        "/futures/data/openInterestHist?symbol=NOPE&period=5m",
        0,
    );
    assert_eq!(
        (unknown.status, json(&unknown)),
        (200, serde_json::json!([]))
    );
}

#[test]
fn weights_add_up_until_429_and_going_on_ends_in_418() {
    let world = world();
    let venue = Binance::new(&world);
    let used = |url, conn| {
        let answer = ask(&venue, &world, url, conn);
        header(&answer, "x-mbx-used-weight-1m")
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let mut sum = 0;
    for (url, weight) in [
        ("/fapi/v1/ping", 1),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=99", 1),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=100", 2),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m", 5),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500", 10),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=5", 2),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=100", 5),
        ("/fapi/v1/depth?symbol=BTCUSDT", 10),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20),
        ("/fapi/v1/aggTrades?symbol=BTCUSDT", 20),
        ("/fapi/v1/trades?symbol=BTCUSDT", 5),
        // A bucket of its own.
        ("/fapi/v1/fundingRate?symbol=BTCUSDT", 0),
    ] {
        sum += weight;
        assert_eq!(used(url, 1_000), sum, "{url}");
    }
    assert_eq!(used("/fapi/v1/ping", 60_000), 1, "a new minute");
    for _ in 0..119 {
        ask(
            &venue,
            &world,
            "/fapi/v1/depth?symbol=BTCUSDT&limit=1000",
            61_000,
        );
    }
    assert_eq!(
        used("/fapi/v1/depth?symbol=BTCUSDT&limit=500", 61_000),
        2_391
    );
    let refused = ask(
        &venue,
        &world,
        "/fapi/v1/depth?symbol=BTCUSDT&limit=500",
        90_500,
    );
    assert_eq!(refused.status, 429);
    assert_eq!(json(&refused)["code"], -1003);
    assert_eq!(
        header(&refused, "retry-after"),
        Some("30"),
        "until the minute ends, rounded up"
    );
    for _ in 0..9 {
        assert_eq!(ask(&venue, &world, "/fapi/v1/ping", 91_000).status, 429);
    }
    let banned = ask(&venue, &world, "/fapi/v1/ping", 91_000);
    assert_eq!(
        (banned.status, header(&banned, "retry-after")),
        (418, Some("120"))
    );
    assert_eq!(
        ask(&venue, &world, "/fapi/v1/ping", 121_000).status,
        418,
        "beyond the minute"
    );
    assert_eq!(
        ask(&venue, &world, "/api/v3/ping", 121_000).status,
        200,
        "another host"
    );
    assert_eq!(
        ask(&venue, &world, "/fapi/v1/ping", 211_001).status,
        200,
        "the ban is over"
    );
}

#[test]
fn pages_of_klines_join_without_holes_and_show_nothing_of_the_future() {
    let world = world();
    let venue = Binance::new(&world);
    let page = |query: &str| {
        let url = format!("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&{query}");
        json(&ask(&venue, &world, &url, 0))
            .as_array()
            .unwrap()
            .clone()
    };
    let opens =
        |rows: &[Value]| -> Vec<i64> { rows.iter().map(|r| r[0].as_i64().unwrap()).collect() };
    let all = page("limit=1500");
    let start = DAY / 1_000;
    assert_eq!(
        opens(&all),
        (0..=10).map(|i| start + i * 60_000).collect::<Vec<_>>()
    );
    let (mut walked, mut from) = (Vec::new(), start);
    loop {
        let rows = page(&format!("startTime={from}&limit=4"));
        let Some(last) = rows.last() else { break };
        from = last[0].as_i64().unwrap() + 1;
        walked.extend(rows);
    }
    assert_eq!(walked, all);
    assert_eq!(
        opens(&page("limit=2")),
        [start + 540_000, start + 600_000],
        "the latest"
    );
    assert_eq!(
        opens(&page(&format!("endTime={}&limit=2", start + 120_000))),
        [start + 60_000, start + 120_000]
    );
    let hour = json(&ask(
        &venue,
        &world,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1h",
        0,
    ));
    let volume = |row: &Value| row[5].as_str().unwrap().parse::<f64>().unwrap();
    let sum: f64 = all.iter().map(volume).sum();
    assert!((volume(&hour[0]) - sum).abs() < 1e-9 && hour.as_array().unwrap().len() == 1);
}

#[test]
fn aggregates_page_by_id_and_by_time() {
    let world = world();
    let venue = Binance::new(&world);
    let page = |query: &str| {
        let url = format!("/fapi/v1/aggTrades?symbol=BTCUSDT&{query}");
        json(&ask(&venue, &world, &url, 0))
            .as_array()
            .unwrap()
            .clone()
    };
    let ids =
        |rows: &[Value]| -> Vec<i64> { rows.iter().map(|r| r["a"].as_i64().unwrap()).collect() };
    let (mut walked, mut from) = (Vec::new(), 1);
    loop {
        let rows = ids(&page(&format!("fromId={from}&limit=100")));
        let Some(last) = rows.last() else { break };
        from = last + 1;
        walked.extend(rows);
    }
    assert!(walked.len() > 500 && walked.windows(2).all(|w| w[1] == w[0] + 1));
    let expected = world.instruments()[0].matches(at(0), at(600_000).plus(1));
    assert_eq!(
        *walked.last().unwrap(),
        expected.last().unwrap().agg_id,
        "nothing later than now"
    );
    assert_eq!(ids(&page("limit=3")), walked[walked.len() - 3..]);
    let ms = DAY / 1_000;
    let by_time = ids(&page(&format!(
        "startTime={ms}&endTime={}&limit=1000",
        ms + 59_999
    )));
    let first_minute = world.instruments()[0].matches(at(0), at(60_000));
    assert_eq!(by_time.len(), first_minute.len());
}

#[test]
fn open_interest_pages_backward() {
    let world = world();
    let venue = Binance::new(&world);
    let page = |query: &str| {
        let url = format!("/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&{query}");
        let rows = json(&ask(&venue, &world, &url, 0))
            .as_array()
            .unwrap()
            .clone();
        rows.iter()
            .map(|r| r["timestamp"].as_i64().unwrap() - DAY / 1_000)
            .collect::<Vec<_>>()
    };
    // Asked at 600 s: the period that ended at 600 s is told at 620 s.
    assert_eq!(page(""), [0, 300_000]);
    let start = DAY / 1_000 - 1;
    assert_eq!(
        page(&format!("startTime={start}&limit=1")),
        [300_000],
        "the latest of the range, not the first"
    );
    assert_eq!(
        page(&format!(
            "startTime={start}&endTime={}&limit=1",
            DAY / 1_000 + 299_999
        )),
        [0]
    );
}

// ---- sockets -----------------------------------------------------------------------------------------------

struct Client {
    session: Box<dyn Session>,
    out: Outbox,
    now: UnixMicros,
    conn_ms: i64,
}

impl Client {
    fn open(venue: &Binance, world: &World, url: &str, host: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let query = Query::parse(query);
        let request = Request {
            method: "GET",
            path,
            query: &query,
            host,
            body: b"",
        };
        let session = venue.open(&request, &cx(world, at(0), 0)).unwrap();
        let mut client = Self {
            session,
            out: Outbox::default(),
            now: at(0),
            conn_ms: 0,
        };
        client.with(world, |session, cx| session.on_open(cx));
        client
    }

    fn with(&mut self, world: &World, f: impl FnOnce(&mut dyn Session, &mut WsCx<'_>)) {
        let mut cx = WsCx {
            world,
            now: self.now,
            conn_ms: self.conn_ms,
            out: &mut self.out,
        };
        f(&mut *self.session, &mut cx);
    }

    fn say(&mut self, world: &World, text: &str) -> Vec<Control> {
        self.with(world, |session, cx| session.on_text(text, cx));
        core::mem::take(&mut self.out.controls)
    }

    fn run_to(&mut self, world: &World, now: UnixMicros) -> Vec<Value> {
        self.now = now;
        self.with(world, |session, cx| session.on_advance(cx));
        let frames = core::mem::take(&mut self.out.frames);
        frames
            .iter()
            .map(|f| serde_json::from_str(&f.text).unwrap())
            .collect()
    }

    fn tick(&mut self, world: &World, conn_ms: i64) -> Vec<Control> {
        self.conn_ms = conn_ms;
        self.with(world, |session, cx| session.on_tick(cx));
        core::mem::take(&mut self.out.controls)
    }
}

fn text(controls: &[Control]) -> Value {
    match controls {
        [Control::Text(text)] => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn subscriptions_are_acknowledged_listed_and_ended() {
    let world = world();
    let venue = Binance::new(&world);
    let mut c = Client::open(&venue, &world, "/public/ws", "");
    assert!(!c.session.is_active());
    let ack = c.say(
        &world,
        r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker","nope@depth"],"id":1}"#,
    );
    assert_eq!(ack, [Control::Text(r#"{"result":null,"id":1}"#.to_owned())]);
    assert!(c.session.is_active());
    let frames = c.run_to(&world, at(60_000));
    assert!(!frames.is_empty() && frames.iter().all(|f| f["e"] == "bookTicker"));
    let list = text(&c.say(&world, r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#));
    assert_eq!(
        list["result"],
        serde_json::json!(["btcusdt@bookTicker", "nope@depth"])
    );
    c.say(
        &world,
        r#"{"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"],"id":3}"#,
    );
    assert!(c.run_to(&world, at(120_000)).is_empty());
    for (bad, code) in [
        ("{", 3),
        (r#"{"method":"NOPE","id":1}"#, 2),
        (r#"{"method":"SUBSCRIBE","params":"x","id":1}"#, 2),
        (r#"{"id":1}"#, 2),
    ] {
        c.conn_ms += 1_000;
        assert_eq!(text(&c.say(&world, bad))["error"]["code"], code, "{bad}");
    }
}

#[test]
fn the_2026_routes_carry_their_own_streams_only() {
    let world = world();
    let venue = Binance::new(&world);
    let names = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@kline_1m";
    let book = vec!["bookTicker", "depthUpdate"];
    let market = vec!["aggTrade", "kline", "markPriceUpdate"];
    for (path, host, expected, is_wrapped) in [
        (format!("/public/stream?streams={names}"), "", &book, true),
        (format!("/public/ws/{names}"), "", &book, false),
        (format!("/market/stream?streams={names}"), "", &market, true),
        (format!("/market/ws/{names}"), "", &market, false),
        // Retired: the handshake works, the market streams are silently absent.
        (format!("/um/stream?streams={names}"), "", &book, true),
        (format!("/ws/{names}"), "fstream.binance.com", &book, false),
    ] {
        let mut c = Client::open(&venue, &world, &path, host);
        let frames = c.run_to(&world, at(120_000));
        let mut kinds: Vec<String> = Vec::new();
        for frame in &frames {
            assert_eq!(frame.get("stream").is_some(), is_wrapped, "{path}");
            let data = if is_wrapped { &frame["data"] } else { frame };
            kinds.push(data["e"].as_str().unwrap().to_owned());
        }
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, *expected, "{path}");
    }
    assert!(
        !venue.is_ws("/private/ws") && !venue.is_ws("/fapi/v1/ping") && !venue.is_ws("/public")
    );
    assert!(
        !venue.is_ws("/publicity/ws")
            && !venue.is_ws("/ws/v5/public")
            && venue.is_ws("/um/public/ws")
    );
}

#[test]
fn connections_have_their_limits() {
    let world = world();
    let venue = Binance::new(&world);
    let mut c = Client::open(&venue, &world, "/market/ws", "");
    for i in 0..10 {
        assert!(matches!(
            c.say(
                &world,
                &format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{i}}}"#)
            )[..],
            [Control::Text(_)]
        ));
    }
    assert!(matches!(
        c.say(&world, r#"{"method":"LIST_SUBSCRIPTIONS","id":11}"#)[..],
        [Control::Close(1008, _)]
    ));
    let many: Vec<String> = (0..1_025).map(|i| format!("\"x{i}@depth\"")).collect();
    let mut c = Client::open(&venue, &world, "/public/ws", "");
    let answer = c.say(
        &world,
        &format!(
            r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#,
            many.join(",")
        ),
    );
    assert_eq!(text(&answer)["error"]["code"], 2);
    let answer = c.say(
        &world,
        &format!(
            r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#,
            many[..1_024].join(",")
        ),
    );
    assert_eq!(text(&answer)["result"], Value::Null);
}

#[test]
fn pings_pongs_and_the_24_hour_close() {
    let world = world();
    let venue = Binance::new(&world);
    for (path, every, patience) in [("/public/ws", 180_000, 600_000), ("/ws", 20_000, 60_000)] {
        let mut c = Client::open(&venue, &world, path, "");
        assert!(c.tick(&world, every - 1).is_empty());
        assert!(
            matches!(c.tick(&world, every)[..], [Control::Ping(_)]),
            "{path}"
        );
        assert!(c.tick(&world, every + 1).is_empty());
        // Answered pings keep it alive for a day.
        let mut now = every;
        let mut closing = Vec::new();
        while now < 24 * 3_600_000 {
            c.with(&world, |session, cx| session.on_pong(b"", cx));
            now += every;
            closing = c.tick(&world, now);
        }
        assert!(
            matches!(closing.last(), Some(Control::Close(1001, _))),
            "{path}"
        );
        assert_eq!(
            closing.len(),
            if path == "/ws" { 2 } else { 1 },
            "spot says serverShutdown"
        );
        let mut silent = Client::open(&venue, &world, path, "");
        let cut = (1..100)
            .map(|i| i * every)
            .find(|now| matches!(silent.tick(&world, *now)[..], [Control::Close(1008, _)]));
        assert_eq!(cut, Some((patience / every + 1) * every), "{path}");
    }
}

/// Rebuilds a book from frames by the documented rule of its market, starting from a snapshot taken at `taken`.
fn rebuild(world: &World, is_um: bool, every: &str, opened: i64, taken: i64) -> Option<u64> {
    let venue = Binance::new(world);
    let (path, rest) = if is_um {
        ("/public/ws", "/fapi/v1/depth")
    } else {
        ("/ws", "/api/v3/depth")
    };
    let mut c = Client::open(&venue, world, path, "");
    c.now = at(opened);
    c.say(
        world,
        &format!(r#"{{"method":"SUBSCRIBE","params":["btcusdt@depth{every}"],"id":1}}"#),
    );
    let mut frames = c.run_to(world, at(taken));
    let query = Query::parse("symbol=BTCUSDT&limit=1000");
    let request = Request {
        method: "GET",
        path: rest,
        query: &query,
        host: "",
        body: b"",
    };
    let snapshot = json(&venue.rest(&request, &cx(world, at(taken), 0)));
    let id = snapshot["lastUpdateId"].as_i64().unwrap();
    for step in (taken..900_000).step_by(7_777) {
        frames.extend(c.run_to(world, at(step)));
    }
    let number = |f: &Value, key: &str| f[key].as_i64().unwrap();
    let mut book: [BTreeMap<String, String>; 2] = Default::default();
    let put = |book: &mut [BTreeMap<String, String>; 2], bids: &Value, asks: &Value| {
        for (side, levels) in book.iter_mut().zip([bids, asks]) {
            for level in levels.as_array().unwrap() {
                let (price, qty) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
                if qty.parse::<f64>().unwrap() == 0.0 {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), qty.to_owned());
                }
            }
        }
    };
    put(&mut book, &snapshot["bids"], &snapshot["asks"]);
    frames.retain(|f| {
        if is_um {
            number(f, "u") >= id
        } else {
            number(f, "u") > id
        }
    });
    let first = frames.first()?;
    let fits = if is_um {
        number(first, "U") <= id && id <= number(first, "u")
    } else {
        number(first, "U") <= id + 1 && id < number(first, "u")
    };
    if !fits {
        return None;
    }
    let mut last = None;
    for frame in &frames {
        if let Some(last) = last {
            let chained = if is_um {
                number(frame, "pu") == last
            } else {
                number(frame, "U") == last + 1
            };
            assert!(chained, "break after {last}: {frame}");
            assert!(
                !is_um || number(frame, "U") != last + 1,
                "futures ids are the venue's, not the symbol's"
            );
        }
        put(&mut book, &frame["b"], &frame["a"]);
        last = Some(number(frame, "u"));
    }
    // The end must be the book of the same instant.
    let later = json(&venue.rest(&request, &cx(world, c.now, 0)));
    let mut truth: [BTreeMap<String, String>; 2] = Default::default();
    put(&mut truth, &later["bids"], &later["asks"]);
    let end = c.now.floor_to(100_000);
    if later["lastUpdateId"].as_i64() == last {
        assert_eq!(book, truth, "at {end}");
        return Some(frames.len() as u64);
    }
    Some(0)
}

#[test]
fn books_rebuild_by_the_documented_rule_whenever_the_snapshot_is_taken() {
    let world = world();
    let (mut synced, mut compared) = (0, 0);
    for taken in (200..60_000).step_by(5_003) {
        for every in ["@100ms", "", "@0ms"] {
            for is_um in [true, false] {
                if every == "@0ms" && !is_um {
                    continue;
                }
                // Opened three seconds before: what an honest client does while its request is on the way.
                let opened = (taken - 3_000).max(0);
                if let Some(n) = rebuild(&world, is_um, every, opened, taken) {
                    synced += 1;
                    compared += u64::from(n > 0);
                }
            }
        }
    }
    assert!(synced >= 54, "{synced} of 60 synced");
    assert!(compared >= 8, "{compared} met the snapshot at the end");
}

#[test]
fn an_old_snapshot_does_not_fit() {
    let world = world();
    let venue = Binance::new(&world);
    let request = |query: &Query, book: UnixMicros| {
        let request = Request {
            method: "GET",
            path: "/fapi/v1/depth",
            query,
            host: "",
            body: b"",
        };
        let cx = RestCx {
            book_time: book,
            ..cx(&world, at(100_000), 0)
        };
        json(&venue.rest(&request, &cx))["lastUpdateId"]
            .as_i64()
            .unwrap()
    };
    let query = Query::parse("symbol=BTCUSDT&limit=5");
    assert!(request(&query, at(90_000)) < request(&query, at(100_000)));
}

#[test]
fn frames_ascend_and_do_not_depend_on_how_time_is_cut() {
    let world = world();
    let venue = Binance::new(&world);
    let names = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/btcusdt@depth5@100ms";
    let run = |steps: &[i64]| {
        let mut c = Client::open(
            &venue,
            &world,
            &format!("/public/stream?streams={names}"),
            "",
        );
        let mut out = Vec::new();
        for step in steps {
            c.now = at(*step);
            c.with(&world, |session, cx| session.on_advance(cx));
            let frames = core::mem::take(&mut c.out.frames);
            assert!(frames.iter().all(|f| f.ts <= at(*step)));
            out.extend(frames);
        }
        assert!(out.is_sorted_by_key(|f| f.ts));
        out
    };
    let whole = run(&[300_000]);
    let cut: Vec<i64> = (0..300).map(|i| i * 1_003).chain([300_000]).collect();
    assert!(whole.len() > 3_000);
    assert_eq!(whole, run(&cut));
}

#[test]
fn klines_of_the_stream_are_those_of_rest() {
    let world = world();
    let venue = Binance::new(&world);
    let mut c = Client::open(&venue, &world, "/market/ws/btcusdt@kline_5m", "");
    let frames = c.run_to(&world, at(600_000));
    let closed: Vec<&Value> = frames
        .iter()
        .map(|f| &f["k"])
        .filter(|k| k["x"] == true)
        .collect();
    assert_eq!(closed.len(), 2);
    let rest = json(&ask(
        &venue,
        &world,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=5m",
        0,
    ));
    for (k, row) in closed.iter().zip(rest.as_array().unwrap()) {
        let same = [
            ("t", 0),
            ("o", 1),
            ("h", 2),
            ("l", 3),
            ("c", 4),
            ("v", 5),
            ("T", 6),
            ("q", 7),
            ("n", 8),
            ("V", 9),
            ("Q", 10),
        ];
        for (key, index) in same {
            assert_eq!(k[key], row[index], "{key}");
        }
    }
    let open: Vec<i64> = frames
        .iter()
        .map(|f| f["k"]["t"].as_i64().unwrap())
        .collect();
    assert!(open.is_sorted());
    let known = streams::Kind::parse("kline_1m", Market::Um).is_some();
    assert!(known && streams::Kind::parse("kline_7m", Market::Um).is_none());
    assert!(streams::Kind::parse("forceOrder", Market::Spot).is_none());
}
