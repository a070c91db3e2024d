//! Derivatives and other instruments against naive recomputations from their definitions, and against the driver's promises.

use proptest::prelude::*;

use super::{FIRST, GAP, MinuteRow, bits, minute_at, params, random_rows};
use crate::bars::stat_column;
use crate::features::{
    BasisParams, CorrelationParams, FeatureError, FeatureParams, FeatureRow, FeatureSet,
    FundingParams, N_STAT_COLUMNS, OiChangeParams, PremiumParams,
};
use crate::time::MINUTES_PER_DAY;

const MID: usize = stat_column("mid_close");
const PREMIUM: usize = stat_column("premium");
const MARK: usize = stat_column("mark");
const INDEX: usize = stat_column("index");
const RATE: usize = stat_column("funding_rate");
const OI: usize = stat_column("open_interest");

/// Position of the traded instrument; the other one is 0.
const TRADED: usize = 1;

/// Every kind of the family, made for two instruments of which the second is traded.
pub(super) fn two_instrument_kinds() -> Vec<FeatureParams> {
    use FeatureParams as P;
    vec![
        P::Basis(BasisParams {
            other: 0,
            days_back: 0,
        }),
        P::Correlation(CorrelationParams {
            other: 0,
            days: 1,
            min_valid_share: 0.3,
        }),
        P::Funding(FundingParams { days_back: 1 }),
        P::OiChange(OiChangeParams { days_back: 1 }),
        P::Premium(PremiumParams { days_back: 0 }),
    ]
}

/// Rows of both instruments, and their statistics of every minute side by side.
struct World {
    rows: [Vec<Option<MinuteRow>>; 2],
    stats: Vec<Vec<f64>>,
}

impl World {
    /// Random rows with gaps and random statistics with nulls; absent rows only if asked for.
    fn random(seed: u64, n: usize, with_absent: bool) -> Self {
        let rows = [seed, seed ^ 0x5a5a].map(|seed| {
            let mut rows = random_rows(seed, n);
            if !with_absent {
                let filled = rows.iter().flatten().find(|r| r.is_filled).copied();
                let mut last = filled;
                for (m, row) in rows.iter_mut().enumerate() {
                    let repeated = last.map(|r| MinuteRow {
                        ts_open: minute_at(m),
                        open: r.close,
                        high: r.close,
                        low: r.close,
                        volume: 0.0,
                        quote_volume: Some(0.0),
                        buy_volume: Some(0.0),
                        vwap: None,
                        is_filled: true,
                        ..r
                    });
                    *row = row.or(repeated);
                    last = row.or(last);
                }
            }
            rows
        });
        let mut dice = super::Dice(seed ^ 0xfeed);
        let mut rate = 1e-4;
        let stats = (0..n)
            .map(|m| {
                let mut all = vec![f64::NAN; 2 * N_STAT_COLUMNS];
                if dice.below(200) == 0 {
                    rate = 1e-3 * (dice.unit() - 0.5);
                }
                for i in 0..2 {
                    // Only a minute with a row has statistics.
                    if rows[i][m].is_none() {
                        continue;
                    }
                    let mut put = |column: usize, value: f64, nulls: u64| {
                        if dice.below(nulls) > 0 {
                            all[i * N_STAT_COLUMNS + column] = value;
                        }
                    };
                    let noise = m as f64 * 0.37 + i as f64;
                    put(MID, 100.0 + libm::sin(noise), 3);
                    put(PREMIUM, 1e-4 * libm::sin(noise), 2);
                    put(MARK, 100.0 + libm::cos(noise), 4);
                    put(INDEX, 99.0 + libm::cos(noise), 4);
                    put(RATE, rate, 30);
                    put(OI, 5_000.0 + 100.0 * libm::sin(0.001 * noise), 6);
                }
                all
            })
            .collect();
        Self { rows, stats }
    }

    fn stat(&self, m: usize, instrument: usize, column: usize) -> Option<f64> {
        let x = self.stats[m][instrument * N_STAT_COLUMNS + column];
        (!x.is_nan()).then_some(x)
    }

    fn traded(&self, m: usize, column: usize) -> Option<f64> {
        self.stat(m, TRADED, column)
    }

