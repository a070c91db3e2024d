//! Tests of Binance's pages: recorded answers value by value where they are present, and what our own encoder writes.
use super::*;
use crate::venues::binance::encode::{AggTradeRow, Decimals, KlineRow, RestEncoder};
use crate::venues::pages::Rows;
use crate::venues::wire::tests_shared::shared;

fn pages(dataset: Dataset, market: Market, symbol: &str) -> BinancePages {
    BinancePages {
        dataset,
        market,
        symbol: symbol.to_owned(),
        unit: QtyUnit::Base,
        closed_before: UnixMicros(i64::MAX),
    }
}

/// Reads the recorded answers of a route as (query, body).
fn recorded(route: &str) -> Vec<(String, Value)> {
    let Some(path) = shared("rest/binance/http.json") else {
        return Vec::new();
    };
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let answers = all["routes"][route]["GET"].as_array().unwrap();
    answers
        .iter()
        .map(|a| {
            (
                a["queryString"].as_str().unwrap_or("").to_owned(),
                a["data"].clone(),
            )
        })
        .collect()
}

fn f(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn read(pages: &mut BinancePages, body: &Value) -> Page {
    pages.page(body.to_string().as_bytes(), None).unwrap()
}

#[test]
fn recorded_minutes() {
    let mut n = 0;
    for (query, body) in recorded("/api/v3/klines") {
        let page = read(
            &mut pages(Dataset::Klines1m, Market::Spot, "BTCUSDT"),
            &body,
        );
        let items = body.as_array().unwrap();
        if !query.contains("interval=1m&") {
            // Longer bars are not minutes.
            assert_eq!((page.rows.len(), page.bad.len()), (0, items.len()));
            assert_eq!(page.bad[0].problem, RowProblem::EmptyInterval);
            continue;
        }
        let Rows::Klines(rows) = page.rows else {
            panic!("{query}")
        };
        assert_eq!(rows.len(), items.len());
        for (row, item) in rows.iter().zip(items) {
            assert_eq!(row.ts_open.0, item[0].as_i64().unwrap() * 1_000);
            assert_eq!(row.ts_close.0, row.ts_open.0 + MICROS_PER_MINUTE);
            let found = [row.open, row.high, row.low, row.close, row.volume];
            let wanted = [1, 2, 3, 4, 5].map(|i| f(&item[i]));
            assert_eq!(found.map(f64::to_bits), wanted.map(f64::to_bits));
            assert_eq!(row.n_trades, item[8].as_i64());
            assert_eq!(row.quote_volume, Some(f(&item[7])));
            assert_eq!(row.taker_buy_volume, Some(f(&item[9])));
            assert_eq!(row.taker_buy_quote_volume, Some(f(&item[10])));
            n += 1;
        }
    }
    assert!(n == 0 || n == 61, "{n}");
}

#[test]
fn recorded_agg_trades() {
    let mut n = (0, 0);
    for (route, market) in [
        ("/fapi/v1/aggTrades", Market::Um),
        ("/api/v3/aggTrades", Market::Spot),
    ] {
        for (_, body) in recorded(route) {
            let items = body.as_array().unwrap();
            let page = read(&mut pages(Dataset::AggTrades, market, "X"), &body);
            assert_eq!(page.span.rows, items.len());
            // Some recorded rows have lost the name of `m`.
            let lost = items.iter().filter(|i| i["m"].is_null()).count();
            assert_eq!(page.bad.len(), lost);
            let Rows::AggTrades(rows) = page.rows else {
                panic!("{route}")
            };
            let kept = items.iter().filter(|i| !i["m"].is_null());
            for (row, item) in rows.iter().zip(kept) {
                assert_eq!(row.trade_id, item["a"].as_i64().unwrap());
                assert_eq!(row.ts_event.0, item["T"].as_i64().unwrap() * 1_000);
                assert_eq!(row.price.to_bits(), f(&item["p"]).to_bits());
                assert_eq!(row.qty.to_bits(), f(&item["q"]).to_bits());
                let sold = item["m"].as_bool().unwrap();
                assert_eq!(row.aggressor, if sold { -1 } else { 1 });
                assert_eq!(row.first_id, item["f"].as_i64().unwrap());
                assert_eq!(row.last_id, item["l"].as_i64().unwrap());
            }
            n = (n.0 + rows.len(), n.1 + lost);
        }
    }
    assert!(n == (0, 0) || n == (1_553, 9), "{n:?}");
}

#[test]
fn recorded_funding() {
    let mut n = 0;
    for (query, body) in recorded("/fapi/v1/fundingRate") {
        let Some(items) = body.as_array() else {
            continue;
        };
        let symbol = items[0]["symbol"].as_str().unwrap();
        let page = read(&mut pages(Dataset::Funding, Market::Um, symbol), &body);
        let Rows::Funding(rows) = page.rows else {
            panic!("{query}")
        };
        assert_eq!(rows.len(), items.len());
        for (i, (row, item)) in rows.iter().zip(items).enumerate() {
            // The jitter of the stamp is kept.
            assert_eq!(
                row.ts_event.0,
                item["fundingTime"].as_i64().unwrap() * 1_000
            );
            assert_eq!(row.rate.to_bits(), f(&item["fundingRate"]).to_bits());
            assert_eq!(row.interval_h, (i > 0).then_some(8), "{query} row {i}");
        }
        n += rows.len();
        // Rows of another symbol are not taken for this one's.
        let other = read(&mut pages(Dataset::Funding, Market::Um, "OTHER"), &body);
        assert_eq!((other.rows.len(), other.bad.len()), (0, items.len()));
    }
    assert!(n == 0 || n == 110, "{n}");
}

#[test]
fn recorded_open_interest() {
    let mut n = 0;
    for (query, body) in recorded("/futures/data/openInterestHist") {
        let items = body.as_array().unwrap();
        let symbol = items[0]["symbol"].as_str().unwrap_or("BTCUSD");
        let page = read(&mut pages(Dataset::OpenInterest, Market::Um, symbol), &body);
        let Rows::OpenInterest(rows) = page.rows else {
            panic!("{query}")
        };
        for (row, item) in rows.iter().zip(items) {
            assert_eq!(row.ts_event.0, item["timestamp"].as_i64().unwrap() * 1_000);
            assert_eq!(
                row.open_interest.to_bits(),
                f(&item["sumOpenInterest"]).to_bits()
            );
            assert_eq!(row.notional, Some(f(&item["sumOpenInterestValue"])));
        }
        assert_eq!(rows.len(), items.len());
        n += rows.len();
    }
    assert!(n == 0 || n == 33, "{n}");
}

fn key(market: Market, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market,
        symbol: symbol.parse().unwrap(),
    }
}

