//! Hyperliquid: pages of its `/info` endpoint.

pub mod pages;
