//! A reader of `l2_deltas` that knows nothing of venues: it clears at a snapshot message and removes at quantity 0.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};

/// The row of a lost book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lost {
    pub(crate) ts: i64,
    pub(crate) ts_recv: Option<i64>,
    pub(crate) msg_seq: i64,
    pub(crate) side: i8,
    pub(crate) price: f64,
    pub(crate) id: i64,
}

/// What the rows come to, in the order of the lake.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) lost: Vec<Lost>,
    /// Time and number of levels after each message.
    pub(crate) depths: Vec<(i64, usize)>,
}

/// Applies rows one by one. Keys must rise; after a lost book the next message must be a snapshot.
pub(crate) fn replay<'a>(batches: impl Iterator<Item = &'a RecordBatch>) -> Replayed {
    let mut out = Replayed::default();
    let mut book: BTreeMap<(i8, u64), f64> = BTreeMap::new();
    let mut before: Option<(i64, i64, i8, f64)> = None;
    let (mut begins, mut is_void) = (true, false);
    for batch in batches {
        let ts = batch["ts_event"].as_primitive::<TimestampMicrosecondType>();
        let recv = batch["ts_recv"].as_primitive::<TimestampMicrosecondType>();
        let int = |name: &str| batch[name].as_primitive::<Int64Type>().clone();
        let float = |name: &str| batch[name].as_primitive::<Float64Type>().clone();
        let (seq, first, last, prev) = (
            int("msg_seq"),
            int("first_id"),
            int("last_id"),
            int("prev_id"),
        );
        let (price, qty) = (float("price"), float("qty"));
        let side = batch["side"].as_primitive::<Int8Type>();
        let flag = |name: &str, i: usize| batch[name].as_boolean().value(i);
        for i in 0..batch.num_rows() {
            let key = (ts.value(i), seq.value(i), side.value(i), price.value(i));
            assert!(
                before.is_none_or(|b| b.partial_cmp(&key).unwrap().is_lt()),
                "{before:?} then {key:?}"
            );
            before = Some(key);
            let (is_snapshot, ends) = (flag("is_snapshot", i), flag("msg_end", i));
            if begins && is_snapshot {
                is_void = ends && qty.value(i) == 0.0;
                if is_void {
                    assert!(!book.is_empty(), "a void book is lost again at {key:?}");
                    assert_eq!((first.value(i), prev.is_null(i)), (last.value(i), true));
                    let late = batch["late"].as_boolean();
                    assert!(late.is_null(i) || !late.value(i), "readers pass over it");
                    out.lost.push(Lost {
                        ts: key.0,
                        ts_recv: recv.is_valid(i).then(|| recv.value(i)),
                        msg_seq: key.1,
                        side: key.2,
                        price: key.3,
                        id: last.value(i),
                    });
                }
                book.clear();
            }
            assert!(is_snapshot || !is_void, "an update of no book at {key:?}");
            let place = (key.2, key.3.to_bits());
            if qty.value(i) > 0.0 {
                book.insert(place, qty.value(i));
            } else {
                book.remove(&place);
            }
            begins = ends;
            if ends {
                out.depths.push((key.0, book.len()));
            }
        }
    }
    out
}
