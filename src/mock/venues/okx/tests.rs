//! OKX's rules: pages and limits, contracts, sequence ids, keep-alives, text pings, silence.

use std::collections::BTreeSet;

use quant_core::time::UnixMicros;
use serde_json::{Value, json};

use super::*;
use crate::mock::archive::Archive;
use crate::mock::venue::Query;
use crate::mock::venues::parts::tests::{Client, Wire, ask, ask_at, at, quiet_world, world};
use crate::mock::world::tests::DAY;

const SWAP: &str = "BTC-USDT-SWAP";
const START_MS: i64 = DAY / 1_000;

fn rows(answer: &Value) -> &Vec<Value> {
    assert_eq!(answer["code"], "0", "{answer}");
    answer["data"].as_array().unwrap()
}

fn int(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn refusals() {
    let world = world();
    let venue = Okx::new(&world);
    let history = "/api/v5/public/market-data-history?module=1&instType=SWAP&instFamilyList=BTC-USDT&dateAggrType=daily";
    let day = 86_400_000;
    for (url, status, code) in [
        ("/api/v5/market/candles".to_owned(), 400, "51000"),
        (
            "/api/v5/market/candles?instId=NO-USDT".to_owned(),
            200,
            "51001",
        ),
        (
            format!("/api/v5/market/candles?instId={SWAP}&bar=7m"),
            400,
            "51000",
        ),
        (
            format!("/api/v5/market/candles?instId={SWAP}&bar=1Hutc"),
            400,
            "51000",
        ),
        (
            format!("/api/v5/market/candles?instId={SWAP}&after=x"),
            400,
            "51000",
        ),
        (
            format!("/api/v5/market/history-trades?instId={SWAP}&type=2&before=1"),
            400,
            "51000",
        ),
        (
            "/api/v5/public/funding-rate-history?instId=BTC-USDT".to_owned(),
            400,
            "51000",
        ),
        ("/api/v5/public/instruments".to_owned(), 400, "51000"),
        (
            "/api/v5/public/instruments?instType=SWAP&instId=X".to_owned(),
            200,
            "51001",
        ),
        // Eleven days are refused, though the document allows twenty.
        (
            format!("{history}&begin={START_MS}&end={}", START_MS + 10 * day),
            400,
            "50076",
        ),
        (
            format!("{history}&begin={START_MS}&end={}", START_MS - day),
            400,
            "50076",
        ),
        (format!("{history}&begin={START_MS}"), 400, "51000"),
        (
            format!("{history}&begin=1&end=2").replace("module=1", "module=9"),
            400,
            "51000",
        ),
        (
            format!("{history}&begin=1&end=2")
                .replace("BTC-USDT", "ANY")
                .replace("module=1", "module=4"),
            400,
            "51000",
        ),
    ] {
        let (found, body) = ask(&venue, &world, &url);
        assert_eq!(
            (found, body["code"].as_str().unwrap()),
            (status, code),
            "{url}"
        );
    }
    assert_eq!(ask_at(&venue, &world, "/api/v5/none", at(0), 0).status, 404);
    let (status, body) = ask(
        &venue,
        &world,
        &format!("{history}&begin={START_MS}&end={}", START_MS + 9 * day),
    );
    assert_eq!(status, 200);
    assert_eq!(body["data"][0]["details"], json!([]));
}

#[test]
fn the_sixth_request_of_two_seconds_is_refused() {
    let world = world();
    let venue = Okx::new(&world);
    let url = "/api/v5/public/market-data-history?module=1&instType=SPOT&instIdList=BTC-USDT&dateAggrType=daily&begin=1&end=2";
    let status = |conn_ms| ask_at(&venue, &world, url, at(0), conn_ms).status;
    for i in 0..5 {
        assert_eq!(status(10_000 + i), 200);
    }
    assert_eq!(status(10_900), 429);
    // Another route has another limit.
    assert_eq!(
        ask_at(&venue, &world, "/api/v5/public/time", at(0), 10_900).status,
        200
    );
    assert_eq!(status(12_000), 200);
    let mut refused = ask_at(&venue, &world, url, at(0), 20_000);
    for _ in 0..5 {
        assert_eq!(refused.status, 200);
        refused = ask_at(&venue, &world, url, at(0), 20_000);
    }
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(body, json!({"msg": "Too Many Requests", "code": "50011"}));
}

#[test]
fn history_lists_the_files_there_are() {
    let world = world();
    let venue = Okx::new(&world);
    let folder = tempfile::tempdir().unwrap();
    for day in ["20260105", "20260107"] {
        let path = folder
            .path()
            .join("cdn/okex/traderecords/trades/daily")
            .join(day);
        std::fs::create_dir_all(&path).unwrap();
        let dashed = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
        std::fs::write(
            path.join(format!("{SWAP}-trades-{dashed}.zip")),
            vec![0; 524_288],
        )
        .unwrap();
    }
    let archive = Archive::new(folder.path()).unwrap();
    let text = format!(
        "module=1&instType=SWAP&instFamilyList=BTC-USDT,ETH-USDT&dateAggrType=daily&begin={START_MS}&end={}",
        START_MS + 3 * 86_400_000
    );
    let query = Query::parse(&text);
    let request = Request {
        method: "GET",
        path: "/api/v5/public/market-data-history",
        query: &query,
        host: "",
        body: b"",
    };
    let cx = RestCx {
        world: &world,
        now: at(0),
        book_time: at(0),
        conn_ms: 0,
        base_url: "http://test",
        archive: Some(&archive),
    };
    let body: Value = serde_json::from_slice(&venue.rest(&request, &cx).body).unwrap();
    let details = body["data"][0]["details"].as_array().unwrap();
    assert_eq!(details.len(), 1, "a family without files is not shown");
    let files = details[0]["groupDetails"].as_array().unwrap();
    let names: Vec<&str> = files
        .iter()
        .map(|f| f["filename"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "BTC-USDT-SWAP-trades-2026-01-07.zip",
            "BTC-USDT-SWAP-trades-2026-01-05.zip"
        ]
    );
    assert_eq!(
        files[1]["url"],
        "http://test/cdn/okex/traderecords/trades/daily/20260105/BTC-USDT-SWAP-trades-2026-01-05.zip"
    );
    // The day begins at 16:00 UTC of the day before.
    assert_eq!(files[1]["dateTs"], (START_MS - 8 * 3_600_000).to_string());
    assert_eq!(files[0]["sizeMB"], "0.5");
    assert_eq!(body["data"][0]["totalSizeMB"], "1");
}

#[test]
fn candles_page_backward_without_holes() {
    let world = world();
    let venue = Okx::new(&world);
    let base = format!("/api/v5/market/history-candles?instId={SWAP}&limit=3");
    let (_, newest) = ask(&venue, &world, &base);
    // Ten minutes after the start the eleventh bar has just begun.
    let opens = |page: &Value| {
        rows(page)
            .iter()
            .map(|r| (int(&r[0]) - START_MS) / 60_000)
            .collect::<Vec<_>>()
    };
    assert_eq!(opens(&newest), [10, 9, 8]);
    assert_eq!(newest["data"][0][8], "0");
    assert_eq!(newest["data"][1][8], "1");
    let mut seen = BTreeSet::new();
    let mut after = START_MS + 600_000;
    loop {
        let (_, page) = ask(&venue, &world, &format!("{base}&after={after}"));
        let Some(last) = rows(&page).last() else {
            break;
        };
        assert!(
            opens(&page).iter().all(|open| seen.insert(*open)),
            "no row twice"
        );
        after = int(&last[0]);
    }
    assert_eq!(seen, (0..10).collect());
    // Both bounds are exclusive.
    let url = format!(
        "{base}&before={}&after={}",
        START_MS + 120_000,
        START_MS + 300_000
    );
    assert_eq!(opens(&ask(&venue, &world, &url).1), [4, 3]);
    // Contracts of 0.01 coins, coins, and quote currency.
    let row = &newest["data"][1];
    let number = |i: usize| row[i].as_str().unwrap().parse::<f64>().unwrap();
    let kline = world.instruments()[0].klines_1m(at(540_000), at(600_000), at(600_000))[0];
    assert!((number(5) * 0.01 - number(6)).abs() < 1e-9);
    assert!((number(6) - world.instruments()[0].qty(kline.lots)).abs() < 1e-9);
    assert!((number(7) - world.instruments()[0].cash(kline.cash)).abs() < 1e-4);
    // Longer bars sum shorter ones.
    let (_, five) = ask(
        &venue,
        &world,
        &format!("/api/v5/market/candles?instId={SWAP}&bar=5m"),
    );
    assert_eq!(opens(&five), [10, 5, 0]);
}

#[test]
fn bars_of_hong_kong_and_of_utc() {
    let hour = 3_600_000_000;
    let open = |name, ts| rest::bar_of(name).unwrap().span(UnixMicros(ts)).0.0;
    // Monday 2026-01-05 00:00 UTC is 08:00 in Hong Kong.
    assert_eq!(open("1D", DAY), DAY - 8 * hour);
    assert_eq!(open("1Dutc", DAY), DAY);
    assert_eq!(open("1Wutc", DAY + 50 * hour), DAY);
    assert_eq!(open("1W", DAY), DAY - 8 * hour);
    assert_eq!(open("6H", DAY), DAY - 2 * hour);
    assert_eq!(open("4H", DAY + hour), DAY);
}

#[test]
fn trades_page_by_id_and_by_time() {
    let world = world();
    let venue = Okx::new(&world);
    let of = &world.instruments()[0];
    let all = of.matches(at(0), at(600_000).plus(1));
    let ids: Vec<i64> = all.iter().rev().map(|m| m.id).collect();
    let (_, recent) = ask(
        &venue,
        &world,
        &format!("/api/v5/market/trades?instId={SWAP}&limit=5"),
    );
    let of_page = |page: &Value| {
        rows(page)
            .iter()
            .map(|r| int(&r["tradeId"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(of_page(&recent), ids[..5]);
    for kind in [1, 2] {
        let mut found = Vec::new();
        let mut after = i64::MAX;
        loop {
            let url =
                format!("/api/v5/market/history-trades?instId={SWAP}&type={kind}&after={after}");
            let (_, page) = ask(&venue, &world, &url);
            let Some(last) = rows(&page).last() else {
                break;
            };
            found.extend(of_page(&page));
            after = int(&last[if kind == 1 { "tradeId" } else { "ts" }]);
        }
        // By time, rows of the same millisecond as a page's last one are passed over, as they are at the venue.
        if kind == 1 {
            assert_eq!(found, ids);
        } else {
            assert!(found.len() > ids.len() * 9 / 10 && found.is_sorted_by(|a, b| a > b));
        }
    }
}

#[test]
fn instruments_books_and_rates() {
    let world = world();
    let venue = Okx::new(&world);
    let (_, page) = ask(&venue, &world, "/api/v5/public/instruments?instType=SWAP");
    let row = &rows(&page)[0];
    for (key, value) in [
        ("instId", SWAP),
        ("ctVal", "0.01"),
        ("lotSz", "0.1"),
        ("tickSz", "0.1"),
    ] {
        assert_eq!(row[key], value);
    }
    let (_, page) = ask(&venue, &world, "/api/v5/public/instruments?instType=SPOT");
    assert_eq!(rows(&page)[0]["lotSz"], "0.001");
    let (_, page) = ask(
        &venue,
        &world,
        &format!("/api/v5/market/books?instId={SWAP}&sz=7"),
    );
    let book = &rows(&page)[0];
    let image = world.instruments()[0].book_at(at(600_000)).unwrap();
    let mut client = Client::default();
    client.apply(&book["bids"], &book["asks"]);
    client.assert_is(
        &Client::of(&world.instruments()[0], &image.book, 7, 0.01),
        "REST book",
    );
    assert_eq!(book["seqId"], image.last_id);
    let (_, page) = ask(
        &venue,
        &world,
        &format!("/api/v5/public/funding-rate-history?instId={SWAP}"),
    );
    assert_eq!(rows(&page).len(), 1);
    assert_eq!(rows(&page)[0]["realizedRate"], "0.0001");
    let url = format!("/api/v5/public/funding-rate-history?instId={SWAP}&after={START_MS}");
    assert!(rows(&ask(&venue, &world, &url).1).is_empty());
    let (_, page) = ask(
        &venue,
        &world,
        &format!("/api/v5/public/open-interest?instId={SWAP}"),
    );
    assert_eq!(rows(&page).len(), 1);
    let (_, page) = ask(
        &venue,
        &world,
        &format!("/api/v5/public/mark-price?instId={SWAP}"),
    );
    assert_eq!(rows(&page)[0]["markPx"], "60000");
}

fn subscribe(channel: &str, inst_id: &str) -> String {
    json!({"id": "7", "op": "subscribe", "args": [{"channel": channel, "instId": inst_id}]})
        .to_string()
}

#[test]
fn books_follow_the_sequence_rule_and_rebuild() {
    let world = world();
    let venue = Okx::new(&world);
    for (channel, depth, every_ms) in [
        ("books", 400, 100),
        ("books-l2-tbt", 400, 10),
        ("books50-l2-tbt", 50, 10),
    ] {
        for (inst_id, index, unit) in [(SWAP, 0, 0.01), ("BTC-USDT", 1, 1.0)] {
            let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(65_432));
            let acks = wire.say(&subscribe(channel, inst_id));
            let ack: Value = serde_json::from_str(&acks[0]).unwrap();
            assert_eq!(
                (&ack["event"], &ack["id"], &ack["arg"]["channel"]),
                (&"subscribe".into(), &"7".into(), &channel.into())
            );
            wire.run_to(at(200_000));
            let of = &world.instruments()[index];
            let frames = wire.stream(&format!("{channel}:{inst_id}"));
            assert!(frames.len() > 300);
            let mut client = Client::default();
            let mut last = -1;
            for (i, (ts, frame)) in frames.iter().enumerate() {
                assert_eq!(frame["action"], if i == 0 { "snapshot" } else { "update" });
                let data = &frame["data"][0];
                assert_eq!(data["prevSeqId"], last, "{channel} message {i}");
                assert_eq!(data["checksum"], 0);
                last = data["seqId"].as_i64().unwrap();
                client.apply(&data["bids"], &data["asks"]);
                let told = ts.floor_to(every_ms * 1_000).plus(-1);
                let book = of.book_at(told).unwrap().book;
                client.assert_is(&Client::of(of, &book, depth, unit), channel);
            }
        }
    }
}

#[test]
fn snapshot_channels() {
    let world = world();
    let venue = Okx::new(&world);
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(65_432));
    wire.say(&subscribe("books5", SWAP));
    wire.say(&subscribe("bbo-tbt", SWAP));
    wire.run_to(at(130_000));
    let of = &world.instruments()[0];
    for (key, depth, every_ms) in [
        ("books5:BTC-USDT-SWAP", 5, 100),
        ("bbo-tbt:BTC-USDT-SWAP", 1, 10),
    ] {
        let frames = wire.stream(key);
        // The best price of the test's market does not move: its book of one level is told once.
        assert!(
            if depth == 1 {
                frames.len() == 1
            } else {
                frames.len() > 20
            },
            "{key}"
        );
        for (ts, frame) in frames {
            assert!(frame.get("action").is_none());
            let data = &frame["data"][0];
            let mut client = Client::default();
            client.apply(&data["bids"], &data["asks"]);
            let book = of
                .book_at(ts.floor_to(every_ms * 1_000).plus(-1))
                .unwrap()
                .book;
            client.assert_is(&Client::of(of, &book, depth, 0.01), key);
            assert!(data["seqId"].is_i64());
        }
    }
}

#[test]
fn the_best_bid_and_ask_are_told_within_ten_milliseconds() {
    let world = quiet_world(&[10_000, 70_005, 70_011, 70_019]);
    let venue = Okx::new(&world);
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(65_000));
    wire.say(&subscribe("bbo-tbt", SWAP));
    wire.run_to(at(80_000));
    let frames: Vec<(i64, i64, String)> = wire
        .stream("bbo-tbt:BTC-USDT-SWAP")
        .iter()
        .map(|(ts, f)| {
            let d = &f["data"][0];
            let size = d["bids"][0][1].as_str().unwrap().to_owned();
            ((ts.0 - DAY) / 1_000, d["seqId"].as_i64().unwrap(), size)
        })
        .collect();
    let of = |ms, seq, size: &str| (ms, seq, size.to_owned());
    // Contracts of 0.01 coins: 20 lots of 0.001 coins are two of them.
    assert_eq!(
        frames,
        [
            of(65_000, 50, "2"),
            of(70_010, 51, "2.1"),
            of(70_020, 53, "2.3")
        ]
    );
}

#[test]
fn idle_books_are_kept_alive() {
    // One change a minute and a half after the subscription, then nothing.
    let world = quiet_world(&[10_000, 110_050]);
    let venue = Okx::new(&world);
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(20_000));
    wire.say(&subscribe("books", SWAP));
    // Something must be heard within 30 s of silence.
    for until in 2..30 {
        wire.run_to(at(until * 10_000));
        wire.say("ping");
    }
    let frames: Vec<(i64, i64, i64, usize)> = wire
        .stream("books:BTC-USDT-SWAP")
        .iter()
        .map(|(ts, f)| {
            let d = &f["data"][0];
            let id = |key: &str| d[key].as_i64().unwrap();
            (
                (ts.0 - DAY) / 1_000,
                id("prevSeqId"),
                id("seqId"),
                d["bids"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(
        frames,
        [
            (20_000, -1, 50, 3),
            (80_000, 50, 50, 0),
            (110_100, 50, 51, 1),
            (170_100, 51, 51, 0),
            (230_100, 51, 51, 0),
            (290_100, 51, 51, 0),
        ][..5]
    );
    assert!(wire.closed.is_none());
}

#[test]
fn every_trade_is_told_once() {
    let world = world();
    let venue = Okx::new(&world);
    let of = &world.instruments()[0];
    let start = at(65_432);
    let mut public = Wire::open(&venue, &world, "/ws/v5/public", start);
    public.say(&subscribe("trades", SWAP));
    let mut business = Wire::open(&venue, &world, "/ws/v5/business", start);
    business.say(&subscribe("trades-all", SWAP));
    business.say(&subscribe("candle1m", SWAP));
    public.run_to(at(300_000));
    business.run_to(at(300_000));
    let matches = of.matches(start.plus(1), at(300_000).plus(1));
    let before = of.matches(at(0), start.plus(1));
    for (wire, key) in [
        (&public, "trades:BTC-USDT-SWAP"),
        (&business, "trades-all:BTC-USDT-SWAP"),
    ] {
        let rows: Vec<Value> = wire
            .stream(key)
            .iter()
            .map(|(_, f)| f["data"][0].clone())
            .collect();
        // The first push is the last trade before the subscription.
        assert_eq!(int(&rows[0]["tradeId"]), before.last().unwrap().id);
        assert_eq!(rows.len() - 1, matches.len());
        for (row, m) in rows[1..].iter().zip(&matches) {
            assert_eq!(int(&row["tradeId"]), m.id);
            let size: f64 = row["sz"].as_str().unwrap().parse().unwrap();
            assert!((size * 0.01 - of.qty(m.qty_lots)).abs() < 1e-12);
        }
    }
    let candles = business.stream("candle1m:BTC-USDT-SWAP");
    let closed: Vec<i64> = candles
        .iter()
        .filter(|(_, f)| f["data"][0][8] == "1")
        .map(|(ts, f)| {
            assert_eq!(ts.0 / 1_000, int(&f["data"][0][0]) + 60_000);
            (int(&f["data"][0][0]) - START_MS) / 60_000
        })
        .collect();
    assert_eq!(closed, [1, 2, 3, 4]);
}

#[test]
fn states_are_told() {
    let world = world();
    let venue = Okx::new(&world);
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(65_432));
    for channel in ["tickers", "funding-rate", "mark-price", "open-interest"] {
        assert!(
            wire.say(&subscribe(channel, SWAP))[0].contains("\"subscribe\""),
            "{channel}"
        );
    }
    wire.run_to(at(400_000));
    let of = &world.instruments()[0];
    let last = |key: &str| wire.stream(&format!("{key}:{SWAP}")).pop().unwrap();
    let (ts, ticker) = last("tickers");
    let best = of
        .book_at(ts.plus(-1))
        .unwrap()
        .book
        .best(quant_core::market::Side::Buy)
        .unwrap();
    let bid: f64 = ticker["data"][0]["bidPx"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((bid - of.price(best.0)).abs() < 1e-9);
    let trade = of.matches(at(0), ts).pop().unwrap();
    let size: f64 = ticker["data"][0]["lastSz"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((size * 0.01 - of.qty(trade.qty_lots)).abs() < 1e-9);
    assert_eq!(last("funding-rate").1["data"][0]["fundingRate"], "0.0001");
    let marks = wire.stream("mark-price:BTC-USDT-SWAP");
    assert!((330..=340).contains(&marks.len()), "{}", marks.len());
    // One state at the subscription, one more when the next one is published.
    let interest = wire.stream("open-interest:BTC-USDT-SWAP");
    let mut stamps: Vec<i64> = interest
        .iter()
        .map(|(_, f)| int(&f["data"][0]["ts"]))
        .collect();
    stamps.dedup();
    assert_eq!(stamps, [START_MS + 20_000, START_MS + 320_000]);
}

#[test]
fn requests_pings_and_silence() {
    let world = world();
    let venue = Okx::new(&world);
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(60_000));
    assert!(!wire.session.is_active());
    assert_eq!(wire.say("ping"), ["pong"]);
    for (text, code) in [
        ("not json", "60012"),
        (r#"{"op":"subscribe"}"#, "60012"),
        (r#"{"op":"dance","args":[]}"#, "60012"),
        (&subscribe("books", "NO-USDT"), "60018"),
        // Candles are on the business socket.
        (&subscribe("candle1m", SWAP), "60018"),
        (&subscribe("nothing", SWAP), "60018"),
    ] {
        let answer: Value = serde_json::from_str(&wire.say(text)[0]).unwrap();
        assert_eq!(
            (&answer["event"], &answer["code"]),
            (&"error".into(), &code.into()),
            "{text}"
        );
    }
    let liquidations =
        r#"{"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}"#;
    assert!(wire.say(liquidations)[0].contains(r#""instType":"SWAP""#));
    assert!(wire.session.is_active());
    let unsubscribe = liquidations.replace("subscribe", "unsubscribe");
    assert!(wire.say(&unsubscribe)[0].contains(r#""event":"unsubscribe""#));
    assert!(!wire.session.is_active());

    wire.wait(29_000);
    assert_eq!(wire.say("ping"), ["pong"]);
    wire.wait(30_000);
    assert!(wire.closed.is_none());
    wire.wait(1);
    assert_eq!(wire.closed.as_ref().unwrap().0, 4004);
    // Pushes keep a connection alive, without a word from the client.
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(60_000));
    wire.say(&subscribe("books", SWAP));
    wire.run_to(at(200_000));
    assert!(wire.closed.is_none());
    // Too many requests within an hour.
    let mut wire = Wire::open(&venue, &world, "/ws/v5/public", at(60_000));
    let last = (0..481).map(|_| wire.say(&unsubscribe)).last().unwrap();
    assert!(last[0].contains("60014"), "{last:?}");
}
