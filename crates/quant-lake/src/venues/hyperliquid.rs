//! Hyperliquid: recordings of its public socket.

pub mod messages;
