//! What the events of an order-book market do: orders, moves of the efficient price, full seconds, reopening.

use crate::market::Side;
use crate::synth::event::{SimLiquidation, SimMinute};
use crate::synth::market::flow::Arrival;
use crate::synth::market::{Due, OrderBookMarket};
use crate::time::{MICROS_PER_SECOND, UnixMicros};

/// Largest single move of the efficient price.
const LARGEST_STEP: f64 = 0.2;
/// A market that falls this far, in ticks, stays a market.
const LOWEST_TICKS: f64 = 1_000.0;

impl OrderBookMarket {
    /// Does what is due at `ts`.
    pub(super) fn act(&mut self, ts: i64, due: Due, out: &mut SimMinute) {
        let is_halted = self.venue.is_halted(ts);
        match due {
            Due::Step => self.step(ts, is_halted, out),
            Due::Reopen => {
                self.venue.reopen();
                self.impact.forget();
                let center = self.efficient();
                self.maker.reopen(ts, center, &self.mood, out);
                self.pass_to(ts);
                self.schedule_flow();
            }
            Due::Onset => {
                self.agenda.onset = i64::MAX;
                self.pass_to(ts);
                self.set_conditions(true);
                self.schedule_flow();
            }
            Due::Second => {
                self.agenda.second = ts + MICROS_PER_SECOND;
                if !is_halted {
                    self.second(ts, out);
                }
            }
            // Nothing else happens until the venue opens again.
            Due::Flow if is_halted => {
                self.pass_to(ts);
                self.agenda.flow = i64::MAX;
            }
            Due::Look if is_halted => self.agenda.look = i64::MAX,
            Due::Forced if is_halted => self.agenda.forced = i64::MAX,
            Due::Refill(_) if is_halted => self.maker.refill_at = [i64::MAX; 2],
            Due::Look => {
                self.agenda.look = i64::MAX;
                self.agenda.looked = i64::MIN / 2;
                self.follow(ts, out);
            }
            Due::Forced => {
                self.agenda.forced = i64::MAX;
                let (side, lots) = self.agenda.forced_order;
                if !self.venue.is_quiet() {
                    self.order(ts, side, lots, true, out);
                }
            }
            Due::Refill(side) => self.maker.refill(ts, side, &self.mood, out),
            Due::Flow => {
                self.pass_to(ts);
                match self.flow.fire() {
                    Arrival::Taker { side, lots } => self.order(ts, side, lots, false, out),
                    Arrival::Resting { side, is_limit } => {
                        self.maker.rest(ts, side, is_limit, &self.mood, out);
                    }
                }
                self.schedule_flow();
            }
        }
    }

    /// The efficient price moves.
    fn step(&mut self, ts: i64, is_halted: bool, out: &mut SimMinute) {
        let step = self.path.minute.steps[self.agenda.step];
        self.agenda.step += 1;
        // An informed order goes ahead of a move it knows of; in the null market there are none.
        let may_know = step.is_shock() && !self.is_null && !self.venue.is_quiet() && !is_halted;
        if may_know && self.flow.is_informed(&self.rates) {
            let side = if step.size > 0.0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let lots = self.flow.draw_lots();
            self.order(ts, side, lots, false, out);
        }
        self.basis = step.basis;
        let size = step.size.clamp(-LARGEST_STEP, LARGEST_STEP);
        // A martingale needs relative moves of mean 0; a drift in logs needs log moves of mean 0.
        let factor = if self.is_null {
            1.0 + size
        } else {
            libm::exp(size)
        };
        self.asset_price = (self.asset_price * factor).max(LOWEST_TICKS);
        if let Some(perp) = &mut self.perp {
            perp.moved(size);
        }
        if !is_halted {
            self.follow(ts, out);
        }
    }

    /// A full second on a perpetual: the mark price is published, and a position may be closed by force within it.
    fn second(&mut self, ts: i64, out: &mut SimMinute) {
        let tick = self.params.tick_size.size();
        let index = self.asset_price * libm::exp(-self.basis) * tick;
        let mid = self.maker.mid() * tick;
        let minute_sd = self.path.minute_sd();
        let Some(perp) = &mut self.perp else {
            return;
        };
        perp.second(ts, index, mid, out);
        if let Some((delay, side, medians)) = perp.forced(minute_sd) {
            self.agenda.forced = ts + delay;
            self.agenda.forced_order = (side, self.flow.lots(medians));
        }
    }

    /// Lets the quotes follow the efficient price and the transient impact, at once or when makers look again.
    fn follow(&mut self, ts: i64, out: &mut SimMinute) {
        if ts - self.agenda.looked < self.rates.look_gap {
            self.agenda.look = self.agenda.looked + self.rates.look_gap;
            return;
        }
        let center = self.efficient() * (1.0 + self.impact.at(ts));
        if (center - self.center).abs() < self.dead_band {
            return;
        }
        self.center = center;
        self.agenda.looked = ts;
        self.agenda.look = i64::MAX;
        self.maker.follow(ts, center, &self.mood, out);
    }

    /// A taker order arrives.
    fn order(&mut self, ts: i64, side: Side, lots: i64, is_liquidation: bool, out: &mut SimMinute) {
        let fill = self
            .maker
            .take(ts, side, lots, is_liquidation, &self.mood, out);
        if fill.lots == 0 {
            return;
        }
        if let Some(perp) = &mut self.perp {
            perp.traded(side, fill.lots);
        }
        if is_liquidation {
            let tick = self.params.tick_size.size();
            out.liquidations.push(SimLiquidation {
                ts: UnixMicros(ts),
                side,
                price_ticks: fill.worst,
                average_price: fill.tick_lots as f64 / fill.lots as f64 * tick,
                qty_lots: fill.lots,
            });
        }
        if !self.is_null {
            self.impact.push(ts, side, self.flow.in_medians(fill.lots));
            self.follow(ts, out);
        }
    }
}
