//! Sums over time from which a close makes time-weighted means.

/// Integrals of `N` values over the pieces of a minute in which they were in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<const N: usize> {
    us: i64,
    sums: [f64; N],
}

impl<const N: usize> Default for Held<N> {
    fn default() -> Self {
        Self {
            us: 0,
            sums: [0.0; N],
        }
    }
}

impl<const N: usize> Held<N> {
    /// Adds values that were in force for `us` microseconds.
    #[inline]
    pub(super) fn add(&mut self, us: i64, values: [f64; N]) {
        self.us += us;
        let dt = us as f64;
        for (sum, x) in self.sums.iter_mut().zip(values) {
            *sum += x * dt;
        }
    }

    /// Returns the means of the minute, `None` if nothing was in force, and starts the next minute.
    pub(super) fn close(&mut self) -> [Option<f64>; N] {
        let Self { us, sums } = std::mem::take(self);
        sums.map(|sum| (us > 0).then(|| sum / us as f64))
    }
}
