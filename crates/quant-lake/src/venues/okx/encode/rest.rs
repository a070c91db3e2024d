//! REST pages of v5 market data.

use super::book::{BookMessage, push_levels};
use super::candles::{CandleRow, candle};
use super::funding::{FundingRow, RATE};
use super::{Terms, TradeRow, side_word};
use crate::venues::wire::{Digits, Json, WireError};

/// Too many requests; comes with HTTP 429.
pub const TOO_MANY_REQUESTS: &str = "50011";
/// A parameter is wrong or missing.
pub const PARAMETER_ERROR: &str = "51000";
/// There is no such instrument.
pub const NO_INSTRUMENT: &str = "51001";
/// The range of `market-data-history` is too long; comes with HTTP 400.
pub const RANGE_ERROR: &str = "50076";

fn page(out: &mut Vec<u8>, data: impl FnOnce(&mut Json<'_>)) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"msg\":\"\",\"data\":");
    data(&mut j);
    j.raw("}");
    j.finish()
}

/// Appends `/market/candles` or `/market/history-candles`.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all pages.
pub fn push_candles(out: &mut Vec<u8>, terms: &Terms, rows: &[CandleRow]) -> Result<(), WireError> {
    page(out, |j| {
        j.list(rows, |j, row| candle(j, terms, row));
    })
}

/// Appends `/market/trades` or `/market/history-trades`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_trades(out: &mut Vec<u8>, terms: &Terms, rows: &[TradeRow]) -> Result<(), WireError> {
    page(out, |j| {
        j.list(rows, |j, t| {
            j.raw("{\"instId\":\"").raw(&terms.inst_id);
            j.raw("\",\"side\":\"")
                .raw(side_word(t.side))
                .raw("\",\"sz\":");
            j.num_text("sz", t.qty, terms.qty).raw(",\"source\":");
            j.int_text(i64::from(t.source)).raw(",\"px\":");
            j.num_text("px", t.price, terms.price).raw(",\"tradeId\":");
            j.int_text(t.trade_id).raw(",\"ts\":");
            j.int_text(t.ts_ms).raw("}");
        });
    })
}

/// Appends `/market/books`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_book_page(
    out: &mut Vec<u8>,
    terms: &Terms,
    book: &BookMessage<'_>,
    seq_id: i64,
) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("[{\"asks\":");
        push_levels(j, terms, book.asks);
        j.raw(",\"bids\":");
        push_levels(j, terms, book.bids);
        j.raw(",\"ts\":").int_text(book.ts_ms);
        j.raw(",\"seqId\":").int(seq_id).raw("}]");
    })
}

/// Appends `/public/funding-rate-history`; the settled rate stands in `realizedRate`, and in `fundingRate` too, since
/// the two differ by the venue's own rounding only.
///
/// # Errors
/// As [`push_candles`].
pub fn push_funding_history(out: &mut Vec<u8>, rows: &[FundingRow<'_>]) -> Result<(), WireError> {
    page(out, |j| {
        j.list(rows, |j, r| {
            j.raw("{\"formulaType\":\"withRate\",\"fundingRate\":");
            j.num_text("fundingRate", r.rate, RATE)
                .raw(",\"fundingTime\":");
            j.int_text(r.ts_ms).raw(",\"instId\":\"").raw(r.inst_id);
            j.raw("\",\"instType\":\"SWAP\",\"method\":\"current_period\",\"realizedRate\":");
            j.num_text("realizedRate", r.rate, RATE).raw("}");
        });
    })
}

/// Open interest at an instant.
///
/// # Units
/// `oi` contracts, `oi_ccy` coins, `oi_usd` USD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenInterestRow {
    /// Time, milliseconds UTC.
    pub ts_ms: i64,
    /// Contracts.
    pub oi: f64,
    /// Coins.
    pub oi_ccy: f64,
    /// USD.
    pub oi_usd: f64,
}

/// Appends `/public/open-interest`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_open_interest(
    out: &mut Vec<u8>,
    terms: &Terms,
    row: &OpenInterestRow,
) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("[");
        open_interest(j, terms, row);
        j.raw("]");
    })
}

pub(super) fn open_interest(j: &mut Json<'_>, terms: &Terms, row: &OpenInterestRow) {
    j.raw("{\"instId\":\"").raw(&terms.inst_id);
    j.raw("\",\"instType\":\"").raw(terms.inst_type.name());
    j.raw("\",\"oi\":").num_text("oi", row.oi, terms.qty);
    j.raw(",\"oiCcy\":")
        .num_text("oiCcy", row.oi_ccy, Digits::UpTo(8));
    j.raw(",\"oiUsd\":")
        .num_text("oiUsd", row.oi_usd, Digits::UpTo(8));
    j.raw(",\"ts\":").int_text(row.ts_ms).raw("}");
}

/// Appends `/public/mark-price`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_mark_price(
    out: &mut Vec<u8>,
    terms: &Terms,
    mark: f64,
    ts_ms: i64,
) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("[");
        mark_price(j, terms, mark, ts_ms);
        j.raw("]");
    })
}

pub(super) fn mark_price(j: &mut Json<'_>, terms: &Terms, mark: f64, ts_ms: i64) {
    j.raw("{\"instId\":\"").raw(&terms.inst_id);
    j.raw("\",\"instType\":\"").raw(terms.inst_type.name());
    j.raw("\",\"markPx\":")
        .num_text("markPx", mark, terms.price);
    j.raw(",\"ts\":").int_text(ts_ms).raw("}");
}

/// Appends `/public/time`.
pub fn push_time(out: &mut Vec<u8>, now_ms: i64) {
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"msg\":\"\",\"data\":[{\"ts\":");
    j.int_text(now_ms).raw("}]}");
}

/// Appends a refusal; [`TOO_MANY_REQUESTS`] alone comes without `data`.
pub fn push_error(out: &mut Vec<u8>, code: &str, message: &str) {
    let mut j = Json::new(out);
    j.raw("{\"msg\":")
        .text(message)
        .raw(",\"code\":")
        .text(code);
    j.raw(if code == TOO_MANY_REQUESTS {
        "}"
    } else {
        ",\"data\":[]}"
    });
}
