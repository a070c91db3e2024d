//! Tests of sorting and merging against a map of rows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::venues::records::{Columns as _, Record as _, TradeColumns, TradeRow, Ts};

fn batch(rows: &[(i64, i64, u8)]) -> RecordBatch {
    let mut columns = TradeColumns::default();
    for &(ts, id, price) in rows {
        columns.extend(&[TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id: id,
            price: f64::from(price),
            qty: 1.0,
            qty_raw: None,
            aggressor: 1,
        }]);
    }
    columns.take(&TradeRow::DATASET.arrow_schema(0)).unwrap()
}

fn rows(batch: &RecordBatch) -> Vec<(i64, i64, f64)> {
    let ts = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let id = batch.column(2).as_primitive::<Int64Type>();
    let price = batch.column(3).as_primitive::<Float64Type>();
    (0..batch.num_rows())
        .map(|i| (ts.value(i), id.value(i), price.value(i)))
        .collect()
}

/// The rows that stay, put together from chunks of three.
fn all(sorted: &SortedDay) -> Vec<(i64, i64, f64)> {
    let chunks: Vec<RecordBatch> = sorted.chunks(3).collect::<Result<_, _>>().unwrap();
    chunks.iter().flat_map(rows).collect()
}

proptest! {
    #[test]
    fn first_of_each_id_stays_in_order(input in proptest::collection::vec((0_i64..9, 0_i64..9, 0_u8..2), 0..40)) {
        // In pieces, one of them empty: where a batch ends must not matter.
        let half = input.len() / 2;
        let batches = vec![batch(&input[..half]), batch(&[]), batch(&input[half..])];
        let sorted = sort_day(Dataset::Trades, batches, Winner::First, true).unwrap();
        let mut first: BTreeMap<i64, (i64, u8)> = BTreeMap::new();
        let (mut duplicates, mut conflicts) = (0, Vec::new());
        for (i, &(ts, id, price)) in input.iter().enumerate() {
            match first.get(&id) {
                None => { first.insert(id, (ts, price)); }
                Some(&row) if row == (ts, price) => duplicates += 1,
                Some(_) => conflicts.push(i),
            }
        }
        let mut want: Vec<(i64, i64, f64)> = first.iter().map(|(&id, &(ts, p))| (ts, id, f64::from(p))).collect();
        want.sort_by_key(|a| (a.0, a.1));
        prop_assert_eq!(all(&sorted), want);
        prop_assert_eq!(sorted.duplicates, duplicates);
        let positions: Vec<usize> = sorted.conflicts.iter().map(|&at| sorted.position(at)).collect();
        prop_assert_eq!(positions, conflicts);
    }

    #[test]
    fn merging_slices_does_not_depend_on_their_order(
        a in proptest::collection::vec((0_i64..9, 0_i64..9, 0_u8..3), 0..20),
        b in proptest::collection::vec((0_i64..9, 0_i64..9, 0_u8..3), 0..20),
    ) {
        let one = |rows: &[(i64, i64, u8)]| {
            let sorted = sort_day(Dataset::Trades, vec![batch(rows)], Winner::First, true).unwrap();
            sorted.chunks(100).next().map_or_else(|| batch(&[]), Result::unwrap)
        };
        let (a, b) = (one(&a), one(&b));
        let ab = sort_day(Dataset::Trades, vec![a.clone(), b.clone()], Winner::Smallest, false).unwrap();
        let ba = sort_day(Dataset::Trades, vec![b, a], Winner::Smallest, false).unwrap();
        prop_assert_eq!(all(&ab), all(&ba));
        prop_assert_eq!(ab.duplicates, ba.duplicates);
        prop_assert_eq!(ab.conflicts.len(), ba.conflicts.len());
    }
}

#[test]
fn renders_rows_for_the_quarantine() {
    assert_eq!(
        render(&batch(&[(1_000_000, 7, 3)]), 0),
        "ts_event=1970-01-01T00:00:01Z trade_id=7 price=3 qty=1 aggressor=1"
    );
}
