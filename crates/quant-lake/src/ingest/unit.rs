//! Makes the partitions of one file: checksum, stream, sort if needed, merge, stage, and only then commit.

mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow_schema::ArrowError;
use quant_core::time::{Day, TimeRange};

use self::sink::{Ready, Sink, Summary};
use super::archive::{ArchiveError, hash_file};
use super::checksum::BadChecksum;
use super::chunks::LineTooLong;
use super::container::{self, ContainerSpec};
use super::pipeline::{Ended, Pipeline, Whole};
use super::quarantine;
use super::report::{DayOutcome, FileStatus, Progress, RowCounts};
use super::run::IngestOptions;
use super::source::SourceError;
use crate::commit::{CommitError, DatasetWriter};
use crate::layout::{DatasetKey, Lake};
use crate::manifest::{Source, SourceContext, SourceKind};
use crate::read::ReadError;
use crate::schema::Dataset;
use crate::venues::binance::FormatError;
use crate::venues::rows::{
    FileTotals, ParseError, ParseOptions, Parsed, Quarantined, RowParser, Totals, too_many_refused,
};
use crate::write::WriteError;

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
    /// It would take far more memory than its size explains.
    #[error(
        "`{file}` ({bytes} bytes) is not in time order, and sorting it would take more than {limit} bytes\nhint: this looks like a bomb; sort the file by time if it is not: a sorted file of any size is streamed"
    )]
    SpreadsToSort {
        /// File.
        file: String,
        /// Its size.
        bytes: u64,
        /// Limit, bytes.
        limit: u64,
    },
    /// Its day holds rows of other files that another parser made.
    #[error(
        "`{file}`: {day} of `{set}` holds rows of `{}` too, made by another version of the parser or with other parameters\nhint: ingest these files together with this one, so that all are read again",
        others.join("`, `")
    )]
    OtherParser {
        /// File.
        file: String,
        /// The day.
        day: Day,
        /// Its set.
        set: String,
        /// The other files.
        others: Vec<String>,
    },
    /// Its rows go on from other recordings than before, and its day holds rows of files that are not at hand.
    #[error(
        "`{file}`: {day} of `{set}` holds its rows as they were made after other recordings, and rows of `{}` too\nhint: ingest these files together with this one, so that all are read again as one session",
        others.join("`, `")
    )]
    OtherContext {
        /// File.
        file: String,
        /// The day.
        day: Day,
        /// Its set.
        set: String,
        /// The other files.
        others: Vec<String>,
    },
    /// Its rows are of other days than its name says.
    #[error(
        "`{file}` holds no row of {expected}; its rows are of {found}\nhint: it has the name of another file, or the vendor packed the wrong rows: fetch it again"
    )]
    OtherDays {
        /// File.
        file: String,
        /// Days of its name.
        expected: String,
        /// Days of its rows.
        found: String,
    },
    /// A parser made rows nobody asked for: a bug, not a property of the file.
    #[error("the parser made rows of `{dataset}`, which were not asked for")]
    NotAsked {
        /// Their dataset.
        dataset: Dataset,
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
    /// How its rows are packed.
    pub(super) container: ContainerSpec,
    /// Hash it must have, and whether the vendor said so.
    pub(super) sha256: String,
    pub(super) checksum_verified: bool,
    /// The recordings of its session before it, which decided how this one is read.
    pub(super) context: Option<SourceContext>,
    /// What becomes of the rows that the lake holds of its days.
    pub(super) slice: Slice,
    /// It holds whole days, all there is of them.
    pub(super) is_whole_day: bool,
    /// The days its name says it has rows of; empty ones have no file.
    pub(super) named_days: Option<(Day, Day)>,
    /// The files it is ingested with.
    pub(super) at_hand: Option<&'a AtHand>,
}

/// What becomes of the rows that the lake holds of a file's days, from sources of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// A file of the same name held the same slice and is replaced; rows of others are merged with.
    OfName,
    /// They stay: the file adds to them, whatever its name. That a day was not whole before is no reason to refuse.
    Added,
    /// They go: the file is all there is of its days.
    Day,
}

/// The files of one request: what is lost of one by ingesting another can be read again.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    /// Their names.
    pub(super) names: BTreeSet<String>,
    /// Hashes of those of a session.
    pub(super) hashes: BTreeSet<String>,
    /// A partition was replaced that held rows of several of them.
    pub(super) replaced: AtomicBool,
}

impl AtHand {
    /// Returns whether a source is one of the files, or an earlier version of one.
    fn has(&self, source: &Source) -> bool {
        self.names.contains(&source.name) || self.hashes.contains(&source.sha256)
    }
}

