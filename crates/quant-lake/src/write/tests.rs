use std::path::Path;

use arrow_array::{Int8Array, Int64Array, StringArray, TimestampMicrosecondArray};
use rand_like::Lcg;

use super::*;
use crate::commit::{DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake};
use crate::manifest::{IngestParams, SourceKind};
use crate::schema::Dataset;
use arrow_array::{ArrayRef, Float64Array, new_null_array};

/// A small generator of test numbers.
mod rand_like {
    pub(super) struct Lcg(pub u64);

    impl Lcg {
        pub(super) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            self.0 >> 33
        }

        /// Uniform in (0, 1).
        pub(super) fn unit(&mut self) -> f64 {
            (self.next() as f64 + 0.5) / (1_u64 << 31) as f64
        }
    }
}

fn day() -> Day {
    "2024-01-02".parse().unwrap()
}

fn spec() -> PartitionSetSpec {
    let instrument = quant_core::market::InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    PartitionSetSpec::raw(&DatasetKey { instrument, dataset: Dataset::AggTrades }, 0)
}

fn ts(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn batch(times: &[i64], ids: &[i64], price: Vec<Option<f64>>, qty: &[f64]) -> RecordBatch {
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
    ];
    RecordBatch::try_new(nullable, columns).unwrap()
}

fn good(times: &[i64], ids: &[i64]) -> RecordBatch {
    batch(times, ids, vec![Some(1.5); ids.len()], &vec![2.0; ids.len()])
}

fn with_writer<T>(work: impl FnOnce(&DatasetWriter, PartitionWriter) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(0));
    let writer = DatasetWriter::open(&Lake::new(dir.path()), spec(), options).unwrap();
    let partition = writer.begin(day()).unwrap();
    work(&writer, partition)
}

fn refusal(batches: &[RecordBatch]) -> WriteError {
    with_writer(|_, mut w| {
        let (last, earlier) = batches.split_last().unwrap();
        earlier.iter().for_each(|b| w.write(b).unwrap());
        let error = w.write(last).unwrap_err();
        assert!(matches!(w.write(last), Err(WriteError::Refused)));
        let meta = PartitionMeta { sources: vec![], rows_in: 0, quality: Quality::default() };
        assert!(matches!(w.finish(meta), Err(WriteError::Refused)));
        error
    })
}

#[test]
fn refuses_what_is_not_sorted() {
    let equal = refusal(&[good(&[1, 1, 1], &[1, 2, 2])]);
    assert!(matches!(equal, WriteError::NotSorted { row: 2, equal: true, .. }), "{equal}");
    let falls = refusal(&[good(&[1, 2], &[1, 2]), good(&[2, 3], &[1, 9])]);
    assert!(matches!(falls, WriteError::NotSorted { row: 2, equal: false, .. }), "{falls}");
    let across = refusal(&[good(&[1, 2], &[1, 2]), good(&[2], &[2])]);
    assert!(matches!(across, WriteError::NotSorted { row: 2, equal: true, .. }), "{across}");
    with_writer(|_, mut w| {
        w.write(&good(&[1, 2], &[1, 2])).unwrap();
        w.write(&good(&[2, 2], &[3, 4])).unwrap();
        assert_eq!(w.rows(), 4);
    });
}

#[test]
fn refuses_nulls_nan_and_other_days() {
    let null = refusal(&[good(&[1], &[1]), batch(&[2, 3], &[2, 3], vec![Some(1.0), None], &[1.0; 2])]);
    assert!(matches!(&null, WriteError::Null { row: 2, column } if column == "price"), "{null}");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = refusal(&[batch(&[1, 2], &[1, 2], vec![Some(1.0); 2], &[1.0, bad])]);
        assert!(
            matches!(&error, WriteError::NotFinite { row: 1, column, .. } if column == "qty"),
            "{error}"
        );
    }
    for bad in [-1, quant_core::time::MICROS_PER_DAY] {
        let error = refusal(&[good(&[bad], &[1])]);
        assert!(matches!(error, WriteError::OtherDay { row: 0, .. }), "{error}");
    }
}

#[test]
fn refuses_another_schema() {
    let b = good(&[1], &[1]);
    let fewer = b.project(&[0, 1, 2]).unwrap();
    assert!(matches!(refusal(&[fewer]), WriteError::Schema { index: 3, .. }));
    let swapped = b.project(&[0, 1, 2, 4, 3, 5, 6, 7, 8]).unwrap();
    let error = refusal(&[swapped]).to_string();
    assert_eq!(error, "column 3 of the batch is `qty Float64`; the schema expects `price Float64`");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let more = RecordBatch::try_from_iter([("a", text)]).unwrap();
    assert!(matches!(refusal(&[more]), WriteError::Schema { index: 0, .. }));
}

