//! Files, pages and frames against texts written by hand from the documents and from recorded shapes.

mod recorded;

use std::io::{Cursor, Read as _};

use quant_core::time::Day;

use super::book::*;
use super::candles::*;
use super::funding::*;
use super::history::*;
use super::instruments::*;
use super::names::*;
use super::rest::*;
use super::trades::*;
use super::*;
use crate::venues::binance::Period;
use crate::venues::pack::{PackError, PackedFile};
use crate::venues::wire::{Level, WireError};

fn terms() -> Terms {
    Terms::new("BTC-USDT-SWAP", InstType::Swap, 1, 2)
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn trade(ts_ms: i64, source: u8) -> TradeRow {
    TradeRow {
        trade_id: 2_802_853_319,
        side: Side::Sell,
        price: 64927.5,
        qty: 0.2,
        ts_ms,
        count: 3,
        source,
        seq_id: 1_234,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The only member of a zip, which must have the zip's name.
fn csv_of(file: &PackedFile) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(&file.bytes)).unwrap();
    assert_eq!(archive.len(), 1);
    let member = file.name.replace(".zip", ".csv");
    let mut out = String::new();
    archive
        .by_name(&member)
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    out
}

#[test]
fn trades_are_filed_by_days_of_utc8() {
    let (start, end) = Module::Trades.span_ms(Period::Day(day("2023-01-20")));
    assert_eq!((start, end), (1_674_144_000_000, 1_674_230_400_000)); // 2023-01-19 16:00 to 2023-01-20 16:00
    assert_eq!(Module::Trades.day_of(start), day("2023-01-20"));
    assert_eq!(Module::Trades.day_of(start - 1), day("2023-01-19"));
    assert_eq!(Module::Book400.day_of(start), day("2023-01-19"));
    assert_eq!(
        Module::Book400.span_ms(Period::Day(day("2023-01-20"))).0,
        1_674_172_800_000
    );

    let mut zip = TradesZip::new(&terms(), Period::Day(day("2023-01-20"))).unwrap();
    for ts in [start - 1, end] {
        let fault = zip.push(&trade(ts, 0)).unwrap_err();
        assert!(
            matches!(fault, PackError::RowOutsideFile { row: 0, .. }),
            "{fault}"
        );
    }
    zip.push(&trade(start, 0)).unwrap();
    zip.push(&trade(end - 1, 1)).unwrap();
    let file = zip.finish().unwrap();
    assert_eq!(
        file.path(),
        "cdn/okex/traderecords/trades/daily/20230120/BTC-USDT-SWAP-trades-2023-01-20.zip"
    );
    assert_eq!(
        csv_of(&file),
        "instrument_name,trade_id,side,price,size,created_time\n\
         BTC-USDT-SWAP,2802853319,sell,64927.5,0.2,1674144000000\n\
         BTC-USDT-SWAP,2802853319,sell,64927.5,0.2,1674230399999\n"
    );
}

#[test]
fn trades_of_2026_have_a_source_and_months_a_file() {
    let (start, _) = Module::Trades.span_ms(Period::Month(day("2026-07-01")));
    let mut zip = TradesZip::new(&terms(), Period::Month(day("2026-07-01"))).unwrap();
    zip.push(&trade(start + 30 * 86_400_000, 1)).unwrap();
    let file = zip.finish().unwrap();
    assert_eq!(
        file.path(),
        "cdn/okex/traderecords/trades/monthly/202607/BTC-USDT-SWAP-trades-2026-07.zip"
    );
    assert!(
        csv_of(&file).starts_with("instrument_name,trade_id,side,price,size,created_time,source\n")
    );
    assert!(csv_of(&file).ends_with(",1\n"));
}

fn candle(open_ms: i64) -> CandleRow {
    CandleRow {
        open_ms,
        open: 3_811.3,
        high: 3_812.0,
        low: 3_810.5,
        close: 3_811.0,
        vol: 12.5,
        vol_ccy: 0.125,
        vol_quote: 476.41875,
        confirm: true,
    }
}

#[test]
fn candle_and_funding_files() {
    let month = Period::Month(day("2025-09-01"));
    let (start, _) = Module::Candles.span_ms(month);
    let mut zip = CandlesZip::new(&terms(), month).unwrap();
    zip.push(&candle(start)).unwrap();
    assert!(zip.push(&candle(start - 60_000)).is_err());
    assert!(
        zip.push(&CandleRow {
            vol_ccy: f64::INFINITY,
            ..candle(start)
        })
        .is_err()
    );
    let file = zip.finish().unwrap();
    assert_eq!(
        file.path(),
        "cdn/okex/traderecords/candlesticks/monthly/202509/BTC-USDT-SWAP-candlesticks-2025-09.zip"
    );
    assert_eq!(
        csv_of(&file),
        "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\n\
         BTC-USDT-SWAP,3811.3,3812,3810.5,3811,12.5,0.125,476.41875,1756656000000,1\n"
    );

    let period = Period::Day(day("2025-09-01"));
    let mut zip = FundingZip::new("", period).unwrap();
    for (inst_id, rate) in [
        ("BTC-USDT-SWAP", -0.000_012_5),
        ("ETH-USDT-SWAP", 0.0000746604960499),
    ] {
        zip.push(&FundingRow {
            inst_id,
            ts_ms: 1_756_656_000_000,
            rate,
        })
        .unwrap();
    }
    let file = zip.finish().unwrap();
    assert_eq!(
        file.path(),
        "cdn/okex/traderecords/swaprates/daily/20250901/allswap-fundingrates-2025-09-01.zip"
    );
    assert_eq!(
        csv_of(&file),
        "instrument_name,funding_rate,funding_time\n\
         BTC-USDT-SWAP,-0.0000125,1756656000000\nETH-USDT-SWAP,0.0000746604960499,1756656000000\n"
    );
}

#[test]
fn names_of_all_products() {
    let period = Period::Day(day("2025-11-02"));
    let path = |module: Module| {
        let file = module.file_name("BTC-USDT-SWAP", period);
        format!("{}/{}", file.folder, file.name)
    };
    assert_eq!(
        path(Module::Book5000),
        "cdn/okx/match/orderbook/L2/5000lv/daily/20251102/BTC-USDT-SWAP-L2orderbook-5000lv-2025-11-02.tar.gz"
    );
    assert_eq!(
        path(Module::Borrow),
        "cdn/okex/traderecords/borrowrates/daily/20251102/allmargin-borrowrates-2025-11-02.zip"
    );
    for module in Module::ALL {
        assert_eq!(Module::from_number(module.number()), Some(module));
    }
    assert_eq!(Module::from_number(7), None);
    assert_eq!(
        archive_id("BTC-USD-220527", InstType::Futures),
        "BTC-USD-futureschain"
    );
    assert_eq!(archive_id("BTC-USDT", InstType::Spot), "BTC-USDT");
    assert_eq!(live::inst_type_of("BTC-USD-220527"), InstType::Futures);
    assert_eq!(live::inst_type_of("BTC-USDT-SWAP"), InstType::Swap);
    assert_eq!(live::inst_type_of("BTC-USDT"), InstType::Spot);
}

fn level(price: f64, qty: f64, orders: u32) -> Level {
    Level { price, qty, orders }
}

#[test]
fn book_files() {
    let day = day("2025-11-02");
    let start = day.start().0 / 1_000;
    let mut tar = BookTar::new(&terms(), day, Module::Book400);
    let (asks, bids) = ([level(100.5, 3.58, 2)], [level(100.4, 0.0, 0)]);
    let at = |ts_ms| BookMessage {
        ts_ms,
        asks: &asks,
        bids: &bids,
    };
    let fault = tar.push(Action::Update, &at(start)).unwrap_err();
    assert!(matches!(fault, PackError::NoSnapshot { row: 0 }));
    assert!(tar.is_snapshot_due(start));
    tar.push(Action::Snapshot, &at(start)).unwrap();
    assert!(!tar.is_snapshot_due(start + SNAPSHOT_EVERY_MS - 1));
    assert!(tar.is_snapshot_due(start + SNAPSHOT_EVERY_MS));
    tar.push(Action::Update, &at(start + 10)).unwrap();
    assert!(tar.push(Action::Update, &at(start - 1)).is_err());
    let file = tar.finish().unwrap();
    let text = recorded::data_of(
        &file.bytes,
        "BTC-USDT-SWAP-L2orderbook-400lv-2025-11-02.data",
    );
    assert_eq!(
        text,
        format!(
            r#"{{"instId":"BTC-USDT-SWAP","action":"snapshot","ts":"{start}","asks":[["100.5","3.58","2"]],"bids":[["100.4","0","0"]]}}
{{"instId":"BTC-USDT-SWAP","action":"update","ts":"{}","asks":[["100.5","3.58","2"]],"bids":[["100.4","0","0"]]}}
"#,
            start + 10
        )
    );
}

fn frame(push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> String {
    let mut out = Vec::new();
    push(&mut out).unwrap();
    text(out)
}

#[test]
fn book_frames_and_sequence_ids() {
    let terms = terms();
    let (asks, bids) = ([level(8477.0, 415.0, 13)], [level(8476.0, 256.5, 12)]);
    let m = BookMessage {
        ts_ms: 1_597_026_383_085,
        asks: &asks,
        bids: &bids,
    };
    let push = |channel, action, m: &BookMessage<'_>, tail| {
        frame(|out| push_books(out, &terms, channel, action, m, tail))
    };
    let sides = r#""asks":[["8477","415","0","13"]],"bids":[["8476","256.5","0","12"]]"#;
    let (mut ids, first) = BookSequence::start(10);
    assert_eq!(
        push(BookChannel::Books, Action::Snapshot, &m, first),
        format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT-SWAP"}},"action":"snapshot","data":[{{{sides},"ts":"1597026383085","checksum":0,"prevSeqId":-1,"seqId":10}}]}}"#
        )
    );
    let second = ids.update(25);
    assert_eq!(
        push(BookChannel::BooksL2Tbt, Action::Update, &m, second),
        format!(
            r#"{{"arg":{{"channel":"books-l2-tbt","instId":"BTC-USDT-SWAP"}},"action":"update","data":[{{{sides},"ts":"1597026383085","checksum":0,"prevSeqId":10,"seqId":25}}]}}"#
        )
    );
    let idle = BookMessage {
        asks: &[],
        bids: &[],
        ..m
    };
    let alive = ids.keep_alive();
    assert!(
        push(BookChannel::Books, Action::Update, &idle, alive).contains(
            r#""asks":[],"bids":[],"ts":"1597026383085","checksum":0,"prevSeqId":25,"seqId":25"#
        )
    );
    assert_eq!(ids.reset(3), BookTail::Sequence { prev: 25, seq: 3 });
    assert_eq!(ids.update(5), BookTail::Sequence { prev: 3, seq: 5 });
    assert_eq!(ids.last(), 5);

    assert_eq!(
        push(BookChannel::BboTbt, Action::Snapshot, &m, ids.update(7)),
        format!(
            r#"{{"arg":{{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"}},"data":[{{{sides},"ts":"1597026383085","seqId":7}}]}}"#
        )
    );
    assert_eq!(
        push(BookChannel::Books5, Action::Snapshot, &m, ids.update(8)),
        format!(
            r#"{{"arg":{{"channel":"books5","instId":"BTC-USDT-SWAP"}},"data":[{{{sides},"instId":"BTC-USDT-SWAP","ts":"1597026383085","seqId":8}}]}}"#
        )
    );
    assert!(
        push(
            BookChannel::Books,
            Action::Update,
            &m,
            BookTail::Checksum(-7)
        )
        .ends_with(r#""ts":"1597026383085","checksum":-7}]}"#)
    );
}

#[test]
fn old_checksum() {
    // The string of the venue's own example, "3366.1:7:3366.8:9:3366:6:3368:8"; its CRC32 by zlib.
    let bids = [level(3366.1, 7.0, 3), level(3366.0, 6.0, 4)];
    let asks = [level(3366.8, 9.0, 3), level(3368.0, 8.0, 4)];
    assert_eq!(checksum(&terms(), &bids, &asks), -1881014294);
    // A side that has ended: "3366.1:7:3366.8:9:3368:8:3372:8".
    let asks = [
        level(3366.8, 9.0, 3),
        level(3368.0, 8.0, 4),
        level(3372.0, 8.0, 4),
    ];
    assert_eq!(checksum(&terms(), &bids[..1], &asks), 831078360);
    // Only 25 levels count.
    let deep: Vec<Level> = (0..30)
        .map(|i| level(100.0 + f64::from(i), 1.0, 1))
        .collect();
    assert_eq!(
        checksum(&terms(), &[], &deep),
        checksum(&terms(), &[], &deep[..25])
    );
    assert_ne!(
        checksum(&terms(), &[], &deep),
        checksum(&terms(), &[], &deep[..24])
    );
}

#[test]
fn trade_frames() {
    let rows = [trade(1_784_822_400_188, 1)];
    let push = |form| frame(|out| live::push_trades(out, &terms(), form, &rows));
    let head = r#""instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"2802853319","px":"64927.5","sz":"0.2","side":"sell""#;
    assert_eq!(
        push(live::TradesForm::Trades),
        format!(
            r#"{{"arg":{{"channel":"trades",{head},"ts":"1784822400188","count":"3","source":"1","seqId":1234}}]}}"#
        )
    );
    assert_eq!(
        push(live::TradesForm::All),
        format!(
            r#"{{"arg":{{"channel":"trades-all",{head},"source":"1","ts":"1784822400188"}}]}}"#
        )
    );
    assert_eq!(
        push(live::TradesForm::Old),
        format!(r#"{{"arg":{{"channel":"trades",{head},"ts":"1784822400188"}}]}}"#)
    );
}

#[test]
fn other_frames() {
    let terms = terms();
    let ticker = live::Ticker {
        last: (5.1, 100.0),
        ask: (5.2, 25.0),
        bid: (5.1, 96.0),
        open_24h: 4.7,
        high_24h: 5.4,
        low_24h: 4.5,
        open_utc0: 4.6,
        open_utc8: 5.2,
        volume_ccy_24h: 577_730.782_3,
        volume_24h: 289_425.0,
        ts_ms: 1_652_459_223_143,
    };
    assert_eq!(
        frame(|out| live::push_ticker(out, &terms, &ticker)),
        r#"{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":"BTC-USDT-SWAP","last":"5.1","lastSz":"100","askPx":"5.2","askSz":"25","bidPx":"5.1","bidSz":"96","open24h":"4.7","high24h":"5.4","low24h":"4.5","sodUtc0":"4.6","sodUtc8":"5.2","volCcy24h":"577730.7823","vol24h":"289425","ts":"1652459223143"}]}"#
    );
    assert_eq!(
        frame(|out| live::push_mark_price(out, &terms, 42310.6, 5)),
        r#"{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","markPx":"42310.6","ts":"5"}]}"#
    );
    let interest = OpenInterestRow {
        ts_ms: 6,
        oi: 2_216_113.01,
        oi_ccy: 22_161.130_1,
        oi_usd: 1e9,
    };
    let interest_text = r#"{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"2216113.01","oiCcy":"22161.1301","oiUsd":"1000000000","ts":"6"}"#;
    assert_eq!(
        frame(|out| live::push_open_interest(out, &terms, &interest)),
        format!(
            r#"{{"arg":{{"channel":"open-interest","instId":"BTC-USDT-SWAP"}},"data":[{interest_text}]}}"#
        )
    );
    assert_eq!(
        frame(|out| push_open_interest(out, &terms, &interest)),
        format!(r#"{{"code":"0","msg":"","data":[{interest_text}]}}"#)
    );
    let row = live::LiquidationRow {
        ts_ms: 7,
        side: Side::Buy,
        price: 0.5,
        qty: 13.0,
    };
    assert_eq!(
        frame(|out| live::push_liquidations(out, &terms, &[row])),
        r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"0.5","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"7"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","uly":"BTC-USDT"}]}"#
    );
    assert_eq!(
        frame(|out| live::push_candle(out, &terms, "1m", &candle(60_000))),
        r#"{"arg":{"channel":"candle1m","instId":"BTC-USDT-SWAP"},"data":[["60000","3811.3","3812","3810.5","3811","12.5","0.125","476.41875","1"]]}"#
    );
    let funding = live::FundingState {
        rate: 0.000_058_829_896_888,
        settles_ms: 8,
        next_ms: 9,
        settled: -0.0001,
        cap: 0.00375,
        premium: 0.0002,
        ts_ms: 7,
    };
    let funding = frame(|out| live::push_funding(out, &terms, &funding));
    let v: serde_json::Value = serde_json::from_str(&funding).unwrap();
    let data = &v["data"][0];
    for (key, expected) in [
        ("fundingRate", "0.000058829896888"),
        ("fundingTime", "8"),
        ("nextFundingTime", "9"),
        ("settFundingRate", "-0.0001"),
        ("minFundingRate", "-0.00375"),
        ("maxFundingRate", "0.00375"),
        ("ts", "7"),
    ] {
        assert_eq!(data[key], expected, "{key}");
    }
}

