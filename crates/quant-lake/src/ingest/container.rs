//! One bounded stream over every container a vendor or a recorder uses.
//!
//! Nothing is extracted and nothing declared is trusted: sizes, ratios, checksums and ends are checked while the text
//! flows, and the file as it lies on disk is hashed in the same pass. What the bytes mean is none of its business.

use std::path::Path;

use self::gzip::Gzip;
use self::plain::PlainFile;
use self::source::Source;
use self::tail::Tail;
use self::tar::TarMember;
use self::zip::ZipMember;
use self::zstd::Zstd;
use super::archive::{ArchiveError, Limits};

mod gzip;
mod kind;
mod plain;
mod source;
mod tail;
mod tar;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

pub use kind::{Kind, sniff};

/// Which member of an archive holds the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The member of exactly this name.
    Named(String),
    /// The member with this extension, without the dot; upper and lower case are the same.
    Extension(String),
}

impl core::fmt::Display for Pick {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Extension(extension) => write!(f, "*.{extension}"),
        }
    }
}

impl Pick {
    /// Whether a name without folders is the one.
    fn takes(&self, name: &[u8]) -> bool {
        match self {
            Self::Named(expected) => name == expected.as_bytes(),
            Self::Extension(extension) => {
                let at = memchr::memrchr(b'.', name).filter(|at| *at > 0);
                at.is_some_and(|at| name[at + 1..].eq_ignore_ascii_case(extension.as_bytes()))
            }
        }
    }
}

/// How rows are packed in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// Not at all.
    Plain,
    /// As the only member of a zip.
    Zip(Pick),
    /// As gzip, one member or several.
    Gzip,
    /// As the only file of a tar inside gzip.
    TarGz(Pick),
    /// As Zstandard, one frame or several.
    Zstd,
}

/// What a file is expected to be, and how strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// How rows are packed.
    pub container: Container,
    /// Whether a gzip or zstd file that ends too early is read up to its last complete line: the recordings of a
    /// recorder that was killed. Other containers and other damage are refused all the same.
    pub accept_truncated: bool,
}

impl From<Container> for ContainerSpec {
    fn from(container: Container) -> Self {
        Self {
            container,
            accept_truncated: false,
        }
    }
}

impl ContainerSpec {
    /// Returns the container that content of this kind is, its member by `extension`; `None` if no rows can be in it.
    pub fn of_kind(kind: Kind, extension: &str) -> Option<Self> {
        let pick = || Pick::Extension(extension.to_owned());
        let container = match kind {
            Kind::Zip => Container::Zip(pick()),
            Kind::Gzip => Container::Gzip,
            Kind::TarGz => Container::TarGz(pick()),
            Kind::Zstd => Container::Zstd,
            Kind::Text => Container::Plain,
            Kind::Empty | Kind::Tar | Kind::Parquet | Kind::Binary => return None,
        };
        Some(container.into())
    }

    /// Reads a gzip or zstd file that ends too early up to its last complete line.
    #[must_use]
    pub fn accepting_truncated(mut self) -> Self {
        self.accept_truncated = true;
        self
    }
}

/// Where a file ends too early.
#[derive(Clone, Copy, Debug)]
struct Cut {
    part: &'static str,
    at: u64,
}

impl Cut {
    fn error(self, path: &Path) -> ArchiveError {
        ArchiveError::Truncated {
            path: path.to_owned(),
            part: self.part,
            at: self.at,
        }
    }
}

enum Inner {
    Plain(PlainFile),
    Zip(Box<ZipMember>),
    Gzip(Box<Gzip>),
    Tar(Box<TarMember>),
    Zstd(Box<Zstd>),
}

/// The text in a container, hashing the file on the way.
pub struct Stream {
    inner: Inner,
    tail: Option<Tail>,
    started: bool,
}

impl core::fmt::Debug for Stream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stream")
            .field("path", &self.inner.path())
            .field("truncated", &self.truncated())
            .finish_non_exhaustive()
    }
}

/// Opens the file at `path` as the container that `spec` says.
///
/// # Errors
/// `ArchiveError`: all that the first bytes, a zip's directory or a tar's first headers give reason for.
pub fn open(path: &Path, spec: &ContainerSpec, limits: Limits) -> Result<Stream, ArchiveError> {
    let inner = match &spec.container {
        Container::Plain => Inner::Plain(PlainFile::open(path)?),
        Container::Zip(pick) => Inner::Zip(Box::new(ZipMember::open(path, pick, limits)?)),
        Container::Gzip => Inner::Gzip(Box::new(Gzip::new(packed(path, spec)?, limits))),
        Container::TarGz(pick) => Inner::Tar(Box::new(TarMember::open(
            packed(path, spec)?,
            pick,
            limits,
        )?)),
        Container::Zstd => Inner::Zstd(Box::new(Zstd::new(packed(path, spec)?, limits)?)),
    };
    let cuttable = matches!(inner, Inner::Gzip(_) | Inner::Zstd(_));
    Ok(Stream {
        inner,
        tail: (cuttable && spec.accept_truncated).then(Tail::new),
        started: false,
    })
}

