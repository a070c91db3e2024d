//! Tests of reading: ranges, columns, batches, damaged files.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;
use quant_core::time::{MICROS_PER_DAY, UnixMicros};

use super::*;
use crate::commit::DatasetWriter;
use crate::schema::{Column, ColumnType};
use crate::write::fixture::{commit_day, day, good, lake_with, options, realistic, source, spec};

fn rows(reader: impl Iterator<Item = Result<RecordBatch, ReadError>>) -> Vec<(i64, i64)> {
    let mut out = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        assert!(batch.num_rows() > 0);
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        out.extend(
            times
                .values()
                .iter()
                .zip(ids.values())
                .map(|(&t, &i)| (t, i)),
        );
    }
    out
}

const COLUMNS: Option<&[&str]> = Some(&["trade_id", "ts_event"]);

/// Three days, the middle one absent.
fn three_days(root: &std::path::Path) -> (Lake, Vec<(i64, i64)>) {
    let lake = Lake::new(root);
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let mut all = Vec::new();
    for n in [0, 2] {
        let times: Vec<i64> = (0..50).map(|i| n * MICROS_PER_DAY + i / 3 * 100).collect();
        let ids: Vec<i64> = (0..50).map(|i| n * 1_000 + i).collect();
        let d = day().plus(i32::try_from(n).unwrap());
        commit_day(&writer, d, &[good(&times, &ids)], source('a')).unwrap();
        all.extend(times.iter().map(|t| day().start().0 + t).zip(ids));
    }
    (lake, all)
}

#[test]
fn reads_exactly_the_range_in_any_batch_size() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, all) = three_days(dir.path());
    let set = PartitionSet::open(&lake, &spec()).unwrap();
    let memo = HashMemo::default();
    let edge = prop_oneof![
        -200_i64..2_000,
        (2 * MICROS_PER_DAY - 100)..(2 * MICROS_PER_DAY + 2_000)
    ];
    // Ends often fall exactly on a row's time.
    let edge = edge.prop_map(|us| us.div_euclid(50) * 50);
    proptest!(ProptestConfig::with_cases(64), |(a in edge.clone(), b in edge, size in 1_usize..70)| {
        let start = UnixMicros(day().start().0 + a.min(b));
        let range = TimeRange::new(start, UnixMicros(day().start().0 + a.max(b) + 50)).unwrap();
        let expected: Vec<(i64, i64)> =
            all.iter().copied().filter(|(t, _)| range.contains(UnixMicros(*t))).collect();
        prop_assert_eq!(rows(set.read(range, COLUMNS, size, &memo).unwrap()), expected);
    });
}

#[test]
fn prunes_row_groups_without_changing_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
    let data = realistic(crate::write::ROW_GROUP_ROWS + 1_000);
    commit_day(&writer, day(), std::slice::from_ref(&data), source('a')).unwrap();
    let set = PartitionSet::open(&lake, &spec()).unwrap();
    let times = data
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .values();
    let last = times[times.len() - 1];
    let from = times[crate::write::ROW_GROUP_ROWS + 10];
    let range = TimeRange::new(UnixMicros(from), UnixMicros(last + 1)).unwrap();
    let found = rows(
        set.read(range, COLUMNS, 8_192, &HashMemo::default())
            .unwrap(),
    );
    assert_eq!(found.len(), times.iter().filter(|&&t| t >= from).count());
    assert!(found.len() < 1_000);
}

#[test]
fn keeps_values_order_and_schema() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = three_days(dir.path());
    let set = PartitionSet::open(&lake, &spec()).unwrap();
    let memo = HashMemo::default();
    let all: Vec<RecordBatch> = set
        .read_day(day(), None, 1_000, &memo)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].schema(), spec().arrow_schema());
    let ids: Vec<i64> = (0..50).collect();
    let times: Vec<i64> = (0..50).map(|i| i / 3 * 100).collect();
    assert_eq!(all[0].columns(), good(&times, &ids).columns());
    let error = set.read_day(day().plus(1), None, 10, &memo).unwrap_err();
    assert!(matches!(error, ReadError::NoDay { .. }) && error.to_string().contains("\nhint: "));
    let error = set.read_day(day(), Some(&["nope"]), 10, &memo).unwrap_err();
    assert!(matches!(error, ReadError::UnknownColumn { .. }), "{error}");
}

#[test]
fn an_absent_set_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::new(dir.path());
    assert!(
        PartitionSet::open_if_present(&lake, &spec())
            .unwrap()
            .is_none()
    );
    let error = PartitionSet::open(&lake, &spec()).unwrap_err();
    assert!(matches!(error, ReadError::Absent { .. }), "{error}");
}

