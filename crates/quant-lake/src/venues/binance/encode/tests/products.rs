//! The text of every product, compared with rows the venue's files are known to hold.

use std::fmt::Write as _;

use quant_core::market::Side;

use super::*;
use crate::venues::binance::{Cadence, VisionType};

/// Encodes one row and returns path and text.
fn one<R: ArchiveRow>(spec: &ArchiveSpec<'_>, row: &R) -> (String, String) {
    let mut writer = ArchiveWriter::new(spec).unwrap();
    writer.push(row).unwrap();
    let file = writer.finish().unwrap();
    (file.path(), member(&file).1)
}

fn cm() -> Symbol {
    "BTCUSD_PERP".parse().unwrap()
}

fn spec(market: Market, symbol: &Symbol, kind: VisionType, date: &str) -> ArchiveSpec<'static> {
    // Tests are short: the symbol may live for ever.
    let symbol: &'static Symbol = Box::leak(Box::new(symbol.clone()));
    ArchiveSpec::new(market, symbol, kind, Period::Day(day(date)))
}

const KLINES_HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n";

#[test]
fn a_kline_as_the_venue_pads_it() {
    let spec = spec(Market::Um, &btc(), VisionType::Klines, DAY_2026);
    let (_, text) = one(
        &spec.with_decimals(Decimals { price: 2, qty: 3 }),
        &kline(1784073600000),
    );
    assert_eq!(
        text,
        format!(
            "{KLINES_HEADER}1784073600000,65014.60,65031.80,64996.80,65011.50,327.207,1784073659999,21273110.50730,5998,222.863,14489221.32700,0\n"
        )
    );
}

#[test]
fn a_coin_margined_kline_counts_contracts() {
    // The first bar of dapi/v1/klines of 2023-01-01, made a minute.
    let row = KlineRow {
        open_us: 1672531200000000,
        open: 16531.2,
        high: 16615.9,
        low: 16486.6,
        close: 16607.9,
        volume: 2067959.0,
        quote_volume: 12497.58223716,
        n_trades: 68_000,
        taker_buy_volume: 1032458.0,
        taker_buy_quote_volume: 6239.5,
    };
    let spec = spec(Market::Cm, &cm(), VisionType::Klines, "2023-01-01")
        .with_decimals(Decimals { price: 1, qty: 0 });
    let (path, text) = one(&spec, &row);
    assert_eq!(
        path,
        "data/futures/cm/daily/klines/BTCUSD_PERP/1m/BTCUSD_PERP-1m-2023-01-01.zip"
    );
    assert_eq!(
        text,
        format!(
            "{KLINES_HEADER}1672531200000,16531.2,16615.9,16486.6,16607.9,2067959,1672531259999,12497.58223716,68000,1032458,6239.50000000,0\n"
        )
    );
}

#[test]
fn a_premium_kline_has_no_volume_and_any_sign() {
    let row = ReferenceKlineRow {
        open_us: 1704067200000000,
        open: 0.00075030,
        high: 0.00090957,
        low: -0.00059476,
        close: 0.00089825,
        n_ticks: 12,
    };
    let spec_of = |market, symbol: &Symbol, kind| spec(market, symbol, kind, "2024-01-01");
    let (path, text) = one(
        &spec_of(Market::Um, &btc(), VisionType::PremiumIndexKlines),
        &row,
    );
    assert_eq!(
        path,
        "data/futures/um/daily/premiumIndexKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.zip"
    );
    assert_eq!(
        text,
        format!(
            "{KLINES_HEADER}1704067200000,0.00075030,0.00090957,-0.00059476,0.00089825,0,1704067259999,0,12,0,0,0\n"
        )
    );
    // Coin-margined index klines are those of the pair.
    let (path, _) = one(
        &spec_of(Market::Cm, &cm(), VisionType::IndexPriceKlines),
        &row,
    );
    assert_eq!(
        path,
        "data/futures/cm/daily/indexPriceKlines/BTCUSD/1m/BTCUSD-1m-2024-01-01.zip"
    );
    let (path, _) = one(
        &spec_of(Market::Cm, &cm(), VisionType::MarkPriceKlines),
        &row,
    );
    assert_eq!(
        path,
        "data/futures/cm/daily/markPriceKlines/BTCUSD_PERP/1m/BTCUSD_PERP-1m-2024-01-01.zip"
    );
}

#[test]
fn a_book_ticker_has_eight_decimals() {
    let row = BookTickerRow {
        update_id: 2948552298577,
        bid_px: 25115.9,
        bid_qty: 13.097,
        ask_px: 25116.0,
        ask_qty: 1.23,
        transaction_us: 1686787200009999,
        event_us: 1686787200015000,
    };
    let (path, text) = one(
        &spec(Market::Um, &btc(), VisionType::BookTicker, "2023-06-15"),
        &row,
    );
    assert_eq!(
        path,
        "data/futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2023-06-15.zip"
    );
    assert_eq!(
        text,
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n\
         2948552298577,25115.90000000,13.09700000,25116.00000000,1.23000000,1686787200009,1686787200015\n"
    );
}

