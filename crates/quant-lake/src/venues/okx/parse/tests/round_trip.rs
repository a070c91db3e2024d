//! What the encoders write comes back, recorded files give their rows, and no bytes make a parser panic.

use std::io::{Cursor, Read as _};

use proptest::prelude::*;
use quant_core::market::Side;
use quant_core::time::Day;

use super::*;
use crate::venues::binance::Period;
use crate::venues::okx::encode::candles::{CandleRow, CandlesZip};
use crate::venues::okx::encode::funding::{FundingRow as VenueFunding, FundingZip};
use crate::venues::okx::encode::names::Module;
use crate::venues::okx::encode::trades::TradesZip;
use crate::venues::okx::encode::{InstType, Terms, TradeRow as VenueTrade};
use crate::venues::wire::tests_shared::shared;

/// The text of the only member of a zip.
fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut out = Vec::new();
    archive.by_index(0).unwrap().read_to_end(&mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn trades_come_back(
        steps in proptest::collection::vec((0_i64..3, 1_i64..1_000_000, 1_i64..100_000, any::<bool>()), 1..60),
        has_source: bool, is_spot: bool,
    ) {
        let (inst, kind, market) =
            if is_spot { ("BTC-USDT", InstType::Spot, "spot") } else { (SWAP, InstType::Swap, "swap") };
        let day = Period::Day("2026-07-01".parse().unwrap());
        let terms = Terms::new(inst, kind, 1, 2);
        let mut zip = TradesZip::with_source(&terms, day, has_source).unwrap();
        let mut ts_ms = Module::Trades.span_ms(day).0;
        let mut sent = Vec::new();
        for (i, &(step, price, qty, buy)) in steps.iter().enumerate() {
            ts_ms += step;
            let trade = VenueTrade {
                trade_id: 1_000 + i64::try_from(i).unwrap(),
                side: if buy { Side::Buy } else { Side::Sell },
                price: price as f64 / 10.0,
                qty: qty as f64 / 100.0,
                ts_ms,
                count: 1,
                source: 0,
                seq_id: 0,
            };
            zip.push(&trade).unwrap();
            sent.push(trade);
        }
        let text = unzip(&zip.finish().unwrap().bytes);
        let text = String::from_utf8(text).unwrap();
        for dataset in [Dataset::Trades, Dataset::AggTrades] {
            let read = other(market, inst, 0.01, false, dataset, &text);
            prop_assert_eq!(read.reasons(), Vec::<String>::new());
            prop_assert_eq!(read.ints("trade_id"), sent.iter().map(|t| t.trade_id).collect::<Vec<_>>());
            prop_assert_eq!(read.times("ts_event"), sent.iter().map(|t| t.ts_ms * 1_000).collect::<Vec<_>>());
            prop_assert_eq!(read.sides(), sent.iter().map(|t| t.side.sign()).collect::<Vec<_>>());
            prop_assert_eq!(read.floats("price"), sent.iter().map(|t| Some(t.price)).collect::<Vec<_>>());
            let raw = if is_spot { "qty" } else { "qty_raw" };
            prop_assert_eq!(read.floats(raw), sent.iter().map(|t| Some(t.qty)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn candles_and_funding_come_back(lots in proptest::collection::vec((1_i64..1_000, 0_i64..100_000), 1..40)) {
        let day: Day = "2025-07-01".parse().unwrap();
        let period = Period::Day(day);
        let terms = Terms::new(SWAP, InstType::Swap, 1, 2);
        let mut zip = CandlesZip::new(&terms, period).unwrap();
        let mut funding = FundingZip::new(SWAP, period).unwrap();
        let start = Module::Candles.span_ms(period).0;
        let (mut candles, mut rates) = (Vec::new(), Vec::new());
        for (i, &(ticks, vol)) in lots.iter().enumerate() {
            let low = 1_000.0 + ticks as f64;
            let row = CandleRow {
                open_ms: start + i64::try_from(i).unwrap() * 60_000,
                open: low + 0.5,
                high: low + 2.0,
                low,
                close: low + 1.5,
                vol: vol as f64,
                vol_ccy: vol as f64 / 100.0,
                vol_quote: vol as f64 * 10.5,
                confirm: i % 7 != 6,
            };
            zip.push(&row).unwrap();
            candles.push(row);
            let rate = VenueFunding {
                inst_id: if i % 3 == 2 { "ETH-USDT-SWAP" } else { SWAP },
                ts_ms: start + i64::try_from(i).unwrap() * 1_000,
                rate: ticks as f64 / 1e7 - 4e-5,
            };
            funding.push(&rate).unwrap();
            rates.push(rate);
        }
        let found = read(Dataset::Klines1m, unzip(&zip.finish().unwrap().bytes)).unwrap();
        candles.retain(|c| c.confirm);
        prop_assert_eq!(found.reasons(), Vec::<String>::new());
        prop_assert_eq!(found.len(), candles.len());
        if !candles.is_empty() {
            let column = |f: fn(&CandleRow) -> f64| candles.iter().map(|c| Some(f(c))).collect::<Vec<_>>();
            prop_assert_eq!(found.times("ts_open"), candles.iter().map(|c| c.open_ms * 1_000).collect::<Vec<_>>());
            prop_assert_eq!(found.floats("open"), column(|c| c.open));
            prop_assert_eq!(found.floats("high"), column(|c| c.high));
            prop_assert_eq!(found.floats("low"), column(|c| c.low));
            prop_assert_eq!(found.floats("close"), column(|c| c.close));
            prop_assert_eq!(found.floats("volume_raw"), column(|c| c.vol));
            prop_assert_eq!(found.floats("volume"), column(|c| c.vol_ccy));
            prop_assert_eq!(found.floats("quote_volume"), column(|c| c.vol_quote));
        }
        let found = read(Dataset::Funding, unzip(&funding.finish().unwrap().bytes)).unwrap();
        rates.retain(|r| r.inst_id == SWAP);
        prop_assert_eq!(found.times("ts_event"), rates.iter().map(|r| r.ts_ms * 1_000).collect::<Vec<_>>());
        for (found, sent) in found.floats("rate").iter().zip(&rates) {
            // The encoder writes sixteen decimals.
            prop_assert!((found.unwrap() - sent.rate).abs() <= 1e-16);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0_usize..4, headed: bool, collect: bool,
    ) {
        let (dataset, header) = [
            (Dataset::Trades, HEADER),
            (Dataset::AggTrades, HEADER),
            (Dataset::Klines1m, CANDLE_HEADER),
            (Dataset::Funding, "instrument_name,funding_rate,funding_time"),
        ][which];
        let mut text = if headed { format!("{header}\n").into_bytes() } else { Vec::new() };
        text.extend(bytes);
        drop(Read::new(|| swap(dataset, options(collect)), text));
    }
}

#[test]
fn recorded_files() {
    for (inst, market, value, inverse, rows) in [
        ("BTC-USD-220527", "swap", 100.0, true, 4),
        ("BTC-USDT", "spot", 1.0, false, 69),
        ("UNI-USD-SWAP", "swap", 10.0, true, 1),
    ] {
        let path =
            format!("archives/okx/traderecords/trades/daily/20220514/{inst}-trades-2022-05-14.zip");
        let Some(path) = shared(&path) else {
            return;
        };
        let text = String::from_utf8(unzip(&std::fs::read(path).unwrap())).unwrap();
        let read = other(market, inst, value, inverse, Dataset::Trades, &text);
        assert_eq!(
            (read.len(), read.totals.rows, read.reasons().len()),
            (rows, rows as u64, 0),
            "{inst}"
        );
        // Filed under the 14th of UTC+8, traded on the 13th of UTC.
        let days: Vec<String> = read.totals.days.keys().map(Day::to_string).collect();
        assert_eq!(days, ["2022-05-13"]);
    }
}
