//! The catalogue of bad input: every case goes through the public entry into a lake that already holds a day.
//!
//! A case is refused (typed error with the file's name and a remedy; the lake as it was, byte for byte) or accepted with
//! exactly these counts; then every row of the file is accounted for in the outcome, the quarantine and the manifest.
//!
//! # Planted bugs that were tried by hand
//! See `docs/reliability.md`, R3.

mod archives;
mod books;
mod messages;
mod path_attacks;
mod tables;

use std::time::{Duration, Instant};

use super::lab::{Format, Lab};
use crate::ingest::*;

/// What must become of a file.
#[derive(Clone, Debug)]
pub(super) enum Expect {
    /// Refused, with these words in the message.
    Refused(Vec<String>),
    /// Rows of the main dataset: written, duplicates, filtered, quarantined; and words of a note.
    Rows([u64; 4], &'static str),
    /// As before, and the values are those of the good file.
    Same([u64; 4], &'static str),
}

pub(super) fn refused(words: &[&str]) -> Expect {
    Expect::Refused(words.iter().map(|w| (*w).to_owned()).collect())
}

/// One spoiled file.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) text: Vec<u8>,
    pub(super) expect: Expect,
}

pub(super) fn case(name: &str, text: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case {
        name: name.to_owned(),
        text: text.into(),
        expect,
    }
}

/// Digits that do not deflate well.
pub(super) fn noise(n: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from_digit(u32::try_from((state >> 33) % 10).unwrap(), 10).unwrap()
    };
    (0..n).map(|_| next()).collect()
}

/// Runs the cases of one format; returns how many they are.
pub(super) fn run(format: Format, good: &str, cases: Vec<Case>) -> usize {
    let reference = Lab::prepared(format);
    let report = reference.text(good);
    assert_eq!(report.failures().count(), 0, "{report:?}");
    let good = reference.contents();
    let n = cases.len();
    let mut wrong = Vec::new();
    let lab = Lab::prepared(format);
    let base = lab.save();
    let mut slowest = (Duration::ZERO, String::new());
    for case in cases {
        let before = lab.fixture.listing();
        let began = Instant::now();
        let report = lab.text(&case.text);
        slowest = slowest.max((began.elapsed(), case.name.clone()));
        let mut problem = check(&lab, &report, &case.expect);
        let unchanged = lab.fixture.listing() == before;
        if report.failures().next().is_some() {
            if !unchanged {
                problem.push("the lake has changed".to_owned());
            }
        } else {
            if matches!(case.expect, Expect::Same(..)) && lab.contents() != good {
                problem.push("other values than of the good file".to_owned());
            }
            lab.restore(&base);
        }
        if !problem.is_empty() {
            let what = describe(&report);
            wrong.push(format!(
                "{format:?} {}: {}\n  {what}",
                case.name,
                problem.join("; ")
            ));
        }
    }
    let peak = assert_small();
    println!(
        "{format:?}: {n} cases, the slowest in {:?} ({}); peak so far {peak:?} MiB",
        slowest.0, slowest.1
    );
    assert!(
        wrong.is_empty(),
        "{} of {n}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    n
}

/// Largest resident set allowed, MiB: the sum of all tests that share the process, so an upper bound of every case.
const MAX_RESIDENT_MIB: u64 = 512;

/// Asserts that the process never took more memory than any one case may; returns the peak where the system tells.
pub(super) fn assert_small() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    assert!(kib / 1024 <= MAX_RESIDENT_MIB, "{line}");
    Some(kib / 1024)
}

fn describe(report: &IngestReport) -> String {
    let of = |f: &FileOutcome| match &f.status {
        FileStatus::Failed { error } => format!("refused: {error}"),
        _ => format!("{} {:?} {:?}", f.dataset, f.counts, f.notes),
    };
    report.files.iter().map(of).collect::<Vec<_>>().join("\n  ")
}

/// Compares an outcome with what must have become of the file.
pub(super) fn check(lab: &Lab, report: &IngestReport, expect: &Expect) -> Vec<String> {
    let mut out = Vec::new();
    let failure = report.failures().next();
    match (expect, failure) {
        (Expect::Refused(words), Some((outcome, error))) => {
            let text = error.to_string();
            for word in words {
                if !text.contains(word) {
                    out.push(format!("`{word}` is not said"));
                }
            }
            let name = std::path::Path::new(&outcome.file).file_name();
            let name = name.and_then(|n| n.to_str()).unwrap_or_default();
            let given = lab.format.name(super::fixture::day(super::lab::DAY));
            if !text.contains(name) && !text.contains(&given) {
                out.push("the file is not named".to_owned());
            }
            if !text.contains("hint: ") {
                out.push("no remedy".to_owned());
            }
            if outcome.counts != RowCounts::default() {
                out.push("rows of a refused file are counted".to_owned());
            }
        }
        (Expect::Refused(_), None) => out.push("accepted".to_owned()),
        (_, Some(_)) => out.push("refused".to_owned()),
        (Expect::Rows(counts, note) | Expect::Same(counts, note), None) => {
            out.extend(check_rows(lab, report, *counts, note));
        }
    }
    out
}

fn check_rows(lab: &Lab, report: &IngestReport, expected: [u64; 4], note: &str) -> Vec<String> {
    let mut out = Vec::new();
    let main = lab.format.main();
    let Some(outcome) = report.files.iter().find(|f| f.dataset == main) else {
        return vec!["no outcome of the main dataset".to_owned()];
    };
    let c = outcome.counts;
    // A line that nobody can read is of no dataset in particular.
    let refused: u64 = report.files.iter().map(|f| f.counts.quarantined).sum();
    let found = [c.written, c.duplicates, c.filtered, refused];
    if found != expected {
        out.push(format!("rows {found:?}, expected {expected:?}"));
    }
    let mut notes = report.files.iter().flat_map(|f| &f.notes);
    if !notes.any(|n| n.contains(note)) && !note.is_empty() {
        out.push(format!("no note `{note}`"));
    }
    // Counted again from what lies in the lake.
    let quarantine = lab.quarantine();
    if refused != quarantine.len() as u64 {
        out.push(format!("{} lines of quarantine", quarantine.len()));
    }
    if quarantine
        .iter()
        .any(|l| l["reason"].as_str().unwrap().is_empty() || l["file"].as_str().unwrap().is_empty())
    {
        out.push("a refused row without reason or file".to_owned());
    }
    for f in &report.files {
        if !f.counts.balanced() {
            out.push(format!("{} is not balanced", f.dataset));
        }
        let FileStatus::Written { days } = &f.status else {
            continue;
        };
        let rows: u64 = days.iter().map(|d| d.rows).sum();
        if rows != f.counts.written {
            out.push(format!("{} rows of {} in the lake", rows, f.dataset));
        }
        let manifest = lab.manifest(f.dataset);
        for partition in manifest.into_iter().flat_map(|m| m.partitions) {
            if u128::from(partition.rows_in) != partition.quality.rows_accounted(partition.rows) {
                out.push(format!("rows of a partition of {} are lost", f.dataset));
            }
        }
    }
    out
}
