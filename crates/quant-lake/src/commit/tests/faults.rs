//! Every file-system step fails once, or from then on: the lake stays as it was or as it was meant to become.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::commit::store::StoreFile;

/// The real file system, until the `k`-th step.
#[derive(Debug)]
struct FaultStore {
    steps: Arc<AtomicU64>,
    fail_at: u64,
    /// All later steps fail as well.
    stays_broken: bool,
}

impl FaultStore {
    fn step(&self) -> io::Result<()> {
        let n = self.steps.fetch_add(1, Ordering::SeqCst);
        let fails = n == self.fail_at || (self.stays_broken && n > self.fail_at);
        if fails {
            Err(io::Error::other(format!("injected at step {n}")))
        } else {
            Ok(())
        }
    }
}

struct FaultFile {
    inner: Box<dyn StoreFile>,
    store: Arc<FaultStore>,
}

impl Write for FaultFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Err(e) = self.store.step() {
            // A torn write: some bytes reach the file.
            self.inner.write_all(&buf[..buf.len() / 2])?;
            return Err(e);
        }
        self.inner.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StoreFile for FaultFile {
    fn sync(&mut self) -> io::Result<()> {
        self.store.step()?;
        self.inner.sync()
    }
}

#[derive(Debug)]
struct Shared(Arc<FaultStore>);

impl Store for Shared {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        self.0.step()?;
        let inner = FsStore.create(path)?;
        Ok(Box::new(FaultFile {
            inner,
            store: Arc::clone(&self.0),
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        FsStore.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.step()?;
        FsStore.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        FsStore.sync_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.step()?;
        FsStore.remove(path)
    }
}

fn faulty(fail_at: u64, stays_broken: bool) -> (WriterOptions, Arc<AtomicU64>) {
    let steps = Arc::new(AtomicU64::new(0));
    let store = FaultStore {
        steps: Arc::clone(&steps),
        fail_at,
        stays_broken,
    };
    (
        WriterOptions {
            store: Arc::new(Shared(Arc::new(store))),
            ..options()
        },
        steps,
    )
}

fn attempt(lake: &Lake, options: WriterOptions, rows: &[i64]) -> Result<Partition, CommitError> {
    let writer = DatasetWriter::open(lake, spec(), options)?;
    let ids: Vec<i64> = (1..).take(rows.len()).collect();
    commit_day(&writer, day(), &[good(rows, &ids)], source('b'))
}

/// Runs a commit with every step failing in turn, over a lake prepared by `before`; returns the number of steps.
fn every_fault(before: Option<&[i64]>, stays_broken: bool) -> u64 {
    let after: &[i64] = &[10, 20, 30];
    let reference = tempfile::tempdir().unwrap();
    let (_, expected) = lake_with(reference.path(), after);
    for k in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::new(dir.path().join("lake"));
        let old = before.map(|rows| lake_with(lake.root(), rows).1);
        let (options, steps) = faulty(k, stays_broken);
        let result = attempt(&lake, options, after);
        if steps.load(Ordering::SeqCst) <= k {
            assert_eq!(result.unwrap().content_sha256, expected.content_sha256);
            return k;
        }
        let report = check(&lake);
        assert!(report.is_ok(), "step {k}: {report:?}");
        let seen = Manifest::load(&lake.set_dir(&spec()), &spec())
            .unwrap()
            .and_then(|m| m.partition(day()).cloned());
        match &result {
            // Removing the replaced file may fail: the commit stands.
            Ok(p) => assert_eq!(seen.as_ref(), Some(p), "step {k}"),
            // Only the sync after the swap can fail with the new state visible.
            Err(e) if seen != old => {
                assert_eq!(seen.unwrap().content_sha256, expected.content_sha256);
                let step = matches!(
                    e,
                    CommitError::Io {
                        step: "sync folder",
                        ..
                    }
                );
                assert!(step, "step {k}: {e}");
            }
            Err(_) if !stays_broken && old.is_none() && lake.root().exists() => {
                assert_eq!(
                    files(lake.root()),
                    [""; 0],
                    "step {k} left something behind"
                );
            }
            Err(_) => {}
        }
        let retried = attempt(&lake, super::options(), after)
            .unwrap_or_else(|e| panic!("retry after step {k}: {e}"));
        assert_eq!(retried.content_sha256, expected.content_sha256);
        let report = check(&lake);
        assert!(report.problems.is_empty(), "step {k}: {report:?}");
    }
    0
}

#[test]
fn a_first_commit_survives_every_fault() {
    assert!(every_fault(None, false) > 15);
    assert!(every_fault(None, true) > 15);
}

#[test]
fn a_replacement_survives_every_fault() {
    assert!(every_fault(Some(&[1, 2]), false) > 10);
    assert!(every_fault(Some(&[1, 2]), true) > 10);
}

#[test]
fn after_a_failed_sync_of_the_swap_the_writer_refuses_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1]);
    // Counts the steps of one replacement; the sync of the swap is the last but one, before the removal.
    let (counting, steps) = faulty(u64::MAX, false);
    attempt(&lake, counting, &[5]).unwrap();
    let last_sync = steps.load(Ordering::SeqCst) - 2;
    let (options, _) = faulty(last_sync, false);
    let writer = DatasetWriter::open(&lake, spec(), options).unwrap();
    let rows = [good(&[7], &[1])];
    let error = commit_day(&writer, day(), &rows, source('a')).unwrap_err();
    assert!(
        matches!(
            error,
            CommitError::Io {
                step: "sync folder",
                ..
            }
        ),
        "{error}"
    );
    let error = commit_day(&writer, day(), &rows, source('a')).unwrap_err();
    assert!(matches!(error, CommitError::Broken { .. }), "{error}");
    drop(writer);
    assert!(check(&lake).is_ok());
}
