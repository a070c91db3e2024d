//! SIGKILL at every named step of an ingest, in a child process: the lake stays sound and the next run completes it.
//!
//! The child is this test binary, running [`child`] alone; it stops at the given step and waits to be killed. What the
//! lake must be is checked by `verify`, by hashes of an undisturbed run and by reading receipts with a second eye.
//!
//! # Planted bugs that were tried by hand
//! See `docs/reliability.md`, R1.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::fixture::*;
use super::lab::{DAY, Format, Given, LEVELS, Lab};
use crate::commit::Failpoints;
use crate::ingest::*;
use crate::layout::Lake;
use crate::read::HashMemo;
use crate::venues::binance::Period;
use crate::verify::{Depth, verify_lake};

const CHILD: &str = "QUANT_TEST_KILL";

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

impl Job {
    fn name(self) -> String {
        format!("{self:?}")
    }

    fn lab(self, root: Option<&Path>) -> Lab {
        let mut lab = Lab::new(match self {
            Self::Recording => Format::BinanceRecording,
            Self::Vision => Format::UmTrades,
            Self::Slice => Format::BybitSpot,
        });
        lab.range = None;
        lab.fixture.options.keep_sources = true;
        lab.fixture.options.max_quarantine_share = 0.5;
        if let Some(root) = root {
            lab.fixture.at = root.to_owned();
        }
        lab
    }

    fn files(self) -> Vec<Given> {
        let (one, two) = (day(DAY), day(DAY).plus(1));
        match self {
            Self::Recording => {
                let f = Format::BinanceRecording;
                let mut lines = f.rows(one, 0, 30);
                for (i, of) in [(3_i64, one), (5, one)] {
                    let t = of.start().0 / 1_000 + 1_000 + i * 1_000;
                    lines.push(format!(r#"{t}000000 {{"e":"trade","E":{t},"T":{t},"s":"BTCUSDT","t":{i},"p":"100.5","q":"0.5","X":"MARKET","m":true}}"#));
                    lines.push(format!(r#"{t}000000 {{"e":"bookTicker","u":{i},"s":"BTCUSDT","b":"99","B":"1","a":"101","A":"2","T":{t},"E":{t}}}"#));
                    lines.push(format!(r#"{t}000000 {{"e":"trade","E":{t},"T":{t},"s":"BTCUSDT","t":9,"p":"x","q":"0.5","X":"MARKET","m":true}}"#));
                }
                lines.extend(f.rows(two, 0, 20));
                vec![Given::new("session.jsonl", f.text(&lines))]
            }
            Self::Vision => Vec::new(),
            Self::Slice => {
                let f = Format::BybitSpot;
                let rows = f.rows(one, 0, 60);
                let mut second = [&rows[30..], &f.rows(two, 0, 9)[..]].concat();
                second.push("1,2,3,4,5,6".to_owned());
                vec![
                    Given::new("a.csv", f.text(&rows[..35])),
                    Given::new("b.csv", f.text(&second)),
                ]
            }
        }
    }

    /// What is in the lake before.
    fn prepare(self, lab: &Lab) {
        match self {
            Self::Slice => drop(lab.ingest(&self.files()[..1])),
            Self::Vision => {
                let f = lab.format;
                for (i, of) in [day(DAY), day(DAY).plus(1)].into_iter().enumerate() {
                    let mut rows = f.rows(of, 0, 20 + i as i64);
                    rows[3] = "1,NaN,1,1,1,true".to_owned();
                    lab.fixture
                        .put(&f.key(), f.main(), Period::Day(of), &f.text(&rows));
                }
            }
            Self::Recording => {}
        }
    }

    fn run(self, lab: &Lab) -> IngestReport {
        if self == Self::Vision {
            let f = lab.format;
            let request = lab.fixture.request(&f.key(), f.main(), DAY, "2024-07-04");
            return lab.fixture.ingest(&request);
        }
        lab.ingest(&self.files())
    }
}

/// Every step of an ingest, in order.
fn steps(job: Job) -> Vec<&'static str> {
    let mut lab = job.lab(None);
    job.prepare(&lab);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    lab.fixture.options.failpoints = Failpoints::new(move |name| log.lock().unwrap().push(name));
    let report = job.run(&lab);
    assert_eq!(report.failures().count(), 0, "{job:?} {report:?}");
    let seen = seen.lock().unwrap().clone();
    seen
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
    let mut lab = job.lab(Some(Path::new(root)));
    let reached = AtomicUsize::new(0);
    lab.fixture.options.failpoints = Failpoints::new(move |_| {
        if reached.fetch_add(1, Ordering::SeqCst) == at {
            println!("\nat the step");
            loop {
                std::thread::park();
            }
        }
    });
    job.run(&lab);
    println!("\nat the end");
}

fn spawn(job: Job, at: usize, root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["ingest::tests::kills::child", "--exact", "--nocapture"])
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
            let sha = crate::content::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
            assert_eq!(p["sha256"], sha.as_str(), "{}", found.display());
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

fn files(lab: &Lab) -> BTreeSet<PathBuf> {
    let root = lab.fixture.lake().root().to_owned();
    let all = lab.fixture.listing().into_keys();
    // Numbers of data files go on after a crash, names of days do not.
    all.map(|p| {
        let p = p.strip_prefix(&root).unwrap().to_owned();
        if p.extension().is_some_and(|e| e == "parquet") {
            p.with_file_name("part.parquet")
        } else {
            p
        }
    })
    .collect()
}

fn reference(job: Job) -> Reference {
    let lab = job.lab(None);
    job.prepare(&lab);
    let report = job.run(&lab);
    assert_eq!(report.failures().count(), 0, "{report:?}");
    assert!(report.counts().quarantined > 0, "{report:?}");
    let listed = listed(&lab.fixture.lake());
    check_receipts(&lab.fixture.lake(), &listed);
    Reference {
        content: content(&listed),
        files: files(&lab),
    }
}

/// Kills at these steps one after another on one lake, then lets a run end.
fn crash(job: Job, steps: &[usize], reference: &Reference) {
    let lab = job.lab(None);
    job.prepare(&lab);
    let lake = lab.fixture.lake();
    for &at in steps {
        kill_at(job, at, &lab.fixture.at);
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
    let is_current = |f: &FileOutcome| matches!(f.status, FileStatus::Current);
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
        (state >> 33) as usize % n
    };
    let lakes = if slow { 70 } else { 6 };
    let mut work = Vec::new();
    for _ in 0..lakes {
        let i = dice(JOBS.len());
        work.push((JOBS[i], (0..3).map(|_| dice(lengths[i])).collect()));
    }
    in_parallel(&work, &references);
    println!("{} kills", lakes * 3);
}