#[test]
fn recorded_terms_come_from_the_filters() {
    for (route, market, symbol, tick, lot, notional, value, onboard) in [
        (
            "/fapi/v1/exchangeInfo",
            Market::Um,
            "BTCUSDT",
            "0.1",
            "0.001",
            100.0,
            1.0,
            Some(1_569_398_400_000_i64),
        ),
        (
            "/fapi/v1/exchangeInfo",
            Market::Um,
            "ETHUSDT",
            "0.01",
            "0.001",
            20.0,
            1.0,
            Some(1_569_398_400_000),
        ),
        (
            "/dapi/v1/exchangeInfo",
            Market::Cm,
            "BTCUSD_PERP",
            "0.1",
            "1",
            0.0,
            100.0,
            Some(1_597_042_800_000),
        ),
        (
            "/api/v3/exchangeInfo",
            Market::Spot,
            "BTCUSDT",
            "0.01",
            "0.00001",
            5.0,
            1.0,
            None,
        ),
    ] {
        for (_, body) in recorded(route) {
            let body = body.to_string();
            let at = UnixMicros(1_767_571_200_000_000);
            let read = |symbol| instrument(body.as_bytes(), &key(market, symbol), at, (2.0, 5.0));
            let found = read(symbol).unwrap().unwrap();
            assert_eq!(found.tick_size.to_string(), tick, "{route} {symbol}");
            assert_eq!(found.lot_size.to_string(), lot, "{route} {symbol}");
            assert_eq!(
                [
                    found.min_notional,
                    found.contract_value,
                    found.maker_bps,
                    found.taker_bps
                ]
                .map(f64::to_bits),
                [notional, value, 2.0, 5.0].map(f64::to_bits)
            );
            assert_eq!(found.inverse, market == Market::Cm);
            assert_eq!(found.onboard.map(|t| t.0), onboard.map(|ms| ms * 1_000));
            assert_eq!((found.valid_from, found.delist), (at, None));
            assert_eq!(
                found.funding_interval_h,
                (market != Market::Spot).then_some(8)
            );
            assert_eq!(read("NOSUCH").unwrap(), None);
        }
    }
    for (_, body) in recorded("/fapi/v1/fundingInfo") {
        let body = body.to_string();
        assert_eq!(
            funding_interval(body.as_bytes(), "GTCUSDT").unwrap(),
            Some(8)
        );
        assert_eq!(funding_interval(body.as_bytes(), "BTCUSDT").unwrap(), None);
    }
    for (_, body) in recorded("/fapi/v1/time") {
        let now = server_time(body.to_string().as_bytes()).unwrap();
        assert_eq!(now.0, 1_620_099_477_465_000);
    }
}

