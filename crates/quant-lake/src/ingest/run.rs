//! Ingests Binance Vision archives: plans files, works on several at once, reports each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use quant_core::market::{Instrument, InstrumentKey, Market, Venue};
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::archive::{Limits, hash_file};
use super::checksum::parse_checksum;
use super::container::{Container, Pick};
use super::plan::{PlanOptions, Unit, plan_vision};
use super::report::{FileOutcome, FileStatus, IngestReport, Progress};
use super::source::{ArchiveSource, SourceError};
use super::unit::{Context, Done, FileError, LocalFile, Slice, Target, Wanted, process};
use super::updates::Updates;
use crate::commit::store::{FsStore, Store};
use crate::commit::{CommitError, DatasetWriter, Failpoints, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, SourceKind};
use crate::quality::Scans;
use crate::schema::Dataset;
use crate::venues::binance::{ArchiveFile, Cadence, PARSER_VERSION, Terms, VisionType, parser};
use crate::venues::contracts::over_time::{UnitChange, only, units_over};
use crate::venues::markets::{WrongMarket, check_market};

/// How the note begins that tells of a file the venue has replaced.
pub const REPLACED: &str = "the venue has replaced this file";

/// Why an ingest could not begin.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A dataset cannot be opened for writing.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The exchange has no Vision archive.
    #[error(
        "`{exchange}` has no Vision archive\nhint: `vision` is a source of binance (or sim-binance)"
    )]
    WrongExchange {
        /// Exchange asked for.
        exchange: String,
    },
    /// The name of the instrument is none of its market.
    #[error(transparent)]
    Market(#[from] WrongMarket),
    /// What contracts are worth changes inside a file.
    #[error(transparent)]
    Terms(#[from] UnitChange),
    /// A folder of the lake cannot be made.
    #[error("cannot create `{}`: {source}", path.display())]
    Io {
        /// The folder.
        path: std::path::PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A user file is unusable before it is read.
    #[error(transparent)]
    Mapping(#[from] crate::venues::csv::MappingError),
}

/// How files are ingested.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the command line"
)]
pub struct IngestOptions {
    /// Threads in total, at least 1.
    pub jobs: usize,
    /// Largest share of unusable rows in a file, 0 to 1.
    pub max_quarantine_share: f64,
    /// Take archives that have no checksum file.
    pub allow_missing_checksum: bool,
    /// Keep originals in `sources/`.
    pub keep_sources: bool,
    /// Replace partitions made from another kind of source.
    pub replace_source: bool,
    /// Prefer monthly files.
    pub monthly: bool,
    /// Files the venue has replaced: rows made of them are not merged with, and taking one again is noted.
    pub updates: Arc<Updates>,
    /// What an archive may inflate to.
    pub limits: Limits,
    /// Most rows of a file held in memory when it is not in order.
    pub max_collect_rows: u64,
    /// Where the detectors that saw the rows being written are kept for [`crate::quality::assess_day`]; `None` if
    /// nobody will ask.
    pub scans: Option<Arc<Scans>>,
    /// File-system steps.
    pub store: Arc<dyn Store>,
    /// Test hook.
    pub failpoints: Failpoints,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            max_quarantine_share: 0.01,
            allow_missing_checksum: false,
            keep_sources: false,
            replace_source: false,
            monthly: false,
            updates: Arc::default(),
            limits: Limits::default(),
            // About 65 bytes a row of trades while sorting: 3 GB.
            max_collect_rows: 50_000_000,
            scans: None,
            store: Arc::new(FsStore),
            failpoints: Failpoints::default(),
        }
    }
}

/// What to ingest.
#[derive(Clone, Debug)]
pub struct IngestRequest {
    /// Instrument; its exchange may be simulated.
    pub key: InstrumentKey,
    /// Datasets, in the order of the report.
    pub datasets: Vec<Dataset>,
    /// Range; every UTC day it touches is ingested whole.
    pub range: TimeRange,
    /// Known terms of the instrument over time; coin-margined quantities need them.
    pub instruments: Vec<Instrument>,
    /// How.
    pub options: IngestOptions,
    /// Time of the work, from the caller's clock.
    pub created_at: UnixMicros,
}

