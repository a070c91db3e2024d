//! The values of `publicTrade`, `kline.1` and `allLiquidation` frames, one element at a time.
//!
//! A frame is refused as a whole: half of a message is not what the venue sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::venues::bybit::frame::{Seen, need, time};
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::records::{Kline, LiquidationRow, TradeRow, Ts};
use crate::venues::row_values::{MAX_POSITIVE, check_candle};
use crate::venues::rows::RowProblem;

/// Executions and sequences remembered, to find repetitions: more than any burst that is sent again.
const REMEMBERED: usize = 8_192;

/// Trades of one `seq` that have an id.
const PER_SEQ: i64 = 4_096;

/// Longest execution id.
const MAX_ID: usize = 64;

/// One element of a `publicTrade` frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trade<'a> {
    pub(super) ts: i64,
    pub(super) price: f64,
    /// In the venue's unit.
    pub(super) qty: f64,
    pub(super) aggressor: i8,
    pub(super) id: &'a [u8],
    pub(super) seq: i64,
    pub(super) is_block: bool,
}

/// Takes an array of elements from `data`, each by `element`.
fn each<'a>(
    text: &'a [u8],
    mut element: impl FnMut(&mut Json<'a>) -> Result<(), RowProblem>,
) -> Result<(), RowProblem> {
    let mut json = Json::new(text);
    json.object()?;
    let mut seen = Seen::default();
    while let Some(key) = json.key()? {
        if key != b"data" {
            json.skip()?;
            continue;
        }
        seen.mark(0, "data")?;
        json.array()?;
        while json.element()? {
            element(&mut json)?;
        }
    }
    json.end()?;
    if seen.is_empty() {
        return need(None, "data");
    }
    Ok(())
}

/// Takes a price or quantity above zero.
fn positive(json: &mut Json<'_>, column: &'static str) -> Result<f64, RowProblem> {
    let value = json.decimal(column)?;
    let required = if value > MAX_POSITIVE {
        "at most 1e15"
    } else if value > 0.0 {
        return Ok(value);
    } else {
        "positive"
    };
    Err(RowProblem::BadSign { column, required })
}

/// Takes a sum of quantities, which may be zero.
fn not_negative(json: &mut Json<'_>, column: &'static str) -> Result<f64, RowProblem> {
    let value = json.decimal(column)?;
    if value >= 0.0 {
        return Ok(value);
    }
    Err(RowProblem::BadSign {
        column,
        required: "not negative",
    })
}

/// Takes `Buy` or `Sell` as 1 or -1.
fn side(json: &mut Json<'_>) -> Result<i8, RowProblem> {
    match json.string()? {
        b"Buy" => Ok(1),
        b"Sell" => Ok(-1),
        _ => Err(RowProblem::UnknownName {
            column: "S",
            expected: "Buy or Sell",
        }),
    }
}

fn check_symbol(found: &[u8], expected: &str) -> Result<(), RowProblem> {
    if found == expected.as_bytes() {
        return Ok(());
    }
    Err(RowProblem::OtherSymbol {
        expected: expected.to_owned(),
    })
}

