//! Binance's market streams, rendered minute by minute.

use std::sync::Arc;

use quant_core::market::{Market, Side};
use quant_core::synth::derive::aggregate;
use quant_core::synth::{SimBook, SimMatch};
use quant_core::time::{MICROS_PER_SECOND, UnixMicros};
use quant_lake::venues::binance::encode::{
    AggTradeFrame, AggTradeRow, BookTickerFrame, DepthUpdateFrame, ForceOrderFrame, KlineFrame,
    MarkPriceFrame, TradeFrame, push_combined,
};

use super::Listed;
use super::pages::{kline_row, span_of};
use crate::mock::player::Source;
use crate::mock::venue::{Frame, FrameKind};
use crate::mock::world::kline::resample;
use crate::mock::world::{Instrument, Kline, Minute};

/// What a stream name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Depth { every_ms: u32 },
    Partial { levels: usize, every_ms: u32 },
    BookTicker,
    Trade,
    AggTrade,
    MarkPrice { every_s: i64 },
    Kline { interval: &'static str },
    ForceOrder,
}

impl Kind {
    /// Returns the kind of what follows the symbol in a stream name; `None` for what the market does not have.
    pub(super) fn parse(text: &str, market: Market) -> Option<Self> {
        let is_spot = market == Market::Spot;
        let (name, option) = text
            .split_once('@')
            .map_or((text, None), |(n, o)| (n, Some(o)));
        let usual_ms = if is_spot { 1_000 } else { 250 };
        let every_ms = match option {
            None => Some(usual_ms),
            Some("100ms") => Some(100),
            Some("1000ms") if is_spot => Some(1_000),
            Some("250ms") if !is_spot => Some(250),
            Some("500ms") if !is_spot => Some(500),
            // Undocumented, seen in recordings: as fast as the venue pushes.
            Some("0ms") if !is_spot => Some(0),
            _ => None,
        };
        match (name, option) {
            ("bookTicker", None) => Some(Self::BookTicker),
            ("trade", None) => Some(Self::Trade),
            ("aggTrade", None) => Some(Self::AggTrade),
            ("forceOrder", None) if !is_spot => Some(Self::ForceOrder),
            ("markPrice", None) if !is_spot => Some(Self::MarkPrice { every_s: 3 }),
            ("markPrice", Some("1s")) if !is_spot => Some(Self::MarkPrice { every_s: 1 }),
            ("depth", _) => every_ms.map(|every_ms| Self::Depth { every_ms }),
            ("depth5" | "depth10" | "depth20", _) => {
                let levels = name.trim_start_matches("depth").parse().ok()?;
                let every_ms = every_ms.filter(|ms| *ms > 0)?;
                Some(Self::Partial { levels, every_ms })
            }
            (name, None) => {
                let interval = name.strip_prefix("kline_")?;
                let interval = super::pages::INTERVALS
                    .iter()
                    .find(|known| **known == interval)?;
                Some(Self::Kline { interval })
            }
            _ => None,
        }
    }

    /// Returns whether USD-M carries it on `/public`.
    pub(super) const fn is_book(self) -> bool {
        // `@trade` is not documented on USD-M; clients report that it arrives on the public route.
        matches!(
            self,
            Self::Depth { .. } | Self::Partial { .. } | Self::BookTicker | Self::Trade
        )
    }
}

/// Returns the renderer of a stream.
pub(super) fn source(
    kind: Kind,
    listed: Arc<Listed>,
    name: Arc<str>,
    wraps: bool,
) -> Box<dyn Source> {
    Box::new(Stream {
        kind,
        listed,
        name,
        wraps,
    })
}

struct Stream {
    kind: Kind,
    listed: Arc<Listed>,
    name: Arc<str>,
    wraps: bool,
}

impl Stream {
    /// Adds a frame sent at `ts` whose text `push` writes.
    fn emit(&self, out: &mut Vec<Frame>, ts: UnixMicros, push: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::with_capacity(256);
        if self.wraps {
            push_combined(&mut text, &self.name, push);
        } else {
            push(&mut text);
        }
        // The encoders write ASCII; a frame that is not text would be a bug, and must not be sent as one.
        if let Ok(text) = String::from_utf8(text) {
            out.push(Frame {
                ts,
                stream: Arc::clone(&self.name),
                kind: FrameKind::Data,
                text,
            });
        }
    }

