//! Pages of history: `handicap-*` (stamps in **seconds**, rows nested in `data.data`) and settled funding rates.

use quant_core::market::Side;

use super::rest::candle_numbers;
use super::{CandleRow, Terms, TradeRow, page};
use crate::venues::wire::{Digits, Json, Level, WireError};

/// Levels per side of a historical book.
pub const BOOK_LEVELS: usize = 5;

/// Appends a `handicap-*` answer: `etime` is where the next page begins, seconds.
fn nested(
    out: &mut Vec<u8>,
    etime_s: i64,
    rows: impl FnOnce(&mut Json<'_>),
) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("{\"etime\":").int(etime_s).raw(",\"data\":");
        rows(j);
        j.raw(",\"errmsg\":\"\"}");
    })
}

/// Appends `/deepcoin/market/handicap-kline1m`; volume is in coins here.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all pages.
pub fn push_klines(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[CandleRow],
    etime_s: i64,
) -> Result<(), WireError> {
    nested(out, etime_s, |j| {
        j.list(rows, |j, row| {
            j.raw("[").int_text(row.open_ms.div_euclid(1_000));
            candle_numbers(j, terms.price, Digits::UpTo(8), Digits::UpTo(8), row);
            j.raw("]");
        });
    })
}

/// Appends `/deepcoin/market/handicap-trade`: it shows no sizes. `direction` is 0 for buys, 1 for sells.
///
/// # Errors
/// As [`push_klines`].
pub fn push_trades(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[TradeRow],
    etime_s: i64,
) -> Result<(), WireError> {
    nested(out, etime_s, |j| {
        j.list(rows, |j, t| {
            j.raw("{\"trade_id\":").int_text(t.trade_id);
            j.raw(",\"direction\":").raw(match t.side {
                Side::Buy => "\"0\"",
                Side::Sell => "\"1\"",
            });
            j.raw(",\"coin_market\":").text(&terms.inst_id);
            j.raw(",\"price\":").num_text("price", t.price, terms.price);
            j.raw(",\"platform\":\"deepcoin\",\"timestamp\":");
            j.int(t.ts_ms.div_euclid(1_000)).raw("}");
        });
    })
}

/// A historical book.
#[derive(Clone, Debug, PartialEq)]
pub struct BookRow {
    /// Time, seconds UTC.
    pub ts_s: i64,
    /// Bids, best first.
    pub bids: Vec<Level>,
    /// Asks, best first.
    pub asks: Vec<Level>,
}

/// Appends `/deepcoin/market/handicap-orderbook`: at most [`BOOK_LEVELS`] levels per side, as bare numbers.
///
/// # Errors
/// As [`push_klines`].
pub fn push_books(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[BookRow],
    etime_s: i64,
) -> Result<(), WireError> {
    let side = |j: &mut Json<'_>, levels: &[Level]| {
        j.list(levels.iter().take(BOOK_LEVELS), |j, level| {
            j.raw("[").num("price", level.price, terms.price);
            j.raw(",").num("size", level.qty, terms.qty).raw("]");
        });
    };
    nested(out, etime_s, |j| {
        j.list(rows, |j, row| {
            j.raw("{\"timestamp\":").int(row.ts_s);
            j.raw(",\"buy_order_list\":");
            side(j, &row.bids);
            j.raw(",\"ask_order_list\":");
            side(j, &row.asks);
            j.raw("}");
        });
    })
}

/// A settled funding rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRow {
    /// Settlement, seconds UTC.
    pub ts_s: i64,
    /// Rate as a fraction; positive means longs pay.
    pub rate: f64,
    /// Hours between settlements: the venue writes hours into a field named seconds.
    pub period_h: u32,
}

/// Appends `/deepcoin/trade/fund-rate/history`; `symbol` has no dashes: `BTCUSDT`.
///
/// # Errors
/// As [`push_klines`].
pub fn push_funding(out: &mut Vec<u8>, symbol: &str, rows: &[FundingRow]) -> Result<(), WireError> {
    page(out, |j| {
        j.raw("{\"list\":").list(rows, |j, r| {
            j.raw("{\"instrumentID\":").text(symbol).raw(",\"rate\":");
            j.num_text("rate", r.rate, Digits::UpTo(8));
            j.raw(",\"CreateTime\":")
                .int(r.ts_s)
                .raw(",\"ratePeriodSec\":");
            j.int(i64::from(r.period_h)).raw("}");
        });
        j.raw("}");
    })
}
