//! Turns the rows of one dataset of a file into staged partitions: streamed if in order, else collected and sorted.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use quant_core::time::Day;

use super::{Context, FileError, LocalFile, Slice, Target, Wanted};
use crate::ingest::collect::{SortedDay, Winner, number_trades, sort_day};
use crate::ingest::pages_run::COMPLETE;
use crate::layout::{DatasetKey, PartitionSetSpec};
use crate::manifest::{Partition, Source, SourceKind};
use crate::quality::{DayScan, Quality};
use crate::read::{HashMemo, PartitionSet};
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset, SCHEMA_VERSION};
use crate::venues::rows::{DayCounts, Notes, Quarantined, RowProblem, Totals};
use crate::write::{PartitionMeta, PartitionWriter, StagedPartition};

/// Values per batch read back from the lake, or written in sorted order: book images have two hundred columns.
const BATCH_VALUES: usize = 1 << 19;

/// Bytes that any file may take in memory to be sorted, however small it is.
const ALWAYS_COLLECTED: u64 = 64 << 20;

/// Bytes in memory per byte of a file: a trade takes 50 and zipped at least 5; more is a bomb.
const MAX_SPREAD: u64 = 32;

/// Rows of one day, ready.
pub(super) struct Ready {
    pub(super) staged: StagedPartition,
    pub(super) merged: bool,
}

/// A partition being written, and the detectors that look on.
struct Writing {
    writer: PartitionWriter,
    scan: Option<DayScan>,
}

impl Writing {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), FileError> {
        self.writer.write(batch)?;
        if let Some(scan) = &mut self.scan {
            scan.batch(batch);
        }
        Ok(())
    }
}

/// Returns the partition of a day that this file's rows must be merged with.
///
/// Its rows cannot be told apart by file, so rows that another parser made, that this file gave after other recordings,
/// that an earlier version of it brought or that the vendor has withdrawn, go only with the whole partition: if the other files in it are at hand, they are
/// read again after this one.
fn union_with(
    cx: &Context<'_>,
    target: &Target<'_>,
    file: &LocalFile<'_>,
    day: Day,
) -> Result<Option<Partition>, FileError> {
    let Some(existing) = target.writer.partition(day) else {
        return Ok(None);
    };
    let updates = &cx.options.updates;
    if existing
        .sources
        .iter()
        .any(|s| updates.withdraws(&s.sha256))
    {
        return Ok(None);
    }
    let same_kind = existing.sources.iter().all(|s| s.kind == file.kind);
    if file.slice == Slice::Day {
        return Ok(None);
    }
    let same_name = |s: &Source| file.slice == Slice::OfName && s.name == file.name;
    // The same bytes again (another parser version or parameter) replace their slice if it is alone.
    let is_other = |s: &&Source| !same_name(s) && s.sha256 != file.sha256;
    let mut others = existing.sources.iter().filter(is_other).peekable();
    if !same_kind || others.peek().is_none() {
        return Ok(None);
    }
    let writer = target.writer;
    let of_another_parser = existing.parser_version != writer.parser_version()
        || existing.schema_version != SCHEMA_VERSION
        // A user's files may each have a mapping of their own.
        || (file.kind != SourceKind::Csv
            && !writer.has_params_of(&existing, (file.slice == Slice::Added).then_some(COMPLETE)));
    let was_corrected = existing
        .sources
        .iter()
        .any(|s| same_name(s) && s.sha256 != file.sha256);
    let context = file.context_of(target.key.dataset);
    let mut sources = existing.sources.iter();
    let of_another_context = sources.any(|s| s.yields_to(&file.sha256, context));
    if !of_another_parser && !was_corrected && !of_another_context {
        return Ok(Some(existing));
    }
    // What was added to before is not there to be read again, whatever its name.
    if let Some(at_hand) = file.at_hand
        && file.slice == Slice::OfName
        && others.clone().all(|s| at_hand.has(s))
    {
        at_hand.replaced.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    if !of_another_parser && !of_another_context {
        return Ok(Some(existing));
    }
    if file.is_whole_day {
        return Ok(None);
    }
    let (file, set) = (file.name.clone(), writer.spec().dir.clone());
    let others = others.map(|s| s.name.clone()).collect();
    Err(if of_another_parser {
        FileError::OtherParser {
            file,
            day,
            set,
            others,
        }
    } else {
        FileError::OtherContext {
            file,
            day,
            set,
            others,
        }
    })
}

/// Streams or collects the rows of one dataset of a file into staged partitions.
pub(super) struct Sink<'a> {
    cx: &'a Context<'a>,
    target: &'a Target<'a>,
    file: &'a LocalFile<'a>,
    source: Source,
    wanted: Wanted,
    /// The rows come in any order: every day is collected and sorted at the end.
    collect: bool,
    /// One asked day: then rows of other days are counted in its partition.
    single: bool,
    open: Option<(Day, Writing)>,
    collected: BTreeMap<Day, (Vec<RecordBatch>, Vec<u64>)>,
    n_collected: u64,
    /// Memory of the rows collected now.
    bytes_collected: u64,
    /// What the parser observed; known at the end.
    notes: Notes,
    out: Summary,
}

