//! Reads partitions: what the manifest lists, hash first, then only the columns and row groups a caller needs.
//!
//! Nothing is read that the manifest does not list, and no byte is parsed before its hash is known to be right. Days
//! without a partition are skipped; `coverage` tells which they are.

mod memo;
mod partition;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use quant_core::time::{Day, TimeRange};

use crate::layout::{DayRule, Lake, PartitionSetSpec};
use crate::manifest::{Manifest, ManifestError, Partition};

pub use memo::HashMemo;
pub(crate) use memo::hash_file;
pub use partition::PartitionReader;

/// Why a partition set or one of its files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The set has no manifest.
    #[error("the lake has no `{set}` (no `{}`)\nhint: build it first, for raw data with `quant build-dataset`", path.display())]
    Absent {
        /// Set.
        set: String,
        /// Manifest looked for.
        path: PathBuf,
    },
    /// The day is not in the manifest.
    #[error(
        "`{set}` has no partition of {day}\nhint: ingest that day, or choose a range the lake covers"
    )]
    NoDay {
        /// Set.
        set: String,
        /// Day asked for.
        day: Day,
    },
    /// The manifest is unusable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file cannot be opened or read.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is shorter or longer than the manifest says.
    #[error("`{}` has {found} bytes, its manifest says {expected}\nhint: delete that file, then run the same build-dataset, build-bars or build-features command again: it is made anew", path.display())]
    Size {
        /// File.
        path: PathBuf,
        /// Size in the manifest.
        expected: u64,
        /// Size on disk.
        found: u64,
    },
    /// The file's bytes changed since it was written.
    #[error("`{}` has sha256 {found}, its manifest says {expected}\nhint: delete that file, then run the same build-dataset, build-bars or build-features command again: it is made anew", path.display())]
    Hash {
        /// File.
        path: PathBuf,
        /// Hash in the manifest.
        expected: String,
        /// Hash of the bytes.
        found: String,
    },
    /// The Parquet library refused the file.
    #[error("cannot decode `{}`: {source}", path.display())]
    Decode {
        /// File.
        path: PathBuf,
        /// Cause.
        source: parquet::errors::ParquetError,
    },
    /// A batch could not be decoded or assembled.
    #[error("cannot decode `{}`: {source}", path.display())]
    Batch {
        /// File.
        path: PathBuf,
        /// Cause.
        source: arrow_schema::ArrowError,
    },
    /// The Parquet library panicked on the file.
    #[error("cannot decode `{}`: the decoder gave up ({message})", path.display())]
    Panicked {
        /// File.
        path: PathBuf,
        /// Its message.
        message: String,
    },
    /// A column of the file is not what the schema says.
    #[error("`{}`: column `{column}` is {found}, the schema expects {expected}", path.display())]
    Schema {
        /// File.
        path: PathBuf,
        /// Column.
        column: String,
        /// What the file has.
        found: String,
        /// What the schema has.
        expected: String,
    },
    /// The file holds another number of rows than its manifest says.
    #[error("`{}` holds {found} rows, its manifest says {expected}", path.display())]
    Rows {
        /// File.
        path: PathBuf,
        /// Rows in the manifest.
        expected: u64,
        /// Rows in the file.
        found: u64,
    },
    /// The caller asked for a column the set does not have.
    #[error("`{set}` has no column `{column}`")]
    UnknownColumn {
        /// Set.
        set: String,
        /// Column asked for.
        column: String,
    },
}

/// One partition set open for reading, as its manifest stood when it was opened.
#[derive(Clone, Debug)]
pub struct PartitionSet {
    lake: Lake,
    spec: PartitionSetSpec,
    manifest: Manifest,
}

impl PartitionSet {
    /// Opens a set.
    ///
    /// # Errors
    /// `Absent` without a manifest, `Manifest` with a bad one.
    pub fn open(lake: &Lake, spec: &PartitionSetSpec) -> Result<Self, ReadError> {
        Self::open_if_present(lake, spec)?.ok_or_else(|| ReadError::Absent {
            set: spec.dir.clone(),
            path: lake.manifest_path(spec),
        })
    }

    /// Opens a set; `None` without a manifest.
    ///
    /// # Errors
    /// `Manifest` with a bad manifest.
    pub fn open_if_present(
        lake: &Lake,
        spec: &PartitionSetSpec,
    ) -> Result<Option<Self>, ReadError> {
        let manifest = Manifest::load(&lake.set_dir(spec), spec)?;
        Ok(manifest.map(|manifest| Self {
            lake: lake.clone(),
            spec: spec.clone(),
            manifest,
        }))
    }

