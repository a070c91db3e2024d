//! What only perpetuals have: mark and index price, funding, open interest, forced orders. Draws from its own stream.

use crate::market::Side;
use crate::synth::event::{SimFunding, SimMark, SimMinute, SimPositions};
use crate::synth::market::maker::ticks;
use crate::synth::rand::Rand;
use crate::synth::world::InstrumentParams;
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, UnixMicros};

/// Interest part of the funding rate per interval, and how far the rate may leave the premium for it
/// (venues' common formula: `premium + clamp(interest - premium, -5 bp, 5 bp)`).
const INTEREST: f64 = 1e-4;
const DAMPER: f64 = 5e-4;
/// Most a settlement may charge.
const FUNDING_CAP: f64 = 0.02;
/// Hours between settlements.
const INTERVAL_H: u32 = 8;
/// Half-life of the basis in the mark price, seconds.
const MARK_HALF_LIFE: f64 = 30.0;

/// State of the side data of one perpetual.
#[derive(Debug)]
pub(super) struct Perp {
    rand: Rand,
    is_null: bool,
    smooth_basis: f64,
    premium_sum: f64,
    premium_n: f64,
    last_settlement: Option<i64>,
    mark: f64,
    interest_lots: f64,
    usual_lots: f64,
    ratios: [f64; 3],
    bought: f64,
    sold: f64,
    /// Log move of the last minute, decaying; forced orders follow it.
    rush: f64,
}

impl Perp {
    pub(super) fn new(params: &InstrumentParams, mut rand: Rand, is_null: bool) -> Self {
        // About a day's volume is open: takers trade 1.5 matches of some 2 medians each.
        let usual =
            f64::from(params.trades_per_day) * params.median_qty * 2.0 / params.lot_size.size();
        let interest_lots = usual.max(100.0) * libm::exp(0.1 * rand.normal());
        Self {
            rand,
            is_null,
            smooth_basis: 0.0,
            premium_sum: 0.0,
            premium_n: 0.0,
            last_settlement: None,
            mark: params.start_price,
            interest_lots,
            usual_lots: usual.max(100.0),
            ratios: [0.0; 3],
            bought: 0.0,
            sold: 0.0,
            rush: 0.0,
        }
    }

    /// Publishes the mark price of a second. Prices are quote per base.
    pub(super) fn second(&mut self, ts: i64, index: f64, mid: f64, out: &mut SimMinute) {
        let premium = mid / index - 1.0;
        let keep = libm::exp2(-1.0 / MARK_HALF_LIFE);
        self.smooth_basis = self.smooth_basis * keep + premium * (1.0 - keep);
        self.premium_sum += premium;
        self.premium_n += 1.0;
        self.mark = index * (1.0 + self.smooth_basis);
        self.rush *= libm::exp(-1.0 / 60.0);
        out.marks.push(SimMark {
            ts: UnixMicros(ts),
            mark: self.mark,
            index,
            predicted_funding: self.rate(),
        });
    }

    fn rate(&self) -> f64 {
        let premium = self.premium_sum / self.premium_n.max(1.0);
        let rate = premium + (INTEREST - premium).clamp(-DAMPER, DAMPER);
        rate.clamp(-FUNDING_CAP, FUNDING_CAP)
    }

    /// Settles and publishes what is due at the start of a minute.
    pub(super) fn open_minute(&mut self, start: i64, lot: f64, out: &mut SimMinute) {
        let interval = i64::from(INTERVAL_H) * MICROS_PER_HOUR;
        if start % interval == 0 {
            let hours = self.last_settlement.map_or(INTERVAL_H, |at| {
                u32::try_from((start - at) / MICROS_PER_HOUR).unwrap_or(INTERVAL_H)
            });
            out.funding = Some(SimFunding {
                ts: UnixMicros(start),
                rate: self.rate(),
                interval_h: hours,
                mark: self.mark,
            });
            self.last_settlement = Some(start);
            (self.premium_sum, self.premium_n) = (0.0, 0.0);
        }
        if start % (5 * MICROS_PER_MINUTE) == 0 {
            out.positions = Some(self.positions(start, lot));
        }
    }

    fn positions(&mut self, start: i64, lot: f64) -> SimPositions {
        for (ratio, sd) in self.ratios.iter_mut().zip([0.02, 0.015, 0.02]) {
            *ratio = *ratio * 0.995 + sd * self.rand.normal();
        }
        let total = self.bought + self.sold;
        // Flow opens positions more often than it closes them; the rest is pulled back to what is usual.
        self.interest_lots += 0.02 * total * self.rand.normal()
            + 0.002 * (self.usual_lots - self.interest_lots)
            + 0.004 * (total - self.usual_lots / 288.0);
        self.interest_lots = self.interest_lots.max(0.2 * self.usual_lots);
        let lots = ticks(self.interest_lots).max(1);
        let taker_ratio = (self.bought + 1.0) / (self.sold + 1.0);
        (self.bought, self.sold) = (0.0, 0.0);
        let delay = 200_000_001 + self.rand.below(100_000_000).cast_signed();
        SimPositions {
            ts: UnixMicros(start),
            published_at: UnixMicros(start + delay),
            open_interest_lots: lots,
            notional: lots as f64 * lot * self.mark,
            top_account_ratio: libm::exp(0.3 + self.ratios[0]),
            top_position_ratio: libm::exp(0.1 + self.ratios[1]),
            account_ratio: libm::exp(0.4 + self.ratios[2]),
            taker_ratio,
        }
    }

    /// Counts a taker order.
    pub(super) fn traded(&mut self, side: Side, lots: i64) {
        match side {
            Side::Buy => self.bought += lots as f64,
            Side::Sell => self.sold += lots as f64,
        }
    }

    /// Takes note of a move of the efficient price.
    pub(super) fn moved(&mut self, log_move: f64) {
        self.rush += log_move;
    }

    /// Draws whether a position is closed by force in this second; returns the delay in microseconds, the side and the
    /// size in median orders.
    pub(super) fn forced(&mut self, minute_sd: f64) -> Option<(i64, Side, f64)> {
        // In the null market no flow may know the price: forced orders come by chance.
        let (chance, side) = if self.is_null {
            let side = if self.rand.chance(0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            (3e-4, side)
        } else {
            let side = if self.rush > 0.0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let excess = libm::fabs(self.rush) / minute_sd - 2.0;
            (0.04 * excess.clamp(0.0, 10.0), side)
        };
        let is_forced = self.rand.chance(chance);
        is_forced.then(|| {
            let delay = 1 + self
                .rand
                .below(MICROS_PER_SECOND.unsigned_abs() - 2)
                .cast_signed();
            (delay, side, 8.0 * libm::exp(self.rand.normal()))
        })
    }
}
