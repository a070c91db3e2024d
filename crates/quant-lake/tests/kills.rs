//! SIGKILL at every named step of an ingest, in a child process: the lake stays sound and the next run completes it.
//!
//! The child is this test binary, running [`child`] alone; it stops at the given step and waits to be killed. What the
//! lake must be is checked by `verify`, by hashes of an undisturbed run and by reading receipts with a second eye. A
//! binary of its own: between fork and exec a child holds the file locks of whatever else its parent is doing.
//!
//! # Planted bugs that were tried by hand
//! See `docs/reliability.md`, R1.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a failed unwrap is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::commit::Failpoints;
use quant_lake::ingest::container::Container;
use quant_lake::ingest::{
    FileOutcome, FileStatus, FilesRequest, IngestOptions, IngestReport, IngestRequest,
    LocalArchive, NoProgress, Slice, VendorFile, ingest_files, ingest_vision,
};
use quant_lake::layout::Lake;
use quant_lake::manifest::{IngestParams, SourceKind};
use quant_lake::read::HashMemo;
use quant_lake::schema::Dataset;
use quant_lake::venues::binance::recording::{
    RECORDING_VERSION, RecordingOptions, recording_parser,
};
use quant_lake::venues::binance::{Period, archive_file, encode};
use quant_lake::venues::book_flow::{BookOptions, Cadence};
use quant_lake::venues::bybit;
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::verify::{Depth, verify_lake};
use sha2::{Digest as _, Sha256};

const CHILD: &str = "QUANT_TEST_KILL";
const LEVELS: u16 = 3;

/// Held for writing while a child is made, for reading while a lake is written here.
static FORK: RwLock<()> = RwLock::new(());

/// What is ingested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// A recording that fills four datasets over two days, with refused rows; its original is kept.
    Recording,
    /// Archives of two days, with refused rows; originals are kept.
    Vision,
    /// The second slice of a day that is in the lake already: a merge, and files that are replaced.
    Slice,
}

const JOBS: [Job; 3] = [Job::Recording, Job::Vision, Job::Slice];

fn days() -> [Day; 2] {
    let first: Day = "2024-07-02".parse().unwrap();
    [first, first.plus(1)]
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut out = String::new();
    for b in Sha256::digest(bytes) {
        write!(out, "{b:02x}").unwrap();
    }
    out
}

/// A folder with the files of a job and a lake.
struct Lab {
    _root: Option<tempfile::TempDir>,
    at: PathBuf,
    options: IngestOptions,
}

impl Lab {
    fn lake(&self) -> Lake {
        Lake::new(self.at.join("lake"))
    }
}

/// Trades of Bybit spot, one a second.
fn spot_rows(of: Day, n: i64) -> Vec<String> {
    let start = of.start().0 / 1_000;
    let row = |i| {
        let (t, px) = (start + i * 1_000, 100 + i % 50);
        format!("{},{t},{px}.5,0.5,buy,0", start / 1_000 + i)
    };
    (0..n).map(row).collect()
}

/// An image of a book, then an update every second.
fn book_frames(of: Day, n: i64) -> Vec<String> {
    let start = of.start().0 / 1_000;
    let frame = |i: i64| {
        let (t, id, px, qty) = (start + i * 1_000, start / 1_000 + i, 101 + i % 3, i % 7 + 1);
        if i == 0 {
            return format!(
                r#"{t}000000 {{"lastUpdateId":{id},"E":{t},"T":{t},"bids":[["99","3"],["98","4"]],"asks":[["101","1"],["104","2"]]}}"#
            );
        }
        let before = id - 1;
        format!(
            r#"{t}000000 {{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{t},"T":{t},"s":"BTCUSDT","U":{before},"u":{id},"pu":{before},"b":[["98","{qty}"]],"a":[["{px}","{qty}"]]}}}}"#
        )
    };
    (0..n).map(frame).collect()
}

impl Job {
    fn name(self) -> String {
        format!("{self:?}")
    }