#[test]
fn percentages_of_bands_changed_their_look() {
    let row = |ts_us| BookDepthRow {
        ts_us,
        percentage: -5.0,
        depth: 139762634.0,
        notional: 3886539.669543,
    };
    let text = |date: &str, padded| {
        let mut spec = spec(Market::Um, &btc(), VisionType::BookDepth, date);
        spec.padded_percent = padded;
        one(&spec, &row(day(date).start().0 + 7_900_000)).1
    };
    let header = "timestamp,percentage,depth,notional\n";
    assert_eq!(
        text("2025-07-31", None),
        format!("{header}2025-07-31 00:00:07,-5,139762634.00000000,3886539.66954300\n")
    );
    assert_eq!(
        text("2026-09-01", None),
        format!("{header}2026-09-01 00:00:07,-5.00,139762634.00000000,3886539.66954300\n")
    );
    assert_eq!(
        text("2026-09-01", Some(false)),
        format!("{header}2026-09-01 00:00:07,-5,139762634.00000000,3886539.66954300\n")
    );
}

#[test]
fn metrics_of_both_futures_markets() {
    let header = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n";
    let um = MetricsRow {
        ts_us: day(DAY_2026).start().0,
        open_interest: Some(105550.985),
        open_interest_value: Some(6858675634.706254),
        toptrader_account_ratio: Some(1.28623339),
        toptrader_position_ratio: Some(1.471124),
        account_ratio: Some(1.19972635),
        taker_ratio: Some(1.558272),
    };
    assert_eq!(
        one(
            &spec(Market::Um, &btc(), VisionType::Metrics, DAY_2026),
            &um
        )
        .1,
        format!(
            "{header}2026-07-15 00:00:00,BTCUSDT,105550.9850000000000000,6858675634.7062540000000000,1.28623339,1.47112400,1.19972635,1.55827200\n"
        )
    );
    let inverse = MetricsRow {
        ts_us: day("2023-06-25").start().0,
        open_interest: Some(5578700.0),
        open_interest_value: Some(18265.00911826),
        toptrader_account_ratio: None,
        toptrader_position_ratio: None,
        account_ratio: None,
        taker_ratio: Some(0.00855776),
    };
    assert_eq!(
        one(
            &spec(Market::Cm, &cm(), VisionType::Metrics, "2023-06-25"),
            &inverse
        )
        .1,
        format!(
            "{header}2023-06-25 00:00:00,BTCUSD_PERP,5578700.00000000,18265.00911826,\"\",\"\",\"\",0.00855776\n"
        )
    );
}

#[test]
fn funding_is_a_file_of_the_month() {
    let symbol = btc();
    let month = Period::month_of(day("2026-06-01"));
    let spec = ArchiveSpec::new(Market::Um, &symbol, VisionType::FundingRate, month);
    let row = FundingRow {
        ts_us: 1780272000001000,
        interval_h: 8,
        rate: 0.00005703,
    };
    let (path, text) = one(&spec, &row);
    assert_eq!(
        path,
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-06.zip"
    );
    assert_eq!(
        text,
        "calc_time,funding_interval_hours,last_funding_rate\n1780272000001,8,0.00005703\n"
    );
    let daily = ArchiveSpec::new(
        Market::Um,
        &symbol,
        VisionType::FundingRate,
        Period::Day(day("2026-06-01")),
    );
    assert_eq!(
        ArchiveWriter::<FundingRow>::new(&daily)
            .unwrap_err()
            .to_string(),
        "market `um` has no daily fundingRate archive"
    );
}

#[test]
fn a_liquidation_is_a_filled_order() {
    let row = LiquidationRow {
        ts_us: 1687656471926000,
        side: Side::Buy,
        qty: 7.0,
        price: 30741.3,
        average_price: 30631.6,
        last_qty: 6.0,
        filled_qty: 7.0,
    };
    let spec = spec(
        Market::Cm,
        &cm(),
        VisionType::LiquidationSnapshot,
        "2023-06-25",
    );
    assert_eq!(
        one(&spec, &row).1,
        "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n\
         1687656471926,BUY,LIMIT,IOC,7,30741.3,30631.6,FILLED,6,7\n"
    );
}

#[test]
fn a_coin_margined_trade_has_its_quantity_in_coins() {
    let row = TradeRow {
        id: 7857135,
        price: 19100.5,
        qty: 1.0,
        quote_qty: 100.0 / 19100.5,
        ts_us: 1686787200009000,
        is_buyer_maker: true,
    };
    assert_eq!(
        one(
            &spec(Market::Cm, &cm(), VisionType::Trades, "2023-06-15"),
            &row
        )
        .1,
        "id,price,qty,base_qty,time,is_buyer_maker\n7857135,19100.5,1,0.00523547,1686787200009,true\n"
    );
}

