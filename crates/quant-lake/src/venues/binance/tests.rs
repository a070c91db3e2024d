//! Tests against the rows the venue's files are known to hold.

#![expect(clippy::float_cmp, reason = "values must come back bit for bit")]

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::market::Market;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::*;
use crate::schema::Dataset;
use crate::venues::rows::{ParseOptions, Parsed};

fn parse(dataset: Dataset, market: Market, symbol: &str, text: &str) -> RecordBatch {
    let terms = Terms {
        market,
        symbol: symbol.parse().unwrap(),
        contract_value: Some(100.0),
    };
    let options = ParseOptions {
        file: "x.csv".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(4_000_000_000_000_000),
        },
        max_quarantine_share: 0.0,
        collect: Vec::new(),
    };
    let mut parser = parser(dataset, &terms, options).unwrap();
    let mut out = Vec::new();
    parser.feed(text.as_bytes(), &mut out).unwrap();
    parser.finish(&mut out).unwrap();
    match out.remove(0) {
        Parsed::Rows { batch, .. } => batch,
        Parsed::DayEnd { .. } => panic!("no rows"),
    }
}

fn f64_at(batch: &RecordBatch, name: &str) -> f64 {
    batch
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Float64Type>()
        .value(0)
}

fn i64_at(batch: &RecordBatch, name: &str) -> i64 {
    batch
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Int64Type>()
        .value(0)
}

fn ts_at(batch: &RecordBatch, name: &str) -> i64 {
    batch
        .column_by_name(name)
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>()
        .value(0)
}