    /// Values of the minutes `from..until`, `from` being a midnight.
    fn run(&self, from: usize, until: usize, features: &[FeatureParams]) -> Vec<FeatureRow> {
        let mut set = FeatureSet::new(&params(features.to_vec()), 2, TRADED).unwrap();
        (from..until)
            .map(|m| {
                let rows = [self.rows[0][m], self.rows[1][m]];
                set.push_with_stats(minute_at(m), &rows, &self.stats[m], &[])
                    .unwrap()
                    .clone()
            })
            .collect()
    }

    /// Segment of every minute of one instrument counted from `from`; `None` inside a gap.
    fn segments(&self, instrument: usize, from: usize) -> Vec<Option<usize>> {
        let rows = &self.rows[instrument];
        let is_real = |m: usize| rows[m].is_some_and(|r| !r.is_filled);
        (from..rows.len())
            .map(|t| {
                let last_real = (from..=t).rev().find(|m| is_real(*m));
                let quiet = t + 1 - last_real.map_or(from, |m| m + 1);
                if quiet > GAP as usize {
                    return None;
                }
                let Some(mut first) = last_real else {
                    // Before the first real row: a segment of its own.
                    return Some(usize::MAX);
                };
                // Back to the first real row that no gap separates from this minute.
                while let Some(before) = (from..first)
                    .rev()
                    .take(GAP as usize + 1)
                    .find(|m| is_real(*m))
                {
                    first = before;
                }
                Some(first)
            })
            .collect()
    }

    /// (minute, segment, close) of every completed bar outside gaps, from `from` on.
    fn bars(&self, instrument: usize, from: usize) -> Vec<(usize, usize, f64)> {
        let segments = self.segments(instrument, from);
        let rows = &self.rows[instrument];
        (from..rows.len())
            .filter(|m| m % 5 == 4)
            .filter_map(|m| {
                let five: Vec<MinuteRow> =
                    rows[m - 4..=m].iter().copied().collect::<Option<_>>()?;
                let last = five.iter().rev().find(|r| !r.is_filled).unwrap_or(&five[4]);
                Some((m, segments[m - from]?, last.close?))
            })
            .collect()
    }

    /// (minute, return) between bars that follow one another.
    fn returns(&self, instrument: usize, from: usize) -> Vec<(usize, f64)> {
        self.bars(instrument, from)
            .windows(2)
            .filter(|w| w[1].0 == w[0].0 + 5 && w[1].1 == w[0].1)
            .map(|w| (w[1].0, libm::log(w[1].2 / w[0].2)))
            .collect()
    }
}

/// Two passes over all pairs, as in the textbook.
fn textbook_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len() as f64;
    let (mx, my) = pairs
        .iter()
        .fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
        xy += (x - mx) * (y - my);
    }
    (pairs.len() >= 2 && xx > 0.0 && yy > 0.0).then(|| xy / (xx.sqrt() * yy.sqrt()))
}

#[track_caller]
fn same(m: usize, name: &str, found: Option<f64>, expected: Option<f64>) {
    let near = match (found, expected) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1e-6),
        _ => false,
    };
    assert!(near, "minute {m}, {name}: {found:?}, expected {expected:?}");
}

