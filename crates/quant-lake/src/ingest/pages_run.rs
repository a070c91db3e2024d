//! Ingests page files: REST answers of one dataset, one body per line, as the edge fetched them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::archive::hash_file;
use super::report::{FileOutcome, FileStatus, Progress, RowCounts};
use super::run::{IngestError, IngestOptions};
use super::unit::{Context, Done, FileError, LocalFile, Target, Wanted, process};
use crate::commit::{CommitError, DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Manifest, ManifestError, SourceKind};
use crate::schema::Dataset;
use crate::venues::pages::{PageFormat, PageMessages};
use crate::venues::tables::{MessageParser, TableOptions};

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
    /// Days that get a partition, even without rows.
    pub days: TimeRange,
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

/// Ingests one page file; `None` if the caller asked to stop.
///
/// # Errors
/// `IngestError` if the work cannot begin; a refused file is in the outcome.
pub fn ingest_pages(
    lake: &Lake,
    request: &PagesRequest,
    make_format: &dyn Fn() -> Box<dyn PageFormat>,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Option<FileOutcome>, IngestError> {
    let source = &request.source;
    let key = DatasetKey {
        instrument: source.key.clone(),
        dataset: source.dataset,
    };
    let writer = open_writer(lake, request)?;
    progress.started(&request.name);
    let targets = [Target {
        writer: &writer,
        key: &key,
    }];
    let cx = Context {
        lake,
        targets: &targets,
        options: &request.options,
        threads: request.options.jobs.max(1),
        stop,
        progress,
    };
    let mut outcome = FileOutcome {
        dataset: source.dataset,
        file: request.name.clone(),
        first_day: request.days.start.day(),
        last_day: request.days.end.plus(-1).day(),
        status: FileStatus::NotFound,
        counts: RowCounts::default(),
        out_of_order: 0,
        notes: Vec::new(),
    };
    match file(&cx, request, &writer, make_format) {
        Ok(None) => {}
        Ok(Some(done)) => {
            outcome.status = done.status;
            outcome.counts = done.counts;
            outcome.out_of_order = done.out_of_order;
            outcome.notes = done.notes;
            for (name, n) in done.diagnostics {
                outcome.notes.push(format!("{name}: {n}"));
            }
        }
        Err(FileError::Stopped) => return Ok(None),
        Err(error) => outcome.status = FileStatus::Failed { error },
    }
    progress.finished(&outcome);
    Ok(Some(outcome))
}

fn open_writer(lake: &Lake, request: &PagesRequest) -> Result<DatasetWriter, CommitError> {
    let source = &request.source;
    let mut options = WriterOptions::new(
        source.parser_version,
        source.params.clone(),
        request.created_at,
    );
    options.replace_source = request.options.replace_source;
    options.store = Arc::clone(&request.options.store);
    options.failpoints = request.options.failpoints.clone();
    DatasetWriter::open(lake, spec_of(source), options)
}

fn file(
    cx: &Context<'_>,
    request: &PagesRequest,
    writer: &DatasetWriter,
    make_format: &dyn Fn() -> Box<dyn PageFormat>,
) -> Result<Option<Done>, FileError> {
    let source = &request.source;
    for day in request.days.days() {
        writer.check_source_kind(day, source.kind)?;
    }
    let (_, sha256) = hash_file(&request.path)?;
    let local = LocalFile {
        path: &request.path,
        name: request.name.clone(),
        url: Some(request.url.clone()),
        kind: source.kind,
        member: None,
        sha256,
        checksum_verified: false,
        // The same window asked for again is the better answer, not more rows.
        replaces_same_name: true,
    };
    let wanted = Wanted {
        range: request.days,
        every_day: true,
    };
    let tables = TableOptions {
        datasets: vec![source.dataset],
        book_levels: 0,
        watermark_us: None,
    };
    let done = process(cx, &local, wanted, &|options| {
        let format = PageMessages(make_format());
        Ok(Box::new(MessageParser::new(format, &tables, options)))
    })?;
    Ok(done.into_iter().next())
}