    fn key(self) -> InstrumentKey {
        let (exchange, market) = match self {
            Self::Slice => ("bybit", "spot"),
            _ => ("binance", "um"),
        };
        InstrumentKey {
            exchange: exchange.parse().unwrap(),
            market: market.parse().unwrap(),
            symbol: "BTCUSDT".parse().unwrap(),
        }
    }

    fn lab(at: Option<&Path>) -> Lab {
        let root = at.is_none().then(|| tempfile::tempdir().unwrap());
        let at = at.or(root.as_ref().map(tempfile::TempDir::path));
        let at = at.unwrap().to_owned();
        Lab {
            _root: root,
            at,
            options: IngestOptions {
                keep_sources: true,
                max_quarantine_share: 0.5,
                ..IngestOptions::default()
            },
        }
    }

    /// Puts the files in place, and into the lake what is there before.
    fn prepare(self, lab: &Lab) {
        let [one, two] = days();
        let write = |name: &str, lines: &[String]| {
            std::fs::write(lab.at.join(name), lines.join("\n") + "\n").unwrap();
        };
        match self {
            Self::Recording => {
                let mut lines = book_frames(one, 30);
                for i in [33_i64, 35] {
                    let t = one.start().0 / 1_000 + i * 1_000;
                    for (id, px) in [(i, "100.5"), (99, "x")] {
                        lines.push(format!(
                            r#"{t}000000 {{"e":"trade","E":{t},"T":{t},"s":"BTCUSDT","t":{id},"p":"{px}","q":"0.5","X":"MARKET","m":true}}"#
                        ));
                    }
                    lines.push(format!(
                        r#"{t}000000 {{"e":"bookTicker","u":{i},"s":"BTCUSDT","b":"99","B":"1","a":"101","A":"2","T":{t},"E":{t}}}"#
                    ));
                }
                lines.extend(book_frames(two, 20));
                write("session", &lines);
            }
            Self::Slice => {
                let header = "id,timestamp,price,volume,side,rpi".to_owned();
                let rows = spot_rows(one, 60);
                let mut first = vec![header.clone()];
                first.extend_from_slice(&rows[..35]);
                let mut second = vec![header];
                second.extend_from_slice(&rows[30..]);
                second.extend(spot_rows(two, 9));
                second.push("1,2,3,4,5,6".to_owned());
                write("a", &first);
                write("b", &second);
                let report = Self::files(self, lab, &["a"]);
                assert_eq!(report.failures().count(), 0, "{report:?}");
            }
            Self::Vision => {
                for (of, n) in [(one, 20), (two, 21)] {
                    let start = of.start().0 / 1_000;
                    let mut lines = vec!["id,price,qty,quote_qty,time,is_buyer_maker".to_owned()];
                    lines.extend(
                        (0..n).map(|i| format!("{i},100.5,0.5,1,{},true", start + i * 1_000)),
                    );
                    "1,NaN,1,1,1,true".clone_into(&mut lines[4]);
                    let file = archive_file(
                        Dataset::Trades,
                        self.key().market,
                        &self.key().symbol,
                        Period::Day(of),
                    )
                    .unwrap();
                    let text = lines.join("\n");
                    let zip = encode::csv_zip(&file.member(), text.as_bytes()).unwrap();
                    let path = lab.at.join("archive").join(&file.path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(&path, &zip).unwrap();
                    let sum = format!("{}  {}\n", hex(&zip), file.name());
                    std::fs::write(path.with_extension("zip.CHECKSUM"), sum).unwrap();
                }
            }
        }
    }

    fn run(self, lab: &Lab) -> IngestReport {
        match self {
            Self::Recording => self.files(lab, &["session"]),
            Self::Slice => self.files(lab, &["a", "b"]),
            Self::Vision => {
                let _here = FORK.read().unwrap();
                let [one, two] = days();
                let request = IngestRequest {
                    key: self.key(),
                    datasets: vec![Dataset::Trades],
                    range: TimeRange::new(one.start(), two.end()).unwrap(),
                    instruments: Vec::new(),
                    options: lab.options.clone(),
                    created_at: UnixMicros(1),
                };
                let source = LocalArchive::open(lab.at.join("archive")).unwrap();
                let stop = AtomicBool::new(false);
                ingest_vision(&lab.lake(), &source, &request, &NoProgress, &stop).unwrap()
            }
        }
    }

    fn files(self, lab: &Lab, names: &[&str]) -> IngestReport {
        let _here = FORK.read().unwrap();
        let (kind, parser_version, datasets) = match self {
            Self::Slice => (SourceKind::BybitManual, "test-1", vec![Dataset::Trades]),
            _ => (
                SourceKind::Recording,
                RECORDING_VERSION,
                vec![
                    Dataset::Trades,
                    Dataset::BookTicker,
                    Dataset::L2Deltas,
                    Dataset::L2Snapshots,
                ],
            ),
        };
        let file = |name: &&str| VendorFile {
            path: lab.at.join(name),
            name: (*name).to_owned(),
            url: None,
            container: Container::Plain.into(),
            datasets: datasets.clone(),
            days: None,
            whole_days: false,
            sha256: None,
            continues: false,
        };
        let request = FilesRequest {
            key: self.key(),
            files: names.iter().map(file).collect(),
            kind,
            parser_version,
            params: IngestParams::new(),
            range: None,
            slice: Slice::OfName,
            book_levels: LEVELS,
            options: lab.options.clone(),
            created_at: UnixMicros(1),
        };
        let key = self.key();
        let make = |file: &VendorFile, parse| {
            if self == Self::Slice {
                return Ok(bybit::parser(
                    Dataset::Trades,
                    key.market,
                    &key.symbol,
                    None,
                    parse,
                )?);
            }
            let options = RecordingOptions {
                market: key.market,
                symbol: key.symbol.clone(),
                book: BookOptions {
                    levels: LEVELS,
                    cadence: Cadence::EveryMessage,
                    unit: QtyUnit::Base,
                },
            };
            Ok(recording_parser(
                options,
                &file.datasets,
                parse,
                &Arc::default(),
                None,
            ))
        };
        let stop = AtomicBool::new(false);
        ingest_files(&lab.lake(), &request, &make, &NoProgress, &stop).unwrap()
    }
}

/// Every step of an ingest, in order.
fn steps(job: Job) -> Vec<&'static str> {
    let mut lab = Job::lab(None);
    job.prepare(&lab);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    lab.options.failpoints = Failpoints::new(move |name| log.lock().unwrap().push(name));
    let report = job.run(&lab);
    assert_eq!(report.failures().count(), 0, "{job:?} {report:?}");
    seen.lock().unwrap().clone()
}

