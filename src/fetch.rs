//! Downloads over HTTP(S): resume, retry with backoff, a least rate, and "404 is an answer".
//!
//! Knows nothing of what is inside a file; ingestion verifies checksums before anything is committed.

mod archive;
pub(crate) mod holds;
pub(crate) mod http;

pub use archive::HttpArchive;

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header;

/// Largest text answer (checksums, listings).
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Longest pause between two tries; a longer `Retry-After` ends the download instead of hammering on.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// How long a ban is taken to last when the server does not say.
const BAN: Duration = Duration::from_mins(2);
/// The longest time anybody is told to stay away; more is nonsense, and is still told to the user.
const LONGEST_HOLD: Duration = Duration::from_hours(24 * 365);

/// Why a download failed for good.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client cannot be built, e.g. no TLS roots.
    #[error("cannot set up HTTP: {source}")]
    Setup {
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The base address is not an HTTP(S) URL.
    #[error("base url `{url}` is not an http(s) address\nhint: write `--base-url https://host`")]
    BadBaseUrl {
        /// The text.
        url: String,
    },
    /// The server answered with a status that retrying will not change.
    #[error(
        "`{url}` answered {status}\nhint: check the address; a local copy works with `--root DIR`"
    )]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server asks for a longer pause than we wait.
    #[error(
        "`{url}` asks to come back in {seconds} s (status {status})\nhint: run the same command again after that; finished partitions are kept"
    )]
    RateLimited {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// Seconds to wait.
        seconds: u64,
    },
    /// Every try failed.
    #[error(
        "`{url}` failed {tries} times, last: {last}\nhint: check the connection, or give the files with `--root DIR`; a rerun resumes"
    )]
    Exhausted {
        /// The address.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// The last failure.
        last: String,
    },
    /// A text answer is larger than any checksum file.
    #[error(
        "`{url}` sent more than {MAX_TEXT_BYTES} bytes where a short text was expected\nhint: this is no archive of Vision: check `--base-url`, or give the files with `--root DIR`"
    )]
    TooLong {
        /// The address.
        url: String,
    },
    /// The server redirects to another host, out of https, or in circles.
    #[error(
        "`{url}`: {problem}\nhint: redirects are followed on the same host only; give the final address with `--base-url`"
    )]
    Redirected {
        /// The address.
        url: String,
        /// What it did.
        problem: String,
    },
    /// The local file cannot be written.
    #[error("cannot write download `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted while fetching `{url}`")]
    Interrupted {
        /// The address.
        url: String,
    },
}

/// Until when the host wants no requests, and the status that said so.
#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Instant,
    status: u16,
}

/// An HTTP(S) host that serves files. Shared by all threads: what the host told one of them holds for all.
#[derive(Debug)]
pub struct HttpHost {
    client: Client,
    base_url: String,
    retries: u32,
    first_pause: Duration,
    min_rate: http::MinRate,
    hold: Mutex<Option<Hold>>,
    /// Where bans and long pauses are kept for the next process.
    holds: Option<PathBuf>,
}

/// One failed try: worth another one, or final.
enum Failure {
    Retry {
        reason: String,
        pause: Option<Duration>,
    },
    Final(FetchError),
}

impl HttpHost {
    /// Returns a client for `base_url`.
    ///
    /// # Errors
    /// `BadBaseUrl` unless it is http or https; `Setup` if TLS cannot be initialised.
    pub fn new(base_url: &str, retries: u32, timeout: Duration) -> Result<Self, FetchError> {
        let base_url = http::base_url(base_url)?;
        let client = http::client(timeout, timeout)?;
        Ok(Self {
            client,
            base_url,
            retries,
            first_pause: Duration::from_millis(250),
            min_rate: http::MinRate::default(),
            hold: Mutex::default(),
            holds: None,
        })
    }

    /// Keeps bans and long pauses in `file` for the next process, and those that an earlier one was told.
    #[must_use]
    pub fn keeping_holds(mut self, file: PathBuf) -> Self {
        if let Some((until, status)) = holds::read(&file, &self.base_url) {
            let left = until.0.saturating_sub(crate::run::wall_clock().0);
            self.stay_away(
                Duration::from_micros(u64::try_from(left).unwrap_or(0)),
                status,
            );
        }
        self.holds = Some(file);
        self
    }