impl LocalFile<'_> {
    /// Returns the other files that decided its rows of a dataset: books go on from one recording to the next, and quotes
    /// without a time have the last one of the session.
    pub(super) fn context_of(&self, dataset: Dataset) -> Option<&SourceContext> {
        match dataset {
            Dataset::L2Deltas | Dataset::L2Snapshots | Dataset::BookTicker => self.context.as_ref(),
            _ => None,
        }
    }

    /// Describes it as a source of its rows of a dataset.
    fn source(&self, dataset: Dataset, bytes: u64) -> Source {
        Source {
            kind: self.kind,
            name: self.name.clone(),
            url: self.url.clone(),
            bytes,
            sha256: self.sha256.clone(),
            checksum_verified: self.checksum_verified,
            context: self.context_of(dataset).cloned(),
        }
    }

    /// Returns whether a day of a dataset has all that this file gives to it.
    pub(super) fn is_in(&self, target: &Target<'_>, day: Day) -> bool {
        let context = self.context_of(target.key.dataset);
        target.writer.holds_slice(day, &self.sha256, context)
    }
}

/// A dataset that a file may fill.
pub(super) struct Target<'a> {
    pub(super) writer: &'a DatasetWriter,
    pub(super) key: &'a DatasetKey,
}

/// Everything a file's processing needs around it.
pub(super) struct Context<'a> {
    pub(super) lake: &'a Lake,
    /// Datasets asked for, one writer each; rows of others are not made.
    pub(super) targets: &'a [Target<'a>],
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

/// What a file became, for one dataset.
pub(super) struct Done {
    pub(super) dataset: Dataset,
    pub(super) status: FileStatus,
    pub(super) counts: RowCounts,
    pub(super) out_of_order: u64,
    pub(super) notes: Vec<String>,
    pub(super) diagnostics: BTreeMap<&'static str, u64>,
    /// Days it is in, ascending, written now or before.
    pub(super) days: Vec<Day>,
}

impl Done {
    /// Returns the answer for a dataset that holds the file already.
    pub(super) fn current(dataset: Dataset) -> Self {
        Self {
            dataset,
            status: FileStatus::Current,
            counts: RowCounts::default(),
            out_of_order: 0,
            notes: Vec::new(),
            diagnostics: BTreeMap::new(),
            days: Vec::new(),
        }
    }

    /// Returns the answer for a dataset that a file read before has no rows of.
    pub(super) fn without_rows(dataset: Dataset) -> Self {
        Self {
            status: FileStatus::Written { days: Vec::new() },
            ..Self::current(dataset)
        }
    }
}

/// Makes a parser for the file.
pub(super) type MakeParser<'a> = dyn Fn(ParseOptions) -> Result<Box<dyn RowParser>, FileError> + 'a;

