//! The market model: regimes, seasonality, flow and price, one day after the other.

use crate::market::Side;
use crate::synth::day::{Grid, SimDay, SimTrade, klines};
use crate::synth::params::{Profile, SynthError, SynthParams};
use crate::synth::rand::Rand;
use crate::synth::regime::{Character, SimRegime};
use crate::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// A process that makes a market day by day.
///
/// # Determinism
/// Day n is a pure function of the parameters and n: the same days in the same order give the same bits.
pub trait MarketModel {
    /// Returns the next day; the first call returns the start day.
    fn next_day(&mut self) -> SimDay;
}

/// Share of orders that repeat the side of the order before: large orders are split.
/// The sign autocorrelation of trades on liquid venues is of this size (Bouchaud, Farmer and Lillo 2009).
const SAME_SIDE: f64 = 0.6;
/// Price move of a trade of median size, in standard deviations of one trade's price step.
const IMPACT: f64 = 0.15;
/// Weight that keeps the variance of a step at 1 beside the impact, whose autocorrelated signs quadruple its share.
const NOISE: f64 = 0.92;
/// Standard deviation of the log of a quantity.
const LOG_QTY_SD: f64 = 1.2;
/// Chance that an aggregate holds one more match: 1.5 matches on average.
const MORE_MATCHES: f64 = 1.0 / 3.0;
/// Depth of the daily cycle of activity, which peaks at 14:30 UTC.
const SEASON: f64 = 0.4;

/// Regime-switching market of one instrument. First form: no order book, funding or second instrument.
#[derive(Debug)]
pub struct RegimeMarket {
    params: SynthParams,
    grid: Grid,
    next: Day,
    regime: SimRegime,
    /// Efficient price in ticks.
    price: f64,
    /// Efficient price when the spell began.
    anchor: f64,
    last_ticks: i64,
    side: Side,
    next_agg_id: i64,
    next_id: i64,
    /// Activity of each minute relative to the mean minute.
    season: Vec<f64>,
    /// Volatility of the mean minute, as a fraction.
    minute_volatility: f64,
    mean_activity: f64,
}

/// What a minute's trades are drawn from.
struct Minute {
    start_ms: i64,
    character: Character,
    /// Standard deviation of the minute's return.
    volatility: f64,
}

impl RegimeMarket {
    /// Returns the market before its first day.
    ///
    /// # Errors
    /// A [`SynthError`] for parameters no market can be made with.
    pub fn new(params: SynthParams) -> Result<Self, SynthError> {
        let params = params.check()?;
        let (tick, lot) = (params.tick_size, params.lot_size);
        let tick_lot = tick.product(lot).ok_or(SynthError::TooFine { tick, lot })?;
        let start_ticks = tick.round(params.start_price).unwrap_or(1).max(1);
        let season = (0..MINUTES_PER_DAY)
            .map(|minute| {
                let turn = (minute as f64 - 870.0) / MINUTES_PER_DAY as f64;
                1.0 + SEASON * libm::cos(2.0 * core::f64::consts::PI * turn)
            })
            .collect();
        let variance = SimRegime::average(match params.profile {
            Profile::Null => |_, x| x.volatility * x.volatility,
            // A trend's exponential spell of mean length L adds E[L^2] drift^2 / L = 2 L drift^2 per minute; a range
            // gives back what it moves.
            Profile::Mixed => |regime, x| match regime {
                SimRegime::Range => 0.0,
                _ => x.volatility * x.volatility + 2.0 * x.drift * x.drift / x.end_chance,
            },
        });
        let minutes = MINUTES_PER_DAY as f64;
        Ok(Self {
            grid: Grid {
                tick,
                lot,
                tick_lot,
            },
            next: params.start_day,
            regime: SimRegime::Calm,
            price: start_ticks as f64,
            anchor: start_ticks as f64,
            last_ticks: start_ticks,
            side: Side::Buy,
            next_agg_id: 1_000_000,
            next_id: 1_500_000,
            season,
            minute_volatility: params.daily_volatility / (minutes * variance).sqrt(),
            mean_activity: SimRegime::average(|_, x| x.activity),
            params,
        })
    }

    /// Returns the parameters.
    pub const fn params(&self) -> &SynthParams {
        &self.params
    }

    fn rand(&self, day: Day) -> Rand {
        Rand::keyed(&[
            b"quant synth 1",
            &self.params.seed.to_le_bytes(),
            self.params.symbol.as_str().as_bytes(),
            self.params.profile.name().as_bytes(),
            &self.params.start_day.0.to_le_bytes(),
            &day.0.to_le_bytes(),
        ])
    }

