//! Tests of bars in the lake: written minutes come back, and rows that do not fit are refused.

use super::*;
use crate::layout::Lake;
use crate::write::fixture::{day, options, source};
use quant_core::time::MINUTES_PER_DAY;

fn instrument() -> InstrumentKey {
    InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    }
}

/// A day whose minutes show every combination of known and unknown values.
fn minutes(day: Day) -> Vec<MinuteRow> {
    let starts = (0..).map(|i| day.start().plus(i * MICROS_PER_MINUTE));
    (0..MINUTES_PER_DAY)
        .zip(starts)
        .map(|(i, ts_open)| {
            let some = |bit: usize, v: f64| (i >> bit & 1 == 1).then_some(v);
            MinuteRow {
                ts_open,
                open: some(0, 0.1 + i as f64),
                high: some(0, 0.3 + i as f64),
                low: some(0, 0.01),
                close: some(0, 0.2),
                volume: i as f64 / 3.0,
                quote_volume: some(1, 5.0),
                n_trades: (i % 3 > 0).then_some(i as u64),
                buy_volume: some(2, 1.0 / 7.0),
                vwap: some(3, 2.5),
                bar_source: [BarSource::Trades, BarSource::Klines, BarSource::AggTrades][i % 3],
                is_filled: i % 5 == 0,
            }
        })
        .collect()
}

#[test]
fn minute_rows_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let spec = bar_set_spec(&instrument(), "0af3").unwrap();
    assert_eq!(spec.dir, "bars/binance/um/BTCUSDT/0af3");
    let writer = DatasetWriter::open(&lake, spec.clone(), options()).unwrap();
    let derived = Source {
        kind: crate::manifest::SourceKind::Derived,
        ..source('a')
    };
    let partition = write_bar_day(&writer, day(), &minutes(day()), vec![derived], 2).unwrap();
    assert_eq!((partition.rows, partition.quality.gaps), (1440, 2));
    let set = PartitionSet::open(&lake, &spec).unwrap();
    let memo = HashMemo::default();
    assert_eq!(
        read_bars(&set, day().range(), &memo).unwrap(),
        minutes(day())
    );
    let start = day().start().plus(MICROS_PER_MINUTE);
    let hour = TimeRange::new(start, start.plus(60 * MICROS_PER_MINUTE)).unwrap();
    assert_eq!(read_bars(&set, hour, &memo).unwrap(), minutes(day())[1..61]);
    let next = day().plus(1).range();
    assert_eq!(read_bars(&set, next, &memo).unwrap(), []);
    let missing = crate::coverage::missing_intervals(
        Some(&set),
        Some(MICROS_PER_MINUTE),
        TimeRange::new(day().start(), next.end).unwrap(),
        &memo,
    );
    assert_eq!(missing.unwrap(), [next]);
    let report = crate::verify::verify_lake(&lake, 0, crate::verify::Depth::Rows, &memo);
    assert_eq!((report.n_rows, report.problems), (1440, vec![]));
}

/// A day with statistics; every row is made of trades, statistic k of minute i is i + k / 100, every seventh is null.
fn stat_day(day: Day) -> DayBars {
    let mut rows = minutes(day);
    for row in &mut rows {
        row.bar_source = BarSource::Trades;
    }
    let n = rows.len() * N_STAT_COLUMNS;
    let value = |i: usize| {
        let (minute, column) = (i / N_STAT_COLUMNS, i % N_STAT_COLUMNS);
        if i.is_multiple_of(7) {
            f64::NAN
        } else {
            minute as f64 + column as f64 / 100.0
        }
    };
    DayBars {
        day,
        rows,
        stat_columns: &STAT_COLUMNS,
        stat_values: (0..n).map(value).collect(),
        n_events: 0,
        first_event: None,
        last_event: None,
        closing_price: None,
    }
}