    fn depth(&self, minute: &Minute, every_ms: u32, out: &mut Vec<Frame>) {
        let listed = &*self.listed;
        for event in minute.depth(every_ms).iter() {
            let bids = listed.levels(event.bids.iter().copied());
            let asks = listed.levels(event.asks.iter().copied());
            let frame = DepthUpdateFrame {
                event_us: event.ts.0,
                transaction_us: event.last_change.0,
                first_id: listed.update_id(event.first_id),
                last_id: listed.update_id(event.last_id),
                prev_last_id: listed.update_id(event.prev_last_id),
                bids: &bids,
                asks: &asks,
            };
            self.emit(out, event.ts, |text| {
                listed.stream.depth_update(text, &frame);
            });
        }
    }

    fn partial(&self, minute: &Minute, levels: usize, every_ms: u32, out: &mut Vec<Frame>) {
        let listed = &*self.listed;
        let mut book = minute.book_before.book.clone();
        let set = |book: &mut SimBook, side, changes: &[(i64, i64)]| {
            for (price, qty) in changes {
                book.set(side, *price, *qty);
            }
        };
        for event in minute.depth(every_ms).iter() {
            set(&mut book, Side::Buy, &event.bids);
            set(&mut book, Side::Sell, &event.asks);
            let bids = listed.levels(book.levels(Side::Buy).take(levels));
            let asks = listed.levels(book.levels(Side::Sell).take(levels));
            let frame = DepthUpdateFrame {
                event_us: event.ts.0,
                transaction_us: event.last_change.0,
                first_id: listed.update_id(event.first_id),
                last_id: listed.update_id(event.last_id),
                prev_last_id: listed.update_id(event.prev_last_id),
                bids: &bids,
                asks: &asks,
            };
            self.emit(out, event.ts, |text| {
                listed.stream.partial_depth(text, &frame);
            });
        }
    }

    fn book_ticker(&self, minute: &Minute, out: &mut Vec<Frame>) {
        let (listed, of) = (&*self.listed, &*self.listed.instrument);
        for quote in &minute.sim.quotes {
            let frame = BookTickerFrame {
                update_id: listed.update_id(quote.update_id),
                bid_px: of.price(quote.bid_ticks),
                bid_qty: of.qty(quote.bid_lots),
                ask_px: of.price(quote.ask_ticks),
                ask_qty: of.qty(quote.ask_lots),
                transaction_us: quote.ts.0,
                event_us: quote.ts.0,
            };
            self.emit(out, quote.ts, |text| {
                listed.stream.book_ticker(text, &frame);
            });
        }
    }

    fn trade(&self, minute: &Minute, out: &mut Vec<Frame>) {
        let (listed, of) = (&*self.listed, &*self.listed.instrument);
        for m in &minute.sim.matches {
            let frame = TradeFrame {
                event_us: m.ts.0,
                ts_us: m.ts.0,
                id: m.id,
                price: of.price(m.price_ticks),
                qty: of.qty(m.qty_lots),
                is_buyer_maker: m.aggressor == Side::Sell,
            };
            self.emit(out, m.ts, |text| listed.stream.trade(text, &frame));
        }
    }

    fn agg_trade(&self, minute: &Minute, out: &mut Vec<Frame>) {
        let listed = &*self.listed;
        for row in agg_rows(&minute.sim.matches, listed) {
            let ts = UnixMicros(row.ts_us);
            let sent = if listed.market == Market::Spot {
                ts
            } else {
                // Futures aggregates leave every 100 ms.
                ts.floor_to(100_000).plus(100_000)
            };
            let frame = AggTradeFrame {
                event_us: sent.0,
                normal_qty: (listed.market == Market::Um).then_some(row.qty),
                trade: row,
            };
            self.emit(out, sent, |text| listed.stream.agg_trade(text, &frame));
        }
    }

    fn mark_price(&self, minute: &Minute, every_s: i64, out: &mut Vec<Frame>) {
        let listed = &*self.listed;
        for mark in &minute.sim.marks {
            if mark.ts.0.div_euclid(MICROS_PER_SECOND) % every_s != 0 {
                continue;
            }
            let frame = MarkPriceFrame {
                event_us: mark.ts.0,
                mark: mark.mark,
                average: None,
                index: mark.index,
                settle: mark.index,
                funding_rate: Some(mark.predicted_funding),
                next_funding_us: listed.instrument.next_funding(mark.ts).0,
            };
            self.emit(out, mark.ts, |text| listed.stream.mark_price(text, &frame));
        }
    }

