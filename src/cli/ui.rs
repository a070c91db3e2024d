//! What a user sees: data on stdout, messages and progress on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{CommandError, CommandResult, ErrorKind};

/// Output choices of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    json: bool,
    quiet: bool,
}

impl Ui {
    /// Returns the choices of `--json` and `--quiet`.
    pub const fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Returns whether stdout is to carry JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a message to stderr unless `--quiet`.
    pub fn note(&self, message: &str) {
        if !self.quiet {
            // A closed stderr must not fail the work itself.
            drop(writeln!(std::io::stderr().lock(), "{message}"));
        }
    }

    /// Writes the answer of a command to stdout: `value` as JSON with `--json`, else `text`.
    ///
    /// # Errors
    /// Internal, if stdout cannot be written; a closed pipe is not an error.
    pub fn answer(&self, value: &impl Serialize, text: &str) -> CommandResult<()> {
        let body = if self.json {
            serde_json::to_string_pretty(value).map_err(|e| {
                CommandError::text(ErrorKind::Internal, &format!("cannot write JSON: {e}"))
            })?
        } else {
            text.trim_end_matches('\n').to_owned()
        };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{body}").and_then(|()| out.flush()) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(CommandError::text(
                ErrorKind::Internal,
                &format!("cannot write to stdout: {e}"),
            )),
            _ => Ok(()),
        }
    }

    /// Writes a failed command to stderr, as JSON with `--json`.
    pub fn error(&self, error: &CommandError) {
        let mut err = std::io::stderr().lock();
        let result = if self.json {
            let value = serde_json::json!({"error": {
                "kind": error.kind.name(), "message": error.message, "hints": error.hints,
            }});
            writeln!(err, "{value}")
        } else {
            writeln!(err, "error: {error}")
        };
        drop(result);
    }

    /// Returns a progress bar over `len` units, drawn only on a terminal and never with `--quiet` or `--json`.
    pub fn progress(&self, len: u64, what: &'static str) -> ProgressBar {
        let visible = !self.quiet && !self.json && std::io::stderr().is_terminal();
        if !visible {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:14} [{bar:32}] {human_pos}/{human_len} {per_sec} eta {eta}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// Shows an ingest as bytes of text read; knows nothing of what is inside.
pub(crate) struct IngestBar {
    bar: ProgressBar,
}

impl IngestBar {
    /// Returns an observer drawn like every other progress bar.
    pub(crate) fn new(ui: Ui) -> Self {
        let bar = ui.progress(0, "ingest");
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix} [{bar:32}] {pos}/{len} files {elapsed} eta {eta} {msg}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix("ingest");
        Self { bar }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl quant_lake::ingest::Progress for IngestBar {
    fn planned(&self, files: usize) {
        self.bar.inc_length(files as u64);
    }

    fn started(&self, file: &str) {
        self.bar
            .set_message(file.rsplit('/').next().unwrap_or(file).to_owned());
    }

    fn finished(&self, _: &quant_lake::ingest::FileOutcome) {
        self.bar.inc(1);
    }
}
