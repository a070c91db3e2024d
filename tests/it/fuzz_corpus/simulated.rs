//! Seeds that the simulator's encoders write: the first rows of every kind of file, and small partitions.

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int8Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    new_null_array,
};
use flate2::read::MultiGzDecoder;
use quant_core::market::{Exchange, InstrumentKey, Market, Venue};
use quant_core::time::{Day, UnixMicros};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::fuzzing::variant;
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::{IngestParams, Source, SourceKind};
use quant_lake::quality::Quality;
use quant_lake::schema::Dataset;
use quant_lake::write::PartitionMeta;
use serde_json::Value;

use super::seeds::Seed;
use crate::support::{listing, run};

/// Largest seed of text.
const MAX_BYTES: usize = 1_900;

/// Part of a path, target and variant of the files that become seeds.
const FILES: [(&str, &str, u8); 20] = [
    ("um/daily/klines/", "binance_archive", 0),
    ("um/daily/aggTrades/", "binance_archive", 1),
    ("um/daily/trades/", "binance_archive", 2),
    ("um/daily/bookTicker/", "binance_archive", 3),
    ("um/daily/bookDepth/", "binance_archive", 4),
    ("um/daily/markPriceKlines/", "binance_archive", 5),
    ("um/daily/premiumIndexKlines/", "binance_archive", 6),
    ("um/daily/indexPriceKlines/", "binance_archive", 7),
    ("um/daily/metrics/", "binance_archive", 8),
    ("um/monthly/fundingRate/", "binance_archive", 9),
    ("spot/daily/klines/", "binance_archive", 10),
    ("spot/daily/aggTrades/", "binance_archive", 11),
    ("spot/daily/trades/", "binance_archive", 12),
    ("btcusdt_20240102.gz", "binance_recording", 0),
    ("btcusdt_images_20240102.gz", "binance_recording", 2),
    ("_ob500.data.zip", "bybit_book", 0),
    ("trading/BTCUSDT/", "bybit_trades", 0),
    ("traderecords/trades/", "okx_archive", 0),
    ("candlesticks/", "okx_archive", 2),
    ("L2orderbook", "okx_book", 0),
];

/// Simulates a day on every venue and cuts its files down.
pub(crate) fn seeds(scratch: &Path) -> Vec<Seed> {
    let worlds: [(&str, &[&str]); 4] = [
        (
            "binance",
            &["--instruments", "um:BTCUSDT:btc,spot:BTCUSDT:btc"],
        ),
        (
            "recorded",
            &[
                "--datasets",
                "l2_deltas,l2_snapshots,trades",
                "--book-cadence-ms",
                "60000",
            ],
        ),
        ("bybit", &["--exchange", "bybit"]),
        ("okx", &["--exchange", "okx"]),
    ];
    let mut out = Vec::new();
    for (name, args) in worlds {
        let mut all = vec![
            "synth",
            "--days",
            "1",
            "--start",
            "2024-01-02",
            "--out",
            name,
        ];
        all.extend([
            "--set",
            "trades_per_day=1000",
            "--set",
            "quotes_per_day=3000",
        ]);
        all.extend(args);
        run(scratch, &all).code(0);
        let root = scratch.join(name);
        for path in listing(&root).keys() {
            let found = FILES.iter().find(|(part, _, _)| path.contains(part));
            let is_archive = ["zip", "gz"].iter().any(|e| has_extension(path, e));
            let Some((_, target, number)) = found.filter(|_| is_archive) else {
                continue;
            };
            let text = first_lines(&unpack(path, &std::fs::read(root.join(path)).unwrap()));
            let file = path.rsplit('/').next().unwrap();
            let seed = [&[variant(*number)], text.as_slice()].concat();
            out.push((*target, format!("sim_{number:02}_{file}.txt"), seed));
        }
    }
    assert!(
        out.len() >= FILES.len(),
        "{} files of {}",
        out.len(),
        FILES.len()
    );
    out.extend(partitions(scratch));
    out
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == extension)
}

/// Returns the text in a file of the simulator.
fn unpack(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if has_extension(path, "zip") {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        archive.by_index(0).unwrap().read_to_end(&mut text).unwrap();
    } else {
        MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    }
    if path.contains(".tar.") {
        text.drain(..512);
    }
    text
}

