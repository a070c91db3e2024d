//! Instants, and pipelines made for the test: honest ones pass, one row that looks ahead does not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use quant_core::time::{Day, MICROS_PER_DAY};
use quant_lake::layout::{DatasetKey, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};

use super::super::fixture::{Bench, M, S, day, instrument, trade, tree};
use super::*;

fn range(days: i64) -> TimeRange {
    TimeRange {
        start: day().start(),
        end: day().start().plus(days * MICROS_PER_DAY),
    }
}

fn probes(every_rows: u32, random: u32) -> Probes {
    Probes {
        every_rows,
        random,
        seed: 1,
    }
}

/// Minutes of so many days, known a quarter of a second after their end; those of `busy` have trades of their own.
fn minutes(days: i64, busy: std::ops::Range<i64>) -> Table {
    let all = 0..days * 1_440;
    let open = |m: i64| day().start().0 + m * M;
    Table {
        name: "bars".to_owned(),
        columns: vec!["close".to_owned(), "is_filled".to_owned()],
        ts_open: all.clone().map(open).collect(),
        ts_avail: all.clone().map(|m| open(m + 1) + 250_000).collect(),
        values: all
            .flat_map(|m| [Some(1.0), Some(f64::from(u8::from(!busy.contains(&m))))])
            .collect(),
    }
}

#[test]
fn instants_are_the_moments_rows_are_known() {
    let at = |minute: i64| day().start().plus((minute + 1) * M + 250_000);
    let two = [minutes(2, 0..2_880)];
    let found = instants(range(1), &two, probes(360, 0));
    assert_eq!(found, [180, 540, 900, 1_260].map(at));
    let all = instants(range(2), &two, probes(1, 0));
    assert_eq!((all.len(), all[0], all[2_879]), (2_880, at(0), at(2_879)));
    // Drawn ones are added, each row once, in order.
    let drawn = instants(range(2), &two, probes(5_760, 40));
    assert!((30..=40).contains(&drawn.len()), "{}", drawn.len());
    assert!(drawn.windows(2).all(|w| w[0] < w[1]));
    assert!(drawn.iter().all(|ts| all.contains(ts)));
    // Of both days.
    assert!(drawn[0].day() == day() && drawn[drawn.len() - 1].day() > day());
    assert_eq!(drawn, instants(range(2), &two, probes(5_760, 40)));
    let other = Probes {
        seed: 2,
        ..probes(5_760, 40)
    };
    assert_ne!(drawn, instants(range(2), &two, other));
    // Whatever is asked for, something is probed.
    let one = instants(range(1), &two, probes(100_000, 0));
    assert_eq!(one, [at(720)]);
    assert_eq!(instants(range(1), &two, probes(1, u32::MAX)).len(), 1_440);
    assert!(instants(range(1), &[Table::default()], probes(1, 5)).is_empty());
}

#[test]
fn a_short_recording_is_probed_where_it_has_trades() {
    let at = |minute: i64| day().start().plus((minute + 1) * M + 250_000);
    let tables = [minutes(1, 600..610), minutes(1, 605..612)];
    let drawn = instants(range(1), &tables, probes(1_440, 8));
    // Every so many rows over all of them, the others where one of the two traded.
    assert!(drawn.contains(&at(720)));
    let rest: Vec<_> = drawn.iter().filter(|ts| **ts != at(720)).collect();
    assert!((4..=8).contains(&rest.len()));
    assert!(rest.iter().all(|ts| (at(600)..at(612)).contains(*ts)));
    let quiet = [minutes(1, 0..0)];
    assert!(instants(range(1), &quiet, probes(100_000, 5)).len() > 3);
}

/// What a pipeline of the test does wrong.
#[derive(Clone, Copy)]
enum Wrong {
    Nothing,
    /// The row of one minute has the close of the next one.
    NextClose(i64),
    /// A minute is left out if the next one has no trade.
    DropsBeforeGap(i64),
    /// Every row knows the last price in the lake.
    LastOfLake,
    /// The rows of a minute are said to be known a minute earlier.
    KnownTooSoon,
}

struct Own(Wrong);

impl Pipeline for Own {
    fn tables(&self, config: &Config) -> CommandResult<Vec<Table>> {
        let key = DatasetKey {
            instrument: instrument("sim-binance"),
            dataset: Dataset::Trades,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let set = PartitionSet::open(&Lake::new(&config.raw.paths.lake), &spec).unwrap();
        let everything = TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        };
        let mut trades: Vec<(i64, f64)> = Vec::new();
        for batch in set
            .read(everything, None, 1 << 16, &HashMemo::default())
            .unwrap()
        {
            let batch = batch.unwrap();
            let ts = batch
                .column_by_name("ts_event")
                .unwrap()
                .as_primitive::<TimestampMicrosecondType>()
                .clone();
            let px = batch
                .column_by_name("price")
                .unwrap()
                .as_primitive::<Float64Type>()
                .clone();
            trades.extend(ts.values().iter().copied().zip(px.values().iter().copied()));
        }
        let close_of = |minute: i64| {
            let upto = trades.partition_point(|t| t.0 < day().start().0 + (minute + 1) * M);
            trades[..upto].last().map(|t| t.1)
        };
        let has_trade = |minute: i64| {
            let from = day().start().0 + minute * M;
            trades.iter().any(|t| (from..from + M).contains(&t.0))
        };
        let mut table = Table {
            name: "own".to_owned(),
            columns: vec!["close".to_owned(), "other".to_owned()],
            ..Table::default()
        };
        for minute in 0..(config.range.end.0 - day().start().0) / M {
            let other = match self.0 {
                Wrong::NextClose(at) if at == minute => close_of(minute + 1),
                Wrong::LastOfLake => trades.last().map(|t| t.1),
                _ => close_of(minute),
            };
            if matches!(self.0, Wrong::DropsBeforeGap(at) if at == minute) && !has_trade(minute + 1)
            {
                continue;
            }
            let early = if matches!(self.0, Wrong::KnownTooSoon) {
                M
            } else {
                0
            };
            let ts_open = day().start().0 + minute * M;
            table.ts_open.push(ts_open);
            table.ts_avail.push(ts_open + M + 250_000 - early);
            table.values.extend([close_of(minute), other]);
        }
        Ok(vec![table])
    }
}

