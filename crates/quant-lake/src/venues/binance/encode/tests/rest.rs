//! Bodies compared with recorded answers, value for value and type for type, where they are present; the recorder
//! sorted the keys of objects, so their order is compared with the venue's documents only.

use serde_json::Value;

use super::speed::say;
use super::streams::{number, shared};
use super::*;

/// Reads the recorded answers of one route; errors and empty ones are left out.
fn answers(routes: &Value, route: &str) -> Vec<Value> {
    let list = routes["routes"][route]["GET"].as_array().unwrap();
    list.iter()
        .map(|a| a["data"].clone())
        .filter(|d| d["code"].is_null() && !d.is_null())
        .collect()
}

fn recorded() -> Option<Value> {
    let path = shared("rest/binance/http.json")?;
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn json(push: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    push(&mut out);
    serde_json::from_slice(&out).unwrap()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn micros(value: &Value) -> i64 {
    int(value) * 1_000
}

/// Whether two answers agree: equal but for strings of more digits than a float has, which must be the same float.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::String(x), Value::String(y)) if x != y => {
            let digits = x.bytes().filter(u8::is_ascii_digit).count();
            digits > 15 && number(a).to_bits() == number(b).to_bits()
        }
        _ => a == b,
    }
}

fn encoder(market: Market, symbol: &str, price: u8, qty: u8) -> RestEncoder {
    RestEncoder::new(market, &symbol.parse().unwrap(), Decimals { price, qty }).unwrap()
}

#[test]
fn recorded_klines() {
    let Some(routes) = recorded() else { return };
    let mut n_rows = 0;
    for (route, market, price, qty) in [
        ("/fapi/v1/klines", Market::Um, 2, 3),
        ("/dapi/v1/klines", Market::Cm, 1, 0),
        ("/dapi/v1/continuousKlines", Market::Cm, 1, 0),
        ("/api/v3/klines", Market::Spot, 8, 8),
    ] {
        for answer in answers(&routes, route) {
            for row in answer.as_array().unwrap() {
                // COIN-M symbols differ in their decimals.
                let open = row[1].as_str().unwrap();
                let places = open.split_once('.').map_or(0, |(_, d)| d.len());
                let price = if market == Market::Cm {
                    u8::try_from(places).unwrap()
                } else {
                    price
                };
                let encoder = encoder(market, "BTCUSDT", price, qty);
                // Bars of 2019 were not padded.
                if market == Market::Um && int(&row[0]) < 1_580_000_000_000 {
                    continue;
                }
                let kline = KlineRow {
                    open_us: micros(&row[0]),
                    open: number(&row[1]),
                    high: number(&row[2]),
                    low: number(&row[3]),
                    close: number(&row[4]),
                    volume: number(&row[5]),
                    quote_volume: number(&row[7]),
                    n_trades: int(&row[8]),
                    taker_buy_volume: number(&row[9]),
                    taker_buy_quote_volume: number(&row[10]),
                };
                let interval_us = (int(&row[6]) - int(&row[0]) + 1) * 1_000;
                let found = json(|out| encoder.klines(out, &[kline], interval_us));
                assert!(same(row, &found[0]), "{route}: {row} {found}");
                n_rows += 1;
            }
        }
    }
    for route in ["/dapi/v1/indexPriceKlines", "/dapi/v1/markPriceKlines"] {
        let encoder = encoder(Market::Cm, "BTCUSD_PERP", 1, 0);
        for answer in answers(&routes, route) {
            for row in answer.as_array().unwrap() {
                // A bar that is still forming closes at a price that is not padded.
                if !row[4].as_str().unwrap().contains('.') {
                    continue;
                }
                let kline = ReferenceKlineRow {
                    open_us: micros(&row[0]),
                    open: number(&row[1]),
                    high: number(&row[2]),
                    low: number(&row[3]),
                    close: number(&row[4]),
                    n_ticks: int(&row[8]),
                };
                let interval_us = (int(&row[6]) - int(&row[0]) + 1) * 1_000;
                let found = json(|out| encoder.reference_klines(out, &[kline], interval_us));
                assert!(same(row, &found[0]), "{route}: {row} {found}");
                n_rows += 1;
            }
        }
    }
    say(format_args!("{n_rows} recorded klines"));
    assert!(n_rows > 1_000);
}

