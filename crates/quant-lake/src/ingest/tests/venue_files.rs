//! Files of Bybit and OKX through the same steps as any file: numbered, sorted, merged and committed.
//!
//! Their containers are read elsewhere; here the text lies on disk as it is.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_select::concat::concat_batches;
use proptest::prelude::*;
use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::fixture::*;
use crate::commit::{DatasetWriter, WriterOptions};
use crate::ingest::archive::hash_file;
use crate::ingest::collect::number_trades;
use crate::ingest::container::Container;
use crate::ingest::unit::{Context, Done, LocalFile, Slice, Target, Wanted, process};
use crate::ingest::*;
use crate::layout::DatasetKey;
use crate::manifest::{IngestParams, SourceKind};
use crate::schema::Dataset;
use crate::venues::contracts::tests_shared::terms;
use crate::venues::records::{Columns as _, Record as _, TradeColumns, TradeRow, Ts};
use crate::venues::rows::{ParseOptions, RowParser};
use crate::venues::{bybit, okx};

const CONTRACTS: &str = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional";

fn instrument_of(exchange: &str, market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: exchange.parse().unwrap(),
        ..key(market, symbol)
    }
}

fn make(
    key: &InstrumentKey,
    dataset: Dataset,
    terms: &Instrument,
    options: ParseOptions,
) -> Box<dyn RowParser> {
    let parser = if key.exchange.venue == quant_core::market::Venue::Okx {
        okx::parser
    } else {
        bybit::parser
    };
    parser(dataset, key.market, &key.symbol, Some(terms), options).unwrap()
}

/// Ingests a file for the days `[start, end)`.
fn ingest(
    fixture: &Fixture,
    key: &InstrumentKey,
    dataset: Dataset,
    name: &str,
    text: &str,
    days: [&str; 2],
) -> Result<Done, FileError> {
    let path = fixture.root.path().join(name);
    std::fs::write(&path, text).unwrap();
    let lake = fixture.lake();
    let dataset_key = DatasetKey {
        instrument: key.clone(),
        dataset,
    };
    let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(1));
    let writer = DatasetWriter::open(&lake, spec(key, dataset), options).unwrap();
    let stop = AtomicBool::new(false);
    let targets = [Target {
        writer: &writer,
        key: &dataset_key,
    }];
    let cx = Context {
        lake: &lake,
        targets: &targets,
        options: &fixture.options,
        threads: 1,
        stop: &stop,
        progress: &NoProgress,
    };
    let file = LocalFile {
        path: &path,
        name: name.to_owned(),
        url: None,
        kind: SourceKind::Csv,
        container: Container::Plain.into(),
        sha256: hash_file(&path).unwrap().1,
        checksum_verified: false,
        context: None,
        slice: Slice::OfName,
        is_whole_day: true,
        named_days: None,
        at_hand: None,
    };
    let wanted = Wanted {
        range: TimeRange::new(days[0].parse().unwrap(), days[1].parse().unwrap()).unwrap(),
        every_day: true,
    };
    let terms = terms(key.market.name(), 1.0, false);
    let done = process(&cx, &file, wanted, &|options| {
        Ok(make(key, dataset, &terms, options))
    });
    Ok(done?.remove(0))
}

fn hashes(fixture: &Fixture, key: &InstrumentKey) -> Vec<(u64, String)> {
    let manifest = fixture.manifest(key, Dataset::Trades).unwrap();
    let partitions = manifest.partitions.into_iter();
    partitions.map(|p| (p.rows, p.content_sha256)).collect()
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("trade_id").unwrap();
    column.as_primitive::<Int64Type>().values().to_vec()
}

/// Rows of 2020-05-01, several at a time, in time order.
fn contract_rows() -> Vec<String> {
    (0..300)
        .map(|i| {
            let tick = i / 3 + i / 50;
            format!(
                "15883056{:02}.{:04},BTCUSDT,{},{},8{:03}.5,PlusTick,id-{i},0,0,0",
                tick / 10,
                tick % 10,
                if i % 2 == 0 { "Buy" } else { "Sell" },
                i + 1,
                i
            )
        })
        .collect()
}

const MAY_1: [&str; 2] = ["2020-05-01", "2020-05-02"];

#[test]
fn descending_files_give_the_rows_of_ascending_ones() {
    let key = instrument_of("bybit", "linear", "BTCUSDT");
    let up = contract_rows();
    let straight = Fixture::new();
    let done = ingest(
        &straight,
        &key,
        Dataset::Trades,
        "a.csv",
        &csv(CONTRACTS, &up),
        MAY_1,
    )
    .unwrap();
    assert_eq!((done.counts.written, done.out_of_order), (300, 0));
    let want = hashes(&straight, &key);
    let rows = straight.rows(&key, Dataset::Trades, day("2020-05-01"));
    // The position counts in true time order: the quantities rise as the rows were traded.
    let quantities = rows
        .column_by_name("qty")
        .unwrap()
        .as_primitive::<Float64Type>();
    assert!(quantities.values().is_sorted());
    assert!(ids(&rows).is_sorted_by(|a, b| a < b));

    let turned = Fixture::new();
    let down: Vec<String> = up.iter().rev().cloned().collect();
    let done = ingest(
        &turned,
        &key,
        Dataset::Trades,
        "a.csv",
        &csv(CONTRACTS, &down),
        MAY_1,
    )
    .unwrap();
    assert_eq!(done.counts.written, 300);
    assert!(
        done.notes
            .iter()
            .any(|n| n.contains("from the last to the first")),
        "{:?}",
        done.notes
    );
    assert_eq!(hashes(&turned, &key), want);
    // Rows of the very time of the latest one are not late.
    let late = up
        .iter()
        .filter(|row| row.split(',').next() != up[299].split(',').next())
        .count();
    assert_eq!(done.out_of_order, late as u64);
}

