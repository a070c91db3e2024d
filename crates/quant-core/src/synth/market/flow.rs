//! When orders come and what they are: Hawkes times, long-memory signs, sizes. Knows neither prices nor books.

use crate::market::Side;
use crate::synth::market::calibrate::Rates;
use crate::synth::market::maker::ticks;
use crate::synth::rand::Rand;
use crate::synth::world::InstrumentParams;

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A market order.
    Taker { side: Side, lots: i64 },
    /// A limit order or a cancel; the side is that of the resting order.
    Resting { side: Side, is_limit: bool },
}

/// Kinds of events, in the order of the rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Market,
    Limit,
    Cancel,
}

/// Standard deviation of the log of a taker order's quantity.
const LOG_QTY_SD: f64 = 1.3;
/// How much of the lean shows in the side of limit orders and cancels.
const RESTING_LEAN: f64 = 0.2;

/// All orders of one instrument.
#[derive(Debug)]
pub(super) struct Flow {
    hawkes: Hawkes,
    signs: Signs,
    rand: Rand,
    /// Lots of a median order.
    median: f64,
    lean: f64,
}

impl Flow {
    pub(super) fn new(
        params: &InstrumentParams,
        branching: f64,
        stream: impl Fn(&str) -> Rand,
    ) -> Self {
        Self {
            hawkes: Hawkes::new(stream("times"), branching),
            signs: Signs::new(stream("signs")),
            rand: stream("flow"),
            median: params.median_qty / params.lot_size.size(),
            lean: 0.0,
        }
    }

    /// Sets rates per second (market, limit, cancel) and the lean to buying, -1 to 1, from now on.
    pub(super) fn set(&mut self, rates: [f64; 3], lean: f64) {
        self.hawkes.set_rates(rates);
        self.lean = lean;
    }

    /// Draws the microseconds to the next arrival, at least 1.
    pub(super) fn wait_us(&mut self) -> i64 {
        let wait = self.hawkes.wait() * 1e6;
        if wait < 1e12 {
            ticks(wait).max(1)
        } else {
            i64::MAX
        }
    }

    /// Lets microseconds pass.
    pub(super) fn pass(&mut self, us: i64) {
        self.hawkes.pass(us as f64 / 1e6);
    }

    /// Draws what arrives now.
    pub(super) fn fire(&mut self) -> Arrival {
        let is_limit = match self.hawkes.fire() {
            Kind::Market => {
                return Arrival::Taker {
                    side: self.signs.next(self.lean),
                    lots: self.draw_lots(),
                };
            }
            Kind::Limit => true,
            Kind::Cancel => false,
        };
        // Buying pressure shows as added bids and cancelled asks.
        let tilt = if is_limit { self.lean } else { -self.lean };
        let is_bid = self.rand.chance(0.5 + RESTING_LEAN * tilt.clamp(-1.0, 1.0));
        Arrival::Resting {
            side: if is_bid { Side::Buy } else { Side::Sell },
            is_limit,
        }
    }

    /// Draws whether an informed order goes ahead of a move.
    pub(super) fn is_informed(&mut self, rates: &Rates) -> bool {
        self.rand.chance(rates.informed)
    }

    /// Draws the lots of a taker order.
    pub(super) fn draw_lots(&mut self) -> i64 {
        let size = libm::exp(LOG_QTY_SD * self.rand.normal());
        self.lots(size)
    }

    /// Returns the lots of an order of `medians` median quantities.
    pub(super) fn lots(&self, medians: f64) -> i64 {
        ticks((self.median * medians).min(1e12)).max(1)
    }

    /// Returns lots in median orders.
    pub(super) fn in_medians(&self, lots: i64) -> f64 {
        lots as f64 / self.median
    }
}

/// Decay of excitement per second: a burst lasts about a second (Bacry, Mastromatteo and Muzy 2015 find kernels
/// concentrated below that).
const DECAY: f64 = 1.2;
/// Share of caused events that are of any kind alike; the rest are of the kind that caused them.
const CROSS: f64 = 0.4;

/// Three mutually exciting point processes with one exponential kernel.
///
/// Caused events are spread so that every rate is `base / (1 - branching)`: the mix of kinds is kept.
/// Waiting times are exact: the smaller of an exponential time of the base and one of the decaying excitement
/// (Dassios and Zhao 2013), which is what thinning would give, without rejections.
#[derive(Debug)]
struct Hawkes {
    rand: Rand,
    branching: f64,
    /// Wanted mean rates per second.
    rates: [f64; 3],
    excitement: [f64; 3],
    /// Seconds since the excitement was last brought up to date.
    base: [f64; 3],
}

