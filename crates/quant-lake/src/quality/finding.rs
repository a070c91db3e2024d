//! What a detector says: which rule, about which rows, how far beyond the threshold.

use core::fmt;

use quant_core::time::{Day, TimeRange, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::schema::Dataset;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the rows that are there can be used.
    Note,
    /// A defect that was left out at ingest, or one that readers of this dataset must mind.
    Warn,
    /// Rows are missing or wrong: a run that reads them refuses, or masks them.
    Fail,
}

impl Severity {
    /// Returns the stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A detector: what it measures, where, and from which value on it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Stable name.
    pub name: &'static str,
    /// Datasets it applies to.
    pub datasets: &'static [Dataset],
    /// What is measured, with its unit.
    pub measures: &'static str,
    /// Smallest measured value that is a finding.
    pub threshold: f64,
    /// Severity of its findings, unless the text of the finding says why it is milder.
    pub severity: Severity,
}

/// One defect, or one merged stretch of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Name of the rule.
    pub detector: String,
    /// Dataset the rows belong to.
    pub dataset: Dataset,
    /// Day of the partition.
    pub day: Day,
    /// How bad it is.
    pub severity: Severity,
    /// Inclusive start of what is concerned.
    pub from: UnixMicros,
    /// Exclusive end.
    pub to: UnixMicros,
    /// Rows concerned; of missing rows how many are missing, where that is known.
    pub rows: u64,
    /// What was measured, in the unit of the rule.
    pub measured: f64,
    /// Threshold of the rule.
    pub threshold: f64,
    /// In words.
    pub text: String,
}

impl Finding {
    /// Returns the stretch concerned; the whole day if it is empty.
    pub fn range(&self) -> TimeRange {
        TimeRange::new(self.from, self.to).unwrap_or_else(|_| self.day.range())
    }

    /// Lowers the severity.
    #[must_use]
    pub fn softened(mut self, severity: Severity) -> Self {
        self.severity = self.severity.min(severity);
        self
    }
}

/// A partition under examination; findings about it are made here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) dataset: Dataset,
    pub(super) day: Day,
}

impl Subject {
    /// Returns a finding about `[from, to)`, cut to the day.
    pub(super) fn find(
        self,
        rule: &Rule,
        (from, to): (i64, i64),
        rows: u64,
        measured: f64,
        text: String,
    ) -> Finding {
        let day = self.day.range();
        let from = UnixMicros(from.clamp(day.start.0, day.end.0));
        let to = UnixMicros(to.clamp(from.0, day.end.0));
        Finding {
            detector: rule.name.to_owned(),
            dataset: self.dataset,
            day: self.day,
            severity: rule.severity,
            from,
            to,
            rows,
            measured,
            threshold: rule.threshold,
            text,
        }
    }

    /// Returns a finding about the whole day.
    pub(super) fn find_day(self, rule: &Rule, rows: u64, measured: f64, text: String) -> Finding {
        let day = self.day.range();
        self.find(rule, (day.start.0, day.end.0), rows, measured, text)
    }
}

/// Stretches of one rule, the first few in full: a day of defects must not become a million findings.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretches {
    kept: Vec<Stretch>,
    /// Stretches beyond the kept ones, as one.
    rest: Option<(Stretch, u64)>,
}

/// Findings of one rule about one partition that are told one by one.
const MAX_STRETCHES: usize = 20;

/// One stretch of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) rows: u64,
    pub(super) measured: f64,
}

impl Stretches {
    pub(super) fn push(&mut self, stretch: Stretch) {
        if self.kept.len() < MAX_STRETCHES {
            self.kept.push(stretch);
            return;
        }
        match &mut self.rest {
            None => self.rest = Some((stretch, 1)),
            Some((all, n)) => {
                all.to = all.to.max(stretch.to);
                all.rows += stretch.rows;
                all.measured = all.measured.max(stretch.measured);
                *n += 1;
            }
        }
    }

    /// Adds one that lies before all others.
    pub(super) fn push_first(&mut self, stretch: Stretch) {
        let later = std::mem::take(self);
        self.push(stretch);
        for stretch in later.kept {
            self.push(stretch);
        }
        if let Some((rest, n)) = later.rest {
            self.push(rest);
            if let Some((_, count)) = &mut self.rest {
                *count += n - 1;
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn rows(&self) -> u64 {
        let rest = self.rest.map_or(0, |(all, _)| all.rows);
        self.kept.iter().map(|s| s.rows).sum::<u64>() + rest
    }

    /// Turns every stretch into a finding; `text` tells one of them.
    pub(super) fn findings(
        &self,
        subject: Subject,
        rule: &Rule,
        text: impl Fn(&Stretch) -> String,
    ) -> Vec<Finding> {
        let of = |s: &Stretch, text| subject.find(rule, (s.from, s.to), s.rows, s.measured, text);
        let mut out: Vec<Finding> = self.kept.iter().map(|s| of(s, text(s))).collect();
        if let Some((all, n)) = &self.rest {
            out.push(of(all, format!("{n} more stretches: {}", text(all))));
        }
        out
    }
}
