//! The answer of an inspection, as JSON and as a table.

use std::collections::BTreeMap;
use std::path::Path;

use quant_core::time::{Day, UnixMicros};
use serde::Serialize;

use super::book::BookSummary;
use super::channels::ChannelSummary;
use super::measure::Spread;

/// Outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing; the file can be ingested.
    Warn,
    /// The file would be refused, is not what it says it is, or has a book that is void, wrong or out of order for a part of
    /// it; the check says which.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Outcome.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
}

/// One column of a text or Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type or unit, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A time without rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Last row before.
    pub from: UnixMicros,
    /// First row after.
    pub to: UnixMicros,
}

/// Rows of one dataset in a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableSummary {
    /// Dataset.
    pub dataset: String,
    /// Rows the parser makes.
    pub rows: u64,
    /// Rows of the file that are counted under it, usable or not.
    pub rows_in: u64,
    /// Exact repetitions.
    pub duplicates: u64,
    /// Rows left out, with the reason in the notes.
    pub filtered: u64,
    /// Rows refused.
    pub refused: u64,
    /// Smallest time.
    pub first: Option<UnixMicros>,
    /// Largest time.
    pub last: Option<UnixMicros>,
    /// `ascending`, `descending` or `mixed`, as the rows lie in the file.
    pub order: String,
    /// Unit of time as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<String>,
    /// Time between rows, milliseconds.
    pub cadence_ms: Option<Spread>,
    /// Silences longer than the limit, longest first, at most ten.
    pub gaps: Vec<Silence>,
    /// How many there are.
    pub n_gaps: u64,
    /// Intervals missing between the first and the last, for rows that stand for intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_intervals: Option<u64>,
    /// Rows by UTC day.
    pub days: BTreeMap<Day, u64>,
    /// Sum of quantities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<f64>,
    /// `base units` or `contracts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_unit: Option<String>,
    /// Lowest and highest price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<(f64, f64)>,
    /// First and last id, where the venue numbers rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<(i64, i64)>,
    /// Ids missing between the first and the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids_missing: Option<u64>,
    /// Counters of the parser.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// File name.
    pub file: String,
    /// Size.
    pub bytes: u64,
    /// Hash of the file.
    pub sha256: Option<String>,
    /// How it is packed, by its first bytes.
    pub container: String,
    /// Members read.
    pub members: Vec<String>,
    /// What it is.
    pub format: String,
    /// Exchange, `sim-...` if simulated.
    pub exchange: Option<String>,
    /// Market.
    pub market: Option<String>,
    /// What tells the market.
    pub market_by: Option<String>,
    /// Instrument.
    pub symbol: Option<String>,
    /// What tells the instrument.
    pub symbol_by: Option<String>,
    /// Day or month of its name.
    pub period: Option<String>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Lines read.
    pub lines: u64,
    /// Whether it was read to its end.
    pub complete: bool,
    /// Datasets in it.
    pub tables: Vec<TableSummary>,
    /// Rows or messages by channel and instrument.
    pub channels: Vec<ChannelSummary>,
    /// Receive time minus venue time, milliseconds.
    pub receive_lag_ms: Option<Spread>,
    /// The order book, message by message.
    pub book: Option<BookSummary>,
    /// Checks made.
    pub checks: Vec<Check>,
    /// A check failed for which an ingest would refuse the file; others that failed say what it would be missing.
    pub refused: bool,
    /// Observations.
    pub notes: Vec<String>,
    /// The command that would ingest it.
    pub command: Option<String>,
}

impl Inspection {
    pub(super) fn of(path: &Path, bytes: u64) -> Self {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        Self {
            file: name,
            bytes,
            sha256: None,
            container: String::new(),
            members: Vec::new(),
            format: "unknown".to_owned(),
            exchange: None,
            market: None,
            market_by: None,
            symbol: None,
            symbol_by: None,
            period: None,
            header: None,
            columns: Vec::new(),
            lines: 0,
            complete: true,
            tables: Vec::new(),
            channels: Vec::new(),
            receive_lag_ms: None,
            book: None,
            checks: Vec::new(),
            refused: false,
            notes: Vec::new(),
            command: None,
        }
    }

    /// Returns whether no check failed.
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|c| c.verdict != Verdict::Fail)
    }

    fn check(&mut self, name: &str, verdict: Verdict, detail: &str) {
        self.checks.push(Check {
            name: name.to_owned(),
            verdict,
            detail: detail.to_owned(),
        });
    }

    pub(super) fn ok(&mut self, name: &str, detail: &str) {
        self.check(name, Verdict::Ok, detail);
    }

    pub(super) fn warn(&mut self, name: &str, detail: &str) {
        self.check(name, Verdict::Warn, detail);
    }

    /// Books a failure for which an ingest refuses the file.
    pub(super) fn fail(&mut self, name: &str, detail: &str) {
        self.check(name, Verdict::Fail, detail);
        self.refused = true;
    }

    /// Books a failure of a file that an ingest takes all the same: what comes of it has holes.
    pub(super) fn fault(&mut self, name: &str, detail: &str) {
        self.check(name, Verdict::Fail, detail);
    }

    pub(super) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}
