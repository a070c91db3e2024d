//! Rules of the channels, hostile messages, no harm by any bytes.

use proptest::prelude::*;

use super::*;
use crate::venues::message_fixture::{Ran, collecting, run};

const T: i64 = 1_737_918_843_542;
const L2: Dataset = Dataset::L2Deltas;
const IMAGES: Dataset = Dataset::L2Snapshots;
const TRADES: Dataset = Dataset::Trades;

fn read(lines: &[String]) -> Ran {
    let options = HyperliquidOptions {
        coin: "BTC".to_owned(),
        levels: 3,
        cadence: Cadence::EveryMessage,
    };
    // Trade ids do not rise, so trades are sorted by the caller.
    let parse = collecting(&[TRADES]);
    let parser = recording_parser(&options, &HyperliquidOptions::DATASETS, parse);
    run(parser, lines.join("\n").as_bytes())
}

fn at(ts: i64, message: &str) -> String {
    format!("{ts}123456 {message}")
}

fn book(ts: i64, bids: &str, asks: &str) -> String {
    let data = format!(r#"{{"coin":"BTC","time":{ts},"levels":[[{bids}],[{asks}]]}}"#);
    at(
        ts + 400,
        &format!(r#"{{"channel":"l2Book","data":{data}}}"#),
    )
}

fn level(px: &str, sz: &str) -> String {
    format!(r#"{{"px":"{px}","sz":"{sz}","n":3}}"#)
}

fn trade(ts: i64, tid: i64, side: &str) -> String {
    format!(
        r#"{{"coin":"BTC","side":"{side}","px":"100.5","sz":"0.25","time":{ts},"hash":"0x1","tid":{tid},"users":["a","b"]}}"#
    )
}

fn trades(received: i64, of: &[String]) -> String {
    at(
        received,
        &format!(r#"{{"channel":"trades","data":[{}]}}"#, of.join(",")),
    )
}

#[test]
fn every_book_replaces_the_one_before() {
    let ran = read(&[
        book(
            T,
            &level("99", "1"),
            &[level("101", "2"), level("102", "3")].join(","),
        ),
        book(T + 500, &level("98", "4"), &level("101", "2")),
    ]);
    assert_eq!(ran.column(IMAGES, "bid_px_00"), [Some(99.0), Some(98.0)]);
    assert_eq!(ran.column(IMAGES, "ask_px_01"), [Some(102.0), None]);
    assert_eq!(ran.column(L2, "is_snapshot"), [Some(1.0); 5]);
    assert_eq!(ran.integers(L2, "msg_seq")[..3], [T * 1_000_000; 3]);
    assert_eq!(ran.integers(L2, "ts_recv")[0], (T + 400) * 1_000 + 123);
    assert_eq!(ran.gaps(L2), 0);
}

#[test]
fn the_same_image_twice_is_a_duplicate_and_another_of_the_time_is_not() {
    let first = book(T, &level("99", "1"), &level("101", "2"));
    let ran = read(&[
        first.clone(),
        first.clone(),
        book(T, &level("98", "1"), &level("101", "2")),
        first,
    ]);
    let duplicates: u64 = ran.totals(L2).days.values().map(|d| d.duplicates).sum();
    assert_eq!((ran.totals(L2).rows, duplicates), (8, 2));
    assert_eq!(ran.diagnostic(IMAGES, "images_sent_twice"), 1);
    let n = T * 1_000_000;
    assert_eq!(
        ran.integers(L2, "msg_seq"),
        [n, n, n + 1, n + 1, n + 2, n + 2]
    );
}

#[test]
fn an_answer_of_info_is_an_image() {
    let data = format!(
        r#"{{"coin":"BTC","time":{T},"levels":[[{}],[{}]]}}"#,
        level("99", "1"),
        level("101", "2")
    );
    assert_eq!(read(&[at(T, &data)]).totals(L2).rows, 2);
    assert_eq!(read(&[data]).totals(L2).rows, 2, "of unknown receipt");
}

#[test]
fn trades_with_history_and_unordered_ids() {
    let ran = read(&[
        book(T, &level("99", "1"), &level("101", "2")),
        trades(
            T + 600,
            &[trade(T - 49_000, 900, "B"), trade(T + 500, 500, "A")],
        ),
        trades(
            T + 700,
            &[
                trade(T + 500, 500, "A"),
                trade(T + 500, 1_113_244_137_548_134, "B"),
            ],
        ),
    ]);
    assert_eq!(
        ran.integers(TRADES, "trade_id"),
        [900, 500, 500, 1_113_244_137_548_134]
    );
    assert_eq!(
        ran.column(TRADES, "aggressor"),
        [1.0, -1.0, -1.0, 1.0].map(Some)
    );
    assert_eq!(ran.column(TRADES, "late"), [Some(1.0), None, None, None]);
    assert_eq!(ran.column(TRADES, "qty"), [Some(0.25); 4]);
    assert_eq!(ran.column(TRADES, "qty_raw"), [None; 4]);
}

#[test]
fn other_coins_are_passed_over() {
    let ran = read(&[
        book(T, &level("99", "1"), &level("101", "2")).replace("BTC", "ETH"),
        trades(T, &[trade(T, 1, "B").replace("BTC", "ETH")]),
        at(
            T,
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}}"#,
        ),
        at(T, r#"{"channel":"pong"}"#),
    ]);
    for (dataset, totals) in &ran.totals {
        assert_eq!((totals.rows, totals.quarantined.len()), (0, 0), "{dataset}");
    }
    assert_eq!(ran.diagnostic(TRADES, "messages_of_other_coins"), 2);
    assert_eq!(ran.diagnostic(TRADES, "messages_without_rows"), 1);
}

#[test]
fn a_bar_is_closed_when_the_next_begins() {
    let d = Dataset::Klines1m;
    let open = T / 60_000 * 60_000;
    let bar = |minute: i64, close: &str| {
        let (t, last) = (open + minute * 60_000, open + minute * 60_000 + 59_999);
        at(
            t + 5_000,
            &format!(
                r#"{{"channel":"candle","data":{{"t":{t},"T":{last},"s":"BTC","i":"1m","o":"100","c":"{close}","h":"102","l":"99","v":"1.5","n":7}}}}"#
            ),
        )
    };
    let ran = read(&[
        bar(0, "100"),
        bar(0, "101"),
        bar(1, "102"),
        // A minute is missing: whether minute 1 was seen to its end is unknown.
        bar(3, "99"),
        bar(4, "100"),
    ]);
    assert_eq!(ran.column(d, "close"), [Some(101.0), Some(99.0)]);
    assert_eq!(ran.column(d, "n_trades"), [Some(7.0); 2]);
    assert_eq!((ran.totals(d).rows, ran.totals(d).unwanted), (4, 2));
    let ran = read(&[bar(1, "100"), bar(0, "100"), bar(1, "103")]);
    assert_eq!(ran.reasons(d).len(), 2);
    let ran = read(&[bar(0, "100").replace("1m", "5m")]);
    assert_eq!(ran.totals(d).rows, 0);
}

#[test]
fn open_interest_does_not_make_others_late() {
    let d = Dataset::OpenInterest;
    let context = r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0","openInterest":"20.5","markPx":"100","midPx":null,"impactPxs":["1","2"]}}}"#;
    let ran = read(&[
        at(T + 9_000, context),
        trades(T + 9_001, &[trade(T, 1, "B")]),
    ]);
    assert_eq!(ran.column(d, "open_interest"), [Some(20.5)]);
    assert_eq!(ran.column(d, "notional"), [Some(2_050.0)]);
    assert_eq!(ran.integers(d, "ts_event"), [(T + 9_000) * 1_000 + 123]);
    assert_eq!(ran.column(TRADES, "late"), [None]);
    let ran = read(&[context.to_owned()]);
    assert!(ran.reasons(d)[0].contains("receipt"));
}

#[test]
fn best_prices() {
    let d = Dataset::BookTicker;
    let line = |bid: &str, ask: &str| {
        at(
            T + 300,
            &format!(
                r#"{{"channel":"bbo","data":{{"coin":"BTC","time":{T},"bbo":[{bid},{ask}]}}}}"#
            ),
        )
    };
    let ran = read(&[
        line(&level("99", "1"), &level("101", "2")),
        line("null", &level("101", "2")),
        line(&level("102", "1"), &level("101", "2")),
        line("null", "null"),
        line(&level("99", "1"), &level("101", "0.0")),
        line(&level("0", "1"), &level("101", "2")),
        line(&level("-1", "1"), &level("101", "2")),
        line("{}", &level("101", "2")),
    ]);
    let of = |name| {
        ran.column(d, name)
            .into_iter()
            .map(Option::unwrap)
            .collect::<Vec<f64>>()
    };
    // An empty side is price and quantity 0; bid above ask is what the venue said.
    assert_eq!(of("bid_px"), [99.0, 0.0, 102.0, 0.0, 99.0, 0.0]);
    assert_eq!(of("bid_qty"), [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(of("ask_px"), [101.0, 101.0, 101.0, 0.0, 0.0, 101.0]);
    assert_eq!(of("ask_qty"), [2.0, 2.0, 2.0, 0.0, 0.0, 2.0]);
    assert_eq!((ran.totals(d).rows, ran.totals(d).unwanted), (8, 0));
    assert_eq!(ran.reasons(d).len(), 2, "{:?}", ran.reasons(d));
}

#[test]
fn hostile_messages() {
    let good = book(T, &level("99", "1"), &level("101", "2"));
    for (from, to, words) in [
        ("\"99\"", "\"NaN\"", "not a finite"),
        ("\"99\"", "\"inf\"", "not a finite"),
        ("\"99\"", "\"1e400\"", "not a finite"),
        ("\"99\"", "\"-1\"", "not negative"),
        ("\"99\"", "\"0\"", "positive"),
        (
            "\"px\":\"99\"",
            "\"px\":\"99\",\"px\":\"98\"",
            "given twice",
        ),
        ("\"px\":\"99\",", "", "`px`: missing"),
        ("\"coin\":\"BTC\",", "", "`coin`: missing"),
        ("\"levels\":[[", "\"levels\":[[],[", "3 fields"),
        ("\"levels\":", "\"level\":", "`levels`: missing"),
        (
            "\"time\":1737918843542",
            "\"time\":1637918843542",
            "within a day",
        ),
        (
            "\"time\":1737918843542",
            "\"time\":1737918843.5",
            "not an integer",
        ),
        ("]]}", "]}", "expected"),
        ("]]}}", "]]", "expected"),
        ("\"channel\":\"l2Book\",", "", "`channel`: missing"),
    ] {
        assert!(good.contains(from), "{from}");
        let ran = read(&[
            good.replacen(from, to, 1),
            book(T + 1, &level("98", "1"), ""),
        ]);
        let reasons: Vec<String> = [IMAGES, TRADES]
            .iter()
            .flat_map(|d| ran.reasons(*d))
            .collect();
        assert!(
            reasons.len() == 1 && reasons[0].contains(words),
            "{to}: {reasons:?}"
        );
        assert_eq!(
            ran.column(IMAGES, "bid_px_00"),
            [Some(98.0)],
            "the next one is whole"
        );
    }
    for (from, to, words) in [
        ("\"side\":\"B\"", "\"side\":\"buy\"", "B or A"),
        ("\"tid\":1", "\"tid\":-1", "not negative"),
        ("\"tid\":1", "\"tid\":9999999999999999999", "not an integer"),
        ("\"sz\":\"0.25\"", "\"sz\":\"0\"", "positive"),
        ("\"coin\":\"BTC\",", "", "`coin`: missing"),
    ] {
        let of = [trade(T, 1, "B").replacen(from, to, 1), trade(T + 1, 2, "A")];
        let ran = read(&[trades(T + 500, &of)]);
        assert_eq!(ran.integers(TRADES, "trade_id"), [2], "{to}");
        assert!(ran.reasons(TRADES)[0].contains(words), "{to}");
    }
}

#[test]
fn a_new_connection_is_a_gap() {
    let connect = r#"{"t":"connect","conn":"x"}"#.to_owned();
    let ran = read(&[
        connect.clone(),
        book(T, &level("99", "1"), &level("101", "2")),
        connect,
        book(T + 500, &level("98", "1"), &level("101", "2")),
    ]);
    assert_eq!((ran.gaps(L2), ran.gaps(IMAGES)), (1, 1));
    assert_eq!(ran.column(IMAGES, "bid_px_00").len(), 2);
    let found = ran.replayed();
    let us = |ms: i64| (T + ms) * 1_000;
    assert_eq!(found.depths, [(us(0), 2), (us(0), 0), (us(500), 2)]);
    let lost = found.lost[0];
    assert_eq!(
        (lost.price, lost.id, lost.ts_recv),
        (99.0, T * 1_000_000, None)
    );
    assert_eq!(ran.totals(L2).rows, 5);
}

proptest! {
    #[test]
    fn damage_does_no_harm(
        of in 0_usize..3, at in 0_usize..300, bytes in prop::collection::vec(any::<u8>(), 0..6)
    ) {
        let lines = [
            book(T, &level("99", "1"), &level("101", "2")),
            trades(T + 600, &[trade(T - 49_000, 900, "B"), trade(T + 500, 500, "A")]),
            book(T + 1, &level("99", "1"), &level("101", "2")),
        ];
        let mut text = lines.map(String::into_bytes);
        let at = at % text[of].len();
        text[of].splice(at..at, bytes);
        let text = String::from_utf8_lossy(&text.join(&b'\n')).into_owned();
        read(&[text]);
    }
}
