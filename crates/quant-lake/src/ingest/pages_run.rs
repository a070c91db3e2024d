//! Ingests page files: REST answers of one dataset, one body per line, as the edge fetched them.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::container::Container;
use super::files::{FilesRequest, VendorFile, ingest_files};
use super::report::{IngestReport, Progress};
use super::run::{IngestError, IngestOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Manifest, ManifestError, SourceKind};
use crate::schema::Dataset;
use crate::venues::pages::{PageFormat, PageMessages};
use crate::venues::rows::{ParseOptions, RowParser};
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
            // The same window asked for again has the same name: it is the better answer, not more rows.
            name: request.name.clone(),
            url: Some(request.url.clone()),
            container: Container::Plain.into(),
            datasets: vec![source.dataset],
            days: Some((request.days.start.day(), request.days.end.plus(-1).day())),
            whole_days: true,
            sha256: None,
        }],
        kind: source.kind,
        parser_version: source.parser_version,
        params: source.params.clone(),
        range: Some(request.days),
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
        let parser = MessageParser::new(format, &tables, options);
        Ok(Box::new(parser) as Box<dyn RowParser>)
    };
    let mut report = ingest_files(lake, &files, &make, progress, stop)?;
    for outcome in &mut report.files {
        // The page file goes when this is done: its name is what manifests show.
        outcome.file.clone_from(&request.name);
    }
    Ok(report)
}