/// Returns the datasets whose rows are sorted whatever the file: forced orders repeat and must be numbered over the whole
/// day, metrics are never in order.
fn always_collected(targets: &[Target<'_>]) -> Vec<Dataset> {
    let datasets = targets.iter().map(|t| t.key.dataset);
    datasets
        .filter(|d| matches!(d, Dataset::Liquidations | Dataset::Metrics))
        .collect()
}

/// Reads one file and commits its days, of all targets or of none.
pub(super) fn process(
    cx: &Context<'_>,
    file: &LocalFile<'_>,
    wanted: Wanted,
    make_parser: &MakeParser<'_>,
) -> Result<Vec<Done>, FileError> {
    let mut collect = always_collected(cx.targets);
    let bytes = std::fs::metadata(file.path)
        .map_err(|source| ArchiveError::Io {
            path: file.path.to_owned(),
            source,
        })?
        .len();
    let (totals, sinks) = loop {
        let parse = ParseOptions {
            file: file.name.clone(),
            range: wanted.range,
            max_quarantine_share: cx.options.max_quarantine_share,
            collect: collect.clone(),
        };
        let mut parser = make_parser(parse)?;
        let mut sinks: Vec<Sink<'_>> = cx
            .targets
            .iter()
            .map(|t| {
                let collected = collect.contains(&t.key.dataset);
                let source = file.source(t.key.dataset, bytes);
                Sink::new(cx, t, file, source, wanted, collected)
            })
            .collect();
        let ended = match container::open(file.path, &file.container, cx.options.limits) {
            Ok(input) => {
                let pipeline = Pipeline {
                    threads: cx.threads,
                    file: &file.name,
                    stop: cx.stop,
                    progress: cx.progress,
                };
                pipeline.run(input, parser.as_mut(), &mut |parsed| {
                    hand_on(&mut sinks, parsed)
                })
            }
            Err(error) => Ended {
                read: Err(FileError::Archive(error)),
                whole: hash_file(file.path).map(|(bytes, sha256)| Whole {
                    bytes,
                    sha256,
                    dropped: None,
                }),
                parsed: Err(FileError::Stopped),
            },
        };
        match judge(file, ended) {
            Err(FileError::Parse(ParseError::OutOfOrder { dataset, .. }))
                if !collect.contains(&dataset) =>
            {
                // Drop what was staged and read again, keeping the days of this dataset in memory to sort them.
                drop(sinks);
                collect.push(dataset);
            }
            Err(e) => return Err(e),
            Ok((mut totals, dropped)) => {
                if let Some(dropped) = dropped {
                    cut_short(&mut totals, dropped);
                }
                break (totals, sinks);
            }
        }
    };
    refuse_other_days(file, wanted.range, &totals)?;
    let mut of: BTreeMap<Dataset, Totals> = totals.into_iter().collect();
    let mut made = Vec::with_capacity(sinks.len());
    for (sink, target) in sinks.into_iter().zip(cx.targets) {
        let totals = of.remove(&target.key.dataset).unwrap_or_default();
        let summary = sink.finish(&totals)?;
        let other_days = totals.filtered.saturating_sub(totals.unwanted);
        let mut notes = totals.notes.lines(other_days);
        notes.extend(totals.remarks.iter().cloned());
        if file.checksum_verified {
            notes.insert(0, "sha256 matches the published checksum".to_owned());
        }
        if summary.ready.values().any(|r| r.merged) {
            notes.push("merged with rows already in the lake".to_owned());
        }
        made.push(Made {
            target,
            totals,
            summary,
            notes,
        });
    }
    publish(cx, file, made)
}

/// Gives rows to the sink of their dataset.
fn hand_on(sinks: &mut [Sink<'_>], parsed: Parsed) -> Result<(), FileError> {
    let (Parsed::Rows { dataset, .. } | Parsed::DayEnd { dataset, .. }) = &parsed;
    let Some(sink) = sinks.iter_mut().find(|s| s.dataset() == *dataset) else {
        return Err(FileError::NotAsked { dataset: *dataset });
    };
    match parsed {
        Parsed::Rows {
            day, batch, lines, ..
        } => sink.rows(day, batch, lines),
        Parsed::DayEnd { day, counts, .. } => sink.day_end(day, &counts),
    }
}

/// Decides what a file's end means: a wrong hash explains everything else. Returns the totals and, of a file that ended
/// too early and may, the bytes of its broken last line.
fn judge(file: &LocalFile<'_>, ended: Ended) -> Result<(FileTotals, Option<u64>), FileError> {
    let Ended {
        read,
        whole,
        parsed,
    } = ended;
    if matches!(read, Err(FileError::Stopped)) {
        return Err(FileError::Stopped);
    }
    let whole = whole?;
    if whole.sha256 != file.sha256 {
        return Err(if file.checksum_verified {
            FileError::ChecksumMismatch {
                file: file.name.clone(),
                bytes: whole.bytes,
                expected: file.sha256.clone(),
                found: whole.sha256,
            }
        } else {
            FileError::Changed {
                file: file.name.clone(),
            }
        });
    }
    read?;
    Ok((parsed?, whole.dropped))
}

/// Refuses a file all of whose rows are of other days than its name says: it is no day without rows.
fn refuse_other_days(
    file: &LocalFile<'_>,
    wanted: TimeRange,
    totals: &FileTotals,
) -> Result<(), FileError> {
    let Some((first, last)) = file.named_days else {
        return Ok(());
    };
    let is_inside = |t: &Totals| t.days.values().any(|c| c.kept + c.duplicates > 0);
    if totals.iter().any(|(_, t)| is_inside(t)) {
        return Ok(());
    }
    let times = totals.iter().filter_map(|(_, t)| t.outside);
    let Some((from, to)) = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return Ok(());
    };
    let (from, to) = (from.day(), to.day());
    // Of a month only some days may be wanted; whether the others have rows is another question.
    let all_wanted = wanted.start <= first.start() && last.end() <= wanted.end;
    if !all_wanted && from <= last && first <= to {
        return Ok(());
    }
    Err(FileError::OtherDays {
        file: file.name.clone(),
        expected: days_text(first, last),
        found: days_text(from, to),
    })
}

fn days_text(first: Day, last: Day) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

/// Books a file that ended too early as a gap at the end of its last day.
fn cut_short(totals: &mut FileTotals, dropped: u64) {
    for (_, totals) in totals {
        if let Some((_, counts)) = totals.days.iter_mut().next_back() {
            counts.gaps += 1;
            totals.remarks.push(format!(
                "the file ends too early: a gap begins after its last whole line ({dropped} bytes of a broken line dropped)"
            ));
        }
    }
}

/// What one dataset of a file became, before anything is committed.
struct Made<'a> {
    target: &'a Target<'a>,
    totals: Totals,
    summary: Summary,
    notes: Vec<String>,
}

