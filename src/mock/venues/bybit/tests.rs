//! Bybit's rules: pages and the address limit, topics, update ids, re-sent depth 1, heartbeats.

use serde_json::{Value, json};

use super::*;
use crate::mock::venues::parts::tests::{Client, Wire, ask, ask_at, at, quiet_world, world};
use crate::mock::world::tests::DAY;

const START_MS: i64 = DAY / 1_000;
const LINEAR: &str = "category=linear&symbol=BTCUSDT";

fn list(answer: &Value) -> &Vec<Value> {
    assert_eq!(answer["retCode"], 0, "{answer}");
    answer["result"]["list"].as_array().unwrap()
}

fn int(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn refusals() {
    let world = world();
    let venue = Bybit::new(&world);
    for url in [
        "/v5/market/kline?category=linear&symbol=NOPE&interval=1",
        "/v5/market/kline?category=fish&symbol=BTCUSDT&interval=1",
        "/v5/market/kline?category=linear&symbol=BTCUSDT",
        "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1&start=x",
        "/v5/market/funding/history?category=linear&symbol=BTCUSDT&startTime=5",
        "/v5/market/funding/history?category=spot&symbol=BTCUSDT",
        "/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=1min",
        "/v5/market/instruments-info?category=linear&symbol=NOPE",
    ] {
        let (status, body) = ask(&venue, &world, url);
        assert_eq!((status, &body["retCode"]), (200, &10_001.into()), "{url}");
        assert_eq!(body["result"], json!({}));
    }
    assert_eq!(
        ask_at(&venue, &world, "/v5/market/none", at(0), 0).status,
        404
    );
}

#[test]
fn an_address_over_its_limit_is_out_for_ten_minutes() {
    let world = world();
    let venue = Bybit::new(&world);
    let status = |conn_ms| ask_at(&venue, &world, "/v5/market/time", at(0), conn_ms).status;
    assert!((0..600).all(|_| status(100_000) == 200));
    assert_eq!(status(100_001), 403);
    assert_eq!(status(100_001 + 599_999), 403);
    assert_eq!(status(100_001 + 600_000), 200);
}

#[test]
fn klines_are_newest_first_between_their_bounds() {
    let world = world();
    let venue = Bybit::new(&world);
    let opens = |url: &str| -> Vec<i64> {
        let (_, body) = ask(&venue, &world, url);
        list(&body)
            .iter()
            .map(|r| (int(&r[0]) - START_MS) / 60_000)
            .collect()
    };
    let base = format!("/v5/market/kline?{LINEAR}&interval=1");
    assert_eq!(opens(&base), (0..=10).rev().collect::<Vec<_>>());
    assert_eq!(opens(&format!("{base}&limit=3")), [10, 9, 8]);
    let bounds = format!("&start={}&end={}", START_MS + 120_000, START_MS + 300_000);
    assert_eq!(opens(&format!("{base}{bounds}")), [5, 4, 3, 2]);
    assert_eq!(opens(&format!("{base}{bounds}&limit=2")), [5, 4]);
    assert_eq!(
        opens(&format!("/v5/market/kline?{LINEAR}&interval=5")),
        [10, 5, 0]
    );
    assert_eq!(
        opens(&format!(
            "/v5/market/mark-price-kline?{LINEAR}&interval=1&limit=2"
        )),
        [10, 9]
    );
    let (_, body) = ask(
        &venue,
        &world,
        &format!("/v5/market/premium-index-price-kline?{LINEAR}&interval=1&limit=1"),
    );
    assert_eq!(list(&body)[0][1], "-0.000017");
    let (_, body) = ask(&venue, &world, &format!("{base}&limit=2"));
    let kline = world.instruments()[0].klines_1m(at(540_000), at(600_000), at(600_000))[0];
    let row = &list(&body)[1];
    let volume: f64 = row[5].as_str().unwrap().parse().unwrap();
    assert!((volume - world.instruments()[0].qty(kline.lots)).abs() < 1e-9);
}

#[test]
fn pages_of_the_moment() {
    let world = world();
    let venue = Bybit::new(&world);
    let of = &world.instruments()[0];
    let (_, body) = ask(
        &venue,
        &world,
        &format!("/v5/market/orderbook?{LINEAR}&limit=6"),
    );
    let image = of.book_at(at(600_000)).unwrap();
    let mut client = Client::default();
    client.apply(&body["result"]["b"], &body["result"]["a"]);
    client.assert_is(&Client::of(of, &image.book, 6, 1.0), "REST book");
    assert_eq!(body["result"]["seq"], image.last_id);
    let (_, body) = ask(
        &venue,
        &world,
        &format!("/v5/market/recent-trade?{LINEAR}&limit=4"),
    );
    let matches = of.matches(at(0), at(600_000).plus(1));
    let stamps: Vec<i64> = list(&body).iter().map(|r| int(&r["time"])).collect();
    let expected: Vec<i64> = matches
        .iter()
        .rev()
        .take(4)
        .map(|m| m.ts.0 / 1_000)
        .collect();
    assert_eq!(stamps, expected);
    let (_, body) = ask(&venue, &world, "/v5/market/instruments-info?category=spot");
    assert_eq!(list(&body)[0]["lotSizeFilter"]["basePrecision"], "0.001");
    let (_, body) = ask(
        &venue,
        &world,
        "/v5/market/instruments-info?category=inverse",
    );
    assert!(list(&body).is_empty());
    let (_, body) = ask(
        &venue,
        &world,
        &format!("/v5/market/funding/history?{LINEAR}"),
    );
    assert_eq!(list(&body)[0]["fundingRate"], "0.0001");
    // Published at 20 s and at 320 s; the one at 600 s is not known yet.
    let url = format!("/v5/market/open-interest?{LINEAR}&intervalTime=5min&limit=1");
    let (_, first) = ask(&venue, &world, &url);
    assert_eq!(int(&list(&first)[0]["timestamp"]), START_MS + 300_000);
    let cursor = first["result"]["nextPageCursor"].as_str().unwrap();
    let (_, second) = ask(&venue, &world, &format!("{url}&cursor={cursor}"));
    assert_eq!(int(&list(&second)[0]["timestamp"]), START_MS);
    assert_eq!(second["result"]["nextPageCursor"], "");
}

fn subscribe(topics: &[&str]) -> String {
    json!({"req_id": "r", "op": "subscribe", "args": topics}).to_string()
}

#[test]
fn books_count_and_rebuild() {
    let world = world();
    let venue = Bybit::new(&world);
    for (path, index) in [("/v5/public/linear", 0), ("/v5/public/spot", 1)] {
        for (depth, every_ms) in [(50, 20), (200, 100), (1_000, 200)] {
            let key = format!("orderbook.{depth}.BTCUSDT");
            let mut wire = Wire::open(&venue, &world, path, at(65_432));
            let ack: Value = serde_json::from_str(&wire.say(&subscribe(&[&key]))[0]).unwrap();
            assert_eq!(ack["success"], true);
            wire.run_to(at(200_000));
            let of = &world.instruments()[index];
            let frames = wire.stream(&key);
            assert!(frames.len() > 200);
            let mut client = Client::default();
            let first_u = frames[0].1["data"]["u"].as_i64().unwrap();
            let mut last_seq = 0;
            for (i, (ts, frame)) in frames.iter().enumerate() {
                assert_eq!(frame["type"], if i == 0 { "snapshot" } else { "delta" });
                assert_eq!(frame["ts"], ts.0 / 1_000);
                let data = &frame["data"];
                assert_eq!(data["u"], first_u + i64::try_from(i).unwrap());
                let seq = data["seq"].as_i64().unwrap();
                assert!(seq >= last_seq && first_u != 1);
                last_seq = seq;
                client.apply(&data["b"], &data["a"]);
                let image = of.book_at(ts.floor_to(every_ms * 1_000).plus(-1)).unwrap();
                client.assert_is(&Client::of(of, &image.book, depth, 1.0), &key);
                assert!(frame["cts"].as_i64().unwrap() <= image.ts.0 / 1_000);
            }
        }
    }
}

#[test]
fn depth_one_is_sent_again_when_idle() {
    let world = quiet_world(&[10_000, 70_005]);
    let venue = Bybit::new(&world);
    let mut wire = Wire::open(&venue, &world, "/v5/public/linear", at(65_000));
    wire.say(&subscribe(&["orderbook.1.BTCUSDT"]));
    wire.run_to(at(80_000));
    let frames: Vec<(i64, i64, String)> = wire
        .stream("orderbook.1.BTCUSDT")
        .iter()
        .map(|(ts, f)| {
            assert_eq!(f["type"], "snapshot");
            let u = f["data"]["u"].as_i64().unwrap();
            (
                (ts.0 - DAY) / 1_000,
                u,
                f["data"]["b"][0][1].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let of = |ms, u, size: &str| (ms, u, size.to_owned());
    assert_eq!(
        frames,
        [
            of(65_000, 50, "0.020"),
            of(68_000, 50, "0.020"),
            of(70_010, 51, "0.021"),
            of(73_010, 51, "0.021"),
            of(76_010, 51, "0.021"),
            of(79_010, 51, "0.021"),
        ]
    );
    assert!(
        wire.frames[0]
            .text
            .starts_with(r#"{"topic":"orderbook.1.BTCUSDT","ts":"#)
    );
}

#[test]
fn every_trade_is_told_once() {
    let world = world();
    let venue = Bybit::new(&world);
    for (path, index) in [("/v5/public/linear", 0), ("/v5/public/spot", 1)] {
        let start = at(65_432);
        let mut wire = Wire::open(&venue, &world, path, start);
        wire.say(&subscribe(&[
            "publicTrade.BTCUSDT",
            "kline.1.BTCUSDT",
            "tickers.BTCUSDT",
        ]));
        wire.run_to(at(300_000));
        let of = &world.instruments()[index];
        let rows: Vec<Value> = wire
            .stream("publicTrade.BTCUSDT")
            .iter()
            .flat_map(|(_, f)| f["data"].as_array().unwrap().clone())
            .collect();
        // A trade is sent a millisecond after its match.
        let matches = of.matches(start.plus(-999), at(299_999).plus(1));
        let ids: Vec<i64> = rows.iter().map(|r| r["seq"].as_i64().unwrap()).collect();
        assert_eq!(ids, matches.iter().map(|m| m.update_id).collect::<Vec<_>>());
        let sizes: f64 = rows
            .iter()
            .map(|r| r["v"].as_str().unwrap().parse::<f64>().unwrap())
            .sum();
        let lots = matches.iter().map(|m| m.qty_lots).sum();
        assert!((sizes - of.qty(lots)).abs() < 1e-6);
        let klines = wire.stream("kline.1.BTCUSDT");
        let closed = klines
            .iter()
            .filter(|(_, f)| f["data"][0]["confirm"] == true)
            .count();
        assert_eq!(closed, 4);
        let tickers = wire.stream("tickers.BTCUSDT");
        assert_eq!(tickers[0].1["type"], "snapshot");
        assert!(tickers.len() > 50);
        let kind = if index == 0 { "delta" } else { "snapshot" };
        assert!(tickers[1..].iter().all(|(_, f)| f["type"] == kind));
    }
}

#[test]
fn ticker_deltas_add_up_to_the_state() {
    let world = world();
    let venue = Bybit::new(&world);
    let mut wire = Wire::open(&venue, &world, "/v5/public/linear", at(65_432));
    wire.say(&subscribe(&["tickers.BTCUSDT"]));
    wire.run_to(at(250_000));
    let frames = wire.stream("tickers.BTCUSDT");
    let mut state = frames[0].1["data"].clone();
    for (_, frame) in &frames[1..] {
        for (key, value) in frame["data"].as_object().unwrap() {
            state[key] = value.clone();
        }
    }
    let of = &world.instruments()[0];
    let end = frames.last().unwrap().0.plus(-1);
    let book = of.book_at(end).unwrap().book;
    let best = book.best(Side::Buy).unwrap();
    let number = |key: &str| state[key].as_str().unwrap().parse::<f64>().unwrap();
    assert!((number("bid1Price") - of.price(best.0)).abs() < 1e-9);
    assert!((number("bid1Size") - of.qty(best.1)).abs() < 1e-9);
    let last = of.matches(at(0), end.plus(1)).last().unwrap().price_ticks;
    assert!((number("lastPrice") - of.price(last)).abs() < 1e-9);
    let lots: i64 = of
        .matches(at(0), end.plus(1))
        .iter()
        .map(|m| m.qty_lots)
        .sum();
    assert!((number("volume24h") - of.qty(lots)).abs() < 1e-3);
}

#[test]
fn requests_and_heartbeats() {
    let world = world();
    let venue = Bybit::new(&world);
    let mut linear = Wire::open(&venue, &world, "/v5/public/linear", at(60_000));
    let pong: Value =
        serde_json::from_str(&linear.say(r#"{"op":"ping","req_id":"5"}"#)[0]).unwrap();
    assert_eq!(
        (&pong["ret_msg"], &pong["op"], &pong["req_id"]),
        (&"pong".into(), &"ping".into(), &"5".into())
    );
    for bad in [
        "nonsense".to_owned(),
        r#"{"op":"subscribe"}"#.to_owned(),
        r#"{"op":"dance","args":[]}"#.to_owned(),
        subscribe(&["orderbook.500.BTCUSDT"]),
        subscribe(&["publicTrade.NOPE"]),
        // One unknown topic refuses the whole request.
        subscribe(&["publicTrade.BTCUSDT", "what.BTCUSDT"]),
    ] {
        let answer: Value = serde_json::from_str(&linear.say(&bad)[0]).unwrap();
        assert_eq!(answer["success"], false, "{bad}");
    }
    assert!(!linear.session.is_active());
    let eleven = vec!["publicTrade.BTCUSDT"; 11];
    let answer = linear.say(&subscribe(&eleven));
    assert!(answer[0].contains("\"success\":true"));
    let mut spot = Wire::open(&venue, &world, "/v5/public/spot", at(60_000));
    assert!(spot.say(&subscribe(&eleven))[0].contains("args size >10"));
    assert!(spot.say(&subscribe(&["allLiquidation.BTCUSDT"]))[0].contains("\"success\":false"));
    linear.say(r#"{"op":"unsubscribe","args":["publicTrade.BTCUSDT"]}"#);
    assert!(!linear.session.is_active());
    linear.wait(600_000);
    assert!(linear.closed.is_none());
    linear.wait(1);
    assert!(linear.closed.is_some());
    assert!(!venue.is_ws("/v5/public/fish") && !venue.is_ws("/v5/market/time"));
}
