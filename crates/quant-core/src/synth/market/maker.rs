//! The book's own life: quotes that follow the efficient price, limit and cancel flow, refills. What takers do to it
//! is in `taker`.
//! Every change is recorded as a message; a message leaves at least [`MIN_LEVELS`] levels on both sides.

use crate::market::Side;
use crate::synth::event::{LevelChange, SimMinute, SimQuote};
use crate::synth::market::ladder::Ladder;
use crate::synth::rand::Rand;
use crate::synth::world::InstrumentParams;
use crate::time::UnixMicros;

/// Levels per side below which nothing is cancelled or taken.
pub(super) const MIN_LEVELS: usize = 24;
/// Share of limit and cancel events that act on the best price.
pub(super) const AT_TOUCH: f64 = 0.55;
/// Mean size of an added or cancelled order at the touch, relative to the mean quantity there.
const ORDER_SHARE: f64 = 0.27;
/// Chance that such an order is a large one, and how much larger it is.
const LARGE_ORDER: (f64, f64) = (0.1, 4.0);
/// Largest share of a level that one cancel removes.
const MOST_CANCELLED: f64 = 0.9;
/// Standard deviation of the log of a new level's quantity.
const LEVEL_LOG_SD: f64 = 0.5;
/// In the null market makers move only when the price is this much farther from the middle of their quotes than rounding to the tick takes
/// it. Without it the last quote change would tell on which side of the middle the price is, and so, weakly, the next
/// minute's change of a coarse-ticked mid: order flow imbalance would predict.
const HYSTERESIS: f64 = 0.4;
/// How makers behave at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    /// Mean spread, ticks, at least 1.
    pub(super) spread: f64,
    /// Mean quantity at the touch, lots.
    pub(super) touch: f64,
    /// Mean time until a swept best price is quoted again, microseconds.
    pub(super) refill_us: f64,
}

/// The book and who keeps it.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) ladder: Ladder,
    pub(super) rand: Rand,
    /// Draws of the ground that a moving touch leaves behind: a stream of its own, so that the flow at the touch does not depend on
    /// how deep the book is.
    deep: Rand,
    depth: i64,
    occupancy: f64,
    max_spread: i64,
    hysteresis: f64,
    /// Best prices makers want: nothing rests between them.
    bid: i64,
    ask: i64,
    spread: i64,
    /// When a swept best bid and ask will be quoted again.
    pub(super) refill_at: [i64; 2],
    quote: (i64, i64, i64, i64),
    pub(super) next_update: i64,
    pub(super) next_match: i64,
    pub(super) next_agg: i64,
    message: usize,
    pub(super) levels: Vec<(i64, i64)>,
}

/// First id of each kind.
const FIRST_ID: i64 = 1_000_001;

impl Maker {
    pub(super) fn new(params: &InstrumentParams, rand: Rand, deep: Rand, is_null: bool) -> Self {
        let spread = ticks(params.spread_ticks);
        let max_spread = 8 * spread + 16;
        let span = 4 * u64::from(params.depth_ticks) + 4 * max_spread.unsigned_abs() + 4_096;
        Self {
            ladder: Ladder::new(u32::try_from(span).unwrap_or(1 << 20)),
            rand,
            deep,
            depth: i64::from(params.depth_ticks),
            occupancy: params.occupancy,
            max_spread,
            hysteresis: if is_null { HYSTERESIS } else { 0.0 },
            bid: 0,
            ask: 0,
            spread: 1,
            refill_at: [i64::MAX; 2],
            quote: (0, 0, 0, 0),
            next_update: FIRST_ID,
            next_match: FIRST_ID,
            next_agg: FIRST_ID,
            message: 0,
            levels: Vec::new(),
        }
    }

    /// Places a whole new book around `center` as one message that replaces the old one.
    pub(super) fn reopen(&mut self, ts: i64, center: f64, mood: &Mood, out: &mut SimMinute) {
        self.begin(out);
        for side in [Side::Buy, Side::Sell] {
            while self.ladder.depth(side) > 0 {
                let last = self.ladder.last(side);
                self.put(ts, side, last, 0, out);
            }
        }
        self.aim(center, mood);
        for side in [Side::Buy, Side::Sell] {
            let sign = i64::from(side.sign());
            let touch = self.target(side);
            for k in 0..self.depth {
                if k == 0 || self.rand.chance(self.occupancy) {
                    let qty = self.draw_level(mood, k);
                    self.put(ts, side, touch - sign * k, qty, out);
                }
            }
            self.top_up(ts, side, mood, out);
        }
        self.refill_at = [i64::MAX; 2];
        self.end(ts, out);
    }

    const fn target(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }

    /// Draws the spread and sets the wanted best prices around `center`.
    fn aim(&mut self, center: f64, mood: &Mood) {
        self.spread = self.draw_spread(mood);
        (self.bid, self.ask) = around(center, self.spread);
    }

