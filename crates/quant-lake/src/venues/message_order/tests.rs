//! Numbers by hand, and that they rise whatever the times do.

use proptest::prelude::*;

use super::*;

const T: i64 = 1_652_459_225_000_000;

#[test]
fn numbers_by_time_and_place() {
    let mut order = MessageOrder::default();
    let got: Vec<i64> = [T, T, T + 1_000, T, T + 2_000]
        .map(|ts| order.number(ts, None))
        .to_vec();
    assert_eq!(
        got,
        [
            T * 1_000,
            T * 1_000 + 1,
            (T + 1_000) * 1_000,
            // Earlier than the message before: it still comes after it.
            (T + 1_000) * 1_000 + 1,
            (T + 2_000) * 1_000,
        ]
    );
}

#[test]
fn a_venue_id_is_kept_unless_it_falls_at_one_time() {
    let mut order = MessageOrder::default();
    assert_eq!(order.number(T, Some(70)), 70);
    assert_eq!(
        order.number(T, Some(70)),
        71,
        "a new snapshot of the same state"
    );
    assert_eq!(
        order.number(T, Some(3)),
        72,
        "a counter lowered at the same time"
    );
    assert_eq!(order.number(T + 1, Some(4)), 4);
}

#[test]
fn one_wrong_time_is_doubted_and_a_second_believed() {
    let mut order = MessageOrder::default();
    let far = T + 400 * MICROS_PER_DAY;
    assert!(order.check(T, None, "ts").is_ok());
    assert!(order.check(far, None, "ts").is_err());
    assert!(order.check(T + 5, None, "ts").is_ok());
    assert!(order.check(far, None, "ts").is_err(), "doubted anew");
    assert!(order.check(far + 1, None, "ts").is_ok(), "confirmed");
    assert!(
        order.check(far, Some(T), "ts").is_err(),
        "the receipt decides"
    );
    assert!(order.check(T, Some(T + 1), "ts").is_ok());
}

proptest! {
    #[test]
    fn numbers_rise(steps in prop::collection::vec(-3_000_i64..3_000, 1..2_000)) {
        let mut order = MessageOrder::default();
        let (mut ts, mut last) = (T, i64::MIN);
        for step in steps {
            ts += step;
            let number = order.number(ts, None);
            prop_assert!(number > last);
            last = number;
        }
    }
}
