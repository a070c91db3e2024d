//! Streams one data file: schema check, row-group pruning, exact row range, missing columns as nulls.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use quant_core::time::TimeRange;

use super::{HashMemo, PartitionSet, ReadError};
use crate::layout::PartitionSetSpec;
use crate::manifest::Partition;
use crate::schema::ColumnType;

/// The batches of one partition, none of them empty. After an error it ends.
pub struct PartitionReader {
    path: PathBuf,
    /// `None` when nothing is left to read.
    inner: Option<ParquetRecordBatchReader>,
    schema: SchemaRef,
    /// Position of each output column in the decoded batch; `None` for columns the file lacks.
    mapping: Vec<Option<usize>>,
    time: Option<usize>,
    range: Option<TimeRange>,
    /// Rows of the row groups to read, and how many of them came.
    promised: u64,
    decoded: u64,
}

impl core::fmt::Debug for PartitionReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PartitionReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

impl PartitionReader {
    pub(super) fn open(
        set: &PartitionSet,
        partition: &Partition,
        columns: &[usize],
        range: Option<TimeRange>,
        batch_size: usize,
        memo: &HashMemo,
    ) -> Result<Self, ReadError> {
        let path = set.file_path(partition);
        let file = memo.open_checked(&path, partition.bytes, &partition.sha256)?;
        let spec = set.spec();
        let opened = guard(&path, || {
            // The lake's types follow from Parquet's own: an embedded Arrow schema is never trusted.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            Builder::try_new_with_options(file, options)
        })?;
        let builder = opened.map_err(|source| ReadError::Decode {
            path: path.clone(),
            source,
        })?;
        check_columns(&builder, spec, &path)?;
        let found = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        if found != partition.rows {
            return Err(ReadError::Rows {
                path,
                expected: partition.rows,
                found,
            });
        }

        let in_file = |name: &str| builder.schema().index_of(name).ok();
        // A day that lies wholly in the range needs no time column.
        let range = range.filter(|r| {
            !(partition.ts_min.is_none_or(|t| r.contains(t))
                && partition.ts_max.is_none_or(|t| r.contains(t)))
        });
        let time_leaf = range.and_then(|_| in_file(&spec.time_column));
        let wanted: Vec<Option<usize>> = columns
            .iter()
            .map(|&i| in_file(&spec.columns[i].name))
            .collect();
        let mut leaves: Vec<usize> = wanted.iter().copied().flatten().chain(time_leaf).collect();
        leaves.sort_unstable();
        leaves.dedup();
        let place = |leaf: usize| leaves.binary_search(&leaf).ok();
        let mapping = wanted
            .into_iter()
            .map(|leaf| leaf.and_then(place))
            .collect();
        let groups: Vec<usize> = builder
            .metadata()
            .row_groups()
            .iter()
            .enumerate()
            .filter(|(_, group)| may_overlap(group, time_leaf, range))
            .map(|(i, _)| i)
            .collect();

        let promised = groups
            .iter()
            .filter_map(|&i| u64::try_from(builder.metadata().row_group(i).num_rows()).ok())
            .sum();
        let all = builder.metadata().row_groups().iter();
        let in_groups: i64 = all.map(RowGroupMetaData::num_rows).sum();
        if u64::try_from(in_groups).ok() != Some(partition.rows) {
            return Err(ReadError::Rows {
                path,
                expected: partition.rows,
                found: u64::try_from(in_groups).unwrap_or(0),
            });
        }
        let mask = ProjectionMask::leaves(builder.parquet_schema(), leaves.iter().copied());
        let inner = guard(&path, || {
            builder
                .with_projection(mask)
                .with_row_groups(groups)
                .with_batch_size(batch_size.max(1))
                .build()
        })?
        .map_err(|source| ReadError::Decode {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            inner: Some(inner),
            schema: set.projected_schema(columns),
            mapping,
            time: time_leaf.and_then(place),
            range,
            promised,
            decoded: 0,
        })
    }

