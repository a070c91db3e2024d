//! What is known of the quality of a partition: counters of what happened to its rows, and detectors of vendor defects.
//!
//! The counters are kept in manifests and obey the law that no row may vanish. The detectors ([`assess_day`]) read finished
//! partitions, batch by batch, and judge them; they change nothing.

mod assess;
mod bands;
mod clock;
mod columns;
mod counters;
mod cross;
mod day_scan;
mod finding;
mod images;
mod klines;
mod levels;
mod minutes;
mod quotes;
pub mod rules;
mod samples;
mod trades;

pub use assess::{AssessError, DatasetCoverage, DayReport, assess, assess_day};
pub(crate) use day_scan::DayScan;
pub use day_scan::Scans;
pub use finding::{Finding, Rule, Severity};

use serde::{Deserialize, Serialize};

/// What was seen while a partition was made. `duplicates`, `filtered` and `quarantined` rows are not in the partition;
/// the other counters describe rows that are, or stretches without rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Stretches without the rows that should be there (missing intervals or ids).
    pub gaps: u64,
    /// Rows left out because their dedupe key was already present.
    pub duplicates: u64,
    /// Rows that arrived before a row with a smaller sort key and were sorted in.
    pub out_of_order: u64,
    /// Rows rejected to quarantine with a reason.
    pub quarantined: u64,
    /// Rows whose time lies outside the day their source file names (left out rows are also in `filtered`).
    pub other_day: u64,
    /// Well-formed rows left out on purpose.
    pub filtered: u64,
    /// Rows that arrived after the watermark had passed them.
    pub late: u64,
    /// Runs of repeated, frozen values.
    pub stale_runs: u64,
}

impl Quality {
    /// Adds the counters of another slice of the same partition.
    pub const fn add(&mut self, other: &Self) {
        self.gaps += other.gaps;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.quarantined += other.quarantined;
        self.other_day += other.other_day;
        self.filtered += other.filtered;
        self.late += other.late;
        self.stale_runs += other.stale_runs;
    }

    /// Returns the rows accounted for when `written` rows are in the partition.
    ///
    /// Wide enough for any counters: a sum that stopped at the largest count would conserve rows that are not there.
    pub const fn rows_accounted(&self, written: u64) -> u128 {
        written as u128 + self.duplicates as u128 + self.filtered as u128 + self.quarantined as u128
    }
}

#[cfg(test)]
mod tests;
