//! Pages against texts written by hand from the documents, and against recorded answers where they are present.

use serde_json::Value;

use super::history::{
    BookRow, FundingRow, push_books as push_old_books, push_funding, push_klines,
    push_trades as push_old_trades,
};
use super::rest::{
    InstrumentRow, push_books, push_candles, push_error, push_instruments, push_mark_price,
    push_time, push_trades,
};
use super::*;
use crate::venues::wire::Level;
use crate::venues::wire::tests_shared::{number, shared};

fn terms() -> Terms {
    Terms::new("BTC-USDT-SWAP", ProductGroup::SwapU, 1, 0)
}

fn page(push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> String {
    let mut out = Vec::new();
    push(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn trade() -> TradeRow {
    TradeRow {
        trade_id: 1_000_299_140_908_139,
        price: 88948.8,
        qty: 43.0,
        side: Side::Sell,
        ts_ms: 1_766_759_271_999,
    }
}

fn candle() -> CandleRow {
    CandleRow {
        open_ms: 1_766_757_360_000,
        open: 89021.2,
        high: 89025.9,
        low: 89021.2,
        close: 89025.9,
        volume: 0.00640052,
        turnover: 569.80413281,
    }
}

#[test]
fn pages_of_history_count_in_seconds() {
    assert_eq!(
        page(|out| push_klines(out, &terms(), &[candle()], 1_766_757_360)),
        r#"{"code":"0","msg":"","data":{"etime":1766757360,"data":[["1766757360","89021.2","89025.9","89021.2","89025.9","0.00640052","569.80413281"]],"errmsg":""}}"#
    );
    assert_eq!(
        page(|out| push_old_trades(out, &terms(), &[trade()], 5)),
        r#"{"code":"0","msg":"","data":{"etime":5,"data":[{"trade_id":"1000299140908139","direction":"1","coin_market":"BTC-USDT-SWAP","price":"88948.8","platform":"deepcoin","timestamp":1766759271}],"errmsg":""}}"#
    );
    let levels: Vec<Level> = (0..7)
        .map(|i| Level::new(100.0 + f64::from(i), 3.0))
        .collect();
    let row = BookRow {
        ts_s: 9,
        bids: levels[..1].to_vec(),
        asks: levels,
    };
    assert_eq!(
        page(|out| push_old_books(out, &terms(), &[row], 5)),
        r#"{"code":"0","msg":"","data":{"etime":5,"data":[{"timestamp":9,"buy_order_list":[[100,3]],"ask_order_list":[[100,3],[101,3],[102,3],[103,3],[104,3]]}],"errmsg":""}}"#
    );
    let row = FundingRow {
        ts_s: 1_744_606_800,
        rate: -0.00005,
        period_h: 8,
    };
    assert_eq!(
        page(|out| push_funding(out, "BTCUSDT", &[row])),
        r#"{"code":"0","msg":"","data":{"list":[{"instrumentID":"BTCUSDT","rate":"-0.00005","CreateTime":1744606800,"ratePeriodSec":8}]}}"#
    );
}

#[test]
fn pages_of_current_data() {
    assert_eq!(
        page(|out| push_trades(out, &terms(), &[trade()])),
        r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","tradeId":"1000299140908139","px":"88948.8","sz":"43","side":"sell","ts":"1766759271999"}]}"#
    );
    assert_eq!(
        page(|out| {
            push_time(out, 7);
            push_error(out, "50011", "too \"many\"");
            Ok(())
        }),
        r#"{"code":"0","msg":"","data":{"ts":7}}{"code":"50011","msg":"too \"many\"","data":null}"#
    );
    let mut out = b"x".to_vec();
    let bad = TradeRow {
        price: f64::NAN,
        ..trade()
    };
    assert!(push_trades(&mut out, &terms(), &[trade(), bad]).is_err());
    assert_eq!(out, b"x");
}

/// A recorded answer: method, path, flag and sometimes parameters stand before the JSON.
fn recorded(name: &str) -> Option<Value> {
    let path = shared(&format!(
        "rest/deepcoin/Endpoints/Exchange/ExchangeData/{name}.txt"
    ))?;
    let text = std::fs::read_to_string(path).unwrap();
    let at = text.find("{\n").or_else(|| text.find("{\r\n")).unwrap();
    Some(serde_json::from_str(&text[at..]).unwrap())
}

fn written(push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> Value {
    serde_json::from_str(&page(push)).unwrap()
}

#[test]
fn recorded_answers_come_back() {
    let Some(candles) = recorded("GetKlines") else {
        return;
    };
    let rows: Vec<CandleRow> = candles["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| CandleRow {
            open_ms: r[0].as_str().unwrap().parse().unwrap(),
            open: number(&r[1]),
            high: number(&r[2]),
            low: number(&r[3]),
            close: number(&r[4]),
            volume: number(&r[5]),
            turnover: number(&r[6]),
        })
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(written(|out| push_candles(out, &terms(), &rows)), candles);

    let Some(book) = recorded("GetOrderBook") else {
        return;
    };
    let side = |key: &str| -> Vec<Level> {
        let levels = book["data"][key].as_array().unwrap();
        levels
            .iter()
            .map(|l| Level::new(number(&l[0]), number(&l[1])))
            .collect()
    };
    let (bids, asks) = (side("bids"), side("asks"));
    // The recorded sizes are not whole contracts.
    let fine = Terms::new("BTC-USDT-SWAP", ProductGroup::SwapU, 1, 3);
    assert_eq!(written(|out| push_books(out, &fine, &bids, &asks)), book);

    let Some(instruments) = recorded("GetSymbols") else {
        return;
    };
    let row = InstrumentRow {
        terms: terms(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        ct_val: Some(0.001),
        lever: 125,
        tick_size: "0.1".parse().unwrap(),
        lot_size: "1".parse().unwrap(),
        min_size: "1".parse().unwrap(),
        max_size: 200_000.0,
    };
    assert_eq!(written(|out| push_instruments(out, &[row])), instruments);

    let Some(mark) = recorded("GetMarkPrice") else {
        return;
    };
    let eth = Terms::new("ETH-USDT-SWAP", ProductGroup::SwapU, 1, 0);
    assert_eq!(
        written(|out| push_mark_price(out, &eth, 96127.5, 1_739_242_026_000)),
        mark
    );
}
