//! Tests of OKX's pages: the document's own examples, and what our encoder writes.
use super::*;
use crate::venues::okx::encode::candles::CandleRow;
use crate::venues::okx::encode::rest::{push_candles, push_trades};
use crate::venues::okx::encode::{InstType, Terms, TradeRow as Sent};
use quant_core::market::Side;

fn pages(dataset: Dataset, unit: QtyUnit) -> OkxPages {
    OkxPages {
        dataset,
        inst_id: "BTC-USDT-SWAP".to_owned(),
        unit,
    }
}

const LINEAR: QtyUnit = QtyUnit::Linear { ctval: 0.01 };

#[test]
fn candles_count_contracts_and_coins_and_a_forming_one_is_left_out() {
    let terms = Terms::new("BTC-USDT-SWAP", InstType::Swap, 1, 2);
    let row = |minute: i64, confirm| CandleRow {
        open_ms: 1_767_571_200_000 + minute * 60_000,
        open: 93_000.1,
        high: 93_010.2,
        low: 92_990.3,
        close: 93_005.4,
        vol: 358.5,
        vol_ccy: 3.585,
        vol_quote: 333_405.25,
        confirm,
    };
    let mut body = Vec::new();
    push_candles(&mut body, &terms, &[row(1, false), row(0, true)]).unwrap();
    let page = pages(Dataset::Klines1m, LINEAR).page(&body, None).unwrap();
    assert_eq!(page.forming, 1);
    assert_eq!(page.span.last_ts, Some(1_767_571_260_000_000));
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    assert_eq!(rows.len(), 1);
    let k = rows[0];
    assert_eq!(
        (k.volume, k.volume_raw, k.quote_volume),
        (3.585, Some(358.5), Some(333_405.25))
    );
    assert_eq!(k.ts_close.0 - k.ts_open.0, MICROS_PER_MINUTE);
    // On spot the first volume is coins already.
    let page = pages(Dataset::Klines1m, QtyUnit::Base)
        .page(&body, None)
        .unwrap();
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    assert_eq!((rows[0].volume, rows[0].volume_raw), (358.5, None));
}

#[test]
fn trades_become_coins_beside_their_contracts() {
    let terms = Terms::new("BTC-USDT-SWAP", InstType::Swap, 1, 2);
    let sent = Sent {
        trade_id: 42,
        side: Side::Sell,
        price: 64_927.5,
        qty: 0.2,
        ts_ms: 1_784_822_400_188,
        count: 1,
        source: 0,
        seq_id: 1,
    };
    let mut body = Vec::new();
    push_trades(&mut body, &terms, &[sent]).unwrap();
    let read = |unit| match pages(Dataset::Trades, unit).page(&body, None).unwrap().rows {
        Rows::Trades(rows) => rows[0],
        _ => panic!(),
    };
    let t = read(LINEAR);
    assert_eq!(
        (t.trade_id, t.price, t.qty_raw, t.aggressor),
        (42, 64_927.5, Some(0.2), -1)
    );
    assert!((t.qty - 0.002).abs() < 1e-18);
    let t = read(QtyUnit::Inverse { usd: 100.0 });
    assert!((t.qty - 0.2 * 100.0 / 64_927.5).abs() < 1e-15);
    let other = OkxPages {
        inst_id: "ETH-USDT-SWAP".to_owned(),
        ..pages(Dataset::Trades, LINEAR)
    }
    .page(&body, None)
    .unwrap();
    assert_eq!((other.rows.len(), other.bad.len()), (0, 1));
}

#[test]
fn funding_is_what_was_paid_not_what_was_predicted() {
    let body = br#"{"code":"0","msg":"","data":[
        {"instId":"BTC-USDT-SWAP","instType":"SWAP","fundingRate":"0.0009","realizedRate":"0.0001","fundingTime":"1767600000000","method":"next_period"},
        {"instId":"BTC-USDT-SWAP","instType":"SWAP","fundingRate":"0.0008","realizedRate":"-0.0002","fundingTime":"1767571200000"},
        {"instId":"BTC-USDT-SWAP","fundingRate":"0.0008","fundingTime":"1767542400000"}]}"#;
    let page = pages(Dataset::Funding, LINEAR).page(body, None).unwrap();
    let Rows::Funding(rows) = page.rows else {
        panic!()
    };
    let found: Vec<(f64, Option<i32>)> = rows.iter().map(|r| (r.rate, r.interval_h)).collect();
    assert_eq!(found, [(0.0001, Some(8)), (-0.0002, None)]);
    // A row without what was paid is not guessed.
    assert_eq!(page.bad.len(), 1);
}

#[test]
fn the_documents_own_list_of_files_is_read_with_both_names_of_the_stamp() {
    let body = r#"{"code":"0","data":[{"dateAggrType":"daily","details":[{"dateRangeStart":"1756569600000","dateRangeEnd":"1756656000000","groupDetails":[
  {"dateTs":"1756656000000","filename":"BTC-USDT-SWAP-trades-2025-09-01.zip","sizeMB":"10.82","url":"https://static.okx.com/cdn/okex/traderecords/trades/daily/20250901/BTC-USDT-SWAP-trades-2025-09-01.zip"}],
  "groupSizeMB":"15.64","instFamily":"BTC-USDT","instId":"","instType":"SWAP"}],"totalSizeMB":"15.64","ts":"1756882260390"}],"msg":""}"#;
    for body in [body.to_owned(), body.replace("dateTs", "dataTs")] {
        let files = history_files(body.as_bytes()).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].date_ms, 1_756_656_000_000);
        assert_eq!(files[0].filename, "BTC-USDT-SWAP-trades-2025-09-01.zip");
        assert!((files[0].size_mb - 10.82).abs() < 1e-12);
    }
    let none = br#"{"code":"0","data":[{"details":[],"ts":"1"}],"msg":""}"#;
    assert_eq!(history_files(none).unwrap(), []);
    let long = br#"{"code":"50076","data":[],"msg":"The time range is out of the limit"}"#;
    assert!(matches!(history_files(long), Err(PageError::Venue { code, .. }) if code == "50076"));
    assert!(history_files(&body.replace("filename", "name").into_bytes()).is_err());
}

#[test]
fn terms_hold_the_worth_of_a_contract() {
    let body = br#"{"code":"0","data":[{"instId":"BTC-USD-SWAP","ctType":"inverse","ctVal":"100","ctMult":"1","tickSz":"0.1","lotSz":"1","listTime":"1611916828000","expTime":""},
        {"instId":"BTC-USDT-SWAP","ctType":"linear","ctVal":"0.01","ctMult":"1","tickSz":"0.1","lotSz":"0.01","listTime":"1611916828000","expTime":""}]}"#;
    let read = |symbol: &str| {
        let key = InstrumentKey {
            exchange: "okx".parse().unwrap(),
            market: Market::Swap,
            symbol: symbol.parse().unwrap(),
        };
        instrument(body, &key, UnixMicros(5), (2.0, 5.0)).unwrap()
    };
    let found = read("BTC-USD-SWAP").unwrap();
    assert_eq!((found.contract_value, found.inverse), (100.0, true));
    let found = read("BTC-USDT-SWAP").unwrap();
    assert_eq!(
        (found.contract_value, found.inverse, found.delist),
        (0.01, false, None)
    );
    assert_eq!(found.lot_size.to_string(), "0.01");
    assert_eq!(read("ETH-USDT-SWAP"), None);
    assert_eq!(
        server_time(br#"{"code":"0","data":[{"ts":"1767571200123"}],"msg":""}"#)
            .unwrap()
            .0,
        1_767_571_200_123_000
    );
}
