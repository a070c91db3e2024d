//! Rows of a recording that are no book: each push holds a list of them, and a bad one does not spoil the others.

use quant_core::time::MICROS_PER_MINUTE;

use super::Context;
use crate::schema::Dataset;
use crate::venues::capture::Via;
use crate::venues::json::Json;
use crate::venues::json_values::{base_qty, count, millis, need, not_negative, positive, set};
use crate::venues::message_order::MessageOrder;
use crate::venues::quote_sides;
use crate::venues::records::{BookTickerRow, Kline, LiquidationRow, OpenInterestRow, TradeRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;
use crate::venues::tables::Tables;

type Read<T> = Result<T, RowProblem>;

/// Equal forced orders are told apart as long as they come within this time.
const RECENT_US: i64 = MICROS_PER_MINUTE;

/// The two channels of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TradesChannel {
    /// One row per taker order and price; ids skip.
    Trades,
    /// Every match.
    All,
}

/// Rows of one instrument and what was passed over.
#[derive(Debug, Default)]
pub(super) struct LiveRows {
    trades: Option<TradesChannel>,
    quotes: MessageOrder,
    order: MessageOrder,
    recent: Vec<LiquidationRow>,
    trades_via: Via,
    quotes_via: Via,
    pub(super) of_others: u64,
    pub(super) events: u64,
    pub(super) errors: u64,
    /// Pushes that make no row: tickers, five-level books, predictions ...
    passed_over: u64,
    trades_of_other_channel: u64,
}

impl LiveRows {
    /// Takes a push of a channel that is not of a book.
    pub(super) fn push(
        &mut self,
        channel: &[u8],
        data: &[u8],
        cx: &Context<'_>,
        out: &mut Tables,
    ) -> Read<()> {
        let dataset = match channel {
            b"trades" | b"trades-all" => {
                let of = if channel == b"trades" {
                    TradesChannel::Trades
                } else {
                    TradesChannel::All
                };
                if *self.trades.get_or_insert(of) != of {
                    self.trades_of_other_channel += 1;
                    return Ok(());
                }
                Dataset::Trades
            }
            b"bbo-tbt" => Dataset::BookTicker,
            b"candle1m" => Dataset::Klines1m,
            b"open-interest" => Dataset::OpenInterest,
            b"liquidation-orders" => Dataset::Liquidations,
            _ => {
                self.passed_over += 1;
                if channel == b"tickers" {
                    see_times(data, cx, out);
                }
                return Ok(());
            }
        };
        if !out.wants(dataset) {
            return Ok(());
        }
        let mut json = Json::new(data);
        json.array()?;
        while json.element()? {
            let item = json.value()?;
            let read = match dataset {
                Dataset::Trades => self.trade(item, cx, out),
                Dataset::BookTicker => self.quote(item, cx, out),
                Dataset::Klines1m => self.candle(item, cx, out),
                Dataset::OpenInterest => self.open_interest(item, cx, out),
                _ => self.liquidations(item, cx, out),
            };
            if let Err(problem) = read {
                out.refuse(dataset, item, problem);
            }
        }
        Ok(())
    }

    /// What is in flight on a lost connection is missing.
    pub(super) fn connection_lost(&mut self, conn: Option<&[u8]>, out: &mut Tables) {
        if self.trades_via.is_cut_by(conn) {
            out.gap(Dataset::Trades);
        }
        if self.quotes_via.is_cut_by(conn) {
            out.gap(Dataset::BookTicker);
        }
    }

    pub(super) fn finish(&self, out: &mut Tables) {
        for (name, n) in [
            ("messages_of_other_instruments", self.of_others),
            ("answers_to_requests", self.events),
            ("errors_of_the_venue", self.errors),
            ("messages_without_rows", self.passed_over),
            (
                "messages_of_other_trades_channel",
                self.trades_of_other_channel,
            ),
        ] {
            if n > 0 {
                for dataset in super::OkxRecordingOptions::DATASETS {
                    out.diagnose(dataset, name, n);
                }
            }
        }
    }

