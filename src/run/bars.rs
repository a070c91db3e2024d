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
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::bars::{bar_set_spec, write_bar_day};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::{IngestParams, Partition, Source};
use quant_lake::openings::{
    OPENINGS_VERSION, OpeningKind, OpeningRow, derived_source, openings_spec, write_opening,
};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
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
        Self {
            builder: BUILDER_VERSION,
            interval_minutes: 1,
            sources: sources.to_vec(),
        }
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
    /// Days without any raw partition to build from; bars an earlier state of the lake left for them are not used.
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

/// The raw partition sets bars may be made from, in order of preference.
pub(super) struct RawSets(Vec<(Dataset, PartitionSet)>);

impl RawSets {
    pub(super) fn open(
        lake: &Lake,
        instrument: &InstrumentKey,
        sources: &[Dataset],
    ) -> CommandResult<Self> {
        let mut sets = Vec::new();
        for &dataset in sources {
            let key = DatasetKey {
                instrument: instrument.clone(),
                dataset,
            };
            let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
            if let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? {
                sets.push((dataset, set));
            }
        }
        Ok(Self(sets))
    }

    /// Returns the first source with rows on the day; a day on which every source is there but empty takes the first.
    /// Trades without sizes make no bars: their volume would be 0.
    pub(super) fn choose(&self, day: Day) -> Option<(Dataset, Partition)> {
        let of = |(d, set): &(Dataset, PartitionSet)| {
            let partition = set.manifest().partition(day)?;
            let usable = !set.manifest().has_prices_only(partition);
            usable.then(|| (*d, partition.clone()))
        };
        let mut all = self.0.iter().filter_map(of);
        let first = all.next()?;
        if first.1.rows > 0 {
            return Some(first);
        }
        all.find(|(_, p)| p.rows > 0).or(Some(first))
    }

    /// Returns the sources that hold the day.
    pub(super) fn held(&self, day: Day) -> Vec<Dataset> {
        self.0
            .iter()
            .filter(|(_, set)| set.manifest().partition(day).is_some())
            .map(|(dataset, _)| *dataset)
            .collect()
    }

    /// Returns whether the lake has none of the sources.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, dataset: Dataset) -> CommandResult<&PartitionSet> {
        self.0
            .iter()
            .find(|(d, _)| *d == dataset)
            .map(|(_, set)| set)
            .ok_or_else(|| {
                CommandError::text(ErrorKind::Internal, "a chosen bar source is not open")
            })
    }
}

/// How a bar job runs; nothing here changes a number.
#[derive(Clone, Copy)]
pub struct BuildOptions<'a> {
    /// Rebuild what is up to date.
    pub force: bool,
    /// Written to manifests.
    pub created_at: UnixMicros,
    /// Raised by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// Told after each day.
    pub on_day: &'a (dyn Fn(Day) + Sync),
}

