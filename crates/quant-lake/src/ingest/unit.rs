//! Makes the partitions of one file: checksum, stream, sort if needed, merge, stage, and only then commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use quant_core::time::{Day, TimeRange};

use super::archive::{ArchiveError, Member, hash_file};
use super::checksum::BadChecksum;
use super::chunks::LineTooLong;
use super::collect::{SortedDay, Winner, render, sort_day};
use super::pipeline::{Ended, Input, Pipeline, PlainFile};
use super::quarantine;
use super::report::{DayOutcome, FileStatus, Progress, RowCounts};
use super::run::IngestOptions;
use super::source::SourceError;
use crate::commit::{CommitError, DatasetWriter};
use crate::layout::{DatasetKey, Lake};
use crate::manifest::{Partition, Source, SourceKind};
use crate::quality::Quality;
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::Dataset;
use crate::venues::binance::FormatError;
use crate::venues::rows::{
    DayCounts, ParseError, ParseOptions, Parsed, Quarantined, RowParser, RowProblem, Totals,
};
use crate::write::{PartitionMeta, PartitionWriter, StagedPartition, WriteError};

/// Rows per batch read back from the lake.
const READ_BATCH: usize = 65_536;

/// Why a file was refused. The lake is as it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The source could not answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The checksum file is unusable.
    #[error(transparent)]
    Checksum(#[from] BadChecksum),
    /// There is an archive but no checksum.
    #[error(
        "`{file}` has no .CHECKSUM file beside it\nhint: fetch it too, or pass --allow-missing-checksum to trust the file as it is"
    )]
    MissingChecksum {
        /// Archive.
        file: String,
    },
    /// The bytes are not the ones the vendor published.
    #[error(
        "`{file}` ({bytes} bytes) has sha256 {found}, its checksum file says {expected}\nhint: delete it and fetch it again; if that does not help the vendor's file and checksum disagree"
    )]
    ChecksumMismatch {
        /// Archive.
        file: String,
        /// Its size.
        bytes: u64,
        /// Published hash.
        expected: String,
        /// Hash of the file.
        found: String,
    },
    /// The file changed while it was read.
    #[error(
        "`{file}` changed while it was read\nhint: run the command again when nothing writes to it"
    )]
    Changed {
        /// File.
        file: String,
    },
    /// The archive is unusable.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A line is too long.
    #[error("`{file}`: {error}")]
    Line {
        /// File.
        file: String,
        /// Where.
        error: LineTooLong,
    },
    /// The rows are unusable.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// There is no parser.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Too many rows to sort in memory.
    #[error(
        "`{file}` is not in time order and has more than {limit} rows\nhint: sort the file by time first: a sorted file of any size is streamed"
    )]
    TooLargeToSort {
        /// File.
        file: String,
        /// Limit, rows.
        limit: u64,
    },
    /// Rows went missing inside: a bug, not a property of the file.
    #[error("`{file}`: {rows_in} rows in, {accounted} accounted for")]
    RowsNotConserved {
        /// File.
        file: String,
        /// Rows read.
        rows_in: u64,
        /// Rows written, duplicate, filtered or quarantined.
        accounted: u64,
    },
    /// A partition could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A partition could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// An existing partition could not be read for merging.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Columns could not be sorted or merged.
    #[error("cannot sort the rows of `{file}`: {source}")]
    Arrow {
        /// File.
        file: String,
        /// Cause.
        source: ArrowError,
    },
    /// The quarantine or a kept original could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The original could not be kept.
    #[error(transparent)]
    Keep(#[from] crate::commit::sources::SourceError),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// A file at hand, and what is known about it.
pub(super) struct LocalFile<'a> {
    pub(super) path: &'a Path,
    /// Name in messages, manifests and the quarantine.
    pub(super) name: String,
    pub(super) url: Option<String>,
    pub(super) kind: SourceKind,
    /// Member of the zip, or `None` for a plain text file.
    pub(super) member: Option<String>,
    /// Hash it must have, and whether the vendor said so.
    pub(super) sha256: String,
    pub(super) checksum_verified: bool,
    /// A file of this name holds the same slice, so a new version replaces the old one instead of being merged.
    pub(super) replaces_same_name: bool,
}

