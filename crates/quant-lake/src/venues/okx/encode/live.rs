//! WebSocket frames of v5 public and business channels, but for books ([`super::book`]).

use quant_core::market::Side;

use super::candles::{CandleRow, candle};
use super::funding::RATE;
use super::rest::{OpenInterestRow, mark_price, open_interest};
use super::{InstType, Terms, TradeRow, side_word};
use crate::venues::wire::{Digits, Json, WireError};

/// How a trade is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradesForm {
    /// Channel `trades`: one row per taker order, price and source, with `count`, `source` and `seqId`.
    Trades,
    /// Channel `trades-all` of the business socket: every match.
    All,
    /// Channel `trades` as in 2022: no `count`, `source` and `seqId`.
    Old,
}

/// Appends a push of trades.
///
/// # Errors
/// `BadNumber`; nothing is appended then. So do all frames.
pub fn push_trades(
    out: &mut Vec<u8>,
    terms: &Terms,
    form: TradesForm,
    rows: &[TradeRow],
) -> Result<(), WireError> {
    let channel = match form {
        TradesForm::Trades | TradesForm::Old => "trades",
        TradesForm::All => "trades-all",
    };
    frame(out, channel, terms, |j| {
        j.list(rows, |j, t| {
            j.raw("{\"instId\":\"").raw(&terms.inst_id);
            j.raw("\",\"tradeId\":")
                .int_text(t.trade_id)
                .raw(",\"px\":");
            j.num_text("px", t.price, terms.price).raw(",\"sz\":");
            j.num_text("sz", t.qty, terms.qty).raw(",\"side\":\"");
            j.raw(side_word(t.side));
            if form == TradesForm::All {
                j.raw("\",\"source\":").int_text(i64::from(t.source));
                j.raw(",\"ts\":").int_text(t.ts_ms);
            } else {
                j.raw("\",\"ts\":").int_text(t.ts_ms);
            }
            if form == TradesForm::Trades {
                j.raw(",\"count\":").int_text(i64::from(t.count));
                j.raw(",\"source\":").int_text(i64::from(t.source));
                j.raw(",\"seqId\":").int(t.seq_id);
            }
            j.raw("}");
        });
    })
}

/// State of a ticker.
///
/// # Units
/// Prices quote currency, sizes the venue's unit; `volume_ccy_24h` coins (quote currency on spot).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticker {
    /// Last trade as (price, size).
    pub last: (f64, f64),
    /// Best ask as (price, size).
    pub ask: (f64, f64),
    /// Best bid as (price, size).
    pub bid: (f64, f64),
    /// Price 24 h ago.
    pub open_24h: f64,
    /// Highest price of 24 h.
    pub high_24h: f64,
    /// Lowest price of 24 h.
    pub low_24h: f64,
    /// First price of the day, UTC.
    pub open_utc0: f64,
    /// First price of the day, UTC+8.
    pub open_utc8: f64,
    /// Volume of 24 h in currency.
    pub volume_ccy_24h: f64,
    /// Volume of 24 h in the venue's unit.
    pub volume_24h: f64,
    /// Time, milliseconds UTC.
    pub ts_ms: i64,
}

/// Appends a push of `tickers`.
///
/// # Errors
/// As [`push_trades`].
pub fn push_ticker(out: &mut Vec<u8>, terms: &Terms, t: &Ticker) -> Result<(), WireError> {
    let (price, qty) = (terms.price, terms.qty);
    frame(out, "tickers", terms, |j| {
        j.raw("[{\"instType\":\"").raw(terms.inst_type.name());
        j.raw("\",\"instId\":\"").raw(&terms.inst_id).raw("\"");
        for (key, value, digits) in [
            ("last", t.last.0, price),
            ("lastSz", t.last.1, qty),
            ("askPx", t.ask.0, price),
            ("askSz", t.ask.1, qty),
            ("bidPx", t.bid.0, price),
            ("bidSz", t.bid.1, qty),
            ("open24h", t.open_24h, price),
            ("high24h", t.high_24h, price),
            ("low24h", t.low_24h, price),
            ("sodUtc0", t.open_utc0, price),
            ("sodUtc8", t.open_utc8, price),
            ("volCcy24h", t.volume_ccy_24h, Digits::UpTo(8)),
            ("vol24h", t.volume_24h, qty),
        ] {
            j.raw(",\"")
                .raw(key)
                .raw("\":")
                .num_text(key, value, digits);
        }
        j.raw(",\"ts\":").int_text(t.ts_ms).raw("}]");
    })
}

