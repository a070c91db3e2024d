//! Publications of a simulated truth against the lags of a config.

use quant_lake::truth::{RecordLog, TRUTH_FILE, TruthFile, TruthWriter};
use quant_lake::venues::records::{FundingRow, Ts};

use super::super::fixture::{M, S, at, day, instrument, mark};
use super::*;

/// A truth with metrics published 5 minutes late, marks at their end, and funding settled at its stamp, of two days each.
fn truth() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut out = TruthWriter::create(&dir.path().join(TRUTH_FILE)).unwrap();
    for (instrument, dataset, period, delay) in [
        ("binance:um:BTCUSDT", "metrics", 5 * M, 5 * M),
        ("binance:um:BTCUSDT", "mark_klines", M, M),
        ("binance:um:BTCUSDT", "funding", 8 * 60 * M, 0),
        ("binance:um:ETHUSDT", "metrics", 5 * M, 50 * M),
        ("binance:um:BTCUSDT", "no_such_product", M, 9 * M),
    ] {
        for distance in [0, 1] {
            let mut log = RecordLog::new();
            for i in 0..24 * 60 * M / period {
                let ts = day().plus(distance).start().plus(i * period);
                // One straggler a day.
                let more = if i == 2 && dataset == "metrics" { S } else { 0 };
                log.push(ts, ts.plus(delay + more));
            }
            let file = TruthFile {
                instrument,
                dataset,
                day: day().plus(distance),
                path: &format!("{instrument}-{dataset}-{distance}.zip"),
                volume: None,
                quote: None,
            };
            out.file(&file, &log).unwrap();
        }
    }
    out.finish().unwrap();
    dir
}

fn check(lags: &[(Dataset, i64)], days: &[Day]) -> Vec<PublishedRow> {
    publications(lags, days).rows
}

fn publications(lags: &[(Dataset, i64)], days: &[Day]) -> Publications {
    let dir = truth();
    let availability = Availability {
        lag_us: lags.iter().copied().collect(),
    };
    let read: Vec<_> = [Dataset::Metrics, Dataset::MarkKlines, Dataset::Funding]
        .map(|d| (instrument("sim-binance"), d))
        .into();
    check_published(&dir.path().join(TRUTH_FILE), days, &read, &availability).unwrap()
}

#[test]
fn a_lag_that_is_too_short_is_found_with_its_size() {
    let found = check(&[(Dataset::Metrics, 5 * M)], &[day(), day().plus(1)]);
    let of = |name: &str| found.iter().find(|r| r.dataset == name).unwrap();
    assert_eq!(found.len(), 3);
    let row = of("metrics");
    assert_eq!((row.records, row.early), (576, 2));
    assert_eq!(row.first_early, Some(UnixMicros(at(10 * M))));
    assert_eq!(row.worst_lead_us, Some(S));
    // An interval is available at its end, a settlement at its stamp.
    assert_eq!(
        (of("mark_klines").early, of("mark_klines").worst_lead_us),
        (0, Some(0))
    );
    assert_eq!((of("funding").records, of("funding").early), (6, 0));

    let found = check(&[(Dataset::Metrics, 0)], &[day()]);
    assert_eq!(
        (found[0].early, found[0].worst_lead_us),
        (288, Some(5 * M + S))
    );
    assert_eq!(found[0].first_early, Some(UnixMicros(at(0))));
    let found = check(&[(Dataset::Metrics, 5 * M + S)], &[day()]);
    assert_eq!((found[0].early, found[0].worst_lead_us), (0, Some(0)));
    let found = check(&[(Dataset::Metrics, 6 * M)], &[day()]);
    assert_eq!(found[0].worst_lead_us, Some(S - M));
}

#[test]
fn only_what_is_read_and_the_days_at_hand_count() {
    let found = check(&[], &[day()]);
    assert!(found.iter().all(|r| r.instrument == "binance:um:BTCUSDT"));
    assert_eq!(
        found.iter().map(|r| r.records).collect::<Vec<_>>(),
        [288, 1_440, 3]
    );
    // A month later the file may be a monthly one, two months later it is another.
    assert_eq!(check(&[], &[day().plus(30)]).len(), 3);
    assert!(check(&[], &[day().plus(60)]).is_empty());
    assert!(check(&[], &[day().plus(-1)]).is_empty());
}

#[test]
fn a_file_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(TRUTH_FILE);
    std::fs::write(&path, "no parquet").unwrap();
    let error = check_published(&path, &[day()], &[], &Availability::default()).unwrap_err();
    assert_eq!(error.kind, crate::error::ErrorKind::Data);
}

#[test]
fn days_that_no_truth_tells_of_are_named() {
    use super::super::fixture::Bench;
    let days = [day(), day().plus(1), day().plus(2)];
    let mut bench = Bench::new();
    bench.instrument = instrument("sim-binance");
    for day in days {
        let ts = day.start().0 + 8 * 60 * M;
        bench.put(day, &[mark(ts, 1.0)]);
        bench.put(
            day,
            &[FundingRow {
                ts_event: Ts(ts),
                rate: 1e-4,
                interval_h: Some(8),
                mark_price: None,
            }],
        );
    }
    let read = |exchange: &str| -> Vec<_> {
        [Dataset::MarkKlines, Dataset::Funding, Dataset::Trades]
            .map(|d| (instrument(exchange), d))
            .into()
    };
    let named = |of: &Publications| -> Vec<(Dataset, Vec<Day>)> {
        let found = untold(&bench.lake, &days, &read("sim-binance"), of).unwrap();
        found.into_iter().map(|r| (r.dataset, r.days)).collect()
    };
    // The truth is one of two days, its funding too.
    let third = vec![days[2]];
    assert_eq!(
        named(&publications(&[], &days)),
        [
            (Dataset::MarkKlines, third.clone()),
            (Dataset::Funding, third)
        ]
    );
    assert_eq!(
        named(&Publications::default()),
        [
            (Dataset::MarkKlines, days.to_vec()),
            (Dataset::Funding, days.to_vec())
        ]
    );
    // Real data has no truth, and nobody expects one.
    let none = untold(
        &bench.lake,
        &days,
        &read("binance"),
        &Publications::default(),
    );
    assert!(none.unwrap().is_empty());
}
