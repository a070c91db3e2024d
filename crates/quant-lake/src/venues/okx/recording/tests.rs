//! Rules of the live channels, hostile messages, and the way back from the encoder.

use proptest::prelude::*;
use quant_core::market::Side;

use super::*;
use crate::venues::book_flow::tests_shared::Lost;
use crate::venues::message_fixture::{Ran, collecting, run};
use crate::venues::okx::encode::book::{
    Action, BookMessage as Wire, BookSequence, BookTail, checksum, push_books,
};
use crate::venues::okx::encode::candles::CandleRow;
use crate::venues::okx::encode::live::{
    LiquidationRow, TradesForm, push_candle, push_liquidations, push_open_interest, push_trades,
};
use crate::venues::okx::encode::rest::OpenInterestRow;
use crate::venues::okx::encode::{Terms, TradeRow};
use crate::venues::wire::Level;

const T: i64 = 1_652_459_225_363;
const L2: Dataset = Dataset::L2Deltas;
const IMAGES: Dataset = Dataset::L2Snapshots;
const LINEAR: QtyUnit = QtyUnit::Linear { ctval: 0.1 };

fn with(unit: Option<QtyUnit>) -> OkxRecordingOptions {
    OkxRecordingOptions {
        inst_id: "A-B-SWAP".to_owned(),
        unit,
        levels: 3,
        cadence: Cadence::EveryMessage,
        book_channel: None,
    }
}

fn read_with(options: &OkxRecordingOptions, lines: &[String]) -> Ran {
    let datasets = OkxRecordingOptions::DATASETS;
    let parser = recording_parser(options, &datasets, collecting(&[]));
    run(parser, lines.join("\n").as_bytes())
}

fn read(lines: &[String]) -> Ran {
    read_with(&with(Some(LINEAR)), lines)
}

fn terms() -> Terms {
    Terms::new("A-B-SWAP", InstType::Swap, 2, 2)
}

fn at(ts: i64, message: &str) -> String {
    format!("{ts}123456 {message}")
}

fn wire(f: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    f(&mut out);
    String::from_utf8(out).unwrap()
}

fn book(
    ts: i64,
    action: Action,
    bids: &[(f64, f64)],
    asks: &[(f64, f64)],
    tail: BookTail,
) -> String {
    book_of(BookChannel::Books, ts, action, bids, asks, tail)
}

fn book_of(
    channel: BookChannel,
    ts: i64,
    action: Action,
    bids: &[(f64, f64)],
    asks: &[(f64, f64)],
    tail: BookTail,
) -> String {
    let levels = |of: &[(f64, f64)]| -> Vec<Level> {
        of.iter()
            .map(|&(price, qty)| Level {
                price,
                qty,
                orders: 1,
            })
            .collect()
    };
    let (bids, asks) = (levels(bids), levels(asks));
    let m = Wire {
        ts_ms: ts,
        asks: &asks,
        bids: &bids,
    };
    let text = wire(|out| push_books(out, &terms(), channel, action, &m, tail).unwrap());
    at(ts + 20, &text)
}

const BIDS: [(f64, f64); 2] = [(99.0, 1.0), (98.0, 2.0)];
const ASKS: [(f64, f64); 2] = [(101.0, 3.0), (102.0, 4.0)];

/// A snapshot and its two updates, with ids.
fn stream() -> (Vec<String>, BookSequence) {
    let (mut ids, tail) = BookSequence::start(100);
    let lines = vec![
        book(T, Action::Snapshot, &BIDS, &ASKS, tail),
        book(
            T + 100,
            Action::Update,
            &[(99.0, 0.0)],
            &[],
            ids.update(105),
        ),
        book(
            T + 200,
            Action::Update,
            &[],
            &[(100.0, 5.0)],
            ids.update(106),
        ),
    ];
    (lines, ids)
}