    fn kline(&self, minute: &Minute, interval: &str, out: &mut Vec<Frame>) {
        let (listed, of) = (&*self.listed, &*self.listed.instrument);
        if minute.sim.truth.is_halted {
            return;
        }
        let every_us = if listed.market == Market::Spot {
            1_000_000
        } else {
            250_000
        };
        let Some((open, end)) = span_of(interval, minute.sim.start) else {
            return;
        };
        let before = of.klines_1m(open, minute.sim.start, minute.sim.start.plus(-1));
        let mut sum = resample(&before, open, |_| (open, end)).pop();
        let quiet = of
            .klines_1m(minute.sim.start, minute.end(), UnixMicros(i64::MAX))
            .pop()
            .map(|k| k.open);
        let mut add = |piece: Kline| {
            let mut whole = Kline {
                ts_open: open,
                ..piece
            };
            if let Some(before) = sum {
                whole = before;
                whole.extend(&piece);
            }
            sum = Some(whole);
            whole
        };
        let emit = |out: &mut Vec<Frame>, ts: UnixMicros, kline: Kline, is_closed: bool| {
            let frame = KlineFrame {
                event_us: ts.0,
                kline: kline_row(of, &kline),
                interval,
                interval_us: end.0 - open.0,
                first_id: kline.first_id,
                last_id: kline.last_id,
                is_closed,
            };
            self.emit(out, ts, |text| listed.stream.kline(text, &frame));
        };
        let same = |a: &SimMatch, b: &SimMatch| a.ts.floor_to(every_us) == b.ts.floor_to(every_us);
        let mut last = None;
        for group in minute.sim.matches.chunk_by(same) {
            let Some(first) = group.first() else { continue };
            let kline = add(Kline::of(minute.sim.start, group, first.price_ticks));
            let ts = first.ts.floor_to(every_us).plus(every_us);
            if ts < minute.end() {
                emit(out, ts, kline, false);
            }
            last = Some(kline);
        }
        // At the end of its minute the kline is told once more: closed if its interval is over.
        if let Some(kline) = last.or_else(|| Some(add(Kline::of(minute.sim.start, &[], quiet?)))) {
            emit(out, minute.end(), kline, minute.end() >= end);
        }
    }

    /// Only the largest forced order of each second is told.
    fn force_order(&self, minute: &Minute, out: &mut Vec<Frame>) {
        let (listed, of) = (&*self.listed, &*self.listed.instrument);
        let second = |ts: UnixMicros| ts.floor_to(MICROS_PER_SECOND);
        for group in minute
            .sim
            .liquidations
            .chunk_by(|a, b| second(a.ts) == second(b.ts))
        {
            let Some(largest) = group.iter().max_by_key(|l| l.qty_lots) else {
                continue;
            };
            let sent = second(largest.ts).plus(MICROS_PER_SECOND);
            let qty = of.qty(largest.qty_lots);
            let frame = ForceOrderFrame {
                event_us: sent.0,
                ts_us: largest.ts.0,
                side: largest.side,
                qty,
                price: of.price(largest.price_ticks),
                average_price: largest.average_price,
                last_qty: qty,
                filled_qty: qty,
            };
            self.emit(out, sent, |text| listed.stream.force_order(text, &frame));
        }
    }
}

impl Source for Stream {
    fn minute(&mut self, minute: &Minute, _: &Instrument, out: &mut Vec<Frame>) {
        match self.kind {
            Kind::Depth { every_ms } => self.depth(minute, every_ms, out),
            Kind::Partial { levels, every_ms } => self.partial(minute, levels, every_ms, out),
            Kind::BookTicker => self.book_ticker(minute, out),
            Kind::Trade => self.trade(minute, out),
            Kind::AggTrade => self.agg_trade(minute, out),
            Kind::MarkPrice { every_s } => self.mark_price(minute, every_s, out),
            Kind::Kline { interval } => self.kline(minute, interval, out),
            Kind::ForceOrder => self.force_order(minute, out),
        }
    }
}

/// Returns the venue's aggregates of these matches.
pub(super) fn agg_rows(matches: &[SimMatch], listed: &Listed) -> Vec<AggTradeRow> {
    let of = &*listed.instrument;
    let mut aggregates = Vec::new();
    aggregate(matches, &mut aggregates);
    aggregates
        .iter()
        .map(|a| AggTradeRow {
            agg_id: a.agg_id,
            price: of.price(a.price_ticks),
            qty: of.qty(a.qty_lots),
            first_id: a.first_id,
            last_id: a.last_id,
            ts_us: a.ts.0,
            is_buyer_maker: a.aggressor == Side::Sell,
        })
        .collect()
}
