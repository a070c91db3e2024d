//! Tests of Hyperliquid's pages: the document's own examples.
use super::*;
use crate::venues::pages::Rows;
use quant_core::market::Market;

fn pages(dataset: Dataset) -> HyperliquidPages {
    HyperliquidPages {
        dataset,
        coin: "BTC".to_owned(),
        closed_before: UnixMicros(i64::MAX),
    }
}

#[test]
fn candles() {
    let body = br#"[{"T":1681923659999,"c":"29258.0","h":"29309.0","i":"1m","l":"29250.0","n":189,"o":"29295.0","s":"BTC","t":1681923600000,"v":"0.98639"},
        {"T":1681924499999,"c":"29258.0","h":"29309.0","i":"15m","l":"29250.0","n":189,"o":"29295.0","s":"BTC","t":1681923600000,"v":"0.98639"},
        {"T":1681923719999,"c":"1","h":"1","i":"1m","l":"1","n":1,"o":"1","s":"ETH","t":1681923660000,"v":"1"}]"#;
    let page = pages(Dataset::Klines1m).page(body, None).unwrap();
    assert_eq!(page.bad.len(), 2, "a longer bar and another coin");
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    let k = rows[0];
    assert_eq!(
        (k.open, k.high, k.low, k.close),
        (29_295.0, 29_309.0, 29_250.0, 29_258.0)
    );
    assert_eq!(
        (k.volume, k.n_trades, k.quote_volume),
        (0.986_39, Some(189), None)
    );
    assert_eq!(
        (k.ts_open.0, k.ts_close.0),
        (1_681_923_600_000_000, 1_681_923_660_000_000)
    );
}

#[test]
fn funding_is_hourly() {
    let body = br#"[{"coin":"BTC","fundingRate":"-0.00022196","premium":"-0.00052196","time":1683849600076}]"#;
    let Rows::Funding(rows) = pages(Dataset::Funding).page(body, None).unwrap().rows else {
        panic!()
    };
    assert_eq!((rows[0].rate, rows[0].interval_h), (-0.000_221_96, Some(1)));
    assert_eq!(rows[0].ts_event.0, 1_683_849_600_076_000);
}

#[test]
fn open_interest_is_found_by_the_place_of_the_coin_and_stamped_with_its_receipt() {
    let body = br#"[{"universe":[{"name":"ETH","szDecimals":4},{"name":"BTC","szDecimals":5,"maxLeverage":50}]},
        [{"openInterest":"1","markPx":"2"},{"funding":"0.0000125","openInterest":"688.11","markPx":"14.3161","midPx":null}]]"#;
    let mut format = pages(Dataset::OpenInterest);
    let Rows::OpenInterest(rows) = format.page(body, Some(1_767_571_200_000_001)).unwrap().rows
    else {
        panic!()
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].open_interest, rows[0].ts_event.0),
        (688.11, 1_767_571_200_000_001)
    );
    assert_eq!(rows[0].notional, Some(688.11 * 14.3161));
    // Without a time of receipt the value is of no time.
    assert!(format.page(body, None).is_err());
    format.coin = "DOGE".to_owned();
    assert!(format.page(body, Some(1)).is_err());
    let uneven = br#"[{"universe":[{"name":"BTC"}]},[]]"#;
    assert!(pages(Dataset::OpenInterest).page(uneven, Some(1)).is_err());
}

#[test]
fn the_clock_is_the_time_of_a_book() {
    let body = br#"{"coin":"BTC","time":1737918842123,"levels":[[],[]]}"#;
    assert_eq!(server_time(body), Ok(UnixMicros(1_737_918_842_123_000)));
    for other in ["null", "{}", "[]", r#"{"time":-5}"#, "<html>"] {
        assert!(server_time(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn steps_follow_from_the_decimals() {
    let body = br#"{"universe":[{"name":"BTC","szDecimals":5},{"name":"DOGE","szDecimals":0},{"name":"BAD","szDecimals":9}]}"#;
    let read = |coin: &str| {
        let key = InstrumentKey {
            exchange: "hyperliquid".parse().unwrap(),
            market: Market::Swap,
            symbol: coin.parse().unwrap(),
        };
        instrument(body, &key, UnixMicros(0), (1.5, 4.5))
    };
    let btc = read("BTC").unwrap().unwrap();
    assert_eq!(
        (btc.lot_size.to_string(), btc.tick_size.to_string()),
        ("0.00001".into(), "0.1".into())
    );
    let doge = read("DOGE").unwrap().unwrap();
    assert_eq!(
        (doge.lot_size.to_string(), doge.tick_size.to_string()),
        ("1".into(), "0.000001".into())
    );
    assert!(read("BAD").is_err());
    assert_eq!(read("NONE").unwrap(), None);
}
