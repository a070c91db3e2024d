//! The zip of one CSV, filled as the rows come, and its `.CHECKSUM` line.

use std::io::{Cursor, Write};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::EncodeError;

/// Deflate level of every archive made here: fixed, since the level decides the bytes.
///
/// A symbol-day of 1.0 M trades, 0.7 M aggregates and 3.0 M quotes on one core, encoding and sha256 included
/// (`tests/speed.rs`), took 2.0, 2.9, 3.2, 4.5 and 8.4 s at levels 1, 2, 3, 4 and 6 and gave 119, 87, 77, 76 and 74 MB.
/// Level 1 has fixed Huffman tables and pays for them in bytes that are read again by every ingest; beyond 3 the time
/// doubles for a few percent.
const DEFLATE_LEVEL: i64 = 2;

/// A zip under construction, in memory: only the deflated bytes are kept.
pub(super) struct ZipCsv {
    member: String,
    writer: ZipWriter<Cursor<Vec<u8>>>,
}

impl ZipCsv {
    pub(super) fn new(member: &str) -> Result<Self, EncodeError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(DEFLATE_LEVEL))
            .last_modified_time(DateTime::default())
            .system(zip::System::Unix)
            .unix_permissions(0o644)
            .large_file(false);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file(member, options)
            .map_err(|e| failed(member, &e))?;
        Ok(Self {
            member: member.to_owned(),
            writer,
        })
    }

    pub(super) fn write(&mut self, csv: &[u8]) -> Result<(), EncodeError> {
        self.writer
            .write_all(csv)
            .map_err(|e| failed(&self.member, &e))
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        let member = self.member;
        let done = self.writer.finish().map_err(|e| failed(&member, &e))?;
        Ok(done.into_inner())
    }
}

fn failed(member: &str, error: &dyn core::fmt::Display) -> EncodeError {
    EncodeError::Container {
        member: member.to_owned(),
        reason: error.to_string(),
    }
}

/// Packs CSV bytes as the only member of a deflate zip, without names or times of this machine.
///
/// # Errors
/// `EncodeError::Container` if the CSV is beyond what a plain zip holds (4 GiB).
///
/// # Determinism
/// Fixed DOS time (1980-01-01), level, permissions and no extra fields: same input, same bytes.
pub fn csv_zip(member: &str, csv: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut zip = ZipCsv::new(member)?;
    zip.write(csv)?;
    zip.finish()
}

/// Returns the sidecar text of a zip: `<64 hex sha256>`, two spaces, its name, line end.
pub fn checksum_line(zip: &[u8], name: &str) -> String {
    let mut line = String::with_capacity(64 + 3 + name.len());
    for byte in Sha256::digest(zip) {
        for nibble in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    line.push_str("  ");
    line.push_str(name);
    line.push('\n');
    line
}
