//! Price shocks that instruments share: a Cox process in time with clustered volatility and a daily cycle.
//! Knows nothing of books, flow or regimes.

use crate::synth::rand::Rand;
use crate::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Half-lives of the parts of log volatility, minutes; volatility remembers on several scales (Corsi 2009, HAR).
const HALF_LIVES: [f64; 4] = [6.0, 40.0, 240.0, 1_440.0];
/// Stationary standard deviations of those parts. Their squares sum to 0.35, which alone gives minute returns an
/// excess kurtosis of `3 exp(4 * 0.35) - 3`, about 9, in the long run.
const LOG_SDS: [f64; 4] = [0.36, 0.32, 0.28, 0.20];
/// Mean number of shocks per minute of one factor.
pub(super) const SHOCKS_PER_MINUTE: f64 = 36.0;
/// Spread of the sizes of shocks around their mean.
const SIZE_SPREAD: f64 = 1.0;
/// Chance that a shock is a large one, and how much larger it is.
const LARGE: (f64, f64) = (0.0002, 15.0);
/// Volatility of a constant factor: that of the usual minute, below the mean, which few lively minutes make.
const USUAL_LEVEL: f64 = 0.8;
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

/// How the volatility of a factor behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Clustered, and so is the number of shocks.
    Clustered,
    /// Clustered, but only the size of shocks shows it: nothing seen in a book tells how large the next move will be.
    Hidden,
    /// Constant; for measuring rates.
    Still,
}

/// A source of shocks with unit variance per day.
#[derive(Debug)]
pub(super) struct Factor {
    shocks: Rand,
    levels: Rand,
    parts: [f64; 4],
    sds: [f64; 4],
    kind: Kind,
}

/// Returns activity relative to the mean minute: a U between two afternoons (peak 14:30 UTC, trough 2:30 UTC), and a
/// smaller second wave.
pub(super) fn season(start: i64) -> f64 {
    // The mean of exp(a cos x + b cos 2x) over a day, for the constants below.
    const MEAN: f64 = 1.06934;
    let of_day = start.rem_euclid(MICROS_PER_DAY) as f64 / MICROS_PER_DAY as f64;
    let turn = (of_day - 14.5 / 24.0) * core::f64::consts::TAU;
    libm::exp(0.5 * libm::cos(turn) + 0.1 * libm::cos(2.0 * turn)) / MEAN
}

/// Returns the daily cycle of the standard deviation; its square has mean 1 within 1 %.
pub(super) fn volatility_season(activity: f64) -> f64 {
    libm::pow(activity, VOLATILITY_CYCLE)
}

/// Returns the mean of volatility to a power when the squares of two independent volatilities are mixed with weights
/// `share` and `1 - share` (exact for one, log-normal in the second moment for two).
pub(super) fn mean_power(power: f64, share: f64) -> f64 {
    let variance: f64 = LOG_SDS.iter().map(|sd| sd * sd).sum();
    let mix = share * share + (1.0 - share) * (1.0 - share);
    let log_variance = libm::log(1.0 + mix * (libm::exp(4.0 * variance) - 1.0));
    // E x^(p/2) of a log-normal x with mean 1.
    let half = 0.5 * power;
    libm::exp(0.5 * half * (half - 1.0) * log_variance)
}

impl Factor {
    pub(super) fn new(shocks: Rand, mut levels: Rand, kind: Kind) -> Self {
        let sds = if kind == Kind::Still {
            [0.0; 4]
        } else {
            LOG_SDS
        };
        let parts = sds.map(|sd| sd * levels.normal());
        Self {
            shocks,
            levels,
            parts,
            sds,
            kind,
        }
    }

    /// Draws a size with mean 0 and variance 1. Sizes of one moment are alike (in shape a folded normal far from 0), so
    /// that counting moves by their sign, as order flow imbalance does, still tells most of the price change.
    fn draw_size(&mut self) -> f64 {
        let size = libm::fabs(1.0 + SIZE_SPREAD * self.shocks.normal())
            / (1.0 + SIZE_SPREAD * SIZE_SPREAD).sqrt();
        if self.shocks.chance(0.5) { size } else { -size }
    }

    /// Draws the next minute's shocks into `out` (sorted by time) and returns its volatility relative to the mean.
    pub(super) fn next_minute(&mut self, activity: f64, out: &mut Vec<Shock>) -> f64 {
        let mut log = 0.0;
        for ((part, half_life), sd) in self.parts.iter_mut().zip(HALF_LIVES).zip(self.sds) {
            let keep = libm::exp2(-1.0 / half_life);
            *part = *part * keep + sd * (1.0 - keep * keep).sqrt() * self.levels.normal();
            log += *part - sd * sd;
        }
        let level = if self.kind == Kind::Still {
            USUAL_LEVEL
        } else {
            libm::exp(log)
        };
        let speed = if self.kind == Kind::Clustered {
            libm::pow(level, RATE_POWER) / mean_power(RATE_POWER, 1.0)
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
                size: scale * large * self.draw_size(),
            });
        }
        out.sort_by_key(|shock| shock.offset);
        volatility
    }
}