#[test]
fn recorded_trades_and_aggregates() {
    let Some(routes) = recorded() else { return };
    let mut n_rows = 0;
    for (route, market, price, qty) in [
        ("/fapi/v1/aggTrades", Market::Um, 2, 3),
        ("/dapi/v1/aggTrades", Market::Cm, 1, 0),
        ("/api/v3/aggTrades", Market::Spot, 8, 8),
    ] {
        let encoder = encoder(market, "BTCUSDT", price, qty);
        for answer in answers(&routes, route) {
            let rows = answer.as_array().unwrap();
            // Four answers were edited by the recorder's authors: a key without a name stands for `m`.
            if rows.iter().any(|t| t["m"].is_null()) {
                continue;
            }
            let rows: Vec<_> = rows
                .iter()
                .map(|t| AggTradeRow {
                    agg_id: int(&t["a"]),
                    price: number(&t["p"]),
                    qty: number(&t["q"]),
                    first_id: int(&t["f"]),
                    last_id: int(&t["l"]),
                    ts_us: micros(&t["T"]),
                    is_buyer_maker: t["m"].as_bool().unwrap(),
                })
                .collect();
            n_rows += rows.len();
            let found = json(|out| encoder.agg_trades(out, &rows));
            assert!(same(&answer, &found), "{route}: {answer} {found}");
        }
    }
    for (route, market, price, qty) in [
        ("/fapi/v1/trades", Market::Um, 2, 3),
        ("/dapi/v1/trades", Market::Cm, 1, 0),
        ("/api/v3/trades", Market::Spot, 8, 8),
    ] {
        let encoder = encoder(market, "BTCUSDT", price, qty);
        for answer in answers(&routes, route) {
            let rows: Vec<_> = answer
                .as_array()
                .unwrap()
                .iter()
                .map(|t| {
                    let (price, qty) = (number(&t["price"]), number(&t["qty"]));
                    let quote_qty = match market {
                        Market::Cm => number(&t["baseQty"]),
                        Market::Spot => number(&t["quoteQty"]),
                        _ => price * qty,
                    };
                    TradeRow {
                        id: int(&t["id"]),
                        price,
                        qty,
                        quote_qty,
                        ts_us: micros(&t["time"]),
                        is_buyer_maker: t["isBuyerMaker"].as_bool().unwrap(),
                    }
                })
                .collect();
            n_rows += rows.len();
            let found = json(|out| encoder.trades(out, &rows));
            assert!(same(&answer, &found), "{route}: {answer} {found}");
        }
    }
    say(format_args!("{n_rows} recorded trades and aggregates"));
    assert!(n_rows > 1_000);
}

#[test]
fn recorded_depth() {
    let Some(routes) = recorded() else { return };
    for (route, market, symbol, price, qty) in [
        ("/fapi/v1/depth", Market::Um, "BTCUSDT", 2, 3),
        ("/dapi/v1/depth", Market::Cm, "BTCUSD_PERP", 1, 0),
        ("/api/v3/depth", Market::Spot, "BTCUSDT", 8, 8),
    ] {
        let symbol = symbol.parse().unwrap();
        let encoder = StreamEncoder::new(market, &symbol, Decimals { price, qty }).unwrap();
        for answer in answers(&routes, route) {
            let side = |name: &str| -> Vec<(f64, f64)> {
                let levels = answer[name].as_array().unwrap().iter();
                levels.map(|l| (number(&l[0]), number(&l[1]))).collect()
            };
            let (bids, asks) = (side("bids"), side("asks"));
            let time = |name: &str| answer[name].as_i64().unwrap_or(0) * 1_000;
            let snapshot = DepthSnapshot {
                last_update_id: int(&answer["lastUpdateId"]),
                event_us: time("E"),
                transaction_us: time("T"),
                bids: &bids,
                asks: &asks,
            };
            assert_eq!(
                json(|out| encoder.depth_snapshot(out, &snapshot)),
                answer,
                "{route}"
            );
        }
    }
}

