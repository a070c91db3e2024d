//! Taker orders against the book: which levels they reach, their matches, and the message that follows.

use crate::market::Side;
use crate::synth::event::{SimMatch, SimMinute};
use crate::synth::market::maker::{MIN_LEVELS, Maker, Mood};
use crate::time::UnixMicros;

/// Most levels one taker order walks through; the rest of it expires.
const MOST_LEVELS: usize = 12;
/// Chance that a fill is split over one more resting order: 1.5 matches per price on average.
const MORE_MATCHES: f64 = 1.0 / 3.0;
/// Mean number of matches per price that follows.
pub(super) const MATCHES_PER_FILL: f64 = 1.0 / (1.0 - MORE_MATCHES);

/// What a taker order got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fill {
    pub(super) lots: i64,
    /// Sum of ticks times lots.
    pub(super) tick_lots: i64,
    /// Last price reached.
    pub(super) worst: i64,
}

impl Maker {
    /// A taker order walks the book: its matches, then one message with the levels it changed.
    pub(super) fn take(
        &mut self,
        ts: i64,
        side: Side,
        lots: i64,
        is_liquidation: bool,
        mood: &Mood,
        out: &mut SimMinute,
    ) -> Fill {
        let resting = side.opposite();
        let mut levels = core::mem::take(&mut self.levels);
        levels.clear();
        let mut left = lots;
        let mut next = Some(self.ladder.best(resting));
        let room = self
            .ladder
            .depth(resting)
            .saturating_sub(MIN_LEVELS)
            .min(MOST_LEVELS);
        while let Some(tick) = next.filter(|_| left > 0) {
            let qty = self.ladder.qty(resting, tick);
            // With no level to spare the best one is left with its last lot.
            let filled = if levels.len() < room {
                left.min(qty)
            } else {
                left.min(qty - 1)
            };
            if filled > 0 {
                levels.push((tick, filled));
                left -= filled;
            }
            if filled < qty {
                break;
            }
            next = self.ladder.behind(resting, tick);
        }
        let mut fill = Fill::default();
        for &(tick, filled) in &levels {
            self.matches(ts, side, tick, filled, is_liquidation, out);
            fill.lots += filled;
            fill.tick_lots += tick * filled;
            fill.worst = tick;
        }
        self.begin(out);
        for &(tick, filled) in &levels {
            let qty = self.ladder.qty(resting, tick) - filled;
            self.put(ts, resting, tick, qty, out);
        }
        self.end(ts, out);
        self.levels = levels;
        if self.ladder.depth(resting) < MIN_LEVELS + 4 {
            self.begin(out);
            self.top_up(ts, resting, mood, out);
            self.end(ts, out);
        }
        self.expect_refill(ts, resting, mood);
        fill
    }

    /// Records the matches of an order at one price: one aggregate, split over resting orders.
    fn matches(
        &mut self,
        ts: i64,
        aggressor: Side,
        price_ticks: i64,
        lots: i64,
        is_liquidation: bool,
        out: &mut SimMinute,
    ) {
        let mut left = lots;
        while left > 0 {
            let qty_lots = if left > 1 && self.rand.chance(MORE_MATCHES) {
                1 + self.rand.below(left.unsigned_abs() - 1).cast_signed()
            } else {
                left
            };
            left -= qty_lots;
            out.matches.push(SimMatch {
                ts: UnixMicros(ts),
                id: self.next_match,
                agg_id: self.next_agg,
                update_id: self.next_update,
                price_ticks,
                qty_lots,
                aggressor,
                is_liquidation,
            });
            self.next_match += 1;
        }
        self.next_agg += 1;
    }
}
