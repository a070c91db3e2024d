//! What every HTTP client of this program shares: the connection rules, `Retry-After`, and jittered backoff.
//!
//! Redirects stay on their host and port, never leave https and never name anything but http(s); cookies are not kept.

use std::io::Read;
use std::time::{Duration, Instant};

use quant_core::time::{Day, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, UnixMicros};
use reqwest::blocking::Client;
use reqwest::header::{self, HeaderMap};

use super::FetchError;

/// Redirects followed at most, all on the same host.
const MAX_REDIRECTS: usize = 3;

/// Bytes per second below which a try is given up: at this rate the smallest archive of a busy day takes hours, and a
/// host that sends so little is out of order.
const MIN_BYTES_PER_S: u64 = 1 << 10;
/// Time over which the rate is measured: as long as the longest silence that is waited for.
const MIN_RATE_OVER: Duration = Duration::from_mins(1);

/// The least that a body must bring for its try to go on.
///
/// The limit of silence of [`client`] starts anew with every byte; without this a host could hold a download for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MinRate {
    /// Bytes per second.
    pub(crate) bytes_per_s: u64,
    /// Time over which they are counted, again and again.
    pub(crate) over: Duration,
}

impl Default for MinRate {
    fn default() -> Self {
        Self {
            bytes_per_s: MIN_BYTES_PER_S,
            over: MIN_RATE_OVER,
        }
    }
}

/// Reads a body until a whole stretch of time has brought too little of it.
#[derive(Debug)]
pub(crate) struct Metered<R> {
    from: R,
    min: MinRate,
    since: Instant,
    bytes: u64,
}

impl<R: Read> Metered<R> {
    /// Returns the reader; the first stretch begins now.
    pub(crate) fn new(from: R, min: MinRate) -> Self {
        Self {
            from,
            min,
            since: Instant::now(),
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.bytes += n as u64;
        let passed = self.since.elapsed();
        // The end of a body is always good news.
        if n > 0 && passed >= self.min.over {
            let least = self.min.bytes_per_s as f64 * passed.as_secs_f64();
            if (self.bytes as f64) < least {
                let text = format!(
                    "too slow: {} bytes in {:.1} s, less than {} a second",
                    self.bytes,
                    passed.as_secs_f64(),
                    self.min.bytes_per_s
                );
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text));
            }
            (self.since, self.bytes) = (Instant::now(), 0);
        }
        Ok(n)
    }
}

/// Returns a client that connects within `connect` and waits at most `silence` for the head and for each piece of a body.
///
/// # Errors
/// `Setup` if TLS cannot be initialised.
pub(crate) fn client(connect: Duration, silence: Duration) -> Result<Client, FetchError> {
    // Another part of the process may have installed a provider already: either one will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .user_agent(concat!("quant/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        // The blocking client applies this to each wait for data, not to the whole body.
        .timeout(silence)
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::custom(|attempt| {
            let problem = attempt
                .previous()
                .last()
                .and_then(|from| redirect_problem(from, attempt.url(), attempt.previous().len()));
            match problem {
                Some(problem) => attempt.error(problem),
                None => attempt.follow(),
            }
        }))
        .build()
        .map_err(|source| FetchError::Setup { source })
}

/// Returns why a redirect is not followed, after `n` addresses.
fn redirect_problem(from: &reqwest::Url, to: &reqwest::Url, n: usize) -> Option<&'static str> {
    let is_same = from.host_str() == to.host_str()
        && from.port_or_known_default() == to.port_or_known_default();
    if !matches!(to.scheme(), "http" | "https") {
        Some("redirected to something that is not http(s)")
    } else if from.scheme() == "https" && to.scheme() != "https" {
        Some("redirected from https to http")
    } else if !is_same {
        Some("redirected to another host")
    } else if n > MAX_REDIRECTS {
        Some("redirected in circles")
    } else {
        None
    }
}

/// Returns an address without its trailing slash.
///
/// # Errors
/// `BadBaseUrl` unless it is http or https.
pub(crate) fn base_url(text: &str) -> Result<String, FetchError> {
    let url = text.trim_end_matches('/').to_owned();
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    if is_http && !url.contains(char::is_whitespace) {
        Ok(url)
    } else {
        Err(FetchError::BadBaseUrl { url })
    }
}

/// Returns an error and its causes as one line.
pub(crate) fn reason_of(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    reason
}

/// Returns how long `Retry-After` asks to wait: seconds, or an HTTP date against the answer's own `Date` (else `wall`).
///
/// `None` if it is absent, negative or nonsense: then the ordinary backoff applies. A date that has passed asks for nothing.
pub(crate) fn retry_after(headers: &HeaderMap, wall: UnixMicros) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = http_date(text)?;
    let sent = headers.get(header::DATE).and_then(|d| d.to_str().ok());
    let now = sent.and_then(http_date).unwrap_or(wall);
    let micros = u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0);
    Some(Duration::from_micros(micros))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the only form senders may write (RFC 9110, 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<UnixMicros> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let mut next = || parts.next();
    let (day, month, year, clock, zone) = (next()?, next()?, next()?, next()?, next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let day = Day::from_ymd(
        year.parse().ok()?,
        u32::try_from(month).ok()?,
        day.parse().ok()?,
    )?;
    let mut clock = clock.split(':').map(|n| n.parse::<i64>().ok());
    let (h, m, s) = (clock.next()??, clock.next()??, clock.next()??);
    let is_time = (0..24).contains(&h) && (0..60).contains(&m) && (0..=60).contains(&s);
    (zone == "GMT" && is_time && clock.next().is_none()).then(|| {
        day.start()
            .plus(h * MICROS_PER_HOUR + m * MICROS_PER_MINUTE + s * MICROS_PER_SECOND)
    })
}

/// Pauses that double up to a cap, each shortened by a seeded chance, so that clients that failed together do not return
/// together.
///
/// # Determinism
/// The same seed gives the same pauses.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    cap: Duration,
    state: u64,
}

impl Backoff {
    /// Returns pauses of at most `first`, then twice as much, up to `cap`.
    pub(crate) const fn new(first: Duration, cap: Duration, seed: u64) -> Self {
        Self {
            next: first,
            cap,
            state: seed,
        }
    }

    /// Returns the next pause: between half and all of the current step.
    pub(crate) fn pause(&mut self) -> Duration {
        let step = self.next.min(self.cap);
        self.next = step.saturating_mul(2).min(self.cap);
        step.mul_f64(0.5 + self.unit() / 2.0)
    }

    /// Returns a little extra after a pause the server asked for.
    pub(crate) fn extra(&mut self) -> Duration {
        Duration::from_millis(250).mul_f64(self.unit())
    }

    /// Returns a number in `[0, 1)` (splitmix64).
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

/// Returns a seed made of a text: FNV-1a.
pub(crate) fn seed_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
