//! Checks a lake against its manifests: every listed file exists and is what it was; optionally every row again.
//!
//! Finds and names problems, repairs nothing.

mod deep;
mod discover;

use std::path::{Path, PathBuf};

use quant_core::time::Day;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use crate::layout::{Lake, MANIFEST_FILE, PartitionSetSpec, day_folder, parse_day_folder};
use crate::manifest::Partition;
use crate::read::{HashMemo, PartitionSet, ReadError};

pub use discover::{
    SET_KINDS, UnknownSet, levels_of, set_specs, spec_of as spec_of_dir, spec_of_folder,
};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Manifests, file sizes and file hashes.
    Files,
    /// Also every row: counts, times, order, content hash.
    Rows,
}

/// What kind of trouble was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The manifest cannot be read, parsed or believed.
    Manifest,
    /// Nothing tells what the folder's columns are.
    UnknownSet,
    /// A listed file is not there.
    MissingFile,
    /// A listed file has another size.
    Size,
    /// A listed file has other bytes.
    Hash,
    /// A listed file cannot be decoded.
    Decode,
    /// The file's columns are not those of the schema.
    Schema,
    /// The number of rows differs.
    Rows,
    /// Smallest or largest time differs, or a row lies outside its day.
    Times,
    /// Rows are not strictly ascending.
    Order,
    /// A value that must not be there: NaN, infinity, a null.
    Value,
    /// The values differ from those written.
    ContentHash,
    /// A file that no manifest lists; a warning.
    Orphan,
}

impl ProblemKind {
    /// Returns whether the lake is still sound.
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::Orphan)
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Folder of the set, relative to the lake.
    pub set: String,
    /// Partition, where one is concerned.
    pub date: Option<Day>,
    /// Kind.
    pub kind: ProblemKind,
    /// What was found, with path.
    pub detail: String,
}

/// What a verification looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyReport {
    /// Partition sets checked.
    pub n_sets: u64,
    /// Partitions checked.
    pub n_partitions: u64,
    /// Rows of those partitions by their manifests.
    pub n_rows: u64,
    /// Bytes of those partitions by their manifests.
    pub n_bytes: u64,
    /// Problems in path order.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// Returns whether nothing but warnings was found.
    pub fn is_ok(&self) -> bool {
        self.problems.iter().all(|p| p.kind.is_warning())
    }

    fn merge(mut self, other: Self) -> Self {
        self.n_sets += other.n_sets;
        self.n_partitions += other.n_partitions;
        self.n_rows = self.n_rows.saturating_add(other.n_rows);
        self.n_bytes = self.n_bytes.saturating_add(other.n_bytes);
        self.problems.extend(other.problems);
        self
    }
}

/// Checks every partition set of a lake, in parallel on the current rayon pool.
///
/// `l2_snapshots` are read as deep as their manifests say, at least `book_levels`: narrower files read as null beyond their own levels.
pub fn verify_lake(lake: &Lake, book_levels: u16, depth: Depth, memo: &HashMemo) -> VerifyReport {
    let (specs, unknown) = set_specs(lake, book_levels);
    let mut report = verify_sets(lake, &specs, depth, memo);
    report.problems.extend(unknown.into_iter().map(|u| Problem {
        set: u.set,
        date: None,
        kind: ProblemKind::UnknownSet,
        detail: u.detail,
    }));
    report.problems.sort();
    report
}

/// Checks these partition sets, in parallel on the current rayon pool.
pub fn verify_sets(
    lake: &Lake,
    specs: &[PartitionSetSpec],
    depth: Depth,
    memo: &HashMemo,
) -> VerifyReport {
    let mut report = specs
        .into_par_iter()
        .map(|spec| verify_set(lake, spec, depth, memo))
        .reduce(VerifyReport::default, VerifyReport::merge);
    report.problems.sort();
    report
}

