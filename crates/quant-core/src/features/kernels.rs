//! What features share: the gap rule of bars and minutes, rolling windows and the median. No feature is defined here.

use core::fmt;

use crate::features::{FeatureSpec, InstrumentMinute, MinuteFrame, Replay, RowFeature};

pub(crate) mod atr;
pub(crate) mod day_medians;
pub(crate) mod ema;
pub(crate) mod range_vol;
pub(crate) mod returns;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "shared by families of features; drop once every part has a user"
    )
)]
pub(crate) mod rolling;

/// Null policy of every feature whose window is shorter than a day.
pub(crate) const SHORT_WINDOW_NULLS: &str =
    "null until warm, inside a gap, and again until warm after a gap";
/// Causality of every feature of completed bars.
pub(crate) const BAR_CAUSALITY: &str =
    "completed bars with ts_close <= ts_close of the row; held until the next bar completes";
/// Causality of every feature of minute rows.
pub(crate) const ROW_CAUSALITY: &str = "rows with ts_close <= ts_close of the row";

/// A completed 5-minute bar with prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PriceBar {
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) open: f64,
    pub(crate) close: f64,
    pub(crate) volume: f64,
}

/// The arithmetic of a feature of completed 5-minute bars of the traded instrument.
pub(crate) trait BarKernel: fmt::Debug + Send {
    /// Forgets everything.
    fn clear(&mut self);
    /// Takes the next completed bar.
    fn push(&mut self, bar: &PriceBar);
    /// Writes the values as of the last bar.
    fn write(&self, out: &mut [Option<f64>]);
    /// Returns how many bars, the last one included, its state depends on; `None` for all since the start.
    fn memory_bars(&self) -> Option<u32>;
}

/// A feature of completed 5-minute bars: a kernel under the gap rule.
#[derive(Debug)]
pub(crate) struct BarFeature<K> {
    spec: FeatureSpec,
    kernel: K,
    /// What the kernel wrote when it was last asked.
    held: Vec<Option<f64>>,
    /// The kernel took a bar of a replay since.
    is_stale: bool,
}

impl<K: BarKernel> BarFeature<K> {
    pub(crate) fn of(spec: FeatureSpec, kernel: K) -> Self {
        Self {
            held: vec![None; spec.columns.len()],
            spec,
            kernel,
            is_stale: false,
        }
    }

    fn clear(&mut self) {
        self.kernel.clear();
        self.held.fill(None);
        self.is_stale = false;
    }

    /// Takes the next minute outside of gaps; returns whether the kernel took a bar.
    fn take(&mut self, minute: &InstrumentMinute) -> bool {
        if minute.segment.started {
            self.clear();
        }
        let Some(bar) = &minute.bar_5m else {
            return false;
        };
        let (Some(open), Some(high), Some(low), Some(close)) =
            (bar.open, bar.high, bar.low, bar.close)
        else {
            return false;
        };
        self.kernel.push(&PriceBar {
            high,
            low,
            open,
            close,
            volume: bar.volume,
        });
        true
    }
}

impl<K: BarKernel> RowFeature for BarFeature<K> {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn replay(&self) -> Replay {
        self.kernel.memory_bars().map_or(Replay::All, Replay::Bars)
    }

    fn reset(&mut self) {
        self.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let minute = frame.traded();
        if minute.segment.in_gap {
            out.fill(None);
            return;
        }
        if self.take(minute) || self.is_stale {
            self.kernel.write(&mut self.held);
            self.is_stale = false;
        }
        out.copy_from_slice(&self.held);
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        let minute = frame.traded();
        if !minute.segment.in_gap {
            self.is_stale |= self.take(minute);
        }
    }
}

/// The arithmetic of a feature of the traded instrument's minutes.
pub(crate) trait MinuteKernel: fmt::Debug + Send {
    /// Forgets everything.
    fn clear(&mut self);
    /// Takes the next minute outside of gaps, absent ones included, and writes its values; `out` is null before.
    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]);
    /// Takes the next minute of a replay outside of gaps: leaves the state of [`Self::update`], and anything in `sink`.
    fn observe(&mut self, frame: &MinuteFrame<'_>, sink: &mut [Option<f64>]) {
        self.update(frame, sink);
    }
    /// Returns how many minutes, the last one included, its state depends on; `None` for all since the start. A minute
    /// whose close is compared with the one before needs that one as well.
    fn memory_minutes(&self) -> Option<u32>;
}

/// A feature of minutes: a kernel under the gap rule.
#[derive(Debug)]
pub(crate) struct MinuteFeature<K> {
    spec: FeatureSpec,
    kernel: K,
}

impl<K: MinuteKernel> MinuteFeature<K> {
    pub(crate) const fn of(spec: FeatureSpec, kernel: K) -> Self {
        Self { spec, kernel }
    }

    /// Returns whether the minute is outside of gaps; a new segment clears the kernel.
    #[inline]
    fn is_inside(&mut self, frame: &MinuteFrame<'_>) -> bool {
        let segment = frame.traded().segment;
        if segment.started {
            self.kernel.clear();
        }
        !segment.in_gap
    }
}

impl<K: MinuteKernel> RowFeature for MinuteFeature<K> {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn replay(&self) -> Replay {
        self.kernel
            .memory_minutes()
            .map_or(Replay::All, Replay::Minutes)
    }

    fn reset(&mut self) {
        self.kernel.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out.fill(None);
        if self.is_inside(frame) {
            self.kernel.update(frame, out);
        }
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, sink: &mut [Option<f64>]) {
        if self.is_inside(frame) {
            self.kernel.observe(frame, sink);
        }
    }
}

/// The last `n` values, oldest first, side by side in memory.
#[derive(Clone, Debug)]
pub(crate) struct Window<T> {
    n: usize,
    /// Where the window begins in `values`; what is before has left it.
    start: usize,
    /// At most `2 n` values: moved to the front once per `n` pushes.
    values: Vec<T>,
}

impl<T: Copy> Window<T> {
    pub(crate) fn new(n: u32) -> Self {
        let n = n as usize;
        Self {
            n,
            start: 0,
            values: Vec::with_capacity(2 * n),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.values.clear();
    }

    /// Takes the next value and returns the one that leaves a full window.
    #[inline]
    pub(crate) fn push(&mut self, value: T) -> Option<T> {
        let mut gone = None;
        if self.is_full() {
            gone = self.oldest();
            self.start += 1;
        }
        if self.values.len() == 2 * self.n {
            self.values.copy_within(self.start.., 0);
            self.values.truncate(self.values.len() - self.start);
            self.start = 0;
        }
        self.values.push(value);
        gone
    }

    pub(crate) fn is_full(&self) -> bool {
        self.values.len() - self.start == self.n
    }

    /// Returns how many values a full window has.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.n).unwrap_or(u32::MAX)
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.values[self.start..]
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = T> + '_ {
        self.as_slice().iter().copied()
    }

    pub(crate) fn oldest(&self) -> Option<T> {
        self.as_slice().first().copied()
    }
}

/// Returns the median (mean of the middle two for an even count), reordering `values`; `None` if empty.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Some(*upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, *upper))
}