#[test]
fn repetitions_are_dropped_and_contradictions_refused_wherever_they_stand() {
    let key = instrument_of("bybit", "linear", "BTCUSDT");
    let up = contract_rows();
    let clean = Fixture::new();
    ingest(
        &clean,
        &key,
        Dataset::Trades,
        "a.csv",
        &csv(CONTRACTS, &up),
        MAY_1,
    )
    .unwrap();
    let mut rows = up.clone();
    // A row displaced, one repeated far away, one repeated with another size.
    let displaced = rows.remove(250);
    rows.insert(10, displaced);
    rows.push(up[100].clone());
    rows.push(up[101].replace(",102,", ",999,"));
    for is_turned in [false, true] {
        let mut rows = rows.clone();
        if is_turned {
            // Turned around as a whole, the contradiction comes first in true order and stays: so it is put last.
            let wrong = rows.pop().unwrap();
            rows.reverse();
            rows.insert(0, up[5].clone());
            let at = rows.iter().position(|row| *row == up[101]).unwrap();
            rows.insert(at, wrong);
        }
        let fixture = Fixture::new();
        let done = ingest(
            &fixture,
            &key,
            Dataset::Trades,
            "a.csv",
            &csv(CONTRACTS, &rows),
            MAY_1,
        )
        .unwrap();
        let counts = done.counts;
        assert!(counts.balanced());
        let duplicates = if is_turned { 2 } else { 1 };
        assert_eq!(
            (counts.written, counts.duplicates, counts.quarantined),
            (300, duplicates, 1),
            "{is_turned}"
        );
        let (found, want) = (
            fixture.rows(&key, Dataset::Trades, day("2020-05-01")),
            clean.rows(&key, Dataset::Trades, day("2020-05-01")),
        );
        assert_eq!(times(&found), times(&want));
        assert_eq!(ids(&found), ids(&want));
        let refused = walk_quarantine(&fixture);
        assert!(refused.contains("qty=999"), "{refused}");
    }
}

fn times(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("ts_event").unwrap();
    column
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .to_vec()
}

fn walk_quarantine(fixture: &Fixture) -> String {
    let listing = fixture.listing();
    let paths = listing
        .keys()
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

#[test]
fn daily_and_monthly_spot_files_are_one_set_of_rows() {
    let key = instrument_of("bybit", "spot", "BTCUSDT");
    let header = "id,timestamp,price,volume,side";
    let start = day("2023-01-31").start().0 / 1_000;
    let row = |id: usize, i: usize| {
        format!(
            "{id},{},100.5,{},buy",
            start + i64::try_from(i / 4).unwrap() * 600_000,
            i + 1
        )
    };
    let month: Vec<String> = (0..500).map(|i| row(i + 1, i)).collect();
    // Daily files begin at 1 again, every day.
    let is_first_day = |i: &usize| *i / 4 < 144;
    let first: Vec<String> = (0..500)
        .filter(is_first_day)
        .map(|i| row(i + 1, i))
        .collect();
    let days = ["2023-01-31", "2023-02-01"];
    let mut seen = BTreeMap::new();
    for order in [["month", "day"], ["day", "month"]] {
        let fixture = Fixture::new();
        for name in order {
            let rows = if name == "day" { &first[..300] } else { &month };
            let done = ingest(
                &fixture,
                &key,
                Dataset::Trades,
                name,
                &csv(header, rows),
                days,
            )
            .unwrap();
            assert!(done.counts.balanced());
            assert_eq!(done.counts.quarantined, 0, "{name}: {:?}", done.notes);
        }
        seen.insert(order, hashes(&fixture, &key));
    }
    let found: Vec<_> = seen.into_values().collect();
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0][0].0, 500);
}

