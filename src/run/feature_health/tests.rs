//! Tests of the collector: reasons, halves, stuck values, drift and thinning.
use super::*;
use quant_core::bars::{BarSource, MinuteRow, N_STAT_COLUMNS, SegmentState};
use quant_core::features::InstrumentMinute;
use quant_core::time::Day;

const START: UnixMicros = UnixMicros(1_700_006_400 * 1_000_000);

fn range(minutes: i64) -> TimeRange {
    TimeRange::new(START, START.plus(minutes * MICROS_PER_MINUTE)).unwrap()
}

/// One minute as features see it: with a row or without, in a gap or not.
fn push(health: &mut FeatureHealth, m: i64, has_row: bool, in_gap: bool, values: &[Option<f64>]) {
    let ts_open = START.plus(m * MICROS_PER_MINUTE);
    let row = MinuteRow {
        ts_open,
        open: None,
        high: None,
        low: None,
        close: None,
        volume: 0.0,
        quote_volume: None,
        n_trades: None,
        buy_volume: None,
        vwap: None,
        bar_source: BarSource::Klines,
        is_filled: true,
    };
    let minutes = [InstrumentMinute {
        row: has_row.then_some(row),
        bar_5m: None,
        close_move: None,
        segment: SegmentState {
            id: 1,
            in_gap,
            started: false,
        },
    }];
    let ts_close = ts_open.plus(MICROS_PER_MINUTE);
    let frame = MinuteFrame {
        ts_open,
        ts_close,
        ts_avail: ts_close,
        minutes: &minutes,
        stats: &[f64::NAN; N_STAT_COLUMNS],
        traded_idx: 0,
        parts: &[],
    };
    let row = FeatureRow {
        ts_open,
        ts_avail: ts_close,
        values: values.to_vec(),
    };
    health.push(&frame, &row);
}

#[test]
fn columns_are_described_by_what_they_held() {
    let mut health = FeatureHealth::new(range(100), 3);
    for m in 0..100_i64 {
        let (has_row, in_gap) = (m >= 3, (3..10).contains(&m));
        let is_there = m >= 12;
        let steady = is_there.then_some((m % 10) as f64);
        // Stands still for 20 minutes, then is 100 for one.
        let odd = is_there.then_some(match m {
            40..60 => 7.0,
            60 => 100.0,
            _ => (m % 7) as f64,
        });
        push(&mut health, m, has_row, in_gap, &[steady, odd, None]);
    }
    let names = ["steady", "odd", "never"].map(str::to_owned);
    let report = health.report("abc", &names);
    assert_eq!(report.second_half, START.plus(50 * MICROS_PER_MINUTE));
    assert_eq!(report.every_nth_minute, 1);
    let [steady, odd, never] = report.columns.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!((steady.rows, steady.missing), (100, 12));
    assert_eq!(steady.missing_share, Some(0.12));
    let reasons = MissingReasons {
        absent_row: 3,
        gap: 7,
        feature: 2,
    };
    assert_eq!(steady.missing_by_reason, reasons);
    assert_eq!((steady.n_first, steady.n_second), (38, 50));
    // 2..=9, then 0..=9 eight times: (44 + 8 * 45) / 88.
    assert!((steady.mean.unwrap() - 404.0 / 88.0).abs() < 1e-12);
    assert_eq!(
        (steady.min, steady.p50, steady.max),
        (Some(0.0), Some(5.0), Some(9.0))
    );
    assert_eq!((steady.outliers, steady.longest_run), (Some(0), 1));
    assert!(
        steady.psi.unwrap() < 0.1 && steady.ks.unwrap() < 0.1,
        "{steady:?}"
    );
    assert_eq!((odd.outliers, odd.longest_run), (Some(1), 20));
    assert_eq!(odd.max, Some(100.0));
    assert_eq!(never.missing_by_reason.feature, 90);
    let undefined = [
        never.mean, never.std, never.min, never.p99, never.psi, never.ks,
    ];
    assert_eq!((undefined, never.outliers), ([None; 6], None));
    let why: Vec<&str> = never.undefined.keys().copied().collect();
    assert_eq!(
        why,
        [
            "ks", "max", "mean", "min", "outliers", "p01", "p50", "p99", "psi", "std"
        ]
    );
    assert_eq!(never.undefined["mean"], "0 observations, at least 1 needed");
    assert!(steady.undefined.is_empty() && odd.undefined.is_empty());
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["columns"][2]["psi"].is_null());
}

#[test]
fn a_shift_between_the_halves_shows() {
    let mut health = FeatureHealth::new(range(2_000), 1);
    for m in 0..2_000_i64 {
        let x = (m * 37 % 101) as f64 + if m < 1_000 { 0.0 } else { 1_000.0 };
        push(&mut health, m, true, false, &[Some(x)]);
    }
    let column = &health.report("abc", &["x".to_owned()]).columns[0];
    assert_eq!(column.ks, Some(1.0));
    assert!(column.psi.unwrap() > 1.0);
}

#[test]
fn long_ranges_are_thinned_by_their_length_alone() {
    let years = TimeRange::new(Day(19_000).start(), Day(19_731).start()).unwrap();
    // 731 days are 1,052,640 minutes: every fifth is kept.
    assert_eq!(FeatureHealth::new(years, 1).every_nth, 5);
    let mut health = FeatureHealth::new(range(10), 1);
    health.every_nth = 3;
    for m in 0..10 {
        push(&mut health, m, true, false, &[Some(m as f64)]);
    }
    let column = &health.report("abc", &["x".to_owned()]).columns[0];
    assert_eq!((column.n_first, column.n_second), (2, 2));
    assert_eq!((column.rows, column.max), (10, Some(9.0)));
}
