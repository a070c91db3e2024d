//! Takes the future away: rewrites raw partitions so that rows which were not available at an instant are gone, or wrong.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Float64Array, Int8Array, Int64Array, RecordBatch,
};
use arrow_schema::DataType;
use arrow_select::filter::filter_record_batch;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_DAY, UnixMicros};
use quant_lake::commit::store::{FsStore, Store, StoreFile};
use quant_lake::commit::{CommitError, DatasetWriter, WriterOptions};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::quality::Quality;
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::write::PartitionMeta;
use serde::Serialize;

use crate::error::{CommandResult, Kinded as _};

/// Rows read at once.
const BATCH_ROWS: usize = 1 << 16;

/// What becomes of rows that were not available yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Future {
    /// They are gone.
    Cut,
    /// They are there with other values.
    Perturbed,
}

/// When rows of each dataset are available.
#[derive(Clone, Debug, Default)]
pub struct Availability {
    /// Lag of each dataset behind what its rows describe, microseconds; absent means none.
    pub lag_us: BTreeMap<Dataset, i64>,
}

impl Availability {
    /// Returns the first moment each row of a batch may be used: its venue time, for intervals their end, and where the venue
    /// tells when it published the row, that instead; plus the lag.
    ///
    /// # Errors
    /// None; a batch without the dataset's time column has no rows.
    pub fn of(&self, dataset: Dataset, batch: &RecordBatch) -> Vec<i64> {
        let lag = self.lag_us.get(&dataset).copied().unwrap_or(0);
        let column = |name: &str| {
            let array = batch.column_by_name(name)?;
            array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(|a| a.values().to_vec())
        };
        let times = column("ts_close")
            .or_else(|| column("ts_event"))
            .or_else(|| column("valid_from"))
            .unwrap_or_default();
        let published = batch
            .column_by_name("ts_published")
            .and_then(|a| a.as_primitive_opt::<TimestampMicrosecondType>());
        times
            .into_iter()
            .enumerate()
            .map(|(row, ts)| match published {
                Some(p) if p.is_valid(row) => p.value(row).max(ts),
                _ => ts,
            })
            .map(|ts| ts.saturating_add(lag))
            .collect()
    }

    /// Returns the first day with rows of a dataset that may not be available at `at` yet.
    fn first_day(&self, dataset: Dataset, at: UnixMicros) -> Day {
        let lag = self.lag_us.get(&dataset).copied().unwrap_or(0);
        // Samples may be published up to a day late, as the stream allows.
        let late = if dataset == Dataset::OpenInterest {
            MICROS_PER_DAY
        } else {
            0
        };
        let period = dataset.interval_us().unwrap_or(0);
        UnixMicros(at.0 - lag - late - period).day()
    }
}

/// Rewrites the raw partitions of some days of a scratch lake: what was not available at `at` is cut or perturbed.
/// Returns the number of rows touched.
///
/// # Errors
/// Reading and writing errors of the lake.
pub fn cut_raw(
    lake: &Lake,
    instrument: &InstrumentKey,
    days: RangeInclusive<Day>,
    at: UnixMicros,
    availability: &Availability,
    future: Future,
) -> CommandResult<u64> {
    let memo = HashMemo::default();
    let mut touched = 0;
    for dataset in Dataset::ALL {
        if dataset == Dataset::Instruments {
            continue;
        }
        let key = DatasetKey {
            instrument: instrument.clone(),
            dataset,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? else {
            continue;
        };
        let first = availability.first_day(dataset, at);
        let listed = set.manifest().partitions.iter().map(|p| p.date);
        for day in listed.filter(|day| *day >= first && days.contains(day)) {
            touched += cut_day(lake, &set, dataset, day, at, availability, future, &memo)?;
        }
    }
    Ok(touched)
}

/// Removes rows of one partition of a scratch lake, by their places in it.
///
/// # Errors
/// Reading and writing errors of the lake.
pub fn remove_rows(
    lake: &Lake,
    instrument: &InstrumentKey,
    dataset: Dataset,
    day: Day,
    rows: &[usize],
) -> CommandResult<()> {
    let key = DatasetKey {
        instrument: instrument.clone(),
        dataset,
    };
    let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
    let set = PartitionSet::open(lake, &spec).data_error()?;
    let lost: std::collections::BTreeSet<usize> = rows.iter().copied().collect();
    let mut batches = Vec::new();
    let mut first = 0;
    let memo = HashMemo::default();
    for batch in set.read_day(day, None, BATCH_ROWS, &memo).data_error()? {
        let batch = batch.data_error()?;
        let kept: BooleanArray = (first..first + batch.num_rows())
            .map(|row| Some(!lost.contains(&row)))
            .collect();
        first += batch.num_rows();
        batches.push(filter_record_batch(&batch, &kept).internal_error()?);
    }
    write_day(lake, &set, day, &batches)
}

#[expect(
    clippy::too_many_arguments,
    reason = "one partition and everything that decides what becomes of its rows"
)]
fn cut_day(
    lake: &Lake,
    set: &PartitionSet,
    dataset: Dataset,
    day: Day,
    at: UnixMicros,
    availability: &Availability,
    future: Future,
    memo: &HashMemo,
) -> CommandResult<u64> {
    let mut batches = Vec::new();
    let mut touched = 0;
    for batch in set.read_day(day, None, BATCH_ROWS, memo).data_error()? {
        let batch = batch.data_error()?;
        let known: BooleanArray = availability
            .of(dataset, &batch)
            .into_iter()
            .map(|ts| Some(ts <= at.0))
            .collect();
        touched += (known.len() - known.true_count()) as u64;
        batches.push(match future {
            Future::Cut => filter_record_batch(&batch, &known).internal_error()?,
            Future::Perturbed => perturb(&batch, &known)?,
        });
    }
    if touched == 0 {
        return Ok(0);
    }
    write_day(lake, set, day, &batches)?;
    Ok(touched)
}