/// Builds what is missing or stale of the days of `range` of one instrument.
///
/// # Errors
/// Data errors of reading and writing; internal ones of the file system; interrupted.
pub fn build(
    lake: &Lake,
    instrument: &InstrumentKey,
    spec: &BarSetSpec,
    range: TimeRange,
    options: BuildOptions<'_>,
) -> CommandResult<BarsReport> {
    let bar_set = spec.id()?;
    let mut report = BarsReport {
        instrument: instrument.to_string(),
        bar_set: bar_set.clone(),
        ..BarsReport::default()
    };
    let sets = RawSets::open(lake, instrument, &spec.sources)?;
    let mut jobs = Vec::new();
    for day in range.days() {
        match sets.choose(day) {
            None => report.absent.push(day),
            Some((source, raw)) => {
                *report.sources.entry(source.name()).or_default() += 1;
                jobs.push(Job {
                    day,
                    source,
                    raw,
                    before: sets.choose(day.plus(-1)),
                });
            }
        }
    }
    if jobs.is_empty() {
        return Ok(report);
    }
    let openings = DatasetWriter::open(
        lake,
        openings_spec(instrument),
        WriterOptions::new(OPENINGS_VERSION, IngestParams::new(), options.created_at),
    )
    .data_error()?;
    let mut params = IngestParams::new();
    params.insert(
        "bar_set".to_owned(),
        serde_json::to_value(spec).internal_error()?,
    );
    let bars = DatasetWriter::open(
        lake,
        bar_set_spec(instrument, &bar_set).data_error()?,
        WriterOptions::new(BUILDER_VERSION, params, options.created_at),
    )
    .data_error()?;
    let memo = HashMemo::default();
    let built: Vec<CommandResult<bool>> = jobs
        .par_iter()
        .map(|job| {
            if options.stop.load(Ordering::Relaxed) {
                return Err(CommandError::text(
                    ErrorKind::Interrupted,
                    "interrupted while building bars",
                )
                .hint("run the same command again: finished days are kept"));
            }
            let raw = sets.get(job.source)?;
            let mut sources = vec![derived_source(raw.spec(), &job.raw)];
            let mut opening = Opening::default();
            if let Some((dataset, partition)) = &job.before {
                let before = sets.get(*dataset)?;
                let (made, price) = make_opening(
                    &openings,
                    job.day,
                    before,
                    *dataset,
                    partition,
                    &memo,
                    options.force,
                )?;
                sources.push(derived_source(openings.spec(), &made));
                opening.last_price = price;
            }
            let fresh = build_if_stale(raw, job, &opening, &bars, sources, &memo, options.force)?;
            (options.on_day)(job.day);
            Ok(fresh)
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

/// Writes the opening of `day` from the last row of the day before, unless it is there already.
fn make_opening(
    openings: &DatasetWriter,
    day: Day,
    before: &PartitionSet,
    dataset: Dataset,
    partition: &Partition,
    memo: &HashMemo,
    force: bool,
) -> CommandResult<(Partition, Option<f64>)> {
    let last = last_row(before, dataset, partition, memo)?;
    let price = last.map(|(_, px)| px);
    let sources = vec![derived_source(before.spec(), partition)];
    if !force
        && let Some(made) = openings.partition(day)
        && same_sources(&made.sources, &sources)
        && openings.is_current(day, &[partition.content_sha256.as_str()])
    {
        return Ok((made, price));
    }
    let rows: Vec<OpeningRow> = last
        .map(|(ts_event, px)| OpeningRow {
            kind: OpeningKind::LastTrade,
            ts_event,
            seq: 0,
            px: Some(px),
            qty: None,
        })
        .into_iter()
        .collect();
    Ok((
        write_opening(openings, day, &rows, sources).data_error()?,
        price,
    ))
}

/// Returns whether a partition was made of exactly `wanted`; manifests keep sources in an order of their own.
pub(super) fn same_sources(found: &[Source], wanted: &[Source]) -> bool {
    found.len() == wanted.len() && wanted.iter().all(|s| found.contains(s))
}

/// Builds the bars of a day unless they were made from exactly these sources; says whether it did.
fn build_if_stale(
    raw: &PartitionSet,
    job: &Job,
    opening: &Opening,
    bars: &DatasetWriter,
    sources: Vec<Source>,
    memo: &HashMemo,
    force: bool,
) -> CommandResult<bool> {
    let hashes: Vec<&str> = sources.iter().map(|s| s.sha256.as_str()).collect();
    let same_lineage = bars
        .partition(job.day)
        .is_some_and(|p| same_sources(&p.sources, &sources));
    if !force && same_lineage && bars.is_current(job.day, &hashes) {
        return Ok(false);
    }
    let source = match job.source {
        Dataset::Trades => BarSource::Trades,
        Dataset::AggTrades => BarSource::AggTrades,
        _ => BarSource::Klines,
    };
    let mut builder: MinuteBuilder = MinuteBuilder::new(job.day, source, opening);
    let reader = raw
        .read_day(job.day, Some(columns_of(job.source)), BATCH_ROWS, memo)
        .data_error()?;
    for batch in reader {
        let batch = batch.data_error()?;
        if source == BarSource::Klines {
            feed_klines(&mut builder, &batch)?;
        } else {
            feed_trades(&mut builder, &batch, job.source)?;
        }
    }
    let day = builder.finish(job.day.end());
    // Stretches of minutes in which nothing traded.
    let gaps = day
        .rows
        .chunk_by(|a, b| a.is_filled == b.is_filled)
        .filter(|run| run[0].is_filled)
        .count();
    write_bar_day(bars, job.day, &day.rows, sources, gaps as u64).data_error()?;
    Ok(true)
}

/// Returns the columns bars need of a source.
const fn columns_of(source: Dataset) -> &'static [&'static str] {
    match source {
        Dataset::Trades => &["ts_event", "price", "qty", "aggressor"],
        Dataset::AggTrades => &[
            "ts_event",
            "price",
            "qty",
            "aggressor",
            "first_id",
            "last_id",
        ],
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

fn feed_trades(
    builder: &mut MinuteBuilder,
    batch: &RecordBatch,
    source: Dataset,
) -> CommandResult<()> {
    let ts = batch
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .values();
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
        let side = if aggressor[i] > 0 {
            Side::Buy
        } else {
            Side::Sell
        };
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

/// Returns time and price of the last row of a raw partition: the opening of the next day.
fn last_row(
    set: &PartitionSet,
    dataset: Dataset,
    partition: &Partition,
    memo: &HashMemo,
) -> CommandResult<Option<(UnixMicros, f64)>> {
    let Some(last) = partition.ts_max else {
        return Ok(None);
    };
    let (time, price) = if dataset == Dataset::Klines1m {
        ("ts_open", "close")
    } else {
        ("ts_event", "price")
    };
    // Only the rows of the last instant are wanted; row groups before it are pruned.
    let range = TimeRange {
        start: last,
        end: partition.date.end(),
    };
    let mut found = None;
    for batch in set
        .read(range, Some(&[time, price]), BATCH_ROWS, memo)
        .data_error()?
    {
        let batch = batch.data_error()?;
        let times = batch
            .column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .values();
        let prices = batch.column(1).as_primitive::<Float64Type>().values();
        if let (Some(ts), Some(px)) = (times.last(), prices.last()) {
            found = Some((UnixMicros(*ts), *px));
        }
    }
    Ok(found)
}
