//! Streams the only member of a zip; never extracts, never trusts a declared size.
//!
//! The directory is judged before a byte is inflated. Sizes, ratio and CRC are checked while streaming, and the whole
//! file is hashed in the same pass. What the bytes mean is none of its business.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::kind::{classify, read_head};
use super::source::moved;
use super::{Kind, Pick, leads_out};
use crate::content::hex;
use crate::ingest::archive::{
    ArchiveError, INPUT_BYTES, Limits, MemberProblem, open_file, read_some,
};

/// The member of an archive as a stream, hashing the archive on the way.
pub(super) struct ZipMember {
    path: PathBuf,
    name: String,
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

impl core::fmt::Debug for ZipMember {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ZipMember")
            .field("path", &self.path)
            .field("inflated", &self.inflated)
            .finish_non_exhaustive()
    }
}

impl ZipMember {
    /// Opens the zip at `path`, whose only member must be the plain file that `pick` says.
    ///
    /// # Errors
    /// Every `ArchiveError` that the directory gives reason for.
    pub(super) fn open(path: &Path, pick: &Pick, limits: Limits) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = open_file(path)?;
        let found = classify(&read_head(&mut file).map_err(io)?);
        if !matches!(found, Kind::Zip | Kind::Binary) {
            return Err(ArchiveError::WrongKind {
                path: path.to_owned(),
                expected: Kind::Zip,
                found,
            });
        }
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
            expected: pick.to_string(),
        };
        if zip.len() != 1 {
            return Err(ArchiveError::MemberCount {
                path: path.to_owned(),
                members: zip.len(),
                expected: pick.to_string(),
            });
        }
        let (start, compressed, declared, declared_crc, deflated, name) = {
            let entry = zip.by_index_raw(0).map_err(bad_zip)?;
            let name = entry.name_raw();
            let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
            if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
                return Err(wrong(name, MemberProblem::Link));
            }
            if entry.is_dir() || kind == 0o040_000 {
                return Err(wrong(name, MemberProblem::Folder));
            }
            if name.contains(&b'/') || leads_out(name) {
                return Err(wrong(name, MemberProblem::Path));
            }
            if !pick.takes(name) {
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
                String::from_utf8_lossy(name).into_owned(),
            )
        };
        // Names twice in the directory, overlapping or unlisted entries, local headers that disagree.
        zip.validate_header_consistency().map_err(bad_zip)?;
        drop(zip);
        let mut member = Self {
            path: path.to_owned(),
            name,
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

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of the member.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn io(&self, source: std::io::Error) -> ArchiveError {
        ArchiveError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), ArchiveError> {
        self.limits.check(&self.path, bytes, self.compressed)
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
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
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
    pub(super) fn finish_hash(mut self) -> Result<(u64, String), ArchiveError> {
        self.hash_only(None)?;
        let bytes = self.file.metadata().map_err(|e| self.io(e))?.len();
        Ok((bytes, hex(&self.hash.finalize())))
    }
}
