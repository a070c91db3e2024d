//! Opens a vendor zip and streams its only member; never extracts, never trusts a declared size.
//!
//! The directory is judged before a byte is inflated. Sizes, ratio and CRC are checked while streaming, and the whole
//! file is hashed in the same pass. What the bytes mean is none of its business.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::content::hex;

/// Compressed bytes read at once.
const INPUT_BYTES: usize = 256 * 1024;

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
    #[error("`{}`: member has {found} bytes, the directory says {declared}\nhint: fetch the file again", path.display())]
    Size {
        /// Archive.
        path: PathBuf,
        /// Inflated bytes.
        found: u64,
        /// Declared bytes.
        declared: u64,
    },
    /// The member does not have its declared CRC.
    #[error("`{}`: CRC of the member is {found:08x}, the directory says {declared:08x}\nhint: fetch the file again", path.display())]
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
    /// A symbolic link or other special file.
    #[error("is a link")]
    Link,
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("uses an unsupported compression")]
    Compression,
}

/// What an archive may inflate to.
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

/// The member of an archive as a stream, hashing the archive on the way.
pub struct Member {
    path: PathBuf,
    file: File,
    limits: Limits,
    deflated: bool,
    inflate: Decompress,
    input: Vec<u8>,
    at: usize,
    filled: usize,
    /// Compressed bytes of the member not yet read from the file.
    left: u64,
    compressed: u64,
    declared: u64,
    declared_crc: u32,
    inflated: u64,
    crc: Crc,
    hash: Sha256,
    done: bool,
}

