//! Bybit: archives of public.bybit.com and quote-saver.bycsi.com, v5 REST pages and v5 WebSocket frames.
//!
//! The encoders are in [`encode`]; [`parser`] reads the trade archives they write.

pub mod encode;
mod parse;

pub use parse::parser;

/// Version of the Bybit trade parsers: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "bybit-trades-1";
