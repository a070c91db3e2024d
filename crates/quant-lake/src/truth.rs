//! `truth.parquet`: what really went on in a simulated market, and when every record of its archive became known.
//!
//! One file at the root of a simulated archive, long format: a row is of one `kind` and leaves the columns of the others
//! null. It is for tests and audits; nothing that decides may read it. Sums and times describe the archive before any
//! defect was planted.
//!
//! | column | type | `minute` | `hazard` | `file` | `record` |
//! |---|---|---|---|---|---|
//! | `kind` | text | yes | yes | yes | yes |
//! | `instrument` | text | yes | yes | yes | yes |
//! | `dataset` | text | - | - | yes | yes |
//! | `day` | date | UTC day of the minute | UTC day of the onset | first UTC day of the file's period | as its file |
//! | `row` | i64 | - | - | - | 0-based row of the file, header not counted |
//! | `ts_event` | ts | start of the minute | onset | - | venue time of the row (klines: open) |
//! | `published_at` | ts | - | - | - | when the row became known, never before `ts_event` |
//! | `regime` | text | hidden state | - | - | - |
//! | `edge` | f64 | expected log return of the next minute, fraction | - | - | - |
//! | `volatility` | f64 | sigma per minute, fraction | - | - | - |
//! | `efficient` | f64 | efficient price at the end, quote per base | - | - | - |
//! | `is_halted` | bool | whole minute halted | - | - | - |
//! | `hazard_sign` | i8 | - | +1 up, -1 down | - | - |
//! | `path` | text | - | - | below the root, `/` between segments | - |
//! | `rows` | i64 | - | - | rows of the file, header not counted | - |
//! | `volume`, `quote` | f64 | - | - | sum of base and of quote quantities: nearest to the exact sum; null where the file has none | - |
//! | `volume_exact`, `quote_exact` | text | - | - | the exact sums as decimals | - |
//!
//! Types: ts = microseconds UTC. No NaN. Row groups hold one kind; records of one file come in row order, and a file of
//! many records has row groups of its own. `(instrument, dataset, day)` names one file.

mod cells;
mod columns;
mod log;
mod reader;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use quant_core::synth::MinuteTruth;
use quant_core::time::{Day, UnixMicros};

use self::columns::{FILE, HAZARD, MINUTE, RECORD, Rows};

pub use log::RecordLog;
pub use reader::{FileEntry, HazardEntry, MinuteEntry, RecordEntry, Records, TruthReader};

/// Name of the file below the root of a simulated archive.
pub const TRUTH_FILE: &str = "truth.parquet";

/// Records of one batch on the way to the encoder: 64 Ki rows of a few narrow columns are a few MiB.
const BATCH_ROWS: usize = 1 << 16;

/// Largest row group of records.
const GROUP_ROWS: usize = 1 << 20;

/// Minutes and short record logs wait until this many rows are together, so that a year does not end in thousands of
/// tiny row groups.
const POOL_ROWS: usize = 1 << 17;

/// Why truth cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// A file-system step failed.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The Parquet library refused, or the file is damaged.
    #[error("cannot {step} the truth: {source}")]
    Parquet {
        /// What was attempted.
        step: &'static str,
        /// Cause.
        source: ParquetError,
    },
    /// The decoder gave up on a damaged file.
    #[error("the decoder gave up on the truth: {message}\nhint: generate the archive again")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// A number that cannot be true.
    #[error("`{column}` of {instrument} at {at} is {value}, not a finite number")]
    NotFinite {
        /// The column.
        column: &'static str,
        /// Of which instrument.
        instrument: String,
        /// Which minute.
        at: UnixMicros,
        /// The offending value.
        value: f64,
    },
    /// A sum is not a decimal number.
    #[error("`{column}` of `{path}` is `{}`, not a decimal number", text.escape_debug())]
    NotADecimal {
        /// The column.
        column: &'static str,
        /// Which file.
        path: String,
        /// The offending text.
        text: String,
    },
    /// A file is not a truth file, or one of another version.
    #[error(
        "column `{column}` of the truth is {found}; expected {expected}\nhint: generate the archive again"
    )]
    Column {
        /// The column.
        column: &'static str,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A cell that its kind must have is null or out of range.
    #[error(
        "row {row} of the truth ({kind}) has no valid `{column}`\nhint: generate the archive again"
    )]
    Cell {
        /// 0-based row of its batch.
        row: usize,
        /// Kind of the row.
        kind: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// A data file as the simulator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthFile<'a> {
    /// Whose data, as the archive names instruments: `binance:um:BTCUSDT`.
    pub instrument: &'a str,
    /// Name of the product, the lake's where it has one: `agg_trades`.
    pub dataset: &'a str,
    /// First UTC day of the file's period.
    pub day: Day,
    /// Path below the root.
    pub path: &'a str,
    /// Exact sum of its base quantities as a decimal, where its rows have one.
    pub volume: Option<&'a str>,
    /// Exact sum of its quote quantities as a decimal, where its rows have one.
    pub quote: Option<&'a str>,
}

/// Writes truth as it arises; nothing is sorted, so equal calls give equal bytes.
///
/// # Memory
/// At most one row group of encoded pages (about 10 MiB) and the pools of minutes and short logs (another 10 MiB), plus
/// the list of files.
pub struct TruthWriter<W: Write + Send> {
    parquet: ArrowWriter<W>,
    minutes: Rows,
    records: Rows,
    hazards: Rows,
    files: Rows,
}

impl<W: Write + Send> core::fmt::Debug for TruthWriter<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TruthWriter").finish_non_exhaustive()
    }
}

