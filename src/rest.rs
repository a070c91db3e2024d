//! REST history of venues: one careful HTTP client, pagers that decide what to ask next, page files for the ingest.
//!
//! `client` and `governor` talk to a host and keep its limits; `pager` and `venues` are pure state machines that know neither
//! sockets nor clocks; `fetch` drives a pager and writes one response body per line; `okx_hist` finds OKX's archive files.
//! What a body means is known by the parsers of `quant-lake` alone.

pub mod client;
pub mod fetch;
pub mod governor;
pub mod okx_hist;
pub mod pager;
pub mod request;
pub mod timer;
pub mod venues;

pub use client::{Answer, RestClient, RestError, RestOptions};
pub use fetch::{FetchPagesError, FetchedPages, fetch_pages};
pub use governor::{Governor, Quota};
pub use request::Request;
pub use timer::{SystemTimer, Timer};