    /// Returns the manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the specification.
    pub const fn spec(&self) -> &PartitionSetSpec {
        &self.spec
    }

    /// Returns the data file of a partition.
    pub fn file_path(&self, partition: &Partition) -> PathBuf {
        self.lake
            .day_dir(&self.spec, partition.date)
            .join(&partition.file)
    }

    /// Reads one day. `columns` gives names and order, all of them if absent; columns the file lacks are null.
    ///
    /// # Errors
    /// `NoDay`, `UnknownColumn`, or what is wrong with the file.
    pub fn read_day(
        &self,
        day: Day,
        columns: Option<&[&str]>,
        batch_size: usize,
        memo: &HashMemo,
    ) -> Result<PartitionReader, ReadError> {
        let partition = self
            .manifest
            .partition(day)
            .ok_or_else(|| ReadError::NoDay {
                set: self.spec.dir.clone(),
                day,
            })?;
        let columns = self.column_positions(columns)?;
        PartitionReader::open(self, partition, &columns, None, batch_size, memo)
    }

    /// Reads the rows whose time lies in `range`, in sort order, day after day.
    ///
    /// Sets whose rows precede their day (openings) give whole partitions of the days in the range.
    ///
    /// # Errors
    /// `UnknownColumn`; what is wrong with a file comes out of the iterator, which then ends.
    pub fn read<'a>(
        &'a self,
        range: TimeRange,
        columns: Option<&[&str]>,
        batch_size: usize,
        memo: &'a HashMemo,
    ) -> Result<RangeReader<'a>, ReadError> {
        let (first, last) = (range.start.day(), range.end.plus(-1).day());
        let days = &self.manifest.partitions;
        let from = days.partition_point(|p| p.date < first);
        let to = days.partition_point(|p| p.date <= last);
        Ok(RangeReader {
            set: self,
            columns: self.column_positions(columns)?,
            range: (self.spec.day_rule == DayRule::Inside).then_some(range),
            batch_size,
            memo,
            partitions: days[from..to].iter(),
            current: None,
            failed: false,
        })
    }

    /// Returns the schema of the batches for these columns.
    ///
    /// # Errors
    /// `UnknownColumn`.
    pub fn schema(&self, columns: Option<&[&str]>) -> Result<SchemaRef, ReadError> {
        let positions = self.column_positions(columns)?;
        Ok(self.projected_schema(&positions))
    }

    fn projected_schema(&self, positions: &[usize]) -> SchemaRef {
        let all = self.spec.arrow_schema();
        let fields: Vec<_> = positions
            .iter()
            .map(|&i| Arc::clone(&all.fields()[i]))
            .collect();
        Arc::new(arrow_schema::Schema::new(fields))
    }

    fn column_positions(&self, columns: Option<&[&str]>) -> Result<Vec<usize>, ReadError> {
        let all = &self.spec.columns;
        let Some(names) = columns else {
            return Ok((0..all.len()).collect());
        };
        names
            .iter()
            .map(|&name| {
                all.iter()
                    .position(|c| c.name == name)
                    .ok_or_else(|| ReadError::UnknownColumn {
                        set: self.spec.dir.clone(),
                        column: name.to_owned(),
                    })
            })
            .collect()
    }
}

/// The batches of a time range. After an error it ends.
#[derive(Debug)]
pub struct RangeReader<'a> {
    set: &'a PartitionSet,
    columns: Vec<usize>,
    range: Option<TimeRange>,
    batch_size: usize,
    memo: &'a HashMemo,
    partitions: core::slice::Iter<'a, Partition>,
    current: Option<PartitionReader>,
    failed: bool,
}

impl Iterator for RangeReader<'_> {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        loop {
            if let Some(reader) = &mut self.current {
                if let Some(item) = reader.next() {
                    self.failed = item.is_err();
                    return Some(item);
                }
                self.current = None;
            }
            let partition = self.partitions.next()?;
            match PartitionReader::open(
                self.set,
                partition,
                &self.columns,
                self.range,
                self.batch_size,
                self.memo,
            ) {
                Ok(reader) => self.current = Some(reader),
                Err(e) => {
                    self.failed = true;
                    return Some(Err(e));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
