//! Statistics of small accounts computed by hand.
use super::*;
use crate::market::Side;
use crate::sim::{ClosedTrade, EquityPoint, ExitReason, LevelUsed};
use crate::time::{MICROS_PER_HOUR, TimeRange, UnixMicros};

fn at(text: &str) -> UnixMicros {
    text.parse().unwrap()
}

fn range(start: &str, end: &str) -> TimeRange {
    TimeRange::new(at(start), at(end)).unwrap()
}

fn point(ts: &str, equity: f64) -> EquityPoint {
    EquityPoint {
        ts: at(ts),
        equity,
        cash: equity,
        position_value: 0.0,
        gross_exposure: 0.0,
        realised: 0.0,
        unrealised: 0.0,
        fees: 0.0,
        funding: 0.0,
        n_open: 0,
    }
}

/// A trade of 1 unit from 100, with costs of 0.5, that ends `hours` after `entry` with a net result of `net`.
fn trade(entry: &str, hours: i64, net: f64, exit_reason: ExitReason) -> ClosedTrade {
    let ts_entry = at(entry);
    let ts_exit = ts_entry.plus(hours * MICROS_PER_HOUR);
    ClosedTrade {
        id: entry.to_owned(),
        instrument_idx: 0,
        side: Side::Buy,
        qty_lots: 1,
        qty: 1.0,
        ts_decision: ts_entry,
        ts_entry,
        ts_exit,
        ts_known: ts_exit,
        ts_horizon: ts_exit,
        px_decision: None,
        px_entry_ref: 100.0,
        px_entry: 100.0,
        px_tp: 110.0,
        px_sl: 90.0,
        px_exit_ref: 100.5 + net,
        px_exit: 100.4 + net,
        level_entry: LevelUsed::BarOpen,
        level_exit: LevelUsed::Barrier,
        exit_reason,
        ambiguous: exit_reason == ExitReason::Sl,
        mfe: 0.0,
        mae: 0.0,
        gross: net + 0.5,
        slippage_cost: 0.1,
        fees: 0.3,
        funding: 0.1,
        net,
    }
}

fn of<'a>(all: &'a [Statistic], name: &str) -> &'a Statistic {
    all.iter().find(|x| x.name == name).unwrap()
}

fn value(all: &[Statistic], name: &str) -> f64 {
    of(all, name).value.unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9,
        "found {found}, expected {expected}"
    );
}

fn trades() -> Vec<ClosedTrade> {
    vec![
        trade("2024-01-01T01:00", 2, 3.0, ExitReason::Tp),
        trade("2024-01-01T02:00", 3, -1.0, ExitReason::Sl),
        trade("2024-01-02T00:00", 6, 2.0, ExitReason::Time),
        trade("2024-01-03T00:00", 1, -0.5, ExitReason::Time),
        trade("2024-01-03T22:00", 2, 7.0, ExitReason::Censored),
    ]
}

#[test]
fn trade_statistics_by_hand() {
    let all = MetricSet::compute(&trades(), &[], range("2024-01-01", "2024-01-04"), 1_000.0);
    near(value(&all, "n_trades"), 5.0);
    near(value(&all, "n_censored"), 1.0);
    // The censored winner counts in totals but not in rates.
    near(value(&all, "win_rate"), 0.5);
    assert_eq!(of(&all, "win_rate").n, 4);
    near(value(&all, "profit_factor"), 5.0 / 1.5);
    near(value(&all, "expectancy"), 3.5 / 4.0);
    near(value(&all, "expectancy_bps"), 87.5);
    near(value(&all, "payoff"), 2.5 / 0.75);
    near(value(&all, "holding_time_mean"), 180.0);
    near(value(&all, "ambiguous_share"), 0.25);
    near(value(&all, "gross_total"), 13.0);
    near(value(&all, "slippage_total"), 0.5);
    near(value(&all, "fees_total"), 1.5);
    near(value(&all, "funding_total"), 0.5);
    near(value(&all, "net_total"), 10.5);
    // Union: 01:00-05:00, 00:00-06:00, 00:00-01:00, 22:00-24:00 of 72 hours.
    near(value(&all, "exposure"), 13.0 / 72.0);
    // 5 entries at 100, exits at 100.4 + net.
    near(value(&all, "turnover"), (1_002.0 + 10.5) / 1_000.0);
    near(value(&all, "break_even_cost"), 13.0 / 1_012.5 * 1e4);
}

