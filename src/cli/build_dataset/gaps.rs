//! `--gap-report FILE`: what the source did not have of what was asked, day by day, with its reason.
//!
//! Findings have the fields of `quant check-data --json`, so that one reader does for both; `instrument` and `file` come on top.
//! It says what was not to be had, not what is wrong with what was: that is for `quant check-data`.

use std::path::Path;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use quant_lake::ingest::{FileOutcome, FileStatus};
use quant_lake::quality::{Finding, Severity};
use quant_lake::schema::Dataset;
use serde::Serialize;

use crate::error::{CommandError, CommandResult, Kinded as _};

/// Days of one file that are told one by one; a file that may hold any day is told as a whole.
const MAX_DAYS: i32 = 400;

/// One day that a source did not have, or of which it had nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Gap {
    instrument: String,
    file: String,
    #[serde(flatten)]
    finding: Finding,
}

/// The content of the file.
#[derive(Debug, Serialize)]
pub(super) struct GapReport {
    /// The source, as on the command line.
    pub(super) source: String,
    /// Instruments asked for.
    pub(super) instruments: Vec<String>,
    /// Range asked for; absent where the files decide.
    pub(super) range: Option<TimeRange>,
    /// Simulated data.
    pub(super) simulated: bool,
    /// Everything asked for was there.
    ok: bool,
    notes: usize,
    warnings: usize,
    failures: usize,
    /// The command was interrupted: what comes after is not known.
    pub(super) stopped: bool,
    pub(super) findings: Vec<Gap>,
}

impl GapReport {
    /// Returns the report of a command; findings are added instrument by instrument.
    pub(super) fn new(source: String, simulated: bool, range: Option<TimeRange>) -> Self {
        Self {
            source,
            instruments: Vec::new(),
            range,
            simulated,
            ok: true,
            notes: 0,
            warnings: 0,
            failures: 0,
            stopped: false,
            findings: Vec::new(),
        }
    }

    /// Adds what an ingest of one instrument did not get.
    pub(super) fn add(&mut self, key: &InstrumentKey, files: &[FileOutcome]) {
        self.instruments.push(key.to_string());
        for file in files {
            self.findings.extend(gaps_of(key, file));
        }
    }

    /// Writes the report, also if it has no finding.
    ///
    /// # Errors
    /// Internal: the file cannot be written.
    pub(super) fn write(mut self, path: &Path) -> CommandResult<()> {
        let count = |severity: Severity| {
            let all = self.findings.iter();
            all.filter(|gap| gap.finding.severity == severity).count()
        };
        (self.notes, self.warnings, self.failures) = (
            count(Severity::Note),
            count(Severity::Warn),
            count(Severity::Fail),
        );
        self.ok = self.failures == 0 && !self.stopped;
        let text = serde_json::to_string_pretty(&self).internal_error()? + "\n";
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|e| CommandError::io("create", parent, &e))?;
        }
        std::fs::write(path, text).map_err(|e| CommandError::io("write", path, &e))
    }
}

/// Returns the gaps that one file leaves; none if its days are in the lake.
fn gaps_of(key: &InstrumentKey, file: &FileOutcome) -> Vec<Gap> {
    let (detector, severity, text) = match &file.status {
        FileStatus::NotFound => (
            "file_not_found",
            Severity::Fail,
            "the source has no such file".to_owned(),
        ),
        FileStatus::NotPublished { reason } => {
            ("file_not_published", Severity::Fail, reason.clone())
        }
        FileStatus::Failed { error } => ("file_refused", Severity::Fail, error.to_string()),
        FileStatus::Written { days } if days.is_empty() => (
            "file_without_rows",
            Severity::Note,
            "the file has no rows of this dataset in the days asked for".to_owned(),
        ),
        FileStatus::Written { days } => {
            // Days of a monthly file, or of a whole-day file, that hold nothing.
            let empty = days.iter().filter(|d| d.rows == 0).map(|d| d.day);
            return empty
                .map(|day| {
                    let text = "the file has no row of this day".to_owned();
                    gap(key, file, "day_without_rows", Severity::Warn, day, text)
                })
                .collect();
        }
        FileStatus::Current => return Vec::new(),
    };
    let n = file.last_day.0 - file.first_day.0;
    let days = if (0..MAX_DAYS).contains(&n) {
        (file.first_day.0..=file.last_day.0).map(Day).collect()
    } else {
        vec![file.first_day]
    };
    let made = |day| gap(key, file, detector, severity, day, text.clone());
    days.into_iter().map(made).collect()
}

fn gap(
    key: &InstrumentKey,
    file: &FileOutcome,
    detector: &str,
    severity: Severity,
    day: Day,
    text: String,
) -> Gap {
    let interval = file.dataset.interval_us();
    // Of rows that come at a fixed pace it is known how many a day has.
    let rows = interval.map_or(0, |us| day.range().len_us() / us);
    let rows = match file.dataset {
        Dataset::Instruments => 0,
        _ => u64::try_from(rows).unwrap_or(0),
    };
    Gap {
        instrument: key.to_string(),
        file: file.file.clone(),
        finding: Finding {
            detector: detector.to_owned(),
            dataset: file.dataset,
            day,
            severity,
            from: day.start(),
            to: day.end(),
            rows,
            measured: 0.0,
            threshold: 1.0,
            text,
        },
    }
}

#[cfg(test)]
mod tests;
