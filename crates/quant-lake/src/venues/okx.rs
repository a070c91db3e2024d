//! OKX: archives of static.okx.com, v5 REST pages and v5 WebSocket frames.
//!
//! The encoders are in [`encode`]; [`parser`] reads the trade, candle and funding archives they write.

pub mod book;
pub mod encode;
pub mod pages;
mod parse;

pub use parse::parser;

/// Version of the OKX archive parsers: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "okx-archives-2";
pub mod instruments;
mod levels;
pub mod recording;
