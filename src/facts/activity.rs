//! How much happens and when: counts per day and hour, empty minutes, halts.

use quant_core::stats::ols;
use quant_core::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

use crate::facts::touch::MinuteMeasure;

/// Hours of a day.
const HOURS: usize = 24;

/// Counts over a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// Minutes in which the venue was open.
    pub open_minutes: u64,
    /// Matches.
    pub matches: u64,
    /// Changes of the touch.
    pub quotes: u64,
    /// Open minutes without a match.
    pub empty_minutes: u64,
    /// Halts that began.
    pub halts: u64,
    hour_matches: [u64; HOURS],
    hour_minutes: [u64; HOURS],
    was_halted: bool,
}

impl Activity {
    /// Takes the next minute.
    pub fn push(&mut self, minute: &MinuteMeasure) {
        self.halts += u64::from(minute.is_halted && !self.was_halted);
        self.was_halted = minute.is_halted;
        if minute.is_halted {
            return;
        }
        self.open_minutes += 1;
        self.matches += minute.n_matches;
        self.quotes += minute.n_quotes;
        self.empty_minutes += u64::from(minute.n_matches == 0);
        let hour = minute
            .start
            .0
            .div_euclid(60 * MICROS_PER_MINUTE)
            .rem_euclid(24);
        let hour = usize::try_from(hour).unwrap_or(0);
        self.hour_matches[hour] += minute.n_matches;
        self.hour_minutes[hour] += 1;
    }

    /// Returns days of open minutes.
    pub fn days(&self) -> f64 {
        self.open_minutes as f64 / MINUTES_PER_DAY as f64
    }

    /// Returns matches per hour for every hour of the UTC day; `None` where an hour was never open.
    pub fn hourly(&self) -> Option<[f64; HOURS]> {
        let mut out = [0.0; HOURS];
        for (rate, (matches, minutes)) in out
            .iter_mut()
            .zip(self.hour_matches.iter().zip(&self.hour_minutes))
        {
            if *minutes == 0 {
                return None;
            }
            *rate = *matches as f64 * 60.0 / *minutes as f64;
        }
        Some(out)
    }
}

/// Returns the busiest over the quietest hour; `None` where an hour is empty.
pub fn peak_over_trough(hourly: &[f64; HOURS]) -> Option<f64> {
    let peak = hourly.iter().copied().fold(f64::MIN, f64::max);
    let trough = hourly.iter().copied().fold(f64::MAX, f64::min);
    (trough > 0.0).then(|| peak / trough)
}

/// Returns how much of the variation over the day a U explains, negative if it is the wrong way up.
///
/// A market that never closes has no edges of a session: the day is read from its busiest hour round to the same hour
/// again (25 points), and the rate is regressed on `(k - 12)^2`.
pub fn u_shape(hourly: &[f64; HOURS]) -> Option<f64> {
    let busiest = (0..HOURS).max_by(|a, b| hourly[*a].total_cmp(&hourly[*b]))?;
    let (xs, ys): (Vec<f64>, Vec<f64>) = (0..=HOURS)
        .map(|k| {
            let from_middle = k as f64 - 12.0;
            (from_middle * from_middle, hourly[(busiest + k) % HOURS])
        })
        .unzip();
    let fit = ols(&xs, &ys).ok()?;
    Some(if fit.slope > 0.0 { fit.r2 } else { -fit.r2 })
}

/// Returns how far a count lies from its Poisson expectation, in standard deviations.
///
/// # References
/// Anscombe 1948, "The Transformation of Poisson, Binomial and Negative-Binomial Data": `2 sqrt(c + 3/8)` has variance
/// close to 1.
pub fn poisson_z(count: u64, expected: f64) -> f64 {
    2.0 * ((count as f64 + 0.375).sqrt() - (expected + 0.375).sqrt())
}