#[test]
fn statistics_come_back_with_what_they_are_made_of() {
    use quant_core::bars::{BookSource, ImageCadence, QuoteSource};
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let spec = micro_bar_set_spec(&instrument(), "0af3").unwrap();
    let writer = DatasetWriter::open(&lake, spec.clone(), options()).unwrap();
    let of_events = StatSources {
        quotes: QuoteSource::BookTicker,
        book: BookSource::Deltas,
        has_trades: true,
    };
    let of_images = StatSources {
        quotes: QuoteSource::Book,
        book: BookSource::Images(ImageCadence::EveryUs(1_000_000)),
        has_trades: true,
    };
    let days = [(day(), of_events), (day().plus(2), of_images)];
    for (of, sources) in days {
        write_stat_day(&writer, &stat_day(of), sources, vec![], 0).unwrap();
    }
    let set = PartitionSet::open(&lake, &spec).unwrap();
    let memo = HashMemo::default();
    let range = TimeRange::new(day().start(), day().plus(3).start()).unwrap();
    let found = read_stat_bars(&set, range, &memo).unwrap();
    let mut expected = StatRows::default();
    for (of, sources) in days {
        expected.append(stat_day(of), sources);
    }
    assert_eq!(found.rows, expected.rows);
    let bits = |x: &[f64]| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found.stats), bits(&expected.stats));
    assert_eq!(found.sources, days);
    for (of, sources) in [
        days[0],
        (day().plus(1), StatSources::default()),
        days[1],
        (day().plus(3), StatSources::default()),
    ] {
        assert_eq!(found.sources_of(of), sources);
    }
    let one = read_stat_bars(&set, days[1].0.range(), &memo).unwrap();
    assert_eq!(one.sources, days[1..]);
}

#[test]
fn a_day_of_several_or_unknown_sources_is_refused() {
    let spec = micro_bar_set_spec(&instrument(), "x").unwrap();
    let rows = stat_day(day()).rows;
    let batch = to_stat_batch(&spec, &stat_day(day()), StatSources::default()).unwrap();
    let n = batch.num_rows();
    let refused = |column: usize, texts: Vec<&str>| {
        let mut columns = batch.columns().to_vec();
        columns[N_BAR_COLUMNS + N_STAT_COLUMNS + column] =
            Arc::new(StringArray::from_iter_values(texts));
        let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
        match add_sources(&batch, &rows, &mut Vec::new()) {
            Err(BarError::BadRow { at, column, found }) => Some((at, column, found)),
            _ => None,
        }
    };
    assert_eq!(refused(1, vec!["l2_deltas"; n]), None);
    let mut mixed = vec!["l2_snapshots@1s"; n];
    mixed[7] = "l2_snapshots@2s";
    let at = |i: usize| rows[i].ts_open;
    assert_eq!(
        refused(1, mixed),
        Some((at(7), "book_source", "`l2_snapshots@2s`".to_owned()))
    );
    assert_eq!(
        refused(0, vec!["quotes"; n]),
        Some((at(0), "quote_source", "`quotes`".to_owned()))
    );
}

#[test]
fn refuses_foreign_days_and_bad_values() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let spec = bar_set_spec(&instrument(), "x").unwrap();
    let writer = DatasetWriter::open(&lake, spec, options()).unwrap();
    let rows = minutes(day());
    assert!(write_bar_day(&writer, day().plus(1), &rows, vec![], 0).is_err());
    let nan = [MinuteRow {
        volume: f64::NAN,
        ..rows[0]
    }];
    assert!(write_bar_day(&writer, day(), &nan, vec![], 0).is_err());
    let many = [MinuteRow {
        n_trades: Some(u64::MAX),
        ..rows[0]
    }];
    let error = write_bar_day(&writer, day(), &many, vec![], 0).unwrap_err();
    assert!(
        matches!(
            error,
            BarError::BadRow {
                column: "n_trades",
                ..
            }
        ),
        "{error}"
    );
    assert!(bar_set_spec(&instrument(), "../x").is_err());
}

#[test]
fn a_wrong_close_time_is_named() {
    let spec = bar_set_spec(&instrument(), "x").unwrap();
    let batch = to_batch(&spec, &minutes(day())[..2]).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[1] = columns[0].clone();
    let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let error = from_batch(&batch, &mut Vec::new()).unwrap_err();
    assert!(
        matches!(
            error,
            BarError::BadRow {
                column: "ts_close",
                ..
            }
        ),
        "{error}"
    );
}
