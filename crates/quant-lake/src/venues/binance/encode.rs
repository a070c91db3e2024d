//! Binance, written: Vision archives, REST bodies, websocket frames, raw recordings. The inverse of the parsers.
//!
//! Plain rows in, the venue's bytes out; used to make simulated archives, fixtures and the mock exchange. Same rows,
//! same bytes: on every machine, at every time. It writes no file and knows no simulator; planted defects (a missing
//! row, a wrong checksum) are made by its callers.

mod archive;
mod calendar;
mod container;
mod csv;
mod form;
mod frames;
mod ids;
mod info;
mod json;
mod recording;
mod rest;
mod rows;
mod streams;
mod text;
mod unit;

use quant_core::market::Market;

use crate::venues::binance::{Cadence, Period};

pub use archive::{ArchiveSpec, ArchiveWriter, EncodedFile, agg_trades, klines_1m, trades};
pub use calendar::{has_header, is_published, stamp_unit_us};
pub use container::{checksum_line, csv_zip};
pub use csv::ArchiveRow;
pub use form::Form;
pub use frames::{
    AggTradeFrame, BookTickerFrame, DepthSnapshot, DepthUpdateFrame, ForceOrderFrame, KlineFrame,
    MarkPriceFrame, TradeFrame,
};
pub use ids::um_update_id;
pub use info::{
    FundingInfo, PERPETUAL_DELIVERY_MS, SymbolInfo, push_exchange_info, push_funding_info,
};
pub use json::push_array;
pub use recording::{RecordingError, RecordingOptions, RecordingWriter, Stamp};
pub use rest::{
    FundingRateRow, LongShortRow, OpenInterestRow, PremiumIndex, RestEncoder, TakerRow, push_error,
    push_server_time,
};
pub use rows::{
    AggTradeRow, BookDepthRow, BookTickerRow, FundingRow, KlineRow, LiquidationRow, MetricsRow,
    ReferenceKlineRow, TradeRow,
};
pub use streams::{StreamEncoder, push_combined};
pub use text::{Decimals, Look, decimals_of, push_decimal, push_integer};
use unit::Unit;

/// Why something cannot be written as the venue would.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Another venue's market.
    #[error("market `{market}` is not one of Binance; expected `spot`, `um` or `cm`")]
    NotBinance {
        /// The market asked for.
        market: Market,
    },
    /// The venue has no such file.
    #[error("market `{market}` has no {} {kind} archive", cadence_name(*cadence))]
    Unsupported {
        /// The market asked for.
        market: Market,
        /// The product asked for.
        kind: &'static str,
        /// The cadence asked for.
        cadence: Cadence,
    },
    /// The product is made of other rows.
    #[error("{kind} files are not made of {expected}")]
    WrongRow {
        /// The product asked for.
        kind: &'static str,
        /// Name of the row type.
        expected: &'static str,
    },
    /// A number that no venue file holds.
    #[error(
        "row {row} holds {value} in column `{column}`; expected a finite number, zero or above"
    )]
    BadNumber {
        /// 0-based row.
        row: u64,
        /// Column of the row type.
        column: &'static str,
        /// The offending value.
        value: f64,
    },
    /// A row of another day or month.
    #[error("row {row} is stamped {ts_us} us, which lies outside of {period}")]
    RowOutsidePeriod {
        /// 0-based row.
        row: u64,
        /// Its time stamp.
        ts_us: i64,
        /// What the file covers.
        period: Period,
    },
    /// A kline that does not open on a whole minute.
    #[error("row {row} opens at {ts_us} us, which is not a whole minute")]
    NotAMinute {
        /// 0-based row.
        row: u64,
        /// Its open time.
        ts_us: i64,
    },
    /// The zip container could not be written to memory.
    #[error("cannot write the zip of `{member}`: {reason}")]
    Container {
        /// Name of the file inside the zip.
        member: String,
        /// What the container library reports.
        reason: String,
    },
}

const fn cadence_name(cadence: Cadence) -> &'static str {
    match cadence {
        Cadence::Daily => "daily",
        Cadence::Monthly => "monthly",
    }
}

#[cfg(test)]
mod tests;
