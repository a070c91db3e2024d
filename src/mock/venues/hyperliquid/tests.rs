//! Hyperliquid's rules: one path, coins, limits of answers, weights, what is refused.

use serde_json::{Value, json};

use super::*;
use crate::mock::venues::parts::tests::{ask_at, at, post_at, world};
use crate::mock::world::tests::DAY;
use quant_core::market::{Market, Side};

const START_MS: i64 = DAY / 1_000;

/// Sends a request ten minutes after the start of the tape, on a clean limit.
fn info(world: &World, asked: &Value) -> (u16, String) {
    let venue = Hyperliquid::new(world);
    let answer = post_at(&venue, world, "/info", &asked.to_string(), at(600_000), 0);
    (answer.status, String::from_utf8(answer.body).unwrap())
}

fn rows(world: &World, asked: &Value) -> Value {
    let (status, body) = info(world, asked);
    assert_eq!(status, 200, "{asked}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn candles(interval: &str, from: i64, until: i64) -> Value {
    json!({"type": "candleSnapshot", "req": {"coin": "BTC", "interval": interval,
        "startTime": START_MS + from, "endTime": START_MS + until}})
}

#[test]
fn candles_ascend_within_the_range_and_the_last_one_is_still_forming() {
    let world = world();
    let of = world.perp("BTC", "USDT").unwrap();
    let known = of.klines_1m(at(0), at(600_001), at(600_000));
    let shown = rows(&world, &candles("1m", 0, 900_000));
    let shown = shown.as_array().unwrap();
    assert_eq!((shown.len(), known.len()), (11, 11));
    for (row, k) in shown.iter().zip(&known) {
        let number = |name: &str| row[name].as_str().unwrap().parse::<f64>().unwrap();
        assert_eq!(row["t"], k.ts_open.0 / 1_000);
        assert_eq!(row["T"], k.ts_open.0 / 1_000 + 59_999);
        assert_eq!(
            ["o", "h", "l", "c"].map(|name| Some(number(name))),
            [k.open, k.high, k.low, k.close].map(|ticks| Some(of.price(ticks)))
        );
        assert_eq!(
            (number("v"), row["n"].as_i64()),
            (of.qty(k.lots), Some(k.n_trades))
        );
        assert_eq!((&row["s"], &row["i"]), (&json!("BTC"), &json!("1m")));
    }
    let inside = rows(&world, &candles("1m", 60_000, 180_000));
    assert_eq!(inside.as_array().unwrap().len(), 3);
    let longer = rows(&world, &candles("5m", 0, 599_999));
    let lots = |rows: &[crate::mock::world::Kline]| rows.iter().map(|k| k.lots).sum::<i64>();
    assert_eq!(longer.as_array().unwrap().len(), 2);
    let volume = longer[0]["v"].as_str().unwrap().parse().ok();
    assert_eq!(volume, Some(of.qty(lots(&known[..5]))));
}

#[test]
fn only_so_many_candles_are_kept() {
    // A tape of four days would be slow to make: an instant long after it moves the limit instead.
    let world = world();
    let venue = Hyperliquid::new(&world);
    let ask = |now| {
        let asked = candles("1m", 0, 600_000);
        let answer = post_at(&venue, &world, "/info", &asked.to_string(), at(now), 0);
        let rows: Value = serde_json::from_slice(&answer.body).unwrap();
        rows.as_array().unwrap().len()
    };
    assert_eq!(ask(5_004 * 60_000), 6, "minutes 5 to 10");
    assert_eq!(ask(5_011 * 60_000), 0);
}

#[test]
fn books_show_twenty_levels_and_round_away_from_the_middle() {
    let world = world();
    let of = world.perp("BTC", "USDT").unwrap();
    let image = of.book_at(at(600_000)).unwrap();
    let book = rows(&world, &json!({"type": "l2Book", "coin": "BTC"}));
    assert_eq!(
        (&book["coin"], &book["time"]),
        (&json!("BTC"), &json!(START_MS + 600_000))
    );
    let side = |book: &Value, i: usize| -> Vec<(f64, f64, i64)> {
        let level = |l: &Value| {
            let number = |name: &str| l[name].as_str().unwrap().parse().unwrap();
            (number("px"), number("sz"), l["n"].as_i64().unwrap())
        };
        book["levels"][i]
            .as_array()
            .unwrap()
            .iter()
            .map(level)
            .collect()
    };
    for (i, of_side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
        let level = |(ticks, lots)| (of.price(ticks), of.qty(lots), 1);
        let known: Vec<_> = image.book.levels(of_side).take(20).map(level).collect();
        assert_eq!(side(&book, i), known);
    }
    let rounded = rows(
        &world,
        &json!({"type": "l2Book", "coin": "BTC", "nSigFigs": 3, "mantissa": null}),
    );
    let best = of.price(image.book.best(Side::Buy).unwrap().0);
    let step = 10_f64.powf(best.log10().floor() - 2.0);
    let total = |levels: &[(f64, f64, i64)]| levels.iter().map(|l| l.1).sum::<f64>();
    for (i, of_side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
        let levels = side(&rounded, i);
        for (price, _, _) in &levels {
            let steps = price / step;
            assert!((steps - steps.round()).abs() < 1e-9, "{price} of {step}");
            assert!(if i == 0 {
                *price <= best
            } else {
                *price > best
            });
        }
        if levels.len() < 20 {
            let known: f64 = image
                .book
                .levels(of_side)
                .map(|(_, lots)| of.qty(lots))
                .sum();
            assert!((total(&levels) - known).abs() < 1e-6);
        }
    }
}

#[test]
fn contexts_stand_where_their_coins_do() {
    let world = world();
    let of = world.perp("BTC", "USDT").unwrap();
    let answer = rows(&world, &json!({"type": "metaAndAssetCtxs"}));
    let meta = rows(&world, &json!({"type": "meta"}));
    assert_eq!(answer[0], meta);
    // Spot is no coin of this universe.
    assert_eq!(meta["universe"].as_array().unwrap().len(), 1);
    assert_eq!(answer[1].as_array().unwrap().len(), 1);
    let number = |name: &str| -> f64 { answer[1][0][name].as_str().unwrap().parse().unwrap() };
    let lots = of.positions(at(600_000)).last().unwrap().open_interest_lots;
    assert_eq!(Some(number("openInterest")), Some(of.qty(lots)));
    let mark = of.mark_at(at(600_000)).unwrap();
    assert!((number("markPx") - mark.mark).abs() <= 0.0005);
    assert!((number("oraclePx") - mark.index).abs() <= 0.0005);
    let book = of.book_at(at(600_000)).unwrap().book;
    let [bid, ask] = [Side::Buy, Side::Sell].map(|s| of.price(book.best(s).unwrap().0));
    assert!((number("midPx") - f64::midpoint(bid, ask)).abs() <= 0.0005);
    let impact = &answer[1][0]["impactPxs"];
    if !impact.is_null() {
        let price = |i: usize| impact[i].as_str().unwrap().parse::<f64>().unwrap();
        assert!(price(0) <= bid && price(1) >= ask, "{impact}");
    }
}

#[test]
fn funding_settles_every_hour_at_an_eighth() {
    use crate::mock::world::tests::scribbled;
    let world = World::new(vec![scribbled(Market::Um, 1, 150)]);
    let venue = Hyperliquid::new(&world);
    let ask = |now_ms: i64, more: Value| {
        let mut asked = json!({"type": "fundingHistory", "coin": "BTC", "startTime": START_MS});
        asked
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = post_at(&venue, &world, "/info", &asked.to_string(), at(now_ms), 0);
        let rows: Value = serde_json::from_slice(&answer.body).unwrap();
        rows.as_array().unwrap().clone()
    };
    let all = ask(149 * 60_000, json!({}));
    assert_eq!(all.len(), 2, "{all:?}");
    let of = world.perp("BTC", "USDT").unwrap();
    for (i, row) in all.iter().enumerate() {
        let hour = 3_600_000 * (i64::try_from(i).unwrap() + 1);
        let time = row["time"].as_i64().unwrap() - START_MS;
        assert!((hour..hour + 100).contains(&time));
        let mark = of.mark_at(at(hour).plus(-1)).unwrap();
        let rate: f64 = row["fundingRate"].as_str().unwrap().parse().unwrap();
        assert!((rate - mark.predicted_funding / 8.0).abs() < 1e-9);
    }
    let first = all[0]["time"].as_i64().unwrap();
    assert_eq!(
        ask(149 * 60_000, json!({"startTime": first + 1})),
        all[1..].to_vec()
    );
    assert_eq!(
        ask(149 * 60_000, json!({"endTime": first})),
        all[..1].to_vec()
    );
    // Not before its stamp.
    assert!(ask(3_599_999, json!({})).is_empty());
}

#[test]
fn weights_of_requests_and_of_their_items() {
    let world = world();
    let venue = Hyperliquid::new(&world);
    let status = |asked: &Value, conn_ms| {
        post_at(
            &venue,
            &world,
            "/info",
            &asked.to_string(),
            at(600_000),
            conn_ms,
        )
        .status
    };
    let book = json!({"type": "l2Book", "coin": "BTC"});
    assert!((0..600).all(|_| status(&book, 0) == 200));
    assert_eq!(status(&book, 59_999), 429);
    let meta = json!({"type": "meta"});
    assert!((0..60).all(|_| status(&meta, 60_000) == 200));
    assert_eq!(status(&meta, 60_000), 429);
}

#[test]
fn refusals() {
    let world = world();
    let venue = Hyperliquid::new(&world);
    for asked in [
        json!({}),
        json!({"type": "nothing"}),
        json!({"type": "candleSnapshot"}),
        json!({"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1M", "startTime": 1, "endTime": 2}}),
        json!({"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m", "endTime": 2}}),
        json!({"type": "fundingHistory", "coin": "BTC"}),
        json!({"type": "fundingHistory", "coin": "BTC", "startTime": 1, "endTime": "2"}),
        json!({"type": "l2Book"}),
        json!({"type": "l2Book", "coin": "BTC", "nSigFigs": 6}),
        json!({"type": "l2Book", "coin": "BTC", "nSigFigs": 4, "mantissa": 2}),
    ] {
        let (status, body) = info(&world, &asked);
        assert_eq!(status, 422, "{asked}: {body}");
    }
    let none = json!({"type": "fundingHistory", "coin": "NONE", "startTime": 1});
    assert_eq!(info(&world, &none), (500, "null".to_owned()));
    let none = json!({"type": "meta", "dex": "xyz"});
    assert_eq!(info(&world, &none), (500, "null".to_owned()));
    let none = json!({"type": "l2Book", "coin": "NONE"});
    assert_eq!(info(&world, &none), (200, "null".to_owned()));
    let broken = post_at(&venue, &world, "/info", "{", at(0), 0);
    assert_eq!(broken.status, 400);
    assert_eq!(ask_at(&venue, &world, "/info", at(0), 0).status, 405);
}
