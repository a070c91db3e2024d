//! What the parsers read from an encoded file is what was encoded, for every product, market and cadence.

use arrow_array::RecordBatch;
use quant_core::market::Side;
use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, TimeRange, UnixMicros};

use super::*;
use crate::schema::Dataset;
use crate::venues::binance::{Terms, VisionType, parser};
use crate::venues::records::{self, Columns as _, Kline, Record, Ts};
use crate::venues::rows::{ParseOptions, Parsed};

/// Worth of one coin-margined contract.
const CONTRACT: f64 = 100.0;

fn parsed(dataset: Dataset, market: Market, symbol: &Symbol, text: &str) -> Vec<RecordBatch> {
    let terms = Terms {
        market,
        symbol: symbol.clone(),
        contract_value: (market == Market::Cm).then_some(CONTRACT),
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
    out.into_iter()
        .filter_map(|part| match part {
            Parsed::Rows { batch, .. } => Some(batch),
            Parsed::DayEnd { .. } => None,
        })
        .collect()
}

fn batch<T: Record>(rows: &[T]) -> RecordBatch {
    let mut columns = T::Columns::default();
    columns.extend(rows);
    columns.take(&T::DATASET.arrow_schema(0)).unwrap()
}

/// Encodes, parses and compares; the rows of one file lie in one day, or the file is a month of one row a day.
fn check<R: ArchiveRow, T: Record>(spec: &ArchiveSpec<'_>, rows: &[R], expected: &[T]) {
    let mut writer = ArchiveWriter::new(spec).unwrap();
    for row in rows {
        writer.push(row).unwrap();
    }
    let file = writer.finish().unwrap();
    assert_eq!(file.rows, rows.len() as u64);
    let (_, text) = member(&file);
    let header = spec
        .header
        .unwrap_or_else(|| has_header(spec.market, spec.kind, spec.period));
    assert_eq!(text.starts_with(spec.header_line()), header);
    let found = parsed(T::DATASET, spec.market, spec.symbol, &text);
    let one_day = expected
        .iter()
        .all(|r| r.ts().div_euclid(MICROS_PER_DAY) == expected[0].ts().div_euclid(MICROS_PER_DAY));
    if one_day {
        assert_eq!(found, [batch(expected)], "{text}");
    } else {
        let rows: Vec<_> = expected.iter().map(|r| batch(&[*r])).collect();
        assert_eq!(found, rows, "{text}");
    }
}

/// What a random row is made of.
#[derive(Clone, Debug)]
struct Seed {
    gap_us: i64,
    ticks: i64,
    lots: i64,
    more: i64,
    flag: bool,
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let seed = (
        1_000_i64..40_000_000,
        1_i64..200_000_000,
        1_i64..90_000_000,
        0_i64..100_000,
        any::<bool>(),
    );
    let seed = seed.prop_map(|(gap_us, ticks, lots, more, flag)| Seed {
        gap_us,
        ticks,
        lots,
        more,
        flag,
    });
    proptest::collection::vec(seed, 1..40)
}

/// Days around every switch of units and headers.
fn days() -> impl Strategy<Value = Day> {
    proptest::sample::select(vec![
        "2021-01-01",
        "2021-01-02",
        "2022-08-10",
        "2022-08-11",
        "2023-07-01",
        "2024-02-29",
        "2024-12-31",
        "2025-01-01",
        "2026-07-15",
    ])
    .prop_map(day)
}

fn markets() -> impl Strategy<Value = Market> {
    proptest::sample::select(vec![Market::Spot, Market::Um, Market::Cm])
}

fn futures() -> impl Strategy<Value = Market> {
    proptest::sample::select(vec![Market::Um, Market::Cm])
}

fn symbol_of(market: Market) -> Symbol {
    let name = if market == Market::Cm {
        "BTCUSD_PERP"
    } else {
        "BTCUSDT"
    };
    name.parse().unwrap()
}

/// The stamp a parser returns for a time: what the unit of the file leaves of it.
fn stamp(market: Market, day: Day, ts_us: i64) -> Ts {
    if market == Market::Spot && day >= "2025-01-01".parse().unwrap() {
        Ts(ts_us)
    } else {
        Ts(ts_us / 1_000 * 1_000)
    }
}

fn times(day: Day, seeds: &[Seed]) -> Vec<i64> {
    let mut ts = day.start().0;
    seeds
        .iter()
        .map(|seed| {
            ts += seed.gap_us;
            ts
        })
        .collect()
}

/// Tick 0.1 and lot 0.001, or contracts: a division is the correctly rounded decimal.
fn price(seed: &Seed) -> f64 {
    seed.ticks as f64 / 10.0
}

fn qty(market: Market, lots: i64) -> f64 {
    if market == Market::Cm {
        lots as f64
    } else {
        lots as f64 / 1_000.0
    }
}

fn base(market: Market, qty: f64, price: f64) -> (f64, Option<f64>) {
    if market == Market::Cm {
        (qty * CONTRACT / price, Some(qty))
    } else {
        (qty, None)
    }
}

fn sign(is_buyer_maker: bool) -> i8 {
    if is_buyer_maker { -1 } else { 1 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agg_trades(seeds in seeds(), market in markets(), day in days(), header in any::<Option<bool>>()) {
        let symbol = symbol_of(market);
        let mut spec = ArchiveSpec::new(market, &symbol, VisionType::AggTrades, Period::Day(day));
        spec.header = header;
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (i, (seed, ts_us)) in (0_i64..).zip(seeds.iter().zip(times(day, &seeds))) {
            let row = AggTradeRow {
                agg_id: 3_383_271_130 + i,
                price: price(seed),
                qty: qty(market, seed.lots),
                first_id: seed.ticks,
                last_id: seed.ticks + seed.more,
                ts_us,
                is_buyer_maker: seed.flag,
            };
            let (qty, qty_raw) = base(market, row.qty, row.price);
            rows.push(row);
            expected.push(records::AggTrade {
                late: None,
                ts_event: stamp(market, day, ts_us),
                ts_recv: None,
                trade_id: row.agg_id,
                price: row.price,
                qty,
                qty_raw,
                aggressor: sign(seed.flag),
                first_id: row.first_id,
                last_id: row.last_id,
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn trades(seeds in seeds(), market in markets(), day in days(), header in any::<Option<bool>>()) {
        let symbol = symbol_of(market);
        let mut spec = ArchiveSpec::new(market, &symbol, VisionType::Trades, Period::Day(day));
        spec.header = header;
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (i, (seed, ts_us)) in (0_i64..).zip(seeds.iter().zip(times(day, &seeds))) {
            let row = TradeRow {
                id: 772_221_544 + i,
                price: price(seed),
                qty: qty(market, seed.lots),
                quote_qty: (seed.more + 1) as f64 / 1e8,
                ts_us,
                is_buyer_maker: seed.flag,
            };
            rows.push(row);
            let inverse = market == Market::Cm;
            expected.push(records::TradeRow {
                late: None,
                ts_event: stamp(market, day, ts_us),
                ts_recv: None,
                trade_id: row.id,
                price: row.price,
                qty: if inverse { row.quote_qty } else { row.qty },
                qty_raw: inverse.then_some(row.qty),
                aggressor: sign(seed.flag),
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn klines(
        seeds in seeds(),
        market in markets(),
        day in days(),
        header in any::<Option<bool>>(),
        padded in any::<bool>(),
    ) {
        let symbol = symbol_of(market);
        let mut spec = ArchiveSpec::new(market, &symbol, VisionType::Klines, Period::Day(day));
        spec.header = header;
        let inverse = market == Market::Cm;
        spec.decimals = padded.then_some(Decimals { price: 1, qty: if inverse { 0 } else { 3 } });
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (minute, seed) in (0_i64..).zip(&seeds) {
            let open_us = day.start().0 + minute * MICROS_PER_MINUTE;
            // As many decimals as the quote volume of either market has.
            let quote = |units: i64| if inverse { units as f64 / 1e8 } else { units as f64 / 1e4 };
            let row = KlineRow {
                open_us,
                open: price(seed),
                high: (seed.ticks + seed.more) as f64 / 10.0,
                low: seed.ticks as f64 / 10.0,
                close: (seed.ticks + seed.more / 2) as f64 / 10.0,
                volume: qty(market, seed.lots),
                quote_volume: quote(seed.gap_us),
                n_trades: seed.more,
                taker_buy_volume: qty(market, seed.lots / 3),
                taker_buy_quote_volume: quote(seed.gap_us / 3),
            };
            rows.push(row);
            expected.push(Kline {
                ts_open: Ts(open_us),
                ts_close: Ts(open_us + MICROS_PER_MINUTE),
                open: row.open,
                high: row.high,
                low: row.low,
                close: row.close,
                volume: if inverse { row.quote_volume } else { row.volume },
                volume_raw: inverse.then_some(row.volume),
                quote_volume: Some(if inverse { row.volume * CONTRACT } else { row.quote_volume }),
                n_trades: Some(seed.more),
                taker_buy_volume: Some(if inverse { row.taker_buy_quote_volume } else { row.taker_buy_volume }),
                taker_buy_quote_volume: Some(
                    if inverse { row.taker_buy_volume * CONTRACT } else { row.taker_buy_quote_volume },
                ),
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn reference_klines(seeds in seeds(), market in futures(), day in days(), header in any::<Option<bool>>()) {
        let symbol = symbol_of(market);
        let (mut rows, mut premiums) = (Vec::new(), Vec::new());
        for (minute, seed) in (0_i64..).zip(&seeds) {
            let open_us = day.start().0 + minute * MICROS_PER_MINUTE;
            let row = ReferenceKlineRow {
                open_us,
                open: price(seed) + 1.0,
                high: price(seed) + 2.5,
                low: seed.ticks as f64 / 1e8,
                close: price(seed) + 1.0,
                n_ticks: seed.more,
            };
            rows.push(row);
            let units = if seed.flag { -seed.ticks } else { seed.ticks };
            premiums.push(ReferenceKlineRow {
                open: units as f64 / 1e8,
                high: (units + 7) as f64 / 1e8,
                low: (units - seed.more) as f64 / 1e8,
                close: units as f64 / 1e8,
                ..row
            });
        }
        macro_rules! check_kind {
            ($kind:ident, $record:ident, $rows:expr) => {
                let mut spec = ArchiveSpec::new(market, &symbol, VisionType::$kind, Period::Day(day));
                spec.header = header;
                let expected: Vec<_> = $rows
                    .iter()
                    .map(|row: &ReferenceKlineRow| records::$record {
                        ts_open: Ts(row.open_us),
                        ts_close: Ts(row.open_us + MICROS_PER_MINUTE),
                        open: row.open,
                        high: row.high,
                        low: row.low,
                        close: row.close,
                        n_ticks: Some(row.n_ticks),
                    })
                    .collect();
                check(&spec, &$rows, &expected);
            };
        }
        check_kind!(MarkPriceKlines, MarkKline, rows);
        check_kind!(IndexPriceKlines, IndexKline, rows);
        check_kind!(PremiumIndexKlines, PremiumKline, premiums);
    }

    #[test]
    fn book_tickers(seeds in seeds(), market in futures(), day in days(), header in any::<Option<bool>>()) {
        let symbol = symbol_of(market);
        let mut spec = ArchiveSpec::new(market, &symbol, VisionType::BookTicker, Period::Day(day));
        spec.header = header;
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (i, (seed, ts_us)) in (0_i64..).zip(seeds.iter().zip(times(day, &seeds))) {
            let row = BookTickerRow {
                update_id: 2_948_552_298_577 + i,
                bid_px: price(seed),
                bid_qty: qty(market, seed.lots),
                ask_px: (seed.ticks + 1 + seed.more) as f64 / 10.0,
                ask_qty: qty(market, seed.lots / 2),
                transaction_us: ts_us,
                event_us: ts_us + seed.more,
            };
            rows.push(row);
            expected.push(records::BookTickerRow {
                late: None,
                ts_event: stamp(market, day, ts_us),
                ts_recv: None,
                ts_gateway: Some(stamp(market, day, row.event_us)),
                ts_inferred: None,
                update_id: row.update_id,
                bid_px: row.bid_px,
                bid_qty: base(market, row.bid_qty, row.bid_px).0,
                ask_px: row.ask_px,
                ask_qty: base(market, row.ask_qty, row.ask_px).0,
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn book_depths(seeds in seeds(), market in futures(), day in days(), padded in any::<Option<bool>>()) {
        let symbol = symbol_of(market);
        let mut spec = ArchiveSpec::new(market, &symbol, VisionType::BookDepth, Period::Day(day));
        spec.padded_percent = padded;
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (i, seed) in (0_i64..).zip(&seeds) {
            for percentage in [-5.0, -4.0, -3.0, -2.0, -1.0, -0.2, 0.2, 1.0, 2.0, 3.0, 4.0, 5.0] {
                let ts_us = day.start().0 + i * 30_000_000 + 7_000_000;
                let row = BookDepthRow {
                    ts_us: ts_us + seed.more,
                    percentage,
                    depth: qty(market, seed.lots),
                    notional: seed.ticks as f64 / 1e6,
                };
                rows.push(row);
                expected.push(records::DepthBandRow {
                    ts_event: Ts(ts_us),
                    percentage,
                    depth: row.depth,
                    notional: row.notional,
                });
            }
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn metrics(seeds in seeds(), market in futures(), day in days()) {
        let symbol = symbol_of(market);
        let spec = ArchiveSpec::new(market, &symbol, VisionType::Metrics, Period::Day(day));
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (i, seed) in (0_i64..).zip(&seeds) {
            let ratio = |units: i64| (!seed.flag).then_some(units as f64 / 1e8);
            let row = MetricsRow {
                ts_us: day.start().0 + i * 300_000_000,
                open_interest: Some(qty(market, seed.lots)),
                open_interest_value: Some(seed.gap_us as f64 / 1e8),
                toptrader_account_ratio: ratio(seed.ticks),
                toptrader_position_ratio: ratio(seed.lots),
                account_ratio: ratio(seed.more),
                taker_ratio: Some(seed.more as f64 / 1e8),
            };
            rows.push(row);
            let (interest, value) = (row.open_interest, row.open_interest_value);
            let inverse = market == Market::Cm;
            expected.push(records::MetricsRow {
                ts_event: Ts(row.ts_us),
                open_interest: if inverse { value } else { interest },
                open_interest_notional: if inverse { interest.map(|c| c * CONTRACT) } else { value },
                toptrader_account_ls_ratio: row.toptrader_account_ratio,
                toptrader_position_ls_ratio: row.toptrader_position_ratio,
                account_ls_ratio: row.account_ratio,
                taker_ls_volume_ratio: row.taker_ratio,
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn fundings_of_a_month(seeds in seeds(), market in futures(), first in days()) {
        let symbol = symbol_of(market);
        let month = Period::month_of(first);
        let (first, end) = month.days();
        let spec = ArchiveSpec::new(market, &symbol, VisionType::FundingRate, month);
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (day, seed) in (first.0..end.0).map(Day).zip(&seeds) {
            let units = if seed.flag { -seed.more } else { seed.more };
            let row = FundingRow {
                ts_us: day.start().0 + 8 * 3_600_000_000 + seed.more,
                interval_h: 8,
                rate: units as f64 / 1e8,
            };
            rows.push(row);
            expected.push(records::FundingRow {
                ts_event: Ts(row.ts_us / 1_000 * 1_000),
                rate: row.rate + 0.0,
                interval_h: Some(8),
                mark_price: None,
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn liquidations(seeds in seeds(), day in days(), header in any::<Option<bool>>()) {
        let symbol = symbol_of(Market::Cm);
        let mut spec =
            ArchiveSpec::new(Market::Cm, &symbol, VisionType::LiquidationSnapshot, Period::Day(day));
        spec.header = header;
        let (mut rows, mut expected) = (Vec::new(), Vec::new());
        for (seed, ts_us) in seeds.iter().zip(times(day, &seeds)) {
            let row = LiquidationRow {
                ts_us,
                side: if seed.flag { Side::Buy } else { Side::Sell },
                qty: qty(Market::Cm, seed.lots),
                price: price(seed),
                average_price: (seed.ticks + seed.more) as f64 / 10.0,
                last_qty: 1.0,
                filled_qty: qty(Market::Cm, seed.lots),
            };
            rows.push(row);
            expected.push(records::LiquidationRow {
                ts_event: Ts(ts_us / 1_000 * 1_000),
                side: row.side.sign(),
                price: row.price,
                average_price: Some(row.average_price),
                qty: row.qty * CONTRACT / row.average_price,
                qty_raw: Some(row.qty),
                occurrence: 0,
            });
        }
        check(&spec, &rows, &expected);
    }

    #[test]
    fn a_month_of_trades_is_its_days(market in markets(), first in days(), seeds in seeds()) {
        let symbol = symbol_of(market);
        let month = Period::month_of(first);
        let (first, end) = month.days();
        let rows: Vec<TradeRow> = (first.0..end.0)
            .map(Day)
            .zip(&seeds)
            .map(|(day, seed)| TradeRow {
                id: i64::from(day.0),
                price: price(seed),
                qty: qty(market, seed.lots),
                quote_qty: price(seed),
                ts_us: day.start().0 + seed.gap_us,
                is_buyer_maker: seed.flag,
            })
            .collect();
        let text_of = |period, rows: &[TradeRow]| {
            let spec = ArchiveSpec::new(market, &symbol, VisionType::Trades, period).with_header(false);
            let mut writer = ArchiveWriter::new(&spec).unwrap();
            for row in rows {
                writer.push(row).unwrap();
            }
            member(&writer.finish().unwrap()).1
        };
        let days: String = rows
            .iter()
            .map(|row| text_of(Period::Day(UnixMicros(row.ts_us).day()), core::slice::from_ref(row)))
            .collect();
        prop_assert_eq!(text_of(month, &rows), days);
    }
}
