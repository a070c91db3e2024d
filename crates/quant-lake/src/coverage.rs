//! What a partition set holds of a time range: days, rows, and the intervals that are missing.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use quant_core::time::{Day, TimeRange, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::read::{HashMemo, PartitionSet, ReadError};

/// How much of a range a set covers, from its manifest alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Range asked for.
    pub range: TimeRange,
    /// Days of the range with a partition, ascending.
    pub days_present: Vec<Day>,
    /// Days of the range without one, ascending.
    pub days_missing: Vec<Day>,
    /// Rows of the days present; whole days, also where the range cuts them.
    pub rows: u64,
    /// Rows that complete days would hold, for interval datasets.
    pub rows_expected: Option<u64>,
    /// `rows / rows_expected`; `None` for point events.
    pub share: Option<f64>,
}

/// Returns the coverage of a range; a set that does not exist covers nothing.
///
/// `interval_us` is the length of one row's interval, `None` for point events.
pub fn coverage(
    set: Option<&PartitionSet>,
    interval_us: Option<i64>,
    range: TimeRange,
) -> Coverage {
    let mut out = Coverage {
        range,
        days_present: Vec::new(),
        days_missing: Vec::new(),
        rows: 0,
        rows_expected: None,
        share: None,
    };
    for day in range.days() {
        match set.and_then(|s| s.manifest().partition(day)) {
            Some(partition) => {
                out.days_present.push(day);
                out.rows = out.rows.saturating_add(partition.rows);
            }
            None => out.days_missing.push(day),
        }
    }
    let days = (out.days_present.len() + out.days_missing.len()) as u64;
    let per_day = interval_us
        .filter(|us| *us > 0)
        .and_then(|us| u64::try_from(quant_core::time::MICROS_PER_DAY / us).ok());
    out.rows_expected = per_day.map(|n| n.saturating_mul(days));
    out.share = out
        .rows_expected
        .filter(|n| *n > 0)
        .map(|n| out.rows as f64 / n as f64);
    out
}

/// Collects the intervals of a range that no row covers, from row starts in ascending order.
#[derive(Clone, Debug)]
pub struct GapFinder {
    range: TimeRange,
    interval_us: i64,
    /// Start of the next interval that is due.
    next: i64,
    missing: Vec<TimeRange>,
}

impl GapFinder {
    /// Starts at the first whole interval inside `range`. `interval_us` below 1 counts as 1.
    pub fn new(range: TimeRange, interval_us: i64) -> Self {
        let interval_us = interval_us.max(1);
        let floor = range.start.floor_to(interval_us).0;
        let next = if floor < range.start.0 {
            floor + interval_us
        } else {
            floor
        };
        Self {
            range,
            interval_us,
            next,
            missing: Vec::new(),
        }
    }

    /// Sees the row of the interval that `start` lies in; rows outside the range and repeated ones are ignored.
    pub fn see(&mut self, start: UnixMicros) {
        let start = start.floor_to(self.interval_us).0;
        if start < self.next || start >= self.range.end.0 {
            return;
        }
        self.close_gap(start);
        self.next = start + self.interval_us;
    }

    /// Returns the gaps as half-open ranges, neighbours merged.
    pub fn finish(mut self) -> Vec<TimeRange> {
        // An interval that the range cuts at its end is not due.
        let end = self.range.end.floor_to(self.interval_us).0;
        self.close_gap(end);
        self.missing
    }

    fn close_gap(&mut self, until: i64) {
        if let Ok(gap) = TimeRange::new(UnixMicros(self.next), UnixMicros(until)) {
            self.missing.push(gap);
        }
    }
}

/// Returns the intervals of a range for which an interval dataset has no row; reads only its time column.
///
/// Point-event sets (no interval) have no missing intervals. A set that does not exist misses the whole range.
///
/// # Errors
/// What is wrong with a partition of the range.
pub fn missing_intervals(
    set: Option<&PartitionSet>,
    interval_us: Option<i64>,
    range: TimeRange,
    memo: &HashMemo,
) -> Result<Vec<TimeRange>, ReadError> {
    let Some(interval_us) = interval_us else {
        return Ok(Vec::new());
    };
    let mut finder = GapFinder::new(range, interval_us);
    if let Some(set) = set {
        let time = set.spec().time_column.as_str();
        for batch in set.read(range, Some(&[time]), 1 << 16, memo)? {
            let batch = batch?;
            let times = batch
                .column(0)
                .as_primitive::<TimestampMicrosecondType>()
                .values();
            times.iter().for_each(|&t| finder.see(UnixMicros(t)));
        }
    }
    Ok(finder.finish())
}

#[cfg(test)]
mod tests;
