//! Counters of what happened to the rows of a partition, and the law that no row may vanish; counts, judges nothing.

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
    pub const fn rows_accounted(&self, written: u64) -> u64 {
        written
            .saturating_add(self.duplicates)
            .saturating_add(self.filtered)
            .saturating_add(self.quarantined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_for_left_out_rows_only() {
        let mut q = Quality {
            duplicates: 2,
            filtered: 3,
            quarantined: 4,
            other_day: 3,
            ..Quality::default()
        };
        q.add(&Quality {
            gaps: 7,
            out_of_order: 9,
            late: 1,
            stale_runs: 1,
            ..Quality::default()
        });
        assert_eq!(q.rows_accounted(10), 19);
        assert_eq!((q.gaps, q.out_of_order), (7, 9));
    }
}