#[test]
fn a_utc_day_of_okx_is_made_of_two_files() {
    let key = instrument_of("okx", "swap", "BTC-USDT-SWAP");
    let header = "instrument_name,trade_id,side,price,size,created_time";
    let d: Day = day("2025-07-02");
    // Every ten minutes; the file of the 3rd begins 14.474 s early, as on the venue.
    let cut = d.start().0 / 1_000 + 16 * 3_600_000 - 14_474;
    let rows = |from_ms: i64, n: i64, first_id: i64| -> Vec<String> {
        (0..n)
            .map(|i| {
                format!(
                    "BTC-USDT-SWAP,{},buy,100,2,{}",
                    first_id + i,
                    from_ms + i * 600_000
                )
            })
            .collect()
    };
    let whole = [rows(cut - 86_400_000, 144, 1), rows(cut, 144, 145)];
    let days = ["2025-07-02", "2025-07-03"];
    let mut found = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let fixture = Fixture::new();
        for i in order {
            let name = [
                "BTC-USDT-SWAP-trades-2025-07-02.csv",
                "BTC-USDT-SWAP-trades-2025-07-03.csv",
            ][i];
            let done = ingest(
                &fixture,
                &key,
                Dataset::Trades,
                name,
                &csv(header, &whole[i]),
                days,
            )
            .unwrap();
            assert!(done.counts.balanced());
            assert_eq!(done.counts.rows_in, 144);
        }
        let batch = fixture.rows(&key, Dataset::Trades, d);
        assert!(ids(&batch).is_sorted_by(|a, b| a + 1 == *b));
        assert!(times(&batch).iter().all(|&ts| UnixMicros(ts).day() == d));
        found.push(hashes(&fixture, &key));
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0][0].0, 144);
}

#[test]
fn rows_of_other_swaps_are_not_rows_of_other_days() {
    let key = instrument_of("okx", "swap", "BTC-USDT-SWAP");
    let header = "instrument_name,funding_rate,funding_time";
    let at = day("2024-05-01").start().0 / 1_000;
    let rows = [
        format!("AAVE-USDT-SWAP,0.1,{at}"),
        format!("BTC-USDT-SWAP,0.0001,{}", at - 8 * 3_600_000),
        format!("BTC-USDT-SWAP,0.0001,{at}"),
        format!("ETH-USDT-SWAP,0.2,{at}"),
    ];
    let fixture = Fixture::new();
    let days = ["2024-05-01", "2024-05-02"];
    let done = ingest(
        &fixture,
        &key,
        Dataset::Funding,
        "allswap.csv",
        &csv(header, &rows),
        days,
    )
    .unwrap();
    assert_eq!((done.counts.written, done.counts.filtered), (1, 3));
    assert_eq!(
        done.notes,
        [
            "2 rows of other instruments left out",
            "1 rows of other days left out"
        ]
    );
    let manifest = fixture.manifest(&key, Dataset::Funding).unwrap();
    let quality = manifest.partitions[0].quality;
    assert_eq!((quality.filtered, quality.other_day), (3, 1));
}

fn batch(rows: &[(i64, i64, f64)]) -> RecordBatch {
    let mut columns = TradeColumns::default();
    for &(ts, id, qty) in rows {
        columns.extend(&[TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id: id,
            price: 1.0,
            qty,
            qty_raw: None,
            aggressor: 1,
        }]);
    }
    columns.take(&TradeRow::DATASET.arrow_schema(0)).unwrap()
}

proptest! {
    /// Against a count by hand: the position of a trade is the number of other trades of its time before its first row.
    #[test]
    fn positions_count_in_true_time_order(
        rows in proptest::collection::vec((0_i64..4, 0_i64..6), 0..40), cut in 0_usize..41, descending: bool,
    ) {
        let rows: Vec<(i64, i64, f64)> = rows.iter().enumerate().map(|(i, &(ts, id))| (ts, id, i as f64 + 1.0)).collect();
        let cut = cut.min(rows.len());
        let mut lines: Vec<u64> = (0..rows.len() as u64).collect();
        let found = number_trades(vec![batch(&rows[..cut]), batch(&rows[cut..])], &mut lines, descending).unwrap();
        let found = concat_batches(&Dataset::Trades.arrow_schema(0), &found).unwrap();
        let mut ordered = rows.clone();
        if descending {
            ordered.reverse();
        }
        let want: Vec<i64> = ordered
            .iter()
            .map(|&(ts, id, _)| {
                let mut before: Vec<i64> = Vec::new();
                for &(other, other_id, _) in ordered.iter().filter(|r| r.0 == ts) {
                    if other_id == id {
                        break;
                    }
                    if !before.contains(&other_id) {
                        before.push(other_id);
                    }
                    assert_eq!(other, ts);
                }
                ts * 1_000 + i64::try_from(before.len()).unwrap()
            })
            .collect();
        prop_assert_eq!(ids(&found), want);
        let quantities = found.column_by_name("qty").unwrap().as_primitive::<Float64Type>().values().to_vec();
        prop_assert_eq!(&quantities, &ordered.iter().map(|r| r.2).collect::<Vec<_>>());
        // Lines stay with their rows.
        prop_assert_eq!(lines.iter().map(|&l| l as f64 + 1.0).collect::<Vec<_>>(), quantities);
    }
}

#[test]
fn an_empty_day_is_numbered_too() {
    assert!(number_trades(Vec::new(), &mut [], true).unwrap().is_empty());
    let none = number_trades(vec![batch(&[])], &mut [], true).unwrap();
    assert_eq!((none.len(), none[0].num_rows()), (1, 0));
}
