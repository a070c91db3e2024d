//! The single member of a tar inside gzip, as a stream; nothing is ever unpacked to disk.
//!
//! Headers are the `tar` crate's; the walk is ours, since its entries borrow the archive and cannot be kept.

use tar::{EntryType, Header};

use super::gzip::Gzip;
use super::source::Source;
use super::{Pick, leads_out};
use crate::ingest::archive::{ArchiveError, Limits, MemberProblem};

const BLOCK: usize = 512;

/// Longest name or extended header.
const MAX_META_BYTES: u64 = 64 * 1024;

/// What extension entries say about the next entry.
#[derive(Default)]
struct Meta {
    pax: bool,
    path: Option<Vec<u8>>,
    size: Option<u64>,
    long_name: Option<Vec<u8>>,
    long_link: bool,
}

/// The member of a tar.gz.
pub(super) struct TarMember {
    gzip: Gzip,
    pick: Pick,
    name: String,
    /// Bytes of the member not yet read.
    left: u64,
    padding: usize,
    ended: bool,
}

impl TarMember {
    /// Reads up to the data of the member that `pick` says.
    pub(super) fn open(source: Source, pick: &Pick, limits: Limits) -> Result<Self, ArchiveError> {
        let outer = Limits {
            // Room for headers and padding around a member of the largest size.
            max_member_bytes: limits.max_member_bytes.saturating_add(1 << 20),
            ..limits
        };
        let mut tar = Self {
            gzip: Gzip::new(source, outer),
            pick: pick.clone(),
            name: String::new(),
            left: 0,
            padding: 0,
            ended: false,
        };
        let Some((name, size)) = tar.next_member()? else {
            return Err(tar.member_count(0));
        };
        if size > limits.max_member_bytes {
            return Err(ArchiveError::TooLarge {
                path: tar.gzip.source().path().to_owned(),
                bytes: size,
                limit: limits.max_member_bytes,
            });
        }
        tar.name = String::from_utf8_lossy(&name).into_owned();
        tar.left = size;
        tar.padding = padding(size);
        Ok(tar)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn source(&self) -> &Source {
        self.gzip.source()
    }

    pub(super) fn finish_hash(self) -> Result<(u64, String), ArchiveError> {
        self.gzip.finish_hash()
    }

    /// Fills `out`; fewer bytes only at the end, where everything behind the member is checked.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let want = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(out.len());
        self.exact(&mut out[..want], "tar member")?;
        self.left -= want as u64;
        if want < out.len() && !self.ended {
            self.end()?;
            self.ended = true;
        }
        Ok(want)
    }

    fn member_count(&self, members: usize) -> ArchiveError {
        ArchiveError::MemberCount {
            path: self.gzip.source().path().to_owned(),
            members,
            expected: self.pick.to_string(),
        }
    }

    fn cut(&self, part: &'static str) -> ArchiveError {
        let source = self.gzip.source();
        self.gzip
            .cut()
            .unwrap_or_else(|| source.cut(part))
            .error(source.path())
    }

    fn exact(&mut self, out: &mut [u8], part: &'static str) -> Result<(), ArchiveError> {
        if self.gzip.fill(out)? < out.len() {
            return Err(self.cut(part));
        }
        Ok(())
    }

