//! Venue formats: one module per venue, each sans-I/O (bytes in, rows out, and back).

pub mod binance;