#[test]
fn a_column_added_later_reads_as_null_and_a_changed_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1, 2]);
    let memo = HashMemo::default();
    let first = |spec: &PartitionSetSpec, column: &str| {
        PartitionSet::open(&lake, spec)
            .unwrap()
            .read_day(day(), Some(&[column]), 10, &memo)
    };
    let mut newer = spec();
    newer.columns.push(Column {
        name: "fee".into(),
        ty: ColumnType::F64,
        nullable: true,
    });
    let batch = first(&newer, "fee").unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_rows(), batch.column(0).null_count()), (2, 2));
    newer.columns.last_mut().unwrap().nullable = false;
    let error = first(&newer, "fee").unwrap_err();
    assert!(
        matches!(&error, ReadError::Schema { found, .. } if found == "missing"),
        "{error}"
    );
    let mut other = spec();
    other.columns[3].ty = ColumnType::I64;
    let error = first(&other, "price").unwrap_err();
    assert!(
        matches!(&error, ReadError::Schema { column, .. } if column == "price"),
        "{error}"
    );
    let mut strict = spec();
    strict.columns[1].nullable = false;
    assert!(matches!(
        first(&strict, "price").unwrap_err(),
        ReadError::Schema { .. }
    ));
}

#[test]
fn every_flipped_byte_is_refused_before_parsing() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2]);
    let set = PartitionSet::open(&lake, &spec()).unwrap();
    let path = set.file_path(&partition);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x40;
        std::fs::write(&path, bad).unwrap();
        let error = set
            .read_day(day(), None, 10, &HashMemo::default())
            .unwrap_err();
        assert!(
            matches!(&error, ReadError::Hash { path: p, .. } if *p == path),
            "{error}"
        );
    }
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let error = set
        .read_day(day(), None, 10, &HashMemo::default())
        .unwrap_err();
    assert!(matches!(error, ReadError::Size { .. }), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = set
        .read_day(day(), None, 10, &HashMemo::default())
        .unwrap_err();
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
}

/// Replaces the data file and makes the manifest agree with it, so that the decoder meets the bytes.
fn with_bytes(lake: &Lake, partition: &Partition, bytes: &[u8]) -> PartitionSet {
    use sha2::Digest;
    let mut manifest = Manifest::load(&lake.set_dir(&spec()), &spec())
        .unwrap()
        .unwrap();
    let entry = &mut manifest.partitions[0];
    entry.bytes = bytes.len() as u64;
    entry.sha256 = crate::content::hex(&sha2::Sha256::digest(bytes));
    std::fs::write(lake.day_dir(&spec(), day()).join(&partition.file), bytes).unwrap();
    std::fs::write(lake.manifest_path(&spec()), manifest.to_json().unwrap()).unwrap();
    PartitionSet::open(lake, &spec()).unwrap()
}

#[test]
fn a_corrupt_file_with_a_matching_hash_gives_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2]);
    let path = lake.day_dir(&spec(), day()).join(&partition.file);
    let bytes = std::fs::read(&path).unwrap();
    let text = path.display().to_string();
    let outcome = |bytes: &[u8]| -> Result<usize, ReadError> {
        let set = with_bytes(&lake, &partition, bytes);
        let reader = set.read_day(day(), None, 10, &HashMemo::default())?;
        reader.map(|b| b.map(|b| b.num_rows())).sum()
    };
    for cut in [0, 3, 8, bytes.len() / 2, bytes.len() - 1] {
        let error = outcome(&bytes[..cut]).unwrap_err();
        assert!(error.to_string().contains(&text), "{cut}: {error}");
    }
    // Any outcome is fine but a panic that escapes or an error without a path.
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] = bad[at].wrapping_add(0x55);
        if let Err(error) = outcome(&bad) {
            assert!(error.to_string().contains(&text), "{at}: {error}");
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[test]
fn hashes_are_remembered_until_the_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, partition) = lake_with(dir.path(), &[1, 2]);
    let path = PartitionSet::open(&lake, &spec())
        .unwrap()
        .file_path(&partition);
    let memo = HashMemo::default();
    let open = || memo.open_checked(&path, partition.bytes, &partition.sha256);
    open().unwrap();
    let stamp = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let touch = |to| {
        std::fs::File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(to)
    };
    touch(stamp).unwrap();
    // Same size and time: the remembered hash counts.
    open().unwrap();
    touch(stamp + std::time::Duration::from_secs(1)).unwrap();
    assert!(matches!(open(), Err(ReadError::Hash { .. })));
}