/// Everything a file's processing needs around it.
pub(super) struct Context<'a> {
    pub(super) lake: &'a Lake,
    pub(super) writer: &'a DatasetWriter,
    pub(super) key: &'a DatasetKey,
    pub(super) options: &'a IngestOptions,
    pub(super) threads: usize,
    pub(super) stop: &'a AtomicBool,
    pub(super) progress: &'a dyn Progress,
}

/// Days a file is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Rows outside are filtered.
    pub(super) range: TimeRange,
    /// Days that get a partition even without rows: those the file is responsible for.
    pub(super) every_day: bool,
}

/// What a file became.
pub(super) struct Done {
    pub(super) status: FileStatus,
    pub(super) counts: RowCounts,
    pub(super) out_of_order: u64,
    pub(super) notes: Vec<String>,
}

/// Rows of one day, ready.
struct Ready {
    staged: StagedPartition,
    merged: bool,
}

/// Makes a parser for the file.
pub(super) type MakeParser<'a> =
    dyn Fn(ParseOptions) -> Result<Box<dyn RowParser>, FormatError> + 'a;

/// Reads one file and commits its days.
pub(super) fn process(
    cx: &Context<'_>,
    file: &LocalFile<'_>,
    wanted: Wanted,
    make_parser: &MakeParser<'_>,
) -> Result<Done, FileError> {
    let dataset = cx.key.dataset;
    // Forced orders repeat and must be numbered over the whole day; metrics are never in order.
    let mut collect = matches!(dataset, Dataset::Liquidations | Dataset::Metrics);
    let bytes = std::fs::metadata(file.path)
        .map_err(|source| ArchiveError::Io {
            path: file.path.to_owned(),
            source,
        })?
        .len();
    let source = Source {
        kind: file.kind,
        name: file.name.clone(),
        url: file.url.clone(),
        bytes,
        sha256: file.sha256.clone(),
        checksum_verified: file.checksum_verified,
    };
    let (totals, sink) = loop {
        let parse = ParseOptions {
            file: file.name.clone(),
            range: wanted.range,
            max_quarantine_share: cx.options.max_quarantine_share,
            collect,
        };
        let mut parser = make_parser(parse)?;
        let mut sink = Sink::new(cx, file, &source, wanted, collect);
        let ended = match open(cx, file) {
            Ok(input) => {
                let pipeline = Pipeline {
                    threads: cx.threads,
                    file: &file.name,
                    stop: cx.stop,
                    progress: cx.progress,
                };
                pipeline.run(input, parser.as_mut(), &mut |parsed| sink.take(parsed))
            }
            Err(error) => Ended {
                read: Err(FileError::Archive(error)),
                hash: hash_file(file.path),
                parsed: Err(FileError::Stopped),
            },
        };
        match judge(file, ended) {
            Err(FileError::Parse(ParseError::OutOfOrder { .. })) if !collect => {
                // Drop what was staged and read again, keeping the days in memory to sort them.
                drop(sink);
                collect = true;
            }
            Err(e) => return Err(e),
            Ok(totals) => break (totals, sink),
        }
    };
    let summary = sink.finish(&totals)?;
    let mut notes = notes_of(&totals);
    if file.checksum_verified {
        notes.insert(0, "sha256 matches the published checksum".to_owned());
    }
    if summary.ready.values().any(|r| r.merged) {
        notes.push("merged with rows already in the lake".to_owned());
    }
    publish(cx, file, totals, summary, notes)
}

/// Opens the file as a stream of text.
fn open(cx: &Context<'_>, file: &LocalFile<'_>) -> Result<Input, ArchiveError> {
    match &file.member {
        Some(member) => {
            Member::open(file.path, member, cx.options.limits).map(|m| Input::Member(Box::new(m)))
        }
        None => PlainFile::open(file.path).map(Input::Plain),
    }
}

