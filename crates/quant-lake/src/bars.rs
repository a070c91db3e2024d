//! Bar partitions: minute rows of tier 1 to Arrow and back, whole days at a time. Computes no bar.
//!
//! Sets with microstructure have the columns of the statistics after those of the bars; null is NaN in memory only.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use quant_core::bars::{BarSource, DayBars, MinuteRow, N_STAT_COLUMNS, STAT_COLUMNS, StatSources};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};

use crate::commit::{CommitError, DatasetWriter};
use crate::layout::{DayRule, LayoutError, PartitionSetSpec, check_set_id, instrument_path};
use crate::manifest::{Partition, Source};
use crate::quality::Quality;
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::{Column, ColumnType};
use crate::write::PartitionMeta;

/// Why bars cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BarError {
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A stored row is not a minute row.
    #[error("minute {at}: `{column}` is {found}")]
    BadRow {
        /// Start of the minute.
        at: UnixMicros,
        /// Column.
        column: &'static str,
        /// What it holds.
        found: String,
    },
    /// The rows cannot form a batch.
    #[error("minute rows do not fit their schema: {source}")]
    Batch {
        /// Cause.
        source: arrow_schema::ArrowError,
    },
}

/// Returns the partition set of an instrument's bar set; `bar_set_id` is the hash of the set's specification.
///
/// # Errors
/// `LayoutError::BadId` if the id cannot be a folder name.
pub fn bar_set_spec(
    instrument: &InstrumentKey,
    bar_set_id: &str,
) -> Result<PartitionSetSpec, LayoutError> {
    use ColumnType::{Bool, F64, I64, Text, Ts};
    let columns = [
        ("ts_open", Ts, false),
        ("ts_close", Ts, false),
        ("open", F64, true),
        ("high", F64, true),
        ("low", F64, true),
        ("close", F64, true),
        ("volume", F64, false),
        ("quote_volume", F64, true),
        ("n_trades", I64, true),
        ("buy_volume", F64, true),
        ("vwap", F64, true),
        ("bar_source", Text, false),
        ("is_filled", Bool, false),
    ];
    Ok(PartitionSetSpec {
        dir: format!(
            "bars/{}/{}",
            instrument_path(instrument),
            check_set_id(bar_set_id)?
        ),
        columns: columns
            .into_iter()
            .map(|(name, ty, nullable)| Column {
                name: name.to_owned(),
                ty,
                nullable,
            })
            .collect(),
        sort_key: vec!["ts_open".to_owned()],
        time_column: "ts_open".to_owned(),
        interval_us: Some(MICROS_PER_MINUTE),
        day_rule: DayRule::Inside,
        simulated: instrument.exchange.simulated,
    })
}

/// Returns the partition set of a bar set with microstructure: as [`bar_set_spec`], then the statistics, then what they were
/// made of.
///
/// # Errors
/// As [`bar_set_spec`].
pub fn micro_bar_set_spec(
    instrument: &InstrumentKey,
    bar_set_id: &str,
) -> Result<PartitionSetSpec, LayoutError> {
    let mut spec = bar_set_spec(instrument, bar_set_id)?;
    let column = |name: &str, ty| Column {
        name: name.to_owned(),
        ty,
        nullable: true,
    };
    let stats = STAT_COLUMNS
        .iter()
        .map(|name| column(name, ColumnType::F64));
    spec.columns.extend(stats);
    let sources = SOURCE_COLUMNS.iter();
    spec.columns
        .extend(sources.map(|name| column(name, ColumnType::Text)));
    Ok(spec)
}

/// Columns of a bar set without microstructure.
const N_BAR_COLUMNS: usize = 13;
/// What the statistics were made of: names of `QuoteSource` and of `BookSource`.
const SOURCE_COLUMNS: [&str; 2] = ["quote_source", "book_source"];

/// Minute rows with their statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatRows {
    /// The rows.
    pub rows: Vec<MinuteRow>,
    /// `rows.len() x N_STAT_COLUMNS`, row-major, NaN for null; empty if the set has no microstructure.
    pub stats: Vec<f64>,
    /// What the statistics of each day are made of, ascending; empty if there are none.
    pub sources: Vec<(Day, StatSources)>,
}

impl StatRows {
    /// Returns what the statistics of a day are made of: nothing where the day is not there.
    pub fn sources_of(&self, day: Day) -> StatSources {
        let found = self.sources.binary_search_by_key(&day, |(day, _)| *day);
        found.map_or_else(|_| StatSources::default(), |at| self.sources[at].1)
    }

    /// Appends a day after those before it.
    pub fn append(&mut self, day: DayBars, sources: StatSources) {
        self.rows.extend(day.rows);
        self.stats.extend(day.stat_values);
        self.sources.push((day.day, sources));
    }
}

