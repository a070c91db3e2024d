//! The two seams of the feature tiers and what passes through them.
//!
//! Tier 1 (`MinuteStat`, events of a minute) lives beside the minute builder and is re-exported here; tier 2
//! (`RowFeature`, minute rows) is defined here.

use core::fmt;

use serde::Serialize;

use crate::bars::{BarN, MinuteRow, SegmentState};
use crate::time::{Day, UnixMicros};

use crate::bars::N_STAT_COLUMNS;

/// The move of the close over a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CloseMove {
    /// The close before the minute, of any segment since 00:00 UTC.
    pub before: f64,
    /// `ln(close / before)`; 0 where the minute is filled or absent.
    pub log_return: f64,
}

/// One instrument's part of a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstrumentMinute {
    /// The tier-1 row; `None` if the lake has none.
    pub row: Option<MinuteRow>,
    /// The 5-minute bar this minute completes; `None` on every other minute.
    pub bar_5m: Option<BarN>,
    /// How the close moved; `None` before the second close of the day.
    pub close_move: Option<CloseMove>,
    /// Where the minute stands relative to gaps.
    pub segment: SegmentState,
}

/// The current aligned minute of every instrument of the run.
///
/// # Causality
/// Everything in it is known at `ts_avail`.
#[derive(Clone, Copy, Debug)]
pub struct MinuteFrame<'a> {
    /// Inclusive start of the minute.
    pub ts_open: UnixMicros,
    /// Exclusive end of the minute.
    pub ts_close: UnixMicros,
    /// `ts_close` + watermark: the first moment the frame may be used.
    pub ts_avail: UnixMicros,
    /// One entry per instrument of the run, in the order of the run.
    pub minutes: &'a [InstrumentMinute],
    /// Statistics of every instrument, `minutes.len() x N_STAT_COLUMNS`; NaN stands for null.
    pub stats: &'a [f64],
    /// Index of the traded instrument in `minutes`.
    pub traded_idx: usize,
    /// The columns of other features that a feature reads, in the order its kind declares; empty for all others.
    pub parts: &'a [Option<f64>],
}

impl MinuteFrame<'_> {
    /// Returns the traded instrument's minute.
    #[inline]
    pub const fn traded(&self) -> &InstrumentMinute {
        &self.minutes[self.traded_idx]
    }

    /// Returns a tier-1 statistic of the traded instrument; `column` comes from `stat_column` in a constant.
    ///
    /// Null without a row, and where the row has none.
    #[inline]
    pub fn stat(&self, column: usize) -> Option<f64> {
        self.stat_of(self.traded_idx, column)
    }

    /// Returns a tier-1 statistic of any instrument.
    #[inline]
    pub fn stat_of(&self, instrument_idx: usize, column: usize) -> Option<f64> {
        let value = self.stats[instrument_idx * N_STAT_COLUMNS + column];
        (!value.is_nan()).then_some(value)
    }

    /// Returns the UTC day of the minute.
    pub const fn day(&self) -> Day {
        self.ts_open.day()
    }
}

/// What a feature declares about itself; part of the id of every set it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureSpec {
    /// Kind, as in the config.
    pub name: &'static str,
    /// Names of the columns it writes, in order.
    pub columns: Vec<String>,
    /// Every parameter as (name, text).
    pub params: Vec<(&'static str, String)>,
    /// Formula in the symbols of the documentation.
    pub formula: &'static str,
    /// Unit of the values.
    pub units: &'static str,
    /// How far it looks back.
    pub window: String,
    /// What must have been seen before the first value.
    pub warmup: String,
    /// Which rows, bars and columns it reads.
    pub inputs: &'static str,
    /// When a value is null.
    pub nan_policy: &'static str,
    /// What is known when.
    pub causality: &'static str,
    /// Where the definition comes from.
    pub reference: &'static str,
    /// Whole days before the current one its state is rebuilt from at each UTC midnight.
    pub days_back: u16,
}

/// How much of the days before a feature's state depends on, counted back from midnight.
///
/// The driver replays at least that much, and everything if in doubt: a declaration saves time and changes no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// All of it: recursive means, summaries of whole days.
    All,
    /// The last n minutes, of which the first one is real and has a close; what a gap cuts off counts for nothing.
    Minutes(u32),
    /// The last n completed 5-minute bars of the traded instrument that have prices; gaps as above.
    Bars(u32),
}

/// A causal function of minute rows: updated once per minute, writes its declared columns.
///
/// # Determinism
/// State is a pure function of the frames since the last `reset`; the driver resets and replays at each UTC midnight.
pub trait RowFeature: fmt::Debug + Send {
    /// Returns its declaration.
    fn spec(&self) -> &FeatureSpec;
    /// Returns how much of its days its state depends on; declare less than `All` only where exactly that holds.
    fn replay(&self) -> Replay {
        Replay::All
    }
    /// Forgets everything.
    fn reset(&mut self);
    /// Takes the next minute and writes every declared column into `out`, in order; `None` where no value exists.
    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]);
    /// Takes the next minute of a replay: leaves the state of [`Self::update`], and anything in `sink`, which nobody reads.
    fn observe(&mut self, frame: &MinuteFrame<'_>, sink: &mut [Option<f64>]) {
        self.update(frame, sink);
    }
}