/// The file system without waiting for the disk: nobody looks at a scratch copy after a crash.
#[derive(Debug)]
struct Unsynced(FsStore);

struct UnsyncedFile(Box<dyn StoreFile>);

impl Write for UnsyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl StoreFile for UnsyncedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Store for Unsynced {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        Ok(Box::new(UnsyncedFile(self.0.create(path)?)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
}

/// Replaces a partition by other rows, as if they had come from the same sources.
fn write_day(
    lake: &Lake,
    set: &PartitionSet,
    day: Day,
    batches: &[RecordBatch],
) -> CommandResult<()> {
    let Some(partition) = set.manifest().partition(day).cloned() else {
        return Ok(());
    };
    let params = set
        .manifest()
        .params_of(&partition)
        .cloned()
        .unwrap_or_default();
    let mut options = WriterOptions::new(partition.parser_version.clone(), params, UnixMicros(0));
    options.store = Arc::new(Unsynced(FsStore));
    let writer = DatasetWriter::open(lake, set.spec().clone(), options).data_error()?;
    let mut staged = writer.begin(day).data_error()?;
    for batch in batches {
        staged
            .write(batch)
            .map_err(CommitError::from)
            .data_error()?;
    }
    let meta = PartitionMeta {
        sources: partition.sources,
        rows_in: staged.rows(),
        quality: Quality::default(),
    };
    let staged = staged
        .finish(meta)
        .map_err(CommitError::from)
        .data_error()?;
    writer.commit(staged).data_error()?;
    Ok(())
}

/// Returns the batch with other values in the rows that are not known: prices and rates a third higher, quantities
/// doubled and a half, counts doubled, aggressors turned. Times, ids and sort order stay.
fn perturb(batch: &RecordBatch, known: &BooleanArray) -> CommandResult<RecordBatch> {
    let schema = batch.schema();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        columns.push(match (field.data_type(), field.name().as_str()) {
            // The band of a depth row is part of its key.
            (_, "percentage") => Arc::clone(column),
            (DataType::Float64, name) => {
                let factor = if name.contains("qty") || name.contains("volume") {
                    2.5
                } else {
                    1.328_125
                };
                let values = column.as_primitive::<Float64Type>();
                let changed: Float64Array = values
                    .iter()
                    .zip(known.values())
                    .map(|(v, known)| v.map(|v| if known { v } else { v * factor }))
                    .collect();
                Arc::new(changed)
            }
            (DataType::Int8, "aggressor") => {
                let values = column.as_primitive::<Int8Type>();
                let changed: Int8Array = values
                    .iter()
                    .zip(known.values())
                    .map(|(v, known)| v.map(|v| if known { v } else { -v }))
                    .collect();
                Arc::new(changed)
            }
            (DataType::Int64, "n_trades" | "n_ticks") => {
                let values = column.as_primitive::<Int64Type>();
                let changed: Int64Array = values
                    .iter()
                    .zip(known.values())
                    .map(|(v, known)| v.map(|v| if known { v } else { 2 * v + 1 }))
                    .collect();
                Arc::new(changed)
            }
            _ => Arc::clone(column),
        });
    }
    RecordBatch::try_new(schema, columns).internal_error()
}

#[cfg(test)]
mod tests;