#[test]
fn acks_and_errors() {
    let arg = live::ChannelArg {
        channel: "books".to_owned(),
        inst_id: Some("BTC-USDT".to_owned()),
        inst_type: None,
    };
    let mut out = Vec::new();
    live::push_ack(&mut out, "subscribe", Some("1512"), &arg, "a4d3ae55");
    live::push_ack(&mut out, "unsubscribe", None, &arg, "a4d3ae55");
    live::push_error(
        &mut out,
        None,
        "60012",
        "Invalid request: {\"op\"}",
        "a4d3ae55",
    );
    push_error(&mut out, TOO_MANY_REQUESTS, "Too Many Requests");
    push_error(&mut out, NO_INSTRUMENT, "Instrument ID doesn't exist");
    push_time(&mut out, 5);
    assert_eq!(
        text(out),
        concat!(
            r#"{"id":"1512","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            r#"{"event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            r#"{"event":"error","code":"60012","msg":"Invalid request: {\"op\"}","connId":"a4d3ae55"}"#,
            r#"{"msg":"Too Many Requests","code":"50011"}"#,
            r#"{"msg":"Instrument ID doesn't exist","code":"51001","data":[]}"#,
            r#"{"code":"0","msg":"","data":[{"ts":"5"}]}"#,
        )
    );
}

