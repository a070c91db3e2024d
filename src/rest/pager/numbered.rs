//! Paging by page number, and by trade id from a moment backward.

use quant_lake::venues::pages::Span;

use super::{Pager, PagerError};
use crate::rest::request::Request;

/// Pages 1, 2, 3 ... newest first, until one reaches behind `from` (milliseconds) or is not full.
pub struct Numbered {
    request: Box<dyn Fn(i64) -> Request + Send>,
    limit: usize,
    from: i64,
    page: i64,
    oldest: Option<i64>,
    is_done: bool,
}

impl Numbered {
    /// Returns a pager; `request` is given the page number.
    pub fn new(request: Box<dyn Fn(i64) -> Request + Send>, limit: usize, from: i64) -> Self {
        Self {
            request,
            limit,
            from,
            page: 1,
            oldest: None,
            is_done: false,
        }
    }
}

impl Pager for Numbered {
    fn next_request(&self) -> Option<Request> {
        (!self.is_done).then(|| (self.request)(self.page))
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        let oldest = page.first_ts.map(|ts| ts.div_euclid(1_000));
        if let (Some(before), Some(now)) = (self.oldest, oldest)
            && now >= before
        {
            return Err(PagerError::StandsStill {
                path: (self.request)(self.page).path,
                cursor: before,
                found: oldest,
            });
        }
        self.is_done = page.rows < self.limit || oldest.is_none_or(|ms| ms <= self.from);
        self.oldest = oldest;
        self.page += 1;
        Ok(())
    }
}

/// OKX's `history-trades`: the first page by time, then back by trade id until before `from` (milliseconds).
pub struct TradesBack {
    /// Makes a request: by time (`type=2`) or by id (`type=1`), both exclusive.
    request: Box<dyn Fn(bool, i64) -> Request + Send>,
    from: i64,
    before_ms: i64,
    before_id: Option<i64>,
    is_done: bool,
}

impl TradesBack {
    /// Returns a pager over `[from, before_ms)`; `request` is given whether the cursor is a time, and the cursor.
    pub fn new(
        request: Box<dyn Fn(bool, i64) -> Request + Send>,
        from: i64,
        before_ms: i64,
    ) -> Self {
        Self {
            request,
            from,
            before_ms,
            before_id: None,
            is_done: from >= before_ms,
        }
    }
}

impl Pager for TradesBack {
    fn next_request(&self) -> Option<Request> {
        if self.is_done {
            return None;
        }
        Some(match self.before_id {
            None => (self.request)(true, self.before_ms),
            Some(id) => (self.request)(false, id),
        })
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        if page.rows == 0 {
            self.is_done = true;
            return Ok(());
        }
        let (first_id, first_ts) = (page.first_id, page.first_ts);
        match (first_id, self.before_id) {
            (Some(id), before) if before.is_none_or(|before| id < before) => {
                self.before_id = Some(id);
                self.is_done = first_ts.is_some_and(|ts| ts.div_euclid(1_000) < self.from);
                Ok(())
            }
            (found, before) => Err(PagerError::StandsStill {
                path: (self.request)(false, before.unwrap_or(0)).path,
                cursor: before.unwrap_or(self.before_ms),
                found,
            }),
        }
    }
}
