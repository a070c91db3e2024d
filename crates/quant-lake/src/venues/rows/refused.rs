//! Refused rows, and when they are too many.

use quant_core::time::Day;

use super::RowProblem;

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Line in the file, from 1; 0 for rows that were compared across files.
    pub line: u64,
    /// Day it is counted under: that of the row before it, as its own time may be what is wrong; `None` if the file
    /// has no usable row.
    pub day: Option<Day>,
    /// Why.
    pub reason: RowProblem,
    /// The line, cut after 256 bytes, invalid UTF-8 replaced.
    pub text: String,
}

impl RowProblem {
    /// Returns whether nobody can say which dataset the line would have been of (the torn line of a killed recorder):
    /// then it is held against the whole file, not against one dataset of it.
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::NotJson { .. }
                | Self::Blank
                | Self::Field {
                    field: "data" | "channel" | "arg" | "stream",
                    ..
                }
                | Self::NotATime {
                    column: "receive time",
                    ..
                }
        )
    }
}

/// Returns whether too many rows of a file are unusable: of all its rows, or of the rows of one dataset as far as they
/// could be told to be its own. Takes the rows and the refused ones of each dataset.
pub fn too_many_refused<'a>(
    share: f64,
    datasets: impl Iterator<Item = (u64, &'a [Quarantined])>,
) -> bool {
    let (mut all_rows, mut all_bad, mut one) = (0, 0, false);
    for (rows, bad) in datasets {
        let unreadable = bad.iter().filter(|q| q.reason.is_unreadable()).count() as u64;
        let own = bad.len() as u64 - unreadable;
        one |= own as f64 > share * rows.saturating_sub(unreadable) as f64;
        all_rows += rows;
        all_bad += bad.len() as u64;
    }
    one || all_bad as f64 > share * all_rows as f64
}
