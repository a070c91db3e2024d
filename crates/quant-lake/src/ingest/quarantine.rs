//! Writes refused rows beside the lake's datasets: one JSON object per line, one file per source file.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::unit::Context;
use crate::layout::{DatasetKey, Lake};
use crate::venues::rows::Quarantined;

/// One refused row.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    sha256: &'a str,
    line: u64,
    day: Option<String>,
    reason: String,
    text: &'a str,
}

/// Returns the file that holds the refused rows of a source.
pub(super) fn path_of(lake: &Lake, key: &DatasetKey, sha256: &str) -> PathBuf {
    lake.quarantine_dir(key).join(format!("{sha256}.jsonl"))
}

/// Writes the refused rows of one source, replacing those of an earlier ingest of the same bytes.
///
/// # Errors
/// The failing path and cause.
pub(super) fn write(
    cx: &Context<'_>,
    key: &DatasetKey,
    file: &str,
    sha256: &str,
    rows: &[Quarantined],
) -> Result<PathBuf, (PathBuf, std::io::Error)> {
    let fail = &cx.options.failpoints;
    let path = path_of(cx.lake, key, sha256);
    let dir = cx.lake.quarantine_dir(key);
    let temp = dir.join(format!("{sha256}.jsonl.tmp-{}", std::process::id()));
    let io = |path: &PathBuf| {
        let path = path.clone();
        move |e| (path, e)
    };
    fs::create_dir_all(&dir).map_err(io(&dir))?;
    sweep(&dir).map_err(io(&dir))?;
    let mut out = Vec::new();
    for row in rows {
        let entry = Entry {
            file,
            sha256,
            line: row.line,
            day: row.day.map(|d| d.to_string()),
            reason: row.reason.to_string(),
            text: &row.text,
        };
        serde_json::to_writer(&mut out, &entry).map_err(|e| (path.clone(), e.into()))?;
        out.push(b'\n');
    }
    let mut handle = File::create(&temp).map_err(io(&temp))?;
    fail.reach("quarantine.created");
    handle.write_all(&out).map_err(io(&temp))?;
    fail.reach("quarantine.written");
    handle.sync_all().map_err(io(&temp))?;
    drop(handle);
    fail.reach("quarantine.synced");
    fs::rename(&temp, &path).map_err(io(&path))?;
    fail.reach("quarantine.renamed");
    cx.options.store.sync_dir(&dir).map_err(io(&dir))?;
    fail.reach("quarantine.dir_synced");
    Ok(path)
}

/// Removes what interrupted writers left; the lock of the dataset's set is held.
fn sweep(dir: &std::path::Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| name.contains(".jsonl.tmp-"))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
