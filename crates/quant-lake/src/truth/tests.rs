//! What is written is read back; bytes are stable; bad input is refused.

use proptest::prelude::*;
use quant_core::synth::Regime;

use super::*;

const BTC: &str = "binance:um:BTCUSDT";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn truth(i: i64) -> MinuteTruth {
    MinuteTruth {
        regime: Regime::ALL[usize::try_from(i % 6).unwrap()],
        efficient: 60_000.0 + i as f64,
        volatility: 0.0005,
        edge: if i % 2 == 0 { 0.0 } else { -0.0001 },
        hazard_onset: (i % 100 == 7).then_some(UnixMicros(i * 60_000_000 + 11)),
        hazard_sign: if i % 200 == 7 { 1 } else { -1 },
        is_halted: i % 50 == 3,
    }
}

fn log(start: i64, n: i64) -> RecordLog {
    let mut log = RecordLog::new();
    for i in 0..n {
        let ts = start + i * 1_003 - i % 7 * 5_000;
        log.push(UnixMicros(ts), UnixMicros(ts + i % 3 * 1_000_000));
    }
    log
}

fn file<'a>(dataset: &'a str, of: Day, path: &'a str) -> TruthFile<'a> {
    TruthFile {
        instrument: BTC,
        dataset,
        day: of,
        path,
        volume: Some("0.1"),
        quote: None,
    }
}

/// Two days of two instruments with long and short logs.
fn written(n_long: i64) -> (Vec<u8>, Vec<(String, Day, RecordLog)>) {
    let mut writer = TruthWriter::new(Vec::new()).unwrap();
    let mut logs = Vec::new();
    for of in [day("2025-01-01"), day("2025-01-02")] {
        for i in 0..1_440 {
            let start = of.start().plus(i * 60_000_000);
            writer.minute(BTC, start, &truth(i)).unwrap();
        }
        for (dataset, n) in [
            ("klines_1m", 1_440),
            ("book_ticker", n_long),
            ("metrics", 288),
            ("funding", 0),
        ] {
            let log = log(of.start().0, n);
            let path = format!("data/{dataset}-{of}.zip");
            writer.file(&file(dataset, of, &path), &log).unwrap();
            logs.push((dataset.to_owned(), of, log));
        }
    }
    (writer.into_inner().unwrap(), logs)
}