/// How many of the values compared were there, by column.
fn compare(world: &World, days: usize) -> [usize; 12] {
    let n = days * MINUTES_PER_DAY;
    let found = world.run(0, n, &two_instrument_kinds());
    let mut seen = [0; 12];
    let gaps = world.segments(TRADED, 0);
    for (m, row) in found.iter().enumerate() {
        let day = m / MINUTES_PER_DAY;
        let v = &row.values;
        for (seen, v) in seen.iter_mut().zip(v) {
            *seen += usize::from(v.is_some());
        }
        // A gap that runs over midnight is none to a feature that was restarted there.
        let in_gap_of = |from: usize| {
            let is_real = |m: usize| world.rows[TRADED][m].is_some_and(|r| !r.is_filled);
            let quiet = (from..=m).rev().take_while(|i| !is_real(*i)).count();
            quiet > GAP as usize
        };
        assert!(gaps[m].is_some() || in_gap_of(0));
        let today = day * MINUTES_PER_DAY;
        let open = |x: Option<f64>, from: usize| x.filter(|_| !in_gap_of(from));

        let (mid, other_mid) = (world.stat(m, TRADED, MID), world.stat(m, 0, MID));
        let close = |i: usize| {
            world.rows[i][m]
                .filter(|r| !r.is_filled)
                .and_then(|r| r.close)
        };
        let basis = match (mid, other_mid, close(TRADED), close(0)) {
            (Some(p), Some(s), _, _) | (_, _, Some(p), Some(s)) => Some(100.0 * (p - s) / s),
            _ => None,
        };
        same(m, "basis", v[0], open(basis, today));

        let mark = world.traded(m, MARK);
        let premium = match (world.traded(m, PREMIUM), mark, world.traded(m, INDEX)) {
            (Some(p), _, _) => Some(1e4 * p),
            (None, Some(mark), Some(index)) => Some(1e4 * (mark / index - 1.0)),
            _ => None,
        };
        same(m, "premium", v[10], open(premium, today));
        let dev = match (world.rows[TRADED][m].and_then(|r| r.close), mark) {
            (Some(c), Some(mark)) => Some(1e4 * (c / mark - 1.0)),
            _ => None,
        };
        same(m, "mark_dev", v[11], open(dev, today));

        if day == 0 {
            // What is rebuilt from a day before has none.
            assert!(v[1..10].iter().all(Option::is_none));
            continue;
        }
        let from = (day - 1) * MINUTES_PER_DAY;
        let back = |k: usize, column: usize| {
            let at = m.checked_sub(k).filter(|at| *at >= from)?;
            world.traded(at, column)
        };
        let now = back(0, RATE);
        let (f4, f8) = (back(240, RATE), back(480, RATE));
        let volume = |k: usize| -> Option<f64> {
            let first = (m + 1).checked_sub(k).filter(|at| *at >= from)?;
            (first..=m)
                .map(|at| world.rows[TRADED][at].map(|r| r.volume))
                .sum()
        };
        same(m, "funding", v[2], open(now, from));
        let minus = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
        same(m, "velocity 4", v[3], open(minus(now, f4), from));
        same(m, "velocity 8", v[4], open(minus(now, f8), from));
        let bend = minus(minus(now, f4), minus(f4, f8));
        same(m, "acceleration", v[5], open(bend, from));
        let weighted = match (now, volume(60), volume(1_440)) {
            (Some(c), Some(a), Some(b)) if b > 0.0 => Some(c * a * 24.0 / b),
            _ => None,
        };
        same(m, "funding volume", v[6], open(weighted, from));

        for (i, lag) in [240, 1_440].into_iter().enumerate() {
            let base = (lag..=lag + 15).find_map(|k| back(k, OI));
            let change = match (back(0, OI), base) {
                (Some(a), Some(b)) => Some(a / b - 1.0),
                _ => None,
            };
            same(m, "oi", v[7 + i], open(change, from));
        }
        assert_eq!(v[9], None, "a week does not fit the replay of a day");
    }
    for day in 1..days {
        let from = (day - 1) * MINUTES_PER_DAY;
        let (x, y) = (world.returns(TRADED, from), world.returns(0, from));
        let gap = world.segments(TRADED, from);
        let mut pairs = Vec::new();
        for m in from..(day + 1) * MINUTES_PER_DAY {
            let of = |all: &[(usize, f64)]| all.iter().find(|(at, _)| *at == m).map(|(_, r)| *r);
            if m % 5 == 4
                && let (Some(a), Some(b)) = (of(&x), of(&y))
            {
                pairs.push((a, b));
            }
            if m >= day * MINUTES_PER_DAY && m % 7 == 0 {
                let enough = pairs.len() as f64 >= 0.3 * 288.0;
                let expected =
                    textbook_correlation(&pairs).filter(|_| enough && gap[m - from].is_some());
                same(m, "correlation", found[m].values[1], expected);
            }
        }
    }
    seen
}