/// Ingests archives of one instrument. Files that fail are reported and do not stop the others.
///
/// # Errors
/// `IngestError` if the work cannot begin; everything about single files is in the report.
pub fn ingest_vision(
    lake: &Lake,
    source: &dyn ArchiveSource,
    request: &IngestRequest,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<IngestReport, IngestError> {
    if request.key.exchange.venue != Venue::Binance {
        return Err(IngestError::WrongExchange {
            exchange: request.key.exchange.to_string(),
        });
    }
    check_market(&request.key)?;
    let plan = PlanOptions {
        monthly: request.options.monthly,
        skip_unpublished: source.is_remote(),
    };
    let units = plan_vision(&request.key, &request.datasets, &request.range, plan);
    refuse_changes(request, &units)?;
    progress.planned(units.len());
    let scratch = lake.root().join("downloads");
    if source.is_remote() {
        std::fs::create_dir_all(&scratch).map_err(|e| IngestError::Io {
            path: scratch.clone(),
            source: e,
        })?;
    }
    let mut writers = BTreeMap::new();
    for unit in units.iter().filter(|u| u.file.is_some()) {
        if !writers.contains_key(unit.dataset.name()) {
            writers.insert(
                unit.dataset.name(),
                open_writer(lake, request, unit.dataset)?,
            );
        }
    }

    let pool = Pool {
        lake,
        source,
        request,
        progress,
        stop,
        scratch: &scratch,
        writers: &writers,
    };
    let (mut files, mut stopped) = pool.run(&units);
    if request.options.monthly && !stopped {
        let instead = daily_instead(&files, plan, request);
        if !instead.is_empty() {
            progress.planned(instead.len());
            let (more, cut) = pool.run(&instead);
            stopped = cut;
            take_over(&mut files, more);
        }
    }
    if source.is_remote() {
        // Stays if a partial download is in it.
        drop(std::fs::remove_dir(&scratch));
    }
    Ok(IngestReport { files, stopped })
}

/// Refuses files of contracts that are worth two amounts on the days wanted of them: a file is read with one.
fn refuse_changes(request: &IngestRequest, units: &[Unit]) -> Result<(), UnitChange> {
    if request.key.market != Market::Cm {
        return Ok(());
    }
    for unit in units.iter().filter(|u| counts_contracts(u.dataset)) {
        let Some(file) = &unit.file else { continue };
        let days = TimeRange {
            start: unit.first.start(),
            end: unit.last.end(),
        };
        let mut spans = units_over(&request.key, &request.instruments, days)?;
        // Before a listing there are no rows; a file without any known worth is its parser's to refuse.
        spans.retain(|span| span.unit.is_some());
        spans.dedup_by_key(|span| span.unit);
        only(&request.key, &spans, &format!("`{}`", file.name()))?;
    }
    Ok(())
}

/// Returns whether rows of a dataset depend on what a contract is worth.
const fn counts_contracts(dataset: Dataset) -> bool {
    matches!(
        dataset,
        Dataset::Klines1m
            | Dataset::AggTrades
            | Dataset::BookTicker
            | Dataset::Metrics
            | Dataset::Liquidations
    )
}

/// Returns the daily files of the days that monthly ones did not bring: months that are not there (or not yet), and days a
/// month has no rows of, which happened to whole days at the venue.
fn daily_instead(files: &[FileOutcome], plan: PlanOptions, request: &IngestRequest) -> Vec<Unit> {
    let daily = PlanOptions {
        monthly: false,
        ..plan
    };
    let mut out = Vec::new();
    for file in files {
        let has_daily = VisionType::of(file.dataset)
            .is_some_and(|kind| kind.cadences() == [Cadence::Daily, Cadence::Monthly]);
        if !has_daily {
            continue;
        }
        let days: Vec<Day> = match &file.status {
            FileStatus::NotFound => (file.first_day.0..=file.last_day.0).map(Day).collect(),
            FileStatus::Written { days } => {
                days.iter().filter(|d| d.rows == 0).map(|d| d.day).collect()
            }
            _ => Vec::new(),
        };
        for day in days {
            out.extend(plan_vision(
                &request.key,
                &[file.dataset],
                &day.range(),
                daily,
            ));
        }
    }
    out
}

/// Puts the daily files where the month they stand in for was. A month that is not there is told only if no day of it is.
fn take_over(files: &mut Vec<FileOutcome>, more: Vec<FileOutcome>) {
    for daily in more {
        let at = files.iter().rposition(|f| {
            f.dataset == daily.dataset
                && f.first_day <= daily.first_day
                && daily.last_day <= f.last_day
        });
        let found = !matches!(
            daily.status,
            FileStatus::NotFound | FileStatus::NotPublished { .. }
        );
        match at.map(|at| (at, &mut files[at])) {
            Some((at, month)) => {
                if found && matches!(month.status, FileStatus::NotFound) {
                    month.notes.push(DAILY_INSTEAD.to_owned());
                }
                let after = files[at..]
                    .iter()
                    .take_while(|f| f.dataset == daily.dataset && f.first_day <= daily.first_day)
                    .count();
                files.insert(at + after, daily);
            }
            None => files.push(daily),
        }
    }
    let told = |f: &FileOutcome| f.notes.iter().any(|n| n == DAILY_INSTEAD);
    files.retain(|f| !told(f));
}

/// Marks a month that its days stand in for.
const DAILY_INSTEAD: &str = "daily files instead";

/// Several workers on one list of files.
struct Pool<'a> {
    lake: &'a Lake,
    source: &'a dyn ArchiveSource,
    request: &'a IngestRequest,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    scratch: &'a Path,
    writers: &'a BTreeMap<&'static str, DatasetWriter>,
}

