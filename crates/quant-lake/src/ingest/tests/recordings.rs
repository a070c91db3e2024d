//! OKX and Hyperliquid messages as recorded, end to end: every count is made a second time by `serde_json`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use arrow_select::concat::concat_batches;
use quant_core::market::InstrumentKey;
use quant_core::time::UnixMicros;
use serde_json::Value;

use super::fixture::*;
use super::shared_data::shared;
use crate::ingest::container::{Container, Pick};
use crate::ingest::*;
use crate::layout::{DatasetKey, PartitionSetSpec};
use crate::manifest::{IngestParams, SourceKind};
use crate::read::{HashMemo, PartitionSet};
use crate::schema::Dataset;
use crate::venues::book_flow::{Cadence, DEFAULT_CADENCE};
use crate::venues::contracts::QtyUnit;
use crate::venues::hyperliquid::messages::{self as hyperliquid, HyperliquidOptions};
use crate::venues::okx::book::{BOOK_VERSION, OkxBookOptions, book_parser};
use crate::venues::okx::recording::{OkxRecordingOptions, RECORDING_VERSION, recording_parser};

const LEVELS: u16 = 20;

fn instrument(exchange: &str, market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: exchange.parse().unwrap(),
        market: market.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
    }
}

struct Job<'a> {
    key: InstrumentKey,
    path: &'a Path,
    container: Container,
    datasets: &'a [Dataset],
    kind: SourceKind,
    version: &'static str,
    params: IngestParams,
}

/// Ingests a file, twice: the second time nothing is left to do.
fn ingest(fixture: &Fixture, job: &Job<'_>, make: &MakeFileParser<'_>) -> IngestReport {
    let request = FilesRequest {
        key: job.key.clone(),
        files: vec![VendorFile {
            path: job.path.to_owned(),
            name: job.path.file_name().unwrap().to_str().unwrap().to_owned(),
            url: None,
            container: job.container.clone().into(),
            datasets: job.datasets.to_vec(),
            days: None,
            whole_days: false,
            sha256: None,
            continues: false,
        }],
        kind: job.kind,
        parser_version: job.version,
        params: job.params.clone(),
        range: None,
        slice: Slice::OfName,
        book_levels: LEVELS,
        options: IngestOptions {
            max_quarantine_share: 0.0,
            ..fixture.options.clone()
        },
        created_at: UnixMicros(1),
    };
    let run = || {
        let stop = AtomicBool::new(false);
        ingest_files(&fixture.lake(), &request, make, &NoProgress, &stop).unwrap()
    };
    let report = run();
    for file in &report.files {
        assert!(
            !matches!(file.status, FileStatus::Failed { .. }),
            "{file:?}"
        );
        assert!(file.counts.balanced(), "{file:?}");
        assert_eq!(file.counts.quarantined, 0, "{file:?}");
    }
    let again = run();
    // Nothing is to do again: what has rows is in the lake, and what has none is not said to be.
    let is_empty =
        |f: &FileOutcome| matches!(&f.status, FileStatus::Written { days } if days.is_empty());
    assert_eq!(again.files.len(), report.files.len());
    for (again, before) in again.files.iter().zip(&report.files) {
        assert_eq!(again.dataset, before.dataset);
        assert_eq!(again.counts, RowCounts::default(), "{again:?}");
        let is_as_before = if is_empty(before) {
            is_empty(again)
        } else {
            matches!(again.status, FileStatus::Current)
        };
        assert!(is_as_before, "{again:?} after {before:?}");
    }
    report
}

fn outcome(report: &IngestReport, dataset: Dataset) -> &FileOutcome {
    report.files.iter().find(|f| f.dataset == dataset).unwrap()
}

fn diagnostic(report: &IngestReport, dataset: Dataset, name: &str) -> u64 {
    let found = outcome(report, dataset).diagnostics.get(name);
    found.copied().unwrap_or_default()
}

