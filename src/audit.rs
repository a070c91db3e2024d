//! Audits: the product's claims as commands that fail when a claim breaks.
//!
//! `causality` cuts and falsifies the raw rows that were not yet available and rebuilds everything; `parity` builds one day
//! in several ways. Both work in a scratch copy of the lake and go through the functions the commands use; neither
//! computes a feature.

pub mod arrivals;
pub mod causality;
pub mod cut;
pub mod decode;
pub mod live;
pub mod mutants;
pub mod parity;
pub mod pipeline;
pub mod published;
pub mod rows;
pub mod scratch;
pub mod table;

use crate::error::{CommandError, ErrorKind};

/// Returns the error of an audit that was interrupted, whatever it was doing: unlike the commands it runs, it keeps nothing.
pub fn interrupted() -> CommandError {
    CommandError::text(
        ErrorKind::Interrupted,
        "interrupted; the lake was not written to",
    )
    .hint("run the same command again from the start: an audit keeps nothing")
}

#[cfg(test)]
mod fixture;