fn parquet_error(step: &'static str) -> impl Fn(ParquetError) -> TruthError {
    move |source| TruthError::Parquet { step, source }
}

impl TruthWriter<BufWriter<File>> {
    /// Begins a truth file at `path`, replacing what is there.
    ///
    /// # Errors
    /// `Io` or `Parquet`.
    pub fn create(path: &Path) -> Result<Self, TruthError> {
        let file = File::create(path).map_err(|source| TruthError::Io {
            step: "create",
            path: path.to_owned(),
            source,
        })?;
        Self::new(BufWriter::with_capacity(1 << 20, file))
    }
}

impl<W: Write + Send> TruthWriter<W> {
    /// Begins a truth file in `out`.
    ///
    /// # Errors
    /// `Parquet`.
    pub fn new(out: W) -> Result<Self, TruthError> {
        Ok(Self {
            parquet: columns::writer(out).map_err(parquet_error("begin"))?,
            minutes: Rows::default(),
            records: Rows::default(),
            hazards: Rows::default(),
            files: Rows::default(),
        })
    }

    /// Adds one minute of an instrument, and its hazard onset if it has one.
    ///
    /// # Errors
    /// `NotFinite`, or `Parquet` if a full pool cannot be written.
    pub fn minute(
        &mut self,
        instrument: &str,
        start: UnixMicros,
        truth: &MinuteTruth,
    ) -> Result<(), TruthError> {
        for (column, value) in [
            ("edge", truth.edge),
            ("volatility", truth.volatility),
            ("efficient", truth.efficient),
        ] {
            if !value.is_finite() {
                return Err(TruthError::NotFinite {
                    column,
                    instrument: instrument.to_owned(),
                    at: start,
                    value,
                });
            }
        }
        self.minutes.push_minute(instrument, start, truth);
        if let Some(onset) = truth.hazard_onset {
            self.hazards
                .push_hazard(instrument, onset, truth.hazard_sign);
        }
        if self.minutes.len() >= POOL_ROWS {
            self.flush_pool(MINUTE)?;
        }
        Ok(())
    }

    /// Adds a data file and the times of its records, in row order.
    ///
    /// # Errors
    /// `NotADecimal`, or `Parquet`.
    pub fn file(&mut self, file: &TruthFile<'_>, records: &RecordLog) -> Result<(), TruthError> {
        for (column, text) in [("volume", file.volume), ("quote", file.quote)] {
            let is_bad = |t: &&str| !t.parse::<f64>().is_ok_and(f64::is_finite);
            if let Some(text) = text.filter(is_bad) {
                return Err(TruthError::NotADecimal {
                    column,
                    path: file.path.to_owned(),
                    text: text.to_owned(),
                });
            }
        }
        self.files.push_file(file, records.len());
        if records.len() < BATCH_ROWS as u64 {
            for (row, (ts, at)) in (0_i64..).zip(records.iter()) {
                self.records.push_record(file, row, ts, at);
            }
            if self.records.len() >= POOL_ROWS {
                self.flush_pool(RECORD)?;
            }
            return Ok(());
        }
        // Groups of one file only: what waits comes first.
        self.flush_pool(RECORD)?;
        let mut batch = Rows::default();
        for (row, (ts, at)) in (0_i64..).zip(records.iter()) {
            batch.push_record(file, row, ts, at);
            if batch.len() == BATCH_ROWS {
                self.write(RECORD, &mut batch)?;
                if self.parquet.in_progress_rows() >= GROUP_ROWS {
                    self.parquet.flush().map_err(parquet_error("write"))?;
                }
            }
        }
        self.write(RECORD, &mut batch)?;
        self.parquet.flush().map_err(parquet_error("write"))
    }

    /// Writes what waits and the footer, and returns the sink.
    ///
    /// # Errors
    /// `Parquet`.
    pub fn into_inner(mut self) -> Result<W, TruthError> {
        for kind in [RECORD, MINUTE, HAZARD, FILE] {
            self.flush_pool(kind)?;
        }
        self.parquet.into_inner().map_err(parquet_error("finish"))
    }

    fn flush_pool(&mut self, kind: &'static str) -> Result<(), TruthError> {
        let pool = match kind {
            MINUTE => &mut self.minutes,
            HAZARD => &mut self.hazards,
            FILE => &mut self.files,
            _ => &mut self.records,
        };
        let mut rows = core::mem::take(pool);
        self.write(kind, &mut rows)?;
        self.parquet.flush().map_err(parquet_error("write"))
    }

    fn write(&mut self, kind: &'static str, rows: &mut Rows) -> Result<(), TruthError> {
        if rows.len() == 0 {
            return Ok(());
        }
        let batch = rows.take_batch(kind).map_err(|e| TruthError::Parquet {
            step: "assemble",
            source: ParquetError::from(e),
        })?;
        self.parquet.write(&batch).map_err(parquet_error("write"))
    }
}

impl TruthWriter<BufWriter<File>> {
    /// Writes what waits and the footer, and syncs the file.
    ///
    /// # Errors
    /// `Parquet` or `Io`.
    pub fn finish(self) -> Result<(), TruthError> {
        let io = |step, source| TruthError::Io {
            step,
            path: PathBuf::from(TRUTH_FILE),
            source,
        };
        let buffered = self.into_inner()?;
        let file = buffered
            .into_inner()
            .map_err(|e| io("write", e.into_error()))?;
        file.sync_all().map_err(|source| io("sync", source))
    }
}

#[cfg(test)]
mod tests;
