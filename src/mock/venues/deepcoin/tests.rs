//! Deepcoin's rules: contracts, pages of milliseconds and of seconds, one request per second.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::mock::venues::parts::tests::{Client, ask, ask_at, at, world};
use crate::mock::world::tests::DAY;

const START_MS: i64 = DAY / 1_000;
const SWAP: &str = "BTC-USDT-SWAP";

fn data(answer: &(u16, Value)) -> &Value {
    assert_eq!(
        (answer.0, &answer.1["code"]),
        (200, &"0".into()),
        "{answer:?}"
    );
    &answer.1["data"]
}

fn int(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn one_request_per_second() {
    let world = world();
    let venue = Deepcoin::new(&world);
    let url = format!("/deepcoin/market/trades?instId={SWAP}&productGroup=SwapU");
    let status = |conn_ms| ask_at(&venue, &world, &url, at(60_000), conn_ms).status;
    assert_eq!(
        (status(5_000), status(5_999), status(6_000)),
        (200, 429, 200)
    );
    let time = |conn_ms| {
        ask_at(
            &venue,
            &world,
            "/deepcoin/v2/market/time",
            at(60_000),
            conn_ms,
        )
        .status
    };
    assert!((0..5).all(|_| time(7_000) == 200));
    assert_eq!(time(7_000), 429);
}

#[test]
fn refusals() {
    let world = world();
    let venue = Deepcoin::new(&world);
    for url in [
        "/deepcoin/market/candles?instId=NOPE",
        "/deepcoin/market/candles?instId=BTC-USDT-SWAP&bar=1M",
        "/deepcoin/market/candles?instId=BTC-USDT-SWAP&bar=1h",
        "/deepcoin/market/trades?instId=BTC-USDT-SWAP&productGroup=Spot",
        "/deepcoin/market/instruments",
        "/deepcoin/market/handicap-trade?symbol=BTCUSDT&limit=5",
        "/deepcoin/market/handicap-trade?symbol=BTCUSDT&stime=1&limit=2001",
        "/deepcoin/trade/fund-rate/history?instId=BTC-USDT",
    ] {
        let answer = ask(&venue, &world, url);
        assert_eq!(answer.1["code"], "51000", "{url}");
    }
    assert_eq!(
        ask_at(&venue, &world, "/deepcoin/none", at(0), 0).status,
        404
    );
}

#[test]
fn candles_page_backward_and_count_contracts() {
    let world = world();
    let venue = Deepcoin::new(&world);
    let mut seen = BTreeSet::new();
    let mut after = START_MS + 600_000;
    loop {
        let answer = ask(
            &venue,
            &world,
            &format!("/deepcoin/market/candles?instId={SWAP}&limit=4&after={after}"),
        );
        let rows = data(&answer).as_array().unwrap();
        let Some(last) = rows.last() else { break };
        for row in rows {
            assert!(seen.insert((int(&row[0]) - START_MS) / 60_000));
        }
        after = int(&last[0]);
    }
    assert_eq!(seen, (0..10).collect());
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/market/candles?instId={SWAP}&limit=2"),
    );
    let kline = world.instruments()[0].klines_1m(at(540_000), at(600_000), at(600_000))[0];
    assert_eq!(
        int(&data(&answer)[1][5]),
        kline.lots,
        "contracts of one lot"
    );
    let answer = ask(&venue, &world, "/deepcoin/market/instruments?instType=SWAP");
    assert_eq!(
        (&data(&answer)[0]["ctVal"], &data(&answer)[0]["lotSz"]),
        (&"0.001".into(), &"1".into())
    );
}

#[test]
fn current_pages() {
    let world = world();
    let venue = Deepcoin::new(&world);
    let of = &world.instruments()[0];
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/market/books?instId={SWAP}&sz=5"),
    );
    let mut client = Client::default();
    client.apply(&data(&answer)["bids"], &data(&answer)["asks"]);
    let image = of.book_at(at(600_000)).unwrap();
    client.assert_is(&Client::of(of, &image.book, 5, 0.001), "REST book");
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/market/trades?instId={SWAP}&productGroup=SwapU&limit=3"),
    );
    let ids: Vec<i64> = data(&answer)
        .as_array()
        .unwrap()
        .iter()
        .map(|r| int(&r["tradeId"]))
        .collect();
    let matches = of.matches(at(0), at(600_000).plus(1));
    assert_eq!(
        ids,
        matches
            .iter()
            .rev()
            .take(3)
            .map(|m| m.id)
            .collect::<Vec<_>>()
    );
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/market/mark-price?instId={SWAP}"),
    );
    assert_eq!(data(&answer)[0]["markPx"], "60000");
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/trade/fund-rate/history?instId={SWAP}"),
    );
    assert_eq!(data(&answer)["list"][0]["CreateTime"], START_MS / 1_000);
    let answer = ask(
        &venue,
        &world,
        &format!("/deepcoin/trade/fund-rate/history?instId={SWAP}&page=2"),
    );
    assert!(data(&answer)["list"].as_array().unwrap().is_empty());
}

#[test]
fn history_pages_lead_on_by_their_etime() {
    let world = world();
    let venue = Deepcoin::new(&world);
    let of = &world.instruments()[0];
    let start_s = START_MS / 1_000;
    let until_s = start_s + 300;
    let mut ids = BTreeSet::new();
    let mut stime = start_s;
    loop {
        let url = format!(
            "/deepcoin/market/handicap-trade?symbol=BTCUSDT&stime={stime}&etime={until_s}&limit=100"
        );
        let answer = ask(&venue, &world, &url);
        let rows = data(&answer)["data"].as_array().unwrap();
        // The page's last second comes again on the next one: rows of one second may be split.
        ids.extend(rows.iter().map(|r| int(&r["trade_id"])));
        assert!(
            rows.iter()
                .all(|r| r.get("size").is_none() && r["timestamp"].is_i64())
        );
        let etime = data(&answer)["etime"].as_i64().unwrap();
        if etime >= until_s {
            break;
        }
        assert!(etime > stime);
        stime = etime;
    }
    let matches = of.matches(at(0), at(301_000));
    assert_eq!(ids, matches.iter().map(|m| m.id).collect());

    let url = format!("/deepcoin/market/handicap-kline1m?symbol={SWAP}&stime={start_s}&limit=3");
    let answer = ask(&venue, &world, &url);
    let rows = data(&answer)["data"].as_array().unwrap();
    let opens: Vec<i64> = rows.iter().map(|r| int(&r[0]) - start_s).collect();
    assert_eq!(opens, [0, 60, 120]);
    assert_eq!(data(&answer)["etime"], start_s + 120);
    let volume: f64 = rows[1][5].as_str().unwrap().parse().unwrap();
    let kline = of.klines_1m(at(60_000), at(120_000), at(600_000))[0];
    assert!((volume - of.qty(kline.lots)).abs() < 1e-9, "coins here");
    let url =
        format!("/deepcoin/market/handicap-orderbook?symbol={SWAP}&stime={start_s}&limit=2000");
    let answer = ask(&venue, &world, &url);
    let books = data(&answer)["data"].as_array().unwrap();
    assert_eq!(books.len(), 11);
    assert_eq!(books[3]["buy_order_list"].as_array().unwrap().len(), 5);
    assert!(books[3]["buy_order_list"][0][0].is_number());
}
