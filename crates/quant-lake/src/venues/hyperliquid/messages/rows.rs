//! Rows of a Hyperliquid recording that are no book images.

use quant_core::time::MICROS_PER_MINUTE;

use super::{Context, HyperliquidOptions, read_quoted};
use crate::schema::Dataset;
use crate::venues::capture::Via;
use crate::venues::json::Json;
use crate::venues::json_values::{count, millis, need, not_negative, positive, set};
use crate::venues::message_order::MessageOrder;
use crate::venues::quote_sides;
use crate::venues::records::{BookTickerRow, Kline, OpenInterestRow, TradeRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;
use crate::venues::tables::Tables;

type Read<T> = Result<T, RowProblem>;

/// Rows of one coin and what was passed over.
#[derive(Debug, Default)]
pub(super) struct Rows {
    order: MessageOrder,
    quotes: MessageOrder,
    /// The newest state of the bar that is forming.
    forming: Option<Kline>,
    /// Stamped by the recorder's clock, which runs behind the venue's: handed out at the end, since they would make rows of
    /// the venue's clock late.
    open_interest: Vec<OpenInterestRow>,
    trades_via: Via,
    bars_via: Via,
    pub(super) of_others: u64,
    passed_over: u64,
}

impl Rows {
    /// Takes a push of a channel that is not of a book.
    pub(super) fn push(
        &mut self,
        channel: &[u8],
        data: &[u8],
        cx: &Context<'_>,
        out: &mut Tables,
    ) -> Read<()> {
        let dataset = match channel {
            b"trades" => Dataset::Trades,
            b"bbo" => Dataset::BookTicker,
            b"candle" => Dataset::Klines1m,
            b"activeAssetCtx" => Dataset::OpenInterest,
            _ => {
                self.passed_over += 1;
                return Ok(());
            }
        };
        if !out.wants(dataset) {
            return Ok(());
        }
        let mut json = Json::new(data);
        // Trades and, in some versions, candles come as lists.
        let is_list = json.next_byte() == Some(b'[');
        if is_list {
            json.array()?;
        }
        while !is_list || json.element()? {
            let item = json.value()?;
            let read = match dataset {
                Dataset::Trades => self.trade(item, cx, out),
                Dataset::BookTicker => self.quote(item, cx, out),
                Dataset::Klines1m => self.candle(item, cx, out),
                _ => self.context(item, cx),
            };
            if let Err(problem) = read {
                out.refuse(dataset, item, problem);
            }
            if !is_list {
                break;
            }
        }
        Ok(())
    }

    /// What is in flight on a lost connection is missing, and so may be the end of the forming bar.
    pub(super) fn connection_lost(&mut self, conn: Option<&[u8]>, out: &mut Tables) {
        if self.trades_via.is_cut_by(conn) {
            out.gap(Dataset::Trades);
        }
        if self.bars_via.is_cut_by(conn) {
            self.leave_bar(out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Tables) {
        self.leave_bar(out);
        for row in self.open_interest.drain(..) {
            out.open_interest(row);
        }
        for (name, n) in [
            ("messages_of_other_coins", self.of_others),
            ("messages_without_rows", self.passed_over),
        ] {
            if n > 0 {
                for dataset in HyperliquidOptions::DATASETS {
                    out.diagnose(dataset, name, n);
                }
            }
        }
    }

    fn leave_bar(&mut self, out: &mut Tables) {
        if self.forming.take().is_some() {
            out.leave_out(Dataset::Klines1m, 1);
            out.diagnose(Dataset::Klines1m, "forming_bars_left_out", 1);
        }
    }

    fn is_mine(
        &mut self,
        found: Option<&[u8]>,
        field: &'static str,
        cx: &Context<'_>,
    ) -> Read<bool> {
        let is_mine = need(found, field)? == cx.coin.as_bytes();
        self.of_others += u64::from(!is_mine);
        Ok(is_mine)
    }

    fn trade(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut coin, mut side, mut ts) = (None, None, None);
        let (mut px, mut sz, mut tid) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"coin" => set(&mut coin, "coin", json.string()?)?,
                b"side" => set(&mut side, "side", json.string()?)?,
                b"px" => set(&mut px, "px", positive(&mut json, "px")?)?,
                b"sz" => set(&mut sz, "sz", positive(&mut json, "sz")?)?,
                b"time" => set(&mut ts, "time", millis(&mut json, "time")?)?,
                b"tid" => set(&mut tid, "tid", count(&mut json, "tid")?)?,
                _ => json.skip()?,
            }
        }
        if !self.is_mine(coin, "coin", cx)? {
            return Ok(());
        }
        let aggressor = match need(side, "side")? {
            b"B" => 1,
            b"A" => -1,
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "side",
                    expected: "B or A",
                });
            }
        };
        let ts = need(ts, "time")?;
        // History may be old, but nothing comes from the future.
        if let Some(received) = cx.received {
            self.order.check(ts.max(received), cx.received, "time")?;
        }
        out.trade(TradeRow {
            ts_event: Ts(ts),
            ts_recv: cx.received.map(Ts),
            trade_id: need(tid, "tid")?,
            price: need(px, "px")?,
            qty: need(sz, "sz")?,
            qty_raw: None,
            aggressor,
            late: None,
        });
        self.trades_via.saw(cx.conn);
        Ok(())
    }

    fn quote(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut coin, mut ts, mut sides) = (None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"coin" => set(&mut coin, "coin", json.string()?)?,
                b"time" => set(&mut ts, "time", millis(&mut json, "time")?)?,
                b"bbo" => {
                    json.array()?;
                    let mut side = || -> Read<Option<(f64, f64)>> {
                        need(json.element()?.then_some(()), "bbo")?;
                        if json.null() {
                            return Ok(None);
                        }
                        read_quoted(&mut json).map(Some)
                    };
                    let both = (side()?, side()?);
                    while json.element()? {
                        json.skip()?;
                    }
                    set(&mut sides, "bbo", both)?;
                }
                _ => json.skip()?,
            }
        }
        if !self.is_mine(coin, "coin", cx)? {
            return Ok(());
        }
        let ts = need(ts, "time")?;
        self.quotes.check(ts, cx.received, "time")?;
        let side = |level: Option<(f64, f64)>| {
            let (px, qty) = level.unwrap_or_default();
            quote_sides::side(px, qty, "sz", |qty, _| qty)
        };
        let (bid, ask) = need(sides, "bbo")?;
        let (bid, ask) = (side(bid)?, side(ask)?);
        out.quote(BookTickerRow {
            ts_event: Ts(ts),
            ts_recv: cx.received.map(Ts),
            ts_gateway: None,
            ts_inferred: None,
            update_id: self.quotes.number(ts, None),
            bid_px: bid.0,
            bid_qty: bid.1,
            ask_px: ask.0,
            ask_qty: ask.1,
            late: None,
        });
        Ok(())
    }

    /// Takes a state of a bar: the state before it is final if the new one is of the minute after.
    fn candle(&mut self, item: &[u8], cx: &Context<'_>, out: &mut Tables) -> Read<()> {
        let mut json = Json::new(item);
        let (mut coin, mut interval, mut ts, mut n) = (None, None, None, None);
        let (mut o, mut h, mut l, mut c, mut v) = (None, None, None, None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"s" => set(&mut coin, "s", json.string()?)?,
                b"i" => set(&mut interval, "i", json.string()?)?,
                b"t" => set(&mut ts, "t", millis(&mut json, "t")?)?,
                b"o" => set(&mut o, "o", positive(&mut json, "o")?)?,
                b"h" => set(&mut h, "h", positive(&mut json, "h")?)?,
                b"l" => set(&mut l, "l", positive(&mut json, "l")?)?,
                b"c" => set(&mut c, "c", positive(&mut json, "c")?)?,
                b"v" => set(&mut v, "v", not_negative(&mut json, "v")?)?,
                b"n" => set(&mut n, "n", count(&mut json, "n")?)?,
                _ => json.skip()?,
            }
        }
        if !self.is_mine(coin, "s", cx)? {
            return Ok(());
        }
        if need(interval, "i")? != b"1m" {
            self.passed_over += 1;
            return Ok(());
        }
        let ts = need(ts, "t")?;
        self.order.check(ts, cx.received, "t")?;
        let (open, high) = (need(o, "o")?, need(h, "h")?);
        let (low, close) = (need(l, "l")?, need(c, "c")?);
        check_candle(open, high, low, close)?;
        let bar = Kline {
            ts_open: Ts(ts),
            ts_close: Ts(ts + MICROS_PER_MINUTE),
            open,
            high,
            low,
            close,
            volume: need(v, "v")?,
            volume_raw: None,
            quote_volume: None,
            n_trades: Some(need(n, "n")?),
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        };
        match self.forming {
            Some(before) if before.ts_open == bar.ts_open => {}
            Some(before) if before.ts_close == bar.ts_open => out.kline(before),
            Some(before) if before.ts_open > bar.ts_open => {
                return Err(RowProblem::NotATime {
                    column: "t",
                    expected: "a minute that is not over",
                });
            }
            Some(_) => self.leave_bar(out),
            None => {}
        }
        self.forming = Some(bar);
        self.bars_via.saw(cx.conn);
        Ok(())
    }

    /// Takes the context of a coin: it has no time of its own.
    fn context(&mut self, item: &[u8], cx: &Context<'_>) -> Read<()> {
        let mut json = Json::new(item);
        let (mut coin, mut ctx) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"coin" => set(&mut coin, "coin", json.string()?)?,
                b"ctx" => set(&mut ctx, "ctx", json.value()?)?,
                _ => json.skip()?,
            }
        }
        if !self.is_mine(coin, "coin", cx)? {
            return Ok(());
        }
        let received = need(cx.received, "time of receipt")?;
        let mut json = Json::new(need(ctx, "ctx")?);
        let (mut amount, mut mark) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"openInterest" => {
                    let value = not_negative(&mut json, "openInterest")?;
                    set(&mut amount, "openInterest", value)?;
                }
                b"markPx" if json.next_byte() == Some(b'"') => {
                    set(&mut mark, "markPx", positive(&mut json, "markPx")?)?;
                }
                _ => json.skip()?,
            }
        }
        let open_interest = need(amount, "openInterest")?;
        self.open_interest.push(OpenInterestRow {
            ts_event: Ts(received),
            ts_published: Some(Ts(received)),
            open_interest,
            notional: mark.map(|mark| open_interest * mark),
        });
        Ok(())
    }
}
