//! The booking half of the venue: funding, entries, closing fills and what is reported of them.

use crate::market::{Event, Side};
use crate::risk::BracketOrder;
use crate::sim::account::Account;
use crate::sim::bracket::Levels;
use crate::sim::models::{Executable, Liquidity, VenueModels};
use crate::sim::report::{ClosedTrade, Fill, FundingPaid, Unfilled, VenueReport};
use crate::sim::slot::{Execution, Open, Pending, Slot};
use crate::time::UnixMicros;

/// What fills are written to.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) models: VenueModels,
    pub(super) account: Account,
    pub(super) reports: Vec<VenueReport>,
    /// Made while marking, handed over with the next event.
    pub(super) unseen: Vec<VenueReport>,
}

impl Books {
    /// Starts the answer to one event.
    pub(super) fn begin(&mut self) {
        self.reports.clear();
        self.reports.append(&mut self.unseen);
    }

    /// Applies the settlements up to and including `until` to trades entered before them.
    pub(super) fn settle(&mut self, slot: &mut Slot, until: UnixMicros) {
        let Slot {
            funding_due,
            open,
            lot,
            last,
            ..
        } = slot;
        funding_due.retain(|(funding, mark)| {
            if funding.ts_event > until {
                return true;
            }
            if let Some(px) = mark.or(*last) {
                for trade in open.iter_mut().filter(|x| x.ts_entry < funding.ts_event) {
                    let signed = i64::from(trade.order.side.sign()) * trade.order.qty_lots;
                    let amount = lot.value(signed) * px * funding.rate;
                    trade.funding += amount;
                    self.account.pay_funding(amount);
                    self.reports.push(VenueReport::FundingPaid(FundingPaid {
                        id: trade.order.id.clone(),
                        ts_event: funding.ts_event,
                        rate: funding.rate,
                        amount,
                    }));
                }
            }
            false
        });
    }

    /// Fills or gives up pending orders, then judges the rest of the entry bar.
    pub(super) fn entries(&mut self, slot: &mut Slot, event: &Event) {
        let pending = core::mem::take(&mut slot.pending);
        for x in pending {
            // Past the horizon there is no path left to judge the trade by.
            if event.ts_known() > x.order.ts_horizon() {
                self.give_up(&x.order, event.ts_known(), false);
                continue;
            }
            let side = x.order.side;
            let found = self.models.fill.market(event, x.ts_arrival, side);
            let filled = found.and_then(|found| {
                self.taker(slot, side, x.order.qty_lots, found.px)
                    .map(|px| (found, px))
            });
            let Some((found, px)) = filled else {
                slot.pending.push(x);
                continue;
            };
            let mut trade = self.enter(slot, x, &found, px, event.ts_known());
            let over = matches!(event, Event::Bar(_)) && self.exit(slot, &mut trade, event);
            if !over {
                slot.open.push(trade);
            }
        }
    }

    fn enter(
        &mut self,
        slot: &Slot,
        pending: Pending,
        found: &Executable,
        (ref_ticks, px_ticks): (i64, i64),
        ts_known: UnixMicros,
    ) -> Open {
        let Pending {
            order,
            distances,
            ts_arrival,
            px_decision,
        } = pending;
        let notional = slot.lot.value(order.qty_lots) * slot.tick.value(px_ticks);
        let fee = self
            .models
            .fee
            .fee(order.instrument_idx, Liquidity::Taker, notional);
        self.account.open(
            order.instrument_idx,
            order.side,
            order.qty_lots,
            px_ticks,
            fee,
        );
        self.reports.push(VenueReport::Entered(Fill {
            id: order.id.clone(),
            instrument_idx: order.instrument_idx,
            side: order.side,
            qty_lots: order.qty_lots,
            ts_arrival,
            ts_fill: found.ts,
            ts_report: self.models.latency.response(ts_known).after(ts_known),
            px_ref: slot.tick.value(ref_ticks),
            px: slot.tick.value(px_ticks),
            fee,
            liquidity: Liquidity::Taker,
            level_used: found.level_used,
            slippage_source: self.models.slippage.name(),
        }));
        let levels = Levels {
            side: order.side,
            entry: px_ticks,
            distances,
            tie: order.barrier.tie,
        };
        Open {
            order,
            px_decision,
            levels,
            entry_ref_ticks: ref_ticks,
            ts_entry: found.ts,
            level_entry: found.level_used,
            fee_entry: fee,
            funding: 0.0,
            best: 0,
            worst: 0,
            ts_give_up: None,
        }
    }

