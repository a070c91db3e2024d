//! Deepcoin: REST pages (it publishes no archive files).
//!
//! The encoders are in [`encode`]; parsers belong beside it (`parse`), not into it.

pub mod encode;
pub mod pages;
