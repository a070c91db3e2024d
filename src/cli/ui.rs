//! What a user sees: data on stdout, messages and progress on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quant_lake::ingest::{FileOutcome, FileStatus};
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

/// Shows an ingest: files done of those planned, text read per second, and at the end what it came to.
pub(crate) struct IngestBar {
    ui: Ui,
    bar: ProgressBar,
    started: Instant,
    planned: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    /// Files by what became of them, in the order of [`Fate`].
    done: [AtomicU64; 6],
}

/// What became of a planned file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Written,
    Current,
    WithoutRows,
    NotPublished,
    NotThere,
    Refused,
}

impl Fate {
    /// How the summary calls each of them.
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Written, "written"),
        (Self::Current, "in the lake already"),
        (Self::WithoutRows, "without rows asked for"),
        (Self::NotPublished, "not published"),
        (Self::NotThere, "not there"),
        (Self::Refused, "refused"),
    ];

    /// Returns the fate of one dataset of a file.
    fn of(status: &FileStatus) -> Self {
        match status {
            FileStatus::Written { days } if days.is_empty() => Self::WithoutRows,
            FileStatus::Written { days } if days.iter().all(|d| d.unchanged) => Self::Current,
            FileStatus::Written { .. } => Self::Written,
            FileStatus::Current => Self::Current,
            FileStatus::NotPublished { .. } => Self::NotPublished,
            FileStatus::NotFound => Self::NotThere,
            FileStatus::Failed { .. } => Self::Refused,
        }
    }

    /// Returns the fate of a file: refused if anything of it was, else the best of its datasets'.
    fn of_file(outcomes: &[FileOutcome]) -> Self {
        let all = || outcomes.iter().map(|o| Self::of(&o.status));
        if all().any(|fate| fate == Self::Refused) {
            return Self::Refused;
        }
        all().min().unwrap_or(Self::WithoutRows)
    }
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
        let zero = || AtomicU64::new(0);
        Self {
            ui,
            bar,
            started: Instant::now(),
            planned: zero(),
            bytes: zero(),
            rows: zero(),
            done: std::array::from_fn(|_| zero()),
        }
    }

    /// Removes the bar and says what the ingest came to; not with `--quiet` or `--json`.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        if !self.ui.is_json()
            && let Some(text) = self.summary(self.started.elapsed())
        {
            self.ui.note(&text);
        }
    }

    /// Returns the last line of an ingest that took `elapsed`; none if nothing was planned.
    fn summary(&self, elapsed: Duration) -> Option<String> {
        let planned = self.planned.load(Ordering::Relaxed);
        if planned == 0 {
            return None;
        }
        let n = |fate: Fate| self.done[fate as usize].load(Ordering::Relaxed);
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let open = planned.saturating_sub(self.done.iter().map(of).sum());
        let mut parts: Vec<String> = Fate::NAMES
            .iter()
            .filter(|(fate, _)| n(*fate) > 0)
            .map(|(fate, what)| format!("{} {what}", n(*fate)))
            .collect();
        if open > 0 {
            parts.push(format!("{open} not done"));
        }
        if n(Fate::Current) > 0 && n(Fate::Written) + n(Fate::Refused) + open == 0 {
            let current = format!("{} files are in the lake already", n(Fate::Current));
            let rest = parts.iter().skip(1).map(|part| format!(", {part}"));
            return Some(format!(
                "nothing to do: {current}{}",
                rest.collect::<String>()
            ));
        }
        if n(Fate::Written) == 0 {
            parts.insert(0, "0 written".to_owned());
        }
        Some(format!(
            "ingest: {planned} files: {}; {} rows, {:.1} MB of text in {:.1} s{}",
            parts.join(", "),
            of(&self.rows),
            of(&self.bytes) as f64 / 1e6,
            elapsed.as_secs_f64(),
            self.rates(elapsed)
        ))
    }

    /// Returns rows and text per second; nothing before there is something to divide.
    fn rates(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        let bytes = self.bytes.load(Ordering::Relaxed) as f64;
        if seconds < 0.001 || bytes == 0.0 {
            return String::new();
        }
        let rows = self.rows.load(Ordering::Relaxed) as f64;
        format!(
            " ({:.0} rows/s, {:.1} MB/s)",
            rows / seconds,
            bytes / 1e6 / seconds
        )
    }
}

impl quant_lake::ingest::Progress for IngestBar {
    fn planned(&self, files: usize) {
        let before = self.planned.fetch_add(files as u64, Ordering::Relaxed);
        self.bar.inc_length(files as u64);
        if !self.ui.is_json() && files > 0 {
            let more = if before > 0 { " more" } else { "" };
            let text = format!("ingest: {files}{more} files planned");
            self.bar.suspend(|| self.ui.note(&text));
        }
    }

    fn started(&self, file: &str) {
        self.bar
            .set_message(file.rsplit('/').next().unwrap_or(file).to_owned());
    }

    fn advanced(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Every 4 MiB: often enough to see one large file move, too rarely to cost anything.
        if before >> 22 != (before + bytes) >> 22 {
            let rates = self.rates(self.started.elapsed());
            self.bar.set_prefix(format!("ingest{rates}"));
        }
    }

    fn finished(&self, outcomes: &[FileOutcome]) {
        self.done[Fate::of_file(outcomes) as usize].fetch_add(1, Ordering::Relaxed);
        let rows = outcomes.iter().map(|o| o.counts.rows_in).sum();
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let rates = self.rates(self.started.elapsed());
        self.bar.set_prefix(format!("ingest{rates}"));
        self.bar.inc(1);
    }
}

#[cfg(test)]
mod tests;
