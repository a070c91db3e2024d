//! Writes one partition: checks every batch, encodes Parquet into a temporary file, hashes values and bytes.
//!
//! Nothing becomes visible here; a finished file is a [`StagedPartition`] that `commit` publishes or drops.

pub(crate) mod check;
mod encode;
#[cfg(test)]
pub(crate) mod fixture;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use quant_core::time::{Day, UnixMicros};
use sha2::{Digest, Sha256};

use crate::commit::Failpoints;
use crate::commit::store::{Store, StoreFile};
use crate::content::{ContentHasher, hex};
use crate::layout::PartitionSetSpec;
use crate::manifest::Source;
use crate::quality::Quality;

pub(crate) use check::BatchChecker;
#[cfg(test)]
pub(crate) use encode::ROW_GROUP_ROWS;

/// Why rows cannot become a partition.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A batch does not have the columns of the set.
    #[error("column {index} of the batch is `{found}`; the schema expects `{expected}`")]
    Schema {
        /// Column position.
        index: usize,
        /// Name and type in the batch.
        found: String,
        /// Name and type of the schema.
        expected: String,
    },
    /// A column that must have a value has none.
    #[error("row {row}: column `{column}` is null")]
    Null {
        /// Row in the partition, from 0.
        row: u64,
        /// Column.
        column: String,
    },
    /// NaN or infinity.
    #[error("row {row}: column `{column}` is {value}, not a finite number")]
    NotFinite {
        /// Row in the partition, from 0.
        row: u64,
        /// Column.
        column: String,
        /// The offending value.
        value: f64,
    },
    /// Rows are not strictly ascending by the sort key.
    #[error("row {row}: sort key ({key}) does not rise{}", if *equal { " (same key twice)" } else { "" })]
    NotSorted {
        /// Row in the partition, from 0.
        row: u64,
        /// Sort-key columns.
        key: String,
        /// The key equals that of the row before.
        equal: bool,
    },
    /// A row belongs to another day.
    #[error("row {row}: time {at} does not belong to the partition of {day}")]
    OtherDay {
        /// Row in the partition, from 0.
        row: u64,
        /// Time of the row.
        at: UnixMicros,
        /// Day of the partition.
        day: Day,
    },
    /// Rows in differ from rows written, duplicate, filtered and quarantined.
    #[error("{rows_in} rows in, but {accounted} written, duplicate, filtered or quarantined")]
    RowsNotConserved {
        /// Rows read from the sources.
        rows_in: u64,
        /// Rows accounted for.
        accounted: u128,
    },
    /// The Parquet library refused.
    #[error("cannot encode `{}`: {source}", path.display())]
    Encode {
        /// Temporary file.
        path: PathBuf,
        /// Cause.
        source: parquet::errors::ParquetError,
    },
    /// A file-system step failed; the partition is given up.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The file does not hold the bytes that were written.
    #[error("`{}` does not read back as it was written\nhint: check the disk", path.display())]
    ReadBack {
        /// Temporary file.
        path: PathBuf,
    },
    /// A source hash is malformed.
    #[error("source `{name}` has hash `{}`; expected 64 lower-case hex digits", sha256.escape_debug())]
    SourceHash {
        /// Source name.
        name: String,
        /// The offending text.
        sha256: String,
    },
    /// An earlier batch was refused, so the partition can no longer be finished.
    #[error("an earlier batch of this partition was refused")]
    Refused,
}

/// What the caller knows about a partition besides its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMeta {
    /// Inputs; sorted by the writer.
    pub sources: Vec<Source>,
    /// Rows read from the sources: must equal rows written + duplicates + filtered + quarantined.
    pub rows_in: u64,
    /// Counters.
    pub quality: Quality,
}

/// A temporary file that is removed unless it was published.
#[derive(Debug)]
pub(crate) struct TempFile {
    store: Arc<dyn Store>,
    path: PathBuf,
    armed: bool,
    /// The set stays locked while one of its temporaries exists.
    _lock: Arc<File>,
}

impl TempFile {
    pub(crate) fn new(store: Arc<dyn Store>, lock: Arc<File>, path: PathBuf) -> Self {
        Self {
            store,
            path,
            armed: true,
            _lock: lock,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file now lives under another name, but is not published yet.
    pub(crate) fn renamed(&mut self, path: PathBuf) {
        self.path = path;
    }

    /// The file is published and stays.
    pub(crate) fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.armed {
            // What cannot be removed is swept by the next writer. The folder goes if this left it empty.
            drop(self.store.remove(&self.path));
            if let Some(dir) = self.path.parent() {
                drop(std::fs::remove_dir(dir));
            }
        }
    }
}

/// A finished, synced temporary file waiting for [`crate::commit::DatasetWriter::commit`]; dropping it removes the file.
#[derive(Debug)]
pub struct StagedPartition {
    pub(crate) temp: TempFile,
    pub(crate) set_dir: String,
    pub(crate) day: Day,
    pub(crate) rows: u64,
    pub(crate) ts_min: Option<UnixMicros>,
    pub(crate) ts_max: Option<UnixMicros>,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) content_sha256: String,
    pub(crate) meta: PartitionMeta,
}

impl StagedPartition {
    /// Returns the day.
    pub const fn day(&self) -> Day {
        self.day
    }