/// Not a test of its own: what the children do.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let (name, at, root) = (word(), word().parse::<usize>().unwrap(), word());
    let job = JOBS.into_iter().find(|j| j.name() == name).unwrap();
    let mut lab = Job::lab(Some(Path::new(root)));
    let reached = AtomicUsize::new(0);
    lab.options.failpoints = Failpoints::new(move |_| {
        if reached.fetch_add(1, Ordering::SeqCst) == at {
            writeln!(std::io::stdout(), "\nat the step").unwrap();
            loop {
                std::thread::park();
            }
        }
    });
    job.run(&lab);
    writeln!(std::io::stdout(), "\nat the end").unwrap();
}

fn spawn(job: Job, at: usize, root: &Path) -> Child {
    // On Linux this stays this program even when a build has put another file in its place.
    let here = Path::new("/proc/self/exe");
    let program = if here.exists() {
        here.to_owned()
    } else {
        std::env::current_exe().unwrap()
    };
    let _fork = FORK.write().unwrap();
    Command::new(program)
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, format!("{} {at} {}", job.name(), root.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a child at a step; returns whether it got there.
fn kill_at(job: Job, at: usize, root: &Path) -> bool {
    let mut child = spawn(job, at, root);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let reached = lines.find(|l| l.starts_with("at the ")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    reached == "at the step"
}

fn manifests(lake: &Lake) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![lake.root().join("raw")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.ends_with("manifest.json") {
                out.push(path);
            }
        }
    }
    out
}

/// What the manifests list, read as JSON: dataset and day to content.
fn listed(lake: &Lake) -> BTreeMap<(String, String), serde_json::Value> {
    let mut out = BTreeMap::new();
    for path in manifests(lake) {
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let set = path.parent().unwrap().strip_prefix(lake.root()).unwrap();
        for p in manifest["partitions"].as_array().unwrap() {
            // The file behind the entry is whole.
            let day = p["date"].as_str().unwrap();
            let found = std::fs::read_dir(path.parent().unwrap())
                .unwrap()
                .map(|e| e.unwrap().path())
                .find(|dir| dir.is_dir() && dir.to_string_lossy().contains(day))
                .unwrap()
                .join(p["file"].as_str().unwrap());
            let bytes = std::fs::read(&found).unwrap();
            assert_eq!(p["sha256"], hex(&bytes).as_str(), "{}", found.display());
            out.insert((set.display().to_string(), day.to_owned()), p.clone());
        }
    }
    out
}

fn content(
    listed: &BTreeMap<(String, String), serde_json::Value>,
) -> BTreeMap<(String, String), [String; 4]> {
    listed
        .iter()
        .map(|(key, p)| {
            let word = |name: &str| p[name].to_string();
            (
                key.clone(),
                ["content_sha256", "rows", "rows_in", "quality"].map(word),
            )
        })
        .collect()
}

/// Checks every receipt against the manifests: a day it names holds the file.
fn check_receipts(lake: &Lake, listed: &BTreeMap<(String, String), serde_json::Value>) {
    let mut open = vec![lake.root().join(".receipts")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                let receipt: serde_json::Value =
                    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                for (dataset, of) in receipt["datasets"].as_object().unwrap() {
                    for day in of["days"].as_array().unwrap() {
                        let found = listed.iter().find(|((set, d), _)| {
                            let parts: Vec<&str> = set.split('/').collect();
                            parts.contains(&dataset.as_str()) && d == day.as_str().unwrap()
                        });
                        let (_, p) =
                            found.unwrap_or_else(|| panic!("{dataset} {day} is not there"));
                        let sources = p["sources"].as_array().unwrap();
                        let holds =
                            |s: &serde_json::Value| name.contains(s["sha256"].as_str().unwrap());
                        assert!(
                            sources.iter().any(holds),
                            "{dataset} {day}: the receipt lies"
                        );
                    }
                }
            }
        }
    }
}

