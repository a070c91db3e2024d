//! Reads `truth.parquet` back as typed rows.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use quant_core::synth::{MinuteTruth, Regime};
use quant_core::time::{Day, UnixMicros};

use super::cells::Cells;
use super::columns::{FILE, HAZARD, MINUTE, RECORD, schema};
use super::{TruthError, parquet_error};

/// One minute of one instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct MinuteEntry {
    /// Whose minute.
    pub instrument: String,
    /// Inclusive start.
    pub start: UnixMicros,
    /// Its truth; the hazard fields are empty here, see [`HazardEntry`].
    pub truth: MinuteTruth,
}

/// The instant at which an adverse move began to be announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HazardEntry {
    /// Whose hazard.
    pub instrument: String,
    /// The onset.
    pub onset: UnixMicros,
    /// Direction of the move: +1 up, -1 down.
    pub sign: i8,
}

/// One data file of the archive.
#[derive(Clone, Debug, PartialEq)]
pub struct FileEntry {
    /// Whose data.
    pub instrument: String,
    /// Name of the product.
    pub dataset: String,
    /// First UTC day of its period.
    pub day: Day,
    /// Path below the root.
    pub path: String,
    /// Rows, header not counted.
    pub rows: u64,
    /// Sum of base quantities: the float nearest to the exact sum, and the sum.
    pub volume: Option<(f64, String)>,
    /// Sum of quote quantities.
    pub quote: Option<(f64, String)>,
}

/// One row of one data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// 0-based row of the file, header not counted.
    pub row: u64,
    /// Venue time of the row.
    pub ts_event: UnixMicros,
    /// When it became known.
    pub published_at: UnixMicros,
}

/// A truth file, open for any number of passes.
#[derive(Debug)]
pub struct TruthReader {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

/// Runs the decoder and turns a panic on a damaged file into an error.
fn guard<T>(decode: impl FnOnce() -> Result<T, TruthError>) -> Result<T, TruthError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|m| (*m).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Err(TruthError::Panicked { message })
    })
}

impl TruthReader {
    /// Opens a truth file and checks its columns.
    ///
    /// # Errors
    /// `Io`, `Parquet`, `Column` or `Panicked`.
    pub fn open(path: &Path) -> Result<Self, TruthError> {
        let file = open(path)?;
        let metadata = guard(|| {
            // The types follow from Parquet's own: an embedded Arrow schema is never trusted.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            ArrowReaderMetadata::load(&file, options).map_err(parquet_error("open"))
        })?;
        for (i, (name, expected)) in EXPECTED.iter().enumerate() {
            let found = metadata.schema().fields().get(i);
            let wanted = match schema().field(i).data_type() {
                DataType::Dictionary(_, value) => (**value).clone(),
                other => other.clone(),
            };
            if found.is_none_or(|f| f.name() != name || *f.data_type() != wanted) {
                return Err(TruthError::Column {
                    column: name,
                    found: found.map_or_else(
                        || "absent".to_owned(),
                        |f| format!("`{}: {}`", f.name(), f.data_type()),
                    ),
                    expected: (*expected).to_owned(),
                });
            }
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
        })
    }

    /// Returns every minute, in the order written.
    ///
    /// # Errors
    /// `Io`, `Parquet`, `Cell` or `Panicked`.
    pub fn minutes(&self) -> Result<Vec<MinuteEntry>, TruthError> {
        self.collect(MINUTE, |cells, i| {
            let regime = cells.text("regime", i)?;
            let regime = Regime::ALL.into_iter().find(|r| r.name() == regime);
            Ok(MinuteEntry {
                instrument: cells.text("instrument", i)?.to_owned(),
                start: cells.time("ts_event", i)?,
                truth: MinuteTruth {
                    regime: regime.ok_or_else(|| cells.bad("regime", i))?,
                    edge: cells.number("edge", i)?,
                    volatility: cells.number("volatility", i)?,
                    efficient: cells.number("efficient", i)?,
                    is_halted: cells.flag("is_halted", i)?,
                    hazard_onset: None,
                    hazard_sign: 0,
                },
            })
        })
    }

    /// Returns every hazard onset, in the order written.
    ///
    /// # Errors
    /// `Io`, `Parquet`, `Cell` or `Panicked`.
    pub fn hazards(&self) -> Result<Vec<HazardEntry>, TruthError> {
        self.collect(HAZARD, |cells, i| {
            Ok(HazardEntry {
                instrument: cells.text("instrument", i)?.to_owned(),
                onset: cells.time("ts_event", i)?,
                sign: cells.sign("hazard_sign", i)?,
            })
        })
    }

    /// Returns every data file, in the order written.
    ///
    /// # Errors
    /// `Io`, `Parquet`, `Cell` or `Panicked`.
    pub fn files(&self) -> Result<Vec<FileEntry>, TruthError> {
        self.collect(FILE, |cells, i| {
            let sum = |near, exact| {
                if cells.is_null(near, i) {
                    return Ok(None);
                }
                Ok(Some((
                    cells.number(near, i)?,
                    cells.text(exact, i)?.to_owned(),
                )))
            };
            Ok(FileEntry {
                instrument: cells.text("instrument", i)?.to_owned(),
                dataset: cells.text("dataset", i)?.to_owned(),
                day: cells.day("day", i)?,
                path: cells.text("path", i)?.to_owned(),
                rows: cells.count("rows", i)?,
                volume: sum("volume", "volume_exact")?,
                quote: sum("quote", "quote_exact")?,
            })
        })
    }

    /// Streams the records of one file in row order; none if there is no such file.
    ///
    /// # Errors
    /// `Io`, `Parquet` or `Panicked`; while iterating also `Cell`, after which it ends.
    pub fn records(
        &self,
        instrument: &str,
        dataset: &str,
        day: Day,
    ) -> Result<Records, TruthError> {
        let matches = |group: &RowGroupMetaData| {
            may_hold_text(group, "kind", RECORD)
                && may_hold_text(group, "instrument", instrument)
                && may_hold_text(group, "dataset", dataset)
                && may_hold_day(group, day)
        };
        Ok(Records {
            batches: self.batches(
                &matches,
                &[
                    "kind",
                    "instrument",
                    "dataset",
                    "day",
                    "row",
                    "ts_event",
                    "published_at",
                ],
            )?,
            instrument: instrument.to_owned(),
            dataset: dataset.to_owned(),
            day,
            batch: None,
            next: 0,
            is_done: false,
        })
    }

    fn batches(
        &self,
        matches: &dyn Fn(&RowGroupMetaData) -> bool,
        columns: &[&str],
    ) -> Result<ParquetRecordBatchReader, TruthError> {
        let file = open(&self.path)?;
        let groups = self.metadata.metadata().row_groups().iter().enumerate();
        let groups = groups.filter(|(_, g)| matches(g)).map(|(i, _)| i).collect();
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), columns.iter().copied());
        guard(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(groups)
                .with_projection(mask)
                .with_batch_size(1 << 14)
                .build()
                .map_err(parquet_error("read"))
        })
    }

    fn collect<T>(
        &self,
        kind: &'static str,
        row: impl Fn(&Cells<'_>, usize) -> Result<T, TruthError>,
    ) -> Result<Vec<T>, TruthError> {
        let names = EXPECTED.map(|(name, _)| name);
        let mut batches = self.batches(&|g| may_hold_text(g, "kind", kind), &names)?;
        let mut out = Vec::new();
        while let Some(batch) = next_batch(&mut batches)? {
            let cells = Cells {
                batch: &batch,
                kind,
            };
            for i in 0..batch.num_rows() {
                if cells.text("kind", i)? == kind {
                    out.push(row(&cells, i)?);
                }
            }
        }
        Ok(out)
    }
}

