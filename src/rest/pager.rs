//! Which request comes next: pure state machines over what the pages so far held.
//!
//! Every pager moves strictly in one direction and ends; a page that does not move it on is an error, never another request for
//! the same thing. Times of requests are milliseconds (`handicap-*`: seconds), as venues count.

mod agg_trades;
mod numbered;
mod window;

use quant_lake::venues::pages::Span;

use super::request::Request;

pub use agg_trades::{AggBack, AggForward, AggRoute};
pub use numbered::{Numbered, TradesBack};
pub use window::{Backward, Forward, Once};

/// Why paging stops before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PagerError {
    /// A page did not move the cursor.
    #[error(
        "paging stands still: the page after `{cursor}` ends at {found:?}\nhint: the venue ignored a parameter of `{path}`"
    )]
    StandsStill {
        /// The request.
        path: String,
        /// Where it was asked to go on.
        cursor: i64,
        /// Where the page ended.
        found: Option<i64>,
    },
    /// More pages than the range can have.
    #[error(
        "`{path}` is still not at its end after {pages} pages\nhint: ask for fewer days at once"
    )]
    TooManyPages {
        /// The last request.
        path: String,
        /// Pages read.
        pages: usize,
    },
}

/// Decides what to ask.
pub trait Pager: Send {
    /// Returns the next request; `None` when everything has been asked for. Asking again gives the same request.
    fn next_request(&self) -> Option<Request>;

    /// Takes note of the page that answered it.
    ///
    /// # Errors
    /// `StandsStill`.
    fn on_page(&mut self, page: &Span) -> Result<(), PagerError>;
}

/// Returns whole milliseconds at or after an instant in microseconds.
pub(crate) fn ms_up(us: i64) -> i64 {
    us.div_euclid(1_000) + i64::from(us.rem_euclid(1_000) != 0)
}

/// Returns the last whole millisecond before an instant in microseconds.
pub(crate) fn ms_before(us: i64) -> i64 {
    (us - 1).div_euclid(1_000)
}

#[cfg(test)]
mod tests;
