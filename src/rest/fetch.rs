//! Drives a pager: sends its requests and writes one response body per line, in the order they were asked for.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use quant_core::time::{TimeRange, UnixMicros};
use quant_lake::venues::pages::{PageError, PageFormat, Rows};
use quant_lake::venues::records::Record;

use super::client::{Answer, RestClient, RestError};
use super::pager::{Pager, PagerError};
use super::request::Request;
use crate::fetch::http::{Backoff, seed_of};

/// More pages than any day has: 50 million trades by the hundred.
const MAX_PAGES: usize = 500_000;

/// Codes by which OKX and Deepcoin say "later": service unavailable, timeout, too many requests, busy, system error.
const LATER: [&str; 6] = ["50001", "50004", "50011", "50013", "50026", "50061"];

/// Why a page file was not written.
#[derive(Debug, thiserror::Error)]
pub enum FetchPagesError {
    /// The host did not answer.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// The venue refused the request, or its answer is another thing.
    #[error("`{url}` (status {status}): {error}{}", hint_of(error))]
    Page {
        /// Address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        error: PageError,
    },
    /// There is no such route.
    #[error("`{url}` answered 404\nhint: check the symbol and `--base-url`")]
    NotFound {
        /// Address.
        url: String,
    },
    /// Paging cannot go on.
    #[error(transparent)]
    Pager(#[from] PagerError),
    /// The page file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// What a venue's refusal of a name means.
pub const UNLISTED: &str = "\nhint: the venue does not list this symbol; check `--symbol`";

fn hint_of(error: &PageError) -> &'static str {
    let PageError::Venue { code, .. } = error else {
        return "";
    };
    match code.as_str() {
        "-1121" | "51001" => UNLISTED,
        "-1130" => {
            "\nhint: the venue does not show times that old; take the archive (`--source vision`)"
        }
        "-1003" => "\nhint: too many requests from this address; wait a few minutes",
        "51000" => {
            "\nhint: the venue does not know this parameter; check `--symbol` and `--market`"
        }
        "50076" => "\nhint: the range is too long",
        _ => "",
    }
}

/// What a fetch brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedPages {
    /// Address of the first request.
    pub url: String,
    /// Pages, one line each.
    pub pages: usize,
    /// Rows on them, repeated ones included.
    pub rows: usize,
    /// Those of the days asked for that are final, usable or not: what a partition could be made of.
    pub wanted: usize,
    /// Smallest id on them.
    pub first_id: Option<i64>,
    /// Smallest time on them, microseconds.
    pub first_ts: Option<i64>,
    /// Requests sent, retries included.
    pub attempts: u32,
}

/// Asks for everything a pager wants of `days` and writes it to `path`; with `stamps` lines begin with the time of receipt on a
/// clock that is so many microseconds ahead of ours.
///
/// # Errors
/// `FetchPagesError`; the file is removed then, so that nothing of it can be ingested.
pub fn fetch_pages(
    client: &RestClient,
    pager: &mut dyn Pager,
    format: &mut dyn PageFormat,
    path: &Path,
    stamps: Option<i64>,
    days: TimeRange,
    stop: &AtomicBool,
) -> Result<FetchedPages, FetchPagesError> {
    let done = write_pages(client, pager, format, path, stamps, days, stop);
    if done.is_err() {
        drop(std::fs::remove_file(path));
    }
    done
}

fn write_pages(
    client: &RestClient,
    pager: &mut dyn Pager,
    format: &mut dyn PageFormat,
    path: &Path,
    stamps: Option<i64>,
    days: TimeRange,
    stop: &AtomicBool,
) -> Result<FetchedPages, FetchPagesError> {
    let io = |source| FetchPagesError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(io)?);
    let mut done = FetchedPages::default();
    while let Some(request) = pager.next_request() {
        if done.pages == MAX_PAGES {
            return Err(FetchPagesError::Pager(PagerError::TooManyPages {
                path: request.path,
                pages: done.pages,
            }));
        }
        let (answer, page) = ask(client, &request, stop, &mut done.attempts, |answer| {
            let stamp = stamps.map(|ahead_us| answer.received.plus(ahead_us).0);
            format.page(&answer.body, stamp)
        })?;
        if done.pages == 0 {
            done.url.clone_from(&answer.url);
        }
        done.pages += 1;
        done.rows += page.span.rows;
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        done.first_id = least(done.first_id, page.span.first_id);
        done.first_ts = least(done.first_ts, page.span.first_ts);
        done.wanted += rows_inside(&page.rows, days) + page.bad.len();
        if let Some(ahead_us) = stamps {
            let stamp = answer.received.plus(ahead_us);
            write!(file, "{} ", stamp.0.saturating_mul(1_000)).map_err(io)?;
        }
        file.write_all(&one_line(answer.body)).map_err(io)?;
        file.write_all(b"\n").map_err(io)?;
        pager.on_page(&page.span)?;
    }
    file.flush().map_err(io)?;
    Ok(done)
}

/// Returns how many rows lie in a range: pages that go backward also have rows before it.
fn rows_inside(rows: &Rows, range: TimeRange) -> usize {
    fn count<R: Record>(rows: &[R], range: TimeRange) -> usize {
        let inside = |row: &&R| range.contains(UnixMicros(row.ts()));
        rows.iter().filter(inside).count()
    }
    match rows {
        Rows::Klines(rows) => count(rows, range),
        Rows::MarkKlines(rows) => count(rows, range),
        Rows::PremiumKlines(rows) => count(rows, range),
        Rows::IndexKlines(rows) => count(rows, range),
        Rows::AggTrades(rows) => count(rows, range),
        Rows::Trades(rows) => count(rows, range),
        Rows::Funding(rows) => count(rows, range),
        Rows::OpenInterest(rows) => count(rows, range),
    }
}

/// Returns a body without line ends: JSON has none inside its strings, so that nothing is lost.
fn one_line(mut body: Vec<u8>) -> Vec<u8> {
    for byte in &mut body {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    body
}

/// Sends one request and reads its answer; asks again, as often as the client would, when the venue says "later".
///
/// # Errors
/// As [`fetch_pages`].
pub fn ask<T>(
    client: &RestClient,
    request: &Request,
    stop: &AtomicBool,
    attempts: &mut u32,
    mut read: impl FnMut(&Answer) -> Result<T, PageError>,
) -> Result<(Answer, T), FetchPagesError> {
    let options = client.options();
    let seed = options.seed ^ seed_of(&request.path);
    let mut backoff = Backoff::new(options.first_pause, options.max_pause, seed);
    let mut left = options.retries;
    loop {
        let answer = client.send(request, stop)?;
        *attempts += answer.attempts;
        if answer.status == 404 {
            return Err(FetchPagesError::NotFound { url: answer.url });
        }
        match read(&answer) {
            Ok(value) if answer.status == 200 => return Ok((answer, value)),
            Err(PageError::Venue { code, .. }) if LATER.contains(&&*code) && left > 0 => {
                left -= 1;
                client.timer().sleep(backoff.pause(), stop);
            }
            Err(error) => {
                return Err(FetchPagesError::Page {
                    url: answer.url,
                    status: answer.status,
                    error,
                });
            }
            Ok(_) => {
                return Err(FetchPagesError::Rest(RestError::Status {
                    url: answer.url,
                    status: answer.status,
                }));
            }
        }
    }
}