impl Pool<'_> {
    /// Returns what became of the files, in their order, and whether the caller asked to stop before the last.
    fn run(&self, units: &[Unit]) -> (Vec<FileOutcome>, bool) {
        let jobs = self.request.options.jobs;
        let workers = jobs.clamp(1, units.len().max(1));
        let next = AtomicUsize::new(0);
        let outcomes: Mutex<Vec<Option<FileOutcome>>> =
            Mutex::new(units.iter().map(|_| None).collect());
        let work = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(unit) = units.get(i) else { return };
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                let worker = Worker {
                    lake: self.lake,
                    source: self.source,
                    request: self.request,
                    progress: self.progress,
                    stop: self.stop,
                    threads: (jobs / workers).max(1),
                    scratch: self.scratch,
                };
                let outcome = worker.unit(unit, self.writers.get(unit.dataset.name()));
                if let FileStatus::Failed {
                    error: FileError::Stopped,
                } = outcome.status
                {
                    return;
                }
                self.progress.finished(std::slice::from_ref(&outcome));
                let mut slots = outcomes
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Some(slot) = slots.get_mut(i) {
                    *slot = Some(outcome);
                }
            }
        };
        if workers == 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(work);
                }
            });
        }
        let files = outcomes
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let stopped = files.iter().any(Option::is_none);
        (files.into_iter().flatten().collect(), stopped)
    }
}

/// Returns what decides the rows besides the bytes: contract values, where quantities are contracts.
fn ingest_params(request: &IngestRequest) -> IngestParams {
    let mut params = IngestParams::new();
    if request.key.market == Market::Cm {
        let values: Vec<serde_json::Value> = request
            .instruments
            .iter()
            .filter(|i| i.key == request.key)
            .map(|i| serde_json::json!({"valid_from": i.valid_from, "contract_value": i.contract_value}))
            .collect();
        params.insert("contract_values".to_owned(), values.into());
    }
    params
}

fn open_writer(
    lake: &Lake,
    request: &IngestRequest,
    dataset: Dataset,
) -> Result<DatasetWriter, CommitError> {
    let key = DatasetKey {
        instrument: request.key.clone(),
        dataset,
    };
    let mut options =
        WriterOptions::new(PARSER_VERSION, ingest_params(request), request.created_at);
    options.replace_source = request.options.replace_source;
    options.store = Arc::clone(&request.options.store);
    options.failpoints = request.options.failpoints.clone();
    DatasetWriter::open(lake, PartitionSetSpec::raw(&key, 0), options)
}

struct Worker<'a> {
    lake: &'a Lake,
    source: &'a dyn ArchiveSource,
    request: &'a IngestRequest,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    threads: usize,
    scratch: &'a Path,
}

