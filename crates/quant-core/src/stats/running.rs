//! Moments and extremes of a series that is too long to keep, one value at a time.

use crate::stats::{Undefined, finite};

/// What a series of values, some of them missing, has been so far.
///
/// # Determinism
/// A function of the values in their order (Welford's updates).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    n: u64,
    n_missing: u64,
    mean: f64,
    m2: f64,
    min: Option<f64>,
    max: Option<f64>,
    last: Option<f64>,
    run: u64,
    longest_run: u64,
}

impl Running {
    /// Takes the next value; what is not finite counts as missing.
    pub fn push(&mut self, value: Option<f64>) {
        let Some(x) = value.filter(|x| x.is_finite()) else {
            self.n_missing += 1;
            self.last = None;
            self.run = 0;
            return;
        };
        self.n += 1;
        let delta = x - self.mean;
        self.mean += delta / self.n as f64;
        self.m2 += delta * (x - self.mean);
        self.min = Some(self.min.map_or(x, |m| m.min(x)));
        self.max = Some(self.max.map_or(x, |m| m.max(x)));
        let is_same = self.last.is_some_and(|last| last.to_bits() == x.to_bits());
        self.run = if is_same { self.run + 1 } else { 1 };
        self.longest_run = self.longest_run.max(self.run);
        self.last = Some(x);
    }

    /// Returns the number of values that were there.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Returns the number of values that were missing.
    pub const fn n_missing(&self) -> u64 {
        self.n_missing
    }

    /// Returns the most values in a row that were the same; a missing one ends a row.
    pub const fn longest_run(&self) -> u64 {
        self.longest_run
    }

    /// Returns the smallest value.
    pub const fn min(&self) -> Option<f64> {
        self.min
    }

    /// Returns the largest value.
    pub const fn max(&self) -> Option<f64> {
        self.max
    }

    /// Returns the arithmetic mean.
    ///
    /// # Errors
    /// `TooFew` without a value, `OutOfDomain` if the sums left the range of numbers.
    pub fn mean(&self) -> Result<f64, Undefined> {
        if self.n == 0 {
            return Err(Undefined::TooFew { n: 0, needed: 1 });
        }
        finite(self.mean, "sample")
    }

    /// Returns the standard deviation with divisor n - 1.
    ///
    /// # Errors
    /// `TooFew` below two values, `OutOfDomain` if the sums left the range of numbers.
    pub fn std_dev(&self) -> Result<f64, Undefined> {
        if self.n < 2 {
            let n = usize::from(self.n == 1);
            return Err(Undefined::TooFew { n, needed: 2 });
        }
        finite((self.m2 / (self.n - 1) as f64).sqrt(), "sample")
    }
}
