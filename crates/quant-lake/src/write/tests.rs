//! Tests of writing: checks of rows, and files that depend on nothing but them.

use std::path::Path;

use arrow_array::{ArrayRef, StringArray};

use super::fixture::{batch, day, good, options, realistic, source, spec};
use super::*;
use crate::commit::DatasetWriter;
use crate::layout::Lake;

fn with_writer<T>(work: impl FnOnce(&DatasetWriter, PartitionWriter) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let writer = DatasetWriter::open(&Lake::new(dir.path()), spec(), options()).unwrap();
    let partition = writer.begin(day()).unwrap();
    work(&writer, partition)
}

fn refusal(batches: &[RecordBatch]) -> WriteError {
    with_writer(|_, mut w| {
        let (last, earlier) = batches.split_last().unwrap();
        for batch in earlier {
            w.write(batch).unwrap();
        }
        let error = w.write(last).unwrap_err();
        assert!(matches!(w.write(last), Err(WriteError::Refused)));
        let meta = PartitionMeta {
            sources: vec![],
            rows_in: 0,
            quality: Quality::default(),
        };
        assert!(matches!(w.finish(meta), Err(WriteError::Refused)));
        error
    })
}

#[test]
fn refuses_what_is_not_sorted() {
    let equal = refusal(&[good(&[1, 1, 1], &[1, 2, 2])]);
    assert!(
        matches!(
            equal,
            WriteError::NotSorted {
                row: 2,
                equal: true,
                ..
            }
        ),
        "{equal}"
    );
    let falls = refusal(&[good(&[1, 2], &[1, 2]), good(&[2, 3], &[1, 9])]);
    assert!(
        matches!(
            falls,
            WriteError::NotSorted {
                row: 2,
                equal: false,
                ..
            }
        ),
        "{falls}"
    );
    let across = refusal(&[good(&[1, 2], &[1, 2]), good(&[2], &[2])]);
    assert!(
        matches!(
            across,
            WriteError::NotSorted {
                row: 2,
                equal: true,
                ..
            }
        ),
        "{across}"
    );
    with_writer(|_, mut w| {
        w.write(&good(&[1, 2], &[1, 2])).unwrap();
        w.write(&good(&[2, 2], &[3, 4])).unwrap();
        assert_eq!(w.rows(), 4);
    });
}