fn rows_of(fixture: &Fixture, key: &InstrumentKey, dataset: Dataset, of: &str) -> RecordBatch {
    let key = DatasetKey {
        instrument: key.clone(),
        dataset,
    };
    let spec = PartitionSetSpec::raw(&key, LEVELS);
    let set = PartitionSet::open(&fixture.lake(), &spec).unwrap();
    let batches: Vec<RecordBatch> = set
        .read_day(day(of), None, 10_000, &HashMemo::default())
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    concat_batches(&spec.arrow_schema(), &batches).unwrap()
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch[name].as_primitive::<Float64Type>().values().to_vec()
}

fn times(batch: &RecordBatch, name: &str) -> Vec<i64> {
    let column = batch[name].as_primitive::<TimestampMicrosecondType>();
    column.values().to_vec()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// A book of the simplest kind: positive floats sort like their bits.
#[derive(Default)]
struct Oracle {
    bids: BTreeMap<u64, f64>,
    asks: BTreeMap<u64, f64>,
    levels: u64,
    /// Best bid and ask with their quantities after every message.
    tops: Vec<[f64; 4]>,
}

impl Oracle {
    fn take(&mut self, message: &Value, is_snapshot: bool, unit: QtyUnit) {
        for (side, name) in [(&mut self.bids, "bids"), (&mut self.asks, "asks")] {
            if is_snapshot {
                side.clear();
            }
            for level in message[name].as_array().unwrap() {
                let (px, qty) = (number(&level[0]), number(&level[1]));
                self.levels += 1;
                let qty = match unit {
                    QtyUnit::Base => qty,
                    QtyUnit::Linear { ctval } => qty * ctval,
                    QtyUnit::Inverse { usd } => qty * usd / px,
                };
                if qty > 0.0 {
                    side.insert(px.to_bits(), qty);
                } else {
                    side.remove(&px.to_bits());
                }
            }
        }
        let (bid, ask) = (self.bids.last_key_value(), self.asks.first_key_value());
        let ((bid, bid_qty), (ask, ask_qty)) = (bid.unwrap(), ask.unwrap());
        self.tops.push([
            f64::from_bits(*bid),
            *bid_qty,
            f64::from_bits(*ask),
            *ask_qty,
        ]);
    }

    fn check_images(&self, images: &RecordBatch) {
        let columns = ["bid_px_00", "bid_qty_00", "ask_px_00", "ask_qty_00"];
        let columns = columns.map(|c| floats(images, c));
        let found: Vec<[f64; 4]> = (0..images.num_rows())
            .map(|i| [0, 1, 2, 3].map(|c: usize| columns[c][i]))
            .collect();
        assert_eq!(found, self.tops);
        assert!(found.iter().all(|top| top[0] < top[2]), "crossed");
    }
}

const OKX: [(&str, &str, QtyUnit); 3] = [
    ("BTC-USDT", "spot", QtyUnit::Base),
    ("BTC-USD-220527", "swap", QtyUnit::Inverse { usd: 100.0 }),
    ("UNI-USD-SWAP", "swap", QtyUnit::Inverse { usd: 10.0 }),
];

#[test]
fn okx_book_archives() {
    let Some(root) = shared("archives/okx/match/orderbook/L2/400lv/daily/20220513") else {
        return;
    };
    for (inst_id, market, unit) in OKX {
        let path = root.join(format!("{inst_id}-L2orderbook-400lv-2022-05-13.tar.gz"));
        let mut text = String::new();
        let inflated = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
        let mut archive = tar::Archive::new(inflated);
        let mut member = archive.entries().unwrap().next().unwrap().unwrap();
        member.read_to_string(&mut text).unwrap();
        let mut oracle = Oracle::default();
        for line in text.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            oracle.take(&message, message["action"] == "snapshot", unit);
        }

        let fixture = Fixture::new();
        let options = OkxBookOptions {
            inst_id: inst_id.to_owned(),
            unit,
            levels: LEVELS,
            cadence: Cadence::EveryMessage,
            depth: 400,
            shared: false,
        };
        let job = Job {
            key: instrument("okx", market, inst_id),
            path: &path,
            container: Container::TarGz(Pick::Extension("data".to_owned())),
            datasets: &OkxBookOptions::DATASETS,
            kind: SourceKind::OkxManual,
            version: BOOK_VERSION,
            params: options.params(),
        };
        let report = ingest(&fixture, &job, &|file, parse| {
            Ok(book_parser(&options, &file.datasets, parse))
        });
        let (deltas, images) = (
            outcome(&report, Dataset::L2Deltas).counts,
            outcome(&report, Dataset::L2Snapshots).counts,
        );
        assert_eq!(
            (deltas.rows_in, deltas.written),
            (oracle.levels, oracle.levels)
        );
        assert_eq!(images.written, oracle.tops.len() as u64);
        assert_eq!(
            diagnostic(&report, Dataset::L2Snapshots, "crossed_books"),
            0
        );
        let images = rows_of(&fixture, &job.key, Dataset::L2Snapshots, "2022-05-13");
        oracle.check_images(&images);
    }
}

