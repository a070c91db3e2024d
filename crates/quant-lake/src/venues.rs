//! Venue formats: sans-I/O parsers from the bytes of vendor files to column batches of the lake.
//!
//! Nothing here opens a file, inflates an archive or decides what is committed; that is [`crate::ingest`].

pub mod binance;
pub mod book_flow;
pub mod bybit;
pub mod capture;
pub mod contracts;
pub mod csv;
pub mod deepcoin;
pub mod hyperliquid;
pub mod json;
pub(crate) mod json_values;
pub mod markets;
#[cfg(test)]
pub(crate) mod message_fixture;
pub mod message_order;
pub mod number;
pub(crate) mod numbering;
pub mod okx;
pub mod pack;
pub mod pages;
mod plain;
pub(crate) mod quote_sides;
pub mod records;
pub(crate) mod row_values;
pub mod rows;
pub mod stamp;
pub mod tables;
pub mod wire;
