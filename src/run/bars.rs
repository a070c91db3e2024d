//! `build-bars`: one day of one instrument at a time, from the best source the lake holds, with its opening.
//!
//! A day is rebuilt only if what it was made of changed: the bar partition's manifest names the content hash of the raw
//! partition and of the day before that gave the opening. Days are independent, so they run in parallel.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::bars::{BarSource, MinuteBuilder, Opening};
use quant_core::market::{Bar, InstrumentKey, Side};
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::bars::bar_set_spec;
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::{IngestParams, Partition, Source, SourceKind};
use quant_lake::quality::Quality;
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::write::PartitionMeta;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::identity::sha256_hex;

/// Version of the tier-1 kernels; part of every bar set id, raised when their numbers change.
pub const BUILDER_VERSION: &str = "minute-builder-1";
/// Rows per batch when raw partitions are streamed.
const BATCH_ROWS: usize = 65_536;

/// What a bar set is, and thereby its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarSetSpec {
    /// Version of the kernels.
    pub builder: &'static str,
    /// Minutes per row.
    pub interval_minutes: u32,
    /// Sources in order of preference.
    pub sources: Vec<Dataset>,
}

impl BarSetSpec {
    /// Returns the set of 1m bars made from `sources`.
    pub fn minutes(sources: &[Dataset]) -> Self {
        Self { builder: BUILDER_VERSION, interval_minutes: 1, sources: sources.to_vec() }
    }

    /// Returns the id: first 16 hex digits of the sha256 of the specification.
    ///
    /// # Errors
    /// Internal, if the specification cannot be written as JSON.
    pub fn id(&self) -> CommandResult<String> {
        let text = serde_json::to_string(self).internal_error()?;
        Ok(sha256_hex(text.as_bytes())[..16].to_owned())
    }
}

/// What happened to the bars of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BarsReport {
    /// Instrument id.
    pub instrument: String,
    /// Bar set id.
    pub bar_set: String,
    /// Days built now.
    pub built: u64,
    /// Days that were up to date.
    pub current: u64,
    /// Days without any raw partition to build from.
    pub absent: Vec<Day>,
    /// Days per source.
    pub sources: std::collections::BTreeMap<&'static str, u64>,
}

/// One day that can be built.
struct Job {
    day: Day,
    source: Dataset,
    raw: Partition,
    /// The day before, from the same kind of choice: gives the opening.
    before: Option<(Dataset, Partition)>,
}

/// Builds what is missing or stale of `days` of one instrument.
///
/// # Errors
/// Data errors of reading and writing; internal ones of the file system; interrupted.
pub fn build(
    lake: &Lake,
    instrument: &InstrumentKey,
    spec: &BarSetSpec,
    range: TimeRange,
    force: bool,
    created_at: UnixMicros,
    stop: &AtomicBool,
) -> CommandResult<BarsReport> {
    let bar_set = spec.id()?;
    let mut report = BarsReport {
        instrument: instrument.to_string(),
        bar_set: bar_set.clone(),
        ..BarsReport::default()
    };
    let mut sets = Vec::new();
    for &dataset in &spec.sources {
        let raw = PartitionSetSpec::raw(
            &DatasetKey { instrument: instrument.clone(), dataset },
            DEFAULT_BOOK_LEVELS,
        );
        if let Some(set) = PartitionSet::open_if_present(lake, &raw).data_error()? {
            sets.push((dataset, set));
        }
    }
    let choose = |day: Day| -> Option<(Dataset, Partition)> {
        sets.iter().find_map(|(d, set)| Some((*d, set.manifest().partition(day)?.clone())))
    };
    let mut jobs = Vec::new();
    for day in range.days() {
        match choose(day) {
            None => report.absent.push(day),
            Some((source, raw)) => {
                *report.sources.entry(source.name()).or_default() += 1;
                jobs.push(Job { day, source, raw, before: choose(day.plus(-1)) });
            }
        }
    }
    if jobs.is_empty() {
        return Ok(report);
    }
    let mut params = IngestParams::new();
    params.insert("bar_set".to_owned(), serde_json::to_value(spec).internal_error()?);
    let writer = DatasetWriter::open(
        lake,
        bar_set_spec(instrument, &bar_set).data_error()?,
        WriterOptions::new(BUILDER_VERSION, params, created_at),
    )
    .data_error()?;
    let memo = HashMemo::default();
    let set_of = |dataset: Dataset| {
        sets.iter().find(|(d, _)| *d == dataset).map(|(_, set)| set).ok_or_else(|| {
            CommandError::text(ErrorKind::Internal, "a chosen bar source is not open")
        })
    };
    let built: Vec<CommandResult<bool>> = jobs
        .par_iter()
        .map(|job| {
            if stop.load(Ordering::Relaxed) {
                return Err(CommandError::text(ErrorKind::Interrupted, "interrupted while building bars")
                    .hint("run the same command again: finished days are kept"));
            }
            let sources = lineage(job);
            let hashes: Vec<&str> = sources.iter().map(|s| s.sha256.as_str()).collect();
            let same_lineage = writer.partition(job.day).is_some_and(|p| p.sources == sources);
            if !force && same_lineage && writer.is_current(job.day, &hashes) {
                return Ok(false);
            }
            let opening = match &job.before {
                None => Opening { last_price: None },
                Some((dataset, partition)) => Opening {
                    last_price: closing_price(set_of(*dataset)?, *dataset, partition, &memo)?,
                },
            };
            build_day(set_of(job.source)?, job, opening, &writer, sources, &memo)?;
            Ok(true)
        })
        .collect();
    for outcome in built {
        if outcome? {
            report.built += 1;
        } else {
            report.current += 1;
        }
    }
    Ok(report)
}

