//! Parquet settings of the lake: small and fast to write for sorted market data, deterministic bytes.

use std::io::Write;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::layout::PartitionSetSpec;
use crate::schema::ColumnType;

/// Rows of one row group: readers prune by row group, and the writer keeps one encoded group in memory.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Returns the writer of a partition file.
pub(super) fn writer<W: Write + Send>(
    out: W,
    spec: &PartitionSetSpec,
) -> Result<ArrowWriter<W>, ParquetError> {
    // The Arrow schema is not embedded: every lake type has an exact Parquet twin, and the blob is one more thing that
    // can be corrupt.
    let options = ArrowWriterOptions::new()
        .with_properties(properties(spec)?)
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(out, spec.arrow_schema(), options)
}

fn properties(spec: &PartitionSetSpec) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_write_batch_size(1 << 14)
        .set_offset_index_disabled(true);
    for column in &spec.columns {
        let path = ColumnPath::new(vec![column.name.clone()]);
        builder = match column.ty {
            // Times and ids are near-sorted: their differences are tiny.
            ColumnType::Ts | ColumnType::I64 | ColumnType::I32 => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            // Prices and quantities repeat within a row group; the dictionary falls back to plain when they do not.
            ColumnType::F64 | ColumnType::I8 | ColumnType::Text => {
                builder.set_column_dictionary_enabled(path, true)
            }
            ColumnType::Bool => builder,
        };
    }
    Ok(builder.build())
}
