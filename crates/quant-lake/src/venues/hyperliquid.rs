//! Hyperliquid: pages of its `/info` endpoint, recordings of its public socket.

pub mod messages;
pub mod pages;
