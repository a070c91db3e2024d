//! WebSocket frames of v5 public streams, but for books ([`super::book`]) and tickers ([`super::ticker`]).

use quant_core::market::Side;

use super::rest::KlineRow;
use super::{Category, Terms, TradeRow, side_word};
use crate::venues::wire::{Digits, Json, WireError};

/// Most trades in one `publicTrade` frame.
pub const TRADES_PER_FRAME: usize = 1_024;

/// Appends a `publicTrade` frame; its type is always `snapshot`.
///
/// # Errors
/// `TooMany` past [`TRADES_PER_FRAME`], `BadNumber`; nothing is appended then.
pub fn push_trades(
    out: &mut Vec<u8>,
    terms: &Terms,
    ts_ms: i64,
    rows: &[TradeRow],
) -> Result<(), WireError> {
    if rows.len() > TRADES_PER_FRAME {
        return Err(WireError::TooMany {
            what: "publicTrade",
            found: rows.len(),
            max: TRADES_PER_FRAME,
        });
    }
    let symbol = terms.symbol.as_str();
    let spot = terms.category == Category::Spot;
    let mut j = Json::new(out);
    j.raw("{\"topic\":\"publicTrade.").raw(symbol);
    if spot {
        j.raw("\",\"ts\":").int(ts_ms).raw(",\"type\":\"snapshot\"");
    } else {
        j.raw("\",\"type\":\"snapshot\",\"ts\":").int(ts_ms);
    }
    j.raw(",\"data\":").list(rows, |j, t| {
        let ms = t.ts_us.div_euclid(1_000);
        if spot {
            j.raw("{\"i\":").trade_id(terms, t.id);
            j.raw(",\"T\":").int(ms).raw(",\"p\":");
            j.num_text("p", t.price, terms.price).raw(",\"v\":");
            j.num_text("v", t.qty, terms.qty).raw(",\"S\":\"");
            j.raw(side_word(t.side)).raw("\",\"seq\":").int(t.seq);
            j.raw(",\"s\":\"").raw(symbol).raw("\",\"BT\":");
            j.flag(t.is_block).raw(",\"RPI\":").flag(t.is_rpi);
        } else {
            j.raw("{\"T\":").int(ms).raw(",\"s\":\"").raw(symbol);
            j.raw("\",\"S\":\"").raw(side_word(t.side)).raw("\",\"v\":");
            j.num_text("v", t.qty, terms.qty).raw(",\"p\":");
            j.num_text("p", t.price, terms.price).raw(",\"L\":\"");
            j.raw(t.tick.name()).raw("\",\"i\":").trade_id(terms, t.id);
            j.raw(",\"BT\":").flag(t.is_block).raw(",\"RPI\":");
            j.flag(t.is_rpi).raw(",\"seq\":").int(t.seq);
        }
        j.raw("}");
    });
    j.raw("}");
    j.finish()
}

/// Appends a `kline.{interval}` frame of bars and whether each has closed; `timestamp_ms` is the time of the push.
///
/// While a bar forms the frame has one bar; the frame that closes it has two: the closed one and the next.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_kline(
    out: &mut Vec<u8>,
    terms: &Terms,
    (interval, interval_ms): (&str, i64),
    bars: &[(KlineRow, bool)],
    timestamp_ms: i64,
) -> Result<(), WireError> {
    let spot = terms.category == Category::Spot;
    // Bars drop zeros in all categories.
    let (price, qty) = (terms.price.trimmed(), terms.qty.trimmed());
    let mut j = Json::new(out);
    j.raw(if spot {
        "{\"type\":\"snapshot\",\"topic\":\"kline."
    } else {
        "{\"topic\":\"kline."
    });
    j.raw(interval).raw(".").raw(terms.symbol.as_str());
    j.raw("\",\"data\":").list(bars, |j, (row, confirm)| {
        j.raw("{\"start\":").int(row.start_ms);
        j.raw(",\"end\":").int(row.start_ms + interval_ms - 1);
        j.raw(",\"interval\":\"").raw(interval).raw("\"");
        for (key, value, digits) in [
            ("open", row.open, price),
            ("close", row.close, price),
            ("high", row.high, price),
            ("low", row.low, price),
            ("volume", row.volume, qty),
            ("turnover", row.turnover, Digits::UpTo(8)),
        ] {
            j.raw(",\"")
                .raw(key)
                .raw("\":")
                .num_text(key, value, digits);
        }
        j.raw(",\"confirm\":").flag(*confirm);
        j.raw(",\"timestamp\":").int(timestamp_ms).raw("}");
    });
    j.raw(",\"ts\":").int(timestamp_ms);
    j.raw(if spot { "}" } else { ",\"type\":\"snapshot\"}" });
    j.finish()
}

/// A liquidated position.
///
/// # Units
/// Price quote currency; quantity coins, or USD on inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiquidationRow {
    /// Time, milliseconds.
    pub ts_ms: i64,
    /// Side of the position: `Buy` means that a long was liquidated.
    pub side: Side,
    /// Bankruptcy price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
}

/// Appends an `allLiquidation` frame.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_liquidations(
    out: &mut Vec<u8>,
    terms: &Terms,
    ts_ms: i64,
    rows: &[LiquidationRow],
) -> Result<(), WireError> {
    let symbol = terms.symbol.as_str();
    let mut j = Json::new(out);
    j.raw("{\"topic\":\"allLiquidation.").raw(symbol);
    j.raw("\",\"type\":\"snapshot\",\"ts\":").int(ts_ms);
    j.raw(",\"data\":").list(rows, |j, r| {
        j.raw("{\"T\":").int(r.ts_ms).raw(",\"s\":\"").raw(symbol);
        j.raw("\",\"S\":\"").raw(side_word(r.side)).raw("\",\"v\":");
        j.num_text("v", r.qty, terms.qty).raw(",\"p\":");
        j.num_text("p", r.price, terms.price).raw("}");
    });
    j.raw("}");
    j.finish()
}

/// Appends the answer to a `subscribe` or `unsubscribe` request.
pub fn push_ack(
    out: &mut Vec<u8>,
    category: Category,
    op: &str,
    req_id: &str,
    conn_id: &str,
    fault: Option<&str>,
) {
    let mut j = Json::new(out);
    j.raw("{\"success\":").flag(fault.is_none());
    // Contracts say nothing on success; spot repeats the operation and leaves out an absent request id.
    let word = match (fault, category) {
        (Some(fault), _) => fault,
        (None, Category::Spot) => op,
        (None, _) => "",
    };
    j.raw(",\"ret_msg\":").text(word);
    j.raw(",\"conn_id\":").text(conn_id);
    if category != Category::Spot || !req_id.is_empty() {
        j.raw(",\"req_id\":").text(req_id);
    }
    j.raw(",\"op\":").text(op).raw("}");
}

/// Appends the answer to `{"op":"ping"}`.
pub fn push_pong(out: &mut Vec<u8>, req_id: &str, conn_id: &str) {
    let mut j = Json::new(out);
    j.raw("{\"success\":true,\"ret_msg\":\"pong\",\"conn_id\":")
        .text(conn_id);
    j.raw(",\"req_id\":").text(req_id);
    j.raw(",\"op\":\"ping\"}");
}