#[test]
fn a_chain_of_ids() {
    let (mut lines, mut ids) = stream();
    lines.push(book(T + 60_200, Action::Update, &[], &[], ids.keep_alive()));
    lines.push(book(
        T + 60_300,
        Action::Update,
        &[(98.5, 1.0)],
        &[],
        ids.reset(7),
    ));
    lines.push(book(
        T + 60_400,
        Action::Update,
        &[(98.6, 1.0)],
        &[],
        ids.update(9),
    ));
    let ran = read(&lines);
    assert_eq!(ran.totals(L2).rows, 8);
    assert_eq!(
        ran.integers(L2, "msg_seq"),
        [100, 100, 100, 100, 105, 106, 7, 9]
    );
    assert_eq!(
        ran.column(L2, "prev_id")[3..],
        [None, Some(100.0), Some(105.0), Some(106.0), Some(7.0)]
    );
    assert_eq!(ran.integers(L2, "ts_recv")[0], (T + 20) * 1_000 + 123);
    assert_eq!(
        ran.column(L2, "qty")[2],
        Some(2.0 * 0.1),
        "contracts become coins"
    );
    assert_eq!(
        ran.column(IMAGES, "bid_px_00"),
        [99.0, 98.0, 98.0, 98.0, 98.5, 98.6].map(Some)
    );
    assert_eq!((ran.diagnostic(IMAGES, "id_resets"), ran.gaps(L2)), (1, 0));
    assert_eq!(ran.diagnostic(IMAGES, "keep_alives"), 1);
}

#[test]
fn a_broken_chain_is_a_gap_until_the_next_snapshot() {
    let (mut lines, mut ids) = stream();
    ids.update(107);
    lines.push(book(
        T + 300,
        Action::Update,
        &[(97.0, 1.0)],
        &[],
        ids.update(108),
    ));
    lines.push(book(
        T + 400,
        Action::Update,
        &[(96.0, 1.0)],
        &[],
        ids.update(109),
    ));
    let (_, tail) = BookSequence::start(120);
    lines.push(book(T + 500, Action::Snapshot, &BIDS, &[], tail));
    let ran = read(&lines);
    assert_eq!((ran.gaps(L2), ran.gaps(IMAGES)), (1, 1));
    assert_eq!((ran.totals(L2).rows, ran.totals(L2).unwanted), (11, 2));
    assert_eq!(ran.diagnostic(IMAGES, "sequence_breaks"), 1);
    assert_eq!(ran.diagnostic(IMAGES, "messages_before_snapshot"), 1);
    assert_eq!(ran.column(IMAGES, "bid_px_00").len(), 4);
    let us = |ms: i64| (T + ms) * 1_000;
    let lost = Lost {
        ts: us(300),
        ts_recv: Some(us(320) + 123),
        msg_seq: 107,
        side: 1,
        price: 98.0,
        id: 108,
    };
    let found = ran.replayed();
    assert_eq!(found.lost, [lost]);
    let depths = [(0, 4), (100, 3), (200, 4), (300, 0), (500, 2)].map(|(ms, n)| (us(ms), n));
    assert_eq!(found.depths, depths);
}

#[test]
fn a_keep_alive_with_levels_contradicts_itself() {
    let (mut lines, ids) = stream();
    lines.push(book(
        T + 300,
        Action::Update,
        &[(97.0, 1.0)],
        &[],
        ids.keep_alive(),
    ));
    let ran = read(&lines);
    assert!(
        ran.reasons(IMAGES)[0].contains("nothing changed"),
        "{:?}",
        ran.reasons(IMAGES)
    );
    assert_eq!(ran.gaps(L2), 1);
}