#[test]
fn trades_outside_the_range_do_not_count() {
    let all = MetricSet::compute(&trades(), &[], range("2024-01-02", "2024-01-03"), 1_000.0);
    near(value(&all, "n_trades"), 1.0);
    near(value(&all, "exposure"), 0.25);
    // A trade known exactly at the boundary belongs to the range that ends there, and only to it.
    let at_boundary = [trade("2024-01-01T22:00", 2, 1.0, ExitReason::Tp)];
    let n = |start, end| {
        let all = MetricSet::compute(&at_boundary, &[], range(start, end), 1_000.0);
        value(&all, "n_trades")
    };
    near(n("2024-01-01", "2024-01-02"), 1.0);
    near(n("2024-01-02", "2024-01-03"), 0.0);
}

#[test]
fn exposure_counts_overlapping_trades_once() {
    let trades = [
        trade("2024-01-01T00:00", 12, 1.0, ExitReason::Tp),
        trade("2024-01-01T01:00", 1, 1.0, ExitReason::Tp),
        trade("2024-01-01T03:00", 2, 1.0, ExitReason::Tp),
    ];
    let all = MetricSet::compute(&trades, &[], range("2024-01-01", "2024-01-02"), 1_000.0);
    near(value(&all, "exposure"), 0.5);
}

#[test]
fn daily_equity_takes_the_last_mark_of_each_day_and_carries_it_forward() {
    let points = [
        point("2023-12-31T23:00", 5.0),
        point("2024-01-01T12:00", 101.0),
        point("2024-01-02T00:00", 102.0),
        point("2024-01-02T00:00:00.000001", 103.0),
        point("2024-01-04T06:00", 104.0),
        point("2024-01-04T18:00", 105.0),
    ];
    let daily = daily_equity(&points, range("2024-01-01", "2024-01-04T12:00"), 100.0);
    let found: Vec<(String, f64)> = daily
        .iter()
        .map(|x| (x.day.to_string(), x.equity))
        .collect();
    let expected = [("01", 102.0), ("02", 103.0), ("03", 103.0), ("04", 104.0)];
    assert_eq!(
        found,
        expected.map(|(day, equity)| (format!("2024-01-{day}"), equity))
    );
    let returns = daily_returns(&daily, 100.0).unwrap();
    near(returns[0], 0.02);
    near(returns[2], 0.0);
    assert_eq!(
        daily_equity(&[], range("2024-01-01", "2024-01-03"), 7.0).len(),
        2
    );
}

