//! What counts as compared, and what a life that was cut short must repeat.

use super::*;

fn way_of(name: &str, is_whole: bool, counts: &[(&str, u64)], rows: u64) -> Way {
    Way {
        name: name.to_owned(),
        detail: String::new(),
        is_whole,
        comparison: Comparison {
            rows,
            non_null: counts.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect(),
            ..Comparison::default()
        },
    }
}

#[test]
fn columns_without_a_value_are_told_for_ways_that_lost_nothing() {
    let report = ParityReport {
        ways: vec![
            way_of("stream", true, &[("a", 5), ("b", 0), ("c", 1)], 10),
            way_of("sockets", false, &[("a", 0), ("b", 0), ("c", 0)], 10),
            way_of("recording", true, &[("a", 5), ("b", 0), ("c", 0)], 10),
        ],
    };
    assert_eq!(report.empty_columns(), ["b", "c"]);
    assert!(report.empty_way().is_none());
    let report = ParityReport {
        ways: vec![
            way_of("stream", true, &[], 3),
            way_of("last day alone", false, &[], 0),
        ],
    };
    assert_eq!(report.empty_way().unwrap().name, "last day alone");
    assert_eq!(report.n_differences(), 0);
}

#[test]
fn a_second_life_repeats_the_first() {
    let day = super::super::fixture::day();
    require_same(day, &[], &[1, 2]).unwrap();
    require_same(day, &[1, 2], &[1]).unwrap();
    let error = require_same(day, &[1, 2], &[1, 3, 4]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("2024-01-02"), "{error:?}");
}
