//! Each planted leak does what it says, and nothing else.

use super::super::fixture::{M, micro};
use super::*;

/// Features `x` (0, 1, 4, 9, ...) and `y` (null at 2 and 3) of ten minutes from 00:00 on.
fn features() -> Table {
    let n = 10_i64;
    Table {
        name: "features".to_owned(),
        columns: vec!["x".to_owned(), "y".to_owned()],
        ts_open: (0..n).map(|i| i * M).collect(),
        ts_avail: (0..n).map(|i| (i + 1) * M).collect(),
        values: (0..n)
            .flat_map(|i| {
                let y = (!(2..4).contains(&i)).then_some(i as f64);
                [Some((i * i) as f64), y]
            })
            .collect(),
    }
}

fn bars() -> Table {
    Table {
        name: "bars binance:um:BTCUSDT".to_owned(),
        columns: vec!["close".to_owned(), "vwap".to_owned()],
        ..features()
    }
}

fn spoilt(leak: Leak, mut table: Table) -> Vec<Vec<Option<f64>>> {
    leak.spoil(&mut table);
    let n = table.columns.len();
    (0..n)
        .map(|i| table.values.iter().skip(i).step_by(n).copied().collect())
        .collect()
}

fn column(table: &Table, i: usize) -> Vec<Option<f64>> {
    table.values.iter().skip(i).step_by(2).copied().collect()
}

#[test]
fn names_are_one_to_one() {
    let mut names: Vec<&str> = Leak::ALL.iter().map(|l| l.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Leak::ALL.len());
    for leak in Leak::ALL {
        assert_eq!(serde_json::to_value(leak).unwrap(), leak.name());
    }
}

#[test]
fn a_centred_window_sees_two_minutes_ahead() {
    let found = spoilt(Leak::CentredWindow, features());
    // (0 + 1 + 4) / 3, (0 + 1 + 4 + 9) / 4, (0 + 1 + 4 + 9 + 16) / 5, ..., (49 + 64 + 81) / 3.
    let x = &found[0];
    assert_eq!((x[0], x[1], x[2]), (Some(5.0 / 3.0), Some(3.5), Some(6.0)));
    assert_eq!(x[9], Some(194.0 / 3.0));
    // A null within the window is one.
    assert_eq!(found[1][5], None);
    assert_eq!(found[1][6], Some(6.0));
}

#[test]
fn full_samples_standardise_and_rank() {
    let z = spoilt(Leak::FullSampleZScore, features());
    let known: Vec<f64> = z[0].iter().map(|v| v.unwrap()).collect();
    let mean = known.iter().sum::<f64>() / 10.0;
    let var = known.iter().map(|v| v * v).sum::<f64>() / 10.0;
    assert!(mean.abs() < 1e-12 && (var - 1.0).abs() < 1e-12);
    assert_eq!(z[1].iter().filter(|v| v.is_none()).count(), 2);
    // A column that never varies has no score.
    let mut flat = features();
    flat.map_columns(|c| vec![Some(3.0); c.len()]);
    assert!(
        spoilt(Leak::FullSampleZScore, flat)[0]
            .iter()
            .all(Option::is_none)
    );
    let rank = spoilt(Leak::FullSamplePercentile, features());
    assert_eq!((rank[0][0], rank[0][9]), (Some(0.1), Some(1.0)));
    assert_eq!(
        (rank[1][0], rank[1][2], rank[1][4]),
        (Some(0.125), None, Some(0.375))
    );
}

#[test]
fn gaps_are_filled_from_behind() {
    let found = spoilt(Leak::BackwardFill, features());
    assert_eq!(found[0], column(&features(), 0));
    assert_eq!(found[1][1..5], [Some(1.0), Some(4.0), Some(4.0), Some(4.0)]);
    let mut last = features();
    last.values[19] = None;
    assert_eq!(spoilt(Leak::BackwardFill, last)[1][9], None);
}

#[test]
fn the_next_vwap_comes_a_minute_early() {
    let found = spoilt(Leak::NextBarVwap, bars());
    assert_eq!(found[0], column(&bars(), 0));
    let mut expected = column(&bars(), 1)[1..].to_vec();
    expected.push(None);
    assert_eq!(found[1], expected);
    let empty = Table {
        ts_open: vec![],
        ts_avail: vec![],
        values: vec![],
        ..bars()
    };
    assert!(spoilt(Leak::NextBarVwap, empty)[1].is_empty());
}

#[test]
fn five_minutes_know_their_end() {
    let found = spoilt(Leak::JoinOnOpen, features());
    let x = &found[0];
    assert!(x[..5].iter().all(|v| *v == Some(16.0)));
    assert!(x[5..].iter().all(|v| *v == Some(81.0)));
    // By the clock, not by the row.
    let mut later = features();
    later.ts_open.iter_mut().for_each(|ts| *ts += 2 * M);
    let x = &spoilt(Leak::JoinOnOpen, later)[0];
    assert_eq!((x[0], x[2], x[3]), (Some(4.0), Some(4.0), Some(49.0)));
    // The end is not there yet.
    assert_eq!(x[8], None);
}