    /// Appends the trades of one minute.
    fn minute(&mut self, minute: &Minute, times: &[i64], rand: &mut Rand, out: &mut Vec<SimTrade>) {
        if times.is_empty() {
            self.step(minute, 1.0, 0.0, rand);
        }
        let share = 1.0 / times.len().max(1) as f64;
        for offset in times {
            let fresh = self.params.profile == Profile::Null || !rand.chance(SAME_SIDE);
            let buy_share = match self.params.profile {
                Profile::Null => 0.5,
                Profile::Mixed => minute.character.buy_share,
            };
            if fresh {
                self.side = if rand.chance(buy_share) {
                    Side::Buy
                } else {
                    Side::Sell
                };
            }
            let size = libm::exp(LOG_QTY_SD * rand.normal());
            let qty_lots = self
                .grid
                .lot
                .round(self.params.median_qty * size)
                .unwrap_or(1)
                .max(1);
            // Only the surprise in the flow moves the price: its lean is the trend's own.
            let surprise = f64::from(self.side.sign()) - (2.0 * buy_share - 1.0);
            let pressure = surprise * size.sqrt().min(5.0);
            self.step(minute, share, pressure, rand);
            let price_ticks = self.traded_price();
            let mut matches = 1;
            while matches < 100 && rand.chance(MORE_MATCHES) {
                matches += 1;
            }
            out.push(SimTrade {
                agg_id: self.next_agg_id,
                first_id: self.next_id,
                last_id: self.next_id + matches - 1,
                ts_ms: minute.start_ms + offset,
                price_ticks,
                qty_lots,
                price: self.grid.tick.value(price_ticks),
                qty: self.grid.lot.value(qty_lots),
                aggressor: self.side,
            });
            self.next_agg_id += 1;
            self.next_id += matches;
            self.last_ticks = price_ticks;
        }
    }

    /// Moves the efficient price by `share` of a minute.
    fn step(&mut self, minute: &Minute, share: f64, pressure: f64, rand: &mut Rand) {
        let sd = minute.volatility * share.sqrt();
        match self.params.profile {
            Profile::Null => {
                // A symmetric integer step: its size depends on the past only, its expectation is exactly 0, and the
                // fraction is rounded at random so that a coarse tick does not swallow small moves.
                let x = self.anchor * sd * rand.normal();
                let floor = libm::floor(x);
                let step = floor + if rand.chance(x - floor) { 1.0 } else { 0.0 };
                // Refusing both directions alike keeps the martingale and the price positive.
                if libm::fabs(step) < self.price {
                    self.price += step;
                }
            }
            Profile::Mixed => {
                let x = &minute.character;
                let gap = (self.anchor - self.price) / self.price;
                let r = sd * (NOISE * rand.normal() + IMPACT * pressure)
                    + share * (x.drift * self.minute_volatility + x.pull * gap);
                self.price *= 1.0 + r.clamp(-0.05, 0.05);
                // The grid ends at one tick; a market that falls that far stays a market.
                self.price = self.price.max(1.0);
            }
        }
    }

    /// Returns the price the current side trades at: the efficient price itself in the null market, where the price
    /// must not depend on the flow; else one tick of spread lies around it.
    fn traded_price(&self) -> i64 {
        let x = match (self.params.profile, self.side) {
            (Profile::Null, _) => self.price,
            (Profile::Mixed, Side::Buy) => libm::ceil(self.price),
            (Profile::Mixed, Side::Sell) => libm::floor(self.price),
        };
        whole(x)
    }
}

/// Returns a whole number of ticks, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to 1..=2^53 before the cast"
)]
fn whole(x: f64) -> i64 {
    x.clamp(1.0, 9_007_199_254_740_992.0) as i64
}

impl MarketModel for RegimeMarket {
    fn next_day(&mut self) -> SimDay {
        let day = self.next;
        self.next = day.plus(1);
        let mut rand = self.rand(day);
        let open_ticks = self.last_ticks;
        let mut trades = Vec::with_capacity(self.params.trades_per_day as usize);
        let mut regimes = Vec::with_capacity(MINUTES_PER_DAY);
        let mut times = Vec::new();
        let mean = f64::from(self.params.trades_per_day) / MINUTES_PER_DAY as f64;
        if self.params.profile == Profile::Null {
            // Steps scale with the price at the start of the day: known before any of its flow.
            self.anchor = self.price;
        }
        for (index, start) in (0..MINUTES_PER_DAY).zip((0_i64..).map(|i| i * MICROS_PER_MINUTE)) {
            let regime = self.regime.next(&mut rand);
            if regime != self.regime && self.params.profile == Profile::Mixed {
                self.anchor = self.price;
            }
            self.regime = regime;
            regimes.push(regime);
            let character = regime.character();
            let season = self.season[index];
            let n = rand.poisson(mean * season * character.activity / self.mean_activity);
            times.clear();
            times.extend((0..n).map(|_| rand.below(60_000).cast_signed()));
            times.sort_unstable();
            let start_us = day.start().0 + start;
            let minute = Minute {
                start_ms: start_us / 1_000,
                character,
                volatility: self.minute_volatility * character.volatility * season.sqrt(),
            };
            self.minute(&minute, &times, &mut rand, &mut trades);
        }
        let klines = klines(day, &trades, self.grid, open_ticks);
        SimDay {
            day,
            trades,
            klines,
            regimes,
        }
    }
}
