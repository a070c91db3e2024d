//! A finished file of a simulated archive, with what is true of it; and what a venue's writer has to do.

use quant_core::market::InstrumentKey;
use quant_core::synth::SimMinute;
use quant_core::synth::derive::{TradeSums, decimal_value};
use quant_core::time::Day;
use quant_core::units::Step;
use quant_lake::schema::Dataset;
use quant_lake::truth::RecordLog;

use crate::error::CommandResult;

/// A finished file.
#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    /// Path below the archive's root, `/` between segments.
    pub(super) path: String,
    /// What is stored.
    pub(super) bytes: Vec<u8>,
    /// Text of `<path>.CHECKSUM`, where the venue publishes one.
    pub(super) checksum: Option<String>,
    /// Instrument, under `sim-<venue>`.
    pub(super) instrument: InstrumentKey,
    /// What its rows are.
    pub(super) dataset: Dataset,
    /// Day of the file as its name says; first day of a month.
    pub(super) day: Day,
    /// Exact sums of the rows, for datasets that carry volume.
    pub(super) sums: Option<TradeSums>,
    /// Times of the data rows (lines of a recording), one each.
    pub(super) records: RecordLog,
}

/// Writes one instrument in one venue's formats.
pub(super) trait VenueWriter {
    /// Takes the next minute; days are complete and in order.
    fn minute(&mut self, minute: &SimMinute, out: &mut Vec<StoredFile>) -> CommandResult<()>;

    /// Finishes the files of a UTC day.
    fn end_of_day(&mut self, day: Day, out: &mut Vec<StoredFile>) -> CommandResult<()>;

    /// Finishes what spans days.
    fn finish(&mut self, out: &mut Vec<StoredFile>) -> CommandResult<()>;
}

/// Returns a turnover as a number; sums of a simulated minute are far inside the range of exact sums.
pub(super) fn money(tick_lots: i128, step: Step) -> f64 {
    decimal_value(tick_lots, step).unwrap_or(0.0)
}