fn side_at(batch: &RecordBatch) -> i8 {
    batch
        .column_by_name("aggressor")
        .unwrap()
        .as_primitive::<Int8Type>()
        .value(0)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row of each file")]
fn documented_rows() {
    let b = parse(
        Dataset::Klines1m,
        Market::Um,
        "BTCUSDT",
        "1784073600000,65014.60,65031.80,64996.80,65011.50,327.207,1784073659999,21273110.50730,5998,222.863,14489221.32700,0",
    );
    assert_eq!(
        (ts_at(&b, "ts_open"), ts_at(&b, "ts_close")),
        (1784073600000000, 1784073660000000)
    );
    assert_eq!(
        (
            f64_at(&b, "open"),
            f64_at(&b, "volume"),
            i64_at(&b, "n_trades")
        ),
        (65014.6, 327.207, 5998)
    );
    assert_eq!(f64_at(&b, "taker_buy_quote_volume"), 14489221.327);
    assert_eq!(b.column_by_name("volume_raw").unwrap().null_count(), 1);

    let b = parse(
        Dataset::AggTrades,
        Market::Um,
        "BTCUSDT",
        "3383271130,65014.6,0.03,7900100566,7900100566,1784073600069,true",
    );
    assert_eq!(
        (i64_at(&b, "trade_id"), f64_at(&b, "qty"), side_at(&b)),
        (3383271130, 0.03, -1)
    );

    let b = parse(
        Dataset::AggTrades,
        Market::Spot,
        "ADAUSDT",
        "429861665,0.16850000,217.00000000,772221544,772221548,1784851208006037,True,True\n",
    );
    assert_eq!(
        (ts_at(&b, "ts_event"), f64_at(&b, "price"), side_at(&b)),
        (1784851208006037, 0.1685, -1)
    );

    let b = parse(
        Dataset::Trades,
        Market::Spot,
        "ADAUSDT",
        "772221544,0.16850000,31.20000000,5.25720000,1784851208006037,False,True",
    );
    assert_eq!((f64_at(&b, "qty"), side_at(&b)), (31.2, 1));

    let b = parse(
        Dataset::BookTicker,
        Market::Um,
        "BTCUSDT",
        "2948552298577,25115.90000000,13.09700000,25116.00000000,1.23000000,1686787200009,1686787200015",
    );
    assert_eq!(
        (ts_at(&b, "ts_event"), ts_at(&b, "ts_gateway")),
        (1686787200009000, 1686787200015000)
    );
    assert_eq!(
        (f64_at(&b, "bid_px"), f64_at(&b, "ask_qty")),
        (25115.9, 1.23)
    );

    let b = parse(
        Dataset::DepthBands,
        Market::Um,
        "BTCUSDT",
        "2025-07-31 00:00:07,-5.00,139762634.00000000,3886539.66954300",
    );
    assert_eq!(
        (
            ts_at(&b, "ts_event"),
            f64_at(&b, "percentage"),
            f64_at(&b, "notional")
        ),
        (1753920007000000, -5.0, 3886539.669543)
    );

    let b = parse(
        Dataset::Metrics,
        Market::Um,
        "BTCUSDT",
        "2026-07-15 00:00:00,BTCUSDT,105550.9850000000000000,6858675634.7062540000000000,1.28623339,1.47112400,1.19972635,1.55827200",
    );
    assert_eq!(
        (
            f64_at(&b, "open_interest"),
            f64_at(&b, "open_interest_notional")
        ),
        (105550.985, 6858675634.706254)
    );

    let b = parse(
        Dataset::Funding,
        Market::Um,
        "BTCUSDT",
        "1780272000001,8,0.00005703",
    );
    assert_eq!(
        (ts_at(&b, "ts_event"), f64_at(&b, "rate")),
        (1780272000001000, 0.00005703)
    );

    let b = parse(
        Dataset::PremiumKlines,
        Market::Um,
        "BTCUSDT",
        "1704067200000,0.00075030,0.00090957,-0.00059476,0.00089825,0,1704067259999,0,12,0,0,0",
    );
    assert_eq!(
        (f64_at(&b, "low"), i64_at(&b, "n_ticks")),
        (-0.00059476, 12)
    );
}

#[test]
fn coin_margined_quantities_become_base_units() {
    let b = parse(
        Dataset::Klines1m,
        Market::Cm,
        "BTCUSD_PERP",
        "1704067200000,40000,40010,39990,40000,800,1704067259999,2.0,5,400,1.0,0",
    );
    assert_eq!(
        (
            f64_at(&b, "volume"),
            f64_at(&b, "volume_raw"),
            f64_at(&b, "quote_volume")
        ),
        (2.0, 800.0, 80000.0)
    );
    assert_eq!(
        (
            f64_at(&b, "taker_buy_volume"),
            f64_at(&b, "taker_buy_quote_volume")
        ),
        (1.0, 40000.0)
    );
    let b = parse(
        Dataset::AggTrades,
        Market::Cm,
        "BTCUSD_PERP",
        "1,40000,8,1,2,1704067200000,false",
    );
    assert_eq!(
        (f64_at(&b, "qty"), f64_at(&b, "qty_raw"), side_at(&b)),
        (8.0 * 100.0 / 40000.0, 8.0, 1)
    );
    let b = parse(
        Dataset::Trades,
        Market::Cm,
        "BTCUSD_PERP",
        "id,price,qty,base_qty,time,is_buyer_maker\n1,40000,8,0.02,1704067200000,false",
    );
    assert_eq!((f64_at(&b, "qty"), f64_at(&b, "qty_raw")), (0.02, 8.0));
    let terms = Terms {
        market: Market::Cm,
        symbol: "BTCUSD_PERP".parse().unwrap(),
        contract_value: None,
    };
    let options = ParseOptions {
        file: String::new(),
        range: Day(0).range(),
        max_quarantine_share: 0.0,
        collect: Vec::new(),
    };
    let Err(error) = parser(Dataset::AggTrades, &terms, options) else {
        panic!("needs terms")
    };
    assert!(matches!(error, FormatError::MissingTerms { .. }));
}

#[test]
fn quotes_are_kept_as_the_venue_said_them() {
    let quote = |market, symbol, cells: &str| {
        let b = parse(
            Dataset::BookTicker,
            market,
            symbol,
            &format!("7,{cells},1704067200000,1704067200001"),
        );
        ["bid_px", "bid_qty", "ask_px", "ask_qty"].map(|name| f64_at(&b, name))
    };
    let um = |cells: &str| quote(Market::Um, "BTCUSDT", cells);
    assert_eq!(um("101.5,1,101.4,2"), [101.5, 1.0, 101.4, 2.0], "crossed");
    assert_eq!(um("101.5,1,101.5,2"), [101.5, 1.0, 101.5, 2.0], "locked");
    // An empty side: price 0, quantity 0, or both.
    for ask in ["0.00,0.000", "102.5,0", "0,3", "-0,0"] {
        assert_eq!(um(&format!("101.5,1,{ask}")), [101.5, 1.0, 0.0, 0.0]);
    }
    assert_eq!(um("0,0,0,0"), [0.0; 4]);
    // Contracts are worth 100 quote units at the price of their side, which an empty one has not.
    let cm = |cells: &str| quote(Market::Cm, "BTCUSD_PERP", cells);
    assert_eq!(cm("40000,8,0,0"), [40_000.0, 0.02, 0.0, 0.0]);
    assert_eq!(cm("0,5,40000,8"), [0.0, 0.0, 40_000.0, 0.02]);
}

#[test]
fn paths_follow_the_venue() {
    let path = |dataset, market, symbol: &str, period| {
        archive_file(dataset, market, &symbol.parse().unwrap(), period).map(|f| f.path)
    };
    let on = Period::Day("2025-01-01".parse().unwrap());
    let month = Period::Month("2025-01-01".parse().unwrap());
    for (got, want) in [
        (
            path(Dataset::AggTrades, Market::Um, "BTCUSDT", on),
            "data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip",
        ),
        (
            path(Dataset::Klines1m, Market::Spot, "BTCUSDT", month),
            "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01.zip",
        ),
        (
            path(Dataset::IndexKlines, Market::Cm, "BTCUSD_PERP", on),
            "data/futures/cm/daily/indexPriceKlines/BTCUSD/1m/BTCUSD-1m-2025-01-01.zip",
        ),
        (
            path(Dataset::PremiumKlines, Market::Cm, "BTCUSD_PERP", on),
            "data/futures/cm/daily/premiumIndexKlines/BTCUSD_PERP/1m/BTCUSD_PERP-1m-2025-01-01.zip",
        ),
        (
            path(Dataset::Funding, Market::Um, "BTCUSDT", month),
            "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-01.zip",
        ),
    ] {
        assert_eq!(got.as_deref(), Some(want));
    }
    assert_eq!(path(Dataset::L2Deltas, Market::Um, "BTCUSDT", on), None);
    let months: Vec<String> = ["2024-02-29", "2023-12-31", "2024-01-31"]
        .iter()
        .map(|d| {
            let (first, end) = Period::month_of(d.parse().unwrap()).days();
            format!("{first} {end}")
        })
        .collect();
    assert_eq!(
        months,
        [
            "2024-02-01 2024-03-01",
            "2023-12-01 2024-01-01",
            "2024-01-01 2024-02-01"
        ]
    );
}

#[test]
fn what_is_published() {
    use Cadence::{Daily, Monthly};
    let yes = |dataset, market, cadence, on: &str| {
        published(dataset, market, cadence, on.parse().unwrap()) == Published::Yes
    };
    assert!(!yes(Dataset::BookTicker, Market::Spot, Daily, "2023-06-01"));
    assert!(!yes(Dataset::BookTicker, Market::Um, Daily, "2023-05-15"));
    assert!(yes(Dataset::BookTicker, Market::Um, Daily, "2023-05-16"));
    assert!(yes(Dataset::BookTicker, Market::Um, Daily, "2024-03-30"));
    assert!(!yes(Dataset::BookTicker, Market::Um, Daily, "2024-03-31"));
    assert!(!yes(Dataset::Metrics, Market::Um, Monthly, "2024-03-01"));
    assert!(!yes(Dataset::DepthBands, Market::Um, Monthly, "2024-03-01"));
    assert!(!yes(Dataset::Funding, Market::Um, Daily, "2024-03-01"));
    assert!(yes(Dataset::Funding, Market::Um, Monthly, "2024-03-01"));
    assert!(!yes(Dataset::Liquidations, Market::Um, Daily, "2024-03-01"));
    assert!(yes(Dataset::Liquidations, Market::Cm, Daily, "2024-10-14"));
    assert!(!yes(Dataset::Liquidations, Market::Cm, Daily, "2024-10-15"));
    assert!(!yes(Dataset::OpenInterest, Market::Um, Daily, "2024-03-01"));
    assert!(yes(Dataset::Klines1m, Market::Um, Monthly, "2019-12-05"));
    assert!(!yes(Dataset::Klines1m, Market::Um, Daily, "2019-12-30"));
    assert!(yes(Dataset::Klines1m, Market::Spot, Daily, "2017-08-17"));
    assert!(!yes(Dataset::Trades, Market::Linear, Daily, "2024-03-01"));
}
