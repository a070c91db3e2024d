//! Properties of all columns at once: nothing depends on the future, nothing but null is not a number.

use proptest::prelude::*;

use super::day::*;
use crate::bars::Opening;

const ALL: Has = Has {
    quotes: true,
    book: true,
    trades: true,
    liquidations: true,
    bucket: Some(2.5),
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn closed_rows_do_not_change_when_the_future_is_cut(
        events in events(),
        cut in 0_i64..900,
        quotes in any::<bool>(),
    ) {
        let has = Has { quotes, ..ALL };
        let whole = Rows::of(has, &opening(250.0, 3), &events, 15);
        let past: Vec<_> = events.iter().filter(|e| ts_of(e) < s(cut)).cloned().collect();
        let closed = cut / 60;
        let part = Rows::of(has, &opening(250.0, 3), &past, closed);
        let bits = |rows: &Rows, n: usize| -> Vec<u64> {
            rows.0.stat_values[..n].iter().map(|x| x.to_bits()).collect()
        };
        let n = part.0.stat_values.len();
        prop_assert_eq!(n, usize::try_from(closed).unwrap() * whole.0.stat_columns.len());
        prop_assert_eq!(bits(&whole, n), bits(&part, n));
    }

    #[test]
    fn rows_while_streaming_are_rows_at_the_end(events in events()) {
        let mut builder = builder(ALL, &Opening::default());
        let mut seen: Vec<u64> = vec![];
        for event in &events {
            builder.on_event(event).unwrap();
            let values = builder.stat_values();
            seen.extend(values[seen.len()..].iter().map(|x| x.to_bits()));
        }
        let whole = Rows::of(ALL, &Opening::default(), &events, 1_440);
        let of_whole = whole.0.stat_values.iter().map(|x| x.to_bits());
        prop_assert!(of_whole.take(seen.len()).eq(seen));
    }

    #[test]
    fn null_is_the_only_thing_that_is_no_number(events in events(), is_known in any::<bool>()) {
        let opening = if is_known { opening(250.0, 3) } else { Opening::default() };
        let rows = Rows::of(ALL, &opening, &events, 20);
        prop_assert!(rows.0.stat_values.iter().all(|x| !x.is_infinite()));
        // One pattern of bits: a null that came out of arithmetic would differ from one that was written.
        let nulls = rows.0.stat_values.iter().filter(|x| x.is_nan());
        prop_assert!(nulls.map(|x| x.to_bits()).all(|x| x == f64::NAN.to_bits()));
    }
}
