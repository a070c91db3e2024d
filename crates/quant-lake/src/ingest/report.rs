//! What an ingest did: one outcome per file and day, with every row accounted for.

use quant_core::time::Day;
use serde::Serialize;

use crate::schema::Dataset;

use super::unit::{Done, FileError};

/// Rows of a file: `rows_in` always equals the sum of the other four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Data rows read.
    pub rows_in: u64,
    /// Rows written to partitions.
    pub written: u64,
    /// Exact repetitions left out.
    pub duplicates: u64,
    /// Rows of other days or outside the asked range, left out.
    pub filtered: u64,
    /// Rows refused and kept in the quarantine.
    pub quarantined: u64,
}

impl RowCounts {
    /// Adds another file's counts.
    pub const fn add(&mut self, other: &Self) {
        self.rows_in += other.rows_in;
        self.written += other.written;
        self.duplicates += other.duplicates;
        self.filtered += other.filtered;
        self.quarantined += other.quarantined;
    }

    /// Returns whether every row is accounted for.
    pub const fn balanced(&self) -> bool {
        self.rows_in == self.written + self.duplicates + self.filtered + self.quarantined
    }
}

/// What became of one day of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DayOutcome {
    /// The day.
    pub day: Day,
    /// Rows now in the partition, earlier slices included.
    pub rows: u64,
    /// Hash of the values of the partition.
    pub content_sha256: String,
    /// Earlier slices were merged with this one.
    pub merged: bool,
    /// The partition already held this file; nothing was written.
    pub unchanged: bool,
}

/// What became of one file.
#[derive(Debug)]
pub enum FileStatus {
    /// Its days are in the lake.
    Written {
        /// Days, ascending.
        days: Vec<DayOutcome>,
    },
    /// All its days were in the lake already, from the same bytes, parser and parameters.
    Current,
    /// The venue does not publish it.
    NotPublished {
        /// Why.
        reason: String,
    },
    /// The venue publishes such files, but the source has not got this one.
    NotFound,
    /// Refused; the lake is as it was.
    Failed {
        /// Why.
        error: FileError,
    },
}

/// One file (or, for what is not published, the day it would cover).
#[derive(Debug)]
pub struct FileOutcome {
    /// Dataset.
    pub dataset: Dataset,
    /// Path in the source, or the path of a local file.
    pub file: String,
    /// Asked days the file covers: first.
    pub first_day: Day,
    /// Asked days the file covers: last.
    pub last_day: Day,
    /// What became of it.
    pub status: FileStatus,
    /// Rows; zero unless written.
    pub counts: RowCounts,
    /// Rows that arrived before a row with a smaller key and were sorted.
    pub out_of_order: u64,
    /// Remarks worth a line: byte order mark, CRLF, mixed time units, unverified checksum ...
    pub notes: Vec<String>,
    /// Counters of the format's own, e.g. how a book was synchronised and sampled.
    pub diagnostics: std::collections::BTreeMap<&'static str, u64>,
}

impl FileOutcome {
    /// Returns the outcome of a file before anything is known about it.
    pub fn unknown(dataset: Dataset, file: String, days: (Day, Day)) -> Self {
        Self {
            dataset,
            file,
            first_day: days.0,
            last_day: days.1,
            status: FileStatus::NotFound,
            counts: RowCounts::default(),
            out_of_order: 0,
            notes: Vec::new(),
            diagnostics: std::collections::BTreeMap::new(),
        }
    }

    /// Takes over what became of one dataset of the file.
    pub(super) fn take(&mut self, done: Done) {
        if let FileStatus::Written { days } = &done.status
            && let (Some(first), Some(last)) = (days.first(), days.last())
        {
            (self.first_day, self.last_day) = (first.day, last.day);
        }
        self.status = done.status;
        self.counts = done.counts;
        self.out_of_order = done.out_of_order;
        self.notes.extend(done.notes);
        self.diagnostics = done.diagnostics;
    }
}

/// What an ingest did.
#[derive(Debug, Default)]
pub struct IngestReport {
    /// Every planned file, in plan order.
    pub files: Vec<FileOutcome>,
    /// The caller asked to stop; the remaining files are not listed.
    pub stopped: bool,
}

impl IngestReport {
    /// Returns the counts of all files together.
    pub fn counts(&self) -> RowCounts {
        let mut sum = RowCounts::default();
        for file in &self.files {
            sum.add(&file.counts);
        }
        sum
    }

    /// Returns the refused files.
    pub fn failures(&self) -> impl Iterator<Item = (&FileOutcome, &FileError)> {
        self.files.iter().filter_map(|f| match &f.status {
            FileStatus::Failed { error } => Some((f, error)),
            _ => None,
        })
    }

    /// Returns how many days were written (unchanged ones not counted).
    pub fn days_written(&self) -> usize {
        let written = |f: &FileOutcome| match &f.status {
            FileStatus::Written { days } => days.iter().filter(|d| !d.unchanged).count(),
            _ => 0,
        };
        self.files.iter().map(written).sum()
    }
}

/// Observes an ingest; every method may be called from several threads.
pub trait Progress: Sync {
    /// The plan is made, or longer by so many files.
    fn planned(&self, files: usize) {
        let _ = files;
    }
    /// Work on a file begins.
    fn started(&self, file: &str) {
        let _ = file;
    }
    /// Bytes of text were read.
    fn advanced(&self, bytes: u64) {
        let _ = bytes;
    }
    /// A planned file is done: its outcomes, one for each dataset it was asked for, or the one of its refusal.
    fn finished(&self, outcomes: &[FileOutcome]) {
        let _ = outcomes;
    }
}

/// Observes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}
