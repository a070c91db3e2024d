//! The order-book market: efficient price, makers and order flow of one instrument, minute by minute.
//!
//! Makes events in ticks and lots; writes no venue format. The parts: `factor` (shared shocks), `asset` (efficient price
//! and hidden state), `conditions` (what the state does to flow and makers), `flow` (when and what orders), `maker` (the
//! book), `impact` (transient), `perp` (marks, funding, open interest), `venue` (halts), `calibrate` (rates).

mod asset;
mod calibrate;
mod conditions;
mod factor;
mod flow;
mod impact;
mod ladder;
mod maker;
mod perp;
mod regime;
mod venue;

pub use regime::{HAZARD, MIXED, STILL, TREND, Transitions, transitions};

use crate::market::{Market, Side};
use crate::synth::book::SimBook;
use crate::synth::event::{MinuteTruth, Regime, SimLiquidation, SimMinute};
use crate::synth::market::asset::AssetPath;
use crate::synth::market::calibrate::Rates;
use crate::synth::market::flow::{Arrival, Flow};
use crate::synth::market::impact::Impact;
use crate::synth::market::maker::{Maker, Mood};
use crate::synth::market::perp::Perp;
use crate::synth::market::venue::Venue;
use crate::synth::params::SynthError;
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{MICROS_PER_MINUTE, MICROS_PER_SECOND, UnixMicros};

/// A process that makes the events of one instrument minute by minute.
///
/// # Determinism
/// Minute n is a pure function of the parameters and n: the same minutes in the same order give the same bits.
pub trait MinuteModel {
    /// Returns the parameters of the instrument.
    fn params(&self) -> &InstrumentParams;

    /// Returns the book as it is now, between two minutes; consumers start their own from it before the first.
    fn book(&self) -> SimBook;

    /// Clears `out` and fills it with the next minute; the first is the first of the start day.
    fn next_minute(&mut self, out: &mut SimMinute);
}

/// Order-book market of one instrument.
#[derive(Debug)]
pub struct OrderBookMarket {
    params: InstrumentParams,
    is_null: bool,
    is_spot: bool,
    path: AssetPath,
    flow: Flow,
    maker: Maker,
    perp: Option<Perp>,
    venue: Venue,
    impact: Impact,
    /// Efficient price of the asset, ticks.
    asset_price: f64,
    /// Log of perpetual over spot.
    basis: f64,
    /// Price the quotes were last placed around, ticks, and the least change of it that makes makers move.
    center: f64,
    dead_band: f64,
    rates: Rates,
    mood: Mood,
    /// Start of the next minute.
    start: i64,
    /// Nothing trades in this minute.
    is_empty: bool,
    agenda: Agenda,
    /// Rates are being measured: every minute is an average one.
    is_trial: bool,
}

/// When what happens next, microseconds; `i64::MAX` for never.
#[derive(Clone, Copy, Debug)]
struct Agenda {
    flow: i64,
    /// Time the flow's excitement was last brought up to.
    flow_now: i64,
    /// Index of the next step of the efficient price.
    step: usize,
    /// Next full second.
    second: i64,
    /// A hazard begins.
    onset: i64,
    /// Makers look at the efficient price again; they did last at `looked`.
    look: i64,
    looked: i64,
    /// A position is closed by force.
    forced: i64,
    forced_order: (Side, i64),
}

/// What is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    Flow,
    Step,
    Second,
    Onset,
    Look,
    Forced,
    Reopen,
    Refill(Side),
}

impl OrderBookMarket {
    /// Returns the market of one instrument of a world before its first minute.
    ///
    /// It depends on the seed, profile and start day of the world and on its own parameters only. Instruments of one
    /// asset see the same shocks at the same instants, scaled by their own daily volatility.
    ///
    /// # Errors
    /// A [`SynthError`] for parameters no market can be made with, or an index without an instrument.
    pub fn new(world: &WorldParams, index: usize) -> Result<Self, SynthError> {
        let params = world.instruments.get(index).ok_or(SynthError::OutOfRange {
            name: "instrument index",
            found: index as f64,
            expected: "one of the instruments of the world",
        })?;
        let params = params.clone().check()?;
        let rates = calibrate::rates(world, &params);
        Ok(Self::build(world, params, rates, false))
    }

    /// Returns the market with given rates; a trial has average minutes only.
    fn build(world: &WorldParams, params: InstrumentParams, rates: Rates, is_trial: bool) -> Self {
        let is_null = world.profile == MarketProfile::Null;
        let is_spot = params.market == Market::Spot;
        let id = format!("{:?}/{}", params.market, params.symbol.as_str());
        let trial = if is_trial { "trial " } else { "" };
        let own = |name: &str| asset::stream(world, &id, &format!("{trial}{name}"));
        let path = AssetPath::new(world, &params, is_trial);
        let start = world.start_day.start().0;
        let branching = if is_trial { 0.0 } else { params.branching };
        let price = params.start_price / params.tick_size.size();
        let mut market = Self {
            is_null,
            is_spot,
            flow: Flow::new(&params, branching, own),
            maker: Maker::new(&params, own("book")),
            perp: (!is_spot).then(|| Perp::new(&params, own("perp"), is_null)),
            venue: Venue::new(own("halts")),
            impact: Impact::new(&rates, path.minute_sd(), start),
            asset_price: price,
            basis: path.basis(),
            center: 0.0,
            dead_band: if is_null {
                0.0
            } else {
                DEAD_BAND * path.minute_sd() * price
            },
            path,
            rates,
            mood: Mood {
                spread: params.spread_ticks,
                touch: params.touch_qty / params.lot_size.size(),
                refill_us: 1e5,
            },
            start,
            is_empty: false,
            agenda: Agenda {
                flow: start,
                flow_now: start,
                step: 0,
                second: start,
                onset: i64::MAX,
                look: i64::MAX,
                looked: i64::MIN / 2,
                forced: i64::MAX,
                forced_order: (Side::Buy, 0),
            },
            is_trial,
            params,
        };
        let (center, mood) = (market.efficient(), market.mood);
        let mut unseen = SimMinute::new();
        market.maker.reopen(start, center, &mood, &mut unseen);
        market
    }

