//! A lake that survives: killed writers, interrupted writers, two writers at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::IngestParams;
use quant_lake::schema::Dataset;

use crate::support::{
    AGG_SET, HEADER, Ran, agg_rows, command, contents, ingest_args, listing, put_text, run, text,
};
use crate::walk::Dice;

const DAYS: [&str; 8] = [
    "2024-01-01",
    "2024-01-02",
    "2024-01-03",
    "2024-01-04",
    "2024-01-05",
    "2024-01-06",
    "2024-01-07",
    "2024-01-08",
];
const END: &str = "2024-01-09";
const ROWS_PER_DAY: u64 = 40_000;

/// An archive of several days and what an undisturbed ingest makes of it.
struct Reference {
    dir: tempfile::TempDir,
    contents: BTreeMap<String, String>,
    took: Duration,
}

fn reference() -> &'static Reference {
    static REFERENCE: OnceLock<Reference> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        for (day, first_id) in DAYS.iter().zip((1..).step_by(1_000_000)) {
            let rows = agg_rows(day, first_id, ROWS_PER_DAY);
            put_text(&dir.path().join("archive"), day, &text(HEADER, &rows));
        }
        // The fastest of three: a busy machine must not make the kills come too late.
        let took = ["lake", "lake-2", "lake-3"].map(|lake| {
            let started = Instant::now();
            run(dir.path(), &ingest(lake)).code(0);
            started.elapsed()
        });
        let took = took.into_iter().min().unwrap();
        let contents = contents(&dir.path().join("lake"), AGG_SET);
        assert_eq!(contents.len(), DAYS.len());
        Reference {
            dir,
            contents,
            took,
        }
    })
}

/// Arguments that ingest the whole archive into another lake of the folder.
fn ingest(lake: &str) -> Vec<&str> {
    let mut args = ingest_args(DAYS[0], END);
    let at = args.iter().position(|a| *a == "lake").unwrap();
    args[at] = lake;
    args
}

/// Asserts that a lake is sound: nothing but warnings, and if `clean` not even those.
#[track_caller]
fn assert_sound(cwd: &Path, lake: &str, clean: bool) {
    let report = run(cwd, &["verify", "--json", "--lake", lake])
        .code(0)
        .json();
    for problem in report["problems"].as_array().unwrap() {
        assert!(!clean && problem["kind"] == "orphan", "{problem}");
    }
}

/// Asserts that a lake holds exactly what an undisturbed ingest makes, and nothing besides.
#[track_caller]
fn assert_complete(cwd: &Path, lake: &str) {
    assert_sound(cwd, lake, true);
    assert_eq!(contents(&cwd.join(lake), AGG_SET), reference().contents);
    let stray: Vec<String> = listing(&cwd.join(lake))
        .into_keys()
        .filter(|p| p.contains(".tmp"))
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn killed_at_any_moment() {
    let slow = std::env::var("RUN_SLOW_TESTS").is_ok_and(|v| v == "1");
    let kills: u32 = if slow { 50 } else { 10 };
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos())
        });
    let reference = reference();
    let cwd = reference.dir.path();
    eprintln!(
        "CRASH_SEED={seed}: {kills} kills within {:?}",
        reference.took
    );
    let mut dice = Dice(seed);
    let mut micros = u64::try_from(reference.took.as_micros()).unwrap();
    let (mut alive, mut half_done) = (0, 0);
    for n in 0..kills {
        let lake = format!("killed-{n}");
        // Every third lake is hit a second time, while it recovers.
        for _ in 0..if n % 3 == 0 { 2 } else { 1 } {
            let mut child = command(cwd, &ingest(&lake))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_micros(dice.below(micros)));
            if child.try_wait().unwrap().is_none() {
                alive += 1;
            } else {
                micros = micros * 4 / 5;
            }
            // SIGKILL: nothing of the process runs after it.
            child.kill().unwrap();
            child.wait().unwrap();
            if cwd.join(&lake).is_dir() {
                assert_sound(cwd, &lake, false);
            }
            if cwd
                .join(&lake)
                .join(AGG_SET)
                .join("manifest.json")
                .is_file()
            {
                let there = contents(&cwd.join(&lake), AGG_SET);
                half_done += u32::from(there.len() < DAYS.len());
                for (day, hash) in there {
                    assert_eq!(hash, reference.contents[&day], "{day}");
                }
            }
        }
        run(cwd, &ingest(&lake)).code(0);
        assert_complete(cwd, &lake);
        std::fs::remove_dir_all(cwd.join(&lake)).unwrap();
    }
    let hits = kills + kills.div_ceil(3);
    eprintln!("{alive} of {hits} hit a living process, {half_done} between two days");
    assert!(
        alive * 2 > hits,
        "only {alive} of {hits} kills hit a living process"
    );
}

