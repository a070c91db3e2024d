//! Why a packed file is refused, what it may inflate to, and the hash of a whole file.
//!
//! The streams themselves are in [`super::container`].

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::result::ZipError;

use super::container::Kind;
use crate::content::hex;

/// Bytes of a file read at once.
pub(super) const INPUT_BYTES: usize = 256 * 1024;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// Archive.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A pipe, a device or a folder.
    #[error("`{}` is no file: pipes, devices and folders have no content that could be read twice\nhint: write it to a file first, or name the files inside", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The content is of another kind than the name promises.
    #[error("`{}` is not a readable {expected}: it is {found}\nhint: the name and the content disagree; fetch the file again or give it its right name", path.display())]
    WrongKind {
        /// File.
        path: PathBuf,
        /// What the name or the venue promises.
        expected: Kind,
        /// What the first bytes say.
        found: Kind,
    },
    /// What is packed is packed itself.
    #[error("`{}` holds {found} where a text belongs\nhint: unpack the file once and use what is inside", path.display())]
    Nested {
        /// File.
        path: PathBuf,
        /// What the first unpacked bytes say.
        found: Kind,
    },
    /// The file ends too early.
    #[error("`{}` is cut short: it ends at byte {at}, inside the {part}\nhint: fetch the file again", path.display())]
    Truncated {
        /// File.
        path: PathBuf,
        /// What is incomplete.
        part: &'static str,
        /// Byte of the file.
        at: u64,
    },
    /// Bytes follow the end of the packed data.
    #[error("`{}`: bytes that are no {expected} follow at byte {at}\nhint: two files were glued together or the file is damaged; fetch it again", path.display())]
    TrailingGarbage {
        /// File.
        path: PathBuf,
        /// What alone may follow.
        expected: &'static str,
        /// Byte of the file.
        at: u64,
    },
    /// A header inside the file makes no sense.
    #[error("`{}`: {what} near byte {at}\nhint: the file is damaged or not what its name says; fetch it again", path.display())]
    Header {
        /// File.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// Byte of the file.
        at: u64,
    },
    /// A zstd frame needs more memory than is granted.
    #[error("`{}`: a zstd window of {bytes} bytes, more than the limit {limit}\nhint: pack the file again without `--long` or `--ultra`", path.display())]
    Window {
        /// File.
        path: PathBuf,
        /// Declared window.
        bytes: u64,
        /// Limit.
        limit: u64,
    },
    /// Not a zip, or a damaged or truncated one.
    #[error("`{}` is not a readable zip: {source}\nhint: the file is damaged or cut short; fetch it again", path.display())]
    NotAZip {
        /// Archive.
        path: PathBuf,
        /// Cause.
        source: ZipError,
    },
    /// No member, or more than one.
    #[error("`{}` has {members} members; expected only `{expected}`\nhint: this is not a file of the vendor's archive", path.display())]
    MemberCount {
        /// Archive.
        path: PathBuf,
        /// Members found.
        members: usize,
        /// The one that belongs there.
        expected: String,
    },
    /// The member is not the expected plain file.
    #[error("`{}`: member `{}` {problem}; expected the file `{expected}`\nhint: this is not a file of the vendor's archive", path.display(), member.escape_debug())]
    Member {
        /// Archive.
        path: PathBuf,
        /// Member name, as stored.
        member: String,
        /// What is wrong.
        problem: MemberProblem,
        /// The name that belongs there.
        expected: String,
    },
    /// The member is larger than allowed.
    #[error("`{}`: member of {bytes} bytes, more than the limit {limit}\nhint: no archive of this kind is that large; check where the file comes from", path.display())]
    TooLarge {
        /// Archive.
        path: PathBuf,
        /// Declared or inflated bytes.
        bytes: u64,
        /// Limit.
        limit: u64,
    },
    /// The member inflates far more than market data does.
    #[error("`{}`: {inflated} bytes out of {compressed}, more than the ratio {limit}:1\nhint: this looks like a zip bomb; fetch the file again", path.display())]
    Ratio {
        /// Archive.
        path: PathBuf,
        /// Declared or inflated bytes.
        inflated: u64,
        /// Compressed bytes.
        compressed: u64,
        /// Limit.
        limit: u64,
    },
    /// The compressed data is damaged.
    #[error("`{}`: compressed data is damaged near byte {at}\nhint: fetch the file again", path.display())]
    Corrupt {
        /// Archive.
        path: PathBuf,
        /// Byte of the file.
        at: u64,
    },
    /// The member does not have its declared size.
    #[error("`{}`: member has {found} bytes, the archive says {declared}\nhint: fetch the file again", path.display())]
    Size {
        /// Archive.
        path: PathBuf,
        /// Inflated bytes.
        found: u64,
        /// Declared bytes.
        declared: u64,
    },
    /// The member does not have its declared CRC.
    #[error("`{}`: CRC of the member is {found:08x}, the archive says {declared:08x}\nhint: fetch the file again", path.display())]
    Crc {
        /// Archive.
        path: PathBuf,
        /// CRC of the inflated bytes.
        found: u32,
        /// Declared CRC.
        declared: u32,
    },
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberProblem {
    /// Another name.
    #[error("has another name")]
    Name,
    /// A name that leads out of a folder.
    #[error("has a name that is a path")]
    Path,
    /// A folder.
    #[error("is a folder")]
    Folder,
    /// A symbolic or hard link; in a zip also any other special file.
    #[error("is a link")]
    Link,
    /// A device, a pipe or a type of entry that nobody needs.
    #[error("is not a regular file")]
    Special,
    /// A file with holes.
    #[error("is sparse")]
    Sparse,
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("uses an unsupported compression")]
    Compression,
}

/// What a packed file may inflate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest member, bytes.
    pub max_member_bytes: u64,
    /// Largest inflated/compressed ratio; market data stays below 20, constant columns reach 60.
    pub max_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_member_bytes: 64 << 30,
            max_ratio: 200,
        }
    }
}

impl Limits {
    /// Refuses `bytes` inflated out of `compressed`.
    pub(super) fn check(
        &self,
        path: &Path,
        bytes: u64,
        compressed: u64,
    ) -> Result<(), ArchiveError> {
        if bytes > self.max_member_bytes {
            let (path, limit) = (path.to_owned(), self.max_member_bytes);
            return Err(ArchiveError::TooLarge { path, bytes, limit });
        }
        // Tiny members may repeat a lot; a bomb is large.
        let allowed = compressed.saturating_mul(self.max_ratio).max(1 << 16);
        if bytes > allowed {
            return Err(ArchiveError::Ratio {
                path: path.to_owned(),
                inflated: bytes,
                compressed,
                limit: self.max_ratio,
            });
        }
        Ok(())
    }
}

/// Reads once, again after an interruption.
pub(crate) fn read_some(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Opens a file for reading; opening a pipe would wait for its writer, and a device has no end.
pub(super) fn open_file(path: &Path) -> Result<File, ArchiveError> {
    let io = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(ArchiveError::NotAFile {
            path: path.to_owned(),
        });
    }
    File::open(path).map_err(io)
}

/// Returns the size and sha256 of a file.
///
/// # Errors
/// `ArchiveError::Io`, `NotAFile`.
pub fn hash_file(path: &Path) -> Result<(u64, String), ArchiveError> {
    let io = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = open_file(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; INPUT_BYTES];
    let mut bytes = 0;
    loop {
        let n = read_some(&mut file, &mut buffer).map_err(io)?;
        if n == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
}
