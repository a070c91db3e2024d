//! Tests of publishing: visibility, replacement, locks, sweeping.

mod faults;
mod power;

use std::path::Path;
use std::sync::Barrier;

use super::*;
use crate::read::HashMemo;
use crate::verify::{Depth, VerifyReport, verify_set};
use crate::write::fixture::{commit_day, day, good, lake_with, options, source, spec};

fn check(lake: &Lake) -> VerifyReport {
    verify_set(lake, &spec(), Depth::Rows, &HashMemo::default())
}

/// Every file under a folder, relative to it.
fn files(root: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                out.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }
    out.retain(|f| !f.starts_with(".locks"));
    out.sort();
    out
}

const SET: &str = "raw/binance/um/BTCUSDT/agg_trades";

#[test]
fn publishes_one_file_and_one_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2, 3]);
    assert_eq!(partition.file, "part-000.parquet");
    assert_eq!(
        files(dir.path()),
        [
            format!("{SET}/date=2024-01-02/part-000.parquet"),
            format!("{SET}/manifest.json")
        ]
    );
    let report = check(&lake);
    assert_eq!(
        (report.n_partitions, report.n_rows, report.problems),
        (1, 3, vec![])
    );
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let first = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let error = DatasetWriter::open(&lake, spec(), options()).unwrap_err();
    assert!(matches!(error, CommitError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("\nhint: "));
    // The lock outlives the writer while a partition is open.
    let partition = first.begin(day()).unwrap();
    drop(first);
    assert!(DatasetWriter::open(&lake, spec(), options()).is_err());
    drop(partition);
    assert!(DatasetWriter::open(&lake, spec(), options()).is_ok());
}

#[test]
fn racing_writers_have_exactly_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let barrier = Barrier::new(4);
    let owners: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let writer = DatasetWriter::open(&lake, spec(), options());
                    barrier.wait();
                    usize::from(writer.is_ok())
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(owners, 1);
}

#[test]
fn days_can_be_written_on_several_threads() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let writer = &writer;
            scope.spawn(move || {
                let mut partition = writer.begin(day().plus(n)).unwrap();
                let shift = i64::from(n) * quant_core::time::MICROS_PER_DAY;
                partition
                    .write(&good(&[shift + 1, shift + 2], &[1, 2]))
                    .unwrap();
                let meta = crate::write::PartitionMeta {
                    sources: vec![source('a')],
                    rows_in: 2,
                    quality: crate::quality::Quality::default(),
                };
                writer.commit(partition.finish(meta).unwrap()).unwrap();
            });
        }
    });
    let manifest = writer.manifest().unwrap();
    assert_eq!((manifest.partitions.len(), manifest.row_count), (6, 12));
    assert!(check(&lake).problems.is_empty());
}

#[test]
fn a_replacement_takes_a_new_name_and_the_old_file_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, first) = lake_with(dir.path(), &[1, 2]);
    for n in 1..4 {
        let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
        let p = commit_day(&writer, day(), &[good(&[1, 2], &[1, 2])], source('b')).unwrap();
        assert_eq!(p.file, part_file(n));
        assert_eq!(p.content_sha256, first.content_sha256);
    }
    assert_eq!(
        files(dir.path()),
        [
            format!("{SET}/date=2024-01-02/part-003.parquet"),
            format!("{SET}/manifest.json")
        ]
    );
}

#[test]
fn only_the_same_work_is_current() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2]);
    let (a, b) = (source('a').sha256, source('b').sha256);
    let open = |options| DatasetWriter::open(&lake, spec(), options).unwrap();
    let writer = open(options());
    assert!(writer.is_current(day(), &[&a]));
    assert!(!writer.is_current(day(), &[&b]));
    assert!(!writer.is_current(day(), &[&a, &b]));
    assert!(!writer.is_current(day(), &[]));
    assert!(!writer.is_current(day().plus(1), &[&a]));
    drop(writer);
    assert!(
        !open(WriterOptions {
            parser_version: "test-2".into(),
            ..options()
        })
        .is_current(day(), &[&a])
    );
    let ingest_params = IngestParams::from([("depth".to_owned(), 5.into())]);
    assert!(
        !open(WriterOptions {
            ingest_params,
            ..options()
        })
        .is_current(day(), &[&a])
    );
    assert!(
        open(WriterOptions {
            created_at: UnixMicros(5),
            ..options()
        })
        .is_current(day(), &[&a])
    );
    std::fs::remove_file(lake.day_dir(&spec(), day()).join(partition.file)).unwrap();
    assert!(!open(options()).is_current(day(), &[&a]));
}

