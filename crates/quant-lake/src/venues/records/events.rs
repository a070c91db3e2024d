//! Rows as events of the market, for those who take them as they arrive instead of from the lake.

use quant_core::market::{
    Bar, BookDelta, BookLevel, DepthBands, Event, Funding, Liquidation, MarkPrice, OpenInterest,
    Quote, Side, Trade,
};
use quant_core::time::UnixMicros;

use super::{
    AggTrade, BookTickerRow, DepthBandRow, FundingRow, IndexKline, Kline, L2DeltaRow,
    LiquidationRow, MarkKline, OpenInterestRow, PremiumKline, TradeRow, Ts,
};

/// A row that is an event.
pub trait AsEvent {
    /// Returns the event.
    fn as_event(&self) -> Event;
}

fn recv(ts: Option<Ts>) -> Option<UnixMicros> {
    ts.map(|ts| UnixMicros(ts.0))
}

fn side(sign: i8) -> Side {
    if sign > 0 { Side::Buy } else { Side::Sell }
}

impl AsEvent for TradeRow {
    fn as_event(&self) -> Event {
        Event::Trade(Trade {
            ts_event: UnixMicros(self.ts_event.0),
            ts_recv: recv(self.ts_recv),
            price: self.price,
            qty: self.qty,
            aggressor: side(self.aggressor),
            trade_id: self.trade_id,
            n_trades: 1,
        })
    }
}

impl AsEvent for AggTrade {
    fn as_event(&self) -> Event {
        let matches = self
            .last_id
            .saturating_sub(self.first_id)
            .saturating_add(1)
            .max(1);
        Event::Trade(Trade {
            ts_event: UnixMicros(self.ts_event.0),
            ts_recv: recv(self.ts_recv),
            price: self.price,
            qty: self.qty,
            aggressor: side(self.aggressor),
            trade_id: self.trade_id,
            n_trades: u32::try_from(matches).unwrap_or(u32::MAX),
        })
    }
}

impl AsEvent for BookTickerRow {
    fn as_event(&self) -> Event {
        Event::Quote(Quote {
            ts_event: UnixMicros(self.ts_event.0),
            ts_recv: recv(self.ts_recv),
            bid_px: self.bid_px,
            bid_qty: self.bid_qty,
            ask_px: self.ask_px,
            ask_qty: self.ask_qty,
            update_id: self.update_id,
            ts_inferred: self.ts_inferred == Some(true),
        })
    }
}

impl AsEvent for L2DeltaRow {
    fn as_event(&self) -> Event {
        Event::BookDelta(BookDelta {
            ts_event: UnixMicros(self.ts_event.0),
            ts_recv: recv(self.ts_recv),
            msg_seq: self.msg_seq,
            is_snapshot: self.is_snapshot,
            side: side(self.side),
            level: BookLevel {
                px: self.price,
                qty: self.qty,
            },
            first_id: self.first_id,
            last_id: self.last_id,
            prev_id: self.prev_id,
            msg_end: self.msg_end,
        })
    }
}

impl AsEvent for Kline {
    fn as_event(&self) -> Event {
        Event::Bar(Bar {
            ts_open: UnixMicros(self.ts_open.0),
            ts_close: UnixMicros(self.ts_close.0),
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            quote_volume: self.quote_volume,
            n_trades: self.n_trades.and_then(|n| u64::try_from(n).ok()),
            taker_buy_volume: self.taker_buy_volume,
        })
    }
}

impl AsEvent for DepthBandRow {
    fn as_event(&self) -> Event {
        Event::DepthBands(DepthBands {
            ts_event: UnixMicros(self.ts_event.0),
            percentage: self.percentage,
            depth: self.depth,
            notional: self.notional,
        })
    }
}

/// Returns a record of one price, known at the end of its minute.
const fn mark_event(
    ts_close: Ts,
    mark: Option<f64>,
    index: Option<f64>,
    premium: Option<f64>,
) -> Event {
    Event::MarkPrice(MarkPrice {
        ts_event: UnixMicros(ts_close.0),
        mark,
        index,
        premium,
        predicted_funding: None,
    })
}

impl AsEvent for MarkKline {
    fn as_event(&self) -> Event {
        mark_event(self.ts_close, Some(self.close), None, None)
    }
}

impl AsEvent for IndexKline {
    fn as_event(&self) -> Event {
        mark_event(self.ts_close, None, Some(self.close), None)
    }
}

impl AsEvent for PremiumKline {
    fn as_event(&self) -> Event {
        mark_event(self.ts_close, None, None, Some(self.close))
    }
}

impl AsEvent for FundingRow {
    fn as_event(&self) -> Event {
        Event::Funding(Funding {
            ts_event: UnixMicros(self.ts_event.0),
            rate: self.rate,
            interval_h: self
                .interval_h
                .and_then(|h| u32::try_from(h).ok())
                .unwrap_or(0),
        })
    }
}

impl AsEvent for OpenInterestRow {
    fn as_event(&self) -> Event {
        Event::OpenInterest(OpenInterest {
            ts_event: UnixMicros(self.ts_event.0),
            open_interest: self.open_interest,
            notional: self.notional,
        })
    }
}

impl AsEvent for LiquidationRow {
    fn as_event(&self) -> Event {
        Event::Liquidation(Liquidation {
            ts_event: UnixMicros(self.ts_event.0),
            side: side(self.side),
            price: self.average_price.unwrap_or(self.price),
            qty: self.qty,
        })
    }
}
