//! An archive folder and a lake in temporary folders, and makers of vendor files.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::content::hex;
use crate::ingest::*;
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::Manifest;
use crate::read::{HashMemo, PartitionSet};
use crate::schema::Dataset;
use crate::venues::binance::{Period, archive_file};

pub(super) const UM_TRADES: &str = "id,price,qty,quote_qty,time,is_buyer_maker";

pub(super) fn key(market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: market.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
    }
}

pub(super) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(super) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(members, SimpleFileOptions::default())
}

pub(super) fn zip_with(members: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Rows of USD-margined trades: `n` trades a second apart, ids from `first_id`.
pub(super) fn trades(of: Day, first_id: i64, n: i64) -> Vec<String> {
    let start = of.start().0 / 1_000;
    (0..n)
        .map(|i| {
            let price = 100.0 + i as f64 / 10.0;
            let maker = i % 3 == 0;
            format!(
                "{},{price},0.{:03},{price},{},{maker}",
                first_id + i,
                i % 900 + 1,
                start + i * 1_000
            )
        })
        .collect()
}

pub(super) fn csv(header: &str, rows: &[String]) -> String {
    let mut out = String::new();
    for line in std::iter::once(&header.to_owned()).chain(rows) {
        out.push_str(line);
        out.push('\n');
    }
    out
}

pub(super) struct Fixture {
    pub(super) root: tempfile::TempDir,
    /// Where the lake and the archive lie: the folder above, or that of another process.
    pub(super) at: PathBuf,
    pub(super) options: IngestOptions,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("archive/data/futures/um")).unwrap();
        let options = IngestOptions {
            max_quarantine_share: 0.2,
            ..IngestOptions::default()
        };
        let at = root.path().to_owned();
        Self { root, at, options }
    }

    pub(super) fn lake(&self) -> Lake {
        Lake::new(self.at.join("lake"))
    }

    pub(super) fn archive_path(&self, path: &str) -> PathBuf {
        self.at.join("archive").join(path)
    }

    /// Puts an archive of one day (or month) in place, with its checksum.
    pub(super) fn put(
        &self,
        key: &InstrumentKey,
        dataset: Dataset,
        period: Period,
        text: &str,
    ) -> PathBuf {
        let file = archive_file(dataset, key.market, &key.symbol, period).unwrap();
        self.put_zip(&file.path, &zip_of(&[(&file.member(), text.as_bytes())]))
    }

    pub(super) fn put_zip(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let at = self.archive_path(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(&at, bytes).unwrap();
        let name = at.file_name().unwrap().to_str().unwrap();
        let sum = format!("{}  {name}\n", hex(&Sha256::digest(bytes)));
        std::fs::write(at.with_file_name(format!("{name}.CHECKSUM")), sum).unwrap();
        at
    }

    pub(super) fn request(
        &self,
        key: &InstrumentKey,
        dataset: Dataset,
        start: &str,
        end: &str,
    ) -> IngestRequest {
        IngestRequest {
            key: key.clone(),
            datasets: vec![dataset],
            range: TimeRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap(),
            instruments: Vec::new(),
            options: self.options.clone(),
            created_at: UnixMicros(1),
        }
    }

    pub(super) fn ingest(&self, request: &IngestRequest) -> IngestReport {
        let source = LocalArchive::open(self.at.join("archive")).unwrap();
        let report = ingest_vision(
            &self.lake(),
            &source,
            request,
            &NoProgress,
            &AtomicBool::new(false),
        )
        .unwrap();
        for file in &report.files {
            assert!(file.counts.balanced(), "{file:?}");
        }
        report
    }

    pub(super) fn csv(&self, request: &CsvRequest) -> IngestReport {
        ingest_csv(&self.lake(), request, &NoProgress, &AtomicBool::new(false)).unwrap()
    }

    pub(super) fn manifest(&self, key: &InstrumentKey, dataset: Dataset) -> Option<Manifest> {
        let spec = spec(key, dataset);
        Manifest::load(&self.lake().set_dir(&spec), &spec).unwrap()
    }

    pub(super) fn rows(&self, key: &InstrumentKey, dataset: Dataset, of: Day) -> RecordBatch {
        let spec = spec(key, dataset);
        let set = PartitionSet::open(&self.lake(), &spec).unwrap();
        let memo = HashMemo::default();
        let batches: Vec<RecordBatch> = set
            .read_day(of, None, 10_000, &memo)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        concat_batches(&spec.arrow_schema(), &batches).unwrap()
    }

    /// Every file of the lake with its hash; locks prove nothing by existing and are left out.
    pub(super) fn listing(&self) -> BTreeMap<PathBuf, String> {
        let mut out = BTreeMap::new();
        walk(&self.at.join("lake"), &mut out);
        out
    }
}

pub(super) fn spec(key: &InstrumentKey, dataset: Dataset) -> PartitionSetSpec {
    PartitionSetSpec::raw(
        &DatasetKey {
            instrument: key.clone(),
            dataset,
        },
        0,
    )
}

fn walk(dir: &Path, out: &mut BTreeMap<PathBuf, String>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with(".locks") {
                walk(&path, out);
            }
        } else {
            let bytes = std::fs::read(&path).unwrap();
            out.insert(path, hex(&Sha256::digest(bytes)));
        }
    }
}