    /// Returns the number of rows.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the content hash.
    pub fn content_sha256(&self) -> &str {
        &self.content_sha256
    }
}

/// Counts and hashes the bytes on their way to the file.
struct HashingFile {
    file: Box<dyn StoreFile>,
    hash: Sha256,
    bytes: u64,
}

impl Write for HashingFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.hash.update(&buf[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes the rows of one day in sort order.
pub struct PartitionWriter {
    // Order matters on drop: the file is closed before its name is removed.
    parquet: ArrowWriter<BufWriter<HashingFile>>,
    temp: TempFile,
    schema: SchemaRef,
    set_dir: String,
    day: Day,
    checker: BatchChecker,
    content: ContentHasher,
    refused: bool,
    failpoints: Failpoints,
}

impl core::fmt::Debug for PartitionWriter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PartitionWriter")
            .field("temp", &self.temp)
            .finish_non_exhaustive()
    }
}

impl PartitionWriter {
    pub(crate) fn create(
        store: Arc<dyn Store>,
        lock: Arc<File>,
        failpoints: Failpoints,
        path: PathBuf,
        spec: &PartitionSetSpec,
        day: Day,
    ) -> Result<Self, WriteError> {
        let file = store.create(&path).map_err(|source| WriteError::Io {
            step: "create",
            path: path.clone(),
            source,
        })?;
        let temp = TempFile::new(store, lock, path);
        let file = HashingFile {
            file,
            hash: Sha256::new(),
            bytes: 0,
        };
        let schema = spec.arrow_schema();
        let parquet =
            encode::writer(BufWriter::with_capacity(1 << 20, file), spec).map_err(|source| {
                WriteError::Encode {
                    path: temp.path().to_owned(),
                    source,
                }
            })?;
        Ok(Self {
            parquet,
            temp,
            schema,
            set_dir: spec.dir.clone(),
            day,
            checker: BatchChecker::new(spec, day),
            content: ContentHasher::new(&spec.columns),
            refused: false,
            failpoints,
        })
    }

    /// Adds rows that follow all earlier ones in sort order. -0.0 is written as 0.
    ///
    /// # Errors
    /// Any `WriteError`; after one, only dropping the writer makes sense.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        if self.refused {
            return Err(WriteError::Refused);
        }
        self.refused = true;
        let batch = self.checker.check(&self.schema, batch)?;
        // The checker has compared names and types, so the hasher cannot disagree.
        self.content
            .update(&batch)
            .map_err(|_| WriteError::Refused)?;
        self.parquet
            .write(&batch)
            .map_err(|source| WriteError::Encode {
                path: self.temp.path().to_owned(),
                source,
            })?;
        self.refused = false;
        Ok(())
    }

    /// Returns the rows written so far.
    pub const fn rows(&self) -> u64 {
        self.checker.rows()
    }

    /// Closes and syncs the file. The sync is tried once; a failure gives the partition up.
    ///
    /// # Errors
    /// `RowsNotConserved`, `SourceHash`, `Encode`, `Io` or `Refused`.
    pub fn finish(self, mut meta: PartitionMeta) -> Result<StagedPartition, WriteError> {
        let Self {
            parquet,
            temp,
            checker,
            content,
            refused,
            set_dir,
            day,
            failpoints,
            ..
        } = self;
        if refused {
            return Err(WriteError::Refused);
        }
        let accounted = meta.quality.rows_accounted(checker.rows());
        if accounted != u128::from(meta.rows_in) {
            return Err(WriteError::RowsNotConserved {
                rows_in: meta.rows_in,
                accounted,
            });
        }
        if let Some(bad) = meta
            .sources
            .iter()
            .find(|s| !crate::layout::is_sha256(&s.sha256))
        {
            return Err(WriteError::SourceHash {
                name: bad.name.clone(),
                sha256: bad.sha256.clone(),
            });
        }
        meta.sources.sort();
        meta.sources.dedup();
        let path = temp.path().to_owned();
        let buffered = parquet.into_inner().map_err(|source| WriteError::Encode {
            path: path.clone(),
            source,
        })?;
        let io = |step| {
            let path = path.clone();
            move |source| WriteError::Io { step, path, source }
        };
        let mut file = buffered
            .into_inner()
            .map_err(|e| io("write")(e.into_error()))?;
        file.flush().map_err(io("write"))?;
        failpoints.reach("partition.written");
        file.file.sync().map_err(io("sync"))?;
        failpoints.reach("partition.synced");
        let sha256 = hex(&file.hash.finalize());
        // What the system would hand to a reader now must be what was encoded.
        let mut stored = File::open(&path).map_err(io("read back"))?;
        if crate::read::hash_file(&mut stored).map_err(io("read back"))? != sha256 {
            return Err(WriteError::ReadBack { path });
        }
        failpoints.reach("partition.checked");
        let (ts_min, ts_max) = checker.time_bounds();
        meta.quality.gaps += checker.n_gaps();
        Ok(StagedPartition {
            temp,
            set_dir,
            day,
            rows: checker.rows(),
            ts_min,
            ts_max,
            bytes: file.bytes,
            sha256,
            content_sha256: content.finish(),
            meta,
        })
    }
}

#[cfg(test)]
mod tests;