#[test]
fn every_value_is_what_the_definition_says() {
    let with_absent = compare(&World::random(1, 2 * MINUTES_PER_DAY, true), 2);
    let dense = compare(&World::random(2, 3 * MINUTES_PER_DAY, false), 3);
    // Everything but the week's change has been compared where it has values, and where it has none.
    for (column, n) in dense.iter().enumerate() {
        assert_eq!(*n == 0, column == 9, "column {column}: {n}");
        assert!(*n < 3 * MINUTES_PER_DAY);
    }
    assert_eq!(
        with_absent[6], 0,
        "absent rows leave the day's volume unknown"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn starts_do_not_matter_and_the_future_is_unknown(seed in any::<u64>(), cut in 1_500_usize..3_000) {
        let (day, all) = (MINUTES_PER_DAY, two_instrument_kinds());
        let world = World::random(seed, 3 * day, seed.is_multiple_of(2));
        let whole = world.run(0, 3 * day, &all);
        let later = world.run(day, 3 * day, &all);
        prop_assert_eq!(bits(&whole[2 * day..]), bits(&later[day..]));
        prop_assert_eq!(bits(&world.run(0, cut, &all)), bits(&whole[..cut]));
        let mut other = World::random(!seed, 3 * day, false);
        for i in 0..2 {
            other.rows[i][..cut].copy_from_slice(&world.rows[i][..cut]);
        }
        other.stats[..cut].clone_from_slice(&world.stats[..cut]);
        let perturbed = other.run(0, 3 * day, &all);
        prop_assert_eq!(bits(&perturbed[..cut]), bits(&whole[..cut]));
        prop_assert_ne!(bits(&perturbed[cut..]), bits(&whole[cut..]));
    }
}

/// A real row of a price with some volume.
fn row(m: usize, price: f64) -> MinuteRow {
    MinuteRow {
        ts_open: minute_at(m),
        open: Some(price),
        high: Some(price),
        low: Some(price),
        close: Some(price),
        volume: 2.0,
        quote_volume: Some(2.0 * price),
        n_trades: Some(1),
        buy_volume: Some(1.0),
        vwap: Some(price),
        bar_source: crate::bars::BarSource::Trades,
        is_filled: false,
    }
}

/// Two real rows: of the other instrument and of the traded one.
fn rows(m: usize, other: f64, traded: f64) -> [Option<MinuteRow>; 2] {
    [Some(row(m, other)), Some(row(m, traded))]
}

/// Drives one kind over two instruments; `minute` gives rows and what to put into the traded statistics.
fn drive(
    kind: FeatureParams,
    n: usize,
    minute: impl Fn(usize) -> ([Option<MinuteRow>; 2], Vec<(usize, f64)>),
) -> Vec<Vec<Option<f64>>> {
    let mut set = FeatureSet::new(&params(vec![kind]), 2, TRADED).unwrap();
    (0..n)
        .map(|m| {
            let (rows, known) = minute(m);
            let mut stats = vec![f64::NAN; 2 * N_STAT_COLUMNS];
            for (column, value) in known {
                stats[TRADED * N_STAT_COLUMNS + column] = value;
            }
            let row = set
                .push_with_stats(minute_at(m), &rows, &stats, &[])
                .unwrap();
            row.values.clone()
        })
        .collect()
}

#[test]
fn the_basis_takes_mids_of_both_or_closes_of_both() {
    let kind = two_instrument_kinds()[0];
    let filled = |m: usize| {
        Some(MinuteRow {
            is_filled: true,
            ..row(m, 50.0)
        })
    };
    let found = drive(kind, 3, |m| match m {
        // A mid of one instrument alone is not compared with a close of the other.
        0 => (rows(m, 100.0, 103.0), vec![(MID, 999.0)]),
        // A repeated close is no price of this minute.
        1 => ([filled(m), Some(row(m, 103.0))], vec![]),
        _ => ([None, Some(row(m, 103.0))], vec![]),
    });
    assert_eq!(found, [vec![Some(3.0)], vec![None], vec![None]]);
}

#[test]
fn the_week_of_open_interest_and_its_tolerance() {
    let kind = FeatureParams::OiChange(OiChangeParams { days_back: 7 });
    let week = 7 * MINUTES_PER_DAY;
    // Known every 15 minutes at first; nothing in minutes 100..130.
    let found = drive(kind, week + 200, |m| {
        let known = m >= week || (m.is_multiple_of(15) && !(100..130).contains(&m));
        let oi = if m >= week {
            1_500.0
        } else {
            1_000.0 + (m / 15) as f64
        };
        let stats = if known { vec![(OI, oi)] } else { vec![] };
        (rows(m, 10.0, 10.0), stats)
    });
    let at = |m: usize| found[week + m][2];
    let near = |found: Option<f64>, base: f64| {
        assert!((found.unwrap() - (1_500.0 / base - 1.0)).abs() < 1e-12);
    };
    near(at(0), 1_000.0);
    near(at(14), 1_000.0);
    near(at(15), 1_001.0);
    near(at(90), 1_006.0);
    near(at(105), 1_006.0);
    assert_eq!(at(106), None, "the base would be 16 minutes too old");
    assert_eq!(at(134), None);
    near(at(135), 1_009.0);
    // A zero is no base.
    let zero = drive(
        FeatureParams::OiChange(OiChangeParams { days_back: 0 }),
        300,
        |m| {
            let oi = if m < 100 { 0.0 } else { 7.0 };
            (rows(m, 10.0, 10.0), vec![(OI, oi)])
        },
    );
    assert_eq!(zero[299], [None, None, None]);
}

#[test]
fn funding_runs_on_through_a_gap_and_is_silent_in_it() {
    let kind = FeatureParams::Funding(FundingParams { days_back: 0 });
    let found = drive(kind, 700, |m| {
        // Minutes 300 to 399 are filled: a gap from minute 310 on.
        let traded = Some(MinuteRow {
            is_filled: (300..400).contains(&m),
            ..row(m, 10.0)
        });
        ([Some(row(m, 10.0)), traded], vec![(RATE, m as f64)])
    });
    assert_eq!(found[309][0], Some(309.0));
    assert!((310..400).all(|m| found[m].iter().all(Option::is_none)));
    assert_eq!(found[400][..4], [Some(400.0), Some(240.0), None, None]);
    assert_eq!(
        found[600][..4],
        [Some(600.0), Some(240.0), Some(480.0), Some(0.0)]
    );
    assert_eq!(found[699][4], None, "no day of volume yet");
}

#[test]
fn flat_prices_have_no_correlation_and_a_jump_shared_has_one() {
    let kind = FeatureParams::Correlation(CorrelationParams {
        other: 0,
        days: 1,
        min_valid_share: 0.5,
    });
    let n = 2 * MINUTES_PER_DAY;
    let flat = drive(kind, n, |m| (rows(m, 10.0, 20.0), vec![]));
    assert!(flat.iter().all(|v| v[0].is_none()));
    // Both jump by half in the same bar and never move else: a straight line through two points.
    let price = |m: usize, p: f64| if m < 2_000 { p } else { 1.5 * p };
    let jump = drive(kind, n, |m| {
        (rows(m, price(m, 10.0), price(m, 20.0)), vec![])
    });
    assert_eq!(jump[2_003][0], None);
    assert!((jump[2_004][0].unwrap() - 1.0).abs() < 1e-12);
    let opposed = drive(kind, n, |m| {
        let other = if m < 2_000 { 10.0 } else { 10.0 / 1.5 };
        (rows(m, other, price(m, 20.0)), vec![])
    });
    assert!((opposed[n - 1][0].unwrap() + 1.0).abs() < 1e-12);
}

#[test]
fn another_instrument_must_be_there_and_be_another() {
    let kind = |other| {
        params(vec![
            two_instrument_kinds()[2],
            FeatureParams::Basis(BasisParams {
                other,
                days_back: 0,
            }),
        ])
    };
    for (other, n, traded) in [(2, 2, 0), (0, 2, 0), (1, 1, 0), (9, 3, 1)] {
        let error = FeatureSet::new(&kind(other), n, traded).unwrap_err();
        let FeatureError::NoOtherInstrument { key, .. } = &error else {
            panic!("another error: {error}")
        };
        assert_eq!(key, "features[1].basis.other");
        let text = error.to_string();
        assert!(
            text.contains("hint: ") && text.contains(&format!("is {other}, but")),
            "{text}"
        );
    }
    assert!(FeatureSet::new(&kind(1), 2, 0).is_ok());
    let bad = FeatureParams::Correlation(CorrelationParams {
        other: 0,
        days: 61,
        min_valid_share: 1.5,
    });
    let keys: Vec<String> = bad.check().into_iter().map(|v| v.key).collect();
    assert!(keys.contains(&"correlation.days".to_owned()));
    assert!(keys.contains(&"correlation.min_valid_share".to_owned()));
    assert_eq!(FIRST.start(), minute_at(0));
}