    fn trade(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut inst_id, mut id, mut price) = (None, None, None);
        let (mut size, mut side, mut ts) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instId" => set(&mut inst_id, "instId", json.string()?)?,
                b"tradeId" => set(&mut id, "tradeId", count(&mut json, "tradeId")?)?,
                b"px" => set(&mut price, "px", positive(&mut json, "px")?)?,
                b"sz" => set(&mut size, "sz", positive(&mut json, "sz")?)?,
                b"side" => set(&mut side, "side", side_of(json.string()?)?)?,
                b"ts" => set(&mut ts, "ts", millis(&mut json, "ts")?)?,
                _ => json.skip()?,
            }
        }
        same_instrument(inst_id, cx)?;
        let ts = need(ts, "ts")?;
        // The first push after a subscription is the last trade before it, which may be old.
        if let Some(received) = cx.received {
            self.order.check(ts.max(received), cx.received, "ts")?;
        }
        let (price, size) = (need(price, "px")?, need(size, "sz")?);
        out.trade(TradeRow {
            ts_event: Ts(ts),
            ts_recv: cx.received.map(Ts),
            trade_id: need(id, "tradeId")?,
            price,
            qty: base_qty(size, price, cx.unit, "sz")?,
            qty_raw: cx.unit.raw(size),
            aggressor: need(side, "side")?,
            late: None,
        });
        self.trades_via.saw(cx.conn);
        Ok(())
    }

    fn quote(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut ts, mut seq, mut bid, mut ask) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"ts" => set(&mut ts, "ts", millis(&mut json, "ts")?)?,
                b"seqId" => set(&mut seq, "seqId", count(&mut json, "seqId")?)?,
                b"bids" => set(&mut bid, "bids", best(&mut json)?)?,
                b"asks" => set(&mut ask, "asks", best(&mut json)?)?,
                _ => json.skip()?,
            }
        }
        let ts = need(ts, "ts")?;
        self.quotes.check(ts, cx.received, "ts")?;
        let side = |level: Option<(f64, f64)>, field| {
            let (px, qty) = level.unwrap_or_default();
            quote_sides::side(px, qty, field, |qty, px| cx.unit.base(qty, px))
        };
        let (bid, ask) = (need(bid, "bids")?, need(ask, "asks")?);
        let (bid, ask) = (side(bid, "bids")?, side(ask, "asks")?);
        out.quote(BookTickerRow {
            ts_event: Ts(ts),
            ts_recv: cx.received.map(Ts),
            ts_gateway: None,
            ts_inferred: None,
            update_id: match seq {
                Some(seq) => seq,
                None => self.quotes.number(ts, None),
            },
            bid_px: bid.0,
            bid_qty: bid.1,
            ask_px: ask.0,
            ask_qty: ask.1,
            late: None,
        });
        self.quotes_via.saw(cx.conn);
        Ok(())
    }

    fn candle(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let mut cells: [&[u8]; 9] = [b""; 9];
        let mut found = 0;
        json.array()?;
        while json.element()? {
            let cell = json.number_text()?;
            if let Some(place) = cells.get_mut(found) {
                *place = cell;
            }
            found += 1;
        }
        if found < cells.len() {
            // The form of 2022 did not say whether the bar is closed.
            return Err(RowProblem::FieldCount {
                expected: cells.len(),
                found,
            });
        }
        let cell = |i: usize| Json::new(cells[i]);
        let confirm = match cells[8] {
            b"0" => false,
            b"1" => true,
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "confirm",
                    expected: "0 or 1",
                });
            }
        };
        let ts_open = millis(&mut cell(0), "ts")?;
        self.order.check(ts_open, cx.received, "ts")?;
        let (open, high) = (positive(&mut cell(1), "o")?, positive(&mut cell(2), "h")?);
        let (low, close) = (positive(&mut cell(3), "l")?, positive(&mut cell(4), "c")?);
        check_candle(open, high, low, close)?;
        let vol = not_negative(&mut cell(5), "vol")?;
        let vol_ccy = not_negative(&mut cell(6), "volCcy")?;
        if !confirm {
            out.leave_out(Dataset::Klines1m, 1);
            out.diagnose(Dataset::Klines1m, "forming_bars_left_out", 1);
            return Ok(());
        }
        let raw = cx.unit.raw(vol);
        out.kline(Kline {
            ts_open: Ts(ts_open),
            ts_close: Ts(ts_open + MICROS_PER_MINUTE),
            open,
            high,
            low,
            close,
            // Derivatives: contracts, then coins. Spot: coins, then quote.
            volume: if raw.is_some() { vol_ccy } else { vol },
            volume_raw: raw,
            quote_volume: Some(not_negative(&mut cell(7), "volCcyQuote")?),
            n_trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        });
        Ok(())
    }

    fn open_interest(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut inst_id, mut coins, mut usd, mut ts) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instId" => set(&mut inst_id, "instId", json.string()?)?,
                b"oiCcy" => set(&mut coins, "oiCcy", not_negative(&mut json, "oiCcy")?)?,
                b"oiUsd" => set(&mut usd, "oiUsd", not_negative(&mut json, "oiUsd")?)?,
                b"ts" => set(&mut ts, "ts", millis(&mut json, "ts")?)?,
                _ => json.skip()?,
            }
        }
        same_instrument(inst_id, cx)?;
        let ts = need(ts, "ts")?;
        self.order.check(ts, cx.received, "ts")?;
        out.open_interest(OpenInterestRow {
            ts_event: Ts(ts),
            ts_published: None,
            open_interest: need(coins, "oiCcy")?,
            notional: usd,
        });
        Ok(())
    }

    /// Reads the forced orders of one instrument; those of others are passed over.
    fn liquidations(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut inst_id, mut details) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"instId" => set(&mut inst_id, "instId", json.string()?)?,
                b"details" => set(&mut details, "details", json.value()?)?,
                _ => json.skip()?,
            }
        }
        let inst_id = need(inst_id, "instId")?;
        if inst_id == cx.inst_id.as_bytes() {
            out.of_asked();
        } else {
            out.of_other(inst_id);
            self.of_others += 1;
            return Ok(());
        }
        let mut json = Json::new(need(details, "details")?);
        json.array()?;
        while json.element()? {
            let order = json.value()?;
            if let Err(problem) = self.forced_order(order, cx, out) {
                out.refuse(Dataset::Liquidations, order, problem);
            }
        }
        Ok(())
    }

    fn forced_order(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut price, mut size, mut side, mut ts) = (None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"bkPx" => set(&mut price, "bkPx", positive(&mut json, "bkPx")?)?,
                b"sz" => set(&mut size, "sz", positive(&mut json, "sz")?)?,
                b"side" => set(&mut side, "side", side_of(json.string()?)?)?,
                b"ts" => set(&mut ts, "ts", millis(&mut json, "ts")?)?,
                _ => json.skip()?,
            }
        }
        let ts = need(ts, "ts")?;
        self.order.check(ts, cx.received, "ts")?;
        let (price, size) = (need(price, "bkPx")?, need(size, "sz")?);
        let mut row = LiquidationRow {
            ts_event: Ts(ts),
            side: need(side, "side")?,
            price,
            average_price: None,
            qty: base_qty(size, price, cx.unit, "sz")?,
            qty_raw: cx.unit.raw(size),
            occurrence: 0,
        };
        self.recent.retain(|r| r.ts_event.0 >= ts - RECENT_US);
        // Orders have no id: equal ones are numbered.
        while self.recent.contains(&row) {
            row.occurrence += 1;
        }
        self.recent.push(row);
        out.liquidation(row);
        Ok(())
    }
}

