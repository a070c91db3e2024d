//! One REST host: sends a request within the host's limits, retries what is worth it, and stays away when told to.
//!
//! One request is under way per host at a time, so that no request can leave after another one was told to stop: inside a
//! `Retry-After` or a ban nothing is sent by any thread. Answers are whole JSON texts or typed errors.

mod body;
mod error;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quant_core::time::UnixMicros;
use reqwest::blocking::{Client, Response};
use reqwest::header;

use super::governor::{Governor, Grant};
use super::request::Request;
use super::timer::Timer;
use crate::fetch::holds;
use crate::fetch::http::{self, Backoff};
use body::{BodyProblem, read_body};
pub use error::RestError;

/// How long a ban is taken to last when the host does not say: the venues' shortest.
const DEFAULT_BAN: Duration = Duration::from_mins(2);
/// Most that is added to a pause a host asks for.
const EXTRA: Duration = Duration::from_secs(1);
/// The longest time anybody is told to stay away; more is nonsense, and is still told to the user.
const LONGEST_HOLD: Duration = Duration::from_hours(24 * 365);

/// How to talk to a host.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Tries after the first one.
    pub retries: u32,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the head of an answer, and for each piece of its body.
    pub silence: Duration,
    /// Longest time for a whole answer: a host that sends a byte a second does not hold us.
    pub total: Duration,
    /// First pause before another try; doubles.
    pub first_pause: Duration,
    /// Longest pause that is waited out; a longer one ends the work with the time to come back.
    pub max_pause: Duration,
    /// Largest body, compressed and not.
    pub max_body: u64,
    /// Seed of the jitter of pauses.
    pub seed: u64,
    /// Where bans and long pauses are kept for the next process.
    pub holds: Option<PathBuf>,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self {
            retries: 5,
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(30),
            total: Duration::from_mins(2),
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_mins(1),
            max_body: 64 << 20,
            seed: 1,
            holds: None,
        }
    }
}

/// What a host said: 200, 404, or a refusal of the request itself (4xx) for the caller to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Full address of the request.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// The JSON text; of a refusal whatever came.
    pub body: Vec<u8>,
    /// When it came, by our clock.
    pub received: UnixMicros,
    /// Requests that were sent for it.
    pub attempts: u32,
}

/// A host with its limits. Shared by all threads.
#[derive(Debug)]
pub struct RestClient {
    client: Client,
    base_url: String,
    options: RestOptions,
    governor: Arc<Governor>,
    timer: Arc<dyn Timer>,
    /// Held while a request is under way.
    gate: Mutex<()>,
}

/// What one exchange came to.
enum Outcome {
    Done(u16, Vec<u8>),
    Retry {
        reason: String,
        pause: Option<Duration>,
        /// Nobody may ask before the pause has passed.
        hold: Option<u16>,
    },
    Banned(Duration),
    Final(RestError),
}

impl RestClient {
    /// Returns a client of `base_url` under `governor`, staying away if an earlier process was told to.
    ///
    /// # Errors
    /// `Fetch` for an address that is not http(s) or without TLS.
    pub fn new(
        base_url: &str,
        options: RestOptions,
        governor: Arc<Governor>,
        timer: Arc<dyn Timer>,
    ) -> Result<Self, RestError> {
        let base_url = http::base_url(base_url)?;
        let client = http::client(options.connect, options.silence)?;
        if let Some((until, status)) = options
            .holds
            .as_deref()
            .and_then(|file| holds::read(file, &base_url))
        {
            let left = u64::try_from(until.0.saturating_sub(timer.wall().0)).unwrap_or(0);
            governor.hold(timer.now() + Duration::from_micros(left), status);
        }
        Ok(Self {
            client,
            base_url,
            options,
            governor,
            timer,
            gate: Mutex::default(),
        })
    }

    /// Returns the full address of a request.
    pub fn url(&self, request: &Request) -> String {
        format!("{}{}", self.base_url, request.path)
    }

    /// Returns the base address.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the clock.
    pub fn timer(&self) -> &dyn Timer {
        self.timer.as_ref()
    }

    /// Returns how to talk to the host.
    pub const fn options(&self) -> &RestOptions {
        &self.options
    }