/// Messages of a capture: receipt as written, and the message.
fn captured(path: &Path) -> Vec<(String, Value)> {
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut out = Vec::new();
    for line in text.lines() {
        let frame: Value = serde_json::from_str(line).unwrap();
        if frame["t"] == "recv" {
            let message = serde_json::from_str(frame["data"].as_str().unwrap()).unwrap();
            out.push((frame["ts"].to_string(), message));
        }
    }
    out
}

#[test]
fn okx_recording() {
    let Some(path) = shared("recordings/okx/OKX.jsonl.zst") else {
        return;
    };
    let messages = captured(&path);
    let (mut checksums, mut all_trades) = (0, 0);
    for (inst_id, market, unit) in OKX {
        let mut oracle = Oracle::default();
        let mut trades: BTreeSet<i64> = BTreeSet::new();
        let mut sizes = 0.0;
        for (_, message) in messages
            .iter()
            .filter(|(_, m)| m["arg"]["instId"] == inst_id)
        {
            let Some(data) = message["data"].as_array() else {
                continue;
            };
            match message["arg"]["channel"].as_str().unwrap() {
                "books" => oracle.take(&data[0], message["action"] == "snapshot", unit),
                "trades" => {
                    for trade in data {
                        let id = trade["tradeId"].as_str().unwrap().parse().unwrap();
                        assert!(trades.insert(id));
                        sizes += number(&trade["sz"]);
                    }
                }
                _ => {}
            }
        }
        let fixture = Fixture::new();
        let key = instrument("okx", market, inst_id);
        // The worth of a contract comes out of the capture.
        let options = OkxRecordingOptions::new(&key, None, LEVELS, Cadence::EveryMessage);
        let job = Job {
            key,
            path: &path,
            container: Container::Zstd,
            datasets: &OkxRecordingOptions::DATASETS,
            kind: SourceKind::Recording,
            version: RECORDING_VERSION,
            params: options.params(),
        };
        let report = ingest(&fixture, &job, &|file, parse| {
            Ok(recording_parser(&options, &file.datasets, parse))
        });
        let l2 = Dataset::L2Snapshots;
        checksums += diagnostic(&report, l2, "checksums_verified");
        assert_eq!(diagnostic(&report, l2, "checksums_failed"), 0);
        assert_eq!(diagnostic(&report, l2, "crossed_books"), 0);
        assert_eq!(diagnostic(&report, l2, "resyncs"), 0);
        let counts = outcome(&report, Dataset::L2Deltas).counts;
        assert_eq!(
            (counts.rows_in, counts.written),
            (oracle.levels, oracle.levels)
        );
        oracle.check_images(&rows_of(&fixture, &job.key, l2, "2022-05-13"));
        let counts = outcome(&report, Dataset::Trades).counts;
        assert_eq!(
            (counts.rows_in, counts.written),
            (trades.len() as u64, trades.len() as u64)
        );
        all_trades += counts.written;
        let rows = rows_of(&fixture, &job.key, Dataset::Trades, "2022-05-13");
        let ids = rows["trade_id"]
            .as_primitive::<Int64Type>()
            .values()
            .to_vec();
        assert_eq!(ids, trades.into_iter().collect::<Vec<_>>());
        let raw = match unit {
            QtyUnit::Base => floats(&rows, "qty"),
            _ => floats(&rows, "qty_raw"),
        };
        assert!((raw.iter().sum::<f64>() - sizes).abs() < 1e-9);
        // The first trade of futures and swaps is older than the subscription.
        let late = rows["late"].as_boolean();
        let n_late = (0..late.len())
            .filter(|&i| late.is_valid(i) && late.value(i))
            .count();
        assert!(
            unit == QtyUnit::Base || (n_late == 1 && late.value(0)),
            "{inst_id}"
        );
    }
    assert_eq!(
        checksums, 290,
        "every book message of 2022 carries a checksum"
    );
    assert_eq!(all_trades, 74);
}