#[test]
fn recorded_funding_and_premium() {
    let Some(routes) = recorded() else { return };
    let mut n_rows = 0;
    for (route, market) in [
        ("/fapi/v1/fundingRate", Market::Um),
        ("/dapi/v1/fundingRate", Market::Cm),
    ] {
        for answer in answers(&routes, route) {
            for row in answer.as_array().unwrap() {
                let encoder = encoder(market, row["symbol"].as_str().unwrap(), 2, 3);
                let funding = FundingRateRow {
                    ts_us: micros(&row["fundingTime"]),
                    rate: number(&row["fundingRate"]),
                    mark_price: row.get("markPrice").map(number),
                };
                let found = json(|out| encoder.funding_rates(out, &[funding]));
                assert_eq!(found[0], *row);
                n_rows += 1;
            }
        }
    }
    for (route, market) in [
        ("/fapi/v1/premiumIndex", Market::Um),
        ("/dapi/v1/premiumIndex", Market::Cm),
    ] {
        for answer in answers(&routes, route) {
            let list = match &answer {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            // Answers of 2020 had no settlement price on USD-M.
            for row in list.iter().filter(|r| !r["estimatedSettlePrice"].is_null()) {
                let encoder = encoder(market, row["symbol"].as_str().unwrap(), 2, 3);
                let rate = row["lastFundingRate"].as_str().unwrap();
                let premium = PremiumIndex {
                    mark: number(&row["markPrice"]),
                    index: number(&row["indexPrice"]),
                    settle: number(&row["estimatedSettlePrice"]),
                    funding_rate: rate.parse().ok(),
                    next_funding_us: micros(&row["nextFundingTime"]),
                    ts_us: micros(&row["time"]),
                };
                assert_eq!(json(|out| encoder.premium_index(out, &premium)), *row);
                n_rows += 1;
            }
        }
    }
    for answer in answers(&routes, "/fapi/v1/fundingInfo") {
        for row in answer.as_array().unwrap() {
            let symbol = row["symbol"].as_str().unwrap().parse().unwrap();
            let info = FundingInfo {
                symbol: &symbol,
                cap: number(&row["adjustedFundingRateCap"]),
                floor: number(&row["adjustedFundingRateFloor"]),
                interval_h: u32::try_from(int(&row["fundingIntervalHours"])).unwrap(),
                updated_us: row
                    .get("updateTime")
                    .and_then(Value::as_i64)
                    .map(|t| t * 1_000),
            };
            assert_eq!(json(|out| push_funding_info(out, &[info]))[0], *row);
            n_rows += 1;
        }
    }
    say(format_args!("{n_rows} recorded fundings and premiums"));
    assert!(n_rows > 50);
}

#[test]
fn recorded_positions() {
    let Some(routes) = recorded() else { return };
    for answer in answers(&routes, "/futures/data/openInterestHist") {
        for row in answer.as_array().unwrap() {
            // Rows of pairs are those of COIN-M.
            let Some(symbol) = row["symbol"].as_str() else {
                continue;
            };
            let interest = OpenInterestRow {
                ts_us: micros(&row["timestamp"]),
                open_interest: number(&row["sumOpenInterest"]),
                value: number(&row["sumOpenInterestValue"]),
                circulating_supply: None,
            };
            let encoder = encoder(Market::Um, symbol, 2, 3);
            let found = json(|out| encoder.open_interest_hist(out, &[interest]));
            assert!(same(row, &found[0]), "{row} {found}");
        }
    }
    let mut n_rows = 0;
    for route in [
        "/futures/data/globalLongShortAccountRatio",
        "/futures/data/topLongShortAccountRatio",
        "/futures/data/topLongShortPositionRatio",
    ] {
        for answer in answers(&routes, route) {
            for row in answer.as_array().unwrap() {
                let Some(symbol) = row["symbol"].as_str() else {
                    continue;
                };
                let ratio = LongShortRow {
                    ts_us: micros(&row["timestamp"]),
                    ratio: number(&row["longShortRatio"]),
                };
                let encoder = encoder(Market::Um, symbol, 2, 3);
                let mut found = json(|out| encoder.long_short_ratios(out, &[ratio]))[0].clone();
                // The recorded ratio is rounded, so a share that follows from it may differ in its last digit.
                for share in ["longAccount", "shortAccount"] {
                    let off = number(&found[share]) - number(&row[share]);
                    assert!(off.abs() < 1.5e-4, "{row} {found}");
                    assert_eq!(found[share].as_str().unwrap().len(), 6);
                    found[share] = row[share].clone();
                }
                assert_eq!(found, *row);
                n_rows += 1;
            }
        }
    }
    for answer in answers(&routes, "/futures/data/takerlongshortRatio") {
        for row in answer.as_array().unwrap() {
            let taker = TakerRow {
                ts_us: micros(&row["timestamp"]),
                buy: number(&row["buyVol"]),
                sell: number(&row["sellVol"]),
            };
            let encoder = encoder(Market::Um, "BTCUSDT", 2, 3);
            assert_eq!(json(|out| encoder.taker_ratios(out, &[taker]))[0], *row);
            n_rows += 1;
        }
    }
    for row in answers(&routes, "/fapi/v1/openInterest") {
        let encoder = encoder(Market::Um, "BTCUSDT", 2, 3);
        let found = json(|out| {
            encoder.open_interest(out, number(&row["openInterest"]), micros(&row["time"]));
        });
        assert_eq!(found, row);
    }
    for row in answers(&routes, "/fapi/v1/time") {
        assert_eq!(
            json(|out| push_server_time(out, micros(&row["serverTime"]))),
            row
        );
    }
    say(format_args!("{n_rows} recorded ratios"));
    assert!(n_rows > 100);
}

#[test]
fn recorded_exchange_info() {
    let Some(routes) = recorded() else { return };
    for (route, market) in [
        ("/fapi/v1/exchangeInfo", Market::Um),
        ("/dapi/v1/exchangeInfo", Market::Cm),
    ] {
        for answer in answers(&routes, route) {
            let info = &answer["symbols"][0];
            let text = |name: &str| info[name].as_str().unwrap_or("");
            let filter = |kind: &str, name: &str| {
                let filters = info["filters"].as_array().unwrap().iter();
                let mut filters = filters.filter(|f| f["filterType"] == kind);
                filters.next().map_or(0.0, |f| number(&f[name]))
            };
            let decimals = |name: &str| u8::try_from(int(&info[name])).unwrap();
            let symbol = text("symbol").parse().unwrap();
            let status = if market == Market::Cm {
                "contractStatus"
            } else {
                "status"
            };
            let written = SymbolInfo {
                symbol: &symbol,
                pair: text("pair"),
                contract_type: text("contractType"),
                status: text(status),
                base: text("baseAsset"),
                quote: text("quoteAsset"),
                margin: text("marginAsset"),
                onboard_ms: int(&info["onboardDate"]),
                delivery_ms: PERPETUAL_DELIVERY_MS,
                decimals: Decimals {
                    price: decimals("pricePrecision"),
                    qty: decimals("quantityPrecision"),
                },
                tick_size: filter("PRICE_FILTER", "tickSize"),
                min_price: filter("PRICE_FILTER", "minPrice"),
                max_price: filter("PRICE_FILTER", "maxPrice"),
                step_size: filter("LOT_SIZE", "stepSize"),
                min_qty: filter("LOT_SIZE", "minQty"),
                max_qty: filter("LOT_SIZE", "maxQty"),
                max_market_qty: filter("MARKET_LOT_SIZE", "maxQty"),
                min_notional: filter("MIN_NOTIONAL", "notional"),
                contract_size: info["contractSize"].as_f64().unwrap_or(0.0),
            };
            let ts_us = micros(&answer["serverTime"]);
            let found = json(|out| push_exchange_info(out, market, ts_us, &[written]));
            // The whole first symbol, BTC's perpetual, and all around it but the other symbols and assets.
            assert_eq!(found["symbols"][0], *info);
            // The recorded answers are sorted by key; whether `Value` keeps an order depends on the build.
            let keys = |v: &Value| {
                let keys = v.as_object().unwrap().keys().cloned();
                keys.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(keys(&found), keys(&answer));
            for key in [
                "rateLimits",
                "exchangeFilters",
                "serverTime",
                "timezone",
                "futuresType",
            ] {
                assert_eq!(found[key], answer[key], "{key}");
            }
            assert_eq!(found["assets"][0], answer["assets"][0]);
        }
    }
}

fn body(push: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    push(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn keys_in_the_documented_order() {
    let encoder = encoder(Market::Um, "BTCUSDT", 2, 3);
    let recent = encoder.clone().with_rpi_keys();
    assert_eq!(
        body(|out| recent.agg_trades(out, &[agg(1784073600069), agg(1784073600070)])),
        r#"[{"a":3383271130,"p":"65014.60","q":"0.030","nq":"0.030","f":7900100566,"l":7900100567,"T":1784073600069,"m":true},{"a":3383271130,"p":"65014.60","q":"0.030","nq":"0.030","f":7900100566,"l":7900100567,"T":1784073600070,"m":true}]"#
    );
    assert_eq!(body(|out| encoder.agg_trades(out, &[])), "[]");
    let trade = TradeRow {
        id: 229020336,
        price: 11494.06,
        qty: 0.007,
        quote_qty: 11494.06 * 0.007,
        ts_us: 1602819641313000,
        is_buyer_maker: false,
    };
    assert_eq!(
        body(|out| encoder.trades(out, &[trade])),
        r#"[{"id":229020336,"price":"11494.06","qty":"0.007","quoteQty":"80.45","time":1602819641313,"isBuyerMaker":false}]"#
    );
    assert!(
        body(|out| recent.trades(out, &[trade]))
            .ends_with(r#""isBuyerMaker":false,"isRPITrade":false}]"#)
    );
    assert_eq!(
        body(|out| encoder.klines(out, &[kline(1784073600000)], 60_000_000)),
        r#"[[1784073600000,"65014.60","65031.80","64996.80","65011.50","327.207",1784073659999,"21273110.50730",5998,"222.863","14489221.32700","0"]]"#
    );
    let funding = FundingRateRow {
        ts_us: 1698768000000000,
        rate: -0.0001,
        mark_price: Some(34287.54619963),
    };
    assert_eq!(
        body(|out| encoder.funding_rates(out, &[funding])),
        r#"[{"symbol":"BTCUSDT","fundingRate":"-0.00010000","fundingTime":1698768000000,"markPrice":"34287.54619963"}]"#
    );
    let interest = OpenInterestRow {
        ts_us: 1583127900000000,
        open_interest: 20403.637,
        value: 150570784.078092,
        circulating_supply: Some(165880.538),
    };
    assert_eq!(
        body(|out| encoder.open_interest_hist(out, &[interest])),
        r#"[{"symbol":"BTCUSDT","sumOpenInterest":"20403.63700000","sumOpenInterestValue":"150570784.07809200","CMCCirculatingSupply":"165880.53800000","timestamp":1583127900000}]"#
    );
    assert_eq!(
        body(|out| push_error(out, -1121, "Invalid symbol.")),
        r#"{"code":-1121,"msg":"Invalid symbol."}"#
    );
    assert_eq!(
        body(|out| push_error(out, -1130, "parameter \"a\\b\"\n")),
        r#"{"code":-1130,"msg":"parameter \"a\\b\"\u000a"}"#
    );
    assert_eq!(
        body(|out| push_server_time(out, 1620099477465999)),
        r#"{"serverTime":1620099477465}"#
    );
}

proptest! {
    #[test]
    fn messages_of_any_content_are_json(msg in any::<String>(), code in any::<i64>()) {
        let found = json(|out| push_error(out, code, &msg));
        prop_assert_eq!(found["msg"].as_str().unwrap(), msg);
        prop_assert_eq!(int(&found["code"]), code);
    }

    #[test]
    fn both_shares_add_up_to_one(ratio in 0.01_f64..100.0) {
        let row = LongShortRow { ts_us: 0, ratio };
        let found = json(|out| encoder(Market::Um, "BTCUSDT", 2, 3).long_short_ratios(out, &[row]));
        let share = |name: &str| number(&found[0][name]);
        let sum = share("longAccount") + share("shortAccount");
        prop_assert!((sum - 1.0).abs() < 1e-9, "{}", found);
    }
}
