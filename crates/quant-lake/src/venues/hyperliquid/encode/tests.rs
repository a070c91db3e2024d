//! Tests of Hyperliquid's answers: the document's own examples, byte by byte, and what our pages read of them.
use super::*;
use quant_core::time::UnixMicros;

use crate::schema::Dataset;
use crate::venues::hyperliquid::pages::HyperliquidPages;
use crate::venues::pages::{PageFormat as _, Rows};

fn terms(coin: &str, qty_decimals: u8) -> Terms {
    Terms {
        coin: coin.to_owned(),
        qty_decimals,
        max_leverage: 50,
    }
}

fn text(push: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> String {
    let mut out = Vec::new();
    push(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn pages(dataset: Dataset) -> HyperliquidPages {
    HyperliquidPages {
        dataset,
        coin: "BTC".to_owned(),
        closed_before: UnixMicros(i64::MAX),
    }
}

#[test]
fn candles_are_those_of_the_document() {
    let row = CandleRow {
        open_ms: 1_681_923_600_000,
        length_ms: 900_000,
        open: 29_295.0,
        high: 29_309.0,
        low: 29_250.0,
        close: 29_258.0,
        volume: 0.986_39,
        n_trades: 189,
    };
    assert_eq!(
        text(|out| push_candles(out, &terms("BTC", 5), "15m", &[row])),
        r#"[{"T":1681924499999,"c":"29258.0","h":"29309.0","i":"15m","l":"29250.0","n":189,"o":"29295.0","s":"BTC","t":1681923600000,"v":"0.98639"}]"#
    );
    assert_eq!(
        text(|out| push_candles(out, &terms("BTC", 5), "1m", &[])),
        "[]"
    );
    let minute = CandleRow {
        length_ms: 60_000,
        ..row
    };
    let body = text(|out| push_candles(out, &terms("BTC", 5), "1m", &[minute]));
    let page = pages(Dataset::Klines1m)
        .page(body.as_bytes(), None)
        .unwrap();
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    assert_eq!(
        (rows[0].open, rows[0].volume, rows[0].n_trades),
        (29_295.0, 0.986_39, Some(189))
    );
}

#[test]
fn funding_is_that_of_the_document() {
    let row = FundingRow {
        time_ms: 1_683_849_600_076,
        rate: -0.000_221_96,
        premium: -0.000_521_96,
    };
    assert_eq!(
        text(|out| push_funding(out, &terms("ETH", 4), &[row])),
        r#"[{"coin":"ETH","fundingRate":"-0.00022196","premium":"-0.00052196","time":1683849600076}]"#
    );
}

#[test]
fn contexts_stand_where_their_coins_do() {
    let row = ContextRow {
        funding: 0.000_012_5,
        open_interest: 688.11,
        prev_day: 15.322,
        day_notional: 1_169_046.294_06,
        day_base: 0.0,
        premium: Some(0.000_317_74),
        oracle: 14.32,
        mark: 14.3161,
        mid: Some(14.314),
        impact: Some([14.3047, 14.3444]),
    };
    let bare = ContextRow {
        premium: None,
        mid: None,
        impact: None,
        ..row
    };
    let (eth, btc) = (terms("ETH", 2), terms("BTC", 2));
    let body = text(|out| push_contexts(out, &[(&eth, bare), (&btc, row)]));
    assert_eq!(
        body,
        concat!(
            r#"[{"universe":[{"name":"ETH","szDecimals":2,"maxLeverage":50},{"name":"BTC","szDecimals":2,"maxLeverage":50}]},"#,
            r#"[{"funding":"0.0000125","openInterest":"688.11","prevDayPx":"15.322","dayNtlVlm":"1169046.29406","premium":null,"oraclePx":"14.32","markPx":"14.3161","midPx":null,"impactPxs":null,"dayBaseVlm":"0.0"},"#,
            r#"{"funding":"0.0000125","openInterest":"688.11","prevDayPx":"15.322","dayNtlVlm":"1169046.29406","premium":"0.00031774","oraclePx":"14.32","markPx":"14.3161","midPx":"14.314","impactPxs":["14.3047","14.3444"],"dayBaseVlm":"0.0"}]]"#
        )
    );
    let page = pages(Dataset::OpenInterest)
        .page(body.as_bytes(), Some(7))
        .unwrap();
    let Rows::OpenInterest(rows) = page.rows else {
        panic!()
    };
    assert_eq!((rows[0].open_interest, rows[0].ts_event.0), (688.11, 7));
    assert_eq!(
        text(|out| push_meta(out, [&eth])),
        r#"{"universe":[{"name":"ETH","szDecimals":2,"maxLeverage":50}]}"#
    );
}

#[test]
fn books_are_written_as_recorded() {
    // The first levels of a recorded book of 2025-01-26.
    let level = |price, qty, orders| BookRow { price, qty, orders };
    let bids = [level(105_055.0, 3.036_22, 5), level(105_054.0, 0.1428, 1)];
    let asks = [level(105_056.0, 6.344_72, 13)];
    assert_eq!(
        text(|out| push_book(out, &terms("BTC", 5), 1_737_918_842_000, [&bids, &asks])),
        r#"{"coin":"BTC","time":1737918842000,"levels":[[{"px":"105055.0","sz":"3.03622","n":5},{"px":"105054.0","sz":"0.1428","n":1}],[{"px":"105056.0","sz":"6.34472","n":13}]]}"#
    );
    let mut out = b"before".to_vec();
    let bad = [level(f64::NAN, 1.0, 1)];
    assert!(push_book(&mut out, &terms("BTC", 5), 0, [&bad, &[]]).is_err());
    assert_eq!(out, b"before");
}