#[test]
fn leaks_of_features_leave_bars_alone_and_the_other_way_round() {
    for leak in Leak::ALL {
        let is_of_bars = leak == Leak::NextBarVwap;
        let is_of_features = matches!(
            leak,
            Leak::CentredWindow
                | Leak::FullSampleZScore
                | Leak::FullSamplePercentile
                | Leak::BackwardFill
                | Leak::JoinOnOpen
        );
        let changes = |table: Table| {
            let mut other = table.clone();
            leak.spoil(&mut other);
            !other.is_same(&table)
        };
        assert_eq!(changes(features()), is_of_features, "{leak:?}");
        assert_eq!(changes(bars()), is_of_bars, "{leak:?}");
    }
}

#[test]
fn states_come_early_by_what_is_said() {
    let lags = [
        (Dataset::Metrics, 300_000),
        (Dataset::OpenInterest, 2_000),
        (Dataset::Funding, 1_000),
    ];
    let shifts = |leak: Leak| {
        let (clean, mut early) = (micro(&lags), micro(&lags));
        leak.shift(&mut early);
        let moved =
            quant_lake::stream::STATE_DATASETS.map(|d| (d, early.shift_us(d) - clean.shift_us(d)));
        moved
            .into_iter()
            .filter(|(_, us)| *us != 0)
            .collect::<Vec<_>>()
    };
    let s = 1_000_000;
    assert_eq!(
        shifts(Leak::KlineAtOpen),
        [
            (Dataset::MarkKlines, -60 * s),
            (Dataset::IndexKlines, -60 * s),
            (Dataset::PremiumKlines, -60 * s)
        ]
    );
    assert_eq!(
        shifts(Leak::OpenInterestAtCreateTime),
        [
            (Dataset::OpenInterest, -2 * s),
            (Dataset::Metrics, -300 * s)
        ]
    );
    assert_eq!(
        shifts(Leak::FundingBeforeSettlement),
        [(Dataset::Funding, -8 * 3_600 * s - s)]
    );
    assert_eq!(shifts(Leak::FundingWithoutLag), [(Dataset::Funding, -s)]);
    for leak in Leak::ALL {
        let is_early = !shifts(leak).is_empty();
        assert_eq!(
            is_early,
            matches!(
                leak,
                Leak::KlineAtOpen
                    | Leak::OpenInterestAtCreateTime
                    | Leak::FundingBeforeSettlement
                    | Leak::FundingWithoutLag
            ),
            "{leak:?}"
        );
    }
}

#[test]
fn funding_without_its_lag_is_audited_where_it_is_told_late() {
    let of = |lags: &[(Dataset, i64)]| Availability {
        lag_us: lags.iter().copied().collect(),
    };
    let (at_stamp, late) = (
        of(&[(Dataset::Metrics, 7)]),
        of(&[(Dataset::Funding, 3 * M)]),
    );
    for leak in Leak::ALL {
        for world in [&at_stamp, &late] {
            let (found, expected) = (leak.world(world).lag_us, world.lag_us.clone());
            if leak == Leak::FundingWithoutLag {
                let told = expected.get(&Dataset::Funding).copied().unwrap_or(M);
                assert_eq!(found[&Dataset::Funding], told);
                assert_eq!(
                    found.get(&Dataset::Metrics),
                    expected.get(&Dataset::Metrics)
                );
            } else {
                assert_eq!(found, expected, "{leak:?}");
            }
        }
        assert_eq!(leak.shows_at().is_some(), leak == Leak::FundingWithoutLag);
    }
}

#[test]
fn openings_take_from_the_next_day_what_is_asked() {
    use quant_core::market::{BookLevel, BookSnapshot, Touch, TouchAt};
    use quant_core::time::UnixMicros;
    let day = super::super::fixture::day();
    let (noon, before) = (day.start().plus(12 * 60 * M), day.start().plus(-1));
    let level = |px| BookLevel { px, qty: 1.0 };
    let make = |price: f64, ts: UnixMicros, volumes: Vec<(u8, f64)>| {
        let mut out = DayOpening {
            volumes,
            volume_bucket: Some(price / 100.0),
            ..DayOpening::default()
        };
        out.opening.last_price = Some(price);
        out.opening.last_trade_ts = Some(ts);
        let touch = Touch::of(level(price), level(price + 1.0)).unwrap();
        out.opening.touch = Some(TouchAt { ts, touch });
        out.opening.book = Some(BookSnapshot {
            ts_event: ts,
            ts_recv: None,
            seq: 1,
            bids: vec![level(price)],
            asks: vec![level(price + 1.0)],
        });
        out
    };
    let own = || make(100.0, before, vec![(1, 50.0)]);
    let next = || make(200.0, noon, vec![(1, 70.0), (2, 50.0)]);
    let micro = micro(&[]);

    let mut bucket = own();
    Leak::FutureBucket.look_into(&mut bucket, next(), day, &micro);
    // A tenth of the volume of the day itself; nothing else moves.
    assert_eq!(bucket.volume_bucket, Some(7.0));
    assert_eq!(bucket.opening, own().opening);
    let mut none = own();
    Leak::FutureBucket.look_into(&mut none, make(200.0, noon, vec![(2, 50.0)]), day, &micro);
    assert_eq!(none.volume_bucket, None);

    let mut opening = own();
    Leak::FutureOpening.look_into(&mut opening, next(), day, &micro);
    assert_eq!(opening.volume_bucket, own().volume_bucket);
    // The prices of the evening, as if they were yesterday's.
    assert_eq!(opening.opening, make(200.0, before, vec![]).opening);
}