#[test]
fn refuses_nulls_nan_and_other_days() {
    let null = refusal(&[
        good(&[1], &[1]),
        batch(&[2, 3], &[2, 3], vec![Some(1.0), None], &[1.0; 2]),
    ]);
    assert!(
        matches!(&null, WriteError::Null { row: 2, column } if column == "price"),
        "{null}"
    );
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = refusal(&[batch(&[1, 2], &[1, 2], vec![Some(1.0); 2], &[1.0, bad])]);
        assert!(
            matches!(&error, WriteError::NotFinite { row: 1, column, .. } if column == "qty"),
            "{error}"
        );
    }
    for bad in [-1, quant_core::time::MICROS_PER_DAY] {
        let error = refusal(&[good(&[bad], &[1])]);
        assert!(
            matches!(error, WriteError::OtherDay { row: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn refuses_another_schema() {
    let b = good(&[1], &[1]);
    let fewer = b.project(&[0, 1, 2]).unwrap();
    assert!(matches!(
        refusal(&[fewer]),
        WriteError::Schema { index: 3, .. }
    ));
    let swapped = b.project(&[0, 1, 2, 4, 3, 5, 6, 7, 8]).unwrap();
    let error = refusal(&[swapped]).to_string();
    assert_eq!(
        error,
        "column 3 of the batch is `qty Float64`; the schema expects `price Float64`"
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let more = RecordBatch::try_from_iter([("a", text)]).unwrap();
    assert!(matches!(
        refusal(&[more]),
        WriteError::Schema { index: 0, .. }
    ));
}

#[test]
fn negative_zero_is_written_as_zero() {
    let hash = |qty: f64| {
        with_writer(|_, mut w| {
            w.write(&batch(&[1], &[1], vec![Some(1.0)], &[qty]))
                .unwrap();
            let meta = PartitionMeta {
                sources: vec![],
                rows_in: 1,
                quality: Quality::default(),
            };
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
        let quality = Quality {
            duplicates: 1,
            filtered: 2,
            quarantined: 3,
            ..Quality::default()
        };
        let meta = PartitionMeta {
            sources: vec![],
            rows_in: 9,
            quality,
        };
        let error = w.finish(meta).unwrap_err();
        assert!(
            matches!(
                error,
                WriteError::RowsNotConserved {
                    rows_in: 9,
                    accounted: 8
                }
            ),
            "{error}"
        );
    });
}

#[test]
fn a_dropped_partition_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let mut partition = writer.begin(day()).unwrap();
    partition.write(&good(&[1], &[1])).unwrap();
    drop(partition);
    let mut partition = writer.begin(day()).unwrap();
    partition.write(&good(&[1], &[1])).unwrap();
    let meta = PartitionMeta {
        sources: vec![],
        rows_in: 1,
        quality: Quality::default(),
    };
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

/// Encodes each column alone, for tuning.
#[test]
fn slow_timing_of_each_column() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let all = realistic(3_000_000);
    for (i, column) in spec().columns.into_iter().enumerate() {
        let one = all.project(&[i]).unwrap();
        let alone = PartitionSetSpec {
            columns: vec![column],
            ..spec()
        };
        let start = std::time::Instant::now();
        let mut writer = encode::writer(Vec::new(), &alone).unwrap();
        for from in (0..one.num_rows()).step_by(65_536) {
            writer
                .write(&one.slice(from, 65_536.min(one.num_rows() - from)))
                .unwrap();
        }
        let bytes = writer.into_inner().unwrap().len();
        let text = format!(
            "{}: {:?}, {bytes} bytes\n",
            alone.columns[0].name,
            start.elapsed()
        );
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
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
        let writer = DatasetWriter::open(&Lake::new(root), spec(), options()).unwrap();
        let start = std::time::Instant::now();
        let mut w = writer.begin(day()).unwrap();
        for from in (0..all.num_rows()).step_by(65_536) {
            w.write(&all.slice(from, 65_536.min(all.num_rows() - from)))
                .unwrap();
        }
        let wrote = start.elapsed();
        let meta = PartitionMeta {
            sources: vec![source('a')],
            rows_in: w.rows(),
            quality: Quality::default(),
        };
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
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn missing_intervals_are_counted_in_stretches() {
    use crate::layout::DatasetKey;
    use crate::schema::Dataset;
    use arrow_array::{Float64Array, Int64Array, TimestampMicrosecondArray};

    let instrument = quant_core::market::InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    let key = DatasetKey {
        instrument,
        dataset: Dataset::MarkKlines,
    };
    let spec = PartitionSetSpec::raw(&key, 0);
    let start = day().start().0;
    let batch = |minutes: &[i64]| {
        let opens: Vec<i64> = minutes.iter().map(|m| start + m * 60_000_000).collect();
        let times = |v: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC"))
        };
        let price: ArrayRef = Arc::new(Float64Array::from(vec![1.0; minutes.len()]));
        let mut columns = vec![
            times(opens.clone()),
            times(opens.iter().map(|t| t + 60_000_000).collect()),
        ];
        columns.extend(std::iter::repeat_n(price, 4));
        columns.push(Arc::new(Int64Array::from(vec![1; minutes.len()])));
        RecordBatch::try_new(spec.arrow_schema(), columns).unwrap()
    };
    let gaps = |batches: &[RecordBatch]| {
        let dir = tempfile::tempdir().unwrap();
        let writer = DatasetWriter::open(&Lake::new(dir.path()), spec.clone(), options()).unwrap();
        let mut partition = writer.begin(day()).unwrap();
        for b in batches {
            partition.write(b).unwrap();
        }
        let rows_in = partition.rows();
        let meta = PartitionMeta {
            sources: vec![source('a')],
            rows_in,
            quality: Quality::default(),
        };
        writer
            .commit(partition.finish(meta).unwrap())
            .unwrap()
            .quality
            .gaps
    };
    let whole: Vec<i64> = (0..1_440).collect();
    assert_eq!(gaps(&[batch(&whole)]), 0);
    // Minutes 2 to 4 and everything from 7 on; where a batch ends does not matter.
    assert_eq!(gaps(&[batch(&[0, 1, 5, 6])]), 2);
    assert_eq!(gaps(&[batch(&[0, 1]), batch(&[5, 6])]), 2);
    assert_eq!(gaps(&[]), 1);
}
