//! The corpus of the fuzz targets, replayed and mutated a little on every run; `docs/fuzzing.md` tells more.
//!
//! `RUN_SLOW_TESTS=1` makes a hundred times as many mutants; `QUANT_FUZZ_SEED` gives others, `QUANT_FUZZ_ONLY` names one
//! target; `QUANT_FUZZ_RENEW=1` writes the corpus anew.

mod mutate;
mod seeds;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use quant_lake::fuzzing::{FILE_TARGETS, TARGETS};

use self::mutate::{Crash, attempt, hunt};

/// Mutants of each target in a usual run.
const MUTANTS: u64 = 2_000;
const MIN_SEEDS: usize = 5;
const MAX_SEED_BYTES: usize = 2_048;
/// A Parquet footer of ten columns alone is larger than other seeds.
const MAX_PARQUET_BYTES: usize = 8_192;
const MAX_CORPUS_BYTES: usize = 400_000;

/// Files of a corpus, by folder.
type Corpus = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The checked-in corpus.
fn corpus() -> Corpus {
    let mut out = Corpus::new();
    for folder in std::fs::read_dir(root().join("corpus")).unwrap() {
        let folder = folder.unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read(file.path()).unwrap())
        });
        out.insert(
            folder.file_name().into_string().unwrap(),
            files.collect::<BTreeMap<_, _>>(),
        );
    }
    out
}

fn names() -> Vec<&'static str> {
    let bytes = TARGETS.iter().map(|(name, _)| *name);
    bytes
        .chain(FILE_TARGETS.iter().map(|(name, _)| *name))
        .collect()
}

/// Gives bytes to the target of this name; files go into `folder`.
fn run_target(name: &str, folder: &Path, bytes: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|(n, _)| *n == name) {
        target(bytes);
    } else {
        let (_, target) = FILE_TARGETS.iter().find(|(n, _)| *n == name).unwrap();
        let path = folder.join("fuzzed");
        std::fs::write(&path, bytes).unwrap();
        target(&path);
    }
}

/// Runs a job for every target on two threads; returns the crashes.
fn for_all(
    job: impl Fn(&str, &[Vec<u8>], &dyn Fn(&[u8])) -> Result<(), Crash> + Sync,
) -> Vec<Crash> {
    let only = std::env::var("QUANT_FUZZ_ONLY").ok();
    let names: Vec<&str> = names()
        .into_iter()
        .filter(|name| only.as_ref().is_none_or(|only| only == name))
        .collect();
    let corpus = corpus();
    let (next, crashes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let folder = tempfile::tempdir().unwrap();
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let seeds: Vec<Vec<u8>> = corpus[*name].values().cloned().collect();
                    let run = |bytes: &[u8]| run_target(name, folder.path(), bytes);
                    if let Err(crash) = job(name, &seeds, &run) {
                        crashes.lock().unwrap().push(crash);
                    }
                }
            });
        }
    });
    crashes.into_inner().unwrap()
}

/// What is wrong with a corpus for these targets.
fn faults(corpus: &Corpus, names: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let known: BTreeSet<&str> = names.iter().copied().collect();
    for folder in corpus.keys().filter(|f| !known.contains(f.as_str())) {
        out.push(format!("corpus/{folder}: no such target"));
    }
    let mut total = 0;
    for name in names {
        let empty = BTreeMap::new();
        let seeds = corpus.get(*name).unwrap_or(&empty);
        if seeds.len() < MIN_SEEDS {
            out.push(format!("corpus/{name}: {} seeds", seeds.len()));
        }
        let max = if *name == "parquet" {
            MAX_PARQUET_BYTES
        } else {
            MAX_SEED_BYTES
        };
        for (file, bytes) in seeds {
            total += bytes.len();
            if bytes.len() > max {
                out.push(format!("corpus/{name}/{file}: {} bytes", bytes.len()));
            }
        }
    }
    if total > MAX_CORPUS_BYTES {
        out.push(format!("corpus: {total} bytes"));
    }
    out
}