#[test]
fn a_second_source_kind_needs_permission() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1]);
    let rest = || crate::manifest::Source {
        kind: SourceKind::Rest,
        ..source('b')
    };
    let rows = [good(&[1], &[1])];
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    assert!(writer.check_source_kind(day(), SourceKind::Vision).is_ok());
    let error = commit_day(&writer, day(), &rows, rest()).unwrap_err();
    assert!(
        matches!(error, CommitError::SourceKindConflict { .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("\nhint: pass --replace-source to replace it")
    );
    drop(writer);
    assert!(check(&lake).problems.is_empty());

    let allowed = WriterOptions {
        replace_source: true,
        ..options()
    };
    let writer = DatasetWriter::open(&lake, spec(), allowed).unwrap();
    let partition = commit_day(&writer, day(), &rows, rest()).unwrap();
    assert_eq!(partition.sources, [rest()]);

    let mut mixed = writer.begin(day()).unwrap();
    mixed.write(&rows[0]).unwrap();
    let meta = crate::write::PartitionMeta {
        sources: vec![rest(), source('c')],
        rows_in: 1,
        quality: crate::quality::Quality::default(),
    };
    let error = writer.commit(mixed.finish(meta).unwrap()).unwrap_err();
    assert!(matches!(error, CommitError::MixedKinds { .. }), "{error}");
}

#[test]
fn sweeps_orphans_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1]);
    let set = lake.set_dir(&spec());
    let here = lake.day_dir(&spec(), day());
    let empty = lake.day_dir(&spec(), day().plus(1));
    std::fs::create_dir(&empty).unwrap();
    for stale in [
        here.join("part-007.parquet"),
        here.join("part-000.parquet.tmp-77-3"),
        empty.join("part-000.parquet.tmp-77-4"),
        set.join("manifest.json.tmp-77-5"),
    ] {
        std::fs::write(stale, b"x").unwrap();
    }
    let notes = [here.join("notes.txt"), set.join("part-000.parquet.tmp-x-1")];
    for path in &notes {
        std::fs::write(path, b"mine").unwrap();
    }
    assert_eq!(check(&lake).problems.len(), 6);
    drop(DatasetWriter::open(&lake, spec(), options()).unwrap());
    assert!(notes.iter().all(|p| p.exists()) && !empty.exists());
    assert_eq!(files(dir.path()).len(), 4);
    assert!(check(&lake).is_ok());
}

#[test]
fn data_without_a_manifest_is_not_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let place = |n: i32| {
        let day_dir = lake.day_dir(&spec(), day().plus(n));
        std::fs::create_dir_all(&day_dir).unwrap();
        std::fs::write(day_dir.join(part_file(0)), b"x").unwrap();
    };
    place(0);
    place(1);
    let error = DatasetWriter::open(&lake, spec(), options()).unwrap_err();
    assert!(
        matches!(error, CommitError::ManifestMissing { files: 2, .. }),
        "{error}"
    );
    assert_eq!(files(dir.path()).len(), 2);
}

#[test]
fn ingest_params_of_older_partitions_stay_known() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let with = |n: i32| WriterOptions {
        ingest_params: IngestParams::from([("n".to_owned(), n.into())]),
        ..options()
    };
    let shift = quant_core::time::MICROS_PER_DAY;
    for n in 0..3 {
        let writer = DatasetWriter::open(&lake, spec(), with(n)).unwrap();
        let rows = good(&[i64::from(n % 2) * shift], &[1]);
        commit_day(&writer, day().plus(n % 2), &[rows], source('a')).unwrap();
    }
    let manifest = Manifest::load(&lake.set_dir(&spec()), &spec())
        .unwrap()
        .unwrap();
    assert_eq!(manifest.ingest_params["n"], 2);
    let earlier: Vec<_> = manifest
        .earlier_ingest_params
        .values()
        .map(|p| &p["n"])
        .collect();
    assert_eq!(earlier, [&serde_json::Value::from(1)]);
}

#[test]
fn a_staged_partition_belongs_to_its_set() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let other = PartitionSetSpec {
        dir: "raw/binance/um/ETHUSDT/agg_trades".into(),
        ..spec()
    };
    let here = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let there = DatasetWriter::open(&lake, other, options()).unwrap();
    let mut partition = there.begin(day()).unwrap();
    partition.write(&good(&[1], &[1])).unwrap();
    let meta = crate::write::PartitionMeta {
        sources: vec![],
        rows_in: 1,
        quality: crate::quality::Quality::default(),
    };
    let error = here.commit(partition.finish(meta).unwrap()).unwrap_err();
    assert!(matches!(error, CommitError::WrongSet { .. }), "{error}");
}

#[test]
fn failpoints_come_in_their_documented_order() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let failpoints = Failpoints::new(move |name| log.lock().unwrap().push(name));
    let writer = DatasetWriter::open(
        &lake,
        spec(),
        WriterOptions {
            failpoints,
            ..options()
        },
    )
    .unwrap();
    commit_day(&writer, day(), &[good(&[1], &[1])], source('a')).unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "partition.created",
            "partition.written",
            "partition.synced",
            "partition.checked",
            "commit.begin",
            "commit.renamed",
            "commit.dir_synced",
            "manifest.created",
            "manifest.written",
            "manifest.synced",
            "manifest.renamed",
            "manifest.dir_synced",
            "commit.old_removed"
        ]
    );
}

#[test]
fn keeps_originals_by_hash() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path().join("lake"));
    let fail = Failpoints::default();
    let original = dir.path().join("a.zip");
    std::fs::write(&original, b"abc").unwrap();
    // FIPS 180-2, appendix B.1.
    let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for _ in 0..2 {
        let kept = sources::keep_source(&lake, &FsStore, &fail, &original, sha).unwrap();
        assert_eq!(std::fs::read(kept).unwrap(), b"abc");
    }
    std::fs::write(&original, b"abcd").unwrap();
    let error = sources::keep_source(&lake, &FsStore, &fail, &original, sha).unwrap_err();
    assert!(
        matches!(error, sources::SourceError::Changed { .. }),
        "{error}"
    );
    assert_eq!(files(lake.root()), [format!("sources/{sha}")]);
    assert!(sources::keep_source(&lake, &FsStore, &fail, &original, "../x").is_err());
}
