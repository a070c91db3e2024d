//! REST pages of v5 market data: the envelope, bars, trades, books and the server's time.

use super::{Terms, TradeRow, side_word};
use crate::venues::wire::{Digits, Json, Level, WireError};

/// One bar.
///
/// # Units
/// `start_ms` milliseconds UTC; prices and turnover quote currency (turnover in coins on inverse), volume the venue's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlineRow {
    /// Start of the bar.
    pub start_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume.
    pub volume: f64,
    /// Turnover.
    pub turnover: f64,
}

/// The pages with prices alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceKlines {
    /// `/v5/market/mark-price-kline`.
    Mark,
    /// `/v5/market/index-price-kline`.
    Index,
    /// `/v5/market/premium-index-price-kline`.
    Premium,
}

/// Appends a whole answer around its `result`.
pub(super) fn answer(
    out: &mut Vec<u8>,
    now_ms: i64,
    result: impl FnOnce(&mut Json<'_>),
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{");
    result(&mut j);
    j.raw("},\"retExtInfo\":{},\"time\":").int(now_ms).raw("}");
    j.finish()
}

/// Appends `/v5/market/kline`.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all pages.
pub fn push_klines(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[KlineRow],
    now_ms: i64,
) -> Result<(), WireError> {
    let (price, qty) = (terms.price.trimmed(), terms.qty.trimmed());
    answer(out, now_ms, |j| {
        j.raw("\"category\":\"").raw(terms.category.name());
        j.raw("\",\"symbol\":\"").raw(terms.symbol.as_str());
        j.raw("\",\"list\":").list(rows, |j, r| {
            bar_head(j, r, price);
            j.raw(",").num_text("volume", r.volume, qty).raw(",");
            j.num_text("turnover", r.turnover, Digits::UpTo(8)).raw("]");
        });
    })
}

/// Appends a page of mark, index or premium bars; volume and turnover are not shown.
///
/// # Errors
/// As [`push_klines`].
pub fn push_price_klines(
    out: &mut Vec<u8>,
    terms: &Terms,
    kind: PriceKlines,
    rows: &[KlineRow],
    now_ms: i64,
) -> Result<(), WireError> {
    let digits = match kind {
        PriceKlines::Mark | PriceKlines::Index => terms.price.trimmed(),
        PriceKlines::Premium => Digits::UpTo(6),
    };
    answer(out, now_ms, |j| {
        j.raw("\"category\":\"").raw(terms.category.name());
        j.raw("\",\"symbol\":\"").raw(terms.symbol.as_str());
        j.raw("\",\"list\":").list(rows, |j, r| {
            bar_head(j, r, digits);
            j.raw("]");
        });
    })
}

/// Appends `["start","open","high","low","close"`.
fn bar_head(j: &mut Json<'_>, r: &KlineRow, price: Digits) {
    j.raw("[").int_text(r.start_ms).raw(",");
    j.num_text("open", r.open, price).raw(",");
    j.num_text("high", r.high, price).raw(",");
    j.num_text("low", r.low, price).raw(",");
    j.num_text("close", r.close, price);
}

/// Appends `/v5/market/recent-trade`.
///
/// # Errors
/// As [`push_klines`].
pub fn push_recent_trades(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[TradeRow],
    now_ms: i64,
) -> Result<(), WireError> {
    let (price, qty) = (terms.price, terms.qty);
    answer(out, now_ms, |j| {
        j.raw("\"category\":\"").raw(terms.category.name());
        j.raw("\",\"list\":").list(rows, |j, t| {
            j.raw("{\"execId\":").trade_id(terms, t.id);
            j.raw(",\"symbol\":\"").raw(terms.symbol.as_str());
            j.raw("\",\"price\":").num_text("price", t.price, price);
            j.raw(",\"size\":").num_text("size", t.qty, qty);
            j.raw(",\"side\":\"").raw(side_word(t.side));
            j.raw("\",\"time\":").int_text(t.ts_us.div_euclid(1_000));
            j.raw(",\"isBlockTrade\":").flag(t.is_block);
            j.raw(",\"isRPITrade\":").flag(t.is_rpi);
            j.raw(",\"seq\":").int_text(t.seq).raw("}");
        });
    })
}

/// A book as REST shows it.
///
/// # Units
/// Times in milliseconds UTC. Bids descend, asks ascend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookPage<'a> {
    /// Time of the gateway.
    pub ts_ms: i64,
    /// Time of the matching engine.
    pub cts_ms: i64,
    /// Update id: that of the stream of the same depth.
    pub u: i64,
    /// Cross sequence.
    pub seq: i64,
    /// Bid levels.
    pub bids: &'a [Level],
    /// Ask levels.
    pub asks: &'a [Level],
}

/// Appends `/v5/market/orderbook`.
///
/// # Errors
/// As [`push_klines`].
pub fn push_orderbook(
    out: &mut Vec<u8>,
    terms: &Terms,
    book: &BookPage<'_>,
    now_ms: i64,
) -> Result<(), WireError> {
    answer(out, now_ms, |j| {
        j.raw("\"s\":\"")
            .raw(terms.symbol.as_str())
            .raw("\",\"b\":");
        j.levels(book.bids, terms.price, terms.qty).raw(",\"a\":");
        j.levels(book.asks, terms.price, terms.qty).raw(",\"ts\":");
        j.int(book.ts_ms).raw(",\"u\":").int(book.u);
        j.raw(",\"seq\":").int(book.seq).raw(",\"cts\":");
        j.int(book.cts_ms);
    })
}

/// Appends `/v5/market/time`, from microseconds.
///
/// # Errors
/// None; the signature is that of all pages.
pub fn push_time(out: &mut Vec<u8>, now_us: i64) -> Result<(), WireError> {
    answer(out, now_us.div_euclid(1_000), |j| {
        j.raw("\"timeSecond\":")
            .int_text(now_us.div_euclid(1_000_000));
        j.raw(",\"timeNano\":\"").int(now_us).raw("000\"");
    })
}

/// Appends a refusal: `10001` bad parameter, `10006` too many visits.
pub fn push_error(out: &mut Vec<u8>, code: i64, message: &str, now_ms: i64) {
    let mut j = Json::new(out);
    j.raw("{\"retCode\":")
        .int(code)
        .raw(",\"retMsg\":")
        .text(message);
    j.raw(",\"result\":{},\"retExtInfo\":{},\"time\":");
    j.int(now_ms).raw("}");
}
