//! Bybit: archives of public.bybit.com and quote-saver.bycsi.com, v5 REST pages and v5 WebSocket frames.
//!
//! The encoders are in [`encode`], what is written as well as read. [`parser`] reads trade archives, [`book`] book archives,
//! [`recording`] captured frames.

pub mod book;
pub mod encode;
mod frame;
mod parse;
pub mod recording;
mod stream;

pub use parse::parser;

/// Version of the Bybit trade parsers: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "bybit-trades-1";

#[cfg(test)]
mod tests;
