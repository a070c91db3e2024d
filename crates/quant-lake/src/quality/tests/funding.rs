//! Settlements whose rows do not say how many hours lie between them, as in the archives of OKX.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array};
use quant_core::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE};

use super::slices::{batch, names, start, subject, ts};
use crate::quality::columns::Batch;
use crate::quality::samples::FundingScan;
use crate::quality::{Finding, Severity};
use crate::schema::Dataset;

/// Scans settlements at these minutes of the day; returns the findings and how many were due.
fn scan(minutes: &[i64]) -> (Vec<Finding>, u64) {
    let mut scan = FundingScan::new(subject(Dataset::Funding));
    let at = |m: &i64| start() + m * MICROS_PER_MINUTE + 7_000;
    scan.batch(Batch(&batch(vec![
        ("ts_event", ts(minutes.iter().map(at).collect())),
        (
            "interval_h",
            Arc::new(Int32Array::from(vec![None; minutes.len()])) as ArrayRef,
        ),
    ])));
    let due = scan.due();
    let found = scan.finish().0;
    names(&found);
    (found, due)
}

fn at_hours(hours: &[i64]) -> (Vec<Finding>, u64) {
    scan(&hours.iter().map(|h| h * 60).collect::<Vec<_>>())
}

/// Detector, hour, severity.
fn said(hours: &[i64]) -> Vec<(String, i64, Severity)> {
    let told = |f: Finding| {
        let hour = (f.from.0 - start()).div_euclid(MICROS_PER_HOUR);
        (f.detector, hour, f.severity)
    };
    at_hours(hours).0.into_iter().map(told).collect()
}

#[test]
fn the_rows_tell_the_interval() {
    for interval in [1, 2, 4, 8] {
        let hours: Vec<i64> = (0..24 / interval).map(|i| i * interval).collect();
        let (found, due) = at_hours(&hours);
        assert!(found.is_empty(), "{interval}: {found:?}");
        assert_eq!(due, hours.len() as u64);
    }
}

#[test]
fn what_is_missing_of_a_shorter_interval_is_seen() {
    let gap = |hour, severity| ("funding_gap".to_owned(), hour, severity);
    assert_eq!(said(&[0, 4, 8, 16, 20]), [gap(12, Severity::Fail)]);
    assert_eq!(said(&[0, 4, 12, 16, 20]), [gap(8, Severity::Fail)]);
    assert_eq!(said(&[0, 16]), [gap(8, Severity::Fail)]);
    // It may be that the interval changed at eight o'clock: then nothing is missing.
    assert_eq!(said(&[0, 8, 12, 16, 20]), [gap(4, Severity::Warn)]);
    assert_eq!(said(&[0, 4, 8, 12, 16]), [gap(20, Severity::Warn)]);
    // One more in a day of eight hours fits no interval.
    assert!(said(&[0, 8, 12, 16]).contains(&gap(20, Severity::Fail)));
    // Nothing is known of a day without rows but what is usual.
    assert_eq!(at_hours(&[]).1, 3);
    assert_eq!(at_hours(&[]).0.len(), 3);
}

#[test]
fn what_fits_no_interval_is_paid_twice() {
    for minutes in [[0, 480, 481, 960], [0, 480, 787, 960]] {
        let (found, due) = scan(&minutes);
        assert_eq!((names(&found), due), (vec!["funding_extra"], 3));
        assert_eq!(found[0].severity, Severity::Fail);
    }
}