/// Reads a `publicTrade` frame.
pub(super) fn read_trades<'a>(text: &'a [u8], symbol: &str) -> Result<Vec<Trade<'a>>, RowProblem> {
    let mut out = Vec::new();
    each(text, |json| {
        json.object()?;
        let mut seen = Seen::default();
        let (mut ts, mut price, mut qty, mut aggressor) = (None, None, None, None);
        let (mut id, mut seq, mut of, mut is_block) = (None, None, None, false);
        while let Some(key) = json.key()? {
            match key {
                b"T" => {
                    seen.mark(0, "T")?;
                    ts = Some(time(json, "T")?.0);
                }
                b"s" => {
                    seen.mark(1, "s")?;
                    of = Some(json.string()?);
                }
                b"S" => {
                    seen.mark(2, "S")?;
                    aggressor = Some(side(json)?);
                }
                b"v" => {
                    seen.mark(3, "v")?;
                    qty = Some(positive(json, "v")?);
                }
                b"p" => {
                    seen.mark(4, "p")?;
                    price = Some(positive(json, "p")?);
                }
                b"i" => {
                    seen.mark(5, "i")?;
                    id = Some(json.number_text()?);
                }
                b"seq" => {
                    seen.mark(6, "seq")?;
                    seq = Some(json.integer("seq")?);
                }
                b"BT" => {
                    seen.mark(7, "BT")?;
                    is_block = json.flag()?;
                }
                _ => json.skip()?,
            }
        }
        check_symbol(need(of, "s")?, symbol)?;
        let id = need(id, "i")?;
        if id.is_empty() || id.len() > MAX_ID {
            return Err(RowProblem::UnknownName {
                column: "i",
                expected: "an execution id of at most 64 bytes",
            });
        }
        out.push(Trade {
            ts: need(ts, "T")?,
            price: need(price, "p")?,
            qty: need(qty, "v")?,
            aggressor: need(aggressor, "S")?,
            id,
            seq: need(seq, "seq")?,
            is_block,
        });
        Ok(())
    })?;
    Ok(out)
}

/// Gives trades their ids and finds repetitions.
#[derive(Debug, Default)]
pub(super) struct TradeIds {
    seen: BTreeSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
    /// Trades of each of the latest sequences so far.
    places: BTreeMap<i64, i64>,
}

impl TradeIds {
    /// Returns the id of a trade, `seq * 4096` plus its place among the trades of its `seq` in the order of the stream;
    /// `None` if the execution was there before.
    pub(super) fn next(&mut self, trade: &Trade<'_>) -> Result<Option<i64>, RowProblem> {
        if self.seen.contains(trade.id) {
            return Ok(None);
        }
        let place = self.places.get(&trade.seq).copied().unwrap_or(0);
        let id = (place < PER_SEQ && trade.seq >= 0)
            .then(|| trade.seq.checked_mul(PER_SEQ)?.checked_add(place))
            .flatten()
            .ok_or(RowProblem::NotAnInteger { column: "seq" })?;
        self.places.insert(trade.seq, place + 1);
        if self.places.len() > REMEMBERED {
            self.places.pop_first();
        }
        self.seen.insert(trade.id.to_vec());
        self.order.push_back(trade.id.to_vec());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Ok(Some(id))
    }
}

/// Returns base units of a quantity, if they are a quantity.
fn base(unit: QtyUnit, qty: f64, price: f64, column: &'static str) -> Result<f64, RowProblem> {
    let value = unit.base(qty, price);
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(RowProblem::NotANumber { column })
    }
}

/// Returns the row of a trade.
pub(super) fn trade_row(
    trade: &Trade<'_>,
    trade_id: i64,
    ts_recv: Option<i64>,
    unit: QtyUnit,
) -> Result<TradeRow, RowProblem> {
    Ok(TradeRow {
        ts_event: Ts(trade.ts),
        ts_recv: ts_recv.map(Ts),
        trade_id,
        price: trade.price,
        qty: base(unit, trade.qty, trade.price, "v")?,
        qty_raw: unit.raw(trade.qty),
        aggressor: trade.aggressor,
        late: None,
    })
}

