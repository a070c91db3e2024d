//! Comparison of tables bit by bit.

use super::*;

const ALL: core::ops::Range<i64> = i64::MIN..i64::MAX;

/// Minutes 0, 60, 120 known at 70, 130, 190, with two columns.
fn table() -> Table {
    Table {
        name: "bars".to_owned(),
        columns: vec!["a".to_owned(), "b".to_owned()],
        ts_open: vec![0, 60, 120],
        ts_avail: vec![70, 130, 190],
        values: vec![Some(1.0), None, Some(2.0), Some(0.0), Some(3.0), Some(4.0)],
    }
}

#[test]
fn equal_tables_have_no_difference_and_count_what_was_compared() {
    let found = table().compare(&table(), ALL, i64::MAX);
    assert_eq!((found.rows, found.n_differences), (3, 0));
    let counts = [("bars/a".to_owned(), 3), ("bars/b".to_owned(), 2)];
    assert_eq!(found.non_null, counts);
    assert!(table().is_same(&table()));
}

#[test]
fn bits_decide_not_values() {
    for (i, value) in [
        // Null is not zero, zero is not minus zero, a value is not its neighbour.
        (3, None),
        (3, Some(-0.0)),
        (1, Some(0.0)),
        (0, Some(1.0_f64.next_up())),
    ] {
        let mut other = table();
        other.values[i] = value;
        let found = table().compare(&other, ALL, i64::MAX);
        assert_eq!(found.n_differences, 1, "{value:?}");
        let first = &found.first[0];
        assert_eq!((first.expected, first.found), (table().values[i], value));
        assert_eq!(first.ts_open, table().ts_open[i / 2]);
        assert_eq!(first.column, ["a", "b"][i % 2]);
        assert!(!table().is_same(&other));
    }
}

#[test]
fn only_rows_of_the_range_that_were_known_count() {
    let mut other = table();
    other.values = vec![None; 6];
    let rows = |opens, at| table().compare(&other, opens, at).rows;
    assert_eq!(rows(ALL, 69), 0);
    assert_eq!(rows(ALL, 70), 1);
    assert_eq!(rows(ALL, 189), 2);
    assert_eq!(rows(60..120, i64::MAX), 1);
    assert_eq!(rows(60..121, i64::MAX), 2);
    // The last row is wrong, and was not known.
    let mut other = table();
    other.values[5] = None;
    assert_eq!(table().compare(&other, ALL, 189).n_differences, 0);
    assert_eq!(table().compare(&other, ALL, 190).n_differences, 1);
}

#[test]
fn rows_that_one_of_them_lacks_are_differences() {
    let mut short = table();
    short.ts_open.truncate(2);
    short.ts_avail.truncate(2);
    short.values.truncate(4);
    // Gone: both cells.
    assert_eq!(table().compare(&short, ALL, i64::MAX).n_differences, 2);
    assert_eq!(table().compare(&short, ALL, 189).n_differences, 0);
    // New: what was not there is as telling.
    let found = short.compare(&table(), ALL, i64::MAX);
    assert_eq!((found.rows, found.n_differences), (2, 2));
    assert_eq!(found.first[0].found, Some(3.0));
    assert_eq!(short.compare(&table(), ALL, 189).n_differences, 0);
    // A row that is known at another moment is another row.
    let mut moved = table();
    moved.ts_avail[1] = 131;
    assert_eq!(table().compare(&moved, ALL, 130).n_differences, 2);
    assert_eq!(table().compare(&moved, ALL, 131).n_differences, 2);
    assert_eq!(moved.compare(&table(), ALL, 130).n_differences, 2);
    // Nothing at all.
    assert_eq!(
        table()
            .compare(&Table::default(), ALL, i64::MAX)
            .n_differences,
        6
    );
}

#[test]
fn columns_that_one_of_them_lacks_are_differences() {
    let mut other = table();
    other.columns[1] = "c".to_owned();
    // `b` is gone, even where it was null; `c` is new.
    let found = table().compare(&other, ALL, i64::MAX);
    assert_eq!(found.n_differences, 6);
    assert!(!table().is_same(&other));
    // The order of columns means nothing for a cell.
    let mut swapped = table();
    swapped.columns.swap(0, 1);
    for row in swapped.values.chunks_mut(2) {
        row.swap(0, 1);
    }
    assert_eq!(table().compare(&swapped, ALL, i64::MAX).n_differences, 0);
}

#[test]
fn sums_are_by_column_and_the_first_differences_are_kept() {
    let mut other = table();
    other.values = vec![Some(9.0); 6];
    let mut sum = Comparison::default();
    for _ in 0..5 {
        sum.add(table().compare(&other, ALL, i64::MAX));
    }
    sum.add(Comparison {
        non_null: vec![("bars/b".to_owned(), 100), ("new".to_owned(), 1)],
        ..Comparison::default()
    });
    assert_eq!(
        (sum.rows, sum.n_differences, sum.first.len()),
        (15, 30, MAX_KEPT)
    );
    let counts: Vec<u64> = sum.non_null.iter().map(|(_, n)| *n).collect();
    assert_eq!(counts, [15, 110, 1]);
}

#[test]
fn columns_are_replaced_one_by_one() {
    let mut t = table();
    t.map_column("b", |c| c.iter().map(|v| v.map(|v| v + 1.0)).collect());
    assert_eq!(
        t.values,
        [Some(1.0), None, Some(2.0), Some(1.0), Some(3.0), Some(5.0)]
    );
    t.map_column("none", |_| unreachable!());
    t.map_columns(|c| c.iter().rev().copied().collect());
    assert_eq!(
        t.values,
        [Some(3.0), Some(5.0), Some(2.0), Some(1.0), Some(1.0), None]
    );
}