/// Decides what a file's end means: a wrong hash explains everything else.
fn judge(file: &LocalFile<'_>, ended: Ended) -> Result<Totals, FileError> {
    let Ended { read, hash, parsed } = ended;
    if matches!(read, Err(FileError::Stopped)) {
        return Err(FileError::Stopped);
    }
    let (bytes, found) = hash?;
    if found != file.sha256 {
        return Err(if file.checksum_verified {
            FileError::ChecksumMismatch {
                file: file.name.clone(),
                bytes,
                expected: file.sha256.clone(),
                found,
            }
        } else {
            FileError::Changed {
                file: file.name.clone(),
            }
        });
    }
    read?;
    parsed
}

/// Returns the partition of a day that this file's rows must be merged with.
fn union_with(cx: &Context<'_>, file: &LocalFile<'_>, day: Day) -> Option<Partition> {
    let existing = cx.writer.partition(day)?;
    let same_kind = existing.sources.iter().all(|s| s.kind == file.kind);
    let other =
        |s: &Source| !(file.replaces_same_name && s.name == file.name) && s.sha256 != file.sha256;
    // The same bytes again (another parser version or parameter) replace their slice if it is alone.
    (same_kind && existing.sources.iter().any(other)).then_some(existing)
}

/// Streams or collects the rows of a file into staged partitions.
struct Sink<'a> {
    cx: &'a Context<'a>,
    file: &'a LocalFile<'a>,
    source: &'a Source,
    wanted: Wanted,
    /// The rows come in any order: every day is collected and sorted at the end.
    collect: bool,
    /// One asked day: then rows of other days are counted in its partition.
    single: bool,
    open: Option<(Day, PartitionWriter)>,
    collected: BTreeMap<Day, (Vec<RecordBatch>, Vec<u64>)>,
    n_collected: u64,
    out: Summary,
}

/// What the sink made.
#[derive(Default)]
struct Summary {
    ready: BTreeMap<Day, Ready>,
    written: u64,
    duplicates: u64,
    conflicts: Vec<Quarantined>,
    out_of_order: u64,
}

impl<'a> Sink<'a> {
    fn new(
        cx: &'a Context<'a>,
        file: &'a LocalFile<'a>,
        source: &'a Source,
        wanted: Wanted,
        collect: bool,
    ) -> Self {
        let single = wanted.range.days().nth(1).is_none();
        Self {
            cx,
            file,
            source,
            wanted,
            collect,
            single,
            open: None,
            collected: BTreeMap::new(),
            n_collected: 0,
            out: Summary::default(),
        }
    }

    fn take(&mut self, parsed: Parsed) -> Result<(), FileError> {
        match parsed {
            Parsed::Rows { day, batch, lines } => {
                let is_open = self.open.as_ref().is_some_and(|(open, _)| *open == day);
                if !is_open && !self.collected.contains_key(&day) {
                    self.cx.writer.check_source_kind(day, self.file.kind)?;
                    if self.collect || union_with(self.cx, self.file, day).is_some() {
                        self.collected.insert(day, Default::default());
                    } else {
                        self.open = Some((day, self.cx.writer.begin(day)?));
                    }
                }
                if let Some((batches, all_lines)) = self.collected.get_mut(&day) {
                    self.n_collected += batch.num_rows() as u64;
                    batches.push(batch);
                    all_lines.extend(lines);
                } else if let Some((_, writer)) = &mut self.open {
                    writer.write(&batch)?;
                }
                let limit = self.cx.options.max_collect_rows;
                if self.n_collected > limit {
                    return Err(FileError::TooLargeToSort {
                        file: self.file.name.clone(),
                        limit,
                    });
                }
                Ok(())
            }
            // The only day of a file waits for the rows of other days, which its partition counts.
            Parsed::DayEnd { .. } if self.single => Ok(()),
            Parsed::DayEnd { day, counts } => {
                let quality = quality_of(&counts);
                self.stage(day, counts.kept, quality)
            }
        }
    }

    fn arrow(&self) -> impl Fn(ArrowError) -> FileError + use<> {
        let file = self.file.name.clone();
        move |source| FileError::Arrow {
            file: file.clone(),
            source,
        }
    }

