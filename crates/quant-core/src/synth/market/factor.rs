//! Price shocks that instruments share: a Cox process in time with clustered volatility and a daily cycle.
//! Knows nothing of books, flow or regimes.

use crate::synth::rand::Rand;
use crate::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Half-lives of the parts of log volatility, minutes; volatility remembers on several scales (Corsi 2009, HAR).
const HALF_LIVES: [f64; 3] = [20.0, 180.0, 1_200.0];
/// Stationary standard deviations of those parts. Their squares sum to 0.24, which alone gives minute returns an
/// excess kurtosis of `3 exp(4 * 0.24) - 3`, about 5.
const LOG_SDS: [f64; 3] = [0.30, 0.30, 0.25];
/// Mean number of shocks per minute of one factor.
pub(super) const SHOCKS_PER_MINUTE: f64 = 36.0;
/// Chance that a shock is a large one, and how much larger it is.
const LARGE: (f64, f64) = (0.002, 5.0);
/// Share of the daily cycle of activity that volatility follows.
const VOLATILITY_CYCLE: f64 = 0.5;
/// Shocks per minute grow with volatility to this power (where they may).
const RATE_POWER: f64 = 0.6;

/// One move of a factor within a minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shock {
    /// Microseconds after the start of the minute.
    pub(super) offset: i64,
    /// Size in standard deviations of an average day.
    pub(super) size: f64,
}

/// A source of shocks with unit variance per day.
#[derive(Debug)]
pub(super) struct Factor {
    shocks: Rand,
    levels: Rand,
    parts: [f64; 3],
    /// The number of shocks follows volatility; in the null market it must not, so that nothing seen in the book tells
    /// how large the next move will be.
    is_rate_stochastic: bool,
}

/// Returns activity relative to the mean minute: a U between two afternoons (peak 14:30 UTC, trough 2:30 UTC), and a
/// smaller second wave.
pub(super) fn season(minute_of_day: usize) -> f64 {
    // The mean of exp(a cos x + b cos 2x) over a day, for the constants below.
    const MEAN: f64 = 1.0668;
    let turn = (minute_of_day as f64 - 870.0) / MINUTES_PER_DAY as f64 * core::f64::consts::TAU;
    libm::exp(0.5 * libm::cos(turn) + 0.1 * libm::cos(2.0 * turn)) / MEAN
}

/// Returns the daily cycle of the standard deviation; its square has mean 1 within 1 %.
pub(super) fn volatility_season(activity: f64) -> f64 {
    libm::pow(activity, VOLATILITY_CYCLE)
}

impl Factor {
    pub(super) fn new(shocks: Rand, mut levels: Rand, is_rate_stochastic: bool) -> Self {
        let parts = LOG_SDS.map(|sd| sd * levels.normal());
        Self {
            shocks,
            levels,
            parts,
            is_rate_stochastic,
        }
    }

    /// Draws the next minute's shocks into `out` (sorted by time) and returns its volatility relative to the mean.
    pub(super) fn next_minute(&mut self, activity: f64, out: &mut Vec<Shock>) -> f64 {
        let mut log = 0.0;
        for ((part, half_life), sd) in self.parts.iter_mut().zip(HALF_LIVES).zip(LOG_SDS) {
            let keep = libm::exp2(-1.0 / half_life);
            *part = *part * keep + sd * (1.0 - keep * keep).sqrt() * self.levels.normal();
            log += *part - sd * sd;
        }
        let level = libm::exp(log);
        let speed = if self.is_rate_stochastic {
            libm::pow(level, RATE_POWER)
        } else {
            1.0
        };
        let volatility = level * volatility_season(activity);
        let mean = SHOCKS_PER_MINUTE * activity * speed;
        let large_variance = 1.0 + LARGE.0 * (LARGE.1 * LARGE.1 - 1.0);
        let scale = volatility / (MINUTES_PER_DAY as f64 * mean * large_variance).sqrt();
        let n = self.shocks.poisson(mean);
        out.clear();
        for _ in 0..n {
            let offset = 1 + self
                .shocks
                .below(MICROS_PER_MINUTE.unsigned_abs() - 2)
                .cast_signed();
            let large = if self.shocks.chance(LARGE.0) {
                LARGE.1
            } else {
                1.0
            };
            out.push(Shock {
                offset,
                size: scale * large * self.shocks.normal(),
            });
        }
        out.sort_by_key(|shock| shock.offset);
        volatility
    }
}