/// Returns as many whole lines as fit, at most twelve, books cut to their best levels.
fn first_lines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split(|&b| b == b'\n').take(12) {
        let line = cut_levels(line);
        if out.len() + line.len() >= MAX_BYTES {
            break;
        }
        out.extend_from_slice(&line);
        out.push(b'\n');
    }
    assert!(!out.is_empty(), "a first line that is too long");
    out
}

/// Shortens the arrays of arrays in a message.
fn cut_levels(line: &[u8]) -> Vec<u8> {
    fn cut(value: &mut Value) {
        match value {
            Value::Array(items) => {
                if items.first().is_some_and(Value::is_array) {
                    items.truncate(3);
                }
                items.iter_mut().for_each(cut);
            }
            Value::Object(fields) => fields.values_mut().for_each(cut),
            _ => {}
        }
    }
    let Some(at) = line.iter().position(|&b| b == b'{') else {
        return line.to_vec();
    };
    let mut message: Value = serde_json::from_slice(&line[at..]).unwrap();
    cut(&mut message);
    [&line[..at], message.to_string().as_bytes()].concat()
}

/// Small partitions, whole and damaged.
fn partitions(scratch: &Path) -> Vec<Seed> {
    let one = partition(scratch, Dataset::AggTrades, 1);
    let many = partition(scratch, Dataset::AggTrades, 50);
    let other = partition(scratch, Dataset::Trades, 3);
    let mut footer = one.clone();
    let at = footer.len() - 8;
    footer[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut page = many.clone();
    page[4..40].fill(0xff);
    let all = [
        ("one", one.clone()),
        ("many", many),
        ("other_columns", other),
        ("cut", one[..one.len() - 20].to_vec()),
        ("footer_length", footer),
        ("page_header", page),
        ("magic_only", b"PAR1\0\0\0\0PAR1".to_vec()),
    ];
    all.map(|(name, bytes)| ("parquet", name.to_owned(), bytes))
        .to_vec()
}

/// Returns the file of a day with `n` rows.
fn partition(scratch: &Path, dataset: Dataset, n: i64) -> Vec<u8> {
    let key = DatasetKey {
        instrument: InstrumentKey {
            exchange: Exchange {
                venue: Venue::Binance,
                simulated: true,
            },
            market: Market::Um,
            symbol: "BTCUSDT".parse().unwrap(),
        },
        dataset,
    };
    let day: Day = "2024-01-02".parse().unwrap();
    let spec = PartitionSetSpec::raw(&key, 0);
    let schema = spec.arrow_schema();
    let rows = usize::try_from(n).unwrap();
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            let ids = || (1..=n).collect::<Vec<_>>();
            match field.name().as_str() {
                "ts_event" => {
                    let times = ids().into_iter().map(|i| day.start().0 + i * 1_000);
                    let times: TimestampMicrosecondArray = times.collect::<Vec<_>>().into();
                    Arc::new(times.with_timezone("UTC"))
                }
                "trade_id" | "first_id" | "last_id" => Arc::new(Int64Array::from(ids())),
                "price" => Arc::new(Float64Array::from(vec![42_000.1; rows])),
                "qty" => Arc::new(Float64Array::from(vec![0.5; rows])),
                "aggressor" => Arc::new(Int8Array::from(vec![1; rows])),
                _ => new_null_array(field.data_type(), rows),
            }
        })
        .collect();
    let batch = RecordBatch::try_new(schema, columns).unwrap();
    let lake = Lake::new(scratch.join(format!("lake-{dataset}-{n}")));
    let options = WriterOptions::new("seed-1", IngestParams::new(), UnixMicros(0));
    let writer = DatasetWriter::open(&lake, spec.clone(), options).unwrap();
    let mut partition = writer.begin(day).unwrap();
    partition.write(&batch).unwrap();
    let source = Source {
        kind: SourceKind::Vision,
        name: "seed".to_owned(),
        url: None,
        bytes: 1,
        sha256: "a".repeat(64),
        checksum_verified: false,
        context: None,
    };
    let meta = PartitionMeta {
        sources: vec![source],
        rows_in: rows as u64,
        quality: Quality::default(),
    };
    let done = writer.commit(partition.finish(meta).unwrap()).unwrap();
    std::fs::read(lake.day_dir(&spec, day).join(done.file)).unwrap()
}
