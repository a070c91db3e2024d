//! Expectations written by hand from the venue's own rows, re-read by the zip library.

use std::io::Read;

use proptest::prelude::*;

use super::*;

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
        ts_ms,
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
        quote_qty: 370.8018,
        ts_ms: 1723161256322,
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
        open_ms,
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
    assert_eq!(member(&um).1, AGG_TRADES_HEADER);
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
            format!("row 1 is stamped {ts_ms} ms, which lies outside of 2026-07-15")
        );
    }
    let error = klines_1m(Market::Um, &btc(), day(DAY_2026), &[kline(1784073600001)]).unwrap_err();
    assert!(matches!(
        error,
        EncodeError::NotAMinute {
            row: 0,
            ts_ms: 1784073600001
        }
    ));
    let error = agg_trades(Market::Cm, &btc(), day(DAY_2026), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "market `cm` has no archive encoder; expected `spot` or `um`"
    );
}

fn decimal(value: f64, look: Look) -> String {
    let mut out = Vec::new();
    push_decimal(&mut out, value, look);
    String::from_utf8(out).unwrap()
}

#[test]
fn decimals_have_the_venues_look() {
    for (value, shortest, eight) in [
        (0.0, "0", "0.00000000"),
        (-0.0, "0", "0.00000000"),
        (65000.0, "65000", "65000.00000000"),
        (0.1, "0.1", "0.10000000"),
        (1e-8, "0.00000001", "0.00000001"),
        (1.5e-9, "0.0000000015", "0.0000000015"),
        (
            1e21,
            "1000000000000000000000",
            "1000000000000000000000.00000000",
        ),
        (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
    ] {
        assert_eq!(decimal(value, Look::Shortest), shortest);
        assert_eq!(decimal(value, Look::EightDecimals), eight);
    }
}

proptest! {
    #[test]
    fn decimals_parse_back_to_the_same_bits(bits in any::<u64>()) {
        let value = f64::from_bits(bits >> 1);
        prop_assume!(value.is_finite());
        for look in [Look::Shortest, Look::EightDecimals] {
            let text = decimal(value, look);
            prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{}", text);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