    fn shape(&self, batch: &RecordBatch) -> Result<RecordBatch, ReadError> {
        let (from, to) = match (self.time, self.range) {
            (Some(time), Some(range)) => {
                let times = batch
                    .column(time)
                    .as_primitive::<TimestampMicrosecondType>()
                    .values();
                (
                    times.partition_point(|&t| t < range.start.0),
                    times.partition_point(|&t| t < range.end.0),
                )
            }
            _ => (0, batch.num_rows()),
        };
        let rows = to.saturating_sub(from);
        let columns: Vec<ArrayRef> = self
            .mapping
            .iter()
            .zip(self.schema.fields())
            .map(|(place, field)| match place {
                Some(place) => batch.column(*place).slice(from, rows),
                None => new_null_array(field.data_type(), rows),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(
            |source| ReadError::Batch {
                path: self.path.clone(),
                source,
            },
        )
    }
}

impl Iterator for PartitionReader {
    type Item = Result<RecordBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let inner = self.inner.as_mut()?;
            let item = match guard(&self.path, || inner.next()) {
                Ok(Some(Ok(batch))) => {
                    self.decoded += batch.num_rows() as u64;
                    self.shape(&batch)
                }
                Ok(Some(Err(source))) => Err(ReadError::Batch {
                    path: self.path.clone(),
                    source,
                }),
                Ok(None) => {
                    self.inner = None;
                    // A decoder that stops early must not look like the end of the day.
                    return (self.decoded != self.promised).then(|| {
                        Err(ReadError::Rows {
                            path: self.path.clone(),
                            expected: self.promised,
                            found: self.decoded,
                        })
                    });
                }
                Err(panicked) => Err(panicked),
            };
            match item {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(e) => {
                    self.inner = None;
                    return Some(Err(e));
                }
            }
        }
    }
}

/// Runs the decoder and turns a panic on a corrupt file into an error that names the file.
fn guard<T>(path: &Path, decode: impl FnOnce() -> T) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|m| (*m).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        ReadError::Panicked {
            path: path.to_owned(),
            message,
        }
    })
}

/// Columns of the schema have their type; columns unknown to it may only be nullable, as a newer minor version adds them.
fn check_columns(builder: &Builder, spec: &PartitionSetSpec, path: &Path) -> Result<(), ReadError> {
    let mismatch = |column: &str, found: String, expected: String| {
        let (path, column) = (path.to_owned(), column.to_owned());
        Err(ReadError::Schema {
            path,
            column,
            found,
            expected,
        })
    };
    let kind = |nullable: bool| if nullable { "nullable" } else { "required" };
    for column in &spec.columns {
        let expected = format!("{} {}", kind(column.nullable), column.ty.name());
        match builder.schema().field_with_name(&column.name) {
            Ok(field) => {
                let same = ColumnType::from_arrow(field.data_type()) == Some(column.ty)
                    && (column.nullable || !field.is_nullable());
                if !same {
                    let found = format!("{} {}", kind(field.is_nullable()), field.data_type());
                    return mismatch(&column.name, found, expected);
                }
            }
            Err(_) if column.nullable => {}
            Err(_) => return mismatch(&column.name, "missing".to_owned(), expected),
        }
    }
    for field in builder.schema().fields() {
        let known = spec.columns.iter().any(|c| c.name == *field.name());
        let harmless = field.is_nullable() && ColumnType::from_arrow(field.data_type()).is_some();
        if !known && !harmless {
            let found = format!("{} {}", kind(field.is_nullable()), field.data_type());
            return mismatch(field.name(), found, "no such column".to_owned());
        }
    }
    Ok(())
}

/// Whether a row group can hold rows of the range; without statistics it can.
fn may_overlap(group: &RowGroupMetaData, time: Option<usize>, range: Option<TimeRange>) -> bool {
    let (Some(time), Some(range)) = (time, range) else {
        return true;
    };
    match group.columns().get(time).and_then(|c| c.statistics()) {
        Some(Statistics::Int64(s)) => {
            s.min_opt().is_none_or(|&min| min < range.end.0)
                && s.max_opt().is_none_or(|&max| max >= range.start.0)
        }
        _ => true,
    }
}
