//! Splits a minute series at long gaps, looking only backwards. It drops nothing: readers decide what a gap means.

use serde::{Deserialize, Serialize};

use crate::bars::MinuteRow;

/// Where a minute stands relative to gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentState {
    /// Number of segments started so far: 0 before the first real row.
    pub id: u32,
    /// More than `gap_minutes` filled or absent minutes in a row, this one included.
    pub in_gap: bool,
    /// The first real row of a segment.
    pub started: bool,
}

/// Assigns segments, one minute at a time.
///
/// # Causality
/// The first `gap_minutes` of what turns out to be a gap still belong to the segment: nobody knew.
#[derive(Clone, Debug)]
pub struct Segmenter {
    gap_minutes: u32,
    n_missing: u32,
    id: u32,
}

impl Segmenter {
    /// Returns a segmenter where a run of more than `gap_minutes` filled or absent minutes ends a segment.
    pub const fn new(gap_minutes: u32) -> Self {
        Self {
            gap_minutes,
            n_missing: 0,
            id: 0,
        }
    }

    /// Takes the next minute, `None` if its row is absent.
    pub fn push(&mut self, row: Option<&MinuteRow>) -> SegmentState {
        if row.is_none_or(|r| r.is_filled) {
            self.n_missing = self.n_missing.saturating_add(1);
            return SegmentState {
                id: self.id,
                in_gap: self.n_missing > self.gap_minutes,
                started: false,
            };
        }
        let started = self.id == 0 || self.n_missing > self.gap_minutes;
        self.id += u32::from(started);
        self.n_missing = 0;
        SegmentState {
            id: self.id,
            in_gap: false,
            started,
        }
    }
}
