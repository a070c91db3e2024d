//! Expectations written by hand from the venue's own rows, re-read by the zip library.

use std::io::{Cursor, Read};

use proptest::prelude::*;

use quant_core::market::{Market, Symbol};
use quant_core::time::Day;
use zip::CompressionMethod;

use super::*;

mod products;
mod recording;
mod rest;
mod round_trip;
mod speed;
mod streams;

/// 2026-07-15, the day of the venue rows quoted below.
const DAY_2026: &str = "2026-07-15";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn btc() -> Symbol {
    "BTCUSDT".parse().unwrap()
}

fn member(file: &EncodedFile) -> (String, String) {
    let mut archive = zip::ZipArchive::new(Cursor::new(&file.zip)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut entry = archive.by_index(0).unwrap();
    assert_eq!(entry.compression(), CompressionMethod::Deflated);
    assert!(
        entry.extra_data().is_none_or(|e| e.is_empty()),
        "no extra fields"
    );
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    (entry.name().unwrap().into_owned(), text)
}

fn agg(ts_ms: i64) -> AggTradeRow {
    AggTradeRow {
        agg_id: 3383271130,
        price: 65014.6,
        qty: 0.03,
        first_id: 7900100566,
        last_id: 7900100567,
        ts_us: ts_ms * 1_000,
        is_buyer_maker: true,
    }
}

#[test]
fn um_agg_trades_have_a_header_and_milliseconds() {
    let rows = [
        agg(1784073600069),
        AggTradeRow {
            agg_id: 3383271131,
            price: 65000.0,
            is_buyer_maker: false,
            ..agg(1784159999999)
        },
    ];
    let file = agg_trades(Market::Um, &btc(), day(DAY_2026), &rows).unwrap();
    assert_eq!(
        file.path(),
        "data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-07-15.zip"
    );
    assert_eq!(file.checksum_path(), format!("{}.CHECKSUM", file.path()));
    let (name, text) = member(&file);
    assert_eq!(name, "BTCUSDT-aggTrades-2026-07-15.csv");
    assert_eq!(
        text,
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n\
         3383271130,65014.6,0.03,7900100566,7900100567,1784073600069,true\n\
         3383271131,65000,0.03,7900100566,7900100567,1784159999999,false\n"
    );
}

#[test]
fn spot_agg_trades_have_no_header_eight_columns_and_microseconds_from_2025() {
    let last_ms_day = agg_trades(
        Market::Spot,
        &btc(),
        day("2024-12-31"),
        &[agg(1735689599999)],
    )
    .unwrap();
    assert_eq!(
        member(&last_ms_day).1,
        "3383271130,65014.60000000,0.03000000,7900100566,7900100567,1735689599999,True,True\n"
    );
    let first_us_day = AggTradeRow {
        is_buyer_maker: false,
        ..agg(1735689600000)
    };
    let first_us_day =
        agg_trades(Market::Spot, &btc(), day("2025-01-01"), &[first_us_day]).unwrap();
    assert_eq!(first_us_day.folder, "data/spot/daily/aggTrades/BTCUSDT");
    assert_eq!(
        member(&first_us_day).1,
        "3383271130,65014.60000000,0.03000000,7900100566,7900100567,1735689600000000,False,True\n"
    );
}

#[test]
fn trades_of_both_markets() {
    let row = TradeRow {
        id: 5266583935,
        price: 61800.3,
        qty: 0.006,
        quote_qty: 61800.3 * 0.006,
        ts_us: 1723161256322999,
        is_buyer_maker: false,
    };
    let um = trades(Market::Um, &btc(), day("2024-08-08"), &[row]).unwrap();
    assert_eq!(um.name, "BTCUSDT-trades-2024-08-08.zip");
    assert_eq!(
        member(&um).1,
        "id,price,qty,quote_qty,time,is_buyer_maker\n\
         5266583935,61800.3,0.006,370.8018,1723161256322,false\n"
    );
    let spot = trades(Market::Spot, &btc(), day("2024-08-08"), &[row]).unwrap();
    assert_eq!(
        member(&spot).1,
        "5266583935,61800.30000000,0.00600000,370.80180000,1723161256322,False,True\n"
    );
}

fn kline(open_ms: i64) -> KlineRow {
    KlineRow {
        open_us: open_ms * 1_000,
        open: 65014.6,
        high: 65031.8,
        low: 64996.8,
        close: 65011.5,
        volume: 327.207,
        quote_volume: 21273110.5073,
        n_trades: 5998,
        taker_buy_volume: 222.863,
        taker_buy_quote_volume: 14489221.327,
    }
}

#[test]
fn klines_close_one_unit_before_the_next_minute() {
    let um = klines_1m(Market::Um, &btc(), day(DAY_2026), &[kline(1784073600000)]).unwrap();
    assert_eq!(
        um.path(),
        "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-07-15.zip"
    );
    assert_eq!(
        member(&um),
        (
            "BTCUSDT-1m-2026-07-15.csv".to_owned(),
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n\
             1784073600000,65014.6,65031.8,64996.8,65011.5,327.207,1784073659999,21273110.5073,5998,222.863,14489221.327,0\n"
                .to_owned()
        )
    );
    let spot = klines_1m(Market::Spot, &btc(), day(DAY_2026), &[kline(1784073600000)]).unwrap();
    assert_eq!(
        member(&spot).1,
        "1784073600000000,65014.60000000,65031.80000000,64996.80000000,65011.50000000,327.20700000,1784073659999999,\
         21273110.50730000,5998,222.86300000,14489221.32700000,0\n"
    );
}

#[test]
fn checksum_is_the_sha256_of_the_zip_and_names_it() {
    // FIPS 180-2, example B.1: the digest of "abc".
    assert_eq!(
        checksum_line(b"abc", "A-1m-2025-01-01.zip"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  A-1m-2025-01-01.zip\n"
    );
    let file = agg_trades(Market::Um, &btc(), day(DAY_2026), &[agg(1784073600069)]).unwrap();
    assert_eq!(file.checksum, checksum_line(&file.zip, &file.name));
}

#[test]
fn same_rows_same_bytes() {
    let rows: Vec<_> = (0..2_000)
        .map(|i| AggTradeRow {
            agg_id: i,
            ..agg(1784073600000 + i)
        })
        .collect();
    let make = || agg_trades(Market::Um, &btc(), day(DAY_2026), &rows).unwrap();
    assert_eq!(make(), make());
    let zip = make().zip;
    // Local header: DOS time 0 and date 1980-01-01 (0x0021), extra field length 0.
    assert_eq!(zip[10..14], [0, 0, 0x21, 0]);
    assert_eq!(zip[28..30], [0, 0]);
}

#[test]
fn an_empty_day_is_a_file_with_or_without_header() {
    let um = agg_trades(Market::Um, &btc(), day(DAY_2026), &[]).unwrap();
    assert_eq!(
        member(&um).1,
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    );
    let spot = agg_trades(Market::Spot, &btc(), day(DAY_2026), &[]).unwrap();
    assert_eq!(member(&spot).1, "");
}

#[test]
fn rows_no_venue_would_publish_are_refused() {
    let um = |row| {
        agg_trades(
            Market::Um,
            &btc(),
            day(DAY_2026),
            &[agg(1784073600000), row],
        )
    };
    for price in [f64::NAN, f64::INFINITY, -1.0] {
        let error = um(AggTradeRow {
            price,
            ..agg(1784073600000)
        })
        .unwrap_err();
        assert!(
            matches!(
                error,
                EncodeError::BadNumber {
                    row: 1,
                    column: "price",
                    ..
                }
            ),
            "{error}"
        );
    }
    for ts_ms in [1784073599999, 1784160000000] {
        let error = um(agg(ts_ms)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("row 1 is stamped {ts_ms}000 us, which lies outside of 2026-07-15")
        );
    }
    let error = klines_1m(Market::Um, &btc(), day(DAY_2026), &[kline(1784073600001)]).unwrap_err();
    assert!(matches!(
        error,
        EncodeError::NotAMinute {
            row: 0,
            ts_us: 1784073600001000
        }
    ));
}

fn decimal(value: f64, look: Look) -> String {
    let mut out = Vec::new();
    push_decimal(&mut out, value, look);
    String::from_utf8(out).unwrap()
}

#[test]
fn decimals_have_the_venues_look() {
    for (value, shortest, fixed, trimmed) in [
        (0.0, "0", "0.00000000", "0"),
        (-0.0, "0", "0.00000000", "0"),
        (65000.0, "65000", "65000.00000000", "65000"),
        (0.1, "0.1", "0.10000000", "0.1"),
        (1e-8, "0.00000001", "0.00000001", "0.00000001"),
        (1.5e-9, "0.0000000015", "0.00000000", "0"),
        (-4e-9, "-0.000000004", "0.00000000", "0"),
        (-0.00075030, "-0.0007503", "-0.00075030", "-0.0007503"),
        (
            1e21,
            "1000000000000000000000",
            "1000000000000000000000.00000000",
            "1000000000000000000000",
        ),
        (0.1 + 0.2, "0.30000000000000004", "0.30000000", "0.3"),
        (
            6858675634.706254,
            "6858675634.706254",
            "6858675634.70625400",
            "6858675634.706254",
        ),
        (
            650146.0 * 0.1,
            "65014.600000000006",
            "65014.60000000",
            "65014.6",
        ),
        (
            1e15 / 3.0,
            "333333333333333.3",
            "333333333333333.30000000",
            "333333333333333.3",
        ),
    ] {
        assert_eq!(decimal(value, Look::Shortest), shortest);
        assert_eq!(decimal(value, Look::Fixed(8)), fixed);
        assert_eq!(decimal(value, Look::Trimmed(8)), trimmed);
    }
    assert_eq!(decimal(61800.2, Look::Fixed(2)), "61800.20");
    assert_eq!(decimal(7.0, Look::Fixed(0)), "7");
    assert_eq!(decimal(0.999, Look::Fixed(2)), "1.00");
    // Five digits too many for the exact way, in every look.
    assert_eq!(
        decimal(123456789012.12348, Look::Fixed(4)),
        "123456789012.1235"
    );
    assert_eq!(decimal(123456789012.5, Look::Fixed(4)), "123456789012.5000");
    assert_eq!(
        decimal(123456789012.99999, Look::Trimmed(4)),
        "123456789013"
    );
}

#[test]
fn steps_say_how_many_decimals_they_need() {
    for (step, n) in [(0.10, 1), (0.001, 3), (5.0, 0), (1e-7, 7), (0.25, 2)] {
        assert_eq!(decimals_of(step), n, "{step}");
    }
}

proptest! {
    #[test]
    fn shortest_decimals_parse_back_to_the_same_bits(bits in any::<u64>()) {
        let value = f64::from_bits(bits >> 1);
        prop_assume!(value.is_finite());
        let text = decimal(value, Look::Shortest);
        prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{}", text);
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        prop_assert_eq!(text, format!("{value}"));
    }

    #[test]
    fn shortest_decimals_of_prices_are_those_of_the_standard_library(
        units in 0_u64..10_000_000_000_000_000,
        places in 0_i32..10,
    ) {
        let value = units as f64 / 10_f64.powi(places);
        prop_assert_eq!(decimal(value, Look::Shortest), format!("{value}"));
    }

    #[test]
    fn rounded_decimals_are_those_of_the_standard_library(
        units in -2_000_000_000_000_000_i64..2_000_000_000_000_000,
        places in 0_usize..9,
        noise in -1_i64..2,
    ) {
        // A decimal as a float and its two neighbours: arithmetic on ticks gives either.
        let value = units as f64 / 10_f64.powi(i32::try_from(places).unwrap());
        let value = f64::from_bits(value.to_bits().wrapping_add_signed(noise));
        // Where floats lie as wide apart as the last decimal, a neighbour is another decimal.
        prop_assume!(value.is_finite() && units.abs() < 1 << 49);
        let n = u8::try_from(places).unwrap();
        let expected = format!("{value:.places$}");
        let expected = if expected.bytes().all(|b| b"-0.".contains(&b)) {
            expected.replace('-', "")
        } else {
            expected
        };
        prop_assert_eq!(decimal(value, Look::Fixed(n)), expected.clone());
        let trimmed = if places == 0 {
            expected.as_str()
        } else {
            expected.trim_end_matches('0').trim_end_matches('.')
        };
        prop_assert_eq!(decimal(value, Look::Trimmed(n)), trimmed);
    }

    #[test]
    fn integers_are_those_of_the_standard_library(value in any::<i64>(), shift in 0_u32..63) {
        let value = value >> shift;
        let mut out = Vec::new();
        push_integer(&mut out, value);
        prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}
