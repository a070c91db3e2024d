//! Ingests a user's own CSV file, of any size and number of days.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::archive::hash_file;
use super::container::Container;
use super::report::{FileOutcome, FileStatus, IngestReport, Progress};
use super::run::{IngestError, IngestOptions};
use super::unit::{Context, Done, FileError, LocalFile, Slice, Target, Wanted, process};
use crate::commit::{DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, SourceKind};
use crate::venues::binance::FormatError;
use crate::venues::csv::{CsvMapping, PARSER_VERSION, parser};
use crate::venues::markets::check_market;

/// What to ingest.
#[derive(Clone, Debug)]
pub struct CsvRequest {
    /// The file.
    pub path: PathBuf,
    /// Whose rows it holds.
    pub key: InstrumentKey,
    /// How to read it.
    pub mapping: CsvMapping,
    /// Rows of other days are left out: every UTC day the range touches is taken whole. All rows if absent.
    pub range: Option<TimeRange>,
    /// How.
    pub options: IngestOptions,
    /// Time of the work, from the caller's clock.
    pub created_at: UnixMicros,
}

/// Ingests one file: one partition per UTC day that has rows, all committed after the last row was read.
///
/// Days that already hold rows of other CSV files are merged with them.
///
/// # Errors
/// `IngestError` if the work cannot begin; a refused file is in the report.
pub fn ingest_csv(
    lake: &Lake,
    request: &CsvRequest,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<IngestReport, IngestError> {
    check_market(&request.key)?;
    request.mapping.check()?;
    progress.planned(1);
    let key = DatasetKey {
        instrument: request.key.clone(),
        dataset: request.mapping.dataset(),
    };
    let mut params = IngestParams::new();
    params.insert(
        "mapping".to_owned(),
        serde_json::to_value(&request.mapping).unwrap_or_default(),
    );
    let mut options = WriterOptions::new(PARSER_VERSION, params, request.created_at);
    options.replace_source = request.options.replace_source;
    options.store = Arc::clone(&request.options.store);
    options.failpoints = request.options.failpoints.clone();
    let writer = DatasetWriter::open(lake, PartitionSetSpec::raw(&key, 0), options)?;
    let name = request.path.file_name().map_or_else(
        || request.path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    progress.started(&name);
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
    let range = whole_days(request.range);
    let result = file(&cx, request, &name, range);
    let mut outcome = FileOutcome::unknown(
        key.dataset,
        request.path.display().to_string(),
        (range.start.day(), range.end.plus(-1).day()),
    );
    match result {
        Ok(None) => {}
        Ok(Some(done)) => outcome.take(done),
        Err(FileError::Stopped) => {
            return Ok(IngestReport {
                files: Vec::new(),
                stopped: true,
            });
        }
        Err(error) => outcome.status = FileStatus::Failed { error },
    }
    progress.finished(std::slice::from_ref(&outcome));
    Ok(IngestReport {
        files: vec![outcome],
        stopped: false,
    })
}

fn file(
    cx: &Context<'_>,
    request: &CsvRequest,
    name: &str,
    range: TimeRange,
) -> Result<Option<Done>, FileError> {
    let (_, sha256) = hash_file(&request.path)?;
    let local = LocalFile {
        path: &request.path,
        name: name.to_owned(),
        url: None,
        kind: SourceKind::Csv,
        container: Container::Plain.into(),
        sha256,
        checksum_verified: false,
        // The same path with other bytes is the file corrected, not a second file.
        context: None,
        slice: Slice::OfName,
        is_whole_day: false,
        named_days: None,
        at_hand: None,
    };
    let wanted = Wanted {
        range,
        every_day: false,
    };
    let done = process(cx, &local, wanted, &|options| {
        Ok(parser(&request.mapping, options).map_err(FormatError::Mapping)?)
    })?;
    Ok(done.into_iter().next())
}

/// Extends a range to whole days; without one, every believable day.
fn whole_days(range: Option<TimeRange>) -> TimeRange {
    let days = |first: Day, end: Day| TimeRange {
        start: first.start(),
        end: end.start(),
    };
    match range {
        Some(range) => days(range.start.day(), range.end.plus(-1).day().plus(1)),
        None => days(Day(0), Day(50_000)),
    }
}