#[test]
fn negative_zero_is_written_as_zero() {
    let hash = |qty: f64| {
        with_writer(|_, mut w| {
            w.write(&batch(&[1], &[1], vec![Some(1.0)], &[qty])).unwrap();
            let meta = PartitionMeta { sources: vec![], rows_in: 1, quality: Quality::default() };
            let staged = w.finish(meta).unwrap();
            (staged.content_sha256.clone(), staged.sha256.clone())
        })
    };
    assert_eq!(hash(-0.0), hash(0.0));
    assert_ne!(hash(1.0), hash(0.0));
}

#[test]
fn rows_must_be_conserved() {
    with_writer(|_, mut w| {
        w.write(&good(&[1, 2], &[1, 2])).unwrap();
        let quality = Quality { duplicates: 1, filtered: 2, quarantined: 3, ..Quality::default() };
        let meta = PartitionMeta { sources: vec![], rows_in: 9, quality };
        let error = w.finish(meta).unwrap_err();
        assert!(
            matches!(error, WriteError::RowsNotConserved { rows_in: 9, accounted: 8 }),
            "{error}"
        );
    });
}

#[test]
fn a_dropped_partition_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(0));
    let writer = DatasetWriter::open(&lake, spec(), options).unwrap();
    let mut partition = writer.begin(day()).unwrap();
    partition.write(&good(&[1], &[1])).unwrap();
    drop(partition);
    let mut partition = writer.begin(day()).unwrap();
    partition.write(&good(&[1], &[1])).unwrap();
    let meta = PartitionMeta { sources: vec![], rows_in: 1, quality: Quality::default() };
    drop(partition.finish(meta).unwrap());
    drop(writer);
    assert!(!lake.set_dir(&spec()).exists());
}

#[test]
fn the_writer_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<PartitionWriter>();
    is_send::<StagedPartition>();
}

/// 3,000,000 aggregated trades: a price walk on a 0.1 tick, log-normal quantities with 3 decimals, ids rising by 1 or 2.
fn realistic(n: usize) -> RecordBatch {
    let mut rng = Lcg(7);
    let (mut t, mut id, mut price) = (0_i64, 5_000_000_000_i64, 421_000_i64);
    let mut times = Vec::new();
    let (mut ids, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut prices, mut qtys, mut sides) = (Vec::new(), Vec::new(), Vec::new());
    let mut trade = 9_000_000_000_i64;
    for _ in 0..n {
        if rng.unit() < 0.5 {
            t += (-rng.unit().ln() * 57.0) as i64;
        }
        id += 1;
        let size = 1 + i64::from(rng.unit() < 0.4);
        times.push(day().start().0 + t * 1_000);
        ids.push(id);
        firsts.push(trade);
        lasts.push(trade + size - 1);
        trade += size;
        if rng.unit() < 0.3 {
            price += (rng.next() % 7) as i64 - 3;
        }
        prices.push(price as f64 / 10.0);
        let normal = (-2.0 * rng.unit().ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos();
        qtys.push(((-3.5 + 1.6 * normal).exp() * 1000.0).ceil() / 1000.0);
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
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

#[test]
fn slow_timing_of_a_large_partition() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let all = realistic(3_000_000);
    let lake_dir = std::env::var_os("QUANT_TIMING_DIR");
    let temp = tempfile::tempdir().unwrap();
    let root = lake_dir.as_ref().map_or(temp.path(), Path::new);
    for _ in 0..3 {
        let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(0));
        let writer = DatasetWriter::open(&Lake::new(root), spec(), options).unwrap();
        let start = std::time::Instant::now();
        let mut w = writer.begin(day()).unwrap();
        for from in (0..all.num_rows()).step_by(65_536) {
            w.write(&all.slice(from, 65_536.min(all.num_rows() - from))).unwrap();
        }
        let wrote = start.elapsed();
        let source = Source {
            kind: SourceKind::Vision,
            name: "x".into(),
            url: None,
            bytes: 0,
            sha256: "0".repeat(64),
            checksum_verified: false,
        };
        let meta =
            PartitionMeta { sources: vec![source], rows_in: w.rows(), quality: Quality::default() };
        let staged = w.finish(meta).unwrap();
        let finished = start.elapsed();
        let partition = writer.commit(staged).unwrap();
        let committed = start.elapsed();
        let start = std::time::Instant::now();
        let mut hasher = ContentHasher::new(&spec().columns);
        hasher.update(&all).unwrap();
        let content = hasher.finish();
        let hashed = start.elapsed();
        assert_eq!(content, partition.content_sha256);
        let start = std::time::Instant::now();
        let mut checker = BatchChecker::new(&spec(), day());
        checker.check(&spec().arrow_schema(), &all).unwrap();
        let checked = start.elapsed();
        let text = format!(
            "3M rows: write {wrote:?}, finish {finished:?}, commit {committed:?}, bytes {}; of this hash {hashed:?}, check {checked:?}\n",
            partition.bytes
        );
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
}