    fn draw_spread(&mut self, mood: &Mood) -> i64 {
        // 1 + a geometric number with mean `spread - 1`.
        let more = (mood.spread - 1.0).max(0.0);
        let p = more / (1.0 + more);
        let mut spread = 1;
        if p > 0.9 {
            let x = -libm::log(1.0 - self.rand.unit()) * more;
            spread += ticks(x);
        } else {
            while spread < self.max_spread && self.rand.chance(p) {
                spread += 1;
            }
        }
        spread.min(self.max_spread)
    }

    /// Draws the quantity of a new level `behind` ticks from the touch.
    fn draw_level(&mut self, mood: &Mood, behind: i64) -> i64 {
        level_lots(&mut self.rand, mood, behind)
    }

    /// Follows the efficient price: if the wanted best prices change, overtaken levels go and new ones come at once.
    pub(super) fn follow(&mut self, ts: i64, center: f64, mood: &Mood, out: &mut SimMinute) {
        let middle = (self.bid + self.ask) as f64 * 0.5;
        if libm::fabs(center - middle) <= 0.5 + self.hysteresis {
            return;
        }
        let old = [self.bid, self.ask];
        self.aim(center, mood);
        self.begin(out);
        for side in [Side::Buy, Side::Sell] {
            let sign = i64::from(side.sign());
            let touch = self.target(side);
            while self.ladder.depth(side) > 0 && (self.ladder.best(side) - touch) * sign > 0 {
                let best = self.ladder.best(side);
                self.put(ts, side, best, 0, out);
            }
            let end = touch - sign * self.depth;
            while self.ladder.depth(side) > 0 && (end - self.ladder.last(side)) * sign > 0 {
                let last = self.ladder.last(side);
                self.put(ts, side, last, 0, out);
            }
        }
        for (side, old) in [Side::Buy, Side::Sell].into_iter().zip(old) {
            let sign = i64::from(side.sign());
            let touch = self.target(side);
            if self.ladder.qty(side, touch) == 0 {
                let qty = self.draw_level(mood, 0);
                self.put(ts, side, touch, qty, out);
            }
            let advanced = (touch - old) * sign;
            // Where the touch advanced, the ground behind it is new; where it fell back, the far end of the window is.
            let far = 1.max(self.depth + 1 + advanced)..self.depth + 1;
            for k in (1..advanced.min(self.depth + 1)).chain(if advanced < 0 { far } else { 0..0 })
            {
                let tick = touch - sign * k;
                if self.ladder.qty(side, tick) == 0 && self.deep.chance(self.occupancy) {
                    let qty = level_lots(&mut self.deep, mood, k);
                    self.put(ts, side, tick, qty, out);
                }
            }
            self.top_up(ts, side, mood, out);
        }
        self.refill_at = [i64::MAX; 2];
        self.end(ts, out);
    }

    /// Adds levels far from the touch until there are enough.
    pub(super) fn top_up(&mut self, ts: i64, side: Side, mood: &Mood, out: &mut SimMinute) {
        let sign = i64::from(side.sign());
        let touch = self.target(side);
        while self.ladder.depth(side) < MIN_LEVELS + 8 {
            let gap = 1 + self
                .rand
                .below(ticks(2.0 / self.occupancy).unsigned_abs().max(2) - 1);
            let mut tick = self.ladder.last(side) - sign * gap.cast_signed();
            if (touch - tick) * sign > self.depth {
                // No room left behind: the first hole behind the touch.
                tick = self.ladder.best(side) - sign;
                while self.ladder.qty(side, tick) > 0 {
                    tick -= sign;
                }
            }
            let qty = self.draw_level(mood, (touch - tick) * sign);
            self.put(ts, side, tick, qty, out);
        }
    }

    /// A limit order or a cancel arrives; `side` is the side of the resting order.
    pub(super) fn rest(
        &mut self,
        ts: i64,
        side: Side,
        is_limit: bool,
        mood: &Mood,
        out: &mut SimMinute,
    ) {
        let best = self.ladder.best(side);
        let sign = i64::from(side.sign());
        let at_touch = self.rand.chance(AT_TOUCH);
        let behind = if at_touch { 0 } else { self.draw_distance() };
        let tick = best - sign * behind;
        let qty = self.ladder.qty(side, tick);
        let large = if self.rand.chance(LARGE_ORDER.0) {
            LARGE_ORDER.1
        } else {
            1.0
        };
        let size = large * ORDER_SHARE * -libm::log(1.0 - self.rand.unit());
        let new = if is_limit {
            if qty > 0 {
                qty + ticks(mood.touch * size).max(1)
            } else if self
                .rand
                .chance(self.occupancy / (1.0 - self.occupancy).max(1e-9))
            {
                self.draw_level(mood, behind)
            } else {
                return;
            }
        } else {
            if qty == 0 {
                return;
            }
            let left = qty - ticks(qty as f64 * size.min(MOST_CANCELLED)).max(1);
            let goes = behind > 0 && self.rand.chance((1.0 - self.occupancy) / self.occupancy)
                || left < ticks(0.02 * mood.touch);
            match (goes, self.ladder.depth(side) > MIN_LEVELS) {
                (true, true) => 0,
                (true, false) => return,
                (false, _) => left.max(1),
            }
        };
        self.begin(out);
        self.put(ts, side, tick, new, out);
        self.end(ts, out);
        self.expect_refill(ts, side, mood);
    }

