//! Binance Vision (data.binance.vision): names, availability and row formats of its archives.
//!
//! Parsing only; opening the zip and committing partitions belong to [`crate::ingest`].

mod archive;
pub mod encode;
pub mod pages;
mod parse;
pub mod recording;

pub use archive::{
    ArchiveFile, Cadence, NotPublished, Period, Published, VisionType, archive_file, published,
};
pub use parse::{FormatError, Terms, parser};

/// Version of the Binance parsers: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "binance-vision-2";

#[cfg(test)]
mod tests;
