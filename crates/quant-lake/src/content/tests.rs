//! Tests of the content hash: golden values, and what it does not depend on.

use arrow_array::{
    BooleanArray, Float64Array, Int8Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use std::sync::Arc;

use super::*;
use crate::schema::arrow_schema;

fn column(name: &str, ty: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        nullable: true,
    }
}

#[derive(Clone, Debug)]
struct Row {
    ts: i64,
    f: Option<f64>,
    i: Option<i64>,
    small: Option<i32>,
    side: Option<i8>,
    flag: Option<bool>,
    text: Option<String>,
}

fn columns() -> Vec<Column> {
    vec![
        column("ts", ColumnType::Ts),
        column("f", ColumnType::F64),
        column("i", ColumnType::I64),
        column("small", ColumnType::I32),
        column("side", ColumnType::I8),
        column("flag", ColumnType::Bool),
        column("text", ColumnType::Text),
    ]
}

fn batch(rows: &[Row]) -> RecordBatch {
    let ts: TimestampMicrosecondArray = rows.iter().map(|r| Some(r.ts)).collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(ts.with_timezone("UTC")),
        Arc::new(rows.iter().map(|r| r.f).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| r.i).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.small).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.side).collect::<Int8Array>()),
        Arc::new(rows.iter().map(|r| r.flag).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.text.clone()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(arrow_schema(&columns()), arrays).unwrap()
}

fn hash(batches: &[RecordBatch], columns: &[Column]) -> String {
    let mut hasher = ContentHasher::new(columns);
    for batch in batches {
        hasher.update(batch).unwrap();
    }
    hasher.finish()
}

/// The definition in the module's documentation, one byte at a time.
fn naive(rows: &[Row]) -> String {
    fn text(t: &str) -> Vec<u8> {
        let mut out = u32::try_from(t.len()).unwrap().to_le_bytes().to_vec();
        out.extend(t.as_bytes());
        out
    }
    type Bytes = Box<dyn Fn(&Row) -> Option<Vec<u8>>>;
    let all: Vec<(&str, &str, Vec<u8>, Bytes)> = vec![
        (
            "ts",
            "ts_us",
            vec![0; 8],
            Box::new(|r| Some(r.ts.to_le_bytes().to_vec())),
        ),
        (
            "f",
            "f64",
            vec![0; 8],
            Box::new(|r| r.f.map(|v| v.to_bits().to_le_bytes().to_vec())),
        ),
        (
            "i",
            "i64",
            vec![0; 8],
            Box::new(|r| r.i.map(|v| v.to_le_bytes().to_vec())),
        ),
        (
            "small",
            "i32",
            vec![0; 4],
            Box::new(|r| r.small.map(|v| v.to_le_bytes().to_vec())),
        ),
        (
            "side",
            "i8",
            vec![0; 1],
            Box::new(|r| r.side.map(|v| v.to_le_bytes().to_vec())),
        ),
        (
            "flag",
            "bool",
            vec![0; 1],
            Box::new(|r| r.flag.map(|v| vec![u8::from(v)])),
        ),
        (
            "text",
            "utf8",
            vec![0; 4],
            Box::new(|r| r.text.as_deref().map(text)),
        ),
    ];
    let mut whole = b"quant-content-1\n".to_vec();
    whole.extend((rows.len() as u64).to_le_bytes());
    for (name, ty, zero, value) in all {
        if rows.iter().all(|r| value(r).is_none()) {
            continue;
        }
        let mut bits = vec![0_u8; rows.len().div_ceil(8)];
        let mut values = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if value(row).is_some() {
                bits[i / 8] |= 1 << (i % 8);
            }
            values.extend(value(row).unwrap_or_else(|| zero.clone()));
        }
        let mut one = text(name);
        one.extend(text(ty));
        one.extend(Sha256::digest(bits));
        one.extend(Sha256::digest(values));
        whole.extend(Sha256::digest(one));
    }
    let digest = Sha256::digest(whole);
    let digits: Vec<String> = digest.iter().map(|b| format!("{b:02x}")).collect();
    digits.concat()
}

