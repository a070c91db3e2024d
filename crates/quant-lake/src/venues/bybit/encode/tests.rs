//! Files, pages and frames against texts written by hand from the documents and from recorded shapes.

mod recorded;

use std::io::Read as _;

use flate2::read::GzDecoder;
use quant_core::time::Day;

use super::book::*;
use super::live::*;
use super::rest::*;
use super::rest_market::*;
use super::ticker::*;
use super::trades::*;
use super::*;
use crate::venues::pack::PackError;
use crate::venues::wire::{Level, WireError};

fn terms(category: Category) -> Terms {
    Terms::new("BTCUSDT".parse().unwrap(), category, 2, 3)
}

fn trade(ts_us: i64, price: f64, qty: f64, side: Side) -> TradeRow {
    TradeRow {
        ts_us,
        price,
        qty,
        side,
        tick: TickDirection::PlusTick,
        id: 7,
        seq: 99,
        is_block: false,
        is_rpi: true,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn gunzip(bytes: &[u8]) -> String {
    let mut out = String::new();
    GzDecoder::new(bytes).read_to_string(&mut out).unwrap();
    out
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

const T0: i64 = 1_786_310_819_680_000; // 2026-08-09

#[test]
fn trading_file() {
    let terms = terms(Category::Linear);
    let day = day("2026-08-09");
    let form = TradeForm::on(Category::Linear, day);
    let mut csv = TradesCsv::new(&terms, day, form).unwrap();
    csv.push(&trade(T0, 65114.3, 0.009, Side::Buy)).unwrap();
    csv.push(&trade(T0 + 68_399, 65114.0, 0.03, Side::Sell))
        .unwrap();
    let file = csv.finish().unwrap();
    assert_eq!(file.path(), "trading/BTCUSDT/BTCUSDT2026-08-09.csv.gz");
    let mut id = Vec::new();
    push_match_id(&mut id, &terms.symbol, 7);
    let id = text(id);
    assert_eq!(
        gunzip(&file.bytes),
        format!(
            "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,RPI\n\
             1786310819.68,BTCUSDT,Buy,0.009,65114.30,PlusTick,{id},58602870000,0.009,586.0287,1\n\
             1786310819.7483,BTCUSDT,Sell,0.030,65114.00,PlusTick,{id},195342000000,0.03,1953.42,1\n"
        )
    );
}

#[test]
fn trading_file_of_an_inverse_contract() {
    let terms = Terms::new("BTCUSD".parse().unwrap(), Category::Inverse, 1, 0);
    let day = day("2025-06-01");
    let mut csv = TradesCsv::new(&terms, day, TradeForm::on(Category::Inverse, day)).unwrap();
    csv.push(&trade(day.start().0, 100_000.0, 25.0, Side::Buy))
        .unwrap();
    let body = gunzip(&csv.finish().unwrap().bytes);
    // 25 USD at 100,000 are 0.00025 coins or 25,000 satoshis.
    assert!(body.contains("1748736000,BTCUSD,Buy,25,100000.0,PlusTick,"));
    assert!(body.ends_with(",25000,0.00025,25\n"), "{body}");
    assert!(!body.contains("RPI"));
}

#[test]
fn forms_by_day() {
    let on = |category, text| TradeForm::on(category, day(text));
    let linear = Category::Linear;
    assert!(on(linear, "2020-03-25").descending);
    assert!(!on(linear, "2021-01-01").descending);
    assert!(!on(linear, "2025-12-31").rpi);
    assert!(on(linear, "2026-01-01").rpi);
    assert!(!on(Category::Spot, "2025-03-13").rpi);
    assert!(on(Category::Spot, "2025-05-19").rpi);
    assert_eq!(depth_on(day("2025-08-20")), 500);
    assert_eq!(depth_on(day("2025-08-21")), 200);
}

#[test]
fn descending_files_turn_the_rows_around() {
    let terms = terms(Category::Linear);
    let day = day("2020-05-01");
    let rows: Vec<TradeRow> = (0..5)
        .map(|i| {
            trade(
                day.start().0 + i / 2 * 1_000_000,
                100.0 + i as f64,
                1.0,
                Side::Buy,
            )
        })
        .collect();
    let file = |descending| {
        let form = TradeForm {
            rpi: false,
            descending,
        };
        let mut csv = TradesCsv::new(&terms, day, form).unwrap();
        for row in &rows {
            csv.push(row).unwrap();
        }
        let body = gunzip(&csv.finish().unwrap().bytes);
        body.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut up = file(false);
    up.reverse();
    assert_eq!(file(true), up);
    assert_eq!(up.len(), 5);
}

#[test]
fn spot_file() {
    let terms = Terms::new("BTCUSDT".parse().unwrap(), Category::Spot, 1, 6);
    let day = day("2026-03-01");
    let mut csv = TradesCsv::new(&terms, day, TradeForm::on(Category::Spot, day)).unwrap();
    for (price, qty, side) in [(617.2, 0.3, Side::Buy), (617.0, 0.1456, Side::Sell)] {
        csv.push(&trade(day.start().0 + 1_665_999, price, qty, side))
            .unwrap();
    }
    let file = csv.finish().unwrap();
    assert_eq!(file.path(), "spot/BTCUSDT/BTCUSDT_2026-03-01.csv.gz");
    assert_eq!(
        gunzip(&file.bytes),
        "id,timestamp,price,volume,side,rpi\n1,1772323201665,617.2,0.3,buy,1\n2,1772323201665,617,0.1456,sell,1\n"
    );
}

#[test]
fn a_file_refuses_other_days_and_bad_numbers() {
    let day = day("2026-08-09");
    let terms = terms(Category::Linear);
    let mut csv = TradesCsv::new(&terms, day, TradeForm::on(Category::Linear, day)).unwrap();
    for ts_us in [day.start().0 - 1, day.end().0] {
        let fault = csv.push(&trade(ts_us, 1.0, 1.0, Side::Buy)).unwrap_err();
        assert!(
            matches!(fault, PackError::RowOutsideFile { row: 0, .. }),
            "{fault}"
        );
    }
    let fault = csv.push(&trade(T0, f64::NAN, 1.0, Side::Buy)).unwrap_err();
    assert!(matches!(fault, PackError::Row { row: 0, .. }), "{fault}");
    assert_eq!(gunzip(&csv.finish().unwrap().bytes).lines().count(), 1);
}

#[test]
fn match_ids_are_uuids_of_their_own() {
    let id = |symbol: &str, n| {
        let mut out = Vec::new();
        push_match_id(&mut out, &symbol.parse().unwrap(), n);
        text(out)
    };
    let ids: std::collections::BTreeSet<String> = (0..2_000)
        .flat_map(|n| [id("BTCUSDT", n), id("ETHUSDT", n)])
        .collect();
    assert_eq!(ids.len(), 4_000);
    for id in &ids {
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(
            id[14..].starts_with('5') && id[19..].starts_with(['8', '9', 'a', 'b']),
            "{id}"
        );
    }
}

#[test]
fn tick_directions() {
    use TickDirection::{MinusTick, PlusTick, ZeroMinusTick, ZeroPlusTick};
    let mut tracker = TickTracker::default();
    let found = [5.0, 5.0, 6.0, 6.0, 4.0, 4.0, 4.0, 5.0].map(|p| tracker.next(p));
    let expected = [
        ZeroPlusTick,
        ZeroPlusTick,
        PlusTick,
        ZeroPlusTick,
        MinusTick,
        ZeroMinusTick,
        ZeroMinusTick,
        PlusTick,
    ];
    assert_eq!(found, expected);
}

fn message<'a>(ts_ms: i64, seq: i64, bids: &'a [Level], asks: &'a [Level]) -> BookMessage<'a> {
    BookMessage {
        ts_ms,
        cts_ms: ts_ms - 2,
        seq,
        bids,
        asks,
    }
}

#[test]
fn key_order_of_books() {
    let frame = |category, depth| {
        let mut out = Vec::new();
        let bids = [Level::new(65114.2, 0.77)];
        let asks = [Level::new(65114.3, 0.0)];
        let m = message(1_786_310_818_130, 9, &bids, &asks);
        push_book(&mut out, &terms(category), depth, FrameKind::Delta, 3, &m).unwrap();
        text(out)
    };
    let data = r#""data":{"s":"BTCUSDT","b":[["65114.20","0.770"]],"a":[["65114.30","0"]],"u":3,"seq":9},"cts":1786310818128}"#;
    for depth in [50, 200, 1000] {
        assert_eq!(
            frame(Category::Linear, depth),
            format!(
                r#"{{"topic":"orderbook.{depth}.BTCUSDT","type":"delta","ts":1786310818130,{data}"#
            )
        );
    }
    assert_eq!(
        frame(Category::Inverse, 1),
        format!(r#"{{"topic":"orderbook.1.BTCUSDT","ts":1786310818130,"type":"delta",{data}"#)
    );
    let spot = data
        .replace("65114.20", "65114.2")
        .replace("0.770", "0.77")
        .replace("65114.30", "65114.3");
    assert_eq!(
        frame(Category::Spot, 200),
        format!(r#"{{"topic":"orderbook.200.BTCUSDT","ts":1786310818130,"type":"delta",{spot}"#)
    );
}

#[test]
fn book_file_numbers_its_messages() {
    let day = day("2024-12-04");
    let start = day.start().0 / 1_000;
    let terms = terms(Category::Linear);
    let levels = [Level::new(1.5, 2.0)];
    let mut zip = BookZip::new(&terms, day, 500, 41).unwrap();
    let fault = zip.delta(&message(start, 5, &levels, &[])).unwrap_err();
    assert!(matches!(fault, PackError::NoSnapshot { row: 0 }));
    zip.snapshot(&message(start, 5, &[], &[])).unwrap();
    zip.delta(&message(start + 100, 5, &levels, &[])).unwrap();
    let fault = zip
        .delta(&message(start + 200, 4, &levels, &[]))
        .unwrap_err();
    assert!(matches!(
        fault,
        PackError::SequenceWentBack {
            row: 2,
            last: 5,
            found: 4
        }
    ));
    let fault = zip
        .delta(&message(day.end().0 / 1_000, 6, &levels, &[]))
        .unwrap_err();
    assert!(matches!(fault, PackError::RowOutsideFile { .. }));
    zip.restart(&message(start + 300, 6, &levels, &[])).unwrap();
    zip.delta(&message(start + 400, 7, &[], &levels)).unwrap();
    assert_eq!(zip.next_u(), 3);
    let file = zip.finish().unwrap();
    assert_eq!(
        file.path(),
        "orderbook/linear/BTCUSDT/2024-12-04_BTCUSDT_ob500.data.zip"
    );
    let lines = recorded::lines_of_zip(&file.bytes, "2024-12-04_BTCUSDT_ob500.data");
    let ids: Vec<(String, i64)> = lines
        .iter()
        .map(|l| {
            let v: serde_json::Value = serde_json::from_str(l).unwrap();
            (
                v["type"].as_str().unwrap().to_owned(),
                v["data"]["u"].as_i64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("snapshot", 41),
        ("delta", 42),
        ("snapshot", 1),
        ("delta", 2),
    ];
    assert_eq!(ids, expected.map(|(kind, u)| (kind.to_owned(), u)));
}

#[test]
fn trade_frames() {
    let rows = [trade(1_786_310_819_680_123, 65114.2, 0.004, Side::Sell)];
    let mut out = Vec::new();
    push_trades(&mut out, &terms(Category::Linear), 1_786_310_819_681, &rows).unwrap();
    let mut id = Vec::new();
    push_match_id(&mut id, &"BTCUSDT".parse().unwrap(), 7);
    assert_eq!(
        text(out),
        format!(
            r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786310819681,"data":[{{"T":1786310819680,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"65114.20","L":"PlusTick","i":"{}","BT":false,"RPI":true,"seq":99}}]}}"#,
            text(id)
        )
    );
    let mut out = Vec::new();
    push_trades(&mut out, &terms(Category::Spot), 5, &rows).unwrap();
    assert_eq!(
        text(out),
        r#"{"topic":"publicTrade.BTCUSDT","ts":5,"type":"snapshot","data":[{"i":"7","T":1786310819680,"p":"65114.2","v":"0.004","S":"Sell","seq":99,"s":"BTCUSDT","BT":false,"RPI":true}]}"#
    );
    let many = vec![rows[0]; TRADES_PER_FRAME + 1];
    let mut out = Vec::new();
    push_trades(&mut out, &terms(Category::Spot), 5, &many[1..]).unwrap();
    let mut out = Vec::new();
    let fault = push_trades(&mut out, &terms(Category::Spot), 5, &many).unwrap_err();
    assert!(matches!(
        fault,
        WireError::TooMany {
            found: 1_025,
            max: 1_024,
            ..
        }
    ));
    assert!(out.is_empty());
}

fn bar() -> KlineRow {
    KlineRow {
        start_ms: 1_786_310_760_000,
        open: 65119.9,
        high: 65119.9,
        low: 65114.2,
        close: 65114.3,
        volume: 1.576,
        turnover: 102627.995,
    }
}

#[test]
fn kline_frames() {
    let frame = |category| {
        let mut out = Vec::new();
        push_kline(
            &mut out,
            &terms(category),
            ("1", 60_000),
            &[(bar(), false)],
            1_786_310_818_440,
        )
        .unwrap();
        text(out)
    };
    let data = r#""data":[{"start":1786310760000,"end":1786310819999,"interval":"1","open":"65119.9","close":"65114.3","high":"65119.9","low":"65114.2","volume":"1.576","turnover":"102627.995","confirm":false,"timestamp":1786310818440}],"ts":1786310818440"#;
    assert_eq!(
        frame(Category::Linear),
        format!(r#"{{"topic":"kline.1.BTCUSDT",{data},"type":"snapshot"}}"#)
    );
    assert_eq!(
        frame(Category::Spot),
        format!(r#"{{"type":"snapshot","topic":"kline.1.BTCUSDT",{data}}}"#)
    );
}

fn ticker() -> Ticker {
    Ticker {
        tick: TickDirection::ZeroPlusTick,
        price_24h_share: 0.001624,
        last: 65114.3,
        prev_24h: 65008.7,
        high_24h: 65282.3,
        low_24h: 64694.4,
        prev_1h: 65083.8,
        mark: 65117.44,
        index: 65137.76,
        open_interest: 59891.732,
        open_interest_value: 3_899_996_265.01,
        turnover_24h: 1_142_118_412.902_1,
        volume_24h: 17573.912,
        funding_interval_h: 8,
        funding_cap: 0.005,
        next_funding_ms: 1_786_320_000_000,
        funding_rate: 0.0001,
        bid: (65114.2, 5.954),
        ask: (65114.3, 10.47),
    }
}

#[test]
fn ticker_snapshot_and_deltas() {
    let linear = terms(Category::Linear);
    let mut out = Vec::new();
    push_snapshot(&mut out, &linear, &ticker(), 9, 10).unwrap();
    assert_eq!(
        text(out),
        r#"{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","tickDirection":"ZeroPlusTick","price24hPcnt":"0.001624","lastPrice":"65114.30","prevPrice24h":"65008.70","highPrice24h":"65282.30","lowPrice24h":"64694.40","prevPrice1h":"65083.80","markPrice":"65117.44","indexPrice":"65137.76","openInterest":"59891.732","openInterestValue":"3899996265.01","turnover24h":"1142118412.9021","volume24h":"17573.9120","fundingIntervalHour":"8","fundingCap":"0.005","singleOpenInterest":"29945.866","singleOpenInterestValue":"1949998132.50","nextFundingTime":"1786320000000","fundingRate":"0.0001","bid1Price":"65114.20","bid1Size":"5.954","ask1Price":"65114.30","ask1Size":"10.470","preOpenPrice":"","preQty":"","curPreListingPhase":""},"cs":9,"ts":10}"#
    );
    let mut out = Vec::new();
    assert!(!push_delta(&mut out, &linear, &ticker(), &ticker(), 9, 10).unwrap());
    assert!(out.is_empty());
    let next = Ticker {
        mark: 65117.5,
        bid: (65114.2, 6.0),
        tick: TickDirection::PlusTick,
        ..ticker()
    };
    assert!(push_delta(&mut out, &linear, &ticker(), &next, 11, 12).unwrap());
    assert_eq!(
        text(out),
        r#"{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","tickDirection":"PlusTick","markPrice":"65117.50","bid1Price":"65114.20","bid1Size":"6.000","singleOpenInterestValue":"1949999929.26"},"cs":11,"ts":12}"#
    );
}

#[test]
fn spot_ticker_liquidations_and_answers() {
    let mut out = Vec::new();
    let spot = SpotTicker {
        last: 65140.5,
        high_24h: 65305.6,
        low_24h: 64727.9,
        prev_24h: 65045.3,
        volume_24h: 2953.836,
        turnover_24h: 191_907_024.697_5,
        price_24h_share: 0.0015,
        usd_index: Some(65091.459221),
    };
    push_spot(&mut out, &terms(Category::Spot), &spot, 3, 4).unwrap();
    assert_eq!(
        text(out),
        r#"{"topic":"tickers.BTCUSDT","ts":4,"type":"snapshot","cs":3,"data":{"symbol":"BTCUSDT","lastPrice":"65140.5","highPrice24h":"65305.6","lowPrice24h":"64727.9","prevPrice24h":"65045.3","volume24h":"2953.836","turnover24h":"191907024.6975","price24hPcnt":"0.0015","usdIndexPrice":"65091.459221"}}"#
    );
    let mut out = Vec::new();
    let row = LiquidationRow {
        ts_ms: 1,
        side: Side::Sell,
        price: 0.04,
        qty: 20_000.0,
    };
    push_liquidations(&mut out, &terms(Category::Linear), 2, &[row]).unwrap();
    assert_eq!(
        text(out),
        r#"{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":2,"data":[{"T":1,"s":"BTCUSDT","S":"Sell","v":"20000.000","p":"0.04"}]}"#
    );
    let mut out = Vec::new();
    push_ack(&mut out, Category::Linear, "subscribe", "x", "c1", None);
    push_ack(&mut out, Category::Spot, "subscribe", "", "c2", None);
    push_ack(
        &mut out,
        Category::Linear,
        "subscribe",
        "y",
        "c3",
        Some("error:handler not found"),
    );
    push_pong(&mut out, "p", "c4");
    assert_eq!(
        text(out),
        concat!(
            r#"{"success":true,"ret_msg":"","conn_id":"c1","req_id":"x","op":"subscribe"}"#,
            r#"{"success":true,"ret_msg":"subscribe","conn_id":"c2","op":"subscribe"}"#,
            r#"{"success":false,"ret_msg":"error:handler not found","conn_id":"c3","req_id":"y","op":"subscribe"}"#,
            r#"{"success":true,"ret_msg":"pong","conn_id":"c4","req_id":"p","op":"ping"}"#,
        )
    );
}

fn page(push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> String {
    let mut out = Vec::new();
    push(&mut out).unwrap();
    let text = text(out);
    let head = r#"{"retCode":0,"retMsg":"OK","result":{"#;
    let tail = r#"},"retExtInfo":{},"time":77}"#;
    let body = text.strip_prefix(head).and_then(|t| t.strip_suffix(tail));
    body.unwrap_or_else(|| panic!("no envelope around {text}"))
        .to_owned()
}

#[test]
fn rest_pages() {
    let linear = terms(Category::Linear);
    assert_eq!(
        page(|out| push_klines(out, &linear, &[bar()], 77)),
        r#""category":"linear","symbol":"BTCUSDT","list":[["1786310760000","65119.9","65119.9","65114.2","65114.3","1.576","102627.995"]]"#
    );
    let premium = KlineRow {
        open: -0.000_35,
        high: 0.0,
        low: -0.000_351,
        close: -0.0003,
        ..bar()
    };
    assert_eq!(
        page(|out| push_price_klines(out, &linear, PriceKlines::Premium, &[premium], 77)),
        r#""category":"linear","symbol":"BTCUSDT","list":[["1786310760000","-0.00035","0","-0.000351","-0.0003"]]"#
    );
    assert_eq!(
        page(|out| push_recent_trades(
            out,
            &terms(Category::Spot),
            &[trade(5_000, 2.0, 0.5, Side::Buy)],
            77
        )),
        r#""category":"spot","list":[{"execId":"7","symbol":"BTCUSDT","price":"2","size":"0.5","side":"Buy","time":"5","isBlockTrade":false,"isRPITrade":true,"seq":"99"}]"#
    );
    let book = BookPage {
        ts_ms: 1,
        cts_ms: 2,
        u: 3,
        seq: 4,
        bids: &[Level::new(1.0, 2.0)],
        asks: &[],
    };
    assert_eq!(
        page(|out| push_orderbook(out, &linear, &book, 77)),
        r#""s":"BTCUSDT","b":[["1.00","2.000"]],"a":[],"ts":1,"u":3,"seq":4,"cts":2"#
    );
    assert_eq!(
        page(|out| push_time(out, 77_999)),
        r#""timeSecond":"0","timeNano":"77999000""#
    );
    assert_eq!(
        page(|out| push_funding_history(
            out,
            &linear,
            &[FundingRow {
                ts_ms: 8,
                rate: -0.000_012
            }],
            77
        )),
        r#""category":"linear","list":[{"symbol":"BTCUSDT","fundingRate":"-0.000012","fundingRateTimestamp":"8"}]"#
    );
    let interest = [OpenInterestRow {
        ts_ms: 9,
        open_interest: 461_134.5,
    }];
    assert_eq!(
        page(|out| push_open_interest(out, &linear, &interest, "next", 77)),
        r#""symbol":"BTCUSDT","category":"linear","list":[{"openInterest":"461134.50000000","timestamp":"9"}],"nextPageCursor":"next""#
    );
    let mut out = Vec::new();
    push_error(&mut out, 10006, "Too many visits!", 77);
    assert_eq!(
        text(out),
        r#"{"retCode":10006,"retMsg":"Too many visits!","result":{},"retExtInfo":{},"time":77}"#
    );
}

#[test]
fn instruments_have_the_recorded_keys() {
    let row = |category| InstrumentRow {
        terms: terms(category),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        launch_ms: 1,
        tick_size: "0.1".parse().unwrap(),
        qty_step: "0.001".parse().unwrap(),
        min_qty: "0.001".parse().unwrap(),
        max_qty: 1190.0,
        min_notional: 5.0,
        max_leverage: 100.0,
        funding_interval_min: 480,
        funding_cap: 0.005,
    };
    let only = |category| -> serde_json::Value {
        let text = page(|out| push_instruments(out, category, &[row(category)], 77));
        let value: serde_json::Value = serde_json::from_str(&format!("{{{text}}}")).unwrap();
        assert_eq!(value["category"], category.name());
        value["list"][0].clone()
    };
    // Whether `Value` keeps the order of keys depends on the features of the build.
    let keys = |v: &serde_json::Value| {
        let mut keys: Vec<_> = v.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    let linear = only(Category::Linear);
    // The recorded keys, sorted.
    assert_eq!(
        keys(&linear),
        "baseCoin contractType copyTrading deliveryFeeRate deliveryTime displayName forbidUplWithdrawal fundingInterval isPreListing launchTime leverageFilter lotSizeFilter lowerFundingRate preListingInfo priceFilter priceScale quoteCoin riskParameters settleCoin status symbol symbolId symbolType unifiedMarginTrade upperFundingRate"
    );
    assert_eq!(
        keys(&linear["lotSizeFilter"]),
        "maxMktOrderQty maxOrderQty minNotionalValue minOrderQty postOnlyMaxOrderQty qtyStep"
    );
    assert_eq!(linear["priceFilter"]["tickSize"], "0.10");
    assert_eq!(linear["lotSizeFilter"]["qtyStep"], "0.001");
    assert_eq!(linear["priceScale"], "2");
    assert_eq!(linear["fundingInterval"], 480);
    assert_eq!(linear["settleCoin"], "USDT");
    assert_eq!(only(Category::Inverse)["settleCoin"], "BTC");
    let spot = only(Category::Spot);
    assert_eq!(
        keys(&spot),
        "baseCoin innovation lotSizeFilter marginTrading priceFilter quoteCoin riskParameters stTag status symbol symbolId symbolType xstockMultiplier"
    );
    assert_eq!(
        keys(&spot["lotSizeFilter"]),
        "basePrecision maxLimitOrderQty maxMarketOrderQty maxOrderAmt maxOrderQty minOrderAmt minOrderQty postOnlyMaxLimitOrderSize quotePrecision"
    );
    assert_eq!(spot["lotSizeFilter"]["quotePrecision"], "0.0001");
}

#[test]
fn listing() {
    let mut out = Vec::new();
    listing::push_listing(
        &mut out,
        "trading/A&B",
        ["BTCUSDT2026-08-09.csv.gz", "<x>/"],
    );
    let page = text(out);
    assert!(page.contains("<a href=\"BTCUSDT2026-08-09.csv.gz\">BTCUSDT2026-08-09.csv.gz</a>"));
    assert!(page.contains("Index of /trading/A&amp;B"));
    assert!(page.contains("<a href=\"&lt;x&gt;/\">"));
    assert_eq!(page.matches("href=").count(), 2);
}