    /// Lets no thread send anything for `wait`; a shorter hold never replaces a longer one.
    fn stay_away(&self, wait: Duration, status: u16) {
        let until = Instant::now() + wait.min(LONGEST_HOLD);
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if hold.is_none_or(|h| h.until < until) {
            *hold = Some(Hold { until, status });
        }
    }

    /// The same in the next processes: a ban, or a pause too long to be waited out.
    fn stay_away_for_long(&self, wait: Duration, status: u16) {
        self.stay_away(wait, status);
        let micros = i64::try_from(wait.min(LONGEST_HOLD).as_micros()).unwrap_or(i64::MAX);
        let until = crate::run::wall_clock().plus(micros);
        if let Some(file) = &self.holds
            && let Err(error) = holds::write(file, &self.base_url, until, status)
        {
            tracing::warn!("cannot keep the pause for the next process: {error}");
        }
    }

    /// Waits until the host wants requests again.
    fn admit(&self, url: &str, stop: &AtomicBool) -> Result<(), FetchError> {
        loop {
            let hold = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(hold) = hold else {
                return Ok(());
            };
            let left = hold.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if left > MAX_PAUSE {
                return Err(FetchError::RateLimited {
                    url: url.to_owned(),
                    status: hold.status,
                    seconds: left.as_secs() + 1,
                });
            }
            if stop.load(Ordering::Relaxed) {
                return Err(FetchError::Interrupted {
                    url: url.to_owned(),
                });
            }
            sleep(left, stop);
        }
    }