impl Worker<'_> {
    fn unit(&self, unit: &Unit, writer: Option<&DatasetWriter>) -> FileOutcome {
        let name = unit
            .file
            .as_ref()
            .map_or_else(|| unit.dataset.name().to_owned(), |f| f.path.clone());
        let mut outcome = FileOutcome::unknown(unit.dataset, name, (unit.first, unit.last));
        let result = match (&unit.file, writer) {
            (Some(file), Some(writer)) => {
                self.progress.started(&outcome.file);
                self.file(unit, file, writer, &mut outcome.notes)
            }
            _ => Ok(None),
        };
        match result {
            Ok(Some(done)) => outcome.take(done),
            Ok(None) => {
                if let Some(reason) = &unit.unpublished {
                    outcome.status = FileStatus::NotPublished {
                        reason: reason.to_string(),
                    };
                }
            }
            Err(error) => outcome.status = FileStatus::Failed { error },
        }
        outcome
    }

    /// Ingests one archive; `None` if the source has not got it.
    fn file(
        &self,
        unit: &Unit,
        file: &ArchiveFile,
        writer: &DatasetWriter,
        notes: &mut Vec<String>,
    ) -> Result<Option<Done>, FileError> {
        let options = &self.request.options;
        let checksum = self.source.checksum(&file.path).map_err(stopped)?;
        let days: Vec<_> = (unit.first.0..=unit.last.0).map(Day).collect();
        for &day in &days {
            writer.check_source_kind(day, SourceKind::Vision)?;
        }
        let current = |sha: &str| days.iter().all(|&day| writer.is_current(day, &[sha]));
        let mut expected = None;
        if let Some(text) = &checksum {
            let sum = parse_checksum(&file.checksum_path(), text)?;
            if let Some(name) = sum.name.filter(|name| *name != file.name()) {
                notes.push(format!("checksum file names `{name}`"));
            }
            if let Some((new, list)) = options.updates.successor(&sum.sha256) {
                notes.push(format!(
                    "{REPLACED}: `{list}` lists {} as replaced by {new}",
                    sum.sha256
                ));
            }
            if current(&sum.sha256) {
                return Ok(Some(Done::current(unit.dataset)));
            }
            expected = Some(sum.sha256);
        } else if self.source.is_remote() && !options.allow_missing_checksum {
            // The venue publishes both or neither, and a probe of the checksum is the authority on existence.
            return Ok(None);
        }
        let fetched = self
            .source
            .archive(&file.path, expected.as_deref(), self.scratch)
            .map_err(stopped)?;
        let Some(fetched) = fetched else {
            return Ok(None);
        };
        let result = self.local_file(unit, file, writer, notes, &fetched.path, expected, &current);
        if fetched.temporary {
            // A leftover is overwritten or resumed by the next run.
            drop(std::fs::remove_file(&fetched.path));
        }
        result.map(Some)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, split off only to tidy up after it"
    )]
    fn local_file(
        &self,
        unit: &Unit,
        file: &ArchiveFile,
        writer: &DatasetWriter,
        notes: &mut Vec<String>,
        path: &Path,
        expected: Option<String>,
        current: &dyn Fn(&str) -> bool,
    ) -> Result<Done, FileError> {
        let options = &self.request.options;
        let checksum_verified = expected.is_some();
        let sha256 = match expected {
            Some(sha256) => sha256,
            None if options.allow_missing_checksum => {
                notes.push("no checksum file; the bytes are unverified".to_owned());
                let (_, sha256) = hash_file(path)?;
                if current(&sha256) {
                    return Ok(Done::current(unit.dataset));
                }
                sha256
            }
            None => {
                return Err(FileError::MissingChecksum {
                    file: path.display().to_string(),
                });
            }
        };
        let key = DatasetKey {
            instrument: self.request.key.clone(),
            dataset: unit.dataset,
        };
        let targets = [Target { writer, key: &key }];
        let cx = Context {
            lake: self.lake,
            targets: &targets,
            options,
            threads: self.threads,
            stop: self.stop,
            progress: self.progress,
        };
        let (first, end) = file.period.days();
        let named_days = (first, end.plus(-1));
        let local = LocalFile {
            path,
            name: file.name(),
            url: self.source.url(&file.path),
            kind: SourceKind::Vision,
            container: Container::Zip(Pick::Named(file.member())).into(),
            sha256,
            checksum_verified,
            context: None,
            slice: Slice::OfName,
            is_whole_day: true,
            named_days: Some(named_days),
            at_hand: None,
        };
        let at = unit.first.start();
        let instrument = self
            .request
            .instruments
            .iter()
            .find(|i| i.key == self.request.key && i.is_valid_at(at));
        let terms = Terms::new(
            self.request.key.market,
            &self.request.key.symbol,
            instrument,
        );
        let wanted = Wanted {
            range: TimeRange {
                start: unit.first.start(),
                end: unit.last.end(),
            },
            every_day: true,
        };
        let done = process(&cx, &local, wanted, &|parse| {
            Ok(parser(unit.dataset, &terms, parse)?)
        })?;
        Ok(done
            .into_iter()
            .next()
            .unwrap_or_else(|| Done::current(unit.dataset)))
    }
}

fn stopped(error: SourceError) -> FileError {
    match error {
        SourceError::Stopped => FileError::Stopped,
        other => FileError::Source(other),
    }
}