#[test]
fn contracts_on_shares_are_perpetuals_and_announced_delistings_are_read() {
    let body = r#"{"symbols":[{"symbol":"TSLAUSDT","contractType":"TRADIFI_PERPETUAL","onboardDate":1767571200000,
        "deliveryDate":1799107200000,"pricePrecision":7,"quantityPrecision":0,"newField":{"x":1},
        "filters":[{"filterType":"PRICE_FILTER","tickSize":"0.0100"},{"filterType":"LOT_SIZE","stepSize":"0.01"},
        {"filterType":"MIN_NOTIONAL","notional":"5"}]},
        {"symbol":"BTCUSDT_260327","contractType":"CURRENT_QUARTER","deliveryDate":1774598400000,
        "filters":[{"filterType":"PRICE_FILTER","tickSize":"0.1"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]},
        {"symbol":"BADUSDT","contractType":"PERPETUAL","filters":[]}]}"#;
    let read = |symbol| {
        instrument(
            body.as_bytes(),
            &key(Market::Um, symbol),
            UnixMicros(0),
            (0.0, 0.0),
        )
    };
    let share = read("TSLAUSDT").unwrap().unwrap();
    assert_eq!(share.funding_interval_h, Some(8));
    assert_eq!(share.tick_size.to_string(), "0.01");
    assert_eq!(share.delist, Some(UnixMicros(1_799_107_200_000_000)));
    assert!(share.source.contains("TRADIFI_PERPETUAL"));
    assert_eq!(
        read("BTCUSDT_260327").unwrap().unwrap().funding_interval_h,
        None
    );
    let error = read("BADUSDT").unwrap_err();
    assert!(error.to_string().contains("a price step"), "{error}");
}

fn minute(i: i64) -> KlineRow {
    KlineRow {
        open_us: 1_767_571_200_000_000 + i * MICROS_PER_MINUTE,
        open: 93_000.1,
        high: 93_010.2,
        low: 92_990.3,
        close: 93_005.4,
        volume: 12.345,
        quote_volume: 1_148_000.25,
        n_trades: 321,
        taker_buy_volume: 6.5,
        taker_buy_quote_volume: 604_500.125,
    }
}

fn encoder(market: Market, symbol: &str) -> RestEncoder {
    let decimals = Decimals { price: 2, qty: 3 };
    RestEncoder::new(market, &symbol.parse().unwrap(), decimals).unwrap()
}

