//! Pauses of trades without ids of their own: inside of a day, at the end of a recording that was cut, across midnight.

use quant_core::time::MICROS_PER_MINUTE;

use super::slices::{Trade, names, price, scan_trades_around, start};
use crate::quality::day_scan::Around;
use crate::quality::{Finding, Severity};
use crate::schema::Dataset;

/// Trades at an even pace of so many a day, in the minutes that `is` names; ids as if nothing were missing.
fn trades(a_day: i64, is: impl Fn(i64) -> bool) -> Vec<Trade> {
    (0..a_day)
        .map(|i| start() + i * (86_400_000_000 / a_day))
        .filter(|at| is((at - start()) / MICROS_PER_MINUTE))
        .zip(0..)
        .map(|(ts, id)| Trade {
            ts,
            id,
            price: price(id),
            qty: 1.0,
        })
        .collect()
}

fn scan_with(rows: &[Trade], contiguous: bool, around: Around<'_>) -> Vec<Finding> {
    let found = scan_trades_around(Dataset::Trades, rows, contiguous, around).0;
    names(&found);
    found
}

/// Scans trades whose ids tell nothing.
fn scan(rows: &[Trade], around: Around<'_>) -> Vec<Finding> {
    scan_with(rows, false, around)
}

/// Detector, severity, first and last minute concerned.
fn said(found: &[Finding]) -> Vec<(&str, Severity, i64, i64)> {
    let minute = |ts: i64| (ts - start()) / MICROS_PER_MINUTE;
    found
        .iter()
        .map(|f| {
            let name = f.detector.as_str();
            (name, f.severity, minute(f.from.0), minute(f.to.0 - 1))
        })
        .collect()
}

#[test]
fn a_hole_is_judged_by_the_hours_on_either_side() {
    let clean = Around::default();
    assert!(scan(&trades(20_000, |_| true), clean).is_empty());
    // Half an hour at noon: 417 rows.
    let hole = trades(20_000, |m| !(720..750).contains(&m));
    let found = scan(&hole, clean);
    assert_eq!(said(&found), [("silence", Severity::Fail, 719, 750)]);
    // Where ids say that nothing is missing, the venue stood still.
    let halt = scan_with(&hole, true, clean);
    assert_eq!(said(&halt), [("silence", Severity::Warn, 719, 750)]);
    // As long in hours that are quiet anyway, one after it is enough: a market that fell asleep.
    let quiet = |from: i64, to: i64| {
        let rows = trades(20_000, |m| {
            !(720..750).contains(&m) && (!(from..to).contains(&m) || m % 6 == 0)
        });
        scan(&rows, clean)
    };
    for (from, to) in [(600, 720), (750, 870)] {
        let found = quiet(from, to);
        let worst = found.iter().map(|f| f.severity).max();
        assert!(worst < Some(Severity::Fail), "{found:?}");
    }
    // Fewer than 400 rows at that pace may be chance.
    let short = trades(20_000, |m| !(720..745).contains(&m));
    assert_eq!(scan(&short, clean)[0].severity, Severity::Warn);
}

#[test]
fn silence_to_the_end_of_a_cut_recording() {
    for (last, known, unknown) in [
        (1_425, Some(Severity::Fail), Some(Severity::Warn)),
        (1_435, Some(Severity::Fail), None),
        // 27 rows: such a pause is nothing.
        (1_438, None, None),
    ] {
        let rows = trades(20_000, |m| m < last);
        for (has_gaps, severity) in [(true, known), (false, unknown)] {
            let around = Around {
                has_gaps,
                ..Around::default()
            };
            let found = scan(&rows, around);
            let worst = found.iter().map(|f| f.severity).max();
            assert_eq!(worst, severity, "{last} {has_gaps}: {found:?}");
        }
    }
    // Where the loss may lie elsewhere, a pause of the same length is what it was.
    let around = Around {
        has_gaps: true,
        ..Around::default()
    };
    let hole = trades(20_000, |m| !(720..735).contains(&m));
    assert_eq!(scan(&hole, around)[0].severity, Severity::Warn);
}

#[test]
fn ids_missing_across_midnight_begin_at_the_last_row() {
    let rows = trades(20_000, |m| m < 1_437);
    let last = rows[rows.len() - 1].id;
    let with = |next_id| {
        let around = Around {
            next_id: Some(next_id),
            ..Around::default()
        };
        assert!(scan(&rows, around).is_empty());
        scan_with(&rows, true, around)
    };
    let found = with(last + 43);
    assert_eq!(said(&found), [("id_gap", Severity::Fail, 1_436, 1_439)]);
    assert_eq!(found[0].rows, 42);
    // Nothing is missing; a few are told of the day after; ids that fall are.
    for next in [last + 1, last + 4, 5] {
        assert!(with(next).is_empty());
    }
}
