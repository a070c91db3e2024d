//! Recordings made by hand and by the encoders, and a recorded one counted by other means.

use proptest::prelude::*;
use quant_core::market::Side;

use super::*;
use crate::venues::book_flow::tests_shared::Lost;
use crate::venues::bybit::encode::live::{
    LiquidationRow as Forced, push_ack, push_kline, push_liquidations, push_pong, push_trades,
};
use crate::venues::bybit::encode::rest::KlineRow;
use crate::venues::bybit::encode::{Category, Terms, TickDirection, TradeRow};
use crate::venues::bybit::tests::{EVERY_MESSAGE, Ran, options, run, shared};
use crate::venues::contracts::QtyUnit;

const T: Dataset = Dataset::Trades;
const D: Dataset = Dataset::L2Deltas;
const S: Dataset = Dataset::L2Snapshots;
const MS: i64 = 1_786_310_819_680;

fn recording(market: Market) -> Recording {
    Recording {
        market,
        symbol: "BTCUSDT".parse().unwrap(),
        depth: None,
        book: EVERY_MESSAGE,
        datasets: DATASETS.to_vec(),
    }
}

fn read(lines: &[String]) -> Ran {
    let parser = recording_parser(&recording(Market::Linear), options());
    run(parser, lines.join("\n").as_bytes()).unwrap()
}

fn recv(conn: &str, ts: &str, frame: &str) -> String {
    let data = serde_json::to_string(frame).unwrap();
    format!(r#"{{"t":"recv","conn":"{conn}","ts":{ts},"data":{data}}}"#)
}

fn connect(conn: &str, category: &str) -> String {
    format!(
        r#"{{"t":"connect","conn":"{conn}","ts":1786310818.2,"addr":"wss://stream.bybit.com/v5/public/{category}"}}"#
    )
}

fn trade(id: &str, seq: i64) -> String {
    format!(
        r#"{{"T":{MS},"s":"BTCUSDT","S":"Sell","v":"0.004","p":"65114.20","L":"MinusTick","i":"{id}","BT":false,"RPI":false,"seq":{seq}}}"#
    )
}

fn trades(list: &[String]) -> String {
    format!(
        r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{MS},"data":[{}]}}"#,
        list.join(",")
    )
}

fn book(depth: u16, kind: &str, (ms, u): (i64, i64), bid: &str) -> String {
    let cts = MS + ms;
    format!(
        r#"{{"topic":"orderbook.{depth}.BTCUSDT","type":"{kind}","ts":{cts},"data":{{"s":"BTCUSDT","b":[["{bid}","1"]],"a":[],"u":{u},"seq":{u}}},"cts":{cts}}}"#
    )
}

