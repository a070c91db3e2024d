//! The merged event stream of one instrument and one UTC day, out of the lake and into tier 1.
//!
//! Order, places and ranks are those of `docs/minute_rows.md`. Partitions are read batch by batch with only the columns
//! that are needed; the earliest source is drained up to the next source's key, so that the inner loops run over plain
//! columns. What a day reads, and therefore what makes its bars stale, is its [`DayPlan`].

mod chain;
mod columns;
mod merge;
mod plan;
mod prefetch;
mod spec;
mod state;

use quant_core::bars::BarsError;
use quant_core::time::Day;

use crate::read::ReadError;

pub use chain::{ChainRule, Link, numbers_trades};
pub use merge::{DayStream, StreamReport};
pub use plan::{BookKind, DayPlan, StreamSets};
pub use spec::{EVENT_DATASETS, MicroSpec, STATE_DATASETS};

pub(crate) use columns::{ImageRows, LevelRows, empty_image};
pub(crate) use state::{last_before, opening_sources};

/// Why the stream of a day cannot be read or fed.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A partition cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Tier 1 refuses an event.
    #[error("stream of {day}: {source}")]
    Refused {
        /// Day being driven.
        day: Day,
        /// Cause.
        source: BarsError,
    },
    /// The plan names a dataset that is not open.
    #[error(
        "stream of {day}: the lake has no `{dataset}` of that day any more\nhint: run the same command again"
    )]
    Gone {
        /// Day being opened.
        day: Day,
        /// Dataset.
        dataset: &'static str,
    },
    /// The decoding thread cannot be started.
    #[error("cannot start a thread to decode `{what}`: {source}")]
    Thread {
        /// What it would read.
        what: String,
        /// Cause.
        source: std::io::Error,
    },
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
