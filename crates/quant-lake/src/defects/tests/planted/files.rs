//! Finders for the kinds that concern a whole file or a long stretch.

use super::*;

/// A count in seconds, whatever its unit.
fn seconds(cell: &str) -> f64 {
    let whole = cell.split('.').next().unwrap().len();
    let unit = match whole {
        ..=11 => 1.0,
        12..=14 => 1e3,
        15..=17 => 1e6,
        _ => 1e9,
    };
    cell.parse::<f64>().unwrap() / unit
}

#[test]
fn shifted_labels_move_every_row_by_a_minute() {
    for case in cases(DefectKind::LabelShift) {
        case.check_the_rest();
        let shift = case.defect.shift_us.unwrap() as f64 / 1e6;
        assert!(shift.abs() > 59.9 && shift.abs() < 60.1);
        let (rows, clean) = (case.rows(), case.clean_rows());
        assert_eq!(rows.len(), clean.len());
        for (row, clean) in rows.iter().zip(&clean) {
            for (i, (a, b)) in row.split(',').zip(clean.split(',')).enumerate() {
                if case.defect.columns.contains(&i) {
                    assert!((seconds(a) - seconds(b) - shift).abs() < 1e-6, "{a} {b}");
                } else {
                    assert_eq!(a, b);
                }
            }
        }
    }
}

#[test]
fn units_switch_once_and_stay_switched() {
    for case in cases(DefectKind::UnitSwitch) {
        case.check_the_rest();
        let column = case.defect.columns[0];
        let whole = |row: &&str| cell(row, column).split('.').next().unwrap().len();
        let lengths: Vec<usize> = case.rows().iter().map(whole).collect();
        let switches: Vec<usize> = (1..lengths.len())
            .filter(|i| lengths[*i] != lengths[i - 1])
            .collect();
        assert_eq!(
            switches,
            [usize::try_from(case.defect.places[0].row).unwrap()]
        );
        // The instant is the same, as far as the coarser unit can tell.
        for (row, clean) in case.rows().iter().zip(case.clean_rows()) {
            let off = seconds(cell(row, column)) - seconds(cell(clean, column));
            assert!(off.abs() < 1.0, "{row} {clean}");
        }
    }
}

#[test]
fn mixed_up_contracts_scale_every_quantity_exactly() {
    for case in cases(DefectKind::ContractMixup) {
        case.check_the_rest();
        let mut factors = Vec::new();
        for (row, clean) in case.rows().iter().zip(case.clean_rows()) {
            for (i, (a, b)) in row.split(',').zip(clean.split(',')).enumerate() {
                if case.defect.columns.contains(&i) {
                    factors.push(a.parse::<f64>().unwrap() / b.parse::<f64>().unwrap());
                    assert!(!a.starts_with("00") && !a.starts_with('.'), "{a}");
                } else {
                    assert_eq!(a, b);
                }
            }
        }
        let first = factors[0];
        assert!(
            (first - 100.0).abs() < 1e-9 || (first - 1e-3).abs() < 1e-12,
            "{first}"
        );
        assert!(factors.iter().all(|f| (f / first - 1.0).abs() < 1e-9));
    }
}

/// Rows whose named columns repeat those of the row before.
fn repeats(case: &Case) -> Vec<usize> {
    let rows = case.rows();
    let values = |row: &str| -> Vec<String> {
        let of = |c: &usize| cell(row, *c).to_owned();
        case.defect.columns.iter().map(of).collect()
    };
    (1..rows.len())
        .filter(|i| values(rows[*i]) == values(rows[i - 1]))
        .collect()
}

#[test]
fn frozen_klines_and_stale_quotes_repeat_while_times_go_on() {
    for kind in [DefectKind::FrozenKlines, DefectKind::StaleQuotes] {
        for case in cases(kind) {
            case.check_the_rest();
            let found = repeats(&case);
            for row in case.claimed() {
                assert!(found.contains(&row), "{kind}: row {row}");
            }
            assert!((10..=120).contains(&case.claimed().len()));
            let rest = |row: &str| -> Vec<String> {
                let cells = row.split(',').enumerate();
                let is_value = |i: usize| case.defect.columns.contains(&i);
                cells
                    .filter(|(i, _)| !is_value(*i))
                    .map(|(_, c)| c.to_owned())
                    .collect()
            };
            for (row, clean) in case.rows().iter().zip(case.clean_rows()) {
                assert_eq!(rest(row), rest(clean));
            }
        }
    }
}

#[test]
fn interleaved_rows_are_copies_of_another_day() {
    for case in cases(DefectKind::InterleavedDays) {
        case.check_the_rest();
        let [place] = case.defect.places[..] else {
            panic!("{:?}", case.defect.places);
        };
        assert_eq!(place.rows, 2 * place.clean_rows);
        let (rows, clean) = (case.rows(), case.clean_rows());
        let (at, from) = (
            usize::try_from(place.row).unwrap(),
            usize::try_from(place.clean_row).unwrap(),
        );
        for k in 0..usize::try_from(place.clean_rows).unwrap() {
            let (own, copy) = (rows[at + 2 * k], rows[at + 2 * k + 1]);
            assert_eq!(own, clean[from + k]);
            for (i, (a, b)) in copy.split(',').zip(own.split(',')).enumerate() {
                if !case.defect.columns.contains(&i) {
                    assert_eq!(a, b);
                } else if b.contains('-') {
                    assert_ne!(a[..10], b[..10]);
                    assert_eq!(a[10..], b[10..]);
                } else {
                    let shift = case.defect.shift_us.unwrap() as f64 / 1e6;
                    assert!((seconds(a) - seconds(b) - shift).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }
}