impl Hawkes {
    fn new(rand: Rand, branching: f64) -> Self {
        Self {
            rand,
            branching,
            rates: [0.0; 3],
            excitement: [0.0; 3],
            base: [0.0; 3],
        }
    }

    /// Sets the wanted mean rates per second from now on.
    fn set_rates(&mut self, rates: [f64; 3]) {
        self.rates = rates;
        self.base = rates.map(|rate| rate * (1.0 - self.branching));
        for (excitement, rate) in self.excitement.iter_mut().zip(rates) {
            // What must not happen is not caused either.
            if rate <= 0.0 {
                *excitement = 0.0;
            }
        }
    }

    /// Draws the seconds to the next event if rates stay as they are; infinite if nothing can happen.
    fn wait(&mut self) -> f64 {
        let base: f64 = self.base.iter().sum();
        let excited: f64 = self.excitement.iter().sum();
        let first = if base > 0.0 {
            -libm::log(1.0 - self.rand.unit()) / base
        } else {
            f64::INFINITY
        };
        if excited <= 1e-9 {
            return first;
        }
        let left = 1.0 + DECAY * libm::log(1.0 - self.rand.unit()) / excited;
        // At or below 0 the excitement dies before it causes an event.
        if left > 0.0 {
            first.min(-libm::log(left) / DECAY)
        } else {
            first
        }
    }

    /// Lets `seconds` pass.
    fn pass(&mut self, seconds: f64) {
        let keep = libm::exp(-DECAY * seconds);
        for x in &mut self.excitement {
            *x *= keep;
        }
    }

    /// Draws which kind of event happens now, and excites what follows.
    fn fire(&mut self) -> Kind {
        let weights = [0, 1, 2].map(|i| self.base[i] + self.excitement[i]);
        let mut rest = self.rand.unit() * weights.iter().sum::<f64>();
        let mut which = 2;
        for (i, w) in weights.iter().enumerate() {
            if rest < *w {
                which = i;
                break;
            }
            rest -= w;
        }
        let total: f64 = self.rates.iter().sum();
        let jump = self.branching * DECAY;
        for (i, x) in self.excitement.iter_mut().enumerate() {
            *x += jump * CROSS * self.rates[i] / total.max(1e-12);
        }
        if self.rates[which] > 0.0 {
            self.excitement[which] += jump * (1.0 - CROSS);
        }
        [Kind::Market, Kind::Limit, Kind::Cancel][which]
    }
}

/// Large orders being worked at the same time; takers are drawn from them (Lillo, Mike and Farmer 2005).
const METAORDERS: usize = 3;
/// Tail of their lengths; signs then decorrelate as `lag^-(tail - 1)`.
const LENGTH_TAIL: f64 = 1.75;
/// Longest metaorder, child orders.
const LONGEST: f64 = 5_000.0;

/// Sides of taker orders with long memory.
#[derive(Debug)]
struct Signs {
    rand: Rand,
    pool: [(Side, u32); METAORDERS],
}

impl Signs {
    fn new(mut rand: Rand) -> Self {
        let pool = [(); METAORDERS].map(|()| fresh(&mut rand, 0.0));
        Self { rand, pool }
    }

    /// Draws the side of the next order; `lean` in -1..1 tilts new metaorders to buying.
    fn next(&mut self, lean: f64) -> Side {
        let which = usize::try_from(self.rand.below(METAORDERS as u64)).unwrap_or(0);
        if self.pool[which].1 == 0 {
            self.pool[which] = fresh(&mut self.rand, lean);
        }
        self.pool[which].1 -= 1;
        self.pool[which].0
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 1..=LONGEST before the cast"
)]
fn fresh(rand: &mut Rand, lean: f64) -> (Side, u32) {
    let side = if rand.chance(0.5 + 0.5 * lean.clamp(-0.9, 0.9)) {
        Side::Buy
    } else {
        Side::Sell
    };
    let length = libm::pow(1.0 - rand.unit(), -1.0 / LENGTH_TAIL);
    (side, length.clamp(1.0, LONGEST) as u32)
}