/// Checks one partition set.
pub fn verify_set(
    lake: &Lake,
    spec: &PartitionSetSpec,
    depth: Depth,
    memo: &HashMemo,
) -> VerifyReport {
    let mut report = VerifyReport {
        n_sets: 1,
        ..VerifyReport::default()
    };
    let problem = |date, kind, detail| Problem {
        set: spec.dir.clone(),
        date,
        kind,
        detail,
    };
    let set = match PartitionSet::open_if_present(lake, spec) {
        Ok(Some(set)) => set,
        Ok(None) => {
            let orphans = orphans(&lake.set_dir(spec), None);
            // A first commit that was cut short leaves one file at most; more of them once had a manifest.
            let n = orphans
                .iter()
                .filter(|p| p.extension().is_some_and(|e| e == "parquet"))
                .count();
            if n > 1 {
                let detail = format!(
                    "`{}` holds {n} data files but no manifest: it was removed or never restored",
                    lake.set_dir(spec).display()
                );
                report
                    .problems
                    .push(problem(None, ProblemKind::Manifest, detail));
            }
            report.problems.extend(
                orphans
                    .into_iter()
                    .map(|path| problem(None, ProblemKind::Orphan, path.display().to_string())),
            );
            return report;
        }
        Err(e) => {
            report
                .problems
                .push(problem(None, ProblemKind::Manifest, e.to_string()));
            return report;
        }
    };
    let partitions = &set.manifest().partitions;
    report.n_partitions = partitions.len() as u64;
    report.n_rows = set.manifest().row_count;
    report.n_bytes = partitions
        .iter()
        .fold(0, |sum, p| sum.saturating_add(p.bytes));
    report.problems = partitions
        .into_par_iter()
        .flat_map_iter(|p| {
            check_partition(&set, p, depth, memo)
                .into_iter()
                .map(|(kind, detail)| problem(Some(p.date), kind, detail))
                .collect::<Vec<_>>()
        })
        .collect();
    report.problems.extend(
        orphans(&lake.set_dir(spec), Some(partitions))
            .into_iter()
            .map(|path| problem(None, ProblemKind::Orphan, path.display().to_string())),
    );
    report
}

fn check_partition(
    set: &PartitionSet,
    partition: &Partition,
    depth: Depth,
    memo: &HashMemo,
) -> Option<(ProblemKind, String)> {
    let path = set.file_path(partition);
    if let Err(e) = memo.open_checked(&path, partition.bytes, &partition.sha256) {
        return Some((kind_of(&e), e.to_string()));
    }
    match depth {
        Depth::Files => None,
        Depth::Rows => deep::check_rows(set, partition, memo).err(),
    }
}

fn kind_of(error: &ReadError) -> ProblemKind {
    match error {
        ReadError::Absent { .. } | ReadError::NoDay { .. } => ProblemKind::MissingFile,
        ReadError::Manifest(_) => ProblemKind::Manifest,
        ReadError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ProblemKind::MissingFile
        }
        ReadError::Size { .. } => ProblemKind::Size,
        ReadError::Hash { .. } => ProblemKind::Hash,
        ReadError::Rows { .. } => ProblemKind::Rows,
        ReadError::Schema { .. } | ReadError::UnknownColumn { .. } => ProblemKind::Schema,
        ReadError::Io { .. }
        | ReadError::Decode { .. }
        | ReadError::Batch { .. }
        | ReadError::Panicked { .. } => ProblemKind::Decode,
    }
}

/// Returns the files of a set's folder that its manifest does not account for, in path order.
fn orphans(set_dir: &Path, partitions: Option<&[Partition]>) -> Vec<PathBuf> {
    let listed = |day: Day, name: &str| {
        partitions.is_some_and(|all| all.iter().any(|p| p.date == day && p.file == name))
    };
    let mut out = Vec::new();
    for (name, path) in discover::entries(set_dir) {
        match parse_day_folder(&name).filter(|day| path.ends_with(day_folder(*day))) {
            Some(day) if path.is_dir() => out.extend(
                discover::entries(&path)
                    .into_iter()
                    .filter(|(name, _)| !listed(day, name))
                    .map(|(_, path)| path),
            ),
            _ if name == MANIFEST_FILE && partitions.is_some() => {}
            // A set of its own.
            _ if path.join(MANIFEST_FILE).is_file() => {}
            _ => out.push(path),
        }
    }
    out
}

#[cfg(test)]
mod tests;
