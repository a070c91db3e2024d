//! The order-book market: efficient price, makers and order flow of one instrument, minute by minute.
//!
//! Makes events in ticks and lots; writes no venue format. The parts: `factor` (shared shocks), `asset` (efficient price
//! and hidden state), `flow` (when and what orders), `maker` (the book), `perp` (marks, funding, open interest).

mod asset;
mod factor;
mod flow;
mod ladder;
mod maker;
mod perp;
mod regime;

pub use regime::{HAZARD, MIXED, STILL, TREND, Transitions, transitions};

use crate::market::{Market, Side};
use crate::synth::book::SimBook;
use crate::synth::event::{Regime, SimLiquidation, SimMinute};
use crate::synth::market::asset::AssetPath;
use crate::synth::market::flow::{Hawkes, Kind, Signs};
use crate::synth::market::maker::{Maker, Mood, ticks};
use crate::synth::market::perp::Perp;
use crate::synth::params::SynthError;
use crate::synth::rand::Rand;
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{
    MICROS_PER_DAY, MICROS_PER_MINUTE, MICROS_PER_SECOND, MINUTES_PER_DAY, UnixMicros,
};

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

/// Standard deviation of the log of a taker order's quantity.
const LOG_QTY_SD: f64 = 1.3;
/// Decay time of the transient impact, seconds.
const IMPACT_SECONDS: f64 = 15.0;
/// Transient impact of an order of median size, in standard deviations of an average minute.
const IMPACT: f64 = 0.02;
/// Share of a taker order's sign that was to be expected from the signs before it; only the rest moves the quotes.
const EXPECTED_SIGN: f64 = 0.5;
/// Chance that an informed taker order goes ahead of a shock.
const INFORMED: f64 = 0.2;
/// Largest share of the wanted quotes that may be spent on following the efficient price.
const FOLLOW_SHARE: f64 = 0.4;

/// Order-book market of one instrument.
#[derive(Debug)]
pub struct OrderBookMarket {
    params: InstrumentParams,
    is_null: bool,
    is_spot: bool,
    path: AssetPath,
    hawkes: Hawkes,
    signs: Signs,
    /// Sizes and sides of the flow.
    flow: Rand,
    halts: Rand,
    maker: Maker,
    perp: Option<Perp>,
    /// Efficient price of the asset, ticks.
    asset_price: f64,
    /// Log of perpetual over spot.
    basis: f64,
    /// Transient impact on the quotes, as a fraction of the price, and when it was last brought up to date.
    impact: f64,
    impact_at: i64,
    expected_sign: f64,
    /// Rates per second at mean activity.
    orders_per_second: f64,
    rests_per_second: f64,
    /// Shortest time between two looks at the efficient price, microseconds.
    look_gap: i64,
    looked_at: i64,
    look_due: i64,
    halted_until: i64,
    halt_starts: i64,
    start: i64,
    mood: Mood,
    lean: f64,
}