#[test]
fn rest_pages() {
    let terms = terms();
    assert_eq!(
        frame(|out| push_candles(
            out,
            &terms,
            &[CandleRow {
                confirm: false,
                ..candle(5)
            }]
        )),
        r#"{"code":"0","msg":"","data":[["5","3811.3","3812","3810.5","3811","12.5","0.125","476.41875","0"]]}"#
    );
    assert_eq!(
        frame(|out| push_trades(out, &terms, &[trade(5, 0)])),
        r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","side":"sell","sz":"0.2","source":"0","px":"64927.5","tradeId":"2802853319","ts":"5"}]}"#
    );
    let m = BookMessage {
        ts_ms: 5,
        asks: &[level(2.0, 1.0, 4)],
        bids: &[],
    };
    assert_eq!(
        frame(|out| push_book_page(out, &terms, &m, 77)),
        r#"{"code":"0","msg":"","data":[{"asks":[["2","1","0","4"]],"bids":[],"ts":"5","seqId":77}]}"#
    );
    let rate = FundingRow {
        inst_id: "BTC-USDT-SWAP",
        ts_ms: 5,
        rate: 0.0001,
    };
    assert_eq!(
        frame(|out| push_funding_history(out, &[rate])),
        r#"{"code":"0","msg":"","data":[{"formulaType":"withRate","fundingRate":"0.0001","fundingTime":"5","instId":"BTC-USDT-SWAP","instType":"SWAP","method":"current_period","realizedRate":"0.0001"}]}"#
    );
    let mut out = b"x".to_vec();
    let bad = CandleRow {
        low: f64::NAN,
        ..candle(5)
    };
    assert!(push_candles(&mut out, &terms, &[candle(1), bad]).is_err());
    assert_eq!(out, b"x");
}