    /// Stages the days that are still open.
    fn finish(mut self, totals: &Totals) -> Result<Summary, FileError> {
        let mut days: Vec<Day> = totals.days.keys().copied().collect();
        if self.wanted.every_day {
            days = self.wanted.range.days().collect();
        }
        for (i, day) in days.into_iter().enumerate() {
            if self.out.ready.contains_key(&day) {
                continue;
            }
            let counts = totals.days.get(&day).copied().unwrap_or_default();
            let mut quality = quality_of(&counts);
            if totals.days.is_empty() && i == 0 {
                quality.quarantined = totals.quarantined.len() as u64;
            }
            if self.single {
                quality.filtered = totals.filtered;
                quality.other_day = totals.filtered;
            }
            self.stage(day, counts.kept, quality)?;
        }
        Ok(self.out)
    }

    /// Finishes the partition of one day.
    fn stage(&mut self, day: Day, kept: u64, quality: Quality) -> Result<(), FileError> {
        let rows_in = kept + quality.duplicates + quality.quarantined + quality.filtered;
        self.out.out_of_order += quality.out_of_order;
        let writer = match self.open.take() {
            Some((open, writer)) if open == day => Some(writer),
            other => {
                self.open = other;
                None
            }
        };
        let meta = PartitionMeta {
            sources: vec![self.source.clone()],
            rows_in,
            quality,
        };
        let ready = match writer {
            Some(writer) => {
                self.out.written += writer.rows();
                self.out.duplicates += quality.duplicates;
                Ready {
                    staged: writer.finish(meta)?,
                    merged: false,
                }
            }
            None => self.stage_collected(day, meta)?,
        };
        self.out.ready.insert(day, ready);
        Ok(())
    }

    /// Sorts a collected (possibly empty) day and merges it with what the lake has.
    fn stage_collected(&mut self, day: Day, mut meta: PartitionMeta) -> Result<Ready, FileError> {
        let dataset = self.cx.key.dataset;
        self.cx.writer.check_source_kind(day, self.file.kind)?;
        let (batches, lines) = self.collected.remove(&day).unwrap_or_default();
        let sorted = sort_day(dataset, &batches, Winner::First, true).map_err(self.arrow())?;
        drop(batches);
        self.n_collected = self
            .n_collected
            .saturating_sub(sorted.input.num_rows() as u64);
        let mut quality = meta.quality;
        quality.duplicates += sorted.duplicates;
        quality.quarantined += sorted.conflicts.len() as u64;
        self.out
            .conflicts
            .extend(conflicts(&sorted, day, Some(&lines)));
        self.out.duplicates += quality.duplicates;
        self.out.written += sorted.batch.num_rows() as u64;
        let mut batch = sorted.batch;
        let existing = union_with(self.cx, self.file, day);
        let merged = existing.is_some();
        if let Some(existing) = existing {
            let mut slices = self.read_existing(day)?;
            slices.push(batch);
            let both = sort_day(dataset, &slices, Winner::Smallest, false).map_err(self.arrow())?;
            meta.rows_in += existing.rows_in;
            quality.add(&existing.quality);
            quality.duplicates += both.duplicates;
            quality.quarantined += both.conflicts.len() as u64;
            meta.sources.extend(existing.sources);
            // Counted under this file, which brought the second copy.
            self.out.duplicates += both.duplicates;
            self.out.written -= both.duplicates + both.conflicts.len() as u64;
            self.out.conflicts.extend(conflicts(&both, day, None));
            batch = both.batch;
        }
        meta.quality = quality;
        let mut writer = self.cx.writer.begin(day)?;
        if batch.num_rows() > 0 {
            writer.write(&batch)?;
        }
        Ok(Ready {
            staged: writer.finish(meta)?,
            merged,
        })
    }

    fn read_existing(&self, day: Day) -> Result<Vec<RecordBatch>, FileError> {
        let set = PartitionSet::open(self.cx.lake, self.cx.writer.spec())?;
        let reader = set.read_day(day, None, READ_BATCH, &HashMemo::default())?;
        Ok(reader.collect::<Result<_, _>>()?)
    }
}

fn quality_of(counts: &DayCounts) -> Quality {
    Quality {
        duplicates: counts.duplicates,
        quarantined: counts.quarantined,
        out_of_order: counts.out_of_order,
        ..Quality::default()
    }
}

