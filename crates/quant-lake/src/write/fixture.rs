//! Rows, sets and writers shared by the tests of the lake.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int8Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    new_null_array,
};
use quant_core::time::{Day, UnixMicros};

use crate::commit::{CommitError, DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Partition, Source, SourceKind};
use crate::quality::Quality;
use crate::schema::Dataset;
use crate::write::PartitionMeta;

/// A small generator of test numbers.
pub(crate) struct Lcg(pub(crate) u64);

impl Lcg {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    /// Standard normal (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Uniform in (0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() as f64 + 0.5) / (1_u64 << 31) as f64
    }
}

pub(crate) fn day() -> Day {
    "2024-01-02".parse().unwrap()
}

pub(crate) fn spec() -> PartitionSetSpec {
    let instrument = quant_core::market::InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    PartitionSetSpec::raw(
        &DatasetKey {
            instrument,
            dataset: Dataset::AggTrades,
        },
        0,
    )
}

pub(crate) fn ts(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

pub(crate) fn batch(
    times: &[i64],
    ids: &[i64],
    price: Vec<Option<f64>>,
    qty: &[f64],
) -> RecordBatch {
    let n = times.len();
    let at = times.iter().map(|t| day().start().0 + t).collect();
    let schema = spec().arrow_schema();
    let nullable = Arc::new(arrow_schema::Schema::new(
        schema
            .fields()
            .iter()
            .map(|f| f.as_ref().clone().with_nullable(true))
            .collect::<Vec<_>>(),
    ));
    let columns: Vec<ArrayRef> = vec![
        ts(at),
        new_null_array(schema.field(1).data_type(), n),
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(Float64Array::from(price)),
        Arc::new(Float64Array::from(qty.to_vec())),
        new_null_array(schema.field(5).data_type(), n),
        Arc::new(Int8Array::from(vec![1; n])),
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(Int64Array::from(ids.to_vec())),
        new_null_array(schema.field(9).data_type(), n),
    ];
    RecordBatch::try_new(nullable, columns).unwrap()
}

pub(crate) fn good(times: &[i64], ids: &[i64]) -> RecordBatch {
    batch(
        times,
        ids,
        vec![Some(1.5); ids.len()],
        &vec![2.0; ids.len()],
    )
}

/// Aggregated trades of a busy day: exponential waits in ms, a normal price walk on a 0.1 tick, log-normal quantities
/// with 3 decimals, agg ids without holes, one or two trades each.
pub(crate) fn realistic(n: usize) -> RecordBatch {
    let mut rng = Lcg(7);
    let (mut wait, mut id, mut trade) = (0.0, 2_400_000_000_i64, 5_000_000_000_i64);
    let mut walk = 95_000.0_f64;
    let mut times = Vec::new();
    let (mut ids, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut prices, mut qtys, mut sides) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n {
        wait -= rng.unit().ln() * 28.0;
        id += 1;
        let size = 1 + i64::from(rng.unit() < 0.5);
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of one day")]
        let ms = wait as i64;
        times.push(day().start().0 + ms * 1_000);
        ids.push(id);
        firsts.push(trade);
        lasts.push(trade + size - 1);
        trade += size;
        walk += 0.6 * rng.normal();
        prices.push((walk * 10.0).round() / 10.0);
        qtys.push((((-4.0 + 1.6 * rng.normal()).exp() + 0.001) * 1000.0).round() / 1000.0);
        sides.push(if rng.unit() < 0.5 { 1_i8 } else { -1 });
    }
    let schema = spec().arrow_schema();
    let columns: Vec<ArrayRef> = vec![
        ts(times),
        new_null_array(schema.field(1).data_type(), n),
        Arc::new(Int64Array::from(ids)),
        Arc::new(Float64Array::from(prices)),
        Arc::new(Float64Array::from(qtys)),
        new_null_array(schema.field(5).data_type(), n),
        Arc::new(Int8Array::from(sides)),
        Arc::new(Int64Array::from(firsts)),
        Arc::new(Int64Array::from(lasts)),
        new_null_array(schema.field(9).data_type(), n),
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

/// A source whose hash repeats one digit.
pub(crate) fn source(digit: char) -> Source {
    Source {
        kind: SourceKind::Vision,
        name: format!("{digit}.zip"),
        url: None,
        bytes: 10,
        sha256: digit.to_string().repeat(64),
        checksum_verified: true,
        context: None,
    }
}

pub(crate) fn options() -> WriterOptions {
    WriterOptions::new(
        "test-1",
        IngestParams::new(),
        UnixMicros(1_700_000_000_000_000),
    )
}

/// Commits these batches as one day.
pub(crate) fn commit_day(
    writer: &DatasetWriter,
    day: Day,
    batches: &[RecordBatch],
    source: Source,
) -> Result<Partition, CommitError> {
    let mut partition = writer.begin(day)?;
    for batch in batches {
        partition.write(batch)?;
    }
    let rows_in = partition.rows();
    let meta = PartitionMeta {
        sources: vec![source],
        rows_in,
        quality: Quality::default(),
    };
    writer.commit(partition.finish(meta)?)
}

/// A lake with one day of trades at these microseconds of the day.
pub(crate) fn lake_with(root: &Path, times: &[i64]) -> (Lake, Partition) {
    let lake = Lake::new(root);
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let ids: Vec<i64> = (1..).take(times.len()).collect();
    let partition = commit_day(&writer, day(), &[good(times, &ids)], source('a')).unwrap();
    (lake, partition)
}
