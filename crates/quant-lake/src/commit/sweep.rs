//! Removes what an interrupted writer left: temporaries and data files the manifest does not list.
//!
//! Runs under the set's lock. Files with names of nobody's making are left for `verify` to report.

use std::path::{Path, PathBuf};

use super::store::Store;
use super::{CommitError, is_temp_name};
use crate::layout::{parse_day_folder, parse_part_file};
use crate::manifest::Manifest;

pub(super) fn sweep(
    set_dir: &Path,
    manifest: Option<&Manifest>,
    store: &dyn Store,
) -> Result<(), CommitError> {
    let mut temps = Vec::new();
    let mut parts = Vec::new();
    let mut days = Vec::new();
    for (name, path) in entries(set_dir)? {
        if is_temp_name(&name) {
            temps.push(path);
        } else if let Some(day) = parse_day_folder(&name) {
            let listed = manifest
                .and_then(|m| m.partition(day))
                .map(|p| p.file.as_str());
            for (name, path) in entries(&path)? {
                if is_temp_name(&name) {
                    temps.push(path);
                } else if parse_part_file(&name).is_some() && listed != Some(name.as_str()) {
                    parts.push(path);
                }
            }
            days.push(path);
        }
    }
    // An interrupted first commit strands one file at most: more of them mean that the manifest was lost.
    if manifest.is_none() && parts.len() > 1 {
        return Err(CommitError::ManifestMissing {
            path: set_dir.to_owned(),
            files: parts.len(),
        });
    }
    for path in temps.into_iter().chain(parts) {
        store.remove(&path).map_err(|source| CommitError::Io {
            step: "remove stale",
            path,
            source,
        })?;
    }
    for day in days {
        // Succeeds for empty folders only.
        drop(std::fs::remove_dir(day));
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, CommitError> {
    let io = |source| CommitError::Io {
        step: "list",
        path: dir.to_owned(),
        source,
    };
    let mut out = Vec::new();
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(out);
        }
        Err(e) => return Err(io(e)),
    };
    for entry in listing {
        let entry = entry.map_err(io)?;
        if let Ok(name) = entry.file_name().into_string() {
            out.push((name, entry.path()));
        }
    }
    out.sort();
    Ok(out)
}
