//! Bybit: archives of public.bybit.com and quote-saver.bycsi.com, v5 REST pages and v5 WebSocket frames.
//!
//! The encoders are in [`encode`], what is written as well as read; the parsers of book archives in [`book`], those of
//! recordings in [`recording`].

pub mod book;
pub mod encode;
mod frame;
pub mod recording;
mod stream;

#[cfg(test)]
mod tests;