#[test]
fn every_target_has_a_corpus_and_a_fuzz_binary() {
    let names = names();
    assert!(names.len() >= 12 && names.iter().collect::<BTreeSet<_>>().len() == names.len());
    let faults_found = faults(&corpus(), &names);
    assert!(faults_found.is_empty(), "{faults_found:#?}");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let binaries: BTreeSet<String> = std::fs::read_dir(root().join("fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(binaries, expected);
    for name in names {
        assert!(
            manifest.contains(&format!("[[bin]]\nname = \"{name}\"\n")),
            "{name}"
        );
    }
}

#[test]
fn a_missing_or_foreign_corpus_is_noticed() {
    let seeds: BTreeMap<String, Vec<u8>> = (0..5).map(|i| (i.to_string(), vec![0])).collect();
    let corpus = Corpus::from([("a".to_owned(), seeds.clone())]);
    assert!(faults(&corpus, &["a"]).is_empty());
    assert_eq!(faults(&corpus, &["a", "b"]), ["corpus/b: 0 seeds"]);
    assert_eq!(faults(&corpus, &[]), ["corpus/a: no such target"]);
    let mut large = seeds;
    large.insert("x".to_owned(), vec![0; MAX_SEED_BYTES + 1]);
    let corpus = Corpus::from([("a".to_owned(), large)]);
    assert_eq!(faults(&corpus, &["a"]), ["corpus/a/x: 2049 bytes"]);
}

#[test]
fn every_seed_passes_its_target() {
    let crashes = for_all(|name, seeds, run| {
        (0_u64..)
            .zip(seeds)
            .try_for_each(|(i, seed)| attempt(name, i, seed, run))
    });
    assert!(crashes.is_empty(), "{crashes:#?}");
}

#[test]
fn mutants_of_the_corpus_pass_their_targets() {
    let slow = std::env::var("RUN_SLOW_TESTS").is_ok_and(|v| v == "1");
    let n = if slow { 100 * MUTANTS } else { MUTANTS };
    let seed = std::env::var("QUANT_FUZZ_SEED").map_or(1, |v| v.parse().unwrap());
    let crashes = for_all(|name, seeds, run| hunt(name, seeds, run, n, seed));
    assert!(crashes.is_empty(), "seed {seed}: {crashes:#?}");
}

/// The hunt can fail: a reader that trusts a length, a number and a sign is caught three times.
/// A reader that trusts its input.
type Trusting<'a> = &'a dyn Fn(&[u8]);

#[test]
fn planted_bugs_are_caught() {
    let seeds = [
        b"len=3,qty=10\nabc\n".to_vec(),
        b"len=2,qty=5\nxy\n".to_vec(),
    ];
    let field = |text: &str, name: &str| -> Option<i64> {
        let rest = text.split_once(name)?.1;
        rest.split([',', '\n']).next()?.parse().ok()
    };
    let trusting: [(&str, Trusting<'_>); 3] = [
        ("slice", &|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let (Some(len), Some((_, body))) = (field(&text, "len="), text.split_once('\n'))
                && let Ok(len) = usize::try_from(len)
            {
                let _member = &body.as_bytes()[..len];
            }
        }),
        ("narrow", &|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Some(qty) = field(&text, "qty=") {
                let _qty = i32::try_from(qty).unwrap();
            }
        }),
        ("utf8", &|bytes| {
            let _text = core::str::from_utf8(bytes).unwrap();
        }),
    ];
    for (name, target) in trusting {
        for seed in &seeds {
            attempt(name, 0, seed, target).unwrap();
        }
        let crash = hunt(name, &seeds, target, MUTANTS, 1).unwrap_err();
        assert_eq!(crash.target, name);
        // Its number gives it again.
        let again = hunt(name, &seeds, target, crash.mutant + 1, 1).unwrap_err();
        assert_eq!(
            (again.mutant, &again.input, &again.message),
            (crash.mutant, &crash.input, &crash.message)
        );
        assert!(hunt(name, &seeds, target, crash.mutant, 1).is_ok());
    }
}

#[test]
fn the_corpus_holds_the_seeds_written_by_hand() {
    if std::env::var_os("QUANT_FUZZ_RENEW").is_some() {
        renew();
    }
    let corpus = corpus();
    for (target, name, bytes) in seeds::by_hand() {
        let found = corpus.get(target).and_then(|seeds| seeds.get(&name));
        assert!(
            found == Some(&bytes),
            "corpus/{target}/{name} is stale: QUANT_FUZZ_RENEW=1 writes it anew"
        );
    }
}

/// Writes the corpus anew: what was written by hand, and what the simulator encodes.
fn renew() {
    let scratch = tempfile::tempdir().unwrap();
    let mut all = seeds::by_hand();
    all.extend(simulated::seeds(scratch.path()));
    let corpus = root().join("corpus");
    if corpus.exists() {
        std::fs::remove_dir_all(&corpus).unwrap();
    }
    for (target, name, bytes) in all {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