    /// Checks padding, that no member follows, and that the archive ends as it should.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let mut block = [0; BLOCK];
        let n = self.padding;
        self.exact(&mut block[..n], "padding of the tar member")?;
        if block[..n].iter().any(|b| *b != 0) {
            // The size in the header is too small: what follows is more of the member.
            return Err(self
                .gzip
                .source()
                .header("tar member longer than its header says"));
        }
        if self.next_member()?.is_some() {
            return Err(self.member_count(2));
        }
        let mut rest = vec![0; 64 * 1024];
        loop {
            let n = self.gzip.fill(&mut rest)?;
            if rest[..n].iter().any(|b| *b != 0) {
                return Err(self.gzip.source().garbage("zeros after the tar"));
            }
            if n < rest.len() {
                return match self.gzip.cut() {
                    Some(_) => Err(self.cut("end of the tar")),
                    None => Ok(()),
                };
            }
        }
    }

    /// Reads headers up to the next regular file; returns its name and size, `None` at the end of the archive.
    fn next_member(&mut self) -> Result<Option<(Vec<u8>, u64)>, ArchiveError> {
        let mut meta = Meta::default();
        let bad = |tar: &Self, what| Err(tar.gzip.source().header(what));
        loop {
            let mut block = [0; BLOCK];
            self.exact(&mut block, "tar header")?;
            if block == [0; BLOCK] {
                self.exact(&mut block, "end of the tar")?;
                if block != [0; BLOCK] {
                    return bad(self, "tar entry after the end of the tar");
                }
                if meta.pax || meta.long_name.is_some() || meta.long_link {
                    return bad(self, "tar extension without a member");
                }
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if header.cksum().ok() != Some(checksum(&block)) {
                return bad(self, "tar header with a wrong checksum");
            }
            let Some(size) = size_of(header) else {
                return bad(self, "tar header with an impossible size");
            };
            match header.entry_type() {
                EntryType::XHeader if !meta.pax => {
                    let records = self.meta(size)?;
                    meta.pax = true;
                    self.pax(&records, Some(&mut meta))?;
                }
                EntryType::XGlobalHeader => {
                    let records = self.meta(size)?;
                    self.pax(&records, None)?;
                }
                EntryType::GNULongName if meta.long_name.is_none() => {
                    let mut name = self.meta(size)?;
                    name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
                    meta.long_name = Some(name);
                }
                EntryType::GNULongLink if !meta.long_link => {
                    self.meta(size)?;
                    meta.long_link = true;
                }
                EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => {
                    return bad(self, "tar extension twice for one member");
                }
                kind => {
                    let name = meta
                        .path
                        .or(meta.long_name)
                        .unwrap_or_else(|| header.path_bytes().into_owned());
                    if let Some(problem) = self.judge(kind, &name) {
                        return Err(self.wrong(&name, problem));
                    }
                    return Ok(Some((name, meta.size.unwrap_or(size))));
                }
            }
        }
    }

    fn judge(&self, kind: EntryType, name: &[u8]) -> Option<MemberProblem> {
        match kind {
            EntryType::Link | EntryType::Symlink => return Some(MemberProblem::Link),
            EntryType::Directory => return Some(MemberProblem::Folder),
            EntryType::GNUSparse => return Some(MemberProblem::Sparse),
            EntryType::Regular => {}
            _ => return Some(MemberProblem::Special),
        }
        if leads_out(name) || name.starts_with(b"/") {
            return Some(MemberProblem::Path);
        }
        if name.ends_with(b"/") {
            return Some(MemberProblem::Folder);
        }
        let last = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
        (!self.pick.takes(last)).then_some(MemberProblem::Name)
    }

    fn wrong(&self, name: &[u8], problem: MemberProblem) -> ArchiveError {
        ArchiveError::Member {
            path: self.gzip.source().path().to_owned(),
            member: String::from_utf8_lossy(name).into_owned(),
            problem,
            expected: self.pick.to_string(),
        }
    }

    /// Reads the body of an extension entry.
    fn meta(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_META_BYTES {
            return Err(self
                .gzip
                .source()
                .header("tar extension of impossible length"));
        }
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        let mut body = vec![0; bytes + padding(size)];
        self.exact(&mut body, "tar extension")?;
        body.truncate(bytes);
        Ok(body)
    }

    /// Reads pax records into `meta`, or only judges them if they are for the whole archive.
    fn pax(&self, mut records: &[u8], mut meta: Option<&mut Meta>) -> Result<(), ArchiveError> {
        while !records.is_empty() {
            let Some((key, value, rest)) = record(records) else {
                return Err(self
                    .gzip
                    .source()
                    .header("tar extension that cannot be read"));
            };
            records = rest;
            if key.starts_with(b"GNU.sparse.") {
                return Err(self.wrong(key, MemberProblem::Sparse));
            }
            match (key, &mut meta) {
                (b"path", Some(meta)) => meta.path = Some(value.to_owned()),
                (b"size", Some(meta)) => {
                    let size = std::str::from_utf8(value).ok().and_then(|s| s.parse().ok());
                    if size.is_none() {
                        return Err(self
                            .gzip
                            .source()
                            .header("tar header with an impossible size"));
                    }
                    meta.size = size;
                }
                (b"path" | b"size" | b"linkpath", None) => {
                    return Err(self
                        .gzip
                        .source()
                        .header("tar extension that renames every member"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Splits `LEN key=value\n` off the front.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(8).position(|b| *b == b' ')?;
    let len: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let (line, rest) = records.split_at_checked(len)?;
    let pair = line.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', pair)?;
    Some((&pair[..equals], &pair[equals + 1..], rest))
}

/// The size field, if it is one.
fn size_of(header: &Header) -> Option<u64> {
    let field = header.as_bytes().get(124..136)?;
    if field[0] & 0x80 != 0 && (field[0] != 0x80 || field[1..4] != [0; 3]) {
        // A binary number beyond 64 bits, or a negative one.
        return None;
    }
    header.entry_size().ok()
}

/// The sum of a header, its own field counted as spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let outside = block[..148].iter().chain(&block[156..]);
    outside.map(|b| u32::from(*b)).sum::<u32>() + 8 * u32::from(b' ')
}

fn padding(size: u64) -> usize {
    usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0)
}
