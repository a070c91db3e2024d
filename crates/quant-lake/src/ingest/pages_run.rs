//! Ingests page files: REST answers of one dataset, one body per line, as the edge fetched them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::container::Container;
use super::files::{FilesRequest, VendorFile, ingest_files};
use super::report::{DayOutcome, IngestReport, Progress};
use super::run::{IngestError, IngestOptions};
use super::unit::{FileError, Slice};
use crate::commit::{DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Manifest, ManifestError, SourceKind};
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::Dataset;
use crate::venues::pages::{PageFormat, PageMessages};
use crate::venues::rows::{FileTotals, ParseError, ParseOptions, Parsed, RowParser};
use crate::venues::tables::{MessageParser, TableOptions, Tap};
use crate::write::PartitionMeta;

/// Rows read at once.
const BATCH_ROWS: usize = 1 << 16;

/// What decides the rows of pages, besides their bytes; a day that has it already is not asked for again.
#[derive(Clone, Debug)]
pub struct PageSource {
    /// Whose rows.
    pub key: InstrumentKey,
    /// Dataset.
    pub dataset: Dataset,
    /// How the pages were obtained.
    pub kind: SourceKind,
    /// Version of the venue's page parsers.
    pub parser_version: &'static str,
    /// Contract values, whether the day was over when it was asked for, and the like.
    pub params: IngestParams,
}

/// One page file.
#[derive(Clone, Debug)]
pub struct PagesRequest {
    /// What it is.
    pub source: PageSource,
    /// The file.
    pub path: PathBuf,
    /// Its name in manifests and messages.
    pub name: String,
    /// Address of the first request.
    pub url: String,
    /// The day that gets a partition, even without rows.
    pub days: TimeRange,
    /// The rows are added to those the lake holds of the day; else they take their place.
    pub adds: bool,
    /// Stretches known to be missing, in words: before these rows, or between them and those held.
    pub gaps: Vec<String>,
    /// How.
    pub options: IngestOptions,
    /// Time of the work, from the caller's clock.
    pub created_at: UnixMicros,
}

/// Returns whether a day is in the lake from the same kind of source and parser, with the parameters given here (it may
/// have more).
///
/// # Errors
/// A manifest that cannot be read.
pub fn has_pages(lake: &Lake, source: &PageSource, day: Day) -> Result<bool, ManifestError> {
    let spec = spec_of(source);
    let set_dir = lake.set_dir(&spec);
    let Some(manifest) = Manifest::load(&set_dir, &spec)? else {
        return Ok(false);
    };
    let Some(partition) = manifest.partition(day) else {
        return Ok(false);
    };
    let path = lake.day_dir(&spec, day).join(&partition.file);
    Ok(partition.schema_version == crate::schema::SCHEMA_VERSION
        && partition.parser_version == source.parser_version
        && has_params(&manifest, &partition.ingest_params_hash, &source.params)
        && partition.sources.iter().all(|s| s.kind == source.kind)
        && std::fs::metadata(path).is_ok_and(|m| m.len() == partition.bytes))
}

fn has_params(manifest: &Manifest, hash: &str, wanted: &IngestParams) -> bool {
    let params = if manifest.ingest_params_hash == hash {
        Some(&manifest.ingest_params)
    } else {
        manifest.earlier_ingest_params.get(hash)
    };
    params.is_some_and(|params| wanted.iter().all(|(name, v)| params.get(name) == Some(v)))
}

fn spec_of(source: &PageSource) -> PartitionSetSpec {
    let key = DatasetKey {
        instrument: source.key.clone(),
        dataset: source.dataset,
    };
    PartitionSetSpec::raw(&key, 0)
}

/// Name of the parameter that says whether the day was over when it was asked for: then it is not asked for again.
pub(super) const COMPLETE: &str = "complete";

/// What the lake holds of a day, from the same kind of source and parser.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldDay {
    /// Parameters it was made with.
    pub params: IngestParams,
    /// Rows.
    pub rows: u64,
    /// Smallest time; `None` without rows.
    pub first: Option<UnixMicros>,
    /// Largest time; `None` without rows.
    pub last: Option<UnixMicros>,
    /// Largest trade id; `None` without rows, of datasets without ids, and of a day that nothing is added to any more.
    pub last_id: Option<i64>,
}

impl HeldDay {
    /// Returns whether nothing more of the day can be had.
    pub fn is_complete(&self) -> bool {
        self.params.get(COMPLETE).is_some_and(|v| v == true)
    }
}

/// Returns what the lake holds of a day that more pages of `source` can be added to, whatever its parameters.
///
/// # Errors
/// A manifest or partition that cannot be read.
pub fn held_day(lake: &Lake, source: &PageSource, day: Day) -> Result<Option<HeldDay>, ReadError> {
    let Some(set) = PartitionSet::open_if_present(lake, &spec_of(source))? else {
        return Ok(None);
    };
    let Some(partition) = set.manifest().partition(day) else {
        return Ok(None);
    };
    let is_same = partition.schema_version == crate::schema::SCHEMA_VERSION
        && partition.parser_version == source.parser_version
        && partition.sources.iter().all(|s| s.kind == source.kind);
    let Some(params) = set.manifest().params_of(partition).filter(|_| is_same) else {
        return Ok(None);
    };
    let mut held = HeldDay {
        params: params.clone(),
        rows: partition.rows,
        first: partition.ts_min,
        last: partition.ts_max,
        last_id: None,
    };
    if let &[name] = source.dataset.dedupe_key()
        && !held.is_complete()
    {
        let memo = HashMemo::default();
        for batch in set.read_day(day, Some(&[name]), BATCH_ROWS, &memo)? {
            let batch = batch?;
            let ids = batch.column(0).as_primitive_opt::<Int64Type>();
            let largest = ids.and_then(|ids| ids.values().iter().copied().max());
            held.last_id = held.last_id.max(largest);
        }
    }
    Ok(Some(held))
}