    /// Returns the efficient price in ticks.
    fn efficient(&self) -> f64 {
        if self.is_spot {
            self.asset_price * libm::exp(-self.basis)
        } else {
            self.asset_price
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

    /// Sets how makers and takers behave from now on.
    fn set_conditions(&mut self, is_onset: bool) {
        let (mood, mut rates, lean) = conditions::of(
            &self.params,
            &self.rates,
            &self.path.minute,
            self.is_null,
            is_onset,
        );
        if self.is_empty {
            rates[0] = 0.0;
        }
        self.mood = mood;
        self.flow.set(rates, lean);
    }

    fn pass_to(&mut self, ts: i64) {
        self.flow.pass(ts - self.agenda.flow_now);
        self.agenda.flow_now = ts;
    }

    fn schedule_flow(&mut self) {
        self.agenda.flow = self.agenda.flow_now.saturating_add(self.flow.wait_us());
    }

    /// Draws what the minute is made of before any of its events.
    fn open_minute(&mut self, out: &mut SimMinute) {
        let start = self.start;
        clear(out);
        out.start = UnixMicros(start);
        self.path.next_minute(start);
        self.is_empty = self.venue.open_minute(start, &self.params) && !self.is_trial;
        if !self.venue.is_halted(start) {
            if let Some(perp) = &mut self.perp {
                perp.open_minute(start, self.params.lot_size.size(), out);
            }
        }
        let minute = &self.path.minute;
        let onset = match (minute.regime, minute.onset) {
            (Regime::HazardOnset, Some(offset)) => start + offset,
            (Regime::HazardOnset, None) => start,
            _ => i64::MAX,
        };
        self.set_conditions(onset <= start);
        let agenda = &mut self.agenda;
        agenda.step = 0;
        agenda.second = if self.is_spot { i64::MAX } else { start };
        agenda.onset = if onset > start { onset } else { i64::MAX };
        self.schedule_flow();
    }

    fn next_due(&self) -> (i64, Due) {
        let steps = &self.path.minute.steps;
        let step = steps
            .get(self.agenda.step)
            .map_or(i64::MAX, |step| self.start + step.offset);
        let [bid, ask] = self.maker.refill_at;
        let rest = [
            (step, Due::Step),
            (bid, Due::Refill(Side::Buy)),
            (ask, Due::Refill(Side::Sell)),
            (self.agenda.look, Due::Look),
            (self.agenda.second, Due::Second),
            (self.agenda.forced, Due::Forced),
            (self.agenda.onset, Due::Onset),
            (self.venue.reopens(), Due::Reopen),
        ];
        let mut first = (self.agenda.flow, Due::Flow);
        for other in rest {
            if other.0 < first.0 {
                first = other;
            }
        }
        first
    }

    /// Does what is due at `ts`.
    fn act(&mut self, ts: i64, due: Due, out: &mut SimMinute) {
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
                if !self.is_empty {
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
        let may_know = step.is_shock() && !self.is_null && !self.is_empty && !is_halted;
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
}

/// Makers sit out changes of the price below this, in standard deviations of an average minute; in the null market they
/// follow at once.
const DEAD_BAND: f64 = 0.03;
/// Largest single move of the efficient price.
const LARGEST_STEP: f64 = 0.2;
/// A market that falls this far, in ticks, stays a market.
const LOWEST_TICKS: f64 = 1_000.0;

impl MinuteModel for OrderBookMarket {
    fn params(&self) -> &InstrumentParams {
        &self.params
    }

    fn book(&self) -> SimBook {
        self.maker.ladder.image()
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        let start = self.start;
        let end = start + MICROS_PER_MINUTE;
        self.open_minute(out);
        loop {
            let (ts, due) = self.next_due();
            if ts >= end {
                break;
            }
            self.act(ts, due, out);
        }
        self.pass_to(end);
        let minute = &self.path.minute;
        out.truth = MinuteTruth {
            regime: minute.regime,
            efficient: self.efficient() * self.params.tick_size.size(),
            volatility: minute.volatility,
            edge: minute.edge,
            hazard_onset: minute.onset.map(|offset| UnixMicros(start + offset)),
            hazard_sign: minute.hazard_sign,
            is_halted: self.venue.is_halted(start) && self.venue.is_halted(end - 1),
        };
        self.start = end;
    }
}

fn clear(out: &mut SimMinute) {
    out.matches.clear();
    out.changes.clear();
    out.quotes.clear();
    out.marks.clear();
    out.liquidations.clear();
    out.funding = None;
    out.positions = None;
}