    /// Returns the nearest tick of `px` and the price a market order gets, slipped and rounded against us.
    pub(super) fn taker(&self, slot: &Slot, side: Side, lots: i64, px: f64) -> Option<(i64, i64)> {
        let against = self.models.slippage.against_us(px, slot.lot.value(lots));
        let ref_ticks = slot.tick.round(px)?;
        let px_ticks = match side {
            Side::Buy => slot.tick.ceil(px + against)?.max(ref_ticks),
            // A sale below one tick would have no price at all.
            Side::Sell => slot.tick.floor(px - against)?.min(ref_ticks).max(1),
        };
        Some((ref_ticks, px_ticks))
    }

    pub(super) fn close(&mut self, slot: &Slot, trade: &Open, x: &Execution, ts_known: UnixMicros) {
        let order = &trade.order;
        let (idx, lots) = (order.instrument_idx, order.qty_lots);
        let entry = trade.levels.entry;
        let qty = slot.lot.value(lots);
        let px_exit = slot.tick.value(x.px_ticks);
        let fee = self.models.fee.fee(idx, x.liquidity, qty * px_exit);
        self.account
            .close(idx, order.side, lots, (entry, x.px_ticks), fee);
        self.reports.push(VenueReport::Exited(Fill {
            id: order.id.clone(),
            instrument_idx: idx,
            side: order.side.opposite(),
            qty_lots: lots,
            ts_arrival: x.ts_arrival,
            ts_fill: x.ts,
            ts_report: self.models.latency.response(ts_known).after(ts_known),
            px_ref: slot.tick.value(x.ref_ticks),
            px: px_exit,
            fee,
            liquidity: x.liquidity,
            level_used: x.level_used,
            slippage_source: match x.liquidity {
                Liquidity::Maker => "none",
                Liquidity::Taker => self.models.slippage.name(),
            },
        }));
        let money = |from: i64, to: i64| {
            let signed = i128::from(i64::from(order.side.sign()) * lots);
            self.account.money(idx, signed * i128::from(to - from))
        };
        let gross = money(trade.entry_ref_ticks, x.ref_ticks);
        let slippage_cost = money(trade.entry_ref_ticks, entry) + money(x.px_ticks, x.ref_ticks);
        let fees = trade.fee_entry + fee;
        self.reports.push(VenueReport::Closed(Box::new(ClosedTrade {
            id: order.id.clone(),
            instrument_idx: idx,
            side: order.side,
            qty_lots: lots,
            qty,
            ts_decision: order.ts_decision,
            ts_entry: trade.ts_entry,
            ts_exit: x.ts,
            ts_known,
            ts_horizon: order.ts_horizon(),
            px_decision: trade.px_decision,
            px_entry_ref: slot.tick.value(trade.entry_ref_ticks),
            px_entry: slot.tick.value(entry),
            px_tp: slot.tick.value(trade.levels.tp()),
            px_sl: slot.tick.value(trade.levels.sl()),
            px_exit_ref: slot.tick.value(x.ref_ticks),
            px_exit,
            level_entry: trade.level_entry,
            level_exit: x.level_used,
            exit_reason: x.reason,
            ambiguous: x.ambiguous,
            mfe: slot.tick.value(trade.best),
            mae: slot.tick.value(-trade.worst),
            gross,
            slippage_cost,
            fees,
            funding: trade.funding,
            net: gross - slippage_cost - fees - trade.funding,
        })));
    }

    pub(super) fn give_up(&mut self, order: &BracketOrder, ts: UnixMicros, data_ended: bool) {
        self.reports.push(VenueReport::Unfilled(Unfilled {
            id: order.id.clone(),
            instrument_idx: order.instrument_idx,
            ts,
            data_ended,
        }));
    }
}
