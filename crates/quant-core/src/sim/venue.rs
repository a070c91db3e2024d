//! The paper venue: takes bracket orders, turns market events into fills, closes trades at their barriers.
//!
//! # Time
//! A bar is delivered at its close but filled at its open, which lies at or after the order's arrival. Barriers are
//! judged on events up to the horizon; the trade is then given up with a market order. On bars that decision is made
//! at the last close at or before the horizon, on trades and quotes at the horizon itself. From that decision on the
//! barriers no longer stand. Order books are not walked and partial fills do not occur.

use crate::market::{Bar, Event, Funding, Instrument, Side};
use crate::risk::BracketOrder;
use crate::sim::account::{Account, EquityPoint};
use crate::sim::bracket::{Distances, Hit, Levels};
use crate::sim::models::{Executable, LevelUsed, Liquidity, VenueModels};
use crate::sim::params::SimError;
use crate::sim::report::{ClosedTrade, ExitReason, Fill, FundingPaid, Unfilled, VenueReport};
use crate::time::UnixMicros;
use crate::units::Step;

/// An order that has not filled yet.
#[derive(Clone, Debug)]
struct Pending {
    order: BracketOrder,
    distances: Distances,
    ts_arrival: UnixMicros,
    px_decision: Option<f64>,
}

/// A trade that has entered and not left.
#[derive(Clone, Debug)]
struct Open {
    order: BracketOrder,
    px_decision: Option<f64>,
    levels: Levels,
    entry_ref_ticks: i64,
    ts_entry: UnixMicros,
    level_entry: LevelUsed,
    fee_entry: f64,
    funding: f64,
    /// Best and worst gain so far, ticks; best >= 0 >= worst.
    best: i64,
    worst: i64,
    /// Arrival of the market order that gives the trade up at its horizon.
    ts_give_up: Option<UnixMicros>,
}

impl Open {
    fn see(&mut self, px_ticks: i64) {
        let gain = self.levels.gain(px_ticks);
        self.best = self.best.max(gain);
        self.worst = self.worst.min(gain);
    }
}

/// Everything of one instrument.
#[derive(Debug)]
struct Slot {
    tick: Step,
    lot: Step,
    pending: Vec<Pending>,
    open: Vec<Open>,
    /// Settlements not yet applied, with the mark price known when they were announced.
    funding_due: Vec<(Funding, Option<f64>)>,
    mark: Option<f64>,
    last: Option<f64>,
    ts_last: UnixMicros,
}

/// A fill before it is booked.
struct Execution {
    reason: ExitReason,
    ts: UnixMicros,
    ts_arrival: UnixMicros,
    ref_ticks: i64,
    px_ticks: i64,
    liquidity: Liquidity,
    level_used: LevelUsed,
    ambiguous: bool,
}

/// A simulated venue with one account; the same object serves backtests and live paper trading.
///
/// # Determinism
/// A pure function of the orders and events it was given, in the order given.
#[derive(Debug)]
pub struct PaperVenue {
    slots: Vec<Slot>,
    books: Books,
}

/// What fills are written to.
#[derive(Debug)]
struct Books {
    models: VenueModels,
    account: Account,
    reports: Vec<VenueReport>,
    /// Made while marking, handed over with the next event.
    unseen: Vec<VenueReport>,
}

impl PaperVenue {
    /// Returns a flat venue for `instruments`, whose positions are the instrument indices of orders and events.
    ///
    /// # Errors
    /// `SimError::Inverse` for an inverse instrument, `SimError::OutOfRange` unless `start_cash` is above zero.
    pub fn new(
        instruments: &[Instrument],
        models: VenueModels,
        start_cash: f64,
    ) -> Result<Self, SimError> {
        if let Some(x) = instruments.iter().find(|x| x.inverse) {
            return Err(SimError::Inverse {
                instrument: x.key.to_string(),
            });
        }
        if !(start_cash.is_finite() && start_cash > 0.0) {
            let (name, expected) = ("start_cash", "a finite number above 0");
            return Err(SimError::OutOfRange {
                name,
                found: start_cash,
                expected,
            });
        }
        let slot = |x: &Instrument| Slot {
            tick: x.tick_size,
            lot: x.lot_size,
            pending: Vec::new(),
            open: Vec::new(),
            funding_due: Vec::new(),
            mark: None,
            last: None,
            ts_last: UnixMicros(i64::MIN),
        };
        let account = Account::new(start_cash, instruments);
        Ok(Self {
            slots: instruments.iter().map(slot).collect(),
            books: Books {
                models,
                account,
                reports: Vec::new(),
                unseen: Vec::new(),
            },
        })
    }

