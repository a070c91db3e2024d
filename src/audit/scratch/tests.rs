//! Scratch copies: what is copied, what is not, and that nothing stays behind.

use super::super::fixture::{Bench, at, day, trade, tree};
use super::*;
use quant_lake::schema::Dataset;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.put(day(), &[trade(at(5), 1, 100.0, 1.0)]);
    bench
}

#[test]
fn links_partitions_and_leaves_locks_and_temporaries() {
    let bench = bench();
    let root = bench.dir.path();
    let set = root.join("raw/binance/um/BTCUSDT/trades");
    for stray in [
        ".lock",
        "part-001.parquet.tmp",
        ".tmp-part.parquet",
        "note.txt",
    ] {
        fs::write(set.join(stray), "x").unwrap();
    }
    fs::create_dir_all(root.join("quarantine")).unwrap();
    fs::write(root.join("quarantine/a.parquet"), "x").unwrap();
    let scratch = Scratch::create(root).unwrap();
    let base = scratch.path().join("base");
    copy_lake(root, &base).unwrap();
    let copied: Vec<String> = tree(&base).into_keys().collect();
    let set = "raw/binance/um/BTCUSDT/trades";
    let file = bench
        .set(Dataset::Trades)
        .manifest()
        .partition(day())
        .unwrap()
        .file
        .clone();
    assert_eq!(
        copied,
        [
            "raw".to_owned(),
            "raw/binance".to_owned(),
            "raw/binance/um".to_owned(),
            "raw/binance/um/BTCUSDT".to_owned(),
            set.to_owned(),
            format!("{set}/date=2024-01-02"),
            format!("{set}/date=2024-01-02/{file}"),
            format!("{set}/manifest.json"),
        ]
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let path = format!("{set}/date=2024-01-02/{file}");
        let inode = |root: &Path| fs::metadata(root.join(&path)).unwrap().ino();
        assert_eq!(inode(root), inode(&base));
    }
}

#[test]
fn the_original_never_changes_and_nothing_stays() {
    let bench = bench();
    let root = bench.dir.path();
    let before = tree(root);
    {
        let scratch = Scratch::create(root).unwrap();
        let base = scratch.path().join("base");
        copy_lake(root, &base).unwrap();
        let copy = Bench {
            dir: tempfile::tempdir().unwrap(),
            lake: Lake::new(&base),
            instrument: bench.instrument.clone(),
        };
        copy.put(day(), &[trade(at(7), 2, 1.0, 2.0)]);
        assert_eq!(copy.rows(Dataset::Trades, day()).num_rows(), 1);
        assert_ne!(
            copy.rows(Dataset::Trades, day()),
            bench.rows(Dataset::Trades, day())
        );
        scratch.clear("base").unwrap();
        assert!(!base.exists());
        copy_raw(root, &base).unwrap();
    }
    assert_eq!(tree(root), before);
}

#[test]
fn two_audits_of_one_process_have_a_folder_each() {
    let bench = bench();
    let one = Scratch::create(bench.dir.path()).unwrap();
    fs::write(one.path().join("x"), "x").unwrap();
    let two = Scratch::create(bench.dir.path()).unwrap();
    assert_ne!(one.path(), two.path());
    // The living one was not swept.
    assert!(one.path().join("x").is_file());
}

#[test]
fn folders_of_the_dead_are_swept() {
    let bench = bench();
    let root = bench.dir.path();
    let dead = [
        root.join(".tmp-audit-1-0"),
        root.join(".tmp-audit-99999999"),
    ];
    for path in &dead {
        fs::create_dir_all(path.join("probe/raw")).unwrap();
    }
    fs::write(dead[0].join(LOCK), "").unwrap();
    let living = root.join(".tmp-audit-2-0");
    fs::create_dir_all(&living).unwrap();
    let lock = File::create(living.join(LOCK)).unwrap();
    lock.lock().unwrap();
    let scratch = Scratch::create(root).unwrap();
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(living.is_dir());
    drop(scratch);
    drop(lock);
    drop(Scratch::create(root).unwrap());
    assert!(!living.exists());
}

#[test]
fn no_lake_is_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let error = Scratch::create(&dir.path().join("lake")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(error.hints[0].contains("paths.lake"));
    assert!(tree(dir.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_folder_on_another_disk_is_followed() {
    let (bench, far) = (bench(), tempfile::tempdir().unwrap());
    let raw = bench.dir.path().join("raw");
    fs::rename(raw.join("binance"), far.path().join("binance")).unwrap();
    std::os::unix::fs::symlink(far.path().join("binance"), raw.join("binance")).unwrap();
    let to = tempfile::tempdir().unwrap();
    copy_lake(bench.dir.path(), to.path()).unwrap();
    let manifest = to
        .path()
        .join("raw/binance/um/BTCUSDT/trades/manifest.json");
    assert!(manifest.is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_lake_that_cannot_be_written_to_is_a_data_error() {
    // Nobody may make a folder there, root neither.
    let error = Scratch::create(Path::new("/proc")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Data, "{error}");
    assert!(error.message.contains("/proc/.tmp-audit-"), "{error}");
}
