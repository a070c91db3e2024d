//! Where archive files come from: the trait, and a folder on disk. The HTTP source lives at the edge.

use std::path::{Path, PathBuf};

/// Why a source could not answer. "There is no such file" is an answer, not an error.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The local file system refused.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The root is not an archive folder.
    #[error("`{}` is not a Binance Vision folder: it holds neither `data/spot` nor `data/futures`\nhint: point at the folder that holds `data/`, or at `data/` itself", path.display())]
    NotAnArchive {
        /// The folder.
        path: PathBuf,
    },
    /// The server refused with a status that is neither success nor "not found".
    #[error("`{url}` answered {status}{}", retry_hint(*retry_after_s))]
    Status {
        /// Address.
        url: String,
        /// HTTP status.
        status: u16,
        /// Seconds the server asked to wait.
        retry_after_s: Option<u64>,
    },
    /// The answer never came, or not whole.
    #[error(
        "`{url}`: {problem}\nhint: check the connection and run the command again; finished days are kept"
    )]
    Transport {
        /// Address.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The answer is larger than allowed.
    #[error("`{url}` is larger than the limit {limit} bytes")]
    TooLarge {
        /// Address.
        url: String,
        /// Limit.
        limit: u64,
    },
    /// The source says in its own words why there is nothing to ingest.
    #[error("{problem}")]
    Refused {
        /// Its words, with a hint.
        problem: String,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

fn retry_hint(seconds: Option<u64>) -> String {
    seconds.map_or(String::new(), |s| {
        format!("\nhint: the server asks to wait {s} s")
    })
}

/// An archive file at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// It was downloaded for this ingest and goes when its partitions are committed (or refused).
    pub temporary: bool,
}

/// A source of archive files in the vendor's own layout.
///
/// Paths are `/`-separated and start with `data/`, e.g. `data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2024-08-08.zip`.
/// Several threads ask at once.
pub trait ArchiveSource: Send + Sync {
    /// Returns the root folder or base address, for messages.
    fn describe(&self) -> String;

    /// Returns whether asking costs a request: then files known to be unpublished are not asked for.
    fn is_remote(&self) -> bool;

    /// Returns the address recorded in the lineage; `None` for local files.
    fn url(&self, path: &str) -> Option<String>;

    /// Returns the text of `<path>.CHECKSUM`, or `None` if there is none (404).
    ///
    /// # Errors
    /// `SourceError`, after the source's own retries.
    fn checksum(&self, path: &str) -> Result<Option<String>, SourceError>;

    /// Brings the archive to the local disk, or returns `None` if there is none (404).
    ///
    /// A remote source downloads into `scratch` (an existing folder on the lake's file system) and may resume an
    /// earlier partial download named after `expected_sha256`. The caller verifies the hash.
    ///
    /// # Errors
    /// `SourceError`, after the source's own retries.
    fn archive(
        &self,
        path: &str,
        expected_sha256: Option<&str>,
        scratch: &Path,
    ) -> Result<Option<Fetched>, SourceError>;
}

/// A copy of the archive, or part of it, in a local folder.
#[derive(Clone, Debug)]
pub struct LocalArchive {
    root: PathBuf,
}

impl LocalArchive {
    /// Opens a folder that holds `data/spot` or `data/futures`, or is that `data` folder itself.
    ///
    /// # Errors
    /// `SourceError::NotAnArchive`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let root: PathBuf = root.into();
        let holds = |dir: &Path| dir.join("spot").is_dir() || dir.join("futures").is_dir();
        if holds(&root.join("data")) {
            return Ok(Self {
                root: root.join("data"),
            });
        }
        if holds(&root) {
            Ok(Self { root })
        } else {
            Err(SourceError::NotAnArchive { path: root })
        }
    }

    fn local(&self, path: &str) -> PathBuf {
        let mut out = self.root.clone();
        out.extend(path.strip_prefix("data/").unwrap_or(path).split('/'));
        out
    }
}

impl ArchiveSource for LocalArchive {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn url(&self, _: &str) -> Option<String> {
        None
    }

    fn checksum(&self, path: &str) -> Result<Option<String>, SourceError> {
        let path = self.local(&format!("{path}.CHECKSUM"));
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SourceError::Io {
                step: "read",
                path,
                source,
            }),
        }
    }

    fn archive(
        &self,
        path: &str,
        _: Option<&str>,
        _: &Path,
    ) -> Result<Option<Fetched>, SourceError> {
        let path = self.local(path);
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Some(Fetched {
                path,
                temporary: false,
            })),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SourceError::Io {
                step: "read",
                path,
                source,
            }),
        }
    }
}
