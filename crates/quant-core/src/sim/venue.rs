//! The paper venue: takes bracket orders, turns market events into fills, closes trades at their barriers.
//!
//! # Time
//! A bar is delivered at its close but filled at its open, which lies at or after the order's arrival. Barriers are
//! judged on events up to the horizon; the trade is then given up with a market order. On bars that decision is made
//! at the last close at or before the horizon, on trades and quotes at the horizon itself. From that decision on the
//! barriers no longer stand. Order books are not walked and partial fills do not occur.

use crate::market::{Event, Instrument, Side};
use crate::risk::BracketOrder;
use crate::sim::account::{Account, EquityPoint};
use crate::sim::books::Books;
use crate::sim::bracket::Distances;
use crate::sim::models::{Executable, LevelUsed, VenueModels};
use crate::sim::params::SimError;
use crate::sim::report::{ExitReason, VenueReport};
use crate::sim::slot::{Execution, Pending, Slot};
use crate::time::UnixMicros;

/// A simulated venue with one account; the same object serves backtests and live paper trading.
///
/// # Determinism
/// A pure function of the orders and events it was given, in the order given.
#[derive(Debug)]
pub struct PaperVenue {
    slots: Vec<Slot>,
    books: Books,
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
                slot.mark = x.mark.or(slot.mark);
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
                x.price_for(Side::Buy)
                    .zip(x.price_for(Side::Sell))
                    .map(|(ask, bid)| f64::midpoint(bid, ask))
            }
            _ => return &books.reports,
        };
        books.exits(slot, event);
        books.entries(slot, event);
        slot.last = price.filter(|x| x.is_finite() && *x > 0.0).or(slot.last);
        slot.ts_last = slot.ts_last.max(event.ts_known());
        &books.reports
    }

    /// Gives up every pending order of an instrument; returns what happened. For minutes without data: an order that
    /// arrives in one would have filled at a price nobody knows.
    pub fn withdraw_pending(&mut self, instrument_idx: usize, ts: UnixMicros) -> &[VenueReport] {
        let Self { slots, books } = self;
        books.begin();
        if let Some(slot) = slots.get_mut(instrument_idx) {
            for x in slot.pending.drain(..) {
                books.give_up(&x.order, ts.max(x.order.ts_decision), false);
            }
        }
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
        let Books {
            reports, unseen, ..
        } = &mut self.books;
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
                let ts = ts.max(x.order.ts_decision);
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