/// State of the funding of a swap.
///
/// # Units
/// Rates and premium as fractions, times milliseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingState {
    /// Rate of the coming settlement, as predicted.
    pub rate: f64,
    /// Time of the coming settlement.
    pub settles_ms: i64,
    /// Time of the one after.
    pub next_ms: i64,
    /// Rate of the last settlement.
    pub settled: f64,
    /// Largest rate; the smallest is its negative.
    pub cap: f64,
    /// Premium of the perpetual over its index.
    pub premium: f64,
    /// Time of the push.
    pub ts_ms: i64,
}

/// Appends a push of `funding-rate`.
///
/// # Errors
/// As [`push_trades`].
pub fn push_funding(out: &mut Vec<u8>, terms: &Terms, f: &FundingState) -> Result<(), WireError> {
    frame(out, "funding-rate", terms, |j| {
        j.raw("[{\"formulaType\":\"withRate\",\"fundingRate\":");
        j.num_text("fundingRate", f.rate, RATE)
            .raw(",\"fundingTime\":");
        j.int_text(f.settles_ms)
            .raw(",\"impactValue\":\"\",\"instId\":\"");
        j.raw(&terms.inst_id)
            .raw("\",\"instType\":\"")
            .raw(terms.inst_type.name());
        j.raw("\",\"interestRate\":\"\",\"maxFundingRate\":");
        j.num_text("maxFundingRate", f.cap, RATE);
        j.raw(",\"method\":\"current_period\",\"minFundingRate\":");
        j.num_text("minFundingRate", -f.cap, RATE);
        j.raw(",\"nextFundingRate\":\"\",\"nextFundingTime\":")
            .int_text(f.next_ms);
        j.raw(",\"premium\":").num_text("premium", f.premium, RATE);
        j.raw(",\"settFundingRate\":")
            .num_text("settFundingRate", f.settled, RATE);
        j.raw(",\"settState\":\"settled\",\"ts\":")
            .int_text(f.ts_ms)
            .raw("}]");
    })
}

/// Appends a push of `mark-price`.
///
/// # Errors
/// As [`push_trades`].
pub fn push_mark_price(
    out: &mut Vec<u8>,
    terms: &Terms,
    mark: f64,
    ts_ms: i64,
) -> Result<(), WireError> {
    frame(out, "mark-price", terms, |j| {
        j.raw("[");
        mark_price(j, terms, mark, ts_ms);
        j.raw("]");
    })
}

/// Appends a push of `open-interest`.
///
/// # Errors
/// As [`push_trades`].
pub fn push_open_interest(
    out: &mut Vec<u8>,
    terms: &Terms,
    row: &OpenInterestRow,
) -> Result<(), WireError> {
    frame(out, "open-interest", terms, |j| {
        j.raw("[");
        open_interest(j, terms, row);
        j.raw("]");
    })
}

/// A forced order.
///
/// # Units
/// Price quote currency, quantity contracts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiquidationRow {
    /// Time, milliseconds UTC.
    pub ts_ms: i64,
    /// Side of the forced order: `Sell` closes a long.
    pub side: Side,
    /// Bankruptcy price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
}

