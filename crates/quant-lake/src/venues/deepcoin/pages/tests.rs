//! Tests of Deepcoin's pages: recorded answers where they are present, and the document's examples.
use super::*;
use crate::venues::pages::Rows;
use crate::venues::wire::tests_shared::shared;
use quant_core::market::{InstrumentKey, Market};

fn pages(route: Route) -> DeepcoinPages {
    DeepcoinPages {
        route,
        inst_id: "BTC-USDT-SWAP".to_owned(),
        unit: QtyUnit::Linear { ctval: 0.001 },
        closed_before: UnixMicros(i64::MAX),
    }
}

/// Reads the body of a recorded answer: what follows the first line that begins with a brace.
fn recorded(name: &str) -> Option<String> {
    let path = shared(&format!(
        "rest/deepcoin/Endpoints/Exchange/ExchangeData/{name}.txt"
    ))?;
    let text = std::fs::read_to_string(path).unwrap();
    let start = text.find("\n{").unwrap();
    Some(text[start + 1..].to_owned())
}

#[test]
fn recorded_candles_count_contracts_whatever_the_column_is_called() {
    let Some(body) = recorded("GetKlines") else {
        return;
    };
    let page = pages(Route::Candles).page(body.as_bytes(), None).unwrap();
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    assert_eq!(rows.len(), 2);
    let k = rows[0];
    assert_eq!(k.ts_open.0, 1_739_157_660_000_000);
    assert_eq!(
        (k.open, k.high, k.low, k.close),
        (95_900.5, 95_932.2, 95_850.4, 95_913.4)
    );
    assert_eq!(
        (k.volume_raw, k.quote_volume),
        (Some(20_084.0), Some(1_925_967.484_1))
    );
    // The turnover tells the unit: coins times the price must give it.
    for k in rows {
        let implied = k.quote_volume.unwrap() / k.volume;
        assert!(k.low <= implied && implied <= k.high, "{implied}");
    }
}

#[test]
fn recorded_terms() {
    let Some(body) = recorded("GetSymbols") else {
        return;
    };
    let key = InstrumentKey {
        exchange: "deepcoin".parse().unwrap(),
        market: Market::Swap,
        symbol: "BTC-USDT-SWAP".parse().unwrap(),
    };
    let found = instrument(body.as_bytes(), &key, UnixMicros(5), (2.0, 5.0))
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.contract_value, found.inverse, found.onboard),
        (0.001, false, None)
    );
    assert_eq!(found.tick_size.to_string(), "0.1");
    assert!(found.source.starts_with("deepcoin"));
}

#[test]
fn candles_have_no_mark_so_the_clock_decides() {
    let body = br#"{"code":0,"msg":"","data":[["1739157660000","5","6","4","5","10","0.05"],["1739157600000","5","6","4","5","10","0.05"]]}"#;
    let mut format = pages(Route::Candles);
    format.closed_before = UnixMicros(1_739_157_719_999_999);
    let page = format.page(body, None).unwrap();
    assert_eq!((page.rows.len(), page.forming), (1, 1));
    format.closed_before = UnixMicros(1_739_157_720_000_000);
    assert_eq!(format.page(body, None).unwrap().rows.len(), 2);
}

#[test]
fn history_counts_seconds_and_coins_and_tells_the_next_page() {
    let body = br#"{"code":"0","msg":"","data":{"etime":1766757360,"data":[["1766757360","89021.2","89025.9","89021.2","89025.9","0.00640052","569.80413281"]],"errmsg":""}}"#;
    let page = pages(Route::OldKlines).page(body, None).unwrap();
    assert_eq!(page.span.next, Some(1_766_757_360));
    let Rows::Klines(rows) = page.rows else {
        panic!()
    };
    assert_eq!(rows[0].ts_open.0, 1_766_757_360_000_000);
    assert_eq!((rows[0].volume, rows[0].volume_raw), (0.006_400_52, None));
    let body = br#"{"code":"0","msg":"","data":{"etime":1766757361,"data":[{"trade_id":"77","direction":"1","coin_market":"BTCUSDT","price":"89021.2","platform":"deepcoin","timestamp":1766757360}],"errmsg":""}}"#;
    let page = pages(Route::OldTrades).page(body, None).unwrap();
    let Rows::Trades(rows) = page.rows else {
        panic!()
    };
    let t = rows[0];
    // No size is published: none is made up.
    assert_eq!(
        (t.trade_id, t.price, t.qty, t.qty_raw, t.aggressor),
        (77, 89_021.2, 0.0, None, -1)
    );
    let refused =
        br#"{"code":"0","msg":"","data":{"etime":0,"data":null,"errmsg":"symbol error"}}"#;
    let error = pages(Route::OldTrades).page(refused, None).unwrap_err();
    assert!(error.to_string().contains("symbol error"), "{error}");
}

#[test]
fn settlements_have_hours_in_a_field_named_seconds() {
    let row = |period: i64| {
        let body = format!(
            r#"{{"code":"0","msg":"","data":{{"list":[{{"instrumentID":"BTCUSDT","rate":"0.0001","CreateTime":1767571200,"ratePeriodSec":{period}}}]}}}}"#
        );
        match pages(Route::Funding)
            .page(body.as_bytes(), None)
            .unwrap()
            .rows
        {
            Rows::Funding(rows) => rows[0],
            _ => panic!(),
        }
    };
    assert_eq!(row(8).interval_h, Some(8));
    assert_eq!(row(28_800).interval_h, Some(8));
    assert_eq!(row(0).interval_h, None);
    assert_eq!(row(8).ts_event.0, 1_767_571_200_000_000);
}