#[test]
fn a_new_connection_starts_again() {
    let (mut lines, mut ids) = stream();
    lines.insert(
        0,
        r#"{"t":"connect","conn":"x","ts":1652459224.5}"#.to_owned(),
    );
    lines.push(r#"{"t":"connect","conn":"x","ts":1652459226.5}"#.to_owned());
    lines.push(book(
        T + 300,
        Action::Update,
        &[(97.0, 1.0)],
        &[],
        ids.update(107),
    ));
    // The same state as before the connection was lost, at the same time.
    lines.push(book(
        T + 200,
        Action::Snapshot,
        &[(98.0, 2.0)],
        &[(100.0, 5.0)],
        BookTail::Sequence { prev: -1, seq: 106 },
    ));
    let ran = read(&lines);
    assert_eq!(
        (ran.gaps(L2), ran.gaps(Dataset::Trades)),
        (1, 0),
        "only of what was seen"
    );
    assert_eq!(ran.totals(L2).quarantined, []);
    assert_eq!(
        ran.integers(L2, "msg_seq"),
        [100, 100, 100, 100, 105, 106, 107, 108, 108]
    );
    // The row of the lost book, then the snapshot of the same time.
    assert_eq!(ran.integers(L2, "last_id")[6..], [106, 106, 106]);
    let found = ran.replayed();
    assert_eq!(found.lost.len(), 1);
    assert_eq!(found.lost[0].ts, (T + 200) * 1_000);
    assert_eq!(
        found.depths[2..].iter().map(|d| d.1).collect::<Vec<_>>(),
        [4, 0, 2]
    );
}

#[test]
fn another_connection_cuts_nothing() {
    let over = |conn: &str, line: &str| {
        let message = serde_json::to_string(line.split_once(' ').unwrap().1).unwrap();
        format!(r#"{{"t":"recv","conn":"{conn}","ts":1652459225.5,"data":{message}}}"#)
    };
    let open = |conn: &str| format!(r#"{{"t":"connect","conn":"{conn}","ts":1652459225.4}}"#);
    let (stream, _) = stream();
    let text = wire(|out| push_trades(out, &terms(), TradesForm::Old, &[trade(2, T)]).unwrap());
    let lines = |second: &str| {
        vec![
            open("books"),
            over("books", &stream[0]),
            open("trades"),
            over("trades", &at(T, &text)),
            over("books", &stream[1]),
            open(second),
            over("books", &stream[2]),
        ]
    };
    let ran = read(&lines("trades"));
    assert_eq!((ran.gaps(L2), ran.gaps(Dataset::Trades)), (0, 1));
    assert_eq!(ran.totals(L2).unwanted, 0);
    let ran = read(&lines("books"));
    assert_eq!((ran.gaps(L2), ran.gaps(Dataset::Trades)), (1, 0));
    assert_eq!(ran.totals(L2).unwanted, 1);
}

/// Three messages with the checksums of 2022.
fn old_stream() -> Vec<String> {
    let levels = |of: &[(f64, f64)]| -> Vec<Level> {
        of.iter()
            .map(|&(price, qty)| Level {
                price,
                qty,
                orders: 1,
            })
            .collect()
    };
    let sum = |bids: &[(f64, f64)], asks: &[(f64, f64)]| {
        BookTail::Checksum(checksum(&terms(), &levels(bids), &levels(asks)))
    };
    vec![
        book(T, Action::Snapshot, &BIDS, &ASKS, sum(&BIDS, &ASKS)),
        book(
            T + 100,
            Action::Update,
            &[(99.0, 0.0)],
            &[],
            sum(&BIDS[1..], &ASKS),
        ),
        book(
            T + 200,
            Action::Update,
            &[(98.0, 7.5)],
            &[],
            sum(&[(98.0, 7.5)], &ASKS),
        ),
    ]
}

#[test]
fn checksums_prove_a_stream_without_ids() {
    let ran = read(&old_stream());
    assert_eq!(ran.diagnostic(IMAGES, "checksums_verified"), 3);
    assert_eq!(ran.diagnostic(IMAGES, "checksums_failed"), 0);
    assert_eq!(
        ran.integers(L2, "msg_seq"),
        [0, 0, 0, 0, 100, 200].map(|ms| (T + ms) * 1_000_000)
    );

    let mut missing = old_stream();
    missing.remove(1);
    let last = old_stream()[2].clone();
    missing.push(last);
    missing.extend(old_stream().into_iter().take(1));
    let ran = read(&missing);
    assert_eq!(ran.diagnostic(IMAGES, "checksums_failed"), 1);
    assert_eq!(ran.diagnostic(IMAGES, "checksums_verified"), 2);
    assert_eq!((ran.gaps(L2), ran.gaps(IMAGES)), (1, 1));
    assert_eq!(
        ran.totals(L2).unwanted,
        2,
        "the wrong update and the one after it"
    );
    let found = ran.replayed();
    let told = (T + 200) * 1_000;
    assert_eq!((found.lost.len(), found.lost[0].ts), (1, told));
    assert_eq!(found.depths, [(T * 1_000, 4), (told, 0), (told, 4)]);
    assert!(
        ran.totals(IMAGES)
            .remarks
            .iter()
            .any(|r| r.contains("1 checksums"))
    );
}

#[test]
fn a_checksum_of_zero_is_no_checksum() {
    let lines: Vec<String> = old_stream()
        .iter()
        .map(|l| {
            let at = l.find("\"checksum\":").unwrap();
            format!("{}\"checksum\":0}}]}}", &l[..at])
        })
        .collect();
    let ran = read(&lines);
    assert_eq!(ran.diagnostic(IMAGES, "checksums_verified"), 0);
    assert_eq!(ran.totals(L2).rows, 6);
    // Nothing but the file itself says that no update is missing: an unreadable line ends the book.
    let mut lines = lines;
    lines[1].truncate(60);
    let ran = read(&lines);
    assert_eq!((ran.gaps(L2), ran.totals(L2).unwanted), (1, 1));
    // Checksums would have told.
    let mut lines = old_stream();
    lines.insert(1, lines[1][..60].to_owned());
    assert_eq!(read(&lines).gaps(L2), 0);
}

#[test]
fn one_of_several_book_channels() {
    let tail = BookTail::Sequence { prev: -1, seq: 5 };
    let lines = [
        BookChannel::Books50L2Tbt,
        BookChannel::Books,
        BookChannel::Books5,
    ]
    .map(|c| book_of(c, T, Action::Snapshot, &BIDS, &ASKS, tail));
    let ran = read(&lines);
    assert_eq!(ran.totals(L2).rows, 4);
    assert_eq!(ran.diagnostic(IMAGES, "messages_of_other_book_channels"), 1);
    assert_eq!(ran.diagnostic(IMAGES, "messages_without_rows"), 1, "books5");
    let chosen = OkxRecordingOptions {
        book_channel: Some(BookChannel::BooksL2Tbt),
        ..with(Some(LINEAR))
    };
    let ran = read_with(&chosen, &lines);
    assert_eq!(ran.totals(L2).rows, 0);
}

#[test]
fn best_prices() {
    let q = Dataset::BookTicker;
    let line = |ts, bids: &[(f64, f64)], asks: &[(f64, f64)], seq| {
        let tail = BookTail::Sequence { prev: -1, seq };
        book_of(BookChannel::BboTbt, ts, Action::Snapshot, bids, asks, tail)
    };
    let with_ask = |line: String, px: &str| {
        let first = "\"asks\":[[\"";
        assert!(line.contains(first), "{line}");
        line.replace(first, &format!("\"asks\":[[\"{px}\",\"1\"],[\""))
    };
    let without_id = line(T + 20, &BIDS[..1], &ASKS[..1], 9).replace(",\"seqId\":9", "");
    let ran = read(&[
        line(T, &BIDS[..1], &ASKS[..1], 7),
        line(T + 10, &[], &ASKS[..1], 8),
        without_id,
        line(T + 30, &[(101.5, 1.0)], &ASKS[..1], 10),
        line(T + 40, &[], &[], 11),
        with_ask(line(T + 50, &BIDS[..1], &ASKS[..1], 12), "0"),
        with_ask(line(T + 60, &BIDS[..1], &ASKS[..1], 13), "-1"),
    ]);
    assert_eq!(
        ran.integers(q, "update_id"),
        [7, 8, (T + 20) * 1_000_000, 10, 11, 12]
    );
    let of = |name| {
        ran.column(q, name)
            .into_iter()
            .map(Option::unwrap)
            .collect::<Vec<f64>>()
    };
    // An empty side is price and quantity 0; bid above ask is what the venue said.
    let (bid, ask) = (BIDS[0].0, ASKS[0].0);
    assert_eq!(of("bid_px"), [bid, 0.0, bid, 101.5, 0.0, bid]);
    assert_eq!(of("ask_px"), [ask, ask, ask, ask, 0.0, 0.0]);
    assert_eq!(of("bid_qty")[..3], [0.1, 0.0, 0.1]);
    assert_eq!(of("ask_qty"), [0.3, 0.3, 0.3, 0.3, 0.0, 0.0]);
    assert_eq!(ran.reasons(q).len(), 1, "{:?}", ran.reasons(q));
    assert_eq!((ran.totals(q).rows, ran.totals(q).unwanted), (7, 0));
}

fn trade(id: i64, ts: i64) -> TradeRow {
    TradeRow {
        trade_id: id,
        side: if id % 2 == 0 { Side::Buy } else { Side::Sell },
        price: 100.5,
        qty: 3.0,
        ts_ms: ts,
        count: 1,
        source: 0,
        seq_id: id,
    }
}

#[test]
fn trades_of_both_channels() {
    let d = Dataset::Trades;
    let (lines, _) = stream();
    for (form, other) in [
        (TradesForm::Trades, TradesForm::All),
        (TradesForm::All, TradesForm::Trades),
    ] {
        let line = |form, rows: &[TradeRow]| {
            let text = wire(|out| push_trades(out, &terms(), form, rows).unwrap());
            at(T + 250, &text)
        };
        let mut lines = lines.clone();
        // The last trade before the subscription, 26 s old.
        lines.push(line(form, &[trade(1, T - 26_000)]));
        lines.push(line(
            form,
            &[trade(2, T + 210), trade(3, T + 211), trade(3, T + 211)],
        ));
        lines.push(line(other, &[trade(2, T + 210)]));
        let ran = read(&lines);
        assert_eq!(ran.integers(d, "trade_id"), [1, 2, 3]);
        assert_eq!(ran.column(d, "late"), [Some(1.0), None, None]);
        assert_eq!(ran.column(d, "aggressor"), [-1.0, 1.0, -1.0].map(Some));
        assert_eq!(ran.column(d, "qty"), [Some(0.3); 3]);
        assert_eq!(ran.column(d, "qty_raw"), [Some(3.0); 3]);
        assert_eq!(ran.diagnostic(d, "messages_of_other_trades_channel"), 1);
        assert_eq!(ran.totals(d).rows, 4, "one of them twice");
    }
}

#[test]
fn inverse_contracts_by_their_own_price() {
    let text = wire(|out| push_trades(out, &terms(), TradesForm::Old, &[trade(1, T)]).unwrap());
    let ran = read_with(
        &with(Some(QtyUnit::Inverse { usd: 100.0 })),
        &[at(T, &text)],
    );
    assert_eq!(ran.column(Dataset::Trades, "qty"), [Some(300.0 / 100.5)]);
}

#[test]
fn a_bad_trade_does_not_spoil_its_neighbours() {
    let rows = [trade(1, T), trade(2, T + 1), trade(3, T + 2)];
    let text = wire(|out| push_trades(out, &terms(), TradesForm::Trades, &rows).unwrap());
    let second = |from: &str, to: &str| {
        let at = text.find("\"tradeId\":\"2\"").unwrap();
        format!("{}{}", &text[..at], text[at..].replacen(from, to, 1))
    };
    for (bad, words) in [
        (second("\"px\":\"100.5\"", "\"px\":\"NaN\""), "not a finite"),
        (
            second("\"px\":\"100.5\"", "\"px\":\"1e400\""),
            "not a finite",
        ),
        (second("\"px\":\"100.5\"", "\"px\":\"-1\""), "not negative"),
        (second("\"px\":\"100.5\"", "\"px\":\"0\""), "positive"),
        (
            second("\"px\":\"100.5\"", "\"px\":\"1\",\"px\":\"2\""),
            "given twice",
        ),
        (second("\"px\":\"100.5\"", "\"pz\":\"1\""), "`px`: missing"),
        (second("\"sz\":\"3\"", "\"sz\":\"inf\""), "not a finite"),
        (
            second("\"side\":\"buy\"", "\"side\":\"long\""),
            "buy or sell",
        ),
        (
            second("\"tradeId\":\"2\"", "\"tradeId\":\"2.5\""),
            "not an integer",
        ),
        (
            second("\"tradeId\":\"2\"", "\"tradeId\":\"-2\""),
            "not negative",
        ),
        (second(&(T + 1).to_string(), "16524592253"), "13 digits"),
        (
            second(&(T + 1).to_string(), "1752459225363"),
            "within a day",
        ),
    ] {
        let ran = read(&[at(T, &bad)]);
        assert_eq!(ran.integers(Dataset::Trades, "trade_id"), [1, 3], "{bad}");
        let reasons = ran.reasons(Dataset::Trades);
        assert!(
            reasons.len() == 1 && reasons[0].contains(words),
            "{bad}: {reasons:?}"
        );
    }
    // Of another instrument inside a push of this one.
    let other = text.replacen("[{\"instId\":\"A-B-SWAP\"", "[{\"instId\":\"X\"", 1);
    assert_eq!(
        read(&[at(T, &other)]).integers(Dataset::Trades, "trade_id"),
        [2, 3]
    );
}

#[test]
fn candles_that_are_closed() {
    let d = Dataset::Klines1m;
    let row = |confirm| CandleRow {
        open_ms: T / 60_000 * 60_000,
        open: 100.0,
        high: 102.0,
        low: 99.0,
        close: 101.0,
        vol: 50.0,
        vol_ccy: 5.0,
        vol_quote: 505.0,
        confirm,
    };
    let line = |confirm| {
        at(
            T,
            &wire(|out| push_candle(out, &terms(), "1m", &row(confirm)).unwrap()),
        )
    };
    let hour = at(
        T,
        &wire(|out| push_candle(out, &terms(), "1H", &row(true)).unwrap()),
    );
    let ran = read(&[line(false), line(true), hour]);
    assert_eq!(ran.column(d, "volume"), [Some(5.0)]);
    assert_eq!(ran.column(d, "volume_raw"), [Some(50.0)]);
    assert_eq!(ran.column(d, "quote_volume"), [Some(505.0)]);
    assert_eq!((ran.totals(d).rows, ran.totals(d).unwanted), (2, 1));
    assert_eq!(ran.diagnostic(d, "messages_without_rows"), 1);
    let spot = OkxRecordingOptions {
        inst_id: "A-B".to_owned(),
        ..with(None)
    };
    let ran = read_with(&spot, &[line(true).replace("A-B-SWAP", "A-B")]);
    assert_eq!(ran.column(d, "volume"), [Some(50.0)]);
    assert_eq!(ran.column(d, "volume_raw"), [None]);
    let ran = read(&[line(true).replace("\"102\"", "\"100.5\"")]);
    assert!(ran.reasons(d)[0].contains("high below low"));
    let ran = read(&[line(true).replace(",\"1\"]", "]")]);
    assert!(ran.reasons(d)[0].contains("8 fields"));
}

#[test]
fn open_interest_in_coins() {
    let d = Dataset::OpenInterest;
    let row = OpenInterestRow {
        ts_ms: T,
        oi: 5_000.0,
        oi_ccy: 500.0,
        oi_usd: 50_000.0,
    };
    let text = wire(|out| push_open_interest(out, &terms(), &row).unwrap());
    let ran = read(&[at(T, &text)]);
    assert_eq!(ran.column(d, "open_interest"), [Some(500.0)]);
    assert_eq!(ran.column(d, "notional"), [Some(50_000.0)]);
    assert_eq!(ran.integers(d, "ts_event"), [T * 1_000]);
}

#[test]
fn forced_orders_that_are_equal_are_numbered() {
    let d = Dataset::Liquidations;
    let row = LiquidationRow {
        ts_ms: T,
        side: Side::Sell,
        price: 95.5,
        qty: 3.0,
    };
    let text = wire(|out| push_liquidations(out, &terms(), &[row, row]).unwrap());
    let ran = read(&[
        at(T, &text),
        at(T, &text.replace("A-B-SWAP", "C-B-SWAP")),
        at(T, &text),
    ]);
    assert_eq!(ran.column(d, "occurrence"), [0.0, 1.0, 2.0, 3.0].map(Some));
    assert_eq!(ran.column(d, "qty"), [Some(0.3); 4]);
    assert_eq!(ran.column(d, "qty_raw"), [Some(3.0); 4]);
    assert_eq!(ran.column(d, "side"), [Some(-1.0); 4]);
    assert_eq!(ran.diagnostic(d, "messages_of_other_instruments"), 1);
    let ran = read(&[at(
        T,
        &text.replacen("\"bkPx\":\"95.5\"", "\"bkPx\":\"\"", 1),
    )]);
    assert_eq!((ran.totals(d).rows, ran.reasons(d).len()), (2, 1));
}

#[test]
fn terms_out_of_the_capture() {
    let answer = r#"{\"code\":\"0\",\"data\":[{\"instId\":\"A-B-SWAP\",\"instType\":\"SWAP\",\"ctType\":\"linear\",\"ctVal\":\"0.5\",\"ctMult\":\"1\"}]}"#;
    let http = format!(r#"{{"t":"http","conn":"s","ts":1652459224.5,"data":"{answer}"}}"#);
    let text = wire(|out| push_trades(out, &terms(), TradesForm::Old, &[trade(2, T)]).unwrap());
    let d = Dataset::Trades;
    let ran = read_with(&with(None), &[http.clone(), at(T, &text)]);
    assert_eq!(ran.column(d, "qty"), [Some(1.5)]);
    assert!(ran.totals(d).remarks.is_empty());
    // Unknown: nothing is read as coins by mistake.
    let ran = read_with(&with(None), &[at(T, &text)]);
    assert!(ran.reasons(d)[0].contains("worth of a contract"));
    // Given otherwise: said.
    let ran = read(&[http, at(T, &text)]);
    assert_eq!(ran.column(d, "qty"), [Some(0.3)]);
    assert!(ran.totals(d).remarks[0].contains("otherwise"));
}

#[test]
fn what_is_no_data_is_passed_over() {
    let ran = read(&[
        at(T, "pong"),
        at(
            T,
            r#"{"event":"subscribe","arg":{"channel":"books","instId":"A-B-SWAP"}}"#,
        ),
        at(
            T,
            r#"{"event":"error","code":"60012","msg":"x","connId":"y"}"#,
        ),
        at(
            T,
            r#"{"arg":{"channel":"tickers","instId":"A-B-SWAP"},"data":[{"ts":"1652459225363"}]}"#,
        ),
        at(
            T,
            r#"{"arg":{"channel":"funding-rate","instId":"A-B-SWAP"},"data":[{}]}"#,
        ),
        at(
            T,
            r#"{"arg":{"channel":"books","instId":"X-B-SWAP"},"action":"update","data":[{}]}"#,
        ),
    ]);
    for (dataset, totals) in &ran.totals {
        assert_eq!((totals.rows, totals.quarantined.len()), (0, 0), "{dataset}");
    }
    let d = Dataset::Trades;
    assert_eq!(ran.diagnostic(d, "answers_to_requests"), 2);
    assert_eq!(ran.diagnostic(d, "errors_of_the_venue"), 1);
    assert_eq!(ran.diagnostic(d, "messages_without_rows"), 2);
    assert_eq!(ran.diagnostic(d, "messages_of_other_instruments"), 1);
}

#[test]
fn hostile_book_messages_void_the_book() {
    let (lines, mut ids) = stream();
    let good = book(
        T + 300,
        Action::Update,
        &[(97.0, 1.0)],
        &[],
        ids.update(107),
    );
    let next = book(
        T + 400,
        Action::Update,
        &[(96.0, 1.0)],
        &[],
        ids.update(108),
    );
    for (from, to, words) in [
        ("\"97\"", "\"NaN\"", "not a finite"),
        ("\"97\"", "\"-97\"", "not negative"),
        ("\"97\"", "\"1e400\"", "not a finite"),
        (
            "\"action\":\"update\"",
            "\"action\":\"partial\"",
            "snapshot or update",
        ),
        ("\"action\":\"update\",", "", "snapshot or update"),
        ("\"seqId\":107", "\"seqId\":\"x\"", "not an integer"),
        (
            "\"seqId\":107",
            "\"seqId\":107,\"seqId\":107",
            "given twice",
        ),
        ("\"asks\":[]", "\"asks\":[],\"asks\":[]", "given twice"),
        ("\"asks\":[],", "", "`asks`: missing"),
        (
            "\"ts\":\"1652459225663\"",
            "\"ts\":\"1752459225663\"",
            "within a day",
        ),
        ("\"data\":[{", "\"data\":[[", "expected"),
    ] {
        assert!(good.contains(from), "{good}");
        let mut lines = lines.clone();
        lines.push(good.replacen(from, to, 1));
        lines.push(next.clone());
        let ran = read(&lines);
        let reasons: Vec<String> = [IMAGES, Dataset::Trades]
            .iter()
            .flat_map(|d| ran.reasons(*d))
            .collect();
        assert!(
            reasons.len() == 1 && reasons[0].contains(words),
            "{to}: {reasons:?}"
        );
        assert_eq!((ran.gaps(L2), ran.totals(L2).unwanted), (1, 1), "{to}");
        // Told by a line without a time that counts: the newest time of the stream, and its receipt. Where it may not have been
        // a push of the book, the chain tells it at the next one.
        let found = ran.replayed();
        let told = (found.lost[0].ts, found.lost[0].ts_recv.map(|us| us / 1_000));
        let expected = match to {
            "\"data\":[[" => ((T + 400) * 1_000, Some(T + 420)),
            _ => ((T + 200) * 1_000, Some(T + 320)),
        };
        assert_eq!(told, expected, "{to}");
        assert_eq!(found.lost.len(), 1, "{to}");
        assert_eq!(found.depths.last().map(|d| d.1), Some(0), "{to}");
    }
    // The chain of ids tells as well when nobody can tell what the line was.
    let mut lines = lines;
    lines.push(good[..good.len() - 9].to_owned());
    lines.push(next);
    let ran = read(&lines);
    assert_eq!((ran.gaps(L2), ran.reasons(Dataset::Trades).len()), (1, 1));
}

proptest! {
    #[test]
    fn damage_does_no_harm(
        of in 0_usize..3, at in 0_usize..300, bytes in prop::collection::vec(any::<u8>(), 0..6), cut in 0_usize..300
    ) {
        let (mut lines, _) = stream();
        lines.extend(old_stream());
        let mut text: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        let line = &mut text[of];
        let at = at % line.len();
        line.splice(at..at, bytes);
        if cut < 30 {
            line.truncate(cut);
        }
        let text = text.join(&b'\n');
        run(recording_parser(&with(Some(LINEAR)), &OkxRecordingOptions::DATASETS, collecting(&[L2, IMAGES])), &text);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        run(recording_parser(&with(None), &OkxRecordingOptions::DATASETS, collecting(&[])), &bytes);
    }
}
