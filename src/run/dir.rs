//! The folder of one run: written under a temporary name, made visible whole, replaced whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use serde::Serialize;

use super::identity::sha256_hex;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// File whose presence and content say how a finished run ended.
pub const STATUS_FILE: &str = "run.json";

/// A run folder under construction.
#[derive(Debug)]
pub struct RunDir {
    temporary: PathBuf,
    visible: PathBuf,
    finished: bool,
}

impl RunDir {
    /// Starts the folder of `run_id` under `artifacts/runs`.
    ///
    /// # Errors
    /// Internal, if the folder cannot be made.
    pub fn begin(artifacts: &Path, run_id: &str) -> CommandResult<Self> {
        let runs = artifacts.join("runs");
        let temporary = runs.join(format!(".tmp-{run_id}-{}", std::process::id()));
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary)
                .map_err(|e| CommandError::io("remove", &temporary, &e))?;
        }
        std::fs::create_dir_all(&temporary)
            .map_err(|e| CommandError::io("create", &temporary, &e))?;
        Ok(Self {
            temporary,
            visible: runs.join(run_id),
            finished: false,
        })
    }

    /// Writes a text file.
    ///
    /// # Errors
    /// Internal, if it cannot be written.
    pub fn text(&self, name: &str, body: &str) -> CommandResult<()> {
        let path = self.temporary.join(name);
        std::fs::write(&path, body).map_err(|e| CommandError::io("write", &path, &e))
    }

    /// Writes a pretty JSON file.
    ///
    /// # Errors
    /// Internal, if it cannot be written.
    pub fn json(&self, name: &str, value: &impl Serialize) -> CommandResult<()> {
        let body = serde_json::to_string_pretty(value).internal_error()?;
        self.text(name, &(body + "\n"))
    }

    /// Writes a Parquet file of one batch.
    ///
    /// # Errors
    /// Internal, if it cannot be written.
    pub fn parquet(&self, name: &str, batch: &RecordBatch) -> CommandResult<()> {
        quant_lake::table::write_table(&self.temporary.join(name), batch).internal_error()
    }

    /// Returns the sha256 of every file written so far, by name, leaving out `except`.
    ///
    /// # Errors
    /// Internal, if a file cannot be read back.
    pub fn hashes(&self, except: &[&str]) -> CommandResult<BTreeMap<String, String>> {
        let io = |e: std::io::Error| CommandError::io("read", &self.temporary, &e);
        let mut out = BTreeMap::new();
        for entry in std::fs::read_dir(&self.temporary).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !except.contains(&name.as_str()) {
                let body = std::fs::read(entry.path()).map_err(io)?;
                out.insert(name, sha256_hex(&body));
            }
        }
        Ok(out)
    }

    /// Makes the folder visible under its id, replacing an earlier one, and returns its path.
    ///
    /// # Errors
    /// Internal, if the folder cannot be moved.
    pub fn finish(mut self) -> CommandResult<PathBuf> {
        if self.visible.exists() {
            let old = self
                .visible
                .with_extension(format!("old-{}", std::process::id()));
            std::fs::rename(&self.visible, &old)
                .map_err(|e| CommandError::io("replace", &self.visible, &e))?;
            self.publish()?;
            std::fs::remove_dir_all(&old).map_err(|e| CommandError::io("remove", &old, &e))?;
        } else {
            self.publish()?;
        }
        self.finished = true;
        Ok(self.visible.clone())
    }

    fn publish(&self) -> CommandResult<()> {
        std::fs::rename(&self.temporary, &self.visible)
            .map_err(|e| CommandError::io("publish", &self.visible, &e))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: a leftover temporary folder is invisible to every reader.
            drop(std::fs::remove_dir_all(&self.temporary));
        }
    }
}

/// Returns how the finished run in `dir` ended, if there is one.
///
/// # Errors
/// Data, if `run.json` is there but not readable as one.
pub fn finished_exit_code(dir: &Path) -> CommandResult<Option<u8>> {
    let path = dir.join(STATUS_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(CommandError::io("read", &path, &e)),
    };
    let value: serde_json::Value = serde_json::from_str(&text).data_error()?;
    value
        .get("exit_code")
        .and_then(serde_json::Value::as_u64)
        .and_then(|n| u8::try_from(n).ok())
        .map(Some)
        .ok_or_else(|| {
            CommandError::text(
                ErrorKind::Data,
                &format!(
                    "`{}` holds no exit code\nhint: run again with --force",
                    path.display()
                ),
            )
        })
}