/// Checks every dataset, then writes the quarantine, keeps the original, and commits the days.
fn publish(
    cx: &Context<'_>,
    file: &LocalFile<'_>,
    made: Vec<Made<'_>>,
) -> Result<Vec<Done>, FileError> {
    let mut checked = Vec::with_capacity(made.len());
    for mut m in made {
        let mut refused = std::mem::take(&mut m.totals.quarantined);
        refused.append(&mut m.summary.conflicts);
        refused.sort_by_key(|q| q.line);
        let counts = check_counts(file, &m, &refused)?;
        checked.push((m, refused, counts));
    }
    let share = cx.options.max_quarantine_share;
    let all = || checked.iter().filter(|(_, refused, _)| !refused.is_empty());
    if too_many_refused(share, checked.iter().map(|(_, r, c)| (c.rows_in, &r[..]))) {
        let refused = all().flat_map(|(_, refused, _)| refused.iter());
        return Err(FileError::Parse(ParseError::TooManyBadRows {
            file: file.name.clone(),
            quarantined: all().map(|(_, _, c)| c.quarantined).sum(),
            rows: all().map(|(_, _, c)| c.rows_in).sum(),
            share,
            first: refused.take(3).cloned().collect(),
        }));
    }
    cx.options.failpoints.reach("file.staged");
    if cx.options.keep_sources {
        crate::commit::sources::keep_source(
            cx.lake,
            cx.options.store.as_ref(),
            &cx.options.failpoints,
            file.path,
            &file.sha256,
        )?;
    }
    checked
        .into_iter()
        .map(|(m, refused, counts)| commit(cx, file, m, &refused, counts))
        .collect()
}

/// Refuses a dataset whose rows are not all accounted for.
fn check_counts(
    file: &LocalFile<'_>,
    made: &Made<'_>,
    refused: &[Quarantined],
) -> Result<RowCounts, FileError> {
    let counts = RowCounts {
        rows_in: made.totals.rows,
        written: made.summary.written,
        duplicates: made.summary.duplicates,
        filtered: made.totals.filtered,
        quarantined: refused.len() as u64,
    };
    if !counts.balanced() {
        return Err(FileError::RowsNotConserved {
            file: file.name.clone(),
            rows_in: counts.rows_in,
            accounted: counts.written + counts.duplicates + counts.filtered + counts.quarantined,
        });
    }
    Ok(counts)
}

/// Writes the quarantine of one dataset and commits its days.
fn commit(
    cx: &Context<'_>,
    file: &LocalFile<'_>,
    made: Made<'_>,
    refused: &[Quarantined],
    counts: RowCounts,
) -> Result<Done, FileError> {
    let Made {
        target,
        totals,
        summary,
        mut notes,
    } = made;
    let Target { writer, key } = *target;
    let quarantine = quarantine::path_of(cx.lake, key, &file.sha256);
    let had_quarantine = quarantine.exists();
    if !refused.is_empty() {
        let path = quarantine::write(cx, key, &file.name, &file.sha256, refused)
            .map_err(|(path, source)| FileError::Io { path, source })?;
        notes.push(format!(
            "{} rows refused, see `{}`",
            refused.len(),
            path.display()
        ));
    }
    let mut days = Vec::with_capacity(summary.ready.len());
    let several = summary.ready.len() > 1;
    for (day, Ready { staged, merged }) in summary.ready {
        let (rows, content) = (staged.rows(), staged.content_sha256().to_owned());
        let unchanged = file.is_in(target, day);
        if !unchanged {
            match writer.commit(staged) {
                Ok(_) => {}
                Err(e) => {
                    if days.is_empty() && !had_quarantine {
                        // Nothing of this dataset is in the lake, so its quarantine must not be either.
                        drop(std::fs::remove_file(&quarantine));
                    }
                    return Err(e.into());
                }
            }
        }
        if several && rows == 0 {
            // A whole day can be missing from a monthly file.
            notes.push(format!("no rows on {day}"));
        }
        days.push(DayOutcome {
            day,
            rows,
            content_sha256: content,
            merged,
            unchanged,
        });
    }
    cx.options.failpoints.reach("dataset.committed");
    let current = !days.is_empty() && days.iter().all(|d| d.unchanged);
    Ok(Done {
        dataset: key.dataset,
        days: days.iter().map(|d| d.day).collect(),
        status: if current {
            FileStatus::Current
        } else {
            FileStatus::Written { days }
        },
        counts: if current {
            RowCounts::default()
        } else {
            counts
        },
        out_of_order: if current { 0 } else { summary.out_of_order },
        notes,
        diagnostics: totals.diagnostics,
    })
}