/// Returns what the bars of a day are made of: the raw partition, then the one its opening comes from.
fn lineage(job: &Job) -> Vec<Source> {
    let source = |role: &str, dataset: Dataset, p: &Partition| Source {
        kind: SourceKind::Derived,
        name: format!("{role}:{dataset}/{}", p.date),
        url: None,
        bytes: p.bytes,
        sha256: p.content_sha256.clone(),
        checksum_verified: true,
    };
    let mut out = vec![source("day", job.source, &job.raw)];
    if let Some((dataset, p)) = &job.before {
        out.push(source("opening", *dataset, p));
    }
    out
}

fn build_day(
    set: &PartitionSet,
    job: &Job,
    opening: Opening,
    writer: &DatasetWriter,
    sources: Vec<Source>,
    memo: &HashMemo,
) -> CommandResult<()> {
    let source = match job.source {
        Dataset::Trades => BarSource::Trades,
        Dataset::AggTrades => BarSource::AggTrades,
        _ => BarSource::Klines,
    };
    let mut builder: MinuteBuilder = MinuteBuilder::new(job.day, source, opening);
    let columns = columns_of(job.source);
    let reader = set.read_day(job.day, Some(columns), BATCH_ROWS, memo).data_error()?;
    for batch in reader {
        let batch = batch.data_error()?;
        if source == BarSource::Klines {
            feed_klines(&mut builder, &batch)?;
        } else {
            feed_trades(&mut builder, &batch, job.source)?;
        }
    }
    let day = builder.finish(job.day.end());
    let mut partition = writer.begin(job.day).data_error()?;
    partition.write(&quant_lake::bars::to_batch(&day.rows).data_error()?).data_error()?;
    let rows = day.rows.len() as u64;
    let gaps = day.rows.iter().filter(|r| r.is_filled).count() as u64;
    let staged = partition
        .finish(PartitionMeta { sources, rows_in: rows, quality: Quality { gaps, ..Quality::default() } })
        .data_error()?;
    writer.commit(staged).data_error()?;
    Ok(())
}

/// Returns the columns bars need of a source.
const fn columns_of(source: Dataset) -> &'static [&'static str] {
    match source {
        Dataset::Trades => &["ts_event", "price", "qty", "aggressor"],
        Dataset::AggTrades => &["ts_event", "price", "qty", "aggressor", "first_id", "last_id"],
        _ => &[
            "ts_open",
            "ts_close",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "quote_volume",
            "n_trades",
            "taker_buy_volume",
        ],
    }
}

fn feed_trades(builder: &mut MinuteBuilder, batch: &RecordBatch, source: Dataset) -> CommandResult<()> {
    let ts = batch.column(0).as_primitive::<TimestampMicrosecondType>().values();
    let price = batch.column(1).as_primitive::<Float64Type>().values();
    let qty = batch.column(2).as_primitive::<Float64Type>().values();
    let aggressor = batch.column(3).as_primitive::<Int8Type>().values();
    let ids = (source == Dataset::AggTrades).then(|| {
        (
            batch.column(4).as_primitive::<Int64Type>().values(),
            batch.column(5).as_primitive::<Int64Type>().values(),
        )
    });
    for i in 0..batch.num_rows() {
        // An aggregate holds the raw trades first_id..=last_id; ids left out by the venue make this an upper bound.
        let n_trades = ids.as_ref().map_or(1, |(first, last)| {
            u32::try_from((last[i] - first[i]).saturating_add(1).max(1)).unwrap_or(u32::MAX)
        });
        let side = if aggressor[i] > 0 { Side::Buy } else { Side::Sell };
        builder
            .on_trade_fields(ts[i], price[i], qty[i], side.sign(), n_trades)
            .data_error()?;
    }
    Ok(())
}

fn feed_klines(builder: &mut MinuteBuilder, batch: &RecordBatch) -> CommandResult<()> {
    let time = |i: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>();
    let number = |i: usize| batch.column(i).as_primitive::<Float64Type>();
    let optional = |i: usize, row: usize| {
        let column = number(i);
        (!column.is_null(row)).then(|| column.value(row))
    };
    for row in 0..batch.num_rows() {
        let n_trades = batch.column(8).as_primitive::<Int64Type>();
        let bar = Bar {
            ts_open: UnixMicros(time(0).value(row)),
            ts_close: UnixMicros(time(1).value(row)),
            open: number(2).value(row),
            high: number(3).value(row),
            low: number(4).value(row),
            close: number(5).value(row),
            volume: number(6).value(row),
            quote_volume: optional(7, row),
            n_trades: (!n_trades.is_null(row))
                .then(|| u64::try_from(n_trades.value(row)).unwrap_or(0)),
            taker_buy_volume: optional(9, row),
        };
        builder.on_bar(&bar).data_error()?;
    }
    Ok(())
}

/// Returns the last price of a raw partition: the opening of the next day.
fn closing_price(
    set: &PartitionSet,
    dataset: Dataset,
    partition: &Partition,
    memo: &HashMemo,
) -> CommandResult<Option<f64>> {
    let Some(last) = partition.ts_max else { return Ok(None) };
    let column = if dataset == Dataset::Klines1m { "close" } else { "price" };
    // Only the rows of the last instant are wanted; row groups before it are pruned.
    let from = if dataset == Dataset::Klines1m { last } else { last.plus(-MICROS_PER_MINUTE) };
    let range = TimeRange { start: from.max(partition.date.start()), end: partition.date.end() };
    let mut price = None;
    for batch in set.read(range, Some(&[column]), BATCH_ROWS, memo).data_error()? {
        let batch = batch.data_error()?;
        let values = batch.column(0).as_primitive::<Float64Type>().values();
        price = values.last().copied().or(price);
    }
    Ok(price)
}
