//! Why a feature set refuses its parameters or a frame.

use core::fmt;

use crate::time::UnixMicros;

/// One parameter that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamViolation {
    /// Path of the key, such as `trend.efficiency_ratio.enter`.
    pub key: String,
    /// The value found.
    pub value: String,
    /// What would be accepted.
    pub expected: String,
}

impl fmt::Display for ParamViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is {}; expected {}",
            self.key, self.value, self.expected
        )
    }
}

/// Joins violations into one line per violation.
pub(crate) fn list(violations: &[ParamViolation]) -> String {
    violations
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Collects violations under a key prefix.
#[derive(Debug)]
pub(crate) struct Checker {
    violations: Vec<ParamViolation>,
}

impl Checker {
    pub(crate) const fn new() -> Self {
        Self {
            violations: Vec::new(),
        }
    }

    /// Records a violation unless `ok`.
    pub(crate) fn require(
        &mut self,
        ok: bool,
        key: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) {
        if !ok {
            self.violations.push(ParamViolation {
                key: key.into(),
                value: value.to_string(),
                expected: expected.into(),
            });
        }
    }

    pub(crate) fn into_violations(self) -> Vec<ParamViolation> {
        self.violations
    }
}

/// Why a feature set cannot be built or driven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// One or more parameters break their rules.
    #[error("bad feature parameters:\n{}", list(violations))]
    BadParams {
        /// Every violation found.
        violations: Vec<ParamViolation>,
    },
    /// A feature reads another instrument that the run has not got.
    #[error(
        "`{key}` is {other}, but the run has {n_instruments} instrument(s), counted from 0, and trades number {traded_idx}\n\
         hint: name the position of another instrument under `instruments` of the config, or add that instrument there"
    )]
    NoOtherInstrument {
        /// Path of the parameter.
        key: String,
        /// Position asked for.
        other: u16,
        /// Instruments of the run.
        n_instruments: usize,
        /// Position of the traded one.
        traded_idx: usize,
    },
    /// Frames must start at midnight UTC, because state is rebuilt from whole days.
    #[error(
        "the first frame is `{found}`\nhint: start at 00:00 UTC and push a frame for every minute"
    )]
    StartsMidDay {
        /// Start of the refused minute.
        found: UnixMicros,
    },
    /// Frames must be consecutive minutes; a minute without rows is a frame of `None`.
    #[error("expected the minute `{expected}`, found `{found}`")]
    NotConsecutive {
        /// The minute after the last one.
        expected: UnixMicros,
        /// The refused minute.
        found: UnixMicros,
    },
    /// A frame has a row of another minute.
    #[error("row {instrument_idx} of the minute `{expected}` is of `{found}`")]
    Misaligned {
        /// Which instrument.
        instrument_idx: usize,
        /// Start of the frame.
        expected: UnixMicros,
        /// Start of the row.
        found: UnixMicros,
    },
    /// What statistics are made of is settled when a day begins.
    #[error(
        "the minute `{found}` has other sources of statistics than those its day began with\n\
         hint: push every minute of a day with the sources of that day"
    )]
    OtherSources {
        /// Start of the refused minute.
        found: UnixMicros,
    },
    /// A frame has too many or too few instruments.
    #[error("a frame of {found} instruments; the set was made for {expected}")]
    WrongWidth {
        /// Instruments of the set.
        expected: usize,
        /// Instruments of the frame.
        found: usize,
    },
}
