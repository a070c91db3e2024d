//! Counters, and every detector on a planted and on a clean slice.

mod books;
mod cross;
mod funding;
mod pauses;
mod slices;

use super::*;

#[test]
fn accounts_for_left_out_rows_only() {
    let mut q = Quality {
        duplicates: 2,
        filtered: 3,
        quarantined: 4,
        other_day: 3,
        ..Quality::default()
    };
    q.add(&Quality {
        gaps: 7,
        out_of_order: 9,
        late: 1,
        stale_runs: 1,
        ..Quality::default()
    });
    assert_eq!(q.rows_accounted(10), 19);
    assert_eq!((q.gaps, q.out_of_order), (7, 9));
}
