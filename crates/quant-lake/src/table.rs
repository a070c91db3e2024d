//! Small Parquet tables outside the lake's partitions (results of a run): one batch, one deterministic file.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be made.
    #[error("cannot create `{}`: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The table cannot be encoded or stored.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: ParquetError,
    },
}

/// Writes `batch` as a zstd Parquet file at `path`, replacing what is there.
///
/// # Determinism
/// The same batch gives the same bytes: no time, host or library version of this machine enters the file.
///
/// # Errors
/// `TableError` if the file cannot be created or written.
pub fn write_table(path: &Path, batch: &RecordBatch) -> Result<(), TableError> {
    let failed = |source| TableError::Write {
        path: path.to_owned(),
        source,
    };
    let file = File::create(path).map_err(|source| TableError::Create {
        path: path.to_owned(),
        source,
    })?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(failed)?))
        .set_created_by("quant".to_owned())
        .build();
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(())
}