    /// Takes an order, which arrives at `ts_decision + entry latency`.
    ///
    /// # Errors
    /// A [`SimError`] for an unknown instrument, an id in use, a quantity below one lot, or unusable barriers.
    pub fn submit(&mut self, order: BracketOrder) -> Result<(), SimError> {
        let n_instruments = self.slots.len();
        let id = || order.id.clone();
        let Some(slot) = self.slots.get_mut(order.instrument_idx) else {
            let instrument_idx = order.instrument_idx;
            return Err(SimError::UnknownInstrument {
                id: id(),
                instrument_idx,
                n_instruments,
            });
        };
        if slot.pending.iter().any(|x| x.order.id == order.id)
            || slot.open.iter().any(|x| x.order.id == order.id)
        {
            return Err(SimError::DuplicateId { id: id() });
        }
        if order.qty_lots < 1 {
            return Err(SimError::BadQuantity {
                id: id(),
                qty_lots: order.qty_lots,
            });
        }
        let barrier = order
            .barrier
            .check()
            .map_err(|source| SimError::BadBarrier { id: id(), source })?;
        let Some(distances) = Distances::new(&barrier, slot.tick) else {
            let distance = barrier.width * barrier.tp_mult.min(barrier.sl_mult);
            return Err(SimError::BarrierBelowTick {
                id: id(),
                distance,
                tick: slot.tick.size(),
            });
        };
        let ts_arrival = self
            .books
            .models
            .latency
            .entry(order.ts_decision)
            .after(order.ts_decision);
        let px_decision = slot.last;
        slot.pending.push(Pending {
            order,
            distances,
            ts_arrival,
            px_decision,
        });
        Ok(())
    }

    /// Advances one instrument by one event and returns what happened, in order.
    ///
    /// Trades, quotes and bars fill; mark prices and funding settlements are remembered; other events pass.
    /// Funding is charged to trades entered before its instant, once the data has reached it.
    ///
    /// # Panics
    /// If `instrument_idx` is not an index of the instruments the venue was built with.
    pub fn on_event(&mut self, event: &Event, instrument_idx: usize) -> &[VenueReport] {
        let Self { slots, books } = self;
        assert!(
            instrument_idx < slots.len(),
            "instrument {instrument_idx} of {}",
            slots.len()
        );
        let slot = &mut slots[instrument_idx];
        books.begin();
        let price = match event {
            Event::Funding(x) => {
                slot.funding_due.push((*x, slot.mark));
                return &books.reports;
            }
            Event::MarkPrice(x) => {
                slot.mark = Some(x.mark);
                return &books.reports;
            }
            // Funding at the bar's own open counts before the bar, at its close after it.
            Event::Bar(x) => {
                books.settle(slot, UnixMicros(x.ts_close.0.saturating_sub(1)));
                (x.volume > 0.0).then_some(x.close)
            }
            Event::Trade(x) => {
                books.settle(slot, x.ts_event);
                Some(x.price)
            }
            Event::Quote(x) => {
                books.settle(slot, x.ts_event);
                Some(f64::midpoint(x.bid_px, x.ask_px))
            }
            _ => return &books.reports,
        };
        books.exits(slot, event);
        books.entries(slot, event);
        slot.last = price.filter(|x| x.is_finite() && *x > 0.0).or(slot.last);
        slot.ts_last = slot.ts_last.max(event.ts_known());
        &books.reports
    }

    /// Appends one point to the equity curve, at the last price of each instrument (close, trade or mid).
    ///
    /// Funding that falls due is charged first; its reports come with the next event.
    ///
    /// # Causality
    /// The caller has delivered every event known at `ts` and none known later.
    pub fn mark(&mut self, ts: UnixMicros) -> EquityPoint {
        self.books.reports.clear();
        for slot in &mut self.slots {
            self.books.settle(slot, ts);
        }
        let Books { reports, unseen, .. } = &mut self.books;
        unseen.append(reports);
        let prices: Vec<Option<f64>> = self.slots.iter().map(|x| x.last).collect();
        self.books.account.mark(ts, &prices)
    }

    /// Ends the data: open trades are closed at the last price as `Censored`, with the costs of a market order;
    /// pending orders are given up. Returns what happened.
    pub fn finish(&mut self) -> &[VenueReport] {
        let Self { slots, books } = self;
        books.begin();
        for slot in slots {
            let ts = slot.ts_last;
            books.settle(slot, ts);
            let last = slot.last;
            for mut trade in core::mem::take(&mut slot.open) {
                let side = trade.order.side.opposite();
                let px = last.unwrap_or_else(|| slot.tick.value(trade.levels.entry));
                let found = Executable {
                    ts,
                    px,
                    level_used: LevelUsed::LastPrice,
                };
                let taken = books.taker(slot, side, trade.order.qty_lots, found.px);
                let (ref_ticks, px_ticks) =
                    taken.unwrap_or((trade.levels.entry, trade.levels.entry));
                trade.see(ref_ticks);
                let execution =
                    Execution::market(ExitReason::Censored, &found, ts, (ref_ticks, px_ticks));
                books.close(slot, &trade, &execution, ts);
            }
            for x in slot.pending.drain(..) {
                books.give_up(&x.order, ts, true);
            }
        }
        &books.reports
    }

