//! Ingests files at hand (recordings, files downloaded by hand, pages of answers): each may fill several datasets.
//!
//! What the files hold is the caller's to say, as a maker of parsers; which days they cover may be unknown. Files that
//! may share a day of a dataset are never worked on at once, since their slices are merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};
use sha2::{Digest as _, Sha256};

use super::archive::hash_file;
use super::container::ContainerSpec;
use super::receipt;
use super::report::{FileOutcome, FileStatus, IngestReport, Progress};
use super::run::{IngestError, IngestOptions};
use super::unit::{AtHand, Context, Done, FileError, LocalFile, Slice, Target, Wanted, process};
use crate::commit::{DatasetWriter, WriterOptions};
use crate::content::hex;
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, SourceContext, SourceKind};
use crate::schema::Dataset;
use crate::venues::markets::check_market;
use crate::venues::rows::{ParseOptions, RowParser};

/// A file at hand.
#[derive(Clone, Debug)]
pub struct VendorFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Name in messages, manifests and the quarantine; the same name with other bytes is the file corrected.
    pub name: String,
    /// Where it was downloaded, if it was.
    pub url: Option<String>,
    /// How its rows are packed.
    pub container: ContainerSpec,
    /// Datasets it can fill.
    pub datasets: Vec<Dataset>,
    /// First and last UTC day it has rows of, where its name tells; `None`: any day.
    pub days: Option<(Day, Day)>,
    /// Its days get a partition even without rows: it is all there is of them.
    pub whole_days: bool,
    /// Hash the vendor published, if it did.
    pub sha256: Option<String>,
    /// It goes on where the files before it in the list end (recordings of one session): its book may start from there.
    pub continues: bool,
}

/// What to ingest.
#[derive(Clone, Debug)]
pub struct FilesRequest {
    /// Whose rows are taken.
    pub key: InstrumentKey,
    /// The files, in the order of the report.
    pub files: Vec<VendorFile>,
    /// How they were obtained.
    pub kind: SourceKind,
    /// Version of the parser.
    pub parser_version: &'static str,
    /// Everything else that decides the rows.
    pub params: IngestParams,
    /// Rows outside are left out: every UTC day the range touches is taken whole. All rows if absent.
    pub range: Option<TimeRange>,
    /// What becomes of the rows the lake holds of their days.
    pub slice: Slice,
    /// Levels per side of `l2_snapshots`.
    pub book_levels: u16,
    /// How.
    pub options: IngestOptions,
    /// Time of the work, from the caller's clock.
    pub created_at: UnixMicros,
}

/// Makes the parser of a file.
pub type MakeFileParser<'a> =
    dyn Fn(&VendorFile, ParseOptions) -> Result<Box<dyn RowParser>, FileError> + Sync + 'a;

