//! Binance: the Vision archive's formats.

pub mod encode;