/// What the sink made.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) ready: BTreeMap<Day, Ready>,
    pub(super) written: u64,
    pub(super) duplicates: u64,
    pub(super) conflicts: Vec<Quarantined>,
    pub(super) out_of_order: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        cx: &'a Context<'a>,
        target: &'a Target<'a>,
        file: &'a LocalFile<'a>,
        source: Source,
        wanted: Wanted,
        collect: bool,
    ) -> Self {
        let single = wanted.range.days().nth(1).is_none();
        Self {
            cx,
            target,
            file,
            source,
            wanted,
            collect,
            single,
            open: None,
            collected: BTreeMap::new(),
            n_collected: 0,
            bytes_collected: 0,
            notes: Notes::default(),
            out: Summary::default(),
        }
    }

    /// Returns the dataset it takes rows of.
    pub(super) fn dataset(&self) -> Dataset {
        self.target.key.dataset
    }

    /// Takes rows of one day.
    pub(super) fn rows(
        &mut self,
        day: Day,
        batch: RecordBatch,
        lines: Vec<u64>,
    ) -> Result<(), FileError> {
        let is_open = self.open.as_ref().is_some_and(|(open, _)| *open == day);
        if !is_open && !self.collected.contains_key(&day) {
            self.target.writer.check_source_kind(day, self.file.kind)?;
            if self.collect || union_with(self.cx, self.target, self.file, day)?.is_some() {
                self.collected.insert(day, Default::default());
            } else {
                self.open = Some((day, self.begin(day)?));
            }
        }
        if let Some((batches, all_lines)) = self.collected.get_mut(&day) {
            self.n_collected += batch.num_rows() as u64;
            self.bytes_collected += batch.get_array_memory_size() as u64;
            batches.push(batch);
            all_lines.extend(lines);
        } else if let Some((_, writing)) = &mut self.open {
            writing.write(&batch)?;
        }
        let limit = self.cx.options.max_collect_rows;
        if self.n_collected > limit {
            return Err(FileError::TooLargeToSort {
                file: self.file.name.clone(),
                limit,
            });
        }
        let bytes = self.source.bytes;
        let limit = bytes.saturating_mul(MAX_SPREAD).max(ALWAYS_COLLECTED);
        if self.bytes_collected > limit {
            return Err(FileError::SpreadsToSort {
                file: self.file.name.clone(),
                bytes,
                limit,
            });
        }
        Ok(())
    }

    fn begin(&self, day: Day) -> Result<Writing, FileError> {
        let DatasetKey {
            instrument,
            dataset,
        } = self.target.key;
        let writer = self.target.writer.begin(day)?;
        // Images of another depth are no partition the detectors know.
        let usual = PartitionSetSpec::raw(self.target.key, DEFAULT_BOOK_LEVELS);
        let watched = self.cx.options.scans.is_some() && *self.target.writer.spec() == usual;
        let scan = watched.then(|| DayScan::new(*dataset, instrument.exchange.venue, day));
        Ok(Writing { writer, scan })
    }

    fn end(
        &self,
        day: Day,
        writing: Writing,
        meta: PartitionMeta,
    ) -> Result<StagedPartition, FileError> {
        let staged = writing.writer.finish(meta)?;
        if let (Some(scans), Some(scan)) = (&self.cx.options.scans, writing.scan) {
            scans.keep(self.target.key, day, staged.content_sha256(), scan);
        }
        Ok(staged)
    }

    /// Stages a day that is complete.
    pub(super) fn day_end(&mut self, day: Day, counts: &DayCounts) -> Result<(), FileError> {
        // The only day of a file waits for the rows of other days, which its partition counts.
        if self.single {
            return Ok(());
        }
        self.stage(day, counts.kept, quality_of(counts))
    }

    fn arrow(&self) -> impl Fn(ArrowError) -> FileError + use<> {
        let file = self.file.name.clone();
        move |source| FileError::Arrow {
            file: file.clone(),
            source,
        }
    }

    /// Stages the days that are still open.
    pub(super) fn finish(mut self, totals: &Totals) -> Result<Summary, FileError> {
        self.notes = totals.notes;
        let mut days: Vec<Day> = totals.days.keys().copied().collect();
        if self.wanted.every_day {
            days = self.wanted.range.days().collect();
        }
        // What it gave to other days after other recordings goes, too.
        let context = self.source.context.as_ref();
        let writer = self.target.writer;
        let outdated = writer.outdated_days(&self.source.sha256, context);
        let range = self.wanted.range;
        days.extend(
            outdated
                .into_iter()
                .filter(|d| range.start <= d.start() && d.end() <= range.end),
        );
        days.sort_unstable();
        days.dedup();
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
                quality.other_day = totals
                    .filtered
                    .saturating_sub(totals.notes.left_out() + totals.unwanted);
            }
            self.stage(day, counts.kept, quality)?;
        }
        Ok(self.out)
    }

    /// Finishes the partition of one day.
    fn stage(&mut self, day: Day, kept: u64, quality: Quality) -> Result<(), FileError> {
        let rows_in = kept + quality.duplicates + quality.quarantined + quality.filtered;
        self.out.out_of_order += quality.out_of_order;
        let writing = match self.open.take() {
            Some((open, writing)) if open == day => Some(writing),
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
        let ready = match writing {
            Some(writing) => {
                self.out.written += writing.writer.rows();
                self.out.duplicates += quality.duplicates;
                Ready {
                    staged: self.end(day, writing, meta)?,
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
        let dataset = self.target.key.dataset;
        self.target.writer.check_source_kind(day, self.file.kind)?;
        let (mut batches, mut lines) = self.collected.remove(&day).unwrap_or_default();
        let held: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        self.bytes_collected = self.bytes_collected.saturating_sub(held as u64);
        if self.collect && self.notes.provisional_ids {
            let order = self.notes.is_descending();
            batches = number_trades(batches, &mut lines, order).map_err(self.arrow())?;
        }
        let mut sorted = sort_day(dataset, batches, Winner::First, true).map_err(self.arrow())?;
        self.n_collected = self.n_collected.saturating_sub(sorted.rows_in() as u64);
        let mut quality = meta.quality;
        quality.duplicates += sorted.duplicates;
        quality.quarantined += sorted.conflicts.len() as u64;
        self.out
            .conflicts
            .extend(conflicts(&sorted, day, Some(&lines)));
        drop(lines);
        self.out.duplicates += quality.duplicates;
        self.out.written += sorted.rows() as u64;
        let existing = union_with(self.cx, self.target, self.file, day)?;
        let merged = existing.is_some();
        if let Some(existing) = existing {
            let mut slices = self.read_existing(day)?;
            for chunk in sorted.chunks(self.batch_rows()) {
                slices.push(chunk.map_err(self.arrow())?);
            }
            sorted = sort_day(dataset, slices, Winner::Smallest, false).map_err(self.arrow())?;
            meta.rows_in += existing.rows_in;
            quality.add(&existing.quality);
            if dataset.interval_us().is_some() {
                // The writer counts the intervals that the merged rows lack; those of the slices are none.
                quality.gaps = 0;
            }
            quality.duplicates += sorted.duplicates;
            quality.quarantined += sorted.conflicts.len() as u64;
            meta.sources.extend(existing.sources);
            // Counted under this file, which brought the second copy.
            self.out.duplicates += sorted.duplicates;
            self.out.written -= sorted.duplicates + sorted.conflicts.len() as u64;
            self.out.conflicts.extend(conflicts(&sorted, day, None));
        }
        meta.quality = quality;
        let mut writing = self.begin(day)?;
        for chunk in sorted.chunks(self.batch_rows()) {
            writing.write(&chunk.map_err(self.arrow())?)?;
        }
        Ok(Ready {
            staged: self.end(day, writing, meta)?,
            merged,
        })
    }

    fn batch_rows(&self) -> usize {
        BATCH_VALUES / self.target.writer.spec().columns.len().max(1)
    }

    fn read_existing(&self, day: Day) -> Result<Vec<RecordBatch>, FileError> {
        let set = PartitionSet::open(self.cx.lake, self.target.writer.spec())?;
        let reader = set.read_day(day, None, self.batch_rows(), &HashMemo::default())?;
        Ok(reader.collect::<Result<_, _>>()?)
    }
}

fn quality_of(counts: &DayCounts) -> Quality {
    Quality {
        duplicates: counts.duplicates,
        quarantined: counts.quarantined,
        out_of_order: counts.out_of_order,
        late: counts.late,
        gaps: counts.gaps,
        ..Quality::default()
    }
}

fn conflicts(sorted: &SortedDay, day: Day, lines: Option<&[u64]>) -> Vec<Quarantined> {
    let line_of = |at: usize| lines.and_then(|l| l.get(at)).copied().unwrap_or(0);
    sorted
        .conflicts
        .iter()
        .map(|&at| Quarantined {
            line: line_of(sorted.position(at)),
            day: Some(day),
            reason: RowProblem::Conflict,
            text: sorted.render(at),
        })
        .collect()
}