/// Checks that nothing unfinished is seen by readers: at most orphans, which `verify` calls warnings.
fn check_sound(lake: &Lake, is_complete: bool) {
    let report = verify_lake(lake, LEVELS, Depth::Rows, &HashMemo::default());
    for problem in &report.problems {
        assert!(problem.kind.is_warning() && !is_complete, "{problem:?}");
    }
}

/// An undisturbed run.
struct Reference {
    content: BTreeMap<(String, String), [String; 4]>,
    files: BTreeSet<PathBuf>,
}

/// Every file of the lake but locks.
fn files(lab: &Lab) -> BTreeSet<PathBuf> {
    let root = lab.lake().root().to_owned();
    let mut out = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with(".locks") {
                    open.push(path);
                }
                continue;
            }
            let path = path.strip_prefix(&root).unwrap().to_owned();
            // Numbers of data files go on after a crash, names of days do not.
            out.insert(if path.extension().is_some_and(|e| e == "parquet") {
                path.with_file_name("part.parquet")
            } else {
                path
            });
        }
    }
    out
}

fn reference(job: Job) -> Reference {
    let lab = Job::lab(None);
    job.prepare(&lab);
    let report = job.run(&lab);
    assert_eq!(report.failures().count(), 0, "{report:?}");
    assert!(report.counts().quarantined > 0, "{report:?}");
    let listed = listed(&lab.lake());
    check_receipts(&lab.lake(), &listed);
    Reference {
        content: content(&listed),
        files: files(&lab),
    }
}

