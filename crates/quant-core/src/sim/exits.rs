//! The exit half of the venue: what an event means for an open trade.

use crate::market::{Bar, Event};
use crate::sim::books::Books;
use crate::sim::bracket::Hit;
use crate::sim::models::{Executable, LevelUsed, Liquidity};
use crate::sim::report::ExitReason;
use crate::sim::slot::{Execution, Open, Slot};
use crate::time::UnixMicros;

impl Books {
    /// Closes every open trade that `event` ends.
    pub(super) fn exits(&mut self, slot: &mut Slot, event: &Event) {
        let mut trades = core::mem::take(&mut slot.open);
        trades.retain_mut(|trade| !self.exit(slot, trade, event));
        slot.open = trades;
    }

    /// Returns whether `event` ended the trade, after booking it if so.
    pub(super) fn exit(&mut self, slot: &Slot, trade: &mut Open, event: &Event) -> bool {
        let execution = match event {
            // A bar that opened before the entry contains prices from before it.
            Event::Bar(bar) if bar.volume <= 0.0 || bar.ts_open < trade.ts_entry => None,
            Event::Bar(bar) => self.exit_on_bar(slot, trade, event, bar),
            Event::Trade(x) => {
                self.exit_on_price(slot, trade, event, (x.ts_event, x.price, LevelUsed::Trade))
            }
            Event::Quote(x) => x.price_for(trade.order.side.opposite()).and_then(|px| {
                self.exit_on_price(slot, trade, event, (x.ts_event, px, LevelUsed::Quote))
            }),
            _ => None,
        };
        let Some(execution) = execution else {
            return false;
        };
        trade.see(execution.ref_ticks);
        self.close(slot, trade, &execution, event.ts_known());
        true
    }

    fn exit_on_bar(
        &mut self,
        slot: &Slot,
        trade: &mut Open,
        event: &Event,
        bar: &Bar,
    ) -> Option<Execution> {
        let tick = slot.tick;
        let open = tick.round(bar.open)?;
        let (high, low) = (tick.round(bar.high)?, tick.round(bar.low)?);
        let ts_horizon = trade.order.ts_horizon();
        if bar.ts_close <= ts_horizon && trade.ts_give_up.is_none() {
            if let Some(hit) = trade.levels.on_bar(open, high, low) {
                trade.see(open);
                let (ts, level) = if hit.at_open {
                    (bar.ts_open, LevelUsed::BarOpen)
                } else {
                    (bar.ts_close, LevelUsed::Barrier)
                };
                return self.at_barrier(slot, trade, hit, ts, level);
            }
        } else {
            let interval_us = (bar.ts_close.0 - bar.ts_open.0).max(1);
            let decided = ts_horizon.floor_to(interval_us);
            let found = self.give_up_fill(trade, event, decided);
            if let Some((found, ts_arrival)) = found {
                return self.at_market(slot, trade, &found, ts_arrival);
            }
        }
        trade.see(high);
        trade.see(low);
        None
    }

    fn exit_on_price(
        &mut self,
        slot: &Slot,
        trade: &mut Open,
        event: &Event,
        (ts, px, level): (UnixMicros, f64, LevelUsed),
    ) -> Option<Execution> {
        let ticks = slot.tick.round(px)?;
        let ts_horizon = trade.order.ts_horizon();
        if ts <= ts_horizon && trade.ts_give_up.is_none() {
            if let Some(hit) = trade.levels.on_price(ticks) {
                return self.at_barrier(slot, trade, hit, ts, level);
            }
        } else if let Some((found, ts_arrival)) = self.give_up_fill(trade, event, ts_horizon) {
            return self.at_market(slot, trade, &found, ts_arrival);
        }
        trade.see(ticks);
        None
    }

    /// Returns the price `event` gives the market order that leaves at the horizon, and that order's arrival.
    fn give_up_fill(
        &mut self,
        trade: &mut Open,
        event: &Event,
        decided: UnixMicros,
    ) -> Option<(Executable, UnixMicros)> {
        let latency = &mut self.models.latency;
        let ts_arrival = *trade
            .ts_give_up
            .get_or_insert_with(|| latency.entry(decided).after(decided));
        let side = trade.order.side.opposite();
        self.models
            .fill
            .market(event, ts_arrival, side)
            .map(|found| (found, ts_arrival))
    }

    fn at_market(
        &self,
        slot: &Slot,
        trade: &Open,
        found: &Executable,
        ts_arrival: UnixMicros,
    ) -> Option<Execution> {
        let side = trade.order.side.opposite();
        let ticks = self.taker(slot, side, trade.order.qty_lots, found.px)?;
        Some(Execution::market(
            ExitReason::Time,
            found,
            ts_arrival,
            ticks,
        ))
    }

    fn at_barrier(
        &self,
        slot: &Slot,
        trade: &Open,
        hit: Hit,
        ts: UnixMicros,
        level: LevelUsed,
    ) -> Option<Execution> {
        let (px_ticks, liquidity, level_used) = if hit.reason == ExitReason::Tp {
            // A resting limit order fills at its own price, wherever the market went.
            (hit.ref_ticks, Liquidity::Maker, LevelUsed::Barrier)
        } else {
            let side = trade.order.side.opposite();
            let px = slot.tick.value(hit.ref_ticks);
            (
                self.taker(slot, side, trade.order.qty_lots, px)?.1,
                Liquidity::Taker,
                level,
            )
        };
        Some(Execution {
            reason: hit.reason,
            ts,
            ts_arrival: trade.ts_entry,
            ref_ticks: hit.ref_ticks,
            px_ticks,
            liquidity,
            level_used,
            ambiguous: hit.ambiguous,
        })
    }
}