#[test]
fn hyperliquid_recording() {
    let Some(path) = shared("recordings/hyperliquid/btcusd_20250126.gz") else {
        return;
    };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let (mut books, mut repeated, mut levels) = (Vec::new(), 0, 0);
    let mut trades = BTreeMap::new();
    for line in text.lines() {
        let (received, message) = line.split_once(' ').unwrap();
        let received = received.parse::<i64>().unwrap() / 1_000;
        let message: Value = serde_json::from_str(message).unwrap();
        if message["channel"] == "l2Book" {
            let data = &message["data"];
            let sides = data["levels"].as_array().unwrap();
            levels += sides
                .iter()
                .map(|s| s.as_array().unwrap().len())
                .sum::<usize>();
            if books.last().is_some_and(|(_, last)| last == data) {
                repeated += 40;
            } else {
                books.push((received, data.clone()));
            }
        } else {
            for trade in message["data"].as_array().unwrap() {
                let time = trade["time"].as_i64().unwrap() * 1_000;
                trades.insert((time, trade["tid"].as_i64().unwrap()), trade.clone());
            }
        }
    }
    assert_eq!((books.len(), trades.len()), (45, 64));
    for cadence in [Cadence::EveryMessage, DEFAULT_CADENCE] {
        let fixture = Fixture::new();
        let key = instrument("hyperliquid", "swap", "BTC");
        let options = HyperliquidOptions::new(&key, LEVELS, cadence);
        let job = Job {
            key,
            path: &path,
            container: Container::Gzip,
            datasets: &HyperliquidOptions::DATASETS,
            kind: SourceKind::Recording,
            version: hyperliquid::RECORDING_VERSION,
            params: options.params(),
        };
        let report = ingest(&fixture, &job, &|file, parse| {
            Ok(hyperliquid::recording_parser(
                &options,
                &file.datasets,
                parse,
            ))
        });
        let counts = outcome(&report, Dataset::L2Deltas).counts;
        assert_eq!(
            (counts.rows_in, counts.duplicates),
            (levels as u64, repeated)
        );
        let counts = outcome(&report, Dataset::Trades).counts;
        assert_eq!((counts.rows_in, counts.written), (64, 64));
        let rows = rows_of(&fixture, &job.key, Dataset::Trades, "2025-01-26");
        let ids = rows["trade_id"].as_primitive::<Int64Type>().values();
        let found: Vec<(i64, i64)> = times(&rows, "ts_event")
            .into_iter()
            .zip(ids.iter().copied())
            .collect();
        assert_eq!(found, trades.keys().copied().collect::<Vec<_>>());
        let expected: Vec<f64> = trades.values().map(|t| number(&t["px"])).collect();
        assert_eq!(floats(&rows, "price"), expected);
        let images = rows_of(&fixture, &job.key, Dataset::L2Snapshots, "2025-01-26");
        let (bids, asks) = (floats(&images, "bid_px_19"), floats(&images, "ask_px_19"));
        assert!(bids.iter().zip(&asks).all(|(b, a)| b < a));
        if cadence == Cadence::EveryMessage {
            assert_eq!(images.num_rows(), books.len());
            assert_eq!(
                times(&images, "ts_recv"),
                books
                    .iter()
                    .map(|(received, _)| *received)
                    .collect::<Vec<_>>()
            );
            let side = |i: usize| {
                let of = |d: &Value| number(&d["levels"][i][19]["px"]);
                books.iter().map(|(_, d)| of(d)).collect::<Vec<_>>()
            };
            assert_eq!((bids, asks), (side(0), side(1)));
        } else {
            assert_eq!(images.num_rows(), 25, "whole seconds inside 26 s");
        }
    }
}
