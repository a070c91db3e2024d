//! A user's own CSV files of klines or trades, by a declared mapping of columns, times and units.
//!
//! Nothing is guessed: what the mapping does not say is an error. Rows of any order and any number of days are accepted.

mod mapping;
mod parse;

pub use mapping::{
    CsvHeader, CsvMapping, CsvRows, KlineColumns, MappingError, QtyUnit, SideColumn, Stamp,
    TimeFormat, TradeColumns,
};
pub use parse::parser;

/// Version of the CSV parser: part of the idempotence key.
pub const PARSER_VERSION: &str = "csv-2";

#[cfg(test)]
mod tests;
