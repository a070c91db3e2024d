//! When the venue is open: halts and minutes without a trade, from a stream of their own.

use crate::synth::market::maker::ticks;
use crate::synth::rand::Rand;
use crate::synth::world::InstrumentParams;
use crate::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Shortest and longest halt, minutes.
const MINUTES: (f64, f64) = (5.0, 60.0);

/// Opening times of one instrument.
#[derive(Debug)]
pub(super) struct Venue {
    rand: Rand,
    /// The halt now known: from, until. `i64::MAX` for none.
    from: i64,
    until: i64,
    is_quiet: bool,
}

impl Venue {
    pub(super) fn new(rand: Rand) -> Self {
        Self {
            rand,
            from: i64::MAX,
            until: i64::MAX,
            is_quiet: false,
        }
    }

    /// Draws whether a halt begins in the minute and whether the minute passes without a trade.
    pub(super) fn open_minute(&mut self, start: i64, params: &InstrumentParams) {
        let minutes = MINUTES_PER_DAY as f64;
        let begins = self.rand.chance(params.halts_per_day / minutes);
        if begins && self.from == i64::MAX {
            let inside = MICROS_PER_MINUTE.unsigned_abs() - 2;
            self.from = start + 1 + self.rand.below(inside).cast_signed();
            let length = MINUTES.0 + (MINUTES.1 - MINUTES.0) * self.rand.unit();
            // Reopening at the first instant of a minute would not lie inside it.
            let until = self.from + ticks(length * MICROS_PER_MINUTE as f64);
            self.until = until + i64::from(until % MICROS_PER_MINUTE == 0);
        }
        self.is_quiet = self.rand.chance(params.empty_minutes_per_day / minutes);
    }

    /// Returns whether nothing trades in this minute, though quotes go on.
    pub(super) const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    pub(super) const fn is_halted(&self, ts: i64) -> bool {
        self.from <= ts && ts < self.until
    }

    /// Returns when the venue opens again, `i64::MAX` if it is not going to halt.
    pub(super) const fn reopens(&self) -> i64 {
        self.until
    }

    pub(super) const fn reopen(&mut self) {
        self.from = i64::MAX;
        self.until = i64::MAX;
    }
}