/// Tells the tables the times of rows that nobody keeps.
fn see_times(data: &[u8], cx: &Context<'_>, out: &mut Tables) {
    let mut see = || -> Read<()> {
        let mut json = Json::new(data);
        json.array()?;
        while json.element()? {
            json.object()?;
            while let Some(key) = json.key()? {
                if key == b"ts" {
                    let ts = millis(&mut json, "ts")?;
                    if MessageOrder::default().check(ts, cx.received, "ts").is_ok() {
                        out.saw(ts);
                    }
                } else {
                    json.skip()?;
                }
            }
        }
        Ok(())
    };
    // Nobody asked for these rows, so nobody is told that one is bad.
    drop(see());
}

/// Returns the price and size of the first level, if there is one.
fn best(json: &mut Json<'_>) -> Read<Option<(f64, f64)>> {
    let mut best = None;
    json.array()?;
    while json.element()? {
        let mut inner = Json::new(json.value()?);
        if best.is_some() {
            continue;
        }
        inner.array()?;
        let mut cell = |column| {
            if inner.element()? {
                not_negative(&mut inner, column)
            } else {
                need(None, column)
            }
        };
        best = Some((cell("px")?, cell("sz")?));
    }
    Ok(best)
}

fn side_of(text: &[u8]) -> Read<i8> {
    match text {
        b"buy" | b"BUY" => Ok(1),
        b"sell" | b"SELL" => Ok(-1),
        _ => Err(RowProblem::UnknownName {
            column: "side",
            expected: "buy or sell",
        }),
    }
}

fn same_instrument(found: Option<&[u8]>, cx: &Context<'_>) -> Read<()> {
    match found {
        Some(id) if id != cx.inst_id.as_bytes() => Err(RowProblem::OtherSymbol {
            expected: cx.inst_id.to_owned(),
        }),
        _ => Ok(()),
    }
}
