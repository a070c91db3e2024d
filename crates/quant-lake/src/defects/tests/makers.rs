//! Clean files of every shape, as the venues write them, and naive readers of them.

use std::io::{Cursor, Read as _, Write as _};

use quant_core::time::Day;

use crate::defects::*;
use crate::venues::binance::encode::{checksum_line, csv_zip};

pub(super) const DAY: &str = "2025-01-02";

pub(super) fn day() -> Day {
    DAY.parse().unwrap()
}

/// A plan that gives every file it fits this kind.
pub(super) fn only(seed: u64, kind: DefectKind) -> DefectPlan {
    DefectPlan::new(seed, &[(kind.name(), 1.0)]).unwrap()
}

fn ends(path: &str, ending: &str) -> bool {
    std::path::Path::new(path)
        .extension()
        .is_some_and(|e| e == ending)
}

/// Packs a text as the ending of the path says, with the checksum where the venue has one.
pub(super) fn stored(path: &str, text: &str) -> StoredFile {
    let name = path.rsplit('/').next().unwrap();
    let gz = |bytes: &[u8]| {
        let mut gz = flate2::GzBuilder::new()
            .filename("x")
            .write(Vec::new(), flate2::Compression::new(6));
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    };
    let bytes = if ends(name, "zip") {
        csv_zip(&name.replace(".zip", ".csv"), text.as_bytes()).unwrap()
    } else if name.ends_with(".tar.gz") {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_735_700_000);
        tar.append_data(&mut header, "book.data", text.as_bytes())
            .unwrap();
        gz(&tar.into_inner().unwrap())
    } else {
        gz(text.as_bytes())
    };
    let checksum = path
        .contains("/futures/")
        .then(|| checksum_line(&bytes, name));
    StoredFile { bytes, checksum }
}

/// Unpacks with the libraries alone.
pub(super) fn text_of(path: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    if ends(path, "zip") {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        zip.by_index(0).unwrap().read_to_string(&mut text).unwrap();
    } else if path.ends_with(".tar.gz") {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let mut entries = tar.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("book.data"));
        assert_eq!(entry.header().mtime().unwrap(), 1_735_700_000);
        entry.read_to_string(&mut text).unwrap();
    } else {
        flate2::read::MultiGzDecoder::new(bytes)
            .read_to_string(&mut text)
            .unwrap();
    }
    text
}

pub(super) fn start_ms() -> i64 {
    day().start().0 / 1_000
}

pub(super) fn vision(kind: &str, interval: &str) -> String {
    if interval.is_empty() {
        format!("data/futures/um/daily/{kind}/BTCUSDT/BTCUSDT-{kind}-{DAY}.zip")
    } else {
        format!("data/futures/um/daily/{kind}/BTCUSDT/{interval}/BTCUSDT-{interval}-{DAY}.zip")
    }
}

fn table(header: &str, n: i64, row: impl Fn(i64) -> String) -> String {
    std::iter::once(format!("{header}\n"))
        .chain((0..n).map(|i| row(i) + "\n"))
        .collect()
}