    /// Draws a distance from the touch: a power law, as on real books.
    fn draw_distance(&mut self) -> i64 {
        let x = 1.0 / (1.0 - self.rand.unit());
        ticks(x).clamp(1, self.depth)
    }

    pub(super) fn expect_refill(&mut self, ts: i64, side: Side, mood: &Mood) {
        let which = usize::from(side == Side::Sell);
        if self.refill_at[which] == i64::MAX && self.ladder.best(side) != self.target(side) {
            let wait = -libm::log(1.0 - self.rand.unit()) * mood.refill_us;
            self.refill_at[which] = ts + 1 + ticks(wait.min(4.0 * mood.refill_us));
        }
    }

    /// Quotes a swept best price again.
    pub(super) fn refill(&mut self, ts: i64, side: Side, mood: &Mood, out: &mut SimMinute) {
        self.refill_at[usize::from(side == Side::Sell)] = i64::MAX;
        let touch = self.target(side);
        if self.ladder.qty(side, touch) == 0 {
            let qty = self.draw_level(mood, 0);
            self.begin(out);
            self.put(ts, side, touch, qty, out);
            self.end(ts, out);
        }
    }

    pub(super) fn begin(&mut self, out: &SimMinute) {
        self.message = out.changes.len();
    }

    pub(super) fn put(
        &mut self,
        ts: i64,
        side: Side,
        price_ticks: i64,
        qty_lots: i64,
        out: &mut SimMinute,
    ) {
        self.ladder.set(side, price_ticks, qty_lots);
        out.changes.push(LevelChange {
            ts: UnixMicros(ts),
            update_id: self.next_update,
            side,
            price_ticks,
            qty_lots,
            msg_end: false,
        });
    }

    /// Closes a message, and records the quote if the best prices or their quantities changed.
    pub(super) fn end(&mut self, ts: i64, out: &mut SimMinute) {
        if out.changes.len() == self.message {
            return;
        }
        if let Some(last) = out.changes.last_mut() {
            last.msg_end = true;
        }
        let (bid, ask) = (self.ladder.best(Side::Buy), self.ladder.best(Side::Sell));
        let quote = (
            bid,
            self.ladder.qty(Side::Buy, bid),
            ask,
            self.ladder.qty(Side::Sell, ask),
        );
        if quote != self.quote {
            self.quote = quote;
            out.quotes.push(SimQuote {
                ts: UnixMicros(ts),
                update_id: self.next_update,
                bid_ticks: quote.0,
                bid_lots: quote.1,
                ask_ticks: quote.2,
                ask_lots: quote.3,
            });
        }
        self.next_update += 1;
    }

    /// Returns the middle of the best prices in ticks.
    pub(super) fn mid(&self) -> f64 {
        (self.ladder.best(Side::Buy) + self.ladder.best(Side::Sell)) as f64 * 0.5
    }
}

/// Draws the quantity of a level `behind` ticks from the touch.
fn level_lots(rand: &mut Rand, mood: &Mood, behind: i64) -> i64 {
    // Books are humped: more rests some ticks behind the touch (Bouchaud, Mezard and Potters 2002).
    let shape = 1.0 + 0.5 * (behind as f64 / 10.0).min(1.0);
    let z = LEVEL_LOG_SD * rand.normal() - 0.5 * LEVEL_LOG_SD * LEVEL_LOG_SD;
    ticks(mood.touch * shape * libm::exp(z)).max(1)
}

/// Returns the best prices `spread` apart whose middle is nearest to `center`.
fn around(center: f64, spread: i64) -> (i64, i64) {
    let bid = floor_ticks(center - 0.5 * (spread - 1) as f64);
    (bid, bid + spread)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to whole numbers a double holds exactly"
)]
fn floor_ticks(x: f64) -> i64 {
    libm::floor(x).clamp(-9e15, 9e15) as i64
}

/// Returns a rounded count of ticks, lots or microseconds.
pub(super) fn ticks(x: f64) -> i64 {
    floor_ticks(x + 0.5)
}
