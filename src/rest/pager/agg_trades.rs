//! Binance's `aggTrades`: the first id by windows of less than an hour, then on by id, never both in one request.

use quant_lake::venues::pages::Span;

use super::{Pager, PagerError};
use crate::rest::request::Request;

/// Rows of a page.
const LIMIT: i64 = 1_000;
/// Window of a request by time: less than an hour.
const WINDOW_MS: i64 = 3_600_000 - 1;

/// Where the routes are and what they cost.
#[derive(Clone, Debug)]
pub struct AggRoute {
    /// `/fapi/v1/aggTrades` and the like.
    pub path: &'static str,
    /// Symbol.
    pub symbol: String,
    /// Limit it counts against.
    pub bucket: &'static str,
    /// Weight.
    pub weight: u32,
}

impl AggRoute {
    fn request(&self) -> Request {
        Request::get(self.path, self.bucket, self.weight)
            .with("symbol", &self.symbol)
            .with("limit", LIMIT)
    }
}

enum Step {
    /// Looking for the first trade from here on.
    Seek(i64),
    /// Going on from this id.
    From(i64),
    Done,
}

/// Trades of `[from, until]` in milliseconds, ascending.
pub struct AggForward {
    route: AggRoute,
    until: i64,
    step: Step,
}

impl AggForward {
    /// Returns a pager over `[from, until]`, inclusive.
    pub const fn new(route: AggRoute, from: i64, until: i64) -> Self {
        let step = if from > until {
            Step::Done
        } else {
            Step::Seek(from)
        };
        Self { route, until, step }
    }

    /// Returns a pager over what follows a trade, until `until`.
    pub const fn after(route: AggRoute, id: i64, until: i64) -> Self {
        let step = Step::From(id.saturating_add(1));
        Self { route, until, step }
    }
}

impl Pager for AggForward {
    fn next_request(&self) -> Option<Request> {
        let request = self.route.request();
        match self.step {
            Step::Seek(from) => {
                let end = from.saturating_add(WINDOW_MS).min(self.until);
                Some(request.with("startTime", from).with("endTime", end))
            }
            Step::From(id) => Some(request.with("fromId", id)),
            Step::Done => None,
        }
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        let last_ms = page.last_ts.map(|ts| ts.div_euclid(1_000));
        self.step = match self.step {
            Step::Seek(from) => match page.last_id {
                // A full page or not: trades may follow in the next hours.
                Some(id) => Step::From(id + 1),
                None if from.saturating_add(WINDOW_MS) >= self.until => Step::Done,
                None => Step::Seek(from + WINDOW_MS + 1),
            },
            Step::From(id) => match page.last_id {
                Some(last) if last >= id => Step::From(last + 1),
                None if page.rows == 0 => Step::Done,
                found => {
                    return Err(PagerError::StandsStill {
                        path: self.route.request().path,
                        cursor: id,
                        found,
                    });
                }
            },
            Step::Done => Step::Done,
        };
        if last_ms.is_some_and(|ms| ms > self.until) {
            self.step = Step::Done;
        }
        Ok(())
    }
}

/// Trades back from now until before `from` (milliseconds): what a live session starts with.
pub struct AggBack {
    route: AggRoute,
    from: i64,
    /// First id already seen.
    first_id: Option<i64>,
    is_done: bool,
    rows: usize,
}

impl AggBack {
    /// Returns a pager back to `from`.
    pub const fn new(route: AggRoute, from: i64) -> Self {
        Self {
            route,
            from,
            first_id: None,
            is_done: false,
            rows: 0,
        }
    }

    /// Returns the number of rows seen, without those a page shows again.
    pub const fn rows(&self) -> usize {
        self.rows
    }
}

impl Pager for AggBack {
    fn next_request(&self) -> Option<Request> {
        if self.is_done {
            return None;
        }
        let request = self.route.request();
        Some(match self.first_id {
            // The latest ones.
            None => request,
            Some(first) => request.with("fromId", (first - LIMIT).max(0)),
        })
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        let (Some(first_id), Some(last_id), Some(first_ts)) =
            (page.first_id, page.last_id, page.first_ts)
        else {
            self.is_done = true;
            return Ok(());
        };
        if self.first_id == Some(first_id) {
            // The page begins with what was seen already: there is nothing older.
            self.is_done = true;
            return Ok(());
        }
        if let Some(seen) = self.first_id
            && first_id > seen
        {
            return Err(PagerError::StandsStill {
                path: self.route.request().path,
                cursor: seen,
                found: Some(first_id),
            });
        }
        // Below the first id of all, a page holds newer rows again.
        let again = self.first_id.map_or(0, |seen| (last_id - seen + 1).max(0));
        self.rows += page.rows - usize::try_from(again).unwrap_or(0).min(page.rows);
        self.first_id = Some(first_id);
        self.is_done = first_ts.div_euclid(1_000) < self.from || first_id == 0;
        Ok(())
    }
}