fn row() -> impl Strategy<Value = Row> {
    (
        any::<i64>(),
        of(-1e9_f64..1e9),
        of(any::<i64>()),
        of(any::<i32>()),
        of(any::<i8>()),
        of(any::<bool>()),
        of("[a-zé]{0,5}"),
    )
        .prop_map(|(ts, f, i, small, side, flag, text)| Row {
            ts,
            f,
            i,
            small,
            side,
            flag,
            text,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn follows_its_definition_whatever_the_batches(
        mut rows in vec(row(), 0..90),
        cuts in vec(0_usize..90, 0..4),
        empty in any::<bool>(),
        late in 0_usize..90,
    ) {
        // One column stays empty at first, or altogether.
        for row in rows.iter_mut().take(late) {
            row.i = None;
        }
        if empty {
            for row in &mut rows {
                row.text = None;
            }
        }
        let expected = naive(&rows);
        let whole = batch(&rows);
        prop_assert_eq!(hash(std::slice::from_ref(&whole), &columns()), expected.clone());
        let mut edges: Vec<usize> = cuts.into_iter().map(|c| c.min(rows.len())).collect();
        edges.extend([0, rows.len()]);
        edges.sort_unstable();
        let parts: Vec<RecordBatch> =
            edges.windows(2).map(|w| whole.slice(w[0], w[1] - w[0])).collect();
        prop_assert_eq!(hash(&parts, &columns()), expected);
    }

    #[test]
    fn one_changed_value_changes_the_hash(rows in vec(row(), 1..20), at in any::<prop::sample::Index>()) {
        let mut other = rows.clone();
        let i = at.index(rows.len());
        other[i].f = Some(other[i].f.map_or(1.0, |v| v + 1.0));
        prop_assert_ne!(hash(&[batch(&rows)], &columns()), hash(&[batch(&other)], &columns()));
    }
}

#[test]
fn a_column_without_values_changes_nothing() {
    let two = [column("ts", ColumnType::Ts), column("f", ColumnType::F64)];
    let rows: Vec<Row> = (0..20)
        .map(|i| Row {
            ts: i,
            f: (i % 3 > 0).then_some(i as f64),
            i: None,
            small: None,
            side: None,
            flag: None,
            text: None,
        })
        .collect();
    let wide = batch(&rows);
    let narrow = wide.project(&[0, 1]).unwrap();
    assert_eq!(hash(&[wide], &columns()), hash(&[narrow], &two));
}

#[test]
fn what_lies_under_a_null_does_not_count() {
    use arrow_buffer::NullBuffer;
    let columns = [column("i", ColumnType::I64)];
    let schema = arrow_schema(&columns);
    let with = |hidden: i64| {
        let nulls = NullBuffer::from(vec![true, false, true]);
        let array = Int64Array::new(vec![1, hidden, 3].into(), Some(nulls));
        hash(
            &[RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(array)]).unwrap()],
            &columns,
        )
    };
    assert_eq!(with(7), with(0));
    let zero = Arc::new(Int64Array::from(vec![1, 0, 3]));
    let zero = hash(
        &[RecordBatch::try_new(schema.clone(), vec![zero]).unwrap()],
        &columns,
    );
    assert_ne!(with(0), zero);
}

#[test]
fn refuses_other_columns() {
    let rows = batch(&[]);
    let mut hasher = ContentHasher::new(&columns());
    let fewer = rows.project(&[0, 1]).unwrap();
    assert_eq!(hasher.update(&fewer).unwrap_err().column, "i");
    let mut hasher = ContentHasher::new(&columns()[..2]);
    assert_eq!(hasher.update(&rows).unwrap_err().column, "i");
}

#[test]
fn long_runs_of_bits_are_the_same_as_single_bits() {
    for n in [0_u64, 1, 7, 8, 9, 4095 * 8, 4096 * 8 + 3, 100_000] {
        for lead in 0..9 {
            let (mut a, mut b) = (BitHasher::default(), BitHasher::default());
            (0..lead).for_each(|_| {
                a.push(false);
                b.push(false);
            });
            a.push_run(true, n);
            (0..n).for_each(|_| b.push(true));
            assert_eq!(a.finish().as_ref(), b.finish().as_ref(), "{lead} then {n}");
        }
    }
}
