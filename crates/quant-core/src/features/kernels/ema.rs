//! State of an exponential mean of closes.

/// Recursive exponential mean (`adjust=False`), seeded with the first close, null until `n` closes were seen.
#[derive(Clone, Debug)]
pub(crate) struct EmaState {
    n: u32,
    seen: u32,
    value: f64,
}

impl EmaState {
    pub(crate) const fn new(n: u32) -> Self {
        Self {
            n,
            seen: 0,
            value: 0.0,
        }
    }

    pub(crate) const fn clear(&mut self) {
        self.seen = 0;
    }

    pub(crate) fn push(&mut self, close: f64) {
        let alpha = 2.0 / (f64::from(self.n) + 1.0);
        self.value = if self.seen == 0 {
            close
        } else {
            alpha * close + (1.0 - alpha) * self.value
        };
        self.seen = self.seen.saturating_add(1);
    }

    pub(crate) fn value(&self) -> Option<f64> {
        (self.seen >= self.n).then_some(self.value)
    }
}