fn stored(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(TRUTH_FILE);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn everything_comes_back() {
    // More than a batch, less than a row group.
    let (bytes, logs) = written(70_000);
    let (_dir, path) = stored(&bytes);
    let reader = TruthReader::open(&path).unwrap();

    let minutes = reader.minutes().unwrap();
    assert_eq!(minutes.len(), 2_880);
    for (i, entry) in minutes.iter().enumerate() {
        let i = i64::try_from(i % 1_440).unwrap();
        let expected = MinuteTruth {
            hazard_onset: None,
            hazard_sign: 0,
            ..truth(i)
        };
        assert_eq!((entry.instrument.as_str(), &entry.truth), (BTC, &expected));
    }
    assert_eq!(minutes[1_440].start, day("2025-01-02").start());

    let hazards = reader.hazards().unwrap();
    assert_eq!(hazards.len(), 30);
    assert_eq!(
        (hazards[0].onset, hazards[0].sign),
        (UnixMicros(7 * 60_000_000 + 11), 1)
    );
    assert_eq!(hazards[1].sign, -1);

    let files = reader.files().unwrap();
    assert_eq!(files.len(), logs.len());
    for (entry, (dataset, of, log)) in files.iter().zip(&logs) {
        assert_eq!(
            (&entry.dataset, entry.day, entry.rows),
            (dataset, *of, log.len())
        );
        assert_eq!(entry.path, format!("data/{dataset}-{of}.zip"));
        assert_eq!(
            (entry.volume.clone(), entry.quote.clone()),
            (Some((0.1, "0.1".to_owned())), None)
        );
    }

    for (dataset, of, log) in &logs {
        let mut n = 0;
        for (record, (ts, at)) in reader.records(BTC, dataset, *of).unwrap().zip(log.iter()) {
            let record = record.unwrap();
            assert_eq!(
                (record.row, record.ts_event, record.published_at),
                (n, ts, at)
            );
            n += 1;
        }
        assert_eq!(n, log.len());
        assert_eq!(reader.records(BTC, dataset, *of).unwrap().count() as u64, n);
    }
    assert_eq!(
        reader
            .records("binance:um:ETHUSDT", "klines_1m", logs[0].1)
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn the_same_calls_give_the_same_bytes_and_little_of_them() {
    let (a, _) = written(70_000);
    let (b, _) = written(70_000);
    assert!(a == b);
    // 143,456 records, two times each: the times alone would take 2.3 MB.
    assert!(a.len() < 700_000, "{}", a.len());
}

#[test]
fn a_long_file_has_row_groups_of_its_own() {
    let (bytes, _) = written(80_000);
    let (_dir, path) = stored(&bytes);
    let file = File::open(path).unwrap();
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&file)
        .unwrap();
    let rows: Vec<_> = metadata
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(
        rows,
        [1_440, 80_000, 288 + 1_440, 80_000, 288, 2_880, 30, 8]
    );
}

#[test]
fn exact_sums_and_their_nearest_floats() {
    let mut writer = TruthWriter::new(Vec::new()).unwrap();
    let mut long = file("trades", day("2025-01-01"), "a.zip");
    long.volume = Some("123456789012345678901.000000001");
    long.quote = Some("0.30000000000000004");
    writer.file(&long, &log(0, 1)).unwrap();
    let (_dir, path) = stored(&writer.into_inner().unwrap());
    let files = TruthReader::open(&path).unwrap().files().unwrap();
    let expected = (
        123_456_789_012_345_680_000.0,
        "123456789012345678901.000000001".to_owned(),
    );
    assert_eq!(files[0].volume.clone(), Some(expected));
    assert_eq!(
        files[0].quote.clone(),
        Some((0.1 + 0.2, "0.30000000000000004".to_owned()))
    );
}

#[test]
fn impossible_truth_is_refused() {
    let mut writer = TruthWriter::new(Vec::new()).unwrap();
    let bad = MinuteTruth {
        edge: f64::NAN,
        ..truth(1)
    };
    let error = writer
        .minute(BTC, UnixMicros(0), &bad)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`edge` of binance:um:BTCUSDT") && error.contains("NaN"),
        "{error}"
    );
    for text in ["", "1,5", "NaN", "inf"] {
        let mut bad = file("trades", day("2025-01-01"), "a.zip");
        bad.quote = Some(text);
        let error = writer.file(&bad, &RecordLog::new()).unwrap_err();
        assert!(
            matches!(
                error,
                TruthError::NotADecimal {
                    column: "quote",
                    ..
                }
            ),
            "{error}"
        );
    }
    // Nothing of what was refused is in the file.
    let (_dir, path) = stored(&writer.into_inner().unwrap());
    let reader = TruthReader::open(&path).unwrap();
    assert!(reader.minutes().unwrap().is_empty() && reader.files().unwrap().is_empty());
}

#[test]
fn files_that_are_no_truth() {
    let missing = TruthReader::open(Path::new("/nonexistent/truth.parquet")).unwrap_err();
    assert!(matches!(missing, TruthError::Io { step: "open", .. }));
    let (bytes, _) = written(100);
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        let (_dir, path) = stored(&bytes[..cut]);
        let error = TruthReader::open(&path).unwrap_err();
        assert!(
            matches!(
                error,
                TruthError::Parquet { .. } | TruthError::Panicked { .. }
            ),
            "{error}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.parquet");
    let column: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::Int64Array::from(vec![1]));
    let other = arrow_array::RecordBatch::try_from_iter([("kind", column)]).unwrap();
    crate::table::write_table(&path, &other).unwrap();
    let error = TruthReader::open(&path).unwrap_err();
    assert!(
        matches!(error, TruthError::Column { column: "kind", .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn a_log_keeps_every_time(rows in prop::collection::vec((any::<i32>(), 0_i64..10_000_000_000), 0..200)) {
        let mut log = RecordLog::new();
        let rows: Vec<_> = rows.into_iter().map(|(ts, delay)| {
            let ts = 1_735_689_600_000_000 + i64::from(ts);
            (UnixMicros(ts), UnixMicros(ts + delay))
        }).collect();
        for round in 0..2 {
            for (ts, at) in &rows {
                log.push(*ts, *at);
            }
            prop_assert_eq!(log.len(), rows.len() as u64);
            prop_assert!(log.iter().eq(rows.iter().copied()), "round {}", round);
            log.clear();
            prop_assert!(log.is_empty() && log.iter().next().is_none());
        }
    }
}

#[test]
fn nothing_is_known_before_it_happened() {
    let mut log = RecordLog::new();
    log.push(UnixMicros(5), UnixMicros(3));
    assert_eq!(
        log.iter().collect::<Vec<_>>(),
        [(UnixMicros(5), UnixMicros(5))]
    );
}