#[test]
fn the_three_shapes_of_a_line_say_the_same() {
    let frame = trades(&[trade("a", 7)]);
    for (line, ts_recv) in [
        (
            recv("c", "1786310819.5264971", &frame),
            Some(1_786_310_819_526_497),
        ),
        (
            recv("c", "1786310819.7", &frame),
            Some(1_786_310_819_700_000),
        ),
        (recv("c", "1786310819", &frame), Some(1_786_310_819_000_000)),
        (
            format!("1786310819526497123 {frame}"),
            Some(1_786_310_819_526_497),
        ),
        (
            format!("1786310819526497 {frame}"),
            Some(1_786_310_819_526_497),
        ),
        (frame.clone(), None),
        (
            format!(
                r#"{{"ts":{MS},{}"#,
                frame.replace(&format!(r#""ts":{MS},"#), "")
            )
            .replace(",{", ","),
            None,
        ),
        (
            format!(r#"{{"conn":"c","data":{frame},"ts":1786310819.5,"t":"recv"}}"#),
            Some(1_786_310_819_500_000),
        ),
    ] {
        let ran = read(std::slice::from_ref(&line));
        assert_eq!(ran.refusals(), [""; 0], "{line}");
        assert_eq!(ran.times(T, "ts_recv"), [ts_recv], "{line}");
        assert_eq!(ran.ints(T, "trade_id"), [Some(7 * 4096)], "{line}");
        assert_eq!(ran.sides(T), [-1], "{line}");
    }
    for bad in [
        "1786310819.",
        "1786310819.5e1",
        "1786310819.x",
        "1.5",
        "-1786310819.5",
        "null",
        "99999999999.5",
    ] {
        assert_eq!(read(&[recv("c", bad, &frame)]).refusals().len(), 1, "{bad}");
    }
}

#[test]
fn trades_get_ids_by_sequence_and_place_and_repetitions_are_found() {
    let ran = read(&[
        trades(&[trade("a", 7), trade("b", 7), trade("c", 8)]),
        trades(&[trade("d", 8), trade("b", 7)]),
        trades(&[trade("e", 9)]),
    ]);
    let ids = [7 * 4096, 7 * 4096 + 1, 8 * 4096, 8 * 4096 + 1, 9 * 4096].map(Some);
    assert_eq!(ran.ints(T, "trade_id"), ids);
    assert_eq!(ran.totals(T).rows, 6);
    assert_eq!(
        ran.totals(T)
            .days
            .values()
            .map(|d| d.duplicates)
            .sum::<u64>(),
        1
    );
}

#[test]
fn a_trade_that_makes_no_sense_refuses_its_frame() {
    let good = trade("a", 7);
    for (from, to) in [
        ("\"0.004\"", "\"0\""),
        ("\"0.004\"", "\"-1\""),
        ("\"65114.20\"", "\"NaN\""),
        ("\"65114.20\"", "\"1e400\""),
        ("Sell", "sell"),
        ("\"seq\":7", "\"seq\":99999999999999999"),
        ("\"seq\":7", "\"seq\":-7"),
        ("\"seq\":7", "\"seq\":7,\"seq\":8"),
        (",\"seq\":7", ""),
        ("BTCUSDT", "ETHUSDT"),
        ("\"i\":\"a\"", "\"i\":\"\""),
        ("\"BT\":false", "\"BT\":0"),
    ] {
        let ran = read(&[
            trades(&[good.replacen(from, to, 1)]),
            trades(&[trade("z", 9)]),
        ]);
        assert_eq!(ran.refusals().len(), 1, "{from} {to}");
        assert_eq!(ran.totals(T).rows, 2, "{from} {to}");
    }
    for bad in [
        "{\"topic\":\"publicTrade.BTCUSDT\"}",
        "{\"topic\":\"publicTrade.BTCUSDT\",\"data\":{}}",
        "{",
        "7",
        "nonsense",
        "1786310819526497",
    ] {
        assert_eq!(read(&[bad.to_owned()]).refusals().len(), 1, "{bad}");
    }
    let unknown = r#"{"t":"recieve","data":"x"}"#.to_owned();
    assert!(read(&[unknown]).refusals()[0].contains("expected header, http, connect"));
}

#[test]
fn other_symbols_markets_and_topics_are_only_counted() {
    let frame = trades(&[trade("a", 7)]);
    let mut answers = Vec::new();
    push_ack(&mut answers, Category::Linear, "subscribe", "", "x", None);
    let mut pong = Vec::new();
    push_pong(&mut pong, "", "x");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = read(&[
        r#"{"t":"header","format":2}"#.to_owned(),
        r#"{"t":"http","conn":"h","ts":1.5,"url":"x","data":"{}"}"#.to_owned(),
        connect("l", "linear"),
        connect("s", "spot"),
        r#"{"t":"send","conn":"l","ts":1.5,"addr":"wss://stream.bybit.com/v5/public/linear","data":"{}"}"#.to_owned(),
        recv("l", "1786310819.5", &text(answers)),
        recv("l", "1786310819.5", &text(pong)),
        recv("s", "1786310819.5", &frame),
        recv("l", "1786310819.5", &frame.replace("BTCUSDT", "ETHUSDT")),
        recv("l", "1786310819.5", &frame.replace("publicTrade", "tickers")),
        recv("l", "1786310819.5", &frame.replace("publicTrade", "kline.5")),
        recv("l", "1786310819.5", &frame),
    ]);
    assert_eq!(ran.totals(T).rows, 1);
    for (name, n) in [
        ("headers", 1),
        ("http_answers", 1),
        ("connections", 2),
        ("requests", 1),
        ("answers", 2),
        ("other_markets", 1),
        ("other_symbols", 1),
        ("tickers", 1),
        ("other_topics", 1),
    ] {
        assert_eq!(ran.count(name), n, "{name}");
    }
}

#[test]
fn a_recording_of_other_markets_is_refused() {
    let lines = [
        connect("s", "spot"),
        recv("s", "1786310819.5", &trades(&[trade("a", 7)])),
    ];
    let parser = recording_parser(&recording(Market::Linear), options());
    let error = run(parser, lines.join("\n").as_bytes())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("row 1: connections of market spot, not linear"),
        "{error}"
    );
    assert!(error.contains("hint:"), "{error}");
}

#[test]
fn a_connection_that_begins_again_voids_the_book() {
    let at = |frame: String| recv("l", "1786310819.5", &frame);
    let ran = read(&[
        connect("l", "linear"),
        at(book(200, "snapshot", (0, 10), "100")),
        at(book(200, "delta", (100, 11), "101")),
        connect("l", "linear"),
        at(book(200, "delta", (200, 12), "102")),
        at(book(200, "snapshot", (300, 50), "90")),
        recv("m", "1786310819.5", &book(200, "delta", (350, 51), "99")),
        recv("m", "1786310819.5", &book(200, "snapshot", (400, 70), "95")),
        recv("m", "1786310819.5", &book(200, "delta", (500, 71), "96")),
    ]);
    let bids = [100.0, 101.0, 90.0, 95.0, 96.0].map(Some);
    assert_eq!(ran.floats(S, "bid_px_00"), bids);
    assert_eq!((ran.gaps(S), ran.gaps(D), ran.count("waits")), (2, 2, 1));
    assert_eq!(
        (ran.count("reconnections"), ran.count("connection_switches")),
        (1, 1)
    );
    assert_eq!((ran.totals(D).rows, ran.totals(D).unwanted), (8, 2));
    // Told by no message: the newest time of the stream. The snapshot of another connection replaces the book at once.
    let found = ran.replayed();
    let us = |ms: i64| (MS + ms) * 1_000;
    let lost = Lost {
        ts: us(100),
        ts_recv: None,
        msg_seq: 12,
        side: 1,
        price: 101.0,
        id: 11,
    };
    assert_eq!(found.lost, [lost]);
    let depths =
        [(0, 1), (100, 2), (100, 0), (300, 1), (400, 1), (500, 2)].map(|(ms, n)| (us(ms), n));
    assert_eq!(found.depths, depths);
}

#[test]
fn a_book_lost_without_a_message_is_lost_at_the_newest_time_of_all_streams() {
    let at = |frame: String| recv("l", "1786310819.5", &frame);
    let newer = trade("a", 7).replace(&format!("\"T\":{MS}"), &format!("\"T\":{}", MS + 900));
    let bad = book(200, "snapshot", (700, 50), "90").replace("17863", "27863");
    let us = |ms: i64| (MS + ms) * 1_000;
    for (told, is_gap) in [
        (connect("l", "linear"), true),
        // The snapshot of another connection, which cannot be used.
        (recv("m", "1786310819.5", &bad), true),
        (
            recv("l", "1786310819.5", &bad.replace("book.200", "book.500")),
            true,
        ),
    ] {
        let ran = read(&[
            connect("l", "linear"),
            at(book(200, "snapshot", (0, 10), "100")),
            at(trades(std::slice::from_ref(&newer))),
            told.clone(),
            // Behind the row of the lost book, though of a time before it.
            at(book(500, "snapshot", (800, 50), "90")),
        ]);
        let found = ran.replayed();
        assert_eq!(found.lost.len(), 1, "{told}");
        assert_eq!((found.lost[0].ts, found.lost[0].id), (us(900), 10));
        assert_eq!(found.depths, [(us(0), 1), (us(900), 0), (us(900), 1)]);
        assert_eq!(
            ran.times(S, "ts_event"),
            [Some(us(0)), Some(us(800))],
            "images keep their times"
        );
        assert_eq!(ran.gaps(D) > 0, is_gap);
    }
}

#[test]
fn the_deepest_book_counts_or_the_one_asked_for() {
    let lines = [
        book(50, "snapshot", (0, 10), "100"),
        book(200, "delta", (10, 500), "7"),
        book(200, "snapshot", (20, 501), "101"),
        book(50, "delta", (30, 11), "8"),
        book(200, "delta", (40, 502), "102"),
    ];
    let ran = read(&lines);
    assert_eq!(ran.floats(S, "bid_px_00"), [100.0, 101.0, 102.0].map(Some));
    assert_eq!(
        (ran.count("depth_switches"), ran.count("other_depths")),
        (1, 2)
    );
    assert_eq!(ran.gaps(S), 0);
    let mut shallow = recording(Market::Linear);
    shallow.depth = Some(50);
    let ran = run(
        recording_parser(&shallow, options()),
        lines.join("\n").as_bytes(),
    )
    .unwrap();
    assert_eq!(ran.floats(S, "bid_px_01"), [None, Some(8.0)]);
    assert_eq!(shallow.ingest_params()["book_depth"], 50);
    assert_eq!(shallow.ingest_params()["watermark_us"], 250_000);
}

#[test]
fn rows_behind_the_watermark_are_late() {
    let old = trade("b", 6).replace(&format!("\"T\":{MS}"), &format!("\"T\":{}", MS - 251));
    let ran = read(&[trades(&[trade("a", 7)]), trades(&[old])]);
    assert_eq!(ran.totals(T).days.values().map(|d| d.late).sum::<u64>(), 1);
    assert_eq!(ran.ints(T, "trade_id"), [Some(6 * 4096), Some(7 * 4096)]);
}

fn terms(category: Category) -> Terms {
    Terms::new("BTCUSDT".parse().unwrap(), category, 2, 3)
}

#[test]
fn reads_what_the_encoders_write() {
    let start_ms = MS / 60_000 * 60_000;
    let bar = |n: i64| KlineRow {
        start_ms: start_ms + n * 60_000,
        open: 100.0,
        high: 103.0,
        low: 99.0,
        close: 101.5,
        volume: 12.5,
        turnover: 1_260.25,
    };
    let row = |id: i64, side| TradeRow {
        ts_us: MS * 1_000,
        price: 65_114.2,
        qty: 0.004,
        side,
        tick: TickDirection::MinusTick,
        id,
        seq: 753_843_954_913,
        is_block: id == 2,
        is_rpi: false,
    };
    for category in [Category::Linear, Category::Spot] {
        let terms = terms(category);
        let mut lines = Vec::new();
        push_trades(
            &mut lines,
            &terms,
            MS,
            &[row(1, Side::Buy), row(2, Side::Sell)],
        )
        .unwrap();
        lines.push(b'\n');
        let bars = [(bar(0), true), (bar(1), false)];
        push_kline(&mut lines, &terms, ("1", 60_000), &bars, MS).unwrap();
        lines.push(b'\n');
        push_kline(&mut lines, &terms, ("1", 60_000), &bars, MS).unwrap();
        lines.push(b'\n');
        let forced = |side| Forced {
            ts_ms: MS,
            side,
            price: 65_000.0,
            qty: 1.5,
        };
        push_liquidations(
            &mut lines,
            &terms,
            MS,
            &[forced(Side::Buy), forced(Side::Sell)],
        )
        .unwrap();
        let market = if category == Category::Spot {
            Market::Spot
        } else {
            Market::Linear
        };
        let ran = run(recording_parser(&recording(market), options()), &lines).unwrap();
        assert_eq!(ran.refusals(), [""; 0]);
        let id = 753_843_954_913 * 4096;
        assert_eq!(ran.ints(T, "trade_id"), [Some(id), Some(id + 1)]);
        assert_eq!(ran.sides(T), [1, -1]);
        assert_eq!(ran.count("block_trades"), 1);
        let k = Dataset::Klines1m;
        assert_eq!(
            ran.times(k, "ts_close"),
            [Some((start_ms + 60_000) * 1_000)]
        );
        assert_eq!(ran.floats(k, "volume"), [Some(12.5)]);
        assert_eq!(ran.floats(k, "quote_volume"), [Some(1_260.25)]);
        assert_eq!((ran.totals(k).rows, ran.count("forming_klines")), (2, 2));
        // The long's forced order sells.
        assert_eq!(ran.sides(Dataset::Liquidations), [-1, 1]);
    }
}

#[test]
fn inverse_contracts_become_coins() {
    let terms = Terms::new("BTCUSDT".parse().unwrap(), Category::Inverse, 2, 0);
    let mut of = recording(Market::Inverse);
    of.book.unit = QtyUnit::Inverse { usd: 1.0 };
    let mut lines = Vec::new();
    let bar = KlineRow {
        start_ms: MS / 60_000 * 60_000,
        open: 100.0,
        high: 103.0,
        low: 99.0,
        close: 100.0,
        volume: 500.0,
        turnover: 4.95,
    };
    push_kline(&mut lines, &terms, ("1", 60_000), &[(bar, true)], MS).unwrap();
    lines.extend_from_slice(b"\n");
    lines.extend_from_slice(trades(&[trade("a", 7).replace("0.004", "100")]).as_bytes());
    let ran = run(recording_parser(&of, options()), &lines).unwrap();
    assert_eq!(ran.refusals(), [""; 0]);
    let k = Dataset::Klines1m;
    let kline = ["volume", "volume_raw", "quote_volume"].map(|name| ran.floats(k, name)[0]);
    assert_eq!(kline, [Some(4.95), Some(500.0), Some(500.0)]);
    assert_eq!(ran.floats(T, "qty"), [Some(100.0 / 65_114.2)]);
    assert_eq!(ran.floats(T, "qty_raw"), [Some(100.0)]);
}

#[test]
fn closed_bars_are_checked() {
    let start = MS / 60_000 * 60_000;
    let good = format!(
        r#"{{"topic":"kline.1.BTCUSDT","data":[{{"start":{start},"end":{},"interval":"1","open":"10","close":"11","high":"12","low":"9","volume":"1","turnover":"10","confirm":true,"timestamp":{MS}}}],"ts":{MS},"type":"snapshot"}}"#,
        start + 59_999
    );
    assert_eq!(
        read(std::slice::from_ref(&good))
            .totals(Dataset::Klines1m)
            .rows,
        1
    );
    let end = (start + 59_999).to_string();
    for (from, to, why) in [
        ("\"high\":\"12\"", "\"high\":\"10.5\"", "high below low"),
        (
            "\"volume\":\"1\"",
            "\"volume\":\"-1\"",
            "must be not negative",
        ),
        ("\"open\":\"10\"", "\"open\":\"0\"", "must be positive"),
        (&end[..], &(start + 59_998).to_string()[..], "close time"),
        ("\"confirm\":true,", "", "`confirm`: missing"),
        (
            "\"open\":\"10\"",
            "\"open\":\"10\",\"open\":\"10\"",
            "given twice",
        ),
    ] {
        let ran = read(&[good.replacen(from, to, 1)]);
        assert!(
            ran.refusals()[0].contains(why),
            "{from}: {:?}",
            ran.refusals()
        );
    }
}

/// Counts of the recording made by `serde_json` alone; one symbol of one market at a time.
#[test]
fn the_recording_equals_an_independent_count() {
    use std::collections::BTreeMap;
    let Some(path) = shared("recordings/bybit/BYBIT.jsonl.zst") else {
        return;
    };
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let mut category = BTreeMap::new();
    let mut rows: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
    for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        let conn = line["conn"].as_str().unwrap_or_default().to_owned();
        if line["t"] == "connect" {
            let addr = line["addr"].as_str().unwrap();
            category.insert(conn.clone(), addr.rsplit('/').next().unwrap().to_owned());
        }
        if line["t"] != "recv" {
            continue;
        }
        let frame: serde_json::Value =
            serde_json::from_str(line["data"].as_str().unwrap()).unwrap();
        let Some((topic, symbol)) = frame["topic"].as_str().and_then(|t| t.rsplit_once('.')) else {
            continue;
        };
        let row = rows
            .entry((category[&conn].clone(), symbol.to_owned()))
            .or_default();
        let n = |v: &serde_json::Value| v.as_array().unwrap().len() as u64;
        match topic {
            "publicTrade" => row[0] += n(&frame["data"]),
            "orderbook.200" => {
                row[1] += 1;
                row[2] += n(&frame["data"]["b"]) + n(&frame["data"]["a"]);
            }
            _ => {}
        }
    }
    assert_eq!(rows.values().map(|r| r[1]).sum::<u64>(), 2_148);
    for ((market, symbol), [n_trades, messages, levels]) in rows {
        let mut of = recording(market.parse().unwrap());
        of.symbol = symbol.parse().unwrap();
        of.book.levels = 200;
        let ran = run(recording_parser(&of, options()), &text).unwrap();
        assert_eq!(ran.totals(T).rows, n_trades, "{market} {symbol}");
        assert_eq!(ran.totals(D).rows, levels, "{market} {symbol}");
        assert_eq!(ran.totals(S).rows, messages, "{market} {symbol}");
        // Every book is 200 x 200 and none is crossed.
        for name in ["bid_px_199", "ask_px_199"] {
            assert!(
                ran.floats(S, name).iter().all(Option::is_some),
                "{market} {symbol}"
            );
        }
        assert_eq!(ran.count("gaps") + ran.count("crossed_books"), 0);
        assert_eq!(ran.refusals(), [""; 0]);
        assert!(ran.times(T, "ts_recv").iter().all(Option::is_some));
    }
}

proptest! {
    #[test]
    fn never_panics(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..6)) {
        drop(run(recording_parser(&recording(Market::Linear), options()), &lines.join(&b'\n')));
    }

    #[test]
    fn damage_is_survived(which in 0_usize..4, at in 0_usize..900, byte in any::<u8>(), cut in any::<bool>()) {
        let frame = [trades(&[trade("a", 7)]), book(50, "snapshot", (0, 10), "100")];
        let mut text = match which {
            0 | 1 => recv("l", "1786310819.5", &frame[which]),
            _ => frame[which - 2].clone(),
        }.into_bytes();
        let at = at % text.len();
        if cut { text.truncate(at); } else { text[at] = byte; }
        drop(run(recording_parser(&recording(Market::Linear), options()), &text));
    }
}