    /// Returns the account.
    pub const fn account(&self) -> &Account {
        &self.books.account
    }

    /// Returns the last price seen of an instrument.
    pub fn last_price(&self, instrument_idx: usize) -> Option<f64> {
        self.slots.get(instrument_idx).and_then(|x| x.last)
    }

    /// Returns the orders of an instrument that are pending or open, oldest first within each group.
    pub fn active(&self, instrument_idx: usize) -> impl Iterator<Item = &BracketOrder> {
        let slot = self.slots.get(instrument_idx);
        let open = slot
            .into_iter()
            .flat_map(|x| x.open.iter().map(|x| &x.order));
        open.chain(
            slot.into_iter()
                .flat_map(|x| x.pending.iter().map(|x| &x.order)),
        )
    }

    /// Returns the gross notional of open and pending orders at last prices, for sizing limits.
    pub fn gross_exposure(&self) -> f64 {
        let lots = |slot: &Slot| {
            let open: i64 = slot.open.iter().map(|x| x.order.qty_lots).sum();
            open + slot.pending.iter().map(|x| x.order.qty_lots).sum::<i64>()
        };
        self.slots
            .iter()
            .map(|x| x.lot.value(lots(x)) * x.last.unwrap_or(0.0))
            .sum()
    }
}

impl Execution {
    fn market(
        reason: ExitReason,
        found: &Executable,
        ts_arrival: UnixMicros,
        (ref_ticks, px_ticks): (i64, i64),
    ) -> Self {
        Self {
            reason,
            ts: found.ts,
            ts_arrival,
            ref_ticks,
            px_ticks,
            liquidity: Liquidity::Taker,
            level_used: found.level_used,
            ambiguous: false,
        }
    }
}

impl Books {
    /// Starts the answer to one event.
    fn begin(&mut self) {
        self.reports.clear();
        self.reports.append(&mut self.unseen);
    }

    /// Applies the settlements up to and including `until` to trades entered before them.
    fn settle(&mut self, slot: &mut Slot, until: UnixMicros) {
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

    /// Closes every open trade that `event` ends.
    fn exits(&mut self, slot: &mut Slot, event: &Event) {
        let mut trades = core::mem::take(&mut slot.open);
        trades.retain_mut(|trade| !self.exit(slot, trade, event));
        slot.open = trades;
    }

    /// Fills or gives up pending orders, then judges the rest of the entry bar.
    fn entries(&mut self, slot: &mut Slot, event: &Event) {
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

    /// Returns whether `event` ended the trade, after booking it if so.
    fn exit(&mut self, slot: &Slot, trade: &mut Open, event: &Event) -> bool {
        let execution = match event {
            // A bar that opened before the entry contains prices from before it.
            Event::Bar(bar) if bar.volume <= 0.0 || bar.ts_open < trade.ts_entry => None,
            Event::Bar(bar) => self.exit_on_bar(slot, trade, event, bar),
            Event::Trade(x) => {
                self.exit_on_price(slot, trade, event, (x.ts_event, x.price, LevelUsed::Trade))
            }
            Event::Quote(x) => {
                let px = if trade.order.side == Side::Buy {
                    x.bid_px
                } else {
                    x.ask_px
                };
                self.exit_on_price(slot, trade, event, (x.ts_event, px, LevelUsed::Quote))
            }
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

    /// Returns the nearest tick of `px` and the price a market order gets, slipped and rounded against us.
    fn taker(&self, slot: &Slot, side: Side, lots: i64, px: f64) -> Option<(i64, i64)> {
        let against = self.models.slippage.against_us(px, slot.lot.value(lots));
        let ref_ticks = slot.tick.round(px)?;
        let px_ticks = match side {
            Side::Buy => slot.tick.ceil(px + against)?.max(ref_ticks),
            // A sale below one tick would have no price at all.
            Side::Sell => slot.tick.floor(px - against)?.min(ref_ticks).max(1),
        };
        Some((ref_ticks, px_ticks))
    }

    fn close(&mut self, slot: &Slot, trade: &Open, x: &Execution, ts_known: UnixMicros) {
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

    fn give_up(&mut self, order: &BracketOrder, ts: UnixMicros, data_ended: bool) {
        self.reports.push(VenueReport::Unfilled(Unfilled {
            id: order.id.clone(),
            instrument_idx: order.instrument_idx,
            ts,
            data_ended,
        }));
    }
}