#[test]
fn a_bar_that_is_not_over_is_left_out() {
    let mut body = Vec::new();
    let rows: Vec<KlineRow> = (0..3).map(minute).collect();
    encoder(Market::Um, "BTCUSDT").klines(&mut body, &rows, MICROS_PER_MINUTE);
    let mut format = pages(Dataset::Klines1m, Market::Um, "BTCUSDT");
    for (after_us, kept) in [
        (0, 2),
        (-1, 1),
        (MICROS_PER_MINUTE, 3),
        (MICROS_PER_MINUTE - 1, 2),
    ] {
        format.closed_before = UnixMicros(rows[2].open_us + after_us);
        let page = format.page(&body, None).unwrap();
        assert_eq!(
            (page.rows.len(), page.forming),
            (kept, 3 - kept as u64),
            "{after_us}"
        );
        assert_eq!(page.span.last_ts, Some(rows[2].open_us));
    }
}

#[test]
fn coin_margined_rows_become_coins_beside_their_contracts() {
    let unit = QtyUnit::Inverse { usd: 100.0 };
    let mut body = Vec::new();
    // Contracts in the volume, coins in the other column.
    let row = KlineRow {
        volume: 5_000.0,
        quote_volume: 5.376,
        taker_buy_volume: 2_000.0,
        taker_buy_quote_volume: 2.15,
        ..minute(0)
    };
    let cm = encoder(Market::Cm, "BTCUSD_PERP");
    cm.klines(&mut body, &[row], MICROS_PER_MINUTE);
    let mut format = BinancePages {
        unit,
        ..pages(Dataset::Klines1m, Market::Cm, "BTCUSD_PERP")
    };
    let Rows::Klines(rows) = format.page(&body, None).unwrap().rows else {
        panic!()
    };
    assert_eq!(
        (
            rows[0].volume,
            rows[0].volume_raw,
            rows[0].quote_volume,
            rows[0].taker_buy_quote_volume
        ),
        (5.376, Some(5_000.0), Some(500_000.0), Some(200_000.0))
    );
    body.clear();
    let trade = AggTradeRow {
        agg_id: 7,
        price: 50_000.0,
        qty: 30.0,
        first_id: 8,
        last_id: 9,
        ts_us: 1_767_571_200_123_000,
        is_buyer_maker: true,
    };
    cm.agg_trades(&mut body, &[trade]);
    let mut format = BinancePages {
        unit,
        ..pages(Dataset::AggTrades, Market::Cm, "BTCUSD_PERP")
    };
    let Rows::AggTrades(rows) = format.page(&body, None).unwrap().rows else {
        panic!()
    };
    assert_eq!(
        (rows[0].qty, rows[0].qty_raw, rows[0].aggressor),
        (0.06, Some(30.0), -1)
    );
}

#[test]
fn refusals_of_the_venue_and_other_shapes_are_told_apart() {
    let mut format = pages(Dataset::Klines1m, Market::Um, "BTCUSDT");
    let refused = format
        .page(br#"{"code":-1121,"msg":"Invalid symbol."}"#, None)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "klines answered with code -1121: Invalid symbol."
    );
    for other in ["{}", "\"x\"", "null", "nope"] {
        let error = format.page(other.as_bytes(), None).unwrap_err();
        assert!(matches!(error, PageError::Shape { .. }), "{other}");
    }
    // Any JSON at all is read without a panic.
    for odd in [
        "[1,2]",
        "[[]]",
        "[null]",
        "[{\"a\":[]}]",
        "[[1,2,3,4,5,6,7,8,9,10,11,12]]",
    ] {
        for dataset in BinancePages::DATASETS {
            let page = pages(dataset, Market::Um, "BTCUSDT")
                .page(odd.as_bytes(), None)
                .unwrap();
            assert_eq!(page.rows.len(), 0, "{odd} {dataset}");
            assert_eq!(page.bad.len(), page.span.rows);
        }
    }
}
