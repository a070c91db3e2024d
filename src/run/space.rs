//! Free space: asked before an ingest begins, so that a full disk is a refusal and not a half-done night.

use std::path::Path;

use crate::error::{CommandError, CommandResult, ErrorKind};

/// Never fill a disk closer than this.
const RESERVE_BYTES: u64 = 64 << 20;

/// Refuses if the disk under `lake` has less than `needed` bytes and a reserve.
///
/// A partition is never larger than the archive it comes from, so the size of the sources bounds what is written.
///
/// # Errors
/// Internal error naming both numbers; a file system that cannot say is believed to have room.
pub fn require(lake: &Path, needed: u64) -> CommandResult<()> {
    let existing = lake
        .ancestors()
        .find(|p| p.is_dir())
        .unwrap_or(Path::new("."));
    let Ok(free) = fs4::available_space(existing) else {
        return Ok(());
    };
    check(lake, free, needed)
}

fn check(lake: &Path, free: u64, needed: u64) -> CommandResult<()> {
    if free >= needed.saturating_add(RESERVE_BYTES) {
        return Ok(());
    }
    Err(CommandError::text(
        ErrorKind::Internal,
        &format!(
            "not enough space for lake `{}`: {} MiB free, about {} MiB needed",
            lake.display(),
            free >> 20,
            (needed >> 20) + (RESERVE_BYTES >> 20)
        ),
    )
    .hint("free some space, or put the lake elsewhere (--lake DIR, --set paths.lake=DIR)"))
}

#[cfg(test)]
mod tests {
    //! Tests of the free-space rule.
    use super::*;

    #[test]
    fn a_full_disk_is_refused_before_anything_is_written() {
        let error = check(Path::new("data"), 100 << 20, 50 << 20).expect_err("must be refused");
        assert!(
            error.message.contains("100 MiB free, about 114 MiB needed"),
            "{error}"
        );
        assert!(check(Path::new("data"), 114 << 20, 50 << 20).is_ok());
        assert!(check(Path::new("data"), u64::MAX, u64::MAX).is_ok());
    }

    #[test]
    fn a_lake_that_does_not_exist_yet_is_measured_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(require(&dir.path().join("a/b/c"), 0).is_ok());
        assert!(require(&dir.path().join("a/b/c"), u64::MAX / 2).is_err());
    }
}