/// `HH:MM:SS` of a second of the day.
fn clock(s: i64) -> String {
    format!("{DAY} {:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

pub(super) fn klines() -> String {
    table(
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore",
        1_440,
        |i| {
            let open = start_ms() + i * 60_000;
            format!(
                "{open},{},{},{},{},1.5,{},150,3,0.5,50,0",
                100 + i % 7,
                110 + i % 7,
                90,
                101 + i % 7,
                open + 59_999
            )
        },
    )
}

pub(super) fn trades() -> String {
    table("id,price,qty,quote_qty,time,is_buyer_maker", 3_000, |i| {
        // Several trades of one millisecond.
        format!(
            "{},{}.5,0.01,1,{},{}",
            7_000 + i,
            100 + i % 13,
            start_ms() + i / 3 * 900,
            i % 2 == 0
        )
    })
}

pub(super) fn book_ticker() -> String {
    table(
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
        2_000,
        |i| {
            let ts = start_ms() + i * 1_000;
            format!(
                "{},{}.10,2.500,{}.20,1.000,{ts},{}",
                90_000 + i * 3,
                100 + i % 5,
                100 + i % 5,
                ts + 4
            )
        },
    )
}

pub(super) fn book_depth() -> String {
    let bands = [
        "-5.00", "-4.00", "-3.00", "-2.00", "-1.00", "-0.20", "0.20", "1.00", "2.00", "3.00",
        "4.00", "5.00",
    ];
    table("timestamp,percentage,depth,notional", 480 * 12, |i| {
        let (sample, band) = (i / 12, i % 12);
        format!(
            "{},{},{}.5,{}.25",
            clock(sample * 30 + 7),
            bands[usize::try_from(band).unwrap()],
            100 + sample * 10 + band,
            5_000 + sample * 10 + band
        )
    })
}

pub(super) fn metrics() -> String {
    table(
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio",
        288,
        |i| {
            format!(
                "{},BTCUSDT,{}.5,{}.75,1.1,1.2,1.3,{}.9",
                clock(i * 300),
                100_000 + i,
                6_000_000 + i * 7,
                i % 3
            )
        },
    )
}

fn bybit_book() -> Vec<String> {
    (0..500_i64)
        .map(|i| {
            let kind = if i == 0 || i == 250 { "snapshot" } else { "delta" };
            // Some updates touch one side only.
            let asks = if i % 3 == 2 { String::new() } else { format!("[\"{}.2\",\"0.7\"]", 101 + i % 4) };
            format!(
                "{{\"topic\":\"orderbook.200.BTCUSDT\",\"type\":\"{kind}\",\"ts\":{},\"data\":{{\"s\":\"BTCUSDT\",\"b\":[[\"{}.1\",\"1.5\"],[\"99.0\",\"0\"]],\"a\":[{asks}],\"u\":{},\"seq\":{}}},\"cts\":{}}}\n",
                start_ms() + i * 100, 100 + i % 4, 1 + i, 900 + i * 2, start_ms() + i * 100 - 3
            )
        })
        .collect()
}

fn okx_book() -> Vec<String> {
    (0..300_i64)
        .map(|i| {
            let action = if i % 100 == 0 { "snapshot" } else { "update" };
            format!(
                "{{\"instId\":\"BTC-USDT-SWAP\",\"action\":\"{action}\",\"ts\":\"{}\",\"asks\":[[\"{}.2\",\"7\",\"2\"]],\"bids\":[[\"{}.1\",\"9\",\"3\"]]}}\n",
                start_ms() + i * 10, 101 + i % 4, 100 + i % 4
            )
        })
        .collect()
}

fn recording() -> Vec<String> {
    (0..400_i64)
        .map(|i| {
            let ms = start_ms() + i * 50;
            format!(
                "{} {{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"u\":{i},\"E\":{ms}}}}}\n",
                ms * 1_000_000 + 5_000_123
            )
        })
        .collect()
}

/// One clean file per shape: path, shape, text.
#[expect(clippy::too_many_lines, reason = "one table, one entry per shape")]
pub(super) fn samples() -> Vec<(String, Shape, String)> {
    let ms = |i: i64| start_ms() + i * 700;
    vec![
        (vision("klines", "1m"), Shape::Klines, klines()),
        (
            vision("aggTrades", ""),
            Shape::AggTrades,
            table(
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
                900,
                |i| {
                    format!(
                        "{},100.{},0.5,{},{},{},true",
                        50 + i,
                        i % 10,
                        2 * i,
                        2 * i + 1,
                        ms(i)
                    )
                },
            ),
        ),
        (vision("trades", ""), Shape::Trades, trades()),
        (vision("bookTicker", ""), Shape::BookTicker, book_ticker()),
        (vision("bookDepth", ""), Shape::BookDepth, book_depth()),
        (vision("metrics", ""), Shape::Metrics, metrics()),
        (
            "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-01.zip"
                .to_owned(),
            Shape::FundingRate,
            table(
                "calc_time,funding_interval_hours,last_funding_rate",
                93,
                |i| {
                    format!(
                        "{},8,0.000{}",
                        start_ms() + i * 28_800_000 + i % 12,
                        10 + i % 80
                    )
                },
            ),
        ),
        (
            "trading/BTCUSDT/BTCUSDT2025-01-02.csv.gz".to_owned(),
            Shape::BybitTrades,
            table(
                "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
                600,
                |i| {
                    format!(
                        "{}.{:04},BTCUSDT,Buy,0.01,100.5,PlusTick,id-{i},1,2,3",
                        start_ms() / 1_000 + i,
                        i % 10_000
                    )
                },
            ),
        ),
        (
            "spot/BTCUSDT/BTCUSDT_2025-01-02.csv.gz".to_owned(),
            Shape::BybitSpotTrades,
            table("id,timestamp,price,volume,side", 600, |i| {
                format!("{},{},100.5,0.2,buy", i + 1, ms(i))
            }),
        ),
        (
            "trades/BTC-USDT-SWAP-trades-2025-01-02.zip".to_owned(),
            Shape::OkxTrades,
            table(
                "instrument_name,trade_id,side,price,size,created_time",
                600,
                |i| format!("BTC-USDT-SWAP,{},sell,100.5,0.2,{}", 10 + i, ms(i)),
            ),
        ),
        (
            "candles/BTC-USDT-SWAP-candlesticks-2025-01.zip".to_owned(),
            Shape::OkxCandles,
            table(
                "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm",
                600,
                |i| {
                    format!(
                        "BTC-USDT-SWAP,1,2,0.5,1.{i},3,4,5,{},1",
                        start_ms() + i * 60_000
                    )
                },
            ),
        ),
        (
            "funding/allswap-fundingrates-2025-01-02.zip".to_owned(),
            Shape::OkxFunding,
            table("instrument_name,funding_rate,funding_time", 90, |i| {
                format!("BTC-USDT-SWAP,0.0001{i},{}", start_ms() + i * 28_800_000)
            }),
        ),
        (
            "orderbook/linear/BTCUSDT/2025-01-02_BTCUSDT_ob200.data.zip".to_owned(),
            Shape::Book,
            bybit_book().concat(),
        ),
        (
            "L2/BTC-USDT-SWAP-L2orderbook-400lv-2025-01-02.tar.gz".to_owned(),
            Shape::Book,
            okx_book().concat(),
        ),
        (
            "recordings/btcusdt_20250102.gz".to_owned(),
            Shape::Recording,
            recording().concat(),
        ),
    ]
}
