//! The seam of tier 1: statistics that see every event of a minute and write columns when it closes.
//!
//! Composition is static (`(A, B)` is a statistic), so nothing is dispatched per event. Keeping the book itself is
//! not done here: whoever owns the book calls `on_book` after the last level of a message.

use crate::market::{BookSnapshot, Event};

/// Collects the values of one closed minute, in the order of [`MinuteStat::columns`].
#[derive(Debug)]
pub struct RowWriter<'a> {
    out: &'a mut Vec<Option<f64>>,
}

impl<'a> RowWriter<'a> {
    /// Returns a writer that appends to `out`.
    pub fn new(out: &'a mut Vec<Option<f64>>) -> Self {
        Self { out }
    }

    /// Appends one value; NaN and infinity become `None`.
    pub fn write(&mut self, value: Option<f64>) {
        self.out.push(value.filter(|v| v.is_finite()));
    }
}

/// A statistic of one minute of one instrument: sees events, writes its columns when the minute closes.
///
/// # Causality
/// A statistic sees only events with `ts_event` inside the minute; its values are known at `ts_close` + watermark.
/// State that must survive the minute (last quote, last book) is the implementer's own; sums restart in `close`.
pub trait MinuteStat {
    /// Appends the names of the columns it writes, in order.
    fn columns(&self, out: &mut Vec<&'static str>);
    /// Takes one event of the current minute.
    fn on_event(&mut self, event: &Event);
    /// Takes one atomic book change; `before` is `None` for the first book.
    fn on_book(&mut self, before: Option<&BookSnapshot>, after: &BookSnapshot);
    /// Writes exactly one value per column and starts the next minute.
    fn close(&mut self, out: &mut RowWriter<'_>);
}

/// No statistics.
impl MinuteStat for () {
    fn columns(&self, _out: &mut Vec<&'static str>) {}
    fn on_event(&mut self, _event: &Event) {}
    fn on_book(&mut self, _before: Option<&BookSnapshot>, _after: &BookSnapshot) {}
    fn close(&mut self, _out: &mut RowWriter<'_>) {}
}

/// Both statistics, the first one's columns first.
impl<A: MinuteStat, B: MinuteStat> MinuteStat for (A, B) {
    fn columns(&self, out: &mut Vec<&'static str>) {
        self.0.columns(out);
        self.1.columns(out);
    }
    fn on_event(&mut self, event: &Event) {
        self.0.on_event(event);
        self.1.on_event(event);
    }
    fn on_book(&mut self, before: Option<&BookSnapshot>, after: &BookSnapshot) {
        self.0.on_book(before, after);
        self.1.on_book(before, after);
    }
    fn close(&mut self, out: &mut RowWriter<'_>) {
        self.0.close(out);
        self.1.close(out);
    }
}
