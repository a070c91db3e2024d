//! Targets over files: containers and Parquet partitions.

use std::path::Path;

use arrow_array::RecordBatch;
use quant_core::market::{Market, Venue};
use quant_core::time::{Day, UnixMicros};

use crate::ingest::archive::{Limits, hash_file};
use crate::ingest::container::{Container, ContainerSpec, Pick, open, sniff};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec, part_file};
use crate::manifest::{IngestParams, Manifest, Partition};
use crate::quality::Quality;
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::{Dataset, SCHEMA_VERSION};

/// Small enough that a bomb ends at once.
const LIMITS: Limits = Limits {
    max_member_bytes: 1 << 20,
    max_ratio: 200,
};

/// Most rows a made-up manifest promises of a fuzzed file.
const MAX_ROWS: u64 = 1 << 20;

/// What was in a container.
#[derive(Debug, PartialEq)]
struct Content {
    text: Vec<u8>,
    member: Option<String>,
    truncated: bool,
    dropped: u64,
}

/// Reads a container in blocks of one size, to its end.
fn read(path: &Path, spec: &ContainerSpec, block: usize) -> Option<Content> {
    let mut stream = open(path, spec, LIMITS).ok()?;
    let mut buffer = vec![0; block];
    let mut text = Vec::new();
    loop {
        let n = stream.fill(&mut buffer).ok()?;
        assert!(n <= block, "more bytes than asked for");
        text.extend_from_slice(&buffer[..n]);
        assert!(
            text.len() as u64 <= LIMITS.max_member_bytes,
            "more bytes than allowed"
        );
        if n < block {
            break;
        }
    }
    let content = Content {
        text,
        member: stream.member().map(str::to_owned),
        truncated: stream.truncated(),
        dropped: stream.dropped_bytes(),
    };
    let on_disk = hash_file(path).unwrap_or_else(|e| panic!("{e}"));
    let hashed = stream.finish_hash().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(hashed, on_disk, "the hash is not that of the file");
    Some(content)
}

/// Holds one kind of container to its promises.
fn hold(path: &Path, container: Container) {
    let Ok(kind) = sniff(path) else { return };
    let strict = ContainerSpec::from(container);
    let specs = [
        strict.clone(),
        strict.accepting_truncated(),
        // As a file whose name says nothing.
        ContainerSpec::of_kind(kind, "csv").unwrap_or_else(|| Container::Plain.into()),
    ];
    let contents = specs.map(|spec| {
        let large = read(path, &spec, 1 << 16);
        let small = read(path, &spec, 1 << 12);
        assert_eq!(large, small, "the size of blocks matters");
        large
    });
    let [strict, lenient, _] = contents;
    if let Some(strict) = strict {
        assert!(!strict.truncated && strict.dropped == 0);
        assert_eq!(
            Some(strict),
            lenient,
            "accepting a cut changed a whole file"
        );
    } else if let Some(lenient) = lenient {
        assert!(lenient.truncated, "refused although it is whole");
        assert!(
            lenient.text.is_empty() || lenient.text.ends_with(b"\n"),
            "half a line of a cut file"
        );
    }
}

fn csv() -> Pick {
    Pick::Extension("csv".to_owned())
}

/// Zip archives with one member.
pub(super) fn zip(path: &Path) {
    hold(path, Container::Zip(csv()));
}

/// Gzip, whole and cut.
pub(super) fn gzip(path: &Path) {
    hold(path, Container::Gzip);
}

/// A tar in gzip.
pub(super) fn tar_gz(path: &Path) {
    hold(path, Container::TarGz(csv()));
}

/// Zstandard, whole and cut.
pub(super) fn zstd(path: &Path) {
    hold(path, Container::Zstd);
}

/// A data file under a manifest that vouches for its bytes: damage the hash cannot tell.
pub(super) fn parquet(path: &Path) {
    let Some(folder) = path.parent() else { return };
    let lake = Lake::new(folder.join("lake"));
    let mut rows = 0;
    // The number of rows is the manifest's promise; the first attempt tells what the file claims.
    for _ in 0..2 {
        match read_partition(&lake, path, rows) {
            Err(ReadError::Rows { found, .. }) if found <= MAX_ROWS => rows = found,
            Ok(batches) => {
                let n: usize = batches.iter().map(RecordBatch::num_rows).sum();
                assert_eq!(n as u64, rows, "another number of rows than promised");
                return;
            }
            Err(_) => return,
        }
    }
}

/// Puts the file into a lake and reads its day.
fn read_partition(lake: &Lake, path: &Path, rows: u64) -> Result<Vec<RecordBatch>, ReadError> {
    let day = Day(19_724);
    let key = DatasetKey {
        instrument: super::key(Venue::Binance, Market::Um, "BTCUSDT"),
        dataset: Dataset::AggTrades,
    };
    let spec = PartitionSetSpec::raw(&key, 0);
    let must = |done: std::io::Result<()>| done.unwrap_or_else(|e| panic!("{e}"));
    let dir = lake.day_dir(&spec, day);
    must(std::fs::create_dir_all(&dir));
    must(std::fs::copy(path, dir.join(part_file(0))).map(|_| ()));
    let (bytes, sha256) = hash_file(path).unwrap_or_else(|e| panic!("{e}"));
    let params = IngestParams::new();
    let mut manifest = Manifest::empty(&spec, "fuzzed-1", &params, UnixMicros(0));
    let time = |at: UnixMicros| (rows > 0).then_some(at);
    let partition = Partition {
        date: day,
        file: part_file(0),
        rows,
        ts_min: time(day.start()),
        ts_max: time(day.end().plus(-1)),
        bytes,
        content_sha256: sha256.clone(),
        sha256,
        schema_version: SCHEMA_VERSION.to_owned(),
        parser_version: "fuzzed-1".to_owned(),
        ingest_params_hash: manifest.ingest_params_hash.clone(),
        rows_in: rows,
        sources: Vec::new(),
        quality: Quality::default(),
    };
    manifest.insert(partition, None);
    let text = manifest.to_json().unwrap_or_else(|e| panic!("{e}"));
    must(std::fs::write(lake.manifest_path(&spec), text));
    let set = PartitionSet::open(lake, &spec)?;
    set.read_day(day, None, 1_024, &HashMemo::default())?
        .collect()
}
