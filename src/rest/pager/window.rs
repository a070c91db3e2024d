//! Paging through a window of time: oldest first, newest first, or a single request.

use quant_lake::venues::pages::Span;

use super::{Pager, PagerError};
use crate::rest::request::Request;

/// Makes the request of a window `[from, until]` in the venue's unit.
type WindowRequest = Box<dyn Fn(i64, i64) -> Request + Send>;

/// Pages that ascend: the next one begins after the last row of the one before.
pub struct Forward {
    request: WindowRequest,
    /// Microseconds per unit of the request's times.
    unit_us: i64,
    /// Smallest distance of two rows, in units: the next page begins this much after the last row.
    step: i64,
    /// The window of one request, in units; some venues refuse or cut longer ones.
    longest: i64,
    /// Rows of a full page. A page with fewer ends its window.
    limit: usize,
    /// The venue says where the next page begins (its `etime`).
    told: bool,
    from: i64,
    until: i64,
    window_end: i64,
    is_done: bool,
}

impl Forward {
    /// Returns a pager over `[from, until]`, inclusive, in units of `unit_us`.
    pub fn new(
        request: Box<dyn Fn(i64, i64) -> Request + Send>,
        (from, until): (i64, i64),
        unit_us: i64,
        step: i64,
        limit: usize,
    ) -> Self {
        Self {
            request,
            unit_us,
            step,
            longest: i64::MAX,
            limit,
            told: false,
            from,
            until,
            window_end: until,
            is_done: from > until,
        }
    }

    /// Asks for at most this many units at once.
    #[must_use]
    pub fn in_windows_of(mut self, units: i64) -> Self {
        self.longest = units;
        self.window_end = self.end_of(self.from);
        self
    }

    /// Goes on where the venue says.
    #[must_use]
    pub const fn as_told(mut self) -> Self {
        self.told = true;
        self
    }

    fn end_of(&self, from: i64) -> i64 {
        from.saturating_add(self.longest - 1).min(self.until)
    }

    fn go_to(&mut self, from: i64) {
        self.from = from;
        self.window_end = self.end_of(from);
        self.is_done = from > self.until;
    }
}

impl Pager for Forward {
    fn next_request(&self) -> Option<Request> {
        (!self.is_done).then(|| (self.request)(self.from, self.window_end))
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        let last = page.last_ts.map(|ts| ts.div_euclid(self.unit_us));
        let is_full = page.rows >= self.limit;
        if !is_full {
            // Nothing more in this window; the next one, if there is one, begins where it ends.
            self.go_to(self.window_end.saturating_add(1));
            return Ok(());
        }
        let next = if self.told {
            // Rows of the same second may be on both pages: repetitions are dropped by the ingest.
            page.next.or(last)
        } else {
            last.map(|last| last + self.step)
        };
        match next {
            Some(next) if next > self.from => {
                self.go_to(next);
                Ok(())
            }
            found => Err(PagerError::StandsStill {
                path: (self.request)(self.from, self.window_end).path,
                cursor: self.from,
                found,
            }),
        }
    }
}

/// Pages that descend from `until` (exclusive) to `from` (inclusive), in milliseconds.
pub struct Backward {
    /// Makes the request of the rows before a time, exclusive.
    request: Box<dyn Fn(i64) -> Request + Send>,
    from: i64,
    before: i64,
    is_done: bool,
}

impl Backward {
    /// Returns a pager; `request` is given the exclusive end.
    pub fn new(request: Box<dyn Fn(i64) -> Request + Send>, from: i64, before: i64) -> Self {
        Self {
            request,
            from,
            before,
            is_done: from >= before,
        }
    }
}

impl Pager for Backward {
    fn next_request(&self) -> Option<Request> {
        (!self.is_done).then(|| (self.request)(self.before))
    }

    fn on_page(&mut self, page: &Span) -> Result<(), PagerError> {
        // Venues that page backward may send fewer rows than asked for; only an empty page is the end.
        if page.rows == 0 {
            self.is_done = true;
            return Ok(());
        }
        match page.first_ts.map(|ts| ts.div_euclid(1_000)) {
            Some(oldest) if oldest < self.before => {
                self.before = oldest;
                self.is_done = oldest <= self.from;
                Ok(())
            }
            found => Err(PagerError::StandsStill {
                path: (self.request)(self.before).path,
                cursor: self.before,
                found,
            }),
        }
    }
}

/// A single request.
pub struct Once {
    request: Option<Request>,
}

impl Once {
    /// Returns the pager of one request.
    pub const fn new(request: Request) -> Self {
        Self {
            request: Some(request),
        }
    }
}

impl Pager for Once {
    fn next_request(&self) -> Option<Request> {
        self.request.clone()
    }

    fn on_page(&mut self, _: &Span) -> Result<(), PagerError> {
        self.request = None;
        Ok(())
    }
}