#[test]
fn equity_statistics_by_hand() {
    // Daily returns +10 %, -10 %, +10 %, -5 %.
    let points = [
        point("2024-01-01T12:00", 120.0),
        point("2024-01-02T00:00", 110.0),
        point("2024-01-03T00:00", 99.0),
        point("2024-01-04T00:00", 108.9),
        point("2024-01-05T00:00", 103.455),
    ];
    let all = MetricSet::compute(&[], &points, range("2024-01-01", "2024-01-05"), 100.0);
    near(value(&all, "total_return"), 0.03455);
    // Mean 0.0125; deviations .0875 -.1125 .0875 -.0625: squares sum to 0.031875.
    let sd = (0.031_875_f64 / 3.0).sqrt();
    near(value(&all, "sharpe_daily"), 0.0125 / sd);
    near(value(&all, "sharpe_ann"), 0.0125 / sd * 365.0_f64.sqrt());
    // Downside: (0.01 + 0.0025) / 4.
    near(
        value(&all, "sortino_ann"),
        0.0125 / 0.003_125_f64.sqrt() * 365.0_f64.sqrt(),
    );
    // From the intraday high of 120 to 99, never recovered.
    near(value(&all, "max_drawdown"), 1.0 - 99.0 / 120.0);
    let dates = Detail::Drawdown(DrawdownDates {
        ts_peak: at("2024-01-01T12:00"),
        ts_trough: at("2024-01-03"),
        ts_recovered: None,
    });
    assert_eq!(of(&all, "max_drawdown").detail, Some(dates));

    let Some(Detail::Sharpe(x)) = of(&all, "sharpe_ann").detail else {
        unreachable!("a Sharpe ratio carries its inference")
    };
    let deviations = [0.0875_f64, -0.1125, 0.0875, -0.0625];
    let m2 = deviations.iter().map(|d| d * d).sum::<f64>() / 4.0;
    let m3 = deviations.iter().map(|d| d * d * d).sum::<f64>() / 4.0;
    let m4 = deviations.iter().map(|d| d * d * d * d).sum::<f64>() / 4.0;
    assert_eq!(x.n_days, 4);
    near(
        x.to_sharpe().standard_error().unwrap() * 365.0_f64.sqrt(),
        x.se.unwrap(),
    );
    near(x.skew, m3 / (m2 * m2.sqrt()));
    near(x.kurtosis, m4 / (m2 * m2));
    let sr = x.sharpe_daily;
    let se = ((1.0 - x.skew * sr + (x.kurtosis - 1.0) / 4.0 * sr * sr) / 3.0).sqrt();
    near(x.se.unwrap(), se * 365.0_f64.sqrt());
    near(
        x.ci_high.unwrap() - x.ci_low.unwrap(),
        2.0 * 1.959_963_984_540_054 * se * 365.0_f64.sqrt(),
    );
    near(x.psr_zero.unwrap(), crate::stats::normal_cdf(sr / se));
}

#[test]
fn a_recovered_drawdown_has_its_date() {
    let points = [
        point("2024-01-01T01:00", 90.0),
        point("2024-01-01T02:00", 100.0),
        point("2024-01-01T03:00", 95.0),
    ];
    let all = MetricSet::compute(&[], &points, range("2024-01-01", "2024-01-02"), 100.0);
    near(value(&all, "max_drawdown"), 0.1);
    let dates = Detail::Drawdown(DrawdownDates {
        ts_peak: at("2024-01-01"),
        ts_trough: at("2024-01-01T01:00"),
        ts_recovered: Some(at("2024-01-01T02:00")),
    });
    assert_eq!(of(&all, "max_drawdown").detail, Some(dates));
}

#[test]
fn undefined_is_null_with_a_reason_and_never_infinite() {
    let winners = [trade("2024-01-01T01:00", 2, 3.0, ExitReason::Tp)];
    let all = MetricSet::compute(&winners, &[], range("2024-01-01", "2024-01-03"), 100.0);
    for name in [
        "profit_factor",
        "payoff",
        "sharpe_ann",
        "sharpe_daily",
        "sortino_ann",
    ] {
        let x = of(&all, name);
        assert_eq!(x.value, None, "{name}");
        assert!(x.reason.is_some(), "{name}");
    }
    let broke = [
        point("2024-01-01T12:00", -50.0),
        point("2024-01-02T12:00", -20.0),
    ];
    for (trades, points, start) in [
        (&winners[..], &broke[..], 100.0),
        (&[], &[], 100.0),
        (&[], &[], 0.0),
        (&winners[..], &[], 0.0),
        (&[], &broke[..], 1e-300),
    ] {
        let all = MetricSet::compute(trades, points, range("2024-01-01", "2024-01-03"), start);
        for x in &all {
            assert!(x.value.is_none_or(f64::is_finite), "{x:?}");
            assert_eq!(x.value.is_none(), x.reason.is_some(), "{x:?}");
        }
    }
}

#[test]
fn the_order_of_statistics_is_fixed() {
    let names = |trades: &[ClosedTrade], start: f64| -> Vec<&'static str> {
        let all = MetricSet::compute(trades, &[], range("2024-01-01", "2024-01-03"), start);
        all.iter().map(|x| x.name).collect()
    };
    let full = names(&trades(), 100.0);
    assert_eq!(full, names(&[], 0.0));
    assert_eq!(full[..3], ["total_return", "sharpe_ann", "sharpe_daily"]);
    let mut sorted = full.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), full.len());
}