impl OrderBookMarket {
    /// Returns the market of one instrument of a world before its first minute.
    ///
    /// It depends on the seed, profile and start day of the world and on its own parameters only.
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
        Ok(Self::build(world, params))
    }

    fn build(world: &WorldParams, params: InstrumentParams) -> Self {
        let is_null = world.profile == MarketProfile::Null;
        let is_spot = params.market == Market::Spot;
        let own = |name: &str| {
            let id = format!("{:?}/{}", params.market, params.symbol.as_str());
            asset::stream(world, &id, name)
        };
        let path = AssetPath::new(world, &params);
        let start = world.start_day.start().0;
        let asset_price = params.start_price / params.tick_size.size();
        let day = MICROS_PER_DAY as f64 / MICROS_PER_SECOND as f64;
        let quotes = f64::from(params.quotes_per_day) / day;
        let orders = f64::from(params.trades_per_day) / day / 1.5;
        let shocks = 2.0 * factor::SHOCKS_PER_MINUTE / 60.0;
        let look_gap = ticks((1.0 / (FOLLOW_SHARE * quotes) - 1.0 / shocks).clamp(0.0, 60.0) * 1e6);
        let follows = 1.0 / (1.0 / shocks + look_gap as f64 / 1e6);
        let rests = (quotes - orders - follows).max(0.05 * quotes) / 0.55;
        let mut market = Self {
            is_null,
            is_spot,
            hawkes: Hawkes::new(own("times"), params.branching),
            signs: Signs::new(own("signs")),
            flow: own("flow"),
            halts: own("halts"),
            maker: Maker::new(&params, own("book")),
            perp: (!is_spot).then(|| Perp::new(&params, own("perp"), is_null)),
            basis: path.basis(),
            path,
            asset_price,
            impact: 0.0,
            impact_at: start,
            expected_sign: 0.0,
            orders_per_second: orders,
            rests_per_second: rests,
            look_gap,
            looked_at: start,
            look_due: i64::MAX,
            halted_until: i64::MIN,
            halt_starts: i64::MAX,
            start,
            mood: Mood {
                spread: params.spread_ticks,
                touch: params.touch_qty / params.lot_size.size(),
                refill_us: 3e5,
            },
            lean: 0.0,
            params,
        };
        let (center, mood) = (market.efficient(), market.mood);
        let mut scratch = SimMinute::new();
        market.maker.reopen(start, center, &mood, &mut scratch);
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

    /// Returns the price quotes are placed around, in ticks.
    fn center(&mut self, ts: i64) -> f64 {
        if self.impact != 0.0 {
            let seconds = (ts - self.impact_at) as f64 / 1e6;
            self.impact *= libm::exp(-seconds / IMPACT_SECONDS);
        }
        self.impact_at = ts;
        self.efficient() * (1.0 + self.impact)
    }

    /// Sets how makers and takers behave from `ts` on.
    fn set_mood(&mut self, is_onset: bool) -> [f64; 3] {
        let minute = &self.path.minute;
        let touch = self.params.touch_qty / self.params.lot_size.size();
        let spread = self.params.spread_ticks;
        let level = if self.is_null {
            1.0
        } else {
            minute.level.clamp(0.3, 4.0)
        };
        let mut market = self.orders_per_second * minute.activity;
        let mut rests = self.rests_per_second * minute.activity;
        self.mood = Mood {
            spread: 1.0 + (spread - 1.0) * level,
            touch,
            refill_us: if self.is_null { 1e5 } else { 3e5 },
        };
        self.lean = 0.35 * minute.lean;
        if !self.is_null && minute.regime == Regime::HazardMove {
            self.mood.spread += 0.5 * spread;
            self.mood.touch *= 0.7;
            self.lean = 0.5 * f64::from(minute.hazard_sign);
            market *= 1.6;
        }
        if is_onset {
            self.mood.spread += spread;
            self.mood.touch *= 0.4;
            self.mood.refill_us = 2e6;
            self.lean = 0.75 * f64::from(minute.hazard_sign);
            market *= 2.0;
            rests *= 0.8;
        }
        [market, 0.5 * rests, 0.5 * rests]
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
        if self.is_null {
            return;
        }
        let sign = f64::from(side.sign());
        let surprise = sign - EXPECTED_SIGN * self.expected_sign;
        self.expected_sign += 0.2 * (sign - self.expected_sign);
        let median = self.params.median_qty / self.params.lot_size.size();
        let size = (fill.lots as f64 / median).sqrt().min(4.0);
        let center = self.center(ts);
        let push = IMPACT * self.path.minute_sd() * surprise * size;
        self.impact += push;
        self.follow(ts, center * (1.0 + push), out);
    }

    /// Lets the quotes follow, at once or as soon as makers look again.
    fn follow(&mut self, ts: i64, center: f64, out: &mut SimMinute) {
        if ts - self.looked_at < self.look_gap {
            self.look_due = self.looked_at + self.look_gap;
            return;
        }
        self.looked_at = ts;
        self.look_due = i64::MAX;
        self.maker.follow(ts, center, &self.mood, out);
    }

    fn draw_lots(&mut self, scale: f64) -> i64 {
        let median = self.params.median_qty / self.params.lot_size.size();
        let x = scale * median * libm::exp(LOG_QTY_SD * self.flow.normal());
        ticks(x.min(1e12)).max(1)
    }

    /// A market, limit or cancel event of the flow.
    fn event(&mut self, ts: i64, out: &mut SimMinute) {
        match self.hawkes.fire() {
            Kind::Market => {
                let side = self.signs.next(self.lean);
                let lots = self.draw_lots(1.0);
                self.order(ts, side, lots, false, out);
            }
            kind => {
                let is_limit = kind == Kind::Limit;
                // Buying pressure shows as added bids and cancelled asks.
                let tilt = if is_limit { self.lean } else { -self.lean };
                let side = if self.flow.chance(0.5 + 0.2 * tilt.clamp(-1.0, 1.0)) {
                    Side::Buy
                } else {
                    Side::Sell
                };
                self.maker.rest(ts, side, is_limit, &self.mood, out);
            }
        }
    }

    /// Draws the halt of a day when it begins.
    fn draw_halt(&mut self) {
        let chance = self.params.halts_per_day / MINUTES_PER_DAY as f64;
        let begins = self.halts.chance(chance);
        let offset = 1 + self.halts.below(59_999_998).cast_signed();
        let minutes = 5.0 + 55.0 * self.halts.unit();
        if begins && self.halted_until <= self.start {
            self.halt_starts = self.start + offset;
            self.halted_until = self.halt_starts + ticks(minutes * 6e7);
        }
    }
}

