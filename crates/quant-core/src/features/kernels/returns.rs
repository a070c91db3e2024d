//! One-minute log returns of the traded instrument, and their realised volatility.

use crate::features::kernels::Window;
use crate::features::{InstrumentMinute, MinuteFrame, Replay};

/// The close before the current minute, within one segment.
#[derive(Debug)]
pub(crate) struct LastClose(Option<f64>);

impl LastClose {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) const fn clear(&mut self) {
        self.0 = None;
    }

    /// Takes the next minute and returns the close before it and its own; `None` before a second close.
    ///
    /// A filled or absent minute moves nothing: it has the close before it.
    #[inline]
    pub(crate) fn step(&mut self, minute: &InstrumentMinute) -> Option<(f64, f64)> {
        let row = minute.row.as_ref();
        let own = row.and_then(|r| r.close);
        let close = if row.is_some_and(|r| !r.is_filled) {
            own.or(self.0)
        } else {
            self.0.or(own)
        }?;
        let before = self.0.replace(close)?;
        Some((before, close))
    }

    /// Takes the next minute and returns its log return: 0 for a filled or absent minute, `None` before a second close.
    #[inline]
    pub(crate) fn push(&mut self, minute: &InstrumentMinute) -> Option<f64> {
        self.step(minute)
            .map(|(before, close)| libm::log(close / before))
    }
}

/// The last `n` one-minute log returns under the gap rule.
#[derive(Debug)]
pub(crate) struct RealisedReturns {
    n: u32,
    min_valid_share: f64,
    last_close: LastClose,
    /// (return, the minute is real).
    window: Window<(f64, bool)>,
}

impl RealisedReturns {
    pub(crate) fn new(n: u32, min_valid_share: f64) -> Self {
        Self {
            n,
            min_valid_share,
            last_close: LastClose::new(),
            window: Window::new(n),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.last_close.clear();
        self.window.clear();
    }

    /// Takes the next minute and returns the realised volatility, if the window is full and valid.
    pub(crate) fn update(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        let minute = frame.traded();
        if minute.segment.in_gap {
            return None;
        }
        if minute.segment.started {
            self.clear();
        }
        if let Some(r) = self.last_close.push(minute) {
            let is_real = minute.row.is_some_and(|row| !row.is_filled);
            self.window.push((r, is_real));
        }
        self.value()
    }

    fn value(&self) -> Option<f64> {
        if !self.window.is_full() {
            return None;
        }
        let (mut sum, mut n_real) = (0.0, 0_u32);
        for (r, is_real) in self.window.iter() {
            sum += r * r;
            n_real += u32::from(is_real);
        }
        (f64::from(n_real) >= self.min_valid_share * f64::from(self.n)).then(|| sum.sqrt())
    }

    /// Returns how much of the days before its state depends on: the returns and the close before them.
    pub(crate) const fn replay(&self) -> Replay {
        Replay::Minutes(self.n + 1)
    }
}