#[test]
fn the_venue_has_no_such_file() {
    let error = |market, kind| {
        ArchiveWriter::<BookTickerRow>::new(&spec(market, &btc(), kind, DAY_2026))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(Market::Spot, VisionType::BookTicker),
        "market `spot` has no daily bookTicker archive"
    );
    assert_eq!(
        error(Market::Linear, VisionType::BookTicker),
        "market `linear` has no daily bookTicker archive"
    );
    assert_eq!(
        error(Market::Um, VisionType::Trades),
        "trades files are not made of BookTickerRow"
    );
    let um = spec(
        Market::Um,
        &btc(),
        VisionType::LiquidationSnapshot,
        DAY_2026,
    );
    assert!(ArchiveWriter::<LiquidationRow>::new(&um).is_err());
}

#[test]
fn a_refused_row_leaves_the_file_as_it_was() {
    let spec = spec(Market::Um, &btc(), VisionType::AggTrades, DAY_2026);
    let mut writer = ArchiveWriter::new(&spec).unwrap();
    writer.push(&agg(1784073600069)).unwrap();
    writer
        .push(&AggTradeRow {
            qty: f64::NAN,
            ..agg(1784073600070)
        })
        .unwrap_err();
    writer.push(&agg(1784073600071)).unwrap();
    writer.push_line(b"planted,line").unwrap();
    assert_eq!(writer.rows(), 3);
    let file = writer.finish().unwrap();
    assert_eq!(
        member(&file).1,
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n\
         3383271130,65014.6,0.03,7900100566,7900100567,1784073600069,true\n\
         3383271130,65014.6,0.03,7900100566,7900100567,1784073600071,true\n\
         planted,line\n"
    );
}

#[test]
fn a_file_of_many_buffers_is_whole() {
    let spec = spec(Market::Um, &btc(), VisionType::AggTrades, DAY_2026);
    let mut writer = ArchiveWriter::new(&spec).unwrap();
    let mut expected = spec.header_line().to_owned();
    for i in 0..10_000_i64 {
        let row = AggTradeRow {
            agg_id: i,
            ..agg(1784073600000 + i)
        };
        writer.push(&row).unwrap();
        writeln!(
            expected,
            "{i},65014.6,0.03,7900100566,7900100567,{},true",
            1784073600000 + i
        )
        .unwrap();
    }
    assert_eq!(member(&writer.finish().unwrap()).1, expected);
}

#[test]
fn the_calendar_has_the_venues_holes() {
    let daily = |market, kind, date| is_published(market, kind, Cadence::Daily, day(date));
    let um_book = |date| daily(Market::Um, VisionType::BookTicker, date);
    assert!(!um_book("2023-05-15") && um_book("2023-05-16"));
    assert!(um_book("2024-03-30") && !um_book("2024-03-31"));
    let bands = |date| daily(Market::Um, VisionType::BookDepth, date);
    assert!(!bands("2022-12-31") && bands("2023-01-01"));
    let metrics = |date| daily(Market::Um, VisionType::Metrics, date);
    assert!(!metrics("2021-11-30") && metrics("2021-12-01"));
    let forced = |date| daily(Market::Cm, VisionType::LiquidationSnapshot, date);
    assert!(!forced("2023-06-24") && forced("2023-06-25"));
    assert!(forced("2024-10-14") && !forced("2024-10-15"));
    assert!(!daily(Market::Um, VisionType::FundingRate, "2024-01-01"));
    let monthly = |kind| is_published(Market::Um, kind, Cadence::Monthly, day("2024-01-01"));
    assert!(monthly(VisionType::FundingRate) && !monthly(VisionType::Metrics));
    assert!(!daily(Market::Spot, VisionType::Metrics, "2024-01-01"));
}

#[test]
fn headers_by_date_as_they_were_seen() {
    let daily = |market, kind, date| has_header(market, kind, Period::Day(day(date)));
    let um = |kind, date| daily(Market::Um, kind, date);
    for (kind, date, expected) in [
        (VisionType::AggTrades, "2021-01-01", true),
        (VisionType::AggTrades, "2021-01-02", false),
        (VisionType::AggTrades, "2022-08-10", false),
        (VisionType::AggTrades, "2022-08-11", true),
        (VisionType::AggTrades, "2026-07-15", true),
        (VisionType::Trades, "2021-01-01", false),
        (VisionType::Klines, "2022-06-15", false),
        (VisionType::Klines, "2023-01-01", true),
        (VisionType::Metrics, "2021-12-01", true),
        (VisionType::BookDepth, "2023-01-01", true),
        (VisionType::BookTicker, "2023-05-16", true),
    ] {
        assert_eq!(um(kind, date), expected, "{kind:?} {date}");
    }
    let monthly = |kind, date| has_header(Market::Um, kind, Period::month_of(day(date)));
    assert!(!monthly(VisionType::AggTrades, "2020-01-01"));
    assert!(monthly(VisionType::AggTrades, "2026-07-01"));
    assert!(!monthly(VisionType::Klines, "2021-12-01"));
    assert!(monthly(VisionType::Klines, "2022-01-01"));
    assert!(monthly(VisionType::FundingRate, "2020-01-01"));
    assert!(!daily(Market::Spot, VisionType::Klines, "2026-07-15"));
    assert!(daily(
        Market::Cm,
        VisionType::LiquidationSnapshot,
        "2023-06-25"
    ));
}
