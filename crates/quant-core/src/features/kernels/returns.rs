//! One-minute log returns of the traded instrument, and their realised volatility.

use crate::bars::MinuteRow;
use crate::features::kernels::Window;
use crate::features::{CloseMove, InstrumentMinute, MinuteFrame, Replay};

/// The close before the current minute, within one segment.
#[derive(Clone, Debug)]
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
    pub(crate) fn step(&mut self, row: Option<&MinuteRow>) -> Option<(f64, f64)> {
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
        let (before, close) = self.step(minute.row.as_ref())?;
        // From the same close before, the minute moved as it did for all: the logarithm was taken once.
        let shared = minute
            .close_move
            .filter(|m| m.before.to_bits() == before.to_bits());
        Some(shared.map_or_else(
            || CloseMove::of((before, close)).log_return,
            |m| m.log_return,
        ))
    }
}

impl CloseMove {
    /// Returns the move from the close before to that of the minute.
    pub(in crate::features) fn of((before, close): (f64, f64)) -> Self {
        Self {
            before,
            log_return: libm::log(close / before),
        }
    }
}

/// The last `n` one-minute log returns under the gap rule.
#[derive(Debug)]
pub(crate) struct RealisedReturns {
    n: u32,
    min_valid_share: f64,
    last_close: LastClose,
    /// Squared returns.
    squares: Window<f64>,
    /// Whether the minute is real, and how many are.
    is_real: Window<bool>,
    n_real: u32,
}

impl RealisedReturns {
    pub(crate) fn new(n: u32, min_valid_share: f64) -> Self {
        Self {
            n,
            min_valid_share,
            last_close: LastClose::new(),
            squares: Window::new(n),
            is_real: Window::new(n),
            n_real: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.last_close.clear();
        self.squares.clear();
        self.is_real.clear();
        self.n_real = 0;
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
            self.squares.push(r * r);
            self.n_real += u32::from(is_real);
            self.n_real -= u32::from(self.is_real.push(is_real) == Some(true));
        }
        self.value()
    }

    fn value(&self) -> Option<f64> {
        let is_valid = self.squares.is_full()
            && f64::from(self.n_real) >= self.min_valid_share * f64::from(self.n);
        // One after the other, as the definition adds them.
        is_valid.then(|| self.squares.iter().fold(0.0, |sum, x| sum + x).sqrt())
    }

    /// Returns how much of the days before its state depends on: the returns and the close before them.
    pub(crate) const fn replay(&self) -> Replay {
        Replay::Minutes(self.n + 1)
    }
}
