//! Distributions and times in bounded memory.

use std::collections::BTreeMap;

use quant_core::time::UnixMicros;
use serde::Serialize;

use super::report::Silence;

/// Distinct values that are kept apart; beyond it neighbours are joined, twice as wide each time.
const DISTINCT: usize = 16_384;

/// Silences that are kept.
const SILENCES: usize = 10;

/// Smallest, middle and largest values of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Median (of two the lower one).
    pub median: f64,
    /// 99th percentile, nearest rank.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// Counts of integers, exact up to [`DISTINCT`] different ones.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    by_value: BTreeMap<i64, u64>,
    width: i64,
    n: u64,
    min: i64,
    max: i64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            by_value: BTreeMap::new(),
            width: 1,
            n: 0,
            min: i64::MAX,
            max: i64::MIN,
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, value: i64) {
        self.n += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        *self
            .by_value
            .entry(value.div_euclid(self.width))
            .or_default() += 1;
        if self.by_value.len() > DISTINCT {
            self.width = self.width.saturating_mul(2);
            let mut wider: BTreeMap<i64, u64> = BTreeMap::new();
            for (value, n) in &self.by_value {
                *wider.entry(value.div_euclid(2)).or_default() += n;
            }
            self.by_value = wider;
        }
    }

    /// Returns the value of a rank from 1 to `n`, the lower edge of its interval where values were joined.
    fn rank(&self, rank: u64) -> i64 {
        let mut seen = 0;
        for (value, n) in &self.by_value {
            seen += n;
            if seen >= rank {
                return value.saturating_mul(self.width).clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// Returns the distribution with every value divided by `unit`; `None` without values.
    pub(super) fn spread(&self, unit: f64) -> Option<Spread> {
        if self.n == 0 {
            return None;
        }
        let of = |value: i64| value as f64 / unit;
        Some(Spread {
            min: of(self.min),
            median: of(self.rank(self.n.div_ceil(2))),
            p99: of(self.rank((self.n * 99).div_ceil(100).max(1))),
            max: of(self.max),
        })
    }
}

/// A sum that does not depend on how rows are cut into batches, with the rounding of each step carried along (Neumaier).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.rest += if self.sum.abs() >= value.abs() {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    pub(super) fn value(self) -> f64 {
        self.sum + self.rest
    }
}

/// Times of one stream in the order of its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) n: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    prev: Option<i64>,
    pub(super) up: u64,
    pub(super) down: u64,
}

impl Times {
    /// Takes the next time; returns the step from the one before.
    pub(super) fn see(&mut self, ts: i64) -> Option<i64> {
        self.n += 1;
        self.first = Some(self.first.map_or(ts, |f| f.min(ts)));
        self.last = Some(self.last.map_or(ts, |l| l.max(ts)));
        let step = self.prev.replace(ts).map(|prev| ts - prev);
        match step {
            Some(step) if step > 0 => self.up += 1,
            Some(step) if step < 0 => self.down += 1,
            _ => {}
        }
        step
    }

    pub(super) fn first_at(&self) -> Option<UnixMicros> {
        self.first.map(UnixMicros)
    }

    pub(super) fn last_at(&self) -> Option<UnixMicros> {
        self.last.map(UnixMicros)
    }
}

/// Returns how rows lie in a file.
pub(super) fn order_of(up: u64, down: u64) -> &'static str {
    match (up, down) {
        (_, 0) => "ascending",
        (0, _) => "descending",
        _ => "mixed",
    }
}

/// The longest silences.
#[derive(Clone, Debug, Default)]
pub(super) struct Silences {
    pub(super) n: u64,
    longest: Vec<Silence>,
}

impl Silences {
    /// Books a silence longer than `limit_us`.
    pub(super) fn see(&mut self, from: i64, to: i64, limit_us: i64) {
        if to - from <= limit_us {
            return;
        }
        self.n += 1;
        let silence = Silence {
            from: UnixMicros(from),
            to: UnixMicros(to),
        };
        let longer = |s: &Silence| s.to.0 - s.from.0 >= to - from;
        let at = self.longest.iter().take_while(|s| longer(s)).count();
        self.longest.insert(at, silence);
        self.longest.truncate(SILENCES);
    }

    pub(super) fn list(self) -> Vec<Silence> {
        self.longest
    }
}