fn conflicts(sorted: &SortedDay, day: Day, lines: Option<&[u64]>) -> Vec<Quarantined> {
    let line_of = |at: usize| lines.and_then(|l| l.get(at)).copied().unwrap_or(0);
    sorted
        .conflicts
        .iter()
        .map(|&at| Quarantined {
            line: line_of(at),
            day: Some(day),
            reason: RowProblem::Conflict,
            text: render(&sorted.input, at),
        })
        .collect()
}

/// Writes the quarantine, keeps the original, commits the days.
fn publish(
    cx: &Context<'_>,
    file: &LocalFile<'_>,
    totals: Totals,
    summary: Summary,
    mut notes: Vec<String>,
) -> Result<Done, FileError> {
    let Summary {
        ready,
        written,
        duplicates,
        conflicts,
        out_of_order,
    } = summary;
    let mut refused = totals.quarantined;
    refused.extend(conflicts);
    refused.sort_by_key(|q| q.line);
    let counts = RowCounts {
        rows_in: totals.rows,
        written,
        duplicates,
        filtered: totals.filtered,
        quarantined: refused.len() as u64,
    };
    if !counts.balanced() {
        return Err(FileError::RowsNotConserved {
            file: file.name.clone(),
            rows_in: counts.rows_in,
            accounted: counts.written + counts.duplicates + counts.filtered + counts.quarantined,
        });
    }
    let allowed = cx.options.max_quarantine_share * counts.rows_in as f64;
    if refused.len() as f64 > allowed {
        return Err(FileError::Parse(ParseError::TooManyBadRows {
            file: file.name.clone(),
            quarantined: counts.quarantined,
            rows: counts.rows_in,
            share: cx.options.max_quarantine_share,
            first: refused.into_iter().take(3).collect(),
        }));
    }
    if cx.options.keep_sources {
        crate::commit::sources::keep_source(
            cx.lake,
            cx.options.store.as_ref(),
            file.path,
            &file.sha256,
        )?;
    }
    let quarantine = quarantine::path_of(cx.lake, cx.key, &file.sha256);
    let had_quarantine = quarantine.exists();
    if !refused.is_empty() {
        let path = quarantine::write(cx.lake, cx.key, &file.name, &file.sha256, &refused)
            .map_err(|(path, source)| FileError::Io { path, source })?;
        notes.push(format!(
            "{} rows refused, see `{}`",
            refused.len(),
            path.display()
        ));
    }
    let mut days = Vec::with_capacity(ready.len());
    for (day, Ready { staged, merged }) in ready {
        let (rows, content) = (staged.rows(), staged.content_sha256().to_owned());
        let unchanged = cx.writer.is_current(day, &[&file.sha256]);
        if !unchanged {
            match cx.writer.commit(staged) {
                Ok(_) => {}
                Err(e) => {
                    if days.is_empty() && !had_quarantine {
                        // Nothing of this file is in the lake, so its quarantine must not be either.
                        drop(std::fs::remove_file(&quarantine));
                    }
                    return Err(e.into());
                }
            }
        }
        days.push(DayOutcome {
            day,
            rows,
            content_sha256: content,
            merged,
            unchanged,
        });
    }
    if !days.is_empty() && days.iter().all(|d| d.unchanged) {
        return Ok(Done {
            status: FileStatus::Current,
            counts: RowCounts::default(),
            out_of_order: 0,
            notes,
        });
    }
    Ok(Done {
        status: FileStatus::Written { days },
        counts,
        out_of_order,
        notes,
    })
}

fn notes_of(totals: &Totals) -> Vec<String> {
    let mut out = Vec::new();
    let notes = totals.notes;
    if notes.bom {
        out.push("starts with a byte order mark".to_owned());
    }
    if notes.crlf > 0 {
        out.push(format!("{} lines end in CRLF", notes.crlf));
    }
    if notes.reordered_header {
        out.push("columns are in another order than usual; mapped by name".to_owned());
    }
    if notes.no_header {
        out.push("no header; columns taken in the usual order".to_owned());
    }
    if notes.millis > 0 && notes.micros > 0 {
        out.push(format!(
            "mixed time units: {} rows in milliseconds, {} in microseconds",
            notes.millis, notes.micros
        ));
    }
    if totals.filtered > 0 {
        out.push(format!("{} rows of other days left out", totals.filtered));
    }
    out
}
