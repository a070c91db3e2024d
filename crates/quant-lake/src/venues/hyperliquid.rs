//! Hyperliquid: pages of its `/info` endpoint, recordings of its public socket, and what `/info` answers.

pub mod encode;
pub mod messages;
pub mod pages;
