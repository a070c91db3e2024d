//! Tests of verification: every kind of damage is found and named.

use super::*;
use crate::manifest::Manifest;
use crate::write::fixture::{commit_day, day, good, lake_with, options, source, spec};

fn kinds(lake: &Lake, depth: Depth) -> Vec<ProblemKind> {
    let report = verify_lake(lake, 50, depth, &HashMemo::default());
    assert_eq!(
        report.is_ok(),
        report
            .problems
            .iter()
            .all(|p| p.kind == ProblemKind::Orphan)
    );
    report.problems.iter().map(|p| p.kind).collect()
}

#[test]
fn a_sound_lake_has_no_problems() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2, 3]);
    for depth in [Depth::Files, Depth::Rows] {
        let report = verify_lake(&lake, 50, depth, &HashMemo::default());
        let expected = VerifyReport {
            n_sets: 1,
            n_partitions: 1,
            n_rows: 3,
            n_bytes: partition.bytes,
            problems: vec![],
        };
        assert_eq!(report, expected);
    }
    let empty = verify_lake(
        &Lake::new(dir.path().join("no")),
        50,
        Depth::Rows,
        &HashMemo::default(),
    );
    assert_eq!(empty, VerifyReport::default());
}

#[test]
fn names_damaged_missing_and_foreign_files() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2, 3]);
    let path = lake.day_dir(&spec(), day()).join(&partition.file);
    let bytes = std::fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let report = verify_lake(&lake, 50, Depth::Files, &HashMemo::default());
    assert_eq!(report.problems.len(), 1);
    let problem = &report.problems[0];
    assert_eq!(
        (problem.kind, problem.date),
        (ProblemKind::Hash, Some(day()))
    );
    assert_eq!(problem.set, "raw/binance/um/BTCUSDT/agg_trades");
    assert!(problem.detail.contains(&path.display().to_string()));

    std::fs::write(&path, &bytes[1..]).unwrap();
    assert_eq!(kinds(&lake, Depth::Files), [ProblemKind::Size]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(kinds(&lake, Depth::Files), [ProblemKind::MissingFile]);
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(path.with_file_name("part-009.parquet"), b"x").unwrap();
    assert_eq!(kinds(&lake, Depth::Rows), [ProblemKind::Orphan]);
    std::fs::write(lake.manifest_path(&spec()), b"{}").unwrap();
    assert_eq!(kinds(&lake, Depth::Files), [ProblemKind::Manifest]);
    std::fs::remove_file(lake.manifest_path(&spec())).unwrap();
    assert_eq!(
        kinds(&lake, Depth::Files),
        [
            ProblemKind::Manifest,
            ProblemKind::Orphan,
            ProblemKind::Orphan
        ]
    );
}

#[test]
fn folders_that_are_no_set_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1]);
    let odd = dir.path().join("raw/binance/um/BTCUSDT/candles");
    std::fs::create_dir_all(&odd).unwrap();
    std::fs::write(odd.join("manifest.json"), b"{}").unwrap();
    let report = verify_lake(&lake, 50, Depth::Files, &HashMemo::default());
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].kind, ProblemKind::UnknownSet);
    assert!(
        report.problems[0]
            .detail
            .contains("unknown dataset `candles`")
    );
}

/// A manifest that lies about the rows of a sound file is found by reading them.
#[test]
fn reading_the_rows_finds_a_lying_manifest() {
    let lie = |change: fn(&mut Partition)| {
        let dir = tempfile::tempdir().unwrap();
        let (lake, _) = lake_with(dir.path(), &[1, 2, 3]);
        let mut manifest = Manifest::load(&lake.set_dir(&spec()), &spec())
            .unwrap()
            .unwrap();
        let mut partition = manifest.partitions[0].clone();
        change(&mut partition);
        manifest.insert(partition, None);
        std::fs::write(lake.manifest_path(&spec()), manifest.to_json().unwrap()).unwrap();
        assert_eq!(kinds(&lake, Depth::Files), []);
        kinds(&lake, Depth::Rows)
    };
    assert_eq!(
        lie(|p| p.content_sha256 = "0".repeat(64)),
        [ProblemKind::ContentHash]
    );
    assert_eq!(
        lie(|p| p.ts_min = p.ts_min.map(|t| t.plus(1))),
        [ProblemKind::Times]
    );
    assert_eq!(
        lie(|p| {
            p.rows += 1;
            p.rows_in += 1;
        }),
        [ProblemKind::Rows]
    );
}

/// The same file under a stricter or other sort key is out of order.
#[test]
fn reading_the_rows_checks_order_and_day() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let loose = PartitionSetSpec {
        sort_key: vec!["trade_id".into()],
        ..spec()
    };
    let writer = crate::commit::DatasetWriter::open(&lake, loose, options()).unwrap();
    commit_day(&writer, day(), &[good(&[5, 3, 5], &[1, 2, 3])], source('a')).unwrap();
    assert_eq!(kinds(&lake, Depth::Rows), [ProblemKind::Order]);
}