impl MinuteModel for OrderBookMarket {
    fn params(&self) -> &InstrumentParams {
        &self.params
    }

    fn book(&self) -> SimBook {
        self.maker.ladder.image()
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        clear(out);
        let start = self.start;
        let end = start + MICROS_PER_MINUTE;
        out.start = UnixMicros(start);
        let minute_of_day =
            usize::try_from(start.rem_euclid(MICROS_PER_DAY) / MICROS_PER_MINUTE).unwrap_or(0);
        self.path.next_minute(minute_of_day);
        self.draw_halt();
        let is_empty = self
            .halts
            .chance(self.params.empty_minutes_per_day / MINUTES_PER_DAY as f64);
        let minute_sd = self.path.minute_sd();
        let lot = self.params.lot_size.size();
        let halted = |market: &Self, ts: i64| ts >= market.halt_starts && ts < market.halted_until;
        if let Some(perp) = self
            .perp
            .as_mut()
            .filter(|_| !(start >= self.halt_starts && start < self.halted_until))
        {
            perp.open_minute(start, lot, out);
        }
        let onset_at = match (self.path.minute.regime, self.path.minute.onset) {
            (Regime::HazardOnset, Some(offset)) => start + offset,
            (Regime::HazardOnset, None) => start,
            _ => i64::MAX,
        };
        let mut switch = if onset_at > start && onset_at < end {
            onset_at
        } else {
            i64::MAX
        };
        let mut rates = self.set_mood(onset_at <= start);
        let quiet = |mut rates: [f64; 3]| {
            if is_empty {
                rates[0] = 0.0;
            }
            rates
        };
        rates = quiet(rates);
        self.hawkes.set_rates(rates);
        let mut now = start;
        let mut flow_at = after(now, self.hawkes.wait());
        let mut step = 0;
        let mut second = 0;
        loop {
            let step_at = self
                .path
                .minute
                .steps
                .get(step)
                .map_or(i64::MAX, |s| start + s.offset);
            let second_at = if self.is_spot {
                i64::MAX
            } else {
                start + second * MICROS_PER_SECOND
            };
            let reopen_at = if self.halt_starts < i64::MAX {
                self.halted_until
            } else {
                i64::MAX
            };
            let [bid_at, ask_at] = self.maker.refill_at;
            let ts = flow_at
                .min(step_at)
                .min(second_at)
                .min(reopen_at)
                .min(bid_at)
                .min(ask_at)
                .min(self.look_due)
                .min(switch);
            if ts >= end {
                break;
            }
            if ts == step_at {
                let moved = self.path.minute.steps[step];
                step += 1;
                let is_halted = halted(self, ts);
                // An informed order goes ahead of the move it knows of; in the null market there are none.
                if !self.is_null && !is_empty && !is_halted && self.flow.chance(INFORMED) {
                    let side = if moved.size > 0.0 {
                        Side::Buy
                    } else {
                        Side::Sell
                    };
                    let lots = self.draw_lots(1.5);
                    self.order(ts, side, lots, false, out);
                }
                self.basis = moved.basis;
                let size = moved.size.clamp(-0.2, 0.2);
                // A martingale needs relative moves of mean 0, a drift in logs needs logs of mean 0.
                self.asset_price *= if self.is_null {
                    1.0 + size
                } else {
                    libm::exp(size)
                };
                self.asset_price = self.asset_price.max(1_000.0);
                if let Some(perp) = &mut self.perp {
                    perp.moved(size);
                }
                if !is_halted {
                    let center = self.center(ts);
                    self.follow(ts, center, out);
                }
            } else if ts == reopen_at {
                self.halt_starts = i64::MAX;
                self.impact = 0.0;
                let center = self.center(ts);
                self.maker.reopen(ts, center, &self.mood, out);
                self.hawkes.pass((ts - now) as f64 / 1e6);
                now = ts;
                flow_at = after(now, self.hawkes.wait());
            } else if ts == second_at {
                second += 1;
                if !halted(self, ts) {
                    let tick = self.params.tick_size.size();
                    let index = self.asset_price * libm::exp(-self.basis) * tick;
                    let mid = self.maker.mid() * tick;
                    if let Some(perp) = &mut self.perp {
                        perp.second(ts, index, mid, out);
                        let forced = perp.forced(minute_sd).filter(|_| !is_empty && ts > start);
                        if let Some((side, scale)) = forced {
                            let median = self.params.median_qty / lot;
                            self.order(ts, side, ticks(scale * median).max(1), true, out);
                        }
                    }
                }
            } else if ts == switch {
                switch = i64::MAX;
                self.hawkes.pass((ts - now) as f64 / 1e6);
                now = ts;
                rates = quiet(self.set_mood(true));
                self.hawkes.set_rates(rates);
                flow_at = after(now, self.hawkes.wait());
            } else if ts == self.look_due {
                self.look_due = i64::MAX;
                if !halted(self, ts) {
                    self.looked_at = ts;
                    let center = self.center(ts);
                    self.maker.follow(ts, center, &self.mood, out);
                }
            } else if ts == bid_at || ts == ask_at {
                let side = if ts == bid_at { Side::Buy } else { Side::Sell };
                if halted(self, ts) {
                    self.maker.refill_at = [i64::MAX; 2];
                } else {
                    self.maker.refill(ts, side, &self.mood, out);
                }
            } else {
                self.hawkes.pass((ts - now) as f64 / 1e6);
                now = ts;
                if halted(self, ts) {
                    // Nothing happens until the venue opens again.
                    flow_at = i64::MAX;
                } else {
                    self.event(ts, out);
                    flow_at = after(now, self.hawkes.wait());
                }
            }
        }
        self.hawkes.pass((end - now) as f64 / 1e6);
        let efficient = self.efficient() * self.params.tick_size.size();
        let minute = &self.path.minute;
        let truth = &mut out.truth;
        truth.regime = minute.regime;
        truth.efficient = efficient;
        truth.volatility = minute.volatility;
        truth.edge = minute.edge;
        truth.hazard_onset = minute.onset.map(|offset| UnixMicros(start + offset));
        truth.hazard_sign = minute.hazard_sign;
        truth.is_halted = self.halt_starts <= start && self.halted_until >= end;
        self.start = end;
    }
}

/// Returns the time `seconds` after `now`, at least a microsecond later.
fn after(now: i64, seconds: f64) -> i64 {
    if seconds < 1e6 {
        now + ticks(seconds * 1e6).max(1)
    } else {
        i64::MAX
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