/// Returns the rows as a batch of the bar set's schema.
///
/// # Errors
/// `BadRow` for a trade count beyond `i64`, `Batch` if the rows do not fit.
pub fn to_batch(spec: &PartitionSetSpec, rows: &[MinuteRow]) -> Result<RecordBatch, BarError> {
    let columns = bar_columns(rows)?;
    RecordBatch::try_new(spec.arrow_schema(), columns).map_err(|source| BarError::Batch { source })
}

/// Returns the rows of a day as a batch of the schema of a set with microstructure.
fn to_stat_batch(
    spec: &PartitionSetSpec,
    day: &DayBars,
    sources: StatSources,
) -> Result<RecordBatch, BarError> {
    let mut columns = bar_columns(&day.rows)?;
    let n = day.rows.len();
    for column in 0..N_STAT_COLUMNS {
        let values = day.stat_values.iter().skip(column).step_by(N_STAT_COLUMNS);
        let values = values.map(|v| v.is_finite().then_some(*v));
        columns.push(Arc::new(values.collect::<Float64Array>()));
    }
    for name in [sources.quotes.name(), &sources.book.to_string()] {
        columns.push(Arc::new(StringArray::from_iter_values(
            std::iter::repeat_n(name, n),
        )));
    }
    RecordBatch::try_new(spec.arrow_schema(), columns).map_err(|source| BarError::Batch { source })
}

fn bar_columns(rows: &[MinuteRow]) -> Result<Vec<ArrayRef>, BarError> {
    let times = |time: fn(&MinuteRow) -> UnixMicros| -> ArrayRef {
        let array: TimestampMicrosecondArray = rows.iter().map(|r| Some(time(r).0)).collect();
        Arc::new(array.with_timezone("UTC"))
    };
    let floats = |value: fn(&MinuteRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<Float64Array>())
    };
    let counts: Vec<Option<i64>> = rows
        .iter()
        .map(|r| {
            r.n_trades
                .map(|n| {
                    i64::try_from(n).map_err(|_| BarError::BadRow {
                        at: r.ts_open,
                        column: "n_trades",
                        found: n.to_string(),
                    })
                })
                .transpose()
        })
        .collect::<Result<_, _>>()?;
    Ok(vec![
        times(|r| r.ts_open),
        times(MinuteRow::ts_close),
        floats(|r| r.open),
        floats(|r| r.high),
        floats(|r| r.low),
        floats(|r| r.close),
        floats(|r| Some(r.volume)),
        floats(|r| r.quote_volume),
        Arc::new(Int64Array::from(counts)),
        floats(|r| r.buy_volume),
        floats(|r| r.vwap),
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|r| r.bar_source.name()),
        )),
        Arc::new(
            rows.iter()
                .map(|r| Some(r.is_filled))
                .collect::<BooleanArray>(),
        ),
    ])
}

/// Appends the rows of a batch read with all columns of the bar set.
///
/// # Errors
/// `BadRow` if a stored value is not a minute row's.
pub fn from_batch(batch: &RecordBatch, out: &mut Vec<MinuteRow>) -> Result<(), BarError> {
    let times = |i: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>();
    let (opens, closes) = (times(0), times(1));
    let floats: Vec<&Float64Array> = [2, 3, 4, 5, 6, 7, 9, 10]
        .into_iter()
        .map(|i| batch.column(i).as_primitive::<Float64Type>())
        .collect();
    let counts = batch.column(8).as_primitive::<Int64Type>();
    let sources = batch.column(11).as_string::<i32>();
    let filled = batch.column(12).as_boolean();
    for row in 0..batch.num_rows() {
        let at = UnixMicros(opens.value(row));
        let bad = |column, found: String| BarError::BadRow { at, column, found };
        let float = |i: usize| floats[i].is_valid(row).then(|| floats[i].value(row));
        let name = sources.value(row);
        let minute = MinuteRow {
            ts_open: at,
            open: float(0),
            high: float(1),
            low: float(2),
            close: float(3),
            volume: floats[4].value(row),
            quote_volume: float(5),
            n_trades: counts
                .is_valid(row)
                .then(|| u64::try_from(counts.value(row)))
                .transpose()
                .map_err(|_| bad("n_trades", counts.value(row).to_string()))?,
            buy_volume: float(6),
            vwap: float(7),
            bar_source: [BarSource::Trades, BarSource::Klines, BarSource::AggTrades]
                .into_iter()
                .find(|s| s.name() == name)
                .ok_or_else(|| bad("bar_source", format!("`{}`", name.escape_debug())))?,
            is_filled: filled.value(row),
        };
        if minute.ts_close().0 != closes.value(row) {
            return Err(bad("ts_close", UnixMicros(closes.value(row)).to_string()));
        }
        out.push(minute);
    }
    Ok(())
}

/// Writes the minute rows of a day; `sources` are the partitions they were made of, `gaps` the missing stretches.
///
/// # Errors
/// `Commit` if rows are not ascending, lie outside the day or cannot be stored.
pub fn write_bar_day(
    writer: &DatasetWriter,
    day: Day,
    rows: &[MinuteRow],
    sources: Vec<Source>,
    gaps: u64,
) -> Result<Partition, BarError> {
    write_batch(writer, day, &to_batch(writer.spec(), rows)?, sources, gaps)
}