/// Appends a push of `liquidation-orders`: its argument is the kind of instrument, not the instrument.
///
/// # Errors
/// As [`push_trades`].
pub fn push_liquidations(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[LiquidationRow],
) -> Result<(), WireError> {
    let kind = terms.inst_type.name();
    let mut j = Json::new(out);
    j.raw("{\"arg\":{\"channel\":\"liquidation-orders\",\"instType\":\"");
    j.raw(kind).raw("\"},\"data\":[{\"details\":");
    j.list(rows, |j, r| {
        j.raw("{\"bkLoss\":\"0\",\"bkPx\":")
            .num_text("bkPx", r.price, terms.price);
        j.raw(",\"ccy\":\"\",\"posSide\":\"").raw(match r.side {
            Side::Sell => "long",
            Side::Buy => "short",
        });
        j.raw("\",\"side\":\"")
            .raw(side_word(r.side))
            .raw("\",\"sz\":");
        j.num_text("sz", r.qty, terms.qty).raw(",\"ts\":");
        j.int_text(r.ts_ms).raw("}");
    });
    j.raw(",\"instFamily\":\"").raw(terms.family());
    j.raw("\",\"instId\":\"").raw(&terms.inst_id);
    j.raw("\",\"instType\":\"").raw(kind);
    j.raw("\",\"uly\":\"").raw(terms.family()).raw("\"}]}");
    j.finish()
}

/// Appends a push of `candle{bar}` (business socket): `1m`, `5m`, `1Dutc`.
///
/// # Errors
/// As [`push_trades`].
pub fn push_candle(
    out: &mut Vec<u8>,
    terms: &Terms,
    bar: &str,
    row: &CandleRow,
) -> Result<(), WireError> {
    frame(out, &format!("candle{bar}"), terms, |j| {
        j.raw("[");
        candle(j, terms, row);
        j.raw("]");
    })
}

/// What a client subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelArg {
    /// Channel.
    pub channel: String,
    /// Instrument, on most channels.
    pub inst_id: Option<String>,
    /// Kind of instrument, on `liquidation-orders`.
    pub inst_type: Option<String>,
}

/// Appends the answer to one argument of a `subscribe` or `unsubscribe`; `id` is the request's, where it had one.
pub fn push_ack(out: &mut Vec<u8>, event: &str, id: Option<&str>, arg: &ChannelArg, conn_id: &str) {
    let mut j = Json::new(out);
    j.raw("{");
    if let Some(id) = id {
        j.raw("\"id\":").text(id).raw(",");
    }
    j.raw("\"event\":").text(event);
    j.raw(",\"arg\":{\"channel\":").text(&arg.channel);
    for (key, value) in [("instId", &arg.inst_id), ("instType", &arg.inst_type)] {
        if let Some(value) = value {
            j.raw(",\"").raw(key).raw("\":").text(value);
        }
    }
    j.raw("},\"connId\":").text(conn_id).raw("}");
}

/// Appends an error event: `60012` invalid request, `60018` no such channel, `60014` too frequent.
pub fn push_error(out: &mut Vec<u8>, id: Option<&str>, code: &str, message: &str, conn_id: &str) {
    let mut j = Json::new(out);
    j.raw("{");
    if let Some(id) = id {
        j.raw("\"id\":").text(id).raw(",");
    }
    j.raw("\"event\":\"error\",\"code\":").text(code);
    j.raw(",\"msg\":").text(message);
    j.raw(",\"connId\":").text(conn_id).raw("}");
}

/// Returns the kind of an instrument by the shape of its name: `-SWAP`, a trailing date, or neither.
pub fn inst_type_of(inst_id: &str) -> InstType {
    match inst_id.split('-').nth(2) {
        None => InstType::Spot,
        Some("SWAP") => InstType::Swap,
        Some(_) => InstType::Futures,
    }
}

fn frame(
    out: &mut Vec<u8>,
    channel: &str,
    terms: &Terms,
    data: impl FnOnce(&mut Json<'_>),
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"arg\":{\"channel\":\"").raw(channel);
    j.raw("\",\"instId\":\"")
        .raw(&terms.inst_id)
        .raw("\"},\"data\":");
    data(&mut j);
    j.raw("}");
    j.finish()
}
