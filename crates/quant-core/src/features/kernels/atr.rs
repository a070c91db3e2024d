//! State of Wilder's average true range.

use crate::features::kernels::PriceBar;

/// Wilder's mean of true ranges, seeded with the plain mean of the first `n`.
#[derive(Clone, Debug)]
pub(crate) struct AtrState {
    n: u32,
    seen: u32,
    previous_close: f64,
    value: f64,
}

impl AtrState {
    pub(crate) const fn new(n: u32) -> Self {
        Self {
            n,
            seen: 0,
            previous_close: 0.0,
            value: 0.0,
        }
    }

    pub(crate) const fn clear(&mut self) {
        self.seen = 0;
    }

    pub(crate) fn push(&mut self, bar: &PriceBar) {
        let range = if self.seen == 0 {
            bar.high - bar.low
        } else {
            bar.high.max(self.previous_close) - bar.low.min(self.previous_close)
        };
        let n = f64::from(self.n);
        self.value = if self.seen == 0 {
            range / n
        } else if self.seen < self.n {
            self.value + range / n
        } else {
            (self.value * (n - 1.0) + range) / n
        };
        self.previous_close = bar.close;
        self.seen = self.seen.saturating_add(1);
    }

    pub(crate) fn value(&self) -> Option<f64> {
        (self.seen >= self.n).then_some(self.value)
    }
}

/// Returns `x / atr`, null for an average true range of 0.
pub(crate) fn in_atr(x: f64, atr: f64) -> Option<f64> {
    (atr > 0.0).then(|| x / atr)
}
