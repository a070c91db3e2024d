//! Reads every row of a partition again and compares it with what its manifest says.

use super::{ProblemKind, kind_of};
use crate::content::ContentHasher;
use crate::manifest::Partition;
use crate::read::{HashMemo, PartitionSet};
use crate::write::{BatchChecker, WriteError};

pub(super) fn check_rows(
    set: &PartitionSet,
    partition: &Partition,
    memo: &HashMemo,
) -> Result<(), (ProblemKind, String)> {
    let spec = set.spec();
    let path = set.file_path(partition);
    let schema = spec.arrow_schema();
    let mut checker = BatchChecker::new(spec, partition.date);
    let mut content = ContentHasher::new(&spec.columns);
    let reader = set
        .read_day(partition.date, None, 1 << 16, memo)
        .map_err(|e| (kind_of(&e), e.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|e| (kind_of(&e), e.to_string()))?;
        checker
            .check(&schema, &batch)
            .map_err(|e| (kind_of_row(&e), format!("`{}`: {e}", path.display())))?;
        // The values as they are stored, before the checker would mend -0.0.
        content
            .update(&batch)
            .map_err(|e| (ProblemKind::Schema, e.to_string()))?;
    }
    if checker.rows() != partition.rows {
        let detail = format!(
            "`{}` holds {} rows, not {}",
            path.display(),
            checker.rows(),
            partition.rows
        );
        return Err((ProblemKind::Rows, detail));
    }
    if checker.time_bounds() != (partition.ts_min, partition.ts_max) {
        let detail = format!(
            "`{}`: first or last time differs from the manifest",
            path.display()
        );
        return Err((ProblemKind::Times, detail));
    }
    let found = content.finish();
    if found != partition.content_sha256 {
        let detail = format!(
            "`{}` has content hash {found}, its manifest says {}",
            path.display(),
            partition.content_sha256
        );
        return Err((ProblemKind::ContentHash, detail));
    }
    Ok(())
}

const fn kind_of_row(error: &WriteError) -> ProblemKind {
    match error {
        WriteError::NotSorted { .. } => ProblemKind::Order,
        WriteError::OtherDay { .. } => ProblemKind::Times,
        WriteError::Null { .. } | WriteError::NotFinite { .. } => ProblemKind::Value,
        _ => ProblemKind::Schema,
    }
}
