//! Containers of archive files, written as a stream: gzip, zip, and one-member tar.gz.
//!
//! A day of rows is deflated while it is pushed, so that neither its text nor its rows are in memory. Same bytes in,
//! same bytes out: no time, no name and no user of this machine. It knows no venue and writes no file.

mod tar_gz;

use std::io::{Cursor, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::venues::wire::WireError;

pub use tar_gz::TarGzFile;

/// Why rows cannot be written as an archive file.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A number without a text.
    #[error("row {row}: {source}")]
    Row {
        /// 0-based row or message.
        row: u64,
        /// What is wrong with it.
        source: WireError,
    },
    /// A row of another day or month.
    #[error(
        "row {row} is stamped {ts_ms} ms, outside of `{name}`, which covers [{start_ms}, {end_ms})"
    )]
    RowOutsideFile {
        /// 0-based row or message.
        row: u64,
        /// Its time stamp.
        ts_ms: i64,
        /// Name of the file.
        name: String,
        /// First millisecond of the file.
        start_ms: i64,
        /// First millisecond after it.
        end_ms: i64,
    },
    /// A venue-wide sequence that runs backward.
    #[error("message {row} has sequence {found}; expected at least {last}")]
    SequenceWentBack {
        /// 0-based message.
        row: u64,
        /// Sequence of the message before.
        last: i64,
        /// Sequence found.
        found: i64,
    },
    /// An update before the first snapshot.
    #[error(
        "message {row} is an update, but no snapshot was written before it\nhint: begin every file with a snapshot"
    )]
    NoSnapshot {
        /// 0-based message.
        row: u64,
    },
    /// The container could not be written to memory.
    #[error("cannot pack `{name}`: {reason}")]
    Container {
        /// Name of the file.
        name: String,
        /// What the container library reports.
        reason: String,
    },
}

/// How hard a file is compressed: fixed per kind, since it decides the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// CSV files.
    Normal,
    /// Order books: gigabytes of text a day.
    Fast,
}

impl Effort {
    const fn level(self) -> u32 {
        match self {
            Self::Normal => 6,
            Self::Fast => 1,
        }
    }
}

/// A finished archive file, to be stored at [`PackedFile::path`] below the archive's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Folder below the root, `/` between segments.
    pub folder: String,
    /// File name.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl PackedFile {
    /// Returns the path below the archive's root.
    pub fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// Where a file will lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Folder below the archive's root.
    pub folder: String,
    /// File name.
    pub name: String,
}

impl FileName {
    fn packed(self, bytes: Vec<u8>) -> PackedFile {
        PackedFile {
            folder: self.folder,
            name: self.name,
            bytes,
        }
    }

    fn fault(&self, reason: impl core::fmt::Display) -> PackError {
        PackError::Container {
            name: self.name.clone(),
            reason: reason.to_string(),
        }
    }
}

/// A gzip file under construction.
pub struct GzFile {
    file: FileName,
    encoder: GzEncoder<Vec<u8>>,
}

impl GzFile {
    /// Begins a file.
    pub fn new(file: FileName, effort: Effort) -> Self {
        let encoder = GzBuilder::new()
            .mtime(0)
            // 3 is Unix; the library's default differs between platforms.
            .operating_system(3)
            .write(Vec::new(), Compression::new(effort.level()));
        Self { file, encoder }
    }

    /// Appends content.
    ///
    /// # Errors
    /// `Container`, which memory alone can cause.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.encoder
            .write_all(bytes)
            .map_err(|e| self.file.fault(e))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`GzFile::push`].
    pub fn finish(self) -> Result<PackedFile, PackError> {
        let bytes = self.encoder.finish().map_err(|e| self.file.fault(e))?;
        Ok(self.file.packed(bytes))
    }
}

/// A zip file with one member under construction.
pub struct ZipFile {
    file: FileName,
    writer: ZipWriter<Cursor<Vec<u8>>>,
}

impl ZipFile {
    /// Begins a file whose only member is named `member`.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(file: FileName, member: &str, effort: Effort) -> Result<Self, PackError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(i64::from(effort.level())))
            .last_modified_time(DateTime::default())
            .system(zip::System::Unix)
            .unix_permissions(0o644)
            .large_file(false);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file(member, options)
            .map_err(|e| file.fault(e))?;
        Ok(Self { file, writer })
    }

    /// Appends content.
    ///
    /// # Errors
    /// `Container`, past 4 GiB.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.writer.write_all(bytes).map_err(|e| self.file.fault(e))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`ZipFile::push`].
    pub fn finish(self) -> Result<PackedFile, PackError> {
        let cursor = self.writer.finish().map_err(|e| self.file.fault(e))?;
        Ok(self.file.packed(cursor.into_inner()))
    }
}

#[cfg(test)]
mod tests;