/// Kills at these steps one after another on one lake, then lets a run end.
fn crash(job: Job, steps: &[usize], reference: &Reference) {
    let lab = Job::lab(None);
    job.prepare(&lab);
    let lake = lab.lake();
    for &at in steps {
        let was_reached = kill_at(job, at, &lab.at);
        // A run that has less to do, since another one was killed before it, may end first.
        assert!(was_reached || steps.len() > 1, "{job:?} {steps:?}");
        check_sound(&lake, false);
        let there = listed(&lake);
        check_receipts(&lake, &there);
        for (key, found) in content(&there) {
            // A day is as before or as after; of the second slice's day both are possible.
            if job != Job::Slice {
                assert_eq!(
                    Some(&found),
                    reference.content.get(&key),
                    "{job:?} {steps:?}"
                );
            }
        }
    }
    let report = job.run(&lab);
    assert_eq!(report.failures().count(), 0, "{job:?} {steps:?} {report:?}");
    check_sound(&lake, true);
    let there = listed(&lake);
    check_receipts(&lake, &there);
    assert_eq!(content(&there), reference.content, "{job:?} {steps:?}");
    assert_eq!(files(&lab), reference.files, "{job:?} {steps:?}");
    let again = job.run(&lab);
    // A file that has no rows of a dataset says so again.
    let is_current = |f: &FileOutcome| match &f.status {
        FileStatus::Current => true,
        FileStatus::Written { days } => days.is_empty() && f.counts.rows_in == 0,
        _ => false,
    };
    assert!(
        again.files.iter().all(is_current),
        "{job:?} {steps:?} {again:?}"
    );
}

/// Runs jobs on two threads.
fn in_parallel(work: &[(Job, Vec<usize>)], references: &[(Job, Reference)]) {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((job, steps)) = work.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let reference = &references.iter().find(|(j, _)| j == job).unwrap().1;
                    let run = || crash(*job, steps, reference);
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                        failed.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert!(!failed.load(Ordering::SeqCst), "see above");
}

#[test]
fn killed_at_every_step() {
    let references: Vec<(Job, Reference)> = JOBS.map(|job| (job, reference(job))).into();
    let mut work = Vec::new();
    let mut names = BTreeSet::new();
    for job in JOBS {
        let steps = steps(job);
        names.extend(steps.iter().copied());
        work.extend((0..steps.len()).map(|at| (job, vec![at])));
    }
    assert!(names.len() >= 25, "{names:?}");
    assert!(work.len() >= 75, "{}", work.len());
    println!("{} kills at {} named steps", work.len(), names.len());
    in_parallel(&work, &references);
}

/// Kills at random: several in a row on one lake, the later ones during recovery.
#[test]
fn killed_again_while_recovering() {
    let slow = std::env::var("RUN_SLOW_TESTS").is_ok_and(|v| v == "1");
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let mut state: u64 = seed.unwrap_or(20_240_702);
    println!("CRASH_SEED={state}");
    let references: Vec<(Job, Reference)> = JOBS.map(|job| (job, reference(job))).into();
    let lengths = JOBS.map(|job| steps(job).len());
    let mut dice = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % n
    };
    // Three kills each: 201, or 1,002.
    let lakes = if slow { 334 } else { 67 };
    let mut work = Vec::new();
    for _ in 0..lakes {
        let i = dice(JOBS.len());
        work.push((JOBS[i], (0..3).map(|_| dice(lengths[i])).collect()));
    }
    in_parallel(&work, &references);
    println!("{} kills", lakes * 3);
}