impl core::fmt::Debug for Member {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Member")
            .field("path", &self.path)
            .field("inflated", &self.inflated)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// Opens the zip at `path`, whose only member must be the plain file `expected`.
    ///
    /// # Errors
    /// Every `ArchiveError` that the directory gives reason for.
    pub fn open(path: &Path, expected: &str, limits: Limits) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let bad_zip = |source| match source {
            ZipError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
                io(source)
            }
            source => ArchiveError::NotAZip {
                path: path.to_owned(),
                source,
            },
        };
        let mut zip = ZipArchive::new(BufReader::with_capacity(4096, &file)).map_err(bad_zip)?;
        let wrong = |member: &[u8], problem| ArchiveError::Member {
            path: path.to_owned(),
            member: String::from_utf8_lossy(member).into_owned(),
            problem,
            expected: expected.to_owned(),
        };
        if zip.len() != 1 {
            return Err(ArchiveError::MemberCount {
                path: path.to_owned(),
                members: zip.len(),
                expected: expected.to_owned(),
            });
        }
        let (start, compressed, declared, declared_crc, deflated) = {
            let entry = zip.by_index_raw(0).map_err(bad_zip)?;
            let name = entry.name_raw();
            let is_path = name.iter().any(|b| matches!(b, b'/' | b'\\' | 0)) || name == b"..";
            let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
            if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
                return Err(wrong(name, MemberProblem::Link));
            }
            if entry.is_dir() || kind == 0o040_000 {
                return Err(wrong(name, MemberProblem::Folder));
            }
            if is_path {
                return Err(wrong(name, MemberProblem::Path));
            }
            if name != expected.as_bytes() {
                return Err(wrong(name, MemberProblem::Name));
            }
            if entry.encrypted() {
                return Err(wrong(name, MemberProblem::Encrypted));
            }
            let deflated = match entry.compression() {
                CompressionMethod::Deflated => true,
                CompressionMethod::Stored => false,
                _ => return Err(wrong(name, MemberProblem::Compression)),
            };
            let start = entry
                .data_start()
                .ok_or_else(|| bad_zip(ZipError::InvalidArchive("no data".into())))?;
            (
                start,
                entry.compressed_size(),
                entry.size(),
                entry.crc32(),
                deflated,
            )
        };
        // Names twice in the directory, overlapping or unlisted entries, local headers that disagree.
        zip.validate_header_consistency().map_err(bad_zip)?;
        drop(zip);
        let mut member = Self {
            path: path.to_owned(),
            file,
            limits,
            deflated,
            inflate: Decompress::new(false),
            input: vec![0; INPUT_BYTES],
            at: 0,
            filled: 0,
            left: compressed,
            compressed,
            declared,
            declared_crc,
            inflated: 0,
            crc: Crc::new(),
            hash: Sha256::new(),
            done: false,
        };
        member.check_size(declared)?;
        member.file.seek(SeekFrom::Start(0)).map_err(io)?;
        member.hash_only(Some(start))?;
        Ok(member)
    }

    /// Returns the declared size of the member, bytes.
    pub const fn declared_bytes(&self) -> u64 {
        self.declared
    }

    fn io(&self, source: std::io::Error) -> ArchiveError {
        ArchiveError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), ArchiveError> {
        if bytes > self.limits.max_member_bytes {
            let (path, limit) = (self.path.clone(), self.limits.max_member_bytes);
            return Err(ArchiveError::TooLarge { path, bytes, limit });
        }
        // Tiny members may repeat a lot; a bomb is large.
        let allowed = self
            .compressed
            .saturating_mul(self.limits.max_ratio)
            .max(1 << 16);
        if bytes > allowed {
            return Err(ArchiveError::Ratio {
                path: self.path.clone(),
                inflated: bytes,
                compressed: self.compressed,
                limit: self.limits.max_ratio,
            });
        }
        Ok(())
    }

    /// Hashes the next bytes without using them; to the end of the file if `bytes` is `None`.
    fn hash_only(&mut self, bytes: Option<u64>) -> Result<(), ArchiveError> {
        let mut left = bytes.unwrap_or(u64::MAX);
        while left > 0 {
            let want = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.input.len());
            let n = read_some(&mut self.file, &mut self.input[..want]).map_err(|source| {
                ArchiveError::Io {
                    path: self.path.clone(),
                    source,
                }
            })?;
            if n == 0 {
                return if bytes.is_none() {
                    Ok(())
                } else {
                    Err(self.corrupt())
                };
            }
            self.hash.update(&self.input[..n]);
            left -= n as u64;
        }
        Ok(())
    }

    fn corrupt(&self) -> ArchiveError {
        ArchiveError::Corrupt {
            path: self.path.clone(),
            at: self.compressed - self.left,
        }
    }

    fn refill(&mut self) -> Result<(), ArchiveError> {
        let want = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(self.input.len());
        let n = read_some(&mut self.file, &mut self.input[..want]).map_err(|e| self.io(e))?;
        if n == 0 {
            return Err(self.corrupt());
        }
        self.hash.update(&self.input[..n]);
        self.left -= n as u64;
        (self.at, self.filled) = (0, n);
        Ok(())
    }

    /// Fills `out` with the next bytes of the member; fewer only at its end, where size and CRC are checked.
    ///
    /// # Errors
    /// `Corrupt`, `Size`, `Crc`, `TooLarge`, `Ratio` or `Io`.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut n = 0;
        while n < out.len() && !self.done {
            if self.at == self.filled && self.left > 0 {
                self.refill()?;
            }
            let input = &self.input[self.at..self.filled];
            let wrote = if self.deflated {
                let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
                let status = self
                    .inflate
                    .decompress(input, &mut out[n..], FlushDecompress::None)
                    .map_err(|_| self.corrupt())?;
                let used = moved(before_in, self.inflate.total_in());
                let wrote = moved(before_out, self.inflate.total_out());
                self.at += used;
                if status == Status::StreamEnd {
                    self.done = true;
                } else if used == 0 && wrote == 0 && self.at == self.filled && self.left == 0 {
                    return Err(self.corrupt());
                }
                wrote
            } else {
                let wrote = input.len().min(out.len() - n);
                out[n..n + wrote].copy_from_slice(&input[..wrote]);
                self.at += wrote;
                self.done = self.at == self.filled && self.left == 0;
                wrote
            };
            self.crc.update(&out[n..n + wrote]);
            n += wrote;
            self.inflated += wrote as u64;
            self.check_size(self.inflated)?;
            if self.inflated > self.declared {
                return Err(self.wrong_size());
            }
        }
        if self.done && n < out.len() {
            self.check_end()?;
        }
        Ok(n)
    }

    fn wrong_size(&self) -> ArchiveError {
        ArchiveError::Size {
            path: self.path.clone(),
            found: self.inflated,
            declared: self.declared,
        }
    }

    fn check_end(&self) -> Result<(), ArchiveError> {
        if self.inflated != self.declared {
            return Err(self.wrong_size());
        }
        if self.at != self.filled || self.left != 0 {
            // Bytes after the end of the deflate stream are nobody's data.
            return Err(self.corrupt());
        }
        if self.crc.sum() != self.declared_crc {
            return Err(ArchiveError::Crc {
                path: self.path.clone(),
                found: self.crc.sum(),
                declared: self.declared_crc,
            });
        }
        Ok(())
    }

    /// Hashes what is left of the file and returns its size and sha256.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish_hash(mut self) -> Result<(u64, String), ArchiveError> {
        self.hash_only(None)?;
        let bytes = self.file.metadata().map_err(|e| self.io(e))?.len();
        Ok((bytes, hex(&self.hash.finalize())))
    }
}

/// Returns how far a byte counter moved within one buffer.
fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
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

/// Returns the size and sha256 of a file.
///
/// # Errors
/// `ArchiveError::Io`.
pub fn hash_file(path: &Path) -> Result<(u64, String), ArchiveError> {
    let io = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
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
