//! What a file is, by its first bytes; its name is not asked.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::gzip::Gzip;
use super::source::Source;
use crate::ingest::archive::{ArchiveError, Limits, read_some};

/// First bytes that are looked at.
const HEAD_BYTES: usize = 4096;

/// What the content of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No bytes at all.
    Empty,
    /// A zip archive.
    Zip,
    /// Gzip, of anything but a tar.
    Gzip,
    /// A tar inside gzip.
    TarGz,
    /// A tar that is not packed.
    Tar,
    /// Zstandard.
    Zstd,
    /// Parquet.
    Parquet,
    /// UTF-8 text without control characters.
    Text,
    /// Anything else.
    Binary,
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::TarGz => "tar.gz",
            Self::Tar => "tar",
            Self::Zstd => "zstd",
            Self::Parquet => "Parquet",
            Self::Text => "plain text",
            Self::Binary => "unknown binary data",
        })
    }
}

impl Kind {
    /// Returns whether something is packed in it.
    pub const fn is_packed(self) -> bool {
        matches!(
            self,
            Self::Zip | Self::Gzip | Self::TarGz | Self::Tar | Self::Zstd | Self::Parquet
        )
    }
}

/// Tells the kind of a file by its first bytes; looks into gzip for a tar.
///
/// # Errors
/// `ArchiveError::Io`, `NotAFile`.
pub fn sniff(path: &Path) -> Result<Kind, ArchiveError> {
    let mut source = Source::open(path)?;
    source.more()?;
    let kind = classify(source.data());
    if kind != Kind::Gzip {
        return Ok(kind);
    }
    // A damaged gzip is a gzip still; opening it will say what is wrong.
    let mut head = [0; 512];
    let n = Gzip::new(source, Limits::default())
        .fill(&mut head)
        .unwrap_or(0);
    Ok(match classify(&head[..n]) {
        Kind::Tar => Kind::TarGz,
        _ => Kind::Gzip,
    })
}

/// Tells the kind of content that starts with these bytes; never `TarGz`.
pub(super) fn classify(bytes: &[u8]) -> Kind {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    match head {
        [] => Kind::Empty,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Kind::Zip,
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Kind::Zstd,
        [b'P', b'A', b'R', b'1', ..] => Kind::Parquet,
        _ if head.get(257..262) == Some(b"ustar") => Kind::Tar,
        _ if is_text(head, head.len() < bytes.len() || head.len() == HEAD_BYTES) => Kind::Text,
        _ => Kind::Binary,
    }
}

/// Whether the head of a file is text; if it is `cut`, its last character may be incomplete.
fn is_text(head: &[u8], cut: bool) -> bool {
    let control = |b: &u8| matches!(b, 0..=8 | 11 | 12 | 14..=31 | 127);
    match std::str::from_utf8(head) {
        Ok(_) => !head.iter().any(control),
        Err(e) => cut && e.error_len().is_none() && !head.iter().any(control),
    }
}

/// Reads the first bytes and goes back to the start.
pub(super) fn read_head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut limited = file.by_ref().take(HEAD_BYTES as u64);
    let mut buffer = [0; HEAD_BYTES];
    loop {
        let n = read_some(&mut limited, &mut buffer)?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(&buffer[..n]);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}
