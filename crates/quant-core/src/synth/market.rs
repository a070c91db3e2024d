//! The order-book market: efficient price, makers and order flow of one instrument, minute by minute.
//!
//! Makes events in ticks and lots; writes no venue format. The parts: `factor` (shared shocks), `asset` (efficient price
//! and hidden state), `conditions` (what the state does to flow and makers), `events` (what happens
//! then), `flow` (when and what orders), `maker` and `taker` (the
//! book), `impact` (transient), `perp` (marks, funding, open interest), `venue` (halts), `calibrate` (rates).

mod asset;
mod calibrate;
mod conditions;
mod events;
mod factor;
mod flow;
mod impact;
mod ladder;
mod maker;
mod perp;
mod regime;
mod strength;
mod taker;
mod venue;

pub use regime::{HAZARD, MIXED, STILL, TREND, Transitions, transitions};

use crate::market::{Market, Side};
use crate::synth::book::SimBook;
use crate::synth::error::SynthError;
use crate::synth::event::{MinuteTruth, Regime, SimMinute};
use crate::synth::market::asset::AssetPath;
use crate::synth::market::calibrate::Rates;
use crate::synth::market::flow::Flow;
use crate::synth::market::impact::Impact;
use crate::synth::market::maker::{Maker, Mood};
use crate::synth::market::perp::Perp;
use crate::synth::market::venue::Venue;
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};

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
            flow: Flow::new(&params, branching, own),
            maker: Maker::new(&params, own("book"), own("deep book"), is_null),
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
        if self.perp.is_none() {
            self.asset_price * libm::exp(-self.basis)
        } else {
            self.asset_price
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
        if self.venue.is_quiet() {
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
        if !self.is_trial {
            self.venue.open_minute(start, &self.params);
        }
        let is_open = !self.venue.is_halted(start);
        if let Some(perp) = self.perp.as_mut().filter(|_| is_open) {
            perp.open_minute(start, self.params.lot_size.size(), out);
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
        agenda.second = if self.perp.is_none() { i64::MAX } else { start };
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
}

/// Makers sit out changes of the price below this, in standard deviations of an average minute; in the null market they
/// follow at once.
const DEAD_BAND: f64 = 0.02;
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
            // Marks are published at full seconds; all else lies strictly inside the minute.
            let ts = if matches!(due, Due::Second) {
                ts
            } else {
                ts.max(start + 1)
            };
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

#[cfg(test)]
mod tests;
