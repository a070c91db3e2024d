//! Tests of stretches of days of one unit.

use super::*;
use crate::venues::contracts::tests_shared::terms;

/// Entries of a swap: from, to and what a contract is worth.
fn table(entries: &[(&str, Option<&str>, f64)]) -> Vec<Instrument> {
    let entry = |&(from, to, value): &(&str, Option<&str>, f64)| Instrument {
        valid_from: from.parse().unwrap(),
        valid_to: to.map(|to| to.parse().unwrap()),
        ..terms("swap", value, false)
    };
    entries.iter().map(entry).collect()
}

fn days(start: &str, end: &str) -> TimeRange {
    TimeRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn shown(spans: &[UnitSpan<'_>]) -> Vec<(String, Option<QtyUnit>)> {
    let show = |s: &UnitSpan<'_>| (s.range.to_string(), s.unit);
    spans.iter().map(show).collect()
}

#[test]
fn days_of_one_unit_are_one_stretch_whatever_else_changes() {
    let table = table(&[
        ("2024-01-01", Some("2024-01-03"), 0.01),
        ("2024-01-03", Some("2024-01-05"), 0.01),
        ("2024-01-05", None, 0.1),
    ]);
    let key = table[0].key.clone();
    let spans = units_over(&key, &table, days("2024-01-02T12:00:00Z", "2024-01-07")).unwrap();
    let linear = |ctval| Some(QtyUnit::Linear { ctval });
    assert_eq!(
        shown(&spans),
        [
            (days("2024-01-02", "2024-01-05").to_string(), linear(0.01)),
            (days("2024-01-05", "2024-01-07").to_string(), linear(0.1)),
        ]
    );
    assert_eq!(spans[1].terms, Some(&table[2]));
    let error = only(&key, &spans, "`x.csv`").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "contracts of `{key}` are worth 0.01 base units and, from 2024-01-05, 0.1 base units: `x.csv` would be read with \
             one of them\nhint: ingest the days before 2024-01-05 and those from it on with two commands: --end 2024-01-05, \
             then --start 2024-01-05"
        )
    );
    let one = only(&key, &spans[..1], "").unwrap();
    assert_eq!(one, Some(spans[0]));
    // Where quantities are coins nothing changes.
    let mut spot = table;
    for entry in &mut spot {
        entry.key.market = "spot".parse().unwrap();
    }
    let spans = units_over(&spot[0].key, &spot, days("2024-01-02", "2024-01-07")).unwrap();
    assert_eq!(spans.len(), 1);
}

#[test]
fn a_change_inside_a_day_is_refused_on_that_day_only() {
    let table = table(&[
        ("2024-01-01", Some("2024-01-05T08:00:00Z"), 0.01),
        ("2024-01-05T08:00:00Z", None, 0.1),
    ]);
    let key = &table[0].key;
    let error = units_over(key, &table, days("2024-01-04", "2024-01-06")).unwrap_err();
    assert!(matches!(error, UnitChange::InsideDay { .. }), "{error}");
    let text = error.to_string();
    for word in ["0.01 base units", "0.1 base units", "2024-01-05T08", "hint"] {
        assert!(text.contains(word), "{text}");
    }
    for (start, end) in [("2024-01-01", "2024-01-05"), ("2024-01-06", "2024-01-09")] {
        assert_eq!(units_over(key, &table, days(start, end)).unwrap().len(), 1);
    }
}

#[test]
fn an_unknown_worth_is_a_stretch_of_its_own_but_a_listing_during_a_day_is_not() {
    let table = table(&[
        ("2024-01-02T07:00:00Z", Some("2024-01-03"), 0.01),
        ("2024-01-04", Some("2024-01-04T09:00:00Z"), 0.01),
    ]);
    let key = &table[0].key;
    let spans = units_over(key, &table, days("2024-01-01", "2024-01-06")).unwrap();
    let known: Vec<bool> = spans.iter().map(|s| s.unit.is_some()).collect();
    assert_eq!(known, [false, true, false, true, false]);
    assert_eq!(spans[1].range, days("2024-01-02", "2024-01-03"));
    let changes = days_of_changes(&table).unwrap();
    assert_eq!(changes, days("2024-01-02", "2024-01-05"));
    // Another kind of contract of the same number is another unit.
    let mut swapped = table;
    swapped[1].inverse = true;
    swapped[1].valid_from = swapped[0].valid_to.unwrap();
    let key = &swapped[0].key;
    let spans = units_over(key, &swapped, days("2024-01-02", "2024-01-05")).unwrap();
    assert_eq!(spans[1].unit, Some(QtyUnit::Inverse { usd: 0.01 }));
}