/// A lake with a trade a minute, but for minute 7, on the day and the two after it.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.instrument = instrument("sim-binance");
    for distance in 0..3 {
        let of: Day = day().plus(distance);
        let minutes = (0..1_440).filter(|m| distance > 0 || *m != 7);
        let rows: Vec<_> = minutes
            .map(|m| {
                trade(
                    of.start().0 + m * M + 30 * S,
                    i64::from(distance) * 2_000 + m,
                    100.0 + m as f64,
                    1.0,
                )
            })
            .collect();
        bench.put(of, &rows);
    }
    bench
}

fn config(bench: &Bench) -> Config {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml"));
    let lake = format!("paths.lake={}", bench.dir.path().display());
    let sets = [
        lake.as_str(),
        "run.start=2024-01-02",
        "run.end=2024-01-03",
        "ingest.source=lake",
    ];
    Config::load(&file, &sets.map(str::to_owned)).unwrap()
}

fn run(bench: &Bench, wrong: Wrong, probes: Probes) -> CommandResult<CausalityReport> {
    let options = AuditOptions {
        stamps_of: None,
        availability: &Availability::default(),
        on_probe: &|_, _| {},
        stop_at_first: true,
        stop: &AtomicBool::new(false),
    };
    audit(&config(bench), &Own(wrong), probes, &options)
}

#[test]
fn an_honest_pipeline_passes_and_the_lake_stays_as_it_is() {
    let bench = bench();
    let before = tree(bench.dir.path());
    let report = run(&bench, Wrong::Nothing, probes(400, 2)).unwrap();
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.first_at, None);
    assert!(report.instants >= 4);
    // Every row known at each instant, of both futures; a minute at least.
    assert!(report.comparison.rows > 2 * 1_440);
    assert_eq!(tree(bench.dir.path()), before);
}

#[test]
fn one_row_that_looks_one_minute_ahead_is_caught_where_it_is_probed() {
    let bench = bench();
    let report = run(&bench, Wrong::NextClose(3), probes(1, 0)).unwrap();
    assert!(!report.is_ok());
    // At the instant the row is known, and not before.
    assert_eq!((report.instants, report.comparison.n_differences), (4, 2));
    assert_eq!(report.first_at, Some(day().start().plus(4 * M + 250_000)));
    let first = &report.comparison.first;
    assert!(
        first
            .iter()
            .all(|d| d.column == "other" && d.ts_open == day().start().0 + 3 * M)
    );
    // Cut: the close is that of the row itself; falsified: it is a third higher.
    assert_eq!(first[0].expected, Some(104.0));
    assert_eq!(
        (first[0].found, first[1].found),
        (Some(103.0), Some(104.0 * 1.328_125))
    );
    // Probes elsewhere do not see it: what they show is shown for the rows they look at.
    assert!(
        run(&bench, Wrong::NextClose(3), probes(720, 0))
            .unwrap()
            .is_ok()
    );
    // A leak in every row is seen by any.
    assert!(
        !run(&bench, Wrong::LastOfLake, probes(100_000, 0))
            .unwrap()
            .is_ok()
    );
    assert!(
        !run(&bench, Wrong::KnownTooSoon, probes(100_000, 0))
            .unwrap()
            .is_ok()
    );
}

#[test]
fn a_row_that_is_missing_because_of_what_came_later_is_caught() {
    let bench = bench();
    // Minute 6 has a trade, so minute 5 is there; when 5 is known 6 has not begun, and 5 is dropped.
    let report = run(&bench, Wrong::DropsBeforeGap(5), probes(1, 0)).unwrap();
    assert_eq!((report.instants, report.comparison.n_differences), (6, 2));
    assert_eq!(report.comparison.first[0].found, None);
}

#[test]
fn interrupted_between_two_probes() {
    let bench = bench();
    let before = tree(bench.dir.path());
    let stop = AtomicBool::new(false);
    let options = AuditOptions {
        stamps_of: None,
        availability: &Availability::default(),
        on_probe: &|_, _| stop.store(true, Ordering::Relaxed),
        stop_at_first: false,
        stop: &stop,
    };
    let error = audit(
        &config(&bench),
        &Own(Wrong::Nothing),
        probes(1, 0),
        &options,
    )
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert_eq!(tree(bench.dir.path()), before);
}

#[test]
fn a_report_of_nothing_is_no_success() {
    let mut report = CausalityReport::default();
    assert!(!report.is_ok());
    report.comparison.rows = 5;
    assert!(!report.is_ok());
    report.rows_touched = 1;
    assert!(report.is_ok());
    report.comparison.n_differences = 1;
    assert!(!report.is_ok());
}