/// Ingests files of one instrument. Files that fail are reported and do not stop the others.
///
/// # Errors
/// `IngestError` if the work cannot begin; everything about single files is in the report.
pub fn ingest_files(
    lake: &Lake,
    request: &FilesRequest,
    make_parser: &MakeFileParser<'_>,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<IngestReport, IngestError> {
    check_market(&request.key)?;
    progress.planned(request.files.len());
    let asked: BTreeSet<Dataset> = request
        .files
        .iter()
        .flat_map(|f| f.datasets.iter().copied())
        .collect();
    let mut writers: BTreeMap<Dataset, (DatasetKey, DatasetWriter)> = BTreeMap::new();
    for dataset in asked {
        let key = DatasetKey {
            instrument: request.key.clone(),
            dataset,
        };
        let writer = open_writer(lake, request, &key)?;
        writers.insert(dataset, (key, writer));
    }
    let workers = request.options.jobs.clamp(1, request.files.len().max(1));
    let mut job = Job {
        lake,
        request,
        make_parser,
        progress,
        stop,
        threads: (request.options.jobs / workers).max(1),
        writers: &writers,
        hashes: Mutex::new(BTreeMap::new()),
        places: Mutex::new(BTreeMap::new()),
        at_hand: AtHand {
            names: request.files.iter().map(|f| f.name.clone()).collect(),
            hashes: BTreeSet::new(),
            replaced: AtomicBool::new(false),
        },
        state: Mutex::new(State {
            waiting: (0..request.files.len()).collect(),
            running: Vec::new(),
            done: BTreeMap::new(),
        }),
        freed: Condvar::new(),
    };
    if request.files.iter().any(|f| f.continues) {
        // All of them are asked for their hashes anyway; one that cannot be read says so when it is its turn.
        let hashes = (0..request.files.len()).filter_map(|i| job.hash(i).ok());
        job.at_hand.hashes = hashes.map(|(_, sha256)| sha256).collect();
    }
    job.run(workers);
    if job.at_hand.replaced.load(Ordering::Relaxed) {
        job.wait_for_again();
        job.run(workers);
    }
    let state = job
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(IngestReport {
        stopped: state.done.len() < request.files.len(),
        files: state.done.into_values().flatten().collect(),
    })
}

fn open_writer(
    lake: &Lake,
    request: &FilesRequest,
    key: &DatasetKey,
) -> Result<DatasetWriter, IngestError> {
    let mut options = WriterOptions::new(
        request.parser_version,
        request.params.clone(),
        request.created_at,
    );
    options.replace_source = request.options.replace_source;
    options.store = Arc::clone(&request.options.store);
    options.failpoints = request.options.failpoints.clone();
    let spec = PartitionSetSpec::raw(key, request.book_levels);
    Ok(DatasetWriter::open(lake, spec, options)?)
}

/// Where a file stands in its session.
#[derive(Clone, Debug, Default)]
struct Place {
    /// The files before it.
    context: Option<SourceContext>,
    /// One of them has the same bytes: a second time they tell nothing.
    repeats: bool,
}

/// Which files wait, run and are done.
struct State {
    waiting: Vec<usize>,
    running: Vec<usize>,
    done: BTreeMap<usize, Vec<FileOutcome>>,
}

/// Everything the workers share.
struct Job<'a> {
    lake: &'a Lake,
    request: &'a FilesRequest,
    make_parser: &'a MakeFileParser<'a>,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    threads: usize,
    writers: &'a BTreeMap<Dataset, (DatasetKey, DatasetWriter)>,
    hashes: Mutex<BTreeMap<usize, (u64, String)>>,
    /// Forgotten when a file is refused.
    places: Mutex<BTreeMap<usize, Place>>,
    at_hand: AtHand,
    state: Mutex<State>,
    freed: Condvar,
}