#[test]
fn history_answers() {
    let group = HistoryGroup {
        family: "BTC-USDT".to_owned(),
        inst_type: InstType::Swap,
        start_ms: 1_756_569_600_000,
        end_ms: 1_756_656_000_000,
        files: vec![HistoryFile {
            inst_id: "BTC-USDT-SWAP".to_owned(),
            period: Period::Day(day("2025-09-01")),
            size_mb: 10.82,
        }],
    };
    let now = 1_756_882_260_390;
    let answer = |groups: &[HistoryGroup], host| {
        frame(|out| push_history(out, Module::Trades, false, groups, host, now))
    };
    // The document's example, with one file in the group.
    assert_eq!(
        answer(std::slice::from_ref(&group), None),
        r#"{"code":"0","data":[{"dateAggrType":"daily","details":[{"dateRangeStart":"1756569600000","dateRangeEnd":"1756656000000","groupDetails":[{"dateTs":"1756656000000","filename":"BTC-USDT-SWAP-trades-2025-09-01.zip","sizeMB":"10.82","url":"https://static.okx.com/cdn/okex/traderecords/trades/daily/20250901/BTC-USDT-SWAP-trades-2025-09-01.zip"}],"groupSizeMB":"10.82","instFamily":"BTC-USDT","instId":"","instType":"SWAP"}],"totalSizeMB":"10.82","ts":"1756882260390"}],"msg":""}"#
    );
    assert!(
        answer(std::slice::from_ref(&group), Some("http://127.0.0.1:1"))
            .contains(r#""url":"http://127.0.0.1:1/cdn/okex/"#)
    );
    let empty = HistoryGroup {
        files: Vec::new(),
        ..group
    };
    assert_eq!(
        answer(&[empty], None),
        r#"{"code":"0","data":[{"dateAggrType":"daily","details":[],"totalSizeMB":"0","ts":"1756882260390"}],"msg":""}"#
    );
}

#[test]
fn instruments_have_the_recorded_keys() {
    let row = |spot: bool| InstrumentRow {
        terms: if spot {
            Terms::new("BTC-USDT", InstType::Spot, 1, 8)
        } else {
            terms()
        },
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        contract: (!spot).then(|| Contract {
            kind: ContractType::Linear,
            ct_val: 0.01,
            ct_mult: 1.0,
            ct_val_ccy: "BTC".to_owned(),
            settle_ccy: "USDT".to_owned(),
            expiry_ms: None,
        }),
        lever: 100,
        list_ms: 1,
        lot_size: "0.01".parse().unwrap(),
        min_size: "0.01".parse().unwrap(),
        tick_size: "0.1".parse().unwrap(),
        max_limit: 1e8,
        max_market: 12_000.0,
    };
    let page = frame(|out| push_instruments(out, &[row(false), row(true)]));
    let v: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(v["code"], "0");
    let (swap, spot) = (&v["data"][0], &v["data"][1]);
    let recorded = "alias baseCcy category ctMult ctType ctVal ctValCcy expTime instId instType lever listTime lotSz maxIcebergSz maxLmtSz maxMktSz maxStopSz maxTriggerSz maxTwapSz minSz optType quoteCcy settleCcy state stk tickSz uly";
    for key in recorded.split(' ') {
        assert!(swap[key].is_string() && spot[key].is_string(), "{key}");
    }
    for (key, of_swap, of_spot) in [
        ("instId", "BTC-USDT-SWAP", "BTC-USDT"),
        ("instType", "SWAP", "SPOT"),
        ("ctVal", "0.01", ""),
        ("ctMult", "1", ""),
        ("ctType", "linear", ""),
        ("ctValCcy", "BTC", ""),
        ("settleCcy", "USDT", ""),
        ("uly", "BTC-USDT", ""),
        ("baseCcy", "", "BTC"),
        ("quoteCcy", "", "USDT"),
        ("tickSz", "0.1", "0.1"),
        ("lotSz", "0.01", "0.01"),
        ("maxLmtSz", "100000000", "100000000"),
    ] {
        assert_eq!(
            (&swap[key], &spot[key]),
            (&of_swap.into(), &of_spot.into()),
            "{key}"
        );
    }
}