/// Reads the closed bars of a `kline.1` frame; returns the number of those still forming.
pub(super) fn read_klines(
    text: &[u8],
    unit: QtyUnit,
    out: &mut Vec<Kline>,
) -> Result<u64, RowProblem> {
    out.clear();
    let mut forming = 0;
    each(text, |json| {
        json.object()?;
        let mut seen = Seen::default();
        let (mut start, mut end, mut confirm) = (None, None, None);
        let mut prices = [None; 4];
        let (mut volume, mut turnover) = (None, None);
        while let Some(key) = json.key()? {
            let price = match key {
                b"open" => Some((0, "open")),
                b"high" => Some((1, "high")),
                b"low" => Some((2, "low")),
                b"close" => Some((3, "close")),
                _ => None,
            };
            if let Some((bit, name)) = price {
                seen.mark(bit, name)?;
                if let Some(slot) = prices.get_mut(bit as usize) {
                    *slot = Some(positive(json, name)?);
                }
                continue;
            }
            match key {
                b"start" => {
                    seen.mark(4, "start")?;
                    start = Some(time(json, "start")?.0);
                }
                b"end" => {
                    seen.mark(5, "end")?;
                    end = Some(time(json, "end")?.0);
                }
                b"volume" => {
                    seen.mark(6, "volume")?;
                    volume = Some(not_negative(json, "volume")?);
                }
                b"turnover" => {
                    seen.mark(7, "turnover")?;
                    turnover = Some(not_negative(json, "turnover")?);
                }
                b"confirm" => {
                    seen.mark(8, "confirm")?;
                    confirm = Some(json.flag()?);
                }
                _ => json.skip()?,
            }
        }
        if !need(confirm, "confirm")? {
            forming += 1;
            return Ok(());
        }
        let [open, high, low, close] = prices;
        let (open, high) = (need(open, "open")?, need(high, "high")?);
        let (low, close) = (need(low, "low")?, need(close, "close")?);
        check_candle(open, high, low, close)?;
        let (start, end) = (need(start, "start")?, need(end, "end")?);
        // The venue's end is the last millisecond of the minute.
        if end + 1_000 - start != 60_000_000 || start % 60_000_000 != 0 {
            return Err(RowProblem::EmptyInterval);
        }
        let (volume, turnover) = (need(volume, "volume")?, need(turnover, "turnover")?);
        let (base, quote) = match unit {
            // Contracts are worth a fixed number of dollars, so the turnover is in coins.
            QtyUnit::Inverse { usd } => (turnover, volume * usd),
            QtyUnit::Base | QtyUnit::Linear { .. } => (unit.base(volume, close), turnover),
        };
        for value in [base, quote] {
            if !value.is_finite() {
                return Err(RowProblem::NotANumber { column: "volume" });
            }
        }
        out.push(Kline {
            ts_open: Ts(start),
            ts_close: Ts(end + 1_000),
            open,
            high,
            low,
            close,
            volume: base,
            volume_raw: unit.raw(volume),
            quote_volume: Some(quote),
            n_trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        });
        Ok(())
    })?;
    Ok(forming)
}

/// Reads an `allLiquidation` frame.
///
/// `S` is the side of the position (`Buy`: a long was liquidated, so the forced order sells), as the venue's documentation
/// says; no recorded frame is at hand to confirm it. Rows carry the side of the forced order. The price is the bankruptcy
/// price.
pub(super) fn read_liquidations(
    text: &[u8],
    symbol: &str,
    unit: QtyUnit,
    out: &mut Vec<LiquidationRow>,
) -> Result<(), RowProblem> {
    out.clear();
    each(text, |json| {
        json.object()?;
        let mut seen = Seen::default();
        let (mut ts, mut price, mut qty, mut position, mut of) = (None, None, None, None, None);
        while let Some(key) = json.key()? {
            match key {
                b"T" => {
                    seen.mark(0, "T")?;
                    ts = Some(time(json, "T")?.0);
                }
                b"s" => {
                    seen.mark(1, "s")?;
                    of = Some(json.string()?);
                }
                b"S" => {
                    seen.mark(2, "S")?;
                    position = Some(side(json)?);
                }
                b"v" => {
                    seen.mark(3, "v")?;
                    qty = Some(positive(json, "v")?);
                }
                b"p" => {
                    seen.mark(4, "p")?;
                    price = Some(positive(json, "p")?);
                }
                _ => json.skip()?,
            }
        }
        check_symbol(need(of, "s")?, symbol)?;
        let (price, qty) = (need(price, "p")?, need(qty, "v")?);
        out.push(LiquidationRow {
            ts_event: Ts(need(ts, "T")?),
            side: -need(position, "S")?,
            price,
            average_price: None,
            qty: base(unit, qty, price, "v")?,
            qty_raw: unit.raw(qty),
            occurrence: 0,
        });
        Ok(())
    })
}