#[cfg(unix)]
#[test]
fn interrupted_by_a_signal() {
    let cwd = reference().dir.path();
    let mut interrupted = 0;
    for n in 0..5 {
        let lake = format!("interrupted-{n}");
        let child = command(cwd, &ingest(&lake))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // From the first committed day on there are seven to go.
        let manifest = cwd.join(&lake).join(AGG_SET).join("manifest.json");
        let started = Instant::now();
        while !manifest.is_file() && started.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = std::process::Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .output()
            .unwrap();
        let ran = Ran::from_output(child.wait_with_output().unwrap());
        if kill.status.success() && ran.code != 0 {
            let ran = ran
                .code(130)
                .says(&["interrupted", "run the same command again"]);
            assert!(ran.json()["files"].is_array());
            let there = contents(&cwd.join(&lake), AGG_SET);
            assert!((1..DAYS.len()).contains(&there.len()));
            // Nobody was killed, so nothing is left over.
            assert_sound(cwd, &lake, true);
            interrupted += 1;
        }
        run(cwd, &ingest(&lake)).code(0);
        assert_complete(cwd, &lake);
        if interrupted == 2 {
            return;
        }
    }
    assert!(interrupted > 0, "every ingest ended before its signal");
}

#[test]
fn two_writers_at_once() {
    let reference = reference();
    let cwd = reference.dir.path();
    for n in 0..3 {
        let lake = format!("shared-{n}");
        let children: Vec<_> = (0..2)
            .map(|_| {
                command(cwd, &ingest(&lake))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let ran: Vec<Ran> = children
            .into_iter()
            .map(|c| Ran::from_output(c.wait_with_output().unwrap()))
            .collect();
        assert!(ran.iter().any(|r| r.code == 0), "{ran:#?}");
        for ran in ran.into_iter().filter(|r| r.code != 0) {
            ran.code(3).says(&[
                "raw/binance/um/BTCUSDT/",
                "is being written by another process",
                "wait for it to end",
            ]);
        }
        assert_complete(cwd, &lake);
    }
}

#[test]
fn a_locked_dataset_is_refused_and_untouched() {
    let reference = reference();
    let cwd = reference.dir.path();
    let lake = Lake::new(cwd.join("locked"));
    let instrument = quant_core::market::InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    let spec = PartitionSetSpec::raw(
        &DatasetKey {
            instrument,
            dataset: Dataset::AggTrades,
        },
        0,
    );
    let options = WriterOptions::new("test", IngestParams::new(), quant_core::time::UnixMicros(1));
    let writer = DatasetWriter::open(&lake, spec, options).unwrap();
    let before = listing(lake.root());
    run(cwd, &ingest("locked")).code(3).says(&[
        AGG_SET,
        "is being written by another process",
        "hint",
        ".lock",
    ]);
    assert_eq!(listing(lake.root()), before);
    drop(writer);
    run(cwd, &ingest("locked")).code(0);
    assert_complete(cwd, "locked");
}
