//! The Binance Vision host as an archive source: checksum first, then the file, resumed where it stopped.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use quant_lake::ingest::{ArchiveSource, Fetched, SourceError};

use super::{FetchError, HttpHost};

/// Archive files served over HTTP(S).
#[derive(Debug)]
pub struct HttpArchive {
    host: HttpHost,
    stop: Arc<AtomicBool>,
}

impl HttpArchive {
    /// Returns the archive on `host`; downloads end early when `stop` is raised.
    pub const fn new(host: HttpHost, stop: Arc<AtomicBool>) -> Self {
        Self { host, stop }
    }

    fn error(&self, path: &str, error: FetchError) -> SourceError {
        let url = self.host.url(path);
        match error {
            FetchError::Status { url, status } => SourceError::Status {
                url,
                status,
                retry_after_s: None,
            },
            FetchError::RateLimited {
                url,
                status,
                seconds,
            } => SourceError::Status {
                url,
                status,
                retry_after_s: Some(seconds),
            },
            FetchError::Io { path, source } => SourceError::Io {
                step: "write download",
                path,
                source,
            },
            FetchError::Interrupted { .. } => SourceError::Stopped,
            other => SourceError::Transport {
                url,
                problem: other.to_string(),
            },
        }
    }
}

impl ArchiveSource for HttpArchive {
    fn describe(&self) -> String {
        self.host.url("")
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn url(&self, path: &str) -> Option<String> {
        Some(self.host.url(path))
    }

    fn checksum(&self, path: &str) -> Result<Option<String>, SourceError> {
        self.host
            .text(&format!("{path}.CHECKSUM"), &self.stop)
            .map_err(|e| self.error(path, e))
    }

    fn archive(
        &self,
        path: &str,
        expected_sha256: Option<&str>,
        scratch: &Path,
    ) -> Result<Option<Fetched>, SourceError> {
        // Named after the content where that is known: a replaced archive never continues the old one's bytes.
        let name = path.rsplit('/').next().unwrap_or("archive");
        let tag = expected_sha256.map_or("unverified", |hash| hash.get(..16).unwrap_or(hash));
        let dest = scratch.join(format!("{name}.{tag}.partial"));
        if expected_sha256.is_none() && dest.exists() {
            std::fs::remove_file(&dest).map_err(|source| SourceError::Io {
                step: "remove old download",
                path: dest.clone(),
                source,
            })?;
        }
        match self.host.download(path, &dest, &self.stop) {
            Ok(Some(_)) => Ok(Some(Fetched {
                path: dest,
                temporary: true,
            })),
            Ok(None) => {
                // Nothing was published: an empty file must not stay behind.
                drop(std::fs::remove_file(&dest));
                Ok(None)
            }
            Err(error) => Err(self.error(path, error)),
        }
    }
}
