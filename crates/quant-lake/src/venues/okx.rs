//! OKX: archives of static.okx.com, v5 REST pages and v5 WebSocket frames.
//!
//! The encoders are in [`encode`]; parsers belong beside it (`parse`), not into it.

pub mod book;
pub mod encode;
pub mod instruments;
mod levels;
pub mod recording;