/// Writes the minute rows of a day with their statistics; `made_of` says what those were made of.
///
/// # Errors
/// As [`write_bar_day`].
pub fn write_stat_day(
    writer: &DatasetWriter,
    day: &DayBars,
    made_of: StatSources,
    sources: Vec<Source>,
    gaps: u64,
) -> Result<Partition, BarError> {
    let batch = to_stat_batch(writer.spec(), day, made_of)?;
    write_batch(writer, day.day, &batch, sources, gaps)
}

fn write_batch(
    writer: &DatasetWriter,
    day: Day,
    batch: &RecordBatch,
    sources: Vec<Source>,
    gaps: u64,
) -> Result<Partition, BarError> {
    let mut partition = writer.begin(day)?;
    partition.write(batch).map_err(CommitError::from)?;
    let quality = Quality {
        gaps,
        ..Quality::default()
    };
    let meta = PartitionMeta {
        sources,
        rows_in: partition.rows(),
        quality,
    };
    let staged = partition.finish(meta).map_err(CommitError::from)?;
    Ok(writer.commit(staged)?)
}

/// Reads the minute rows that begin inside a range, ascending; days without a partition give none.
///
/// # Errors
/// `Read` or `BadRow`.
pub fn read_bars(
    set: &PartitionSet,
    range: TimeRange,
    memo: &HashMemo,
) -> Result<Vec<MinuteRow>, BarError> {
    let mut out = Vec::new();
    let columns = &set.spec().columns[..N_BAR_COLUMNS];
    let columns: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    for batch in set.read(range, Some(&columns), 1 << 14, memo)? {
        from_batch(&batch?, &mut out)?;
    }
    Ok(out)
}

/// Reads the minute rows that begin inside a range with their statistics, if the set has any.
///
/// # Errors
/// As [`read_bars`].
pub fn read_stat_bars(
    set: &PartitionSet,
    range: TimeRange,
    memo: &HashMemo,
) -> Result<StatRows, BarError> {
    let mut out = StatRows::default();
    let columns = &set.spec().columns;
    let has_stats = columns.len() >= N_BAR_COLUMNS + N_STAT_COLUMNS;
    let columns = columns.iter().map(|c| c.name.as_str());
    let mut columns: Vec<&str> = columns.take(N_BAR_COLUMNS).collect();
    if has_stats {
        columns.extend(STAT_COLUMNS.iter().chain(&SOURCE_COLUMNS));
    }
    for batch in set.read(range, Some(&columns), 1 << 14, memo)? {
        let batch = batch?;
        let first = out.rows.len();
        from_batch(&batch, &mut out.rows)?;
        if !has_stats {
            continue;
        }
        add_sources(&batch, &out.rows[first..], &mut out.sources)?;
        let stats: Vec<&Float64Array> = batch.columns()
            [N_BAR_COLUMNS..N_BAR_COLUMNS + N_STAT_COLUMNS]
            .iter()
            .map(AsArray::as_primitive::<Float64Type>)
            .collect();
        for row in 0..batch.num_rows() {
            out.stats.extend(stats.iter().map(|column| {
                if column.is_valid(row) {
                    column.value(row)
                } else {
                    f64::NAN
                }
            }));
        }
    }
    Ok(out)
}

/// Notes what the statistics of each day of a batch were made of; `rows` are those of the batch.
fn add_sources(
    batch: &RecordBatch,
    rows: &[MinuteRow],
    out: &mut Vec<(Day, StatSources)>,
) -> Result<(), BarError> {
    let [quotes, book] = [0, 1].map(|i| {
        batch
            .column(N_BAR_COLUMNS + N_STAT_COLUMNS + i)
            .as_string::<i32>()
    });
    let mut names = None;
    for (i, row) in rows.iter().enumerate() {
        let now = (
            row.ts_open.day(),
            row.bar_source,
            quotes.value(i),
            book.value(i),
        );
        if names == Some(now) {
            continue;
        }
        names = Some(now);
        let (day, bar_source, quotes, book) = now;
        let bad = |column, found: &str| BarError::BadRow {
            at: row.ts_open,
            column,
            found: format!("`{}`", found.escape_debug()),
        };
        let sources = StatSources {
            quotes: quotes.parse().map_err(|_| bad(SOURCE_COLUMNS[0], quotes))?,
            book: book.parse().map_err(|_| bad(SOURCE_COLUMNS[1], book))?,
            has_trades: bar_source.is_trades(),
        };
        match out.last() {
            Some((last, of_day)) if *last == day => {
                if *of_day != sources {
                    // A day has one source of each kind.
                    return Err(bad(SOURCE_COLUMNS[1], book));
                }
            }
            _ => out.push((day, sources)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
