//! When orders come and what they are: Hawkes times, long-memory signs, sizes. Knows neither prices nor books.

use crate::market::Side;
use crate::synth::rand::Rand;

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Market,
    Limit,
    Cancel,
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
pub(super) struct Hawkes {
    rand: Rand,
    branching: f64,
    /// Wanted mean rates per second.
    rates: [f64; 3],
    excitement: [f64; 3],
    /// Seconds since the excitement was last brought up to date.
    base: [f64; 3],
}

impl Hawkes {
    pub(super) fn new(rand: Rand, branching: f64) -> Self {
        Self {
            rand,
            branching,
            rates: [0.0; 3],
            excitement: [0.0; 3],
            base: [0.0; 3],
        }
    }

    /// Sets the wanted mean rates per second from now on.
    pub(super) fn set_rates(&mut self, rates: [f64; 3]) {
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
    pub(super) fn wait(&mut self) -> f64 {
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
    pub(super) fn pass(&mut self, seconds: f64) {
        let keep = libm::exp(-DECAY * seconds);
        for x in &mut self.excitement {
            *x *= keep;
        }
    }

    /// Draws which kind of event happens now, and excites what follows.
    pub(super) fn fire(&mut self) -> Kind {
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
const METAORDERS: usize = 6;
/// Tail of their lengths; signs then decorrelate as `lag^-(tail - 1)`.
const LENGTH_TAIL: f64 = 1.5;
/// Longest metaorder, child orders.
const LONGEST: f64 = 5_000.0;

/// Sides of taker orders with long memory.
#[derive(Debug)]
pub(super) struct Signs {
    rand: Rand,
    pool: [(Side, u32); METAORDERS],
}

impl Signs {
    pub(super) fn new(mut rand: Rand) -> Self {
        let pool = [(); METAORDERS].map(|()| fresh(&mut rand, 0.0));
        Self { rand, pool }
    }

    /// Draws the side of the next order; `lean` in -1..1 tilts new metaorders to buying.
    pub(super) fn next(&mut self, lean: f64) -> Side {
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