impl Job<'_> {
    fn run(&self, workers: usize) {
        if workers == 1 {
            self.work();
            return;
        }
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work());
            }
        });
    }

    /// Lets those files wait again that lost their rows to another file of the request.
    fn wait_for_again(&self) {
        let mut again = self.good();
        again.retain(|i| matches!(self.is_held(*i), Ok(false)));
        self.progress.planned(again.len());
        self.lock().waiting = again;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the files that were worked on and not refused.
    fn good(&self) -> Vec<usize> {
        let state = self.lock();
        let good = state.done.iter().filter(|(_, outcomes)| !failed(outcomes));
        good.map(|(i, _)| *i).collect()
    }

    fn work(&self) {
        while let Some(i) = self.next() {
            let outcomes = self.outcomes(i);
            let mut state = self.lock();
            state.running.retain(|r| *r != i);
            if let Some(outcomes) = outcomes {
                self.progress.finished(&outcomes);
                // What a file brought the first time stays told if it had to be read again for the sake of others only.
                let mut before = state.done.remove(&i).unwrap_or_default();
                let mut told = |o: FileOutcome| match before
                    .iter()
                    .position(|b| b.dataset == o.dataset)
                {
                    Some(at) if matches!(o.status, FileStatus::Current) => before.swap_remove(at),
                    _ => o,
                };
                let outcomes: Vec<_> = outcomes.into_iter().map(&mut told).collect();
                if failed(&outcomes) {
                    self.places
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .clear();
                }
                state.done.insert(i, outcomes);
            }
            drop(state);
            self.freed.notify_all();
        }
    }

    /// Takes the first waiting file that shares no day of a dataset with a running one.
    fn next(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if self.stop.load(Ordering::Relaxed) || state.waiting.is_empty() {
                return None;
            }
            let free = state.waiting.iter().position(|&i| {
                // Earlier waiting files go first where days are shared, so that the order of slices is the given one.
                let before = state.waiting.iter().take_while(|&&j| j != i);
                before.chain(&state.running).all(|&j| !self.collide(i, j))
            });
            if let Some(at) = free {
                let i = state.waiting.remove(at);
                state.running.push(i);
                return Some(i);
            }
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn collide(&self, i: usize, j: usize) -> bool {
        let (Some(a), Some(b)) = (self.request.files.get(i), self.request.files.get(j)) else {
            return false;
        };
        let shared = a.datasets.iter().any(|d| b.datasets.contains(d));
        let apart = match (a.days, b.days) {
            (Some(a), Some(b)) => a.1 < b.0 || b.1 < a.0,
            _ => false,
        };
        shared && !apart
    }

    /// Works on one file; `None` if the caller asked to stop.
    fn outcomes(&self, i: usize) -> Option<Vec<FileOutcome>> {
        let file = &self.request.files[i];
        let shown = file.path.display().to_string();
        self.progress.started(&file.name);
        let range = whole_days(self.request.range, file.days);
        let days = (range.start.day(), range.end.plus(-1).day());
        let unknown = |dataset| FileOutcome::unknown(dataset, shown.clone(), days);
        match self.file(i, range) {
            Ok(done) => Some(
                done.into_iter()
                    .map(|done| {
                        let mut outcome = unknown(done.dataset);
                        outcome.take(done);
                        outcome
                    })
                    .collect(),
            ),
            Err(FileError::Stopped) => None,
            Err(error) => {
                // The file is refused whole, so it is said once.
                let dataset = file.datasets.first().copied().unwrap_or(Dataset::Trades);
                let mut outcome = unknown(dataset);
                outcome.status = FileStatus::Failed { error };
                Some(vec![outcome])
            }
        }
    }

    fn targets(&self, file: &VendorFile) -> Vec<Target<'_>> {
        file.datasets
            .iter()
            .filter_map(|dataset| self.writers.get(dataset))
            .map(|(key, writer)| Target { writer, key })
            .collect()
    }

    /// Describes a file and what it continues; hashes what is not hashed yet.
    fn local(&self, i: usize) -> Result<LocalFile<'_>, FileError> {
        let file = &self.request.files[i];
        Ok(LocalFile {
            path: &file.path,
            name: file.name.clone(),
            url: file.url.clone(),
            kind: self.request.kind,
            container: file.container.clone(),
            sha256: match &file.sha256 {
                Some(published) => published.clone(),
                None => self.hash(i)?.1,
            },
            checksum_verified: file.sha256.is_some(),
            context: self.place(i)?.context,
            slice: self.request.slice,
            is_whole_day: false,
            named_days: None,
            at_hand: Some(&self.at_hand),
        })
    }

    /// Returns what the files of the session before one say of it: each of them decided what the book is when it begins,
    /// so a session with one more, without one, or with one corrected is another context.
    fn place(&self, i: usize) -> Result<Place, FileError> {
        let known = || self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&i) {
            return Ok(found.clone());
        }
        let files = &self.request.files;
        let first = (0..=i).rev().find(|&j| j == 0 || !files[j].continues);
        let before = first.unwrap_or(i)..i;
        let mut place = Place::default();
        let (mut seen, mut n, mut text) = (BTreeSet::new(), 0, String::new());
        let own = if before.is_empty() {
            String::new()
        } else {
            self.hash(i)?.1
        };
        for j in before {
            let sha256 = self.hash(j)?.1;
            let refused = self.lock().done.get(&j).is_some_and(|o| failed(o));
            if sha256 == own {
                place.repeats = !refused;
                break;
            }
            if seen.insert(sha256.clone()) {
                n += u64::from(!refused);
                text.push_str(&sha256);
                text.push_str(if refused { " refused\n" } else { "\n" });
            }
        }
        place.context = (!text.is_empty()).then(|| SourceContext {
            files: n,
            sha256: hex(&Sha256::digest(text.as_bytes())),
        });
        known().insert(i, place.clone());
        Ok(place)
    }

    fn hash(&self, i: usize) -> Result<(u64, String), FileError> {
        let known = || self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&i) {
            return Ok(found.clone());
        }
        let found = hash_file(&self.request.files[i].path)?;
        known().insert(i, found.clone());
        Ok(found)
    }

    /// Returns whether a file need not be read: it is in the lake, and so are all that go on from it.
    fn is_held(&self, i: usize) -> Result<bool, FileError> {
        for j in i..self.request.files.len() {
            let file = &self.request.files[j];
            if j > i && !file.continues {
                break;
            }
            if j > i && self.place(j)?.repeats {
                continue;
            }
            let (local, targets) = (self.local(j)?, self.targets(file));
            let range = whole_days(self.request.range, file.days);
            if !receipt::holds(self.lake, &self.request.key, &local, &targets, range) {
                return Ok(false);
            }
            if j == i && self.place(i)?.repeats {
                break;
            }
        }
        Ok(true)
    }

    fn file(&self, i: usize, range: TimeRange) -> Result<Vec<Done>, FileError> {
        let request = self.request;
        let file = &request.files[i];
        let targets = self.targets(file);
        if self.is_held(i)? {
            let local = self.local(i)?;
            return Ok(targets
                .iter()
                .map(|t| {
                    // A file that had no rows of a dataset is not "there already": nothing of it ever was.
                    if receipt::has_none_of(self.lake, &request.key, &local, t.key.dataset) {
                        Done::without_rows(t.key.dataset)
                    } else {
                        Done::current(t.key.dataset)
                    }
                })
                .collect());
        }
        let local = self.local(i)?;
        let cx = Context {
            lake: self.lake,
            targets: &targets,
            options: &request.options,
            threads: self.threads,
            stop: self.stop,
            progress: self.progress,
        };
        let wanted = Wanted {
            range,
            every_day: file.whole_days,
        };
        let done = process(&cx, &local, wanted, &|options| {
            (self.make_parser)(file, options)
        })?;
        let days: BTreeMap<&'static str, Vec<Day>> = done
            .iter()
            .map(|done| (done.dataset.name(), done.days.clone()))
            .collect();
        receipt::write(
            self.lake,
            &request.key,
            &local,
            &targets,
            range,
            &days,
            &request.options.failpoints,
        );
        Ok(done)
    }
}

fn failed(outcomes: &[FileOutcome]) -> bool {
    let mut all = outcomes.iter();
    all.any(|o| matches!(o.status, FileStatus::Failed { .. }))
}

/// Extends a range to whole days, cut to the days of the file; without either, every believable day.
fn whole_days(range: Option<TimeRange>, file: Option<(Day, Day)>) -> TimeRange {
    let (first, end) = range.map_or((Day(0), Day(50_000)), |range| {
        (range.start.day(), range.end.plus(-1).day().plus(1))
    });
    let (first, end) = match file {
        Some((a, b)) => (first.max(a), end.min(b.plus(1))),
        None => (first, end),
    };
    TimeRange {
        start: first.start(),
        end: end.max(first).start(),
    }
}