    /// Sends a request until it is answered, at most `1 + retries` times.
    ///
    /// # Errors
    /// `Held` while the host wants no requests, `Banned`, `Forbidden`, `NotJson`, `TooLarge`, `Status`, `Exhausted`,
    /// `Interrupted`.
    pub fn send(&self, request: &Request, stop: &AtomicBool) -> Result<Answer, RestError> {
        let url = self.url(request);
        let seed = self.options.seed ^ http::seed_of(&url);
        let mut backoff = Backoff::new(self.options.first_pause, self.options.max_pause, seed);
        let tries = self.options.retries.saturating_add(1);
        let mut last = String::new();
        for attempt in 1..=tries {
            let gate = self.admit(request, &url, stop)?;
            let outcome = self.exchange(request, &url, stop);
            // What the host wants is known to everybody before the next request can leave.
            let pause = match outcome {
                Outcome::Done(status, body) => {
                    return Ok(Answer {
                        url,
                        status,
                        body,
                        received: self.timer.wall(),
                        attempts: attempt,
                    });
                }
                Outcome::Final(error) => return Err(error),
                Outcome::Banned(wait) => return Err(self.stay_away(&url, wait, 418)),
                Outcome::Retry {
                    reason,
                    pause,
                    hold,
                } => {
                    tracing::debug!(url, attempt, reason, "request will be tried again");
                    last = reason;
                    let asked = pause.filter(|p| !p.is_zero());
                    if let (Some(wait), Some(status)) = (asked, hold)
                        && wait > self.options.max_pause
                    {
                        return Err(self.stay_away(&url, wait, status));
                    }
                    let pause = match asked {
                        Some(wait) => wait + backoff.extra(),
                        None => backoff.pause(),
                    };
                    if let Some(status) = hold {
                        self.governor.hold(self.timer.now() + pause, status);
                    }
                    pause
                }
            };
            drop(gate);
            if attempt < tries {
                self.timer.sleep(pause, stop);
            }
        }
        Err(RestError::Exhausted {
            url,
            attempts: tries,
            last,
        })
    }

    /// Waits for our own limits and short holds; returns the right to send one request.
    fn admit(
        &self,
        request: &Request,
        url: &str,
        stop: &AtomicBool,
    ) -> Result<MutexGuard<'_, ()>, RestError> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(RestError::Interrupted {
                    url: url.to_owned(),
                });
            }
            let now = self.timer.now();
            match self.governor.ask(request.bucket, request.weight, now) {
                Grant::Go => return Ok(gate),
                Grant::Wait(wait) => self.timer.sleep(wait, stop),
                // A pause that is waited out, with its extra; or the rest of a longer one.
                Grant::Held { wait, .. } if wait <= self.options.max_pause + EXTRA => {
                    self.timer.sleep(wait, stop);
                }
                Grant::Held { wait, status } => {
                    return Err(away(url, self.wall_after(wait), wait, status));
                }
            }
        }
    }

    /// Sends nothing for `wait`, in this process and the next ones.
    fn stay_away(&self, url: &str, wait: Duration, status: u16) -> RestError {
        let asked = wait;
        let wait = wait.min(LONGEST_HOLD);
        self.governor.hold(self.timer.now() + wait, status);
        let until = self.wall_after(wait);
        if let Some(file) = &self.options.holds
            && let Err(error) = holds::write(file, &self.base_url, until, status)
        {
            tracing::warn!("cannot keep the pause for the next process: {error}");
        }
        away(url, until, asked, status)
    }

    fn wall_after(&self, wait: Duration) -> UnixMicros {
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        self.timer.wall().plus(micros)
    }

    fn exchange(&self, request: &Request, url: &str, stop: &AtomicBool) -> Outcome {
        let builder = match &request.post {
            None => self.client.get(url),
            Some(body) => self
                .client
                .post(url)
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone()),
        };
        let deadline = std::time::Instant::now() + self.options.total;
        let response = match builder
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "gzip")
            .send()
        {
            Ok(response) => response,
            Err(error) if error.is_redirect() => {
                return Outcome::Final(RestError::Redirected {
                    url: url.to_owned(),
                    problem: http::reason_of(&error),
                });
            }
            Err(error) => return retry(http::reason_of(&error)),
        };
        let status = response.status().as_u16();
        let asked = http::retry_after(response.headers(), self.timer.wall());
        let used = response
            .headers()
            .get("x-mbx-used-weight-1m")
            .and_then(|v| v.to_str().ok()?.trim().parse().ok());
        if let Some(used) = used {
            self.governor
                .report_used(request.bucket, used, self.timer.now());
        }
        let to = response.headers().get(header::LOCATION);
        let to = to.map_or(String::new(), |to| start_of(to.as_bytes()));
        let body = self.body(response, deadline, stop);
        match status {
            200 => match body {
                Ok(body) => whole_json(url, body),
                Err(problem) => self.body_problem(url, problem),
            },
            418 => {
                let told = body.ok().and_then(|body| banned_until(&body));
                let wall = self.timer.wall().0;
                let told = told.and_then(|ms| u64::try_from(ms * 1_000 - wall).ok());
                let wait = asked.or(told.map(Duration::from_micros));
                Outcome::Banned(wait.filter(|w| !w.is_zero()).unwrap_or(DEFAULT_BAN))
            }
            429 => Outcome::Retry {
                reason: format!("status 429, too many requests{}", excerpt(body)),
                pause: asked,
                hold: Some(429),
            },
            403 | 451 => Outcome::Final(RestError::Forbidden {
                url: url.to_owned(),
                status,
                said: excerpt(body),
            }),
            408 | 425 | 500..=599 => Outcome::Retry {
                reason: format!("status {status}{}", excerpt(body)),
                pause: asked,
                hold: asked.map(|_| status),
            },
            400..=499 => match body {
                Ok(body) => Outcome::Done(status, body),
                Err(problem) => self.body_problem(url, problem),
            },
            300..=303 | 307 | 308 => Outcome::Final(RestError::Redirected {
                url: url.to_owned(),
                problem: format!("redirected ({status}) to `{to}`, which is not followed"),
            }),
            _ => Outcome::Final(RestError::Status {
                url: url.to_owned(),
                status,
            }),
        }
    }

    fn body(
        &self,
        response: Response,
        deadline: std::time::Instant,
        stop: &AtomicBool,
    ) -> Result<Vec<u8>, BodyProblem> {
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        let encoding = encoding.map(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        read_body(
            response,
            encoding.as_deref(),
            self.options.max_body,
            deadline,
            stop,
        )
    }

    fn body_problem(&self, url: &str, problem: BodyProblem) -> Outcome {
        let url = url.to_owned();
        match problem {
            BodyProblem::Broken(reason) => retry(reason),
            BodyProblem::TooSlow => retry(format!(
                "the answer was not whole after {:?}",
                self.options.total
            )),
            BodyProblem::TooLarge => Outcome::Final(RestError::TooLarge {
                url,
                limit: self.options.max_body,
            }),
            BodyProblem::Encoding(found) => Outcome::Final(RestError::NotJson {
                url,
                found: format!("content encoded as `{found}`"),
            }),
            BodyProblem::Stopped => Outcome::Final(RestError::Interrupted { url }),
        }
    }
}