/// Opens a gzip or zstd file and looks at its first bytes.
fn packed(path: &Path, spec: &ContainerSpec) -> Result<Source, ArchiveError> {
    let mut source = Source::open(path)?;
    source.more()?;
    let data = source.data();
    let (expected, starts) = match spec.container {
        Container::Zstd => (Kind::Zstd, zstd::is_start(data)),
        Container::TarGz(_) => (Kind::TarGz, gzip::is_start(data)),
        _ => (Kind::Gzip, gzip::is_start(data)),
    };
    // A recorder that was killed at once leaves an empty file.
    let refused = if data.is_empty() {
        !spec.accept_truncated
    } else {
        !starts
    };
    if refused {
        return Err(ArchiveError::WrongKind {
            path: path.to_owned(),
            expected,
            found: kind::classify(data),
        });
    }
    Ok(source)
}

impl Inner {
    fn path(&self) -> &Path {
        match self {
            Self::Plain(file) => file.path(),
            Self::Zip(member) => member.path(),
            Self::Gzip(gzip) => gzip.source().path(),
            Self::Tar(member) => member.source().path(),
            Self::Zstd(zstd) => zstd.source().path(),
        }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(usize, Option<Cut>), ArchiveError> {
        Ok(match self {
            Self::Plain(file) => (file.fill(out)?, None),
            Self::Zip(member) => (member.fill(out)?, None),
            Self::Gzip(gzip) => (gzip.fill(out)?, gzip.cut()),
            Self::Tar(member) => (member.fill(out)?, None),
            Self::Zstd(zstd) => (zstd.fill(out)?, zstd.cut()),
        })
    }
}

impl Stream {
    /// Fills `out` with the next bytes of the text; fewer only at its end, where every check has been made.
    ///
    /// Give it large blocks: what is packed twice is told by the first one, a tar by its first 512 bytes.
    ///
    /// # Errors
    /// `ArchiveError`: damage, an early end that is not accepted, a size or a ratio beyond the limits, or `Io`.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArchiveError> {
        let n = if let Some(tail) = &mut self.tail {
            let inner = &mut self.inner;
            tail.fill(out, |block| inner.fill(block))?
        } else {
            let (n, cut) = self.inner.fill(out)?;
            if let Some(cut) = cut {
                return Err(cut.error(self.inner.path()));
            }
            n
        };
        if !self.started && n > 0 {
            self.started = true;
            self.check_start(&out[..n])?;
        }
        Ok(n)
    }

    /// Refuses what is packed twice.
    fn check_start(&self, start: &[u8]) -> Result<(), ArchiveError> {
        let found = kind::classify(start);
        if !found.is_packed() || matches!(self.inner, Inner::Plain(_)) {
            return Ok(());
        }
        let path = self.inner.path().to_owned();
        Err(
            if matches!(self.inner, Inner::Gzip(_)) && found == Kind::Tar {
                ArchiveError::WrongKind {
                    path,
                    expected: Kind::Gzip,
                    found: Kind::TarGz,
                }
            } else {
                ArchiveError::Nested { path, found }
            },
        )
    }

    /// Returns the name of the member that is read, of a zip or a tar.
    pub fn member(&self) -> Option<&str> {
        match &self.inner {
            Inner::Zip(member) => Some(member.name()),
            Inner::Tar(member) => Some(member.name()),
            Inner::Plain(_) | Inner::Gzip(_) | Inner::Zstd(_) => None,
        }
    }

    /// Returns whether the end was reached and came too early, in a file for which that is accepted.
    pub fn truncated(&self) -> bool {
        self.tail.as_ref().is_some_and(Tail::truncated)
    }

    /// Returns the bytes of an incomplete last line that were dropped, in a file that ended too early.
    pub fn dropped_bytes(&self) -> u64 {
        self.tail.as_ref().map_or(0, Tail::dropped)
    }

    /// Hashes what is left of the file and returns its size and sha256: the file as it is on disk.
    ///
    /// # Errors
    /// `ArchiveError::Io`.
    pub fn finish_hash(self) -> Result<(u64, String), ArchiveError> {
        match self.inner {
            Inner::Plain(file) => file.finish_hash(),
            Inner::Zip(member) => member.finish_hash(),
            Inner::Gzip(gzip) => gzip.finish_hash(),
            Inner::Tar(member) => member.finish_hash(),
            Inner::Zstd(zstd) => zstd.finish_hash(),
        }
    }
}

/// Whether a member name leads out of a folder, on any platform, or is no name at all.
fn leads_out(name: &[u8]) -> bool {
    name.is_empty()
        || name.iter().any(|b| matches!(b, b'\\' | 0))
        || name.get(1) == Some(&b':')
        || name.split(|b| *b == b'/').any(|part| part == b"..")
}
