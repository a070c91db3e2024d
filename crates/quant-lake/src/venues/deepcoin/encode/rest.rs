//! Pages of current data: candles, trades, books, instruments, time, refusals.

use quant_core::market::Side;
use quant_core::units::Step;

use super::{CandleRow, ProductGroup, Terms, TradeRow, page};
use crate::venues::wire::{Digits, Json, Level, WireError};

/// Appends `/deepcoin/market/candles`: `[ts, o, h, l, c, vol, turnover]`, all text.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all pages.
pub fn push_candles(out: &mut Vec<u8>, terms: &Terms, rows: &[CandleRow]) -> Result<(), WireError> {
    page(out, |j| {
        j.list(rows, |j, row| {
            j.raw("[").int_text(row.open_ms);
            candle_numbers(j, terms.price, terms.qty, Digits::UpTo(4), row);
            j.raw("]");
        });
    })
}

/// Appends the six numbers of a candle, each behind a comma.
pub(super) fn candle_numbers(
    j: &mut Json<'_>,
    price: Digits,
    qty: Digits,
    turnover: Digits,
    row: &CandleRow,
) {
    for (field, value, digits) in [
        ("open", row.open, price),
        ("high", row.high, price),
        ("low", row.low, price),
        ("close", row.close, price),
        ("volume", row.volume, qty),
        ("turnover", row.turnover, turnover),
    ] {
        j.raw(",").num_text(field, value, digits);
    }
}

/// Appends `/deepcoin/market/trades`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_trades(out: &mut Vec<u8>, terms: &Terms, rows: &[TradeRow]) -> Result<(), WireError> {
    page(out, |j| {
        j.list(rows, |j, t| {
            j.raw("{\"instId\":").text(&terms.inst_id);
            j.raw(",\"tradeId\":").int_text(t.trade_id).raw(",\"px\":");
            j.num_text("px", t.price, terms.price).raw(",\"sz\":");
            j.num_text("sz", t.qty, terms.qty).raw(",\"side\":\"");
            j.raw(match t.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            });
            j.raw("\",\"ts\":").int_text(t.ts_ms).raw("}");
        });
    })
}

/// Appends `/deepcoin/market/books`; bids descend, asks ascend.
///
/// # Errors
/// As [`push_candles`].
pub fn push_books(
    out: &mut Vec<u8>,
    terms: &Terms,
    bids: &[Level],
    asks: &[Level],
) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("{\"bids\":").levels(bids, terms.price, terms.qty);
        j.raw(",\"asks\":")
            .levels(asks, terms.price, terms.qty)
            .raw("}");
    })
}

/// One instrument.
///
/// # Units
/// `ct_val` coins per contract on USDT swaps; limits in contracts (coins on spot).
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentRow {
    /// Name, group and decimals.
    pub terms: Terms,
    /// Base currency.
    pub base: String,
    /// Quote currency.
    pub quote: String,
    /// Face value of a contract; `None` on spot.
    pub ct_val: Option<f64>,
    /// Largest leverage.
    pub lever: u32,
    /// Price step.
    pub tick_size: Step,
    /// Quantity step.
    pub lot_size: Step,
    /// Smallest quantity.
    pub min_size: Step,
    /// Largest order.
    pub max_size: f64,
}

/// Appends `/deepcoin/market/instruments`.
///
/// # Errors
/// As [`push_candles`].
pub fn push_instruments(out: &mut Vec<u8>, rows: &[InstrumentRow]) -> Result<(), WireError> {
    let any = Digits::UpTo(12);
    page(out, |j| {
        j.list(rows, |j, r| {
            let is_spot = r.terms.group == ProductGroup::Spot;
            j.raw("{\"instType\":\"")
                .raw(if is_spot { "SPOT" } else { "SWAP" });
            j.raw("\",\"instId\":").text(&r.terms.inst_id);
            j.raw(",\"uly\":\"\",\"baseCcy\":").text(&r.base);
            j.raw(",\"quoteCcy\":").text(&r.quote).raw(",\"ctVal\":");
            match r.ct_val {
                Some(value) => j.num_text("ctVal", value, any),
                None => j.raw("\"\""),
            };
            j.raw(",\"ctValCcy\":\"\",\"listTime\":\"0\",\"lever\":")
                .int_text(i64::from(r.lever));
            for (key, value) in [
                ("tickSz", r.tick_size.size()),
                ("lotSz", r.lot_size.size()),
                ("minSz", r.min_size.size()),
            ] {
                j.raw(",\"").raw(key).raw("\":").num_text(key, value, any);
            }
            j.raw(",\"ctType\":\"\",\"alias\":\"\",\"state\":\"live\",\"maxLmtSz\":");
            j.num_text("maxLmtSz", r.max_size, any)
                .raw(",\"maxMktSz\":");
            j.num_text("maxMktSz", r.max_size, any).raw("}");
        });
    })
}

/// Appends `/deepcoin/market/mark-price`.
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
        j.raw("[{\"instType\":\"SWAP\",\"instId\":")
            .text(&terms.inst_id);
        j.raw(",\"markPx\":").num_text("markPx", mark, terms.price);
        j.raw(",\"ts\":").int_text(ts_ms).raw("}]");
    })
}

/// Appends `/deepcoin/market/time`.
pub fn push_time(out: &mut Vec<u8>, now_ms: i64) {
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"msg\":\"\",\"data\":{\"ts\":")
        .int(now_ms)
        .raw("}}");
}

/// Appends a refusal.
pub fn push_error(out: &mut Vec<u8>, code: &str, message: &str) {
    let mut j = Json::new(out);
    j.raw("{\"code\":")
        .text(code)
        .raw(",\"msg\":")
        .text(message);
    j.raw(",\"data\":null}");
}