/// Marks a day as complete that no page can be added to any more: its rows and sources stay, `gaps` more stretches of it are
/// known to be missing.
///
/// # Errors
/// The set is locked, or its files cannot be read or written; the lake is as it was.
pub fn close_day(
    lake: &Lake,
    source: &PageSource,
    day: Day,
    gaps: u64,
    options: &IngestOptions,
    created_at: UnixMicros,
) -> Result<DayOutcome, FileError> {
    let spec = spec_of(source);
    let mut params = source.params.clone();
    params.insert(COMPLETE.to_owned(), true.into());
    let mut with = WriterOptions::new(source.parser_version, params, created_at);
    with.replace_source = options.replace_source;
    with.store = Arc::clone(&options.store);
    with.failpoints = options.failpoints.clone();
    let writer = DatasetWriter::open(lake, spec.clone(), with)?;
    let set = PartitionSet::open(lake, &spec)?;
    let Some(held) = set.manifest().partition(day) else {
        return Err(FileError::Read(ReadError::NoDay { set: spec.dir, day }));
    };
    let mut partition = writer.begin(day)?;
    for batch in set.read_day(day, None, BATCH_ROWS, &HashMemo::default())? {
        partition.write(&batch?)?;
    }
    let mut quality = held.quality;
    if source.dataset.interval_us().is_some() {
        // The writer counts the intervals that are missing.
        quality.gaps = 0;
    }
    quality.gaps += gaps;
    let done = writer.commit(partition.finish(PartitionMeta {
        sources: held.sources.clone(),
        rows_in: held.rows_in,
        quality,
    })?)?;
    Ok(DayOutcome {
        day,
        rows: done.rows,
        content_sha256: done.content_sha256,
        merged: false,
        unchanged: false,
    })
}

/// A parser of pages whose asker knows what is missing around them.
struct WithGaps<P> {
    inner: P,
    dataset: Dataset,
    day: Day,
    gaps: Vec<String>,
}

impl<P: RowParser> RowParser for WithGaps<P> {
    fn feed(&mut self, lines: &[u8], out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        self.inner.feed(lines, out)
    }

    fn finish(&mut self, out: &mut Vec<Parsed>) -> Result<FileTotals, ParseError> {
        let mut totals = self.inner.finish(out)?;
        let of_day = totals.iter_mut().find(|(d, _)| *d == self.dataset);
        if let Some((_, totals)) = of_day.filter(|_| !self.gaps.is_empty()) {
            totals.days.entry(self.day).or_default().gaps += self.gaps.len() as u64;
            totals.remarks.extend(self.gaps.iter().cloned());
        }
        Ok(totals)
    }

    fn tap(&mut self, tap: Tap) -> bool {
        self.inner.tap(tap)
    }
}

/// Ingests one page file; the report has its one outcome, or says that the caller asked to stop.
///
/// # Errors
/// `IngestError` if the work cannot begin; a refused file is in the report.
pub fn ingest_pages(
    lake: &Lake,
    request: &PagesRequest,
    make_format: &(dyn Fn() -> Box<dyn PageFormat> + Sync),
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<IngestReport, IngestError> {
    let source = &request.source;
    let files = FilesRequest {
        key: source.key.clone(),
        files: vec![VendorFile {
            path: request.path.clone(),
            name: request.name.clone(),
            url: Some(request.url.clone()),
            container: Container::Plain.into(),
            datasets: vec![source.dataset],
            days: Some((request.days.start.day(), request.days.end.plus(-1).day())),
            whole_days: true,
            sha256: None,
            continues: false,
        }],
        kind: source.kind,
        parser_version: source.parser_version,
        params: source.params.clone(),
        range: Some(request.days),
        slice: if request.adds {
            Slice::Added
        } else {
            Slice::Day
        },
        book_levels: 0,
        options: request.options.clone(),
        created_at: request.created_at,
    };
    let tables = TableOptions {
        datasets: vec![source.dataset],
        book_levels: 0,
        watermark_us: None,
    };
    let make = |_: &VendorFile, options: ParseOptions| {
        let format = PageMessages(make_format());
        let parser = WithGaps {
            inner: MessageParser::new(format, &tables, options),
            dataset: source.dataset,
            day: request.days.start.day(),
            gaps: request.gaps.clone(),
        };
        Ok(Box::new(parser) as Box<dyn RowParser>)
    };
    let mut report = ingest_files(lake, &files, &make, progress, stop)?;
    for outcome in &mut report.files {
        // The page file goes when this is done: its name is what manifests show.
        outcome.file.clone_from(&request.name);
    }
    Ok(report)
}