fn away(url: &str, until: UnixMicros, wait: Duration, status: u16) -> RestError {
    let (url, seconds) = (url.to_owned(), wait.as_secs());
    if status == 418 {
        RestError::Banned {
            url,
            until,
            seconds,
        }
    } else {
        RestError::Held {
            url,
            status,
            until,
            seconds,
        }
    }
}

const fn retry(reason: String) -> Outcome {
    Outcome::Retry {
        reason,
        pause: None,
        hold: None,
    }
}

/// Accepts a body that is one whole JSON value; a text that ends too early is a broken transfer.
fn whole_json(url: &str, body: Vec<u8>) -> Outcome {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        // The skipping reader does not look into strings.
        Ok(_) if std::str::from_utf8(&body).is_err() => Outcome::Final(RestError::NotJson {
            url: url.to_owned(),
            found: format!("`{}` (not UTF-8)", start_of(&body)),
        }),
        Ok(_) => Outcome::Done(200, body),
        Err(error) if error.is_eof() => retry(format!(
            "the body ends inside a JSON value after {} bytes",
            body.len()
        )),
        Err(error) => Outcome::Final(RestError::NotJson {
            url: url.to_owned(),
            found: format!("`{}` ({error})", start_of(&body)),
        }),
    }
}

/// Returns the first line of a body, short enough for a message.
fn start_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let line: String = text.chars().take(160).collect();
    line.escape_debug().to_string()
}

fn excerpt(body: Result<Vec<u8>, BodyProblem>) -> String {
    match body {
        Ok(body) if !body.is_empty() => format!(": {}", start_of(&body)),
        _ => String::new(),
    }
}

/// Reads `banned until 1588591856950` (milliseconds) out of a refusal.
fn banned_until(body: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once("banned until ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (digits.len() == 13).then(|| digits.parse().ok()).flatten()
}
