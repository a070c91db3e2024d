//! Tests of coverage: present and missing minutes and days.

use super::*;

const MINUTE: i64 = 60;

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange::new(UnixMicros(start), UnixMicros(end)).unwrap()
}

fn gaps(over: TimeRange, rows: &[i64]) -> Vec<TimeRange> {
    let mut finder = GapFinder::new(over, MINUTE);
    for &row in rows {
        finder.see(UnixMicros(row));
    }
    finder.finish()
}

#[test]
fn finds_gaps_at_both_ends_and_inside() {
    assert_eq!(
        gaps(range(0, 600), &[60, 120, 300, 480]),
        [
            range(0, 60),
            range(180, 300),
            range(360, 480),
            range(540, 600)
        ]
    );
    assert_eq!(gaps(range(0, 180), &[0, 60, 120]), []);
    assert_eq!(gaps(range(0, 180), &[]), [range(0, 180)]);
}

#[test]
fn ignores_cut_intervals_and_foreign_rows() {
    // The range starts and ends inside an interval: only whole intervals are due.
    assert_eq!(gaps(range(30, 150), &[]), [range(60, 120)]);
    assert_eq!(gaps(range(30, 150), &[60]), []);
    assert_eq!(gaps(range(30, 59), &[]), []);
    assert_eq!(gaps(range(60, 120), &[0, 60, 60, 120]), []);
}

#[test]
fn agrees_with_a_list_of_every_interval() {
    proptest::proptest!(|(rows in proptest::collection::btree_set(0_i64..50, 0..40), a in 0_i64..1500, len in 1_i64..1500)| {
        let over = range(a, a + len);
        let seen: Vec<i64> = rows.iter().map(|r| r * MINUTE).collect();
        let naive: Vec<i64> = (0..60)
            .map(|i| i * MINUTE)
            .filter(|s| *s >= over.start.0 && s + MINUTE <= over.end.0 && !seen.contains(s))
            .collect();
        let found: Vec<i64> = gaps(over, &seen)
            .into_iter()
            .flat_map(|g| (g.start.0..g.end.0).step_by(60))
            .collect();
        proptest::prop_assert_eq!(found, naive);
    });
}

#[test]
fn an_absent_set_covers_nothing() {
    let day: Day = "2024-01-02".parse().unwrap();
    let c = coverage(None, Some(60_000_000), day.range());
    assert_eq!(
        (c.days_missing, c.rows_expected, c.share),
        (vec![day], Some(1440), Some(0.0))
    );
    assert_eq!(coverage(None, None, day.range()).share, None);
    let memo = HashMemo::default();
    let missing = missing_intervals(None, Some(60_000_000), day.range(), &memo).unwrap();
    assert_eq!(missing, [day.range()]);
}