/// Names of the columns in file order, and their types in words.
const EXPECTED: [(&str, &str); 19] = [
    ("kind", "text"),
    ("instrument", "text"),
    ("dataset", "text"),
    ("day", "date"),
    ("row", "i64"),
    ("ts_event", "microseconds UTC"),
    ("published_at", "microseconds UTC"),
    ("regime", "text"),
    ("edge", "f64"),
    ("volatility", "f64"),
    ("efficient", "f64"),
    ("is_halted", "bool"),
    ("hazard_sign", "i8"),
    ("path", "text"),
    ("rows", "i64"),
    ("volume", "f64"),
    ("volume_exact", "text"),
    ("quote", "f64"),
    ("quote_exact", "text"),
];

fn open(path: &Path) -> Result<File, TruthError> {
    File::open(path).map_err(|source| TruthError::Io {
        step: "open",
        path: path.to_owned(),
        source,
    })
}

fn next_batch(reader: &mut ParquetRecordBatchReader) -> Result<Option<RecordBatch>, TruthError> {
    guard(|| {
        reader
            .next()
            .transpose()
            .map_err(|source| TruthError::Parquet {
                step: "read",
                source: source.into(),
            })
    })
}

fn column_statistics<'a>(group: &'a RowGroupMetaData, name: &str) -> Option<&'a Statistics> {
    let column = group
        .columns()
        .iter()
        .find(|c| c.column_path().string() == name)?;
    column.statistics()
}

/// Without usable statistics everything may be there.
fn may_hold_text(group: &RowGroupMetaData, name: &str, text: &str) -> bool {
    let Some(statistics) = column_statistics(group, name) else {
        return true;
    };
    let (min, max) = (statistics.min_bytes_opt(), statistics.max_bytes_opt());
    min.is_none_or(|min| min <= text.as_bytes()) && max.is_none_or(|max| max >= text.as_bytes())
}

fn may_hold_day(group: &RowGroupMetaData, day: Day) -> bool {
    match column_statistics(group, "day") {
        Some(Statistics::Int32(s)) => {
            s.min_opt().is_none_or(|min| *min <= day.0)
                && s.max_opt().is_none_or(|max| *max >= day.0)
        }
        _ => true,
    }
}

/// The records of one file, in row order; after an error it ends.
pub struct Records {
    batches: ParquetRecordBatchReader,
    instrument: String,
    dataset: String,
    day: Day,
    batch: Option<RecordBatch>,
    next: usize,
    is_done: bool,
}

impl core::fmt::Debug for Records {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Records")
            .field("instrument", &self.instrument)
            .field("dataset", &self.dataset)
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

impl Records {
    fn advance(&mut self) -> Result<Option<RecordEntry>, TruthError> {
        loop {
            let Some(batch) = &self.batch else {
                self.batch = next_batch(&mut self.batches)?;
                self.next = 0;
                if self.batch.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if self.next == batch.num_rows() {
                self.batch = None;
                continue;
            }
            let i = self.next;
            self.next += 1;
            let cells = Cells {
                batch,
                kind: RECORD,
            };
            let is_wanted = cells.day("day", i)? == self.day
                && cells.text("dataset", i)? == self.dataset
                && cells.text("instrument", i)? == self.instrument
                && cells.text("kind", i)? == RECORD;
            if is_wanted {
                return Ok(Some(RecordEntry {
                    row: cells.count("row", i)?,
                    ts_event: cells.time("ts_event", i)?,
                    published_at: cells.time("published_at", i)?,
                }));
            }
        }
    }
}

impl Iterator for Records {
    type Item = Result<RecordEntry, TruthError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.advance().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
