//! OKX's historical archive as a source: finds and brings the files, and says which are missing.

use std::path::PathBuf;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use quant_lake::ingest::{FileOutcome, FileStatus};
use quant_lake::schema::Dataset;

use super::IngestContext;
use super::rest::RestSource;
use crate::error::{CommandError, CommandResult, ErrorKind};
use crate::rest::okx_hist::{self, BookDepth, HistError, HistOptions, HistRun};
use crate::rest::{FetchPagesError, RestError};

/// Folder of the cache inside the lake, unless the user names another one.
const CACHE: &str = "cache/okx-hist";

/// How the archive is used.
#[derive(Clone, Debug)]
pub struct HistArgs {
    /// Where files are kept.
    pub cache_dir: Option<PathBuf>,
    /// Bring files that are not there yet.
    pub download: bool,
    /// Which product books are taken of.
    pub book_depth: BookDepth,
}

impl HistArgs {
    /// Returns the cache folder.
    pub fn cache_dir(&self, context: &IngestContext<'_>) -> PathBuf {
        let inside = || context.lake.root().join(CACHE);
        self.cache_dir.clone().unwrap_or_else(inside)
    }
}

/// Brings the files of an instrument's datasets into the cache folder; they lie there as on the venue's file host.
///
/// # Errors
/// Configuration error for a dataset the archive has not got; data errors of the host.
pub fn fetch(
    context: &IngestContext<'_>,
    host: &RestSource,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
    args: &HistArgs,
) -> CommandResult<HistRun> {
    let options = HistOptions {
        cache_dir: args.cache_dir(context),
        download: args.download,
        book_depth: args.book_depth,
        timeout: host.client().options().silence,
    };
    crate::run::space::require(context.lake.root(), 0)?;
    okx_hist::fetch(host.client(), key, datasets, range, &options, context.stop).map_err(|error| {
        let kind = match &error {
            HistError::NoModule { .. } => ErrorKind::Config,
            HistError::List(FetchPagesError::Rest(RestError::Interrupted { .. }))
            | HistError::Download(crate::fetch::FetchError::Interrupted { .. }) => {
                ErrorKind::Interrupted
            }
            _ => ErrorKind::Data,
        };
        CommandError::new(kind, &error)
    })
}

/// Returns what to report of the files that are not to be had: the holes of the range.
pub fn missing(run: &HistRun) -> Vec<FileOutcome> {
    run.missing
        .iter()
        .map(|missing| {
            let dataset = missing.dataset.parse().unwrap_or(Dataset::Trades);
            let days: Vec<Day> = missing.utc_days.clone();
            let first = days.first().copied().unwrap_or(missing.day);
            let last = days.last().copied().unwrap_or(missing.day);
            let name = format!("okx module {} of {}", missing.module, missing.day);
            let mut outcome = FileOutcome::unknown(dataset, name, (first, last));
            outcome.status = FileStatus::NotPublished {
                reason: format!("{}: rows of {first} to {last} are missing", missing.reason),
            };
            outcome
        })
        .collect()
}