    /// Returns the full address of a relative path.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.base_url, path.trim_start_matches('/'))
    }

    /// Returns the text at `path`, or `None` if the server says it does not exist.
    ///
    /// # Errors
    /// When every try failed, the status is final, or the text is too long.
    pub fn text(&self, path: &str, stop: &AtomicBool) -> Result<Option<String>, FetchError> {
        let url = self.url(path);
        self.with_retries(&url, stop, || {
            let Some(response) = self.get(&url, 0)? else {
                return Ok(None);
            };
            let mut body = Vec::new();
            http::Metered::new(response, self.min_rate)
                .take(MAX_TEXT_BYTES + 1)
                .read_to_end(&mut body)
                .map_err(retry)?;
            if body.len() as u64 > MAX_TEXT_BYTES {
                return Err(Failure::Final(FetchError::TooLong { url: url.clone() }));
            }
            Ok(Some(String::from_utf8_lossy(&body).into_owned()))
        })
    }

    /// Downloads `path` into `dest`, resuming what `dest` already holds; `None` if the server says it does not exist.
    ///
    /// The file is complete by length when this returns, not yet verified: the caller checks its hash and removes
    /// it if it is wrong, so that the next try starts afresh.
    ///
    /// # Errors
    /// When every try failed, the status is final, or the local file cannot be written.
    pub fn download(
        &self,
        path: &str,
        dest: &Path,
        stop: &AtomicBool,
    ) -> Result<Option<u64>, FetchError> {
        let url = self.url(path);
        let io = |source| FetchError::Io {
            path: dest.to_owned(),
            source,
        };
        self.with_retries(&url, stop, || {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(dest)
                .map_err(|e| Failure::Final(io(e)))?;
            let have = file
                .seek(SeekFrom::End(0))
                .map_err(|e| Failure::Final(io(e)))?;
            let Some(response) = self.get(&url, have)? else {
                return Ok(None);
            };
            let mut at = have;
            if response.status() != StatusCode::PARTIAL_CONTENT {
                // The server ignored the range (or there was none): take the whole file again.
                at = 0;
                file.set_len(0).map_err(|e| Failure::Final(io(e)))?;
                file.seek(SeekFrom::Start(0))
                    .map_err(|e| Failure::Final(io(e)))?;
            }
            let expected = response.content_length().map(|n| at + n);
            let mut body = http::Metered::new(response, self.min_rate);
            let mut buffer = vec![0_u8; 1 << 16];
            loop {
                if stop.load(Ordering::Relaxed) {
                    return Err(Failure::Final(FetchError::Interrupted { url: url.clone() }));
                }
                let n = body.read(&mut buffer).map_err(retry)?;
                if n == 0 {
                    break;
                }
                file.write_all(&buffer[..n])
                    .map_err(|e| Failure::Final(io(e)))?;
                at += n as u64;
            }
            match expected {
                Some(bytes) if bytes != at => Err(Failure::Retry {
                    reason: format!("connection closed after {at} of {bytes} bytes"),
                    pause: None,
                }),
                _ => Ok(Some(at)),
            }
        })
    }

    fn get(&self, url: &str, from: u64) -> Result<Option<Response>, Failure> {
        let mut request = self.client.get(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let response = request.send().map_err(|e| not_sent(e, url))?;
        let status = response.status();
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(Some(response)),
            StatusCode::NOT_FOUND => Ok(None),
            // Our range starts at or past the end: the file is whole, or not the one we began. Start afresh.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let whole = self.client.get(url).send().map_err(|e| not_sent(e, url))?;
                if whole.status().is_success() {
                    Ok(Some(whole))
                } else {
                    Err(Failure::Final(FetchError::Status {
                        url: url.to_owned(),
                        status: whole.status().as_u16(),
                    }))
                }
            }
            // Banned: every further request makes it longer.
            StatusCode::IM_A_TEAPOT => {
                let wait = pause_of(&response).filter(|w| !w.is_zero());
                Err(self.refused(url, wait.unwrap_or(BAN), status))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let pause = pause_of(&response);
                match pause {
                    Some(wait) if wait > MAX_PAUSE => Err(self.refused(url, wait, status)),
                    _ => {
                        if let Some(wait) = pause {
                            self.stay_away(wait, status.as_u16());
                        }
                        Err(Failure::Retry {
                            reason: format!("status {status}"),
                            pause,
                        })
                    }
                }
            }
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Err(Failure::Retry {
                    reason: format!("status {status}"),
                    pause: None,
                })
            }
            _ => Err(Failure::Final(FetchError::Status {
                url: url.to_owned(),
                status: status.as_u16(),
            })),
        }
    }

    /// Ends a download whose host wants nothing for longer than we wait.
    fn refused(&self, url: &str, wait: Duration, status: StatusCode) -> Failure {
        self.stay_away_for_long(wait, status.as_u16());
        Failure::Final(FetchError::RateLimited {
            url: url.to_owned(),
            status: status.as_u16(),
            seconds: wait.as_secs(),
        })
    }

    fn with_retries<T>(
        &self,
        url: &str,
        stop: &AtomicBool,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, FetchError> {
        let mut backoff = http::Backoff::new(self.first_pause, MAX_PAUSE, http::seed_of(url));
        let tries = self.retries.saturating_add(1);
        let mut last = String::new();
        for n in 0..tries {
            if stop.load(Ordering::Relaxed) {
                return Err(FetchError::Interrupted {
                    url: url.to_owned(),
                });
            }
            self.admit(url, stop)?;
            match attempt() {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Retry {
                    reason,
                    pause: asked,
                }) => {
                    tracing::debug!(url, n, reason, "download will be retried");
                    last = reason;
                    if n + 1 < tries {
                        let pause = asked.map(|asked| asked + backoff.extra());
                        sleep(pause.unwrap_or_else(|| backoff.pause()), stop);
                    }
                }
            }
        }
        Err(FetchError::Exhausted {
            url: url.to_owned(),
            tries,
            last,
        })
    }
}

fn retry(error: impl std::error::Error) -> Failure {
    Failure::Retry {
        reason: http::reason_of(&error),
        pause: None,
    }
}

/// Turns a request that got no answer into another try, unless the server sent us where we do not go.
fn not_sent(error: reqwest::Error, url: &str) -> Failure {
    if error.is_redirect() {
        Failure::Final(FetchError::Redirected {
            url: url.to_owned(),
            problem: http::reason_of(&error),
        })
    } else {
        retry(error)
    }
}

fn pause_of(response: &Response) -> Option<Duration> {
    http::retry_after(response.headers(), crate::run::wall_clock())
}

/// Sleeps in short steps, so that an interrupt is felt at once.
pub(crate) fn sleep(mut left: Duration, stop: &AtomicBool) {
    let step = Duration::from_millis(50);
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        let nap = left.min(step);
        std::thread::sleep(nap);
        left = left.saturating_sub(nap);
    }
}

#[cfg(test)]
mod tests;
