//! Hand-computed values, results of libraries known to be wrong, the calibration of flow toxicity, refused parameters.

use super::naive::{newey_west, normal_equations};
use crate::bars::{BarSource, stat_column};
use crate::features::tests::{Dice, MinuteRow, minute_at, params};
use crate::features::{
    FeatureDef, FeatureParams, FeatureSet, FlowToxicityParams, HawkesParams, KyleMinuteParams,
    KyleParams, KyleSlopeParams, N_STAT_COLUMNS, OfiParams, ReplenishmentParams,
    SizeConcentrationParams, TfiThresholdParams, VpinBvcParams, VpinParams,
};

/// A real row of one price with some volume, of which `bought` was bought.
fn row(m: usize, price: f64, volume: f64, bought: f64) -> MinuteRow {
    MinuteRow {
        ts_open: minute_at(m),
        open: Some(price),
        high: Some(price),
        low: Some(price),
        close: Some(price),
        volume,
        quote_volume: Some(volume * price),
        n_trades: Some(1),
        buy_volume: Some(bought),
        vwap: Some(price),
        bar_source: BarSource::Trades,
        is_filled: false,
    }
}

type Stats = Vec<(&'static str, f64)>;

/// Drives one kind from a midnight on.
fn drive(
    kind: FeatureParams,
    n: usize,
    minute: impl Fn(usize) -> (Option<MinuteRow>, Stats),
) -> Vec<Vec<Option<f64>>> {
    let mut set = FeatureSet::new(&params(vec![kind]), 1, 0).unwrap();
    (0..n)
        .map(|m| {
            let (row, known) = minute(m);
            let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
            for (name, value) in known {
                stats[stat_column(name)] = value;
            }
            let row = set
                .push_with_stats(minute_at(m), &[row], &stats, &[])
                .unwrap();
            row.values.clone()
        })
        .collect()
}

#[track_caller]
fn near(found: &[Option<f64>], expected: &[Option<f64>]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        let is_near = match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * b.abs(),
            (None, None) => true,
            _ => false,
        };
        assert!(is_near, "{found:?}, expected {expected:?}");
    }
}

fn sums(points: &[(f64, f64)]) -> Stats {
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    vec![
        ("flow_n", points.len() as f64),
        ("flow_x", sum(&|p| p.0)),
        ("flow_y", sum(&|p| p.1)),
        ("flow_xx", sum(&|p| p.0 * p.0)),
        ("flow_xy", sum(&|p| p.0 * p.1)),
        ("flow_yy", sum(&|p| p.1 * p.1)),
    ]
}

fn kyle(minutes: u32, min_valid_share: f64) -> FeatureParams {
    FeatureParams::Kyle(KyleParams {
        minutes,
        min_valid_share,
        days_back: 0,
    })
}

#[test]
fn lambda_of_four_intervals() {
    // Sxx = 5, Sxy = 9.5, Syy = 18.75: lambda 1.9, residual sum of squares 0.7.
    let points = [(1.0, 2.0), (2.0, 4.0), (3.0, 5.0), (4.0, 8.0)];
    let minute = |with_mid: bool| {
        drive(kyle(1, 0.5), 1, |m| {
            let mut stats = sums(&points);
            if with_mid {
                stats.push(("mid_close", 100.0));
            }
            (Some(row(m, 100.0, 1.0, 1.0)), stats)
        })
    };
    let line = [
        Some(1.9),
        Some(90.25 / 93.75),
        Some(1.9 / (0.7_f64 / 2.0 / 5.0).sqrt()),
    ];
    near(&minute(true)[0], &[line[0], line[1], line[2], Some(1.9e6)]);
    near(&minute(false)[0], &[line[0], line[1], line[2], None]);
    // 4 of 6 intervals are fewer than 0.7 of them.
    let few = drive(kyle(1, 0.7), 1, |m| {
        (Some(row(m, 100.0, 1.0, 1.0)), sums(&points))
    });
    assert_eq!(few[0], [None; 4]);
}

#[test]
fn lambda_without_variation() {
    let of = |points: [(f64, f64); 4]| {
        drive(kyle(1, 0.0), 1, move |m| {
            (Some(row(m, 100.0, 1.0, 1.0)), sums(&points))
        })
        .remove(0)
    };
    // Every interval the same flow, not a number that binary fractions can hold.
    assert_eq!(
        of([(0.1, 1.0), (0.1, 2.0), (0.1, 3.0), (0.1, 9.0)]),
        [None; 4]
    );
    // A price that does not move has a slope of 0 and nothing to explain.
    assert_eq!(
        of([(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (5.0, 0.0)]),
        [Some(0.0), None, None, None]
    );
    // A perfect fit has no standard error.
    let perfect = of([(1.0, 0.3), (2.0, 0.6), (3.0, 0.9), (5.0, 1.5)]);
    near(&perfect, &[Some(0.3), Some(1.0), None, None]);
}

#[test]
fn lambda_is_not_the_mean_of_absolute_change_over_volume() {
    // mlfinlab's bar-based lambda is mean(dC / (V sign dC)) = mean(|dC| / V): it does not know who traded.
    let mut dice = Dice(3);
    let points: Vec<(f64, f64)> = (0..600)
        .map(|_| {
            let x = 2.0 * dice.unit() - 1.0;
            (x, 0.5 * x + 0.01 * (dice.unit() - 0.5))
        })
        .collect();
    let theirs = |points: &[(f64, f64)]| {
        points.iter().map(|(x, y)| y.abs() / x.abs()).sum::<f64>() / points.len() as f64
    };
    let ours = |points: &[(f64, f64)]| {
        let all = drive(kyle(100, 0.9), 100, |m| {
            let own = sums(&points[6 * m..6 * m + 6]);
            (Some(row(m, 100.0, 1.0, 1.0)), own)
        });
        all[99][0].unwrap()
    };
    assert!((ours(&points) - 0.5).abs() < 1e-3);
    // The same prices against the opposite flow: lambda turns round, the other stays what it was.
    let against: Vec<_> = points.iter().map(|(x, y)| (-x, *y)).collect();
    assert!((ours(&against) + 0.5).abs() < 1e-3);
    assert!((theirs(&against) - theirs(&points)).abs() < 1e-12 && theirs(&points) > 0.4);
    // Prices that have nothing to do with the flow: no lambda, but theirs is large.
    let mut noise = points;
    let moves: Vec<f64> = noise.iter().map(|p| p.1).collect();
    for (i, point) in noise.iter_mut().enumerate() {
        point.1 = moves[(i + 301) % moves.len()];
    }
    assert!(ours(&noise).abs() < 0.05 && theirs(&noise) > 1.0);
}

const FIVE: [(f64, f64); 5] = [
    (-2.0, -3.0),
    (-1.0, -1.0),
    (0.0, 1.0),
    (1.0, 0.0),
    (2.0, 3.0),
];

fn minute_lambda(nw_lag: u32, n: usize) -> Vec<Vec<Option<f64>>> {
    let kind = FeatureParams::KyleMinute(KyleMinuteParams {
        minutes: 5,
        nw_lag,
        min_valid_share: 1.0,
        days_back: 0,
    });
    drive(kind, n, |m| {
        let mid = 100.0 + FIVE.iter().take(m).map(|p| p.1).sum::<f64>();
        let mut stats = vec![("mid_close", mid)];
        if m > 0 {
            stats.push(("signed_volume", FIVE[(m - 1) % 5].0));
        }
        (Some(row(m, 100.0, 1.0, 1.0)), stats)
    })
}

#[test]
fn newey_west_of_five_points() {
    // x = -2..2: lambda = 13 / 10, e = (-0.4, 0.3, 1, -1.3, 0.4), scores x e = (0.8, -0.3, 0, -1.3, 0.8):
    // sum of squares 3.06, of products at lag 1 -1.28 with Bartlett weight 1/2.
    let found = minute_lambda(1, 6);
    assert_eq!(found[4], [None; 4], "the first minute has no change");
    let r2 = 1.0 - 3.1 / 20.0;
    near(
        &found[5],
        &[
            Some(1.3),
            Some(r2),
            Some(13.0 / 1.78_f64.sqrt()),
            Some(0.4 / (3.1_f64 / 3.0).sqrt()),
        ],
    );
    // Without lags it is White's: heteroskedasticity alone.
    near(
        &minute_lambda(0, 6)[5][2..3],
        &[Some(13.0 / 3.06_f64.sqrt())],
    );
    // More lags than points: those that exist.
    let long = minute_lambda(30, 6)[5][2].unwrap();
    let fit = normal_equations(&FIVE).unwrap();
    let expected = 1.3 / newey_west(&FIVE, &fit, 30).sqrt();
    assert!((long - expected).abs() < 1e-12 * expected);
}

#[test]
fn lambda_compared_with_itself_earlier() {
    let kind = FeatureParams::KyleSlope(KyleSlopeParams {
        minutes: 1,
        lag: 2,
        min_t: 2.0,
        min_valid_share: 0.0,
        days_back: 0,
    });
    // x = -1, -1, 1, 1 and residuals +e, -e, +e, -e: t = lambda / (e / sqrt(2)).
    let lambdas = [1.0, -1.0, 1.5, 2.0, 0.5, 9.0, 8.0, -4.0, 3.0];
    let noises = [0.5, 0.5, 1.0, 0.0, 0.4, 4.0, 5.6, 1.0, 1.0];
    let found = drive(kind, 9, |m| {
        let (l, e) = (lambdas[m], noises[m]);
        let points = [(-1.0, e - l), (-1.0, -e - l), (1.0, l + e), (1.0, l - e)];
        (Some(row(m, 100.0, 1.0, 1.0)), sums(&points))
    });
    assert_eq!(found[..2], [[None, None], [None, None]]);
    near(&found[2], &[Some(0.25), Some(1.5)]);
    // Earlier lambdas: negative; t = 2.12; a perfect fit without a t; t = 1.77; t = 3.18, but the later one is negative; 2.02.
    near(&found[3], &[Some(1.5), None]);
    near(&found[4], &[Some(-0.5), Some(0.5 / 1.5)]);
    near(&found[5], &[Some(3.5), None]);
    near(&found[6], &[Some(3.75), None]);
    near(&found[7], &[Some(-6.5), None]);
    near(&found[8], &[Some(-2.5), Some(3.0 / 8.0)]);
}

#[test]
fn a_spike_has_a_lambda_to_be_compared_with() {
    // Prices that have nothing to do with the flow: lambda is noise around 0, and ratios of it were in the billions.
    let spikes = |slope: f64| {
        let kind = FeatureParams::KyleSlope(KyleSlopeParams::example());
        let found = drive(kind, 1_400, |m| {
            let mut dice = Dice(6_000 + m as u64);
            let points: [(f64, f64); 6] = core::array::from_fn(|_| {
                let x = dice.unit() - 0.5;
                (x, slope * x + 0.2 * (dice.unit() - 0.5))
            });
            (Some(row(m, 100.0, 1.0, 1.0)), sums(&points))
        });
        found[39..].iter().map(|v| v[1]).collect::<Vec<_>>()
    };
    let noise = spikes(0.0);
    let known: Vec<f64> = noise.iter().flatten().copied().collect();
    assert!(!known.is_empty() && known.len() * 12 < noise.len());
    assert!(known.iter().all(|x| *x < 5.0));
    let real = spikes(0.2);
    assert!(real.iter().flatten().count() * 100 > 99 * real.len());
}

#[test]
fn vpin_over_whole_minutes() {
    let kind = FeatureParams::Vpin(VpinParams {
        buckets: 3,
        lookback: 3,
        min_valid_share: 0.6,
        days_back: 0,
    });
    let closed = [
        Some((2.0, 1.5)),
        Some((0.0, 0.0)),
        Some((1.0, 0.1)),
        None,
        Some((2.0, 0.2)),
        Some((5.0, 4.0)),
        Some((0.0, 0.0)),
    ];
    let found = drive(kind, 7, |m| {
        let stats = closed[m].map_or_else(Vec::new, |(n, x)| {
            vec![("vpin_buckets", n), ("vpin_imbalance", x)]
        });
        (Some(row(m, 100.0, 1.0, 1.0)), stats)
    });
    let vpin = |i: usize| found[i][0];
    assert_eq!((vpin(0), vpin(1)), (None, None));
    near(&[vpin(2), vpin(3)], &[Some(1.6 / 3.0), Some(1.6 / 3.0)]);
    // Minute 2 is still needed, minute 0 is not.
    near(&[vpin(4)], &[Some(0.3 / 3.0)]);
    near(&[vpin(5), vpin(6)], &[Some(0.8), Some(0.8)]);
    // Ranks over three minutes with at least two values.
    let ranks: Vec<_> = found.iter().map(|v| v[1]).collect();
    near(
        &ranks,
        &[
            None,
            None,
            None,
            Some(1.0),
            Some(1.0 / 3.0),
            Some(1.0),
            Some(1.0),
        ],
    );
}

#[test]
fn buckets_of_more_than_a_day_ago_say_nothing() {
    let kind = FeatureParams::Vpin(VpinParams {
        buckets: 3,
        lookback: 2,
        min_valid_share: 0.0,
        days_back: 1,
    });
    // Two buckets in minute 100 of the first day, one more from minute 50 of the second day on.
    let found = drive(kind, 2 * 1_440, |m| {
        let n = match m {
            100 => 2.0,
            1_490 => 1.0,
            _ => 0.0,
        };
        let stats = vec![("vpin_buckets", n), ("vpin_imbalance", n / 2.0)];
        (Some(row(m, 100.0, 1.0, 1.0)), stats)
    });
    let known: Vec<usize> = (0..found.len())
        .filter(|m| found[*m][0].is_some())
        .collect();
    assert_eq!(known, (1_490..1_540).collect::<Vec<_>>());
}

#[test]
fn vpin_is_a_share_and_not_imbalance_over_the_volume_of_the_last_bar() {
    // mlfinlab's get_vpin: rolling mean(|imbalance|) / volume of the current bar.
    let kind = FeatureParams::VpinBvc(VpinBvcParams {
        minutes: 20,
        sigma_minutes: 20,
        min_valid_share: 0.5,
        days_back: 0,
    });
    let mut dice = Dice(9);
    let bars: Vec<(f64, f64)> = (0..400)
        .map(|_| (100.0 + dice.unit(), 0.05 + 10.0 * dice.unit() * dice.unit()))
        .collect();
    let found = drive(kind, bars.len(), |m| {
        (Some(row(m, bars[m].0, bars[m].1, 0.0)), vec![])
    });
    let mut largest: f64 = 0.0;
    for (t, values) in found.iter().enumerate().skip(60) {
        let ours = values[0].unwrap();
        assert!((0.0..=1.0).contains(&ours));
        // With the same imbalances, theirs differs by mean volume over the current one.
        let volume: f64 = bars[t - 19..=t].iter().map(|b| b.1).sum();
        largest = largest.max(ours * volume / 20.0 / bars[t].1);
    }
    assert!(largest > 5.0, "{largest}");
}

#[test]
fn bulk_classification_of_one_minute() {
    let kind = FeatureParams::VpinBvc(VpinBvcParams {
        minutes: 1,
        sigma_minutes: 3,
        min_valid_share: 1.0,
        days_back: 0,
    });
    // Changes 1, -1, 1, 1: s of the last three is sqrt(4 / 3).
    let closes = [100.0, 101.0, 100.0, 101.0, 102.0];
    let found = drive(kind, 5, |m| (Some(row(m, closes[m], 3.0, 0.0)), vec![]));
    assert_eq!(found[..3], [[None], [None], [None]]);
    // Phi(0.8660254) = 0.80676191 (tables): 2 Phi - 1.
    let value = found[3][0].unwrap();
    assert!((value - 0.613_523_8).abs() < 1e-6, "{value}");
    near(&found[4], &[Some(value)]);
    // A price that does not move has no deviation, and then no classification.
    let flat = drive(kind, 8, |m| (Some(row(m, 100.1, 3.0, 0.0)), vec![]));
    assert!(flat.iter().all(|v| *v == [None]));
}

fn toxicity(bars: u32) -> FeatureParams {
    FeatureParams::FlowToxicity(FlowToxicityParams {
        bars,
        volume_bars: 2,
        min_ratio: 0.1,
        days_back: 0,
    })
}

#[test]
fn toxicity_of_four_bars() {
    // (close, volume of the bar)
    let bars = [
        (100.0, 10.0),
        (100.0, 10.0),
        (101.0, 10.0),
        (101.0, 0.5),
        (99.99, 10.5),
        (99.99, 11.0),
        (102.0, 0.0),
    ];
    let found = drive(toxicity(4), 35, |m| {
        let (close, volume) = bars[m / 5];
        (Some(row(m, close, volume / 5.0, 0.0)), vec![])
    });
    assert!(found[..29].iter().all(|v| *v == [None, None]));
    // u = 1, 0.05 (does not count), 10.5 / 5.25 = 2, 11 / 5.5 = 2: x = 0.01, 0.005, 0.
    // Mean 0.005, deviation sqrt(2 / 3) 0.005: ratio 1.2247.
    let (a, b) = (found[29][0].unwrap(), found[29][1].unwrap());
    assert!(
        (a - 1.22).abs() < 1e-12 && (b - 50.0).abs() < 1e-6,
        "{a} {b}"
    );
    // With the last bar only two count.
    assert_eq!(found[34], [None, None]);
    // Equal moves: the literal form says 0.
    let even = drive(toxicity(3), 25, |m| {
        let close = [100.0, 200.0, 400.0, 800.0, 1_600.0][m / 5];
        (Some(row(m, close, 2.0, 0.0)), vec![])
    });
    near(&even[24], &[Some(0.0), Some(1e4)]);
}

#[test]
fn toxicity_of_noise_is_above_two_in_a_ninth_of_the_windows() {
    // Half-normal moves of even volume: nine of them per window, whatever their size.
    let measure = |scale: f64| {
        let mut dice = Dice(2_024);
        let mut price = 100.0;
        let closes: Vec<f64> = (0..20_000)
            .map(|_| {
                let (u, v) = (1.0 - dice.unit(), dice.unit());
                let z = (-2.0 * libm::log(u)).sqrt() * libm::cos(core::f64::consts::TAU * v);
                // Up and down by the ratio, so that the price stays where it is.
                price = if price > 100.0 {
                    price * (1.0 - scale * z.abs())
                } else {
                    price * (1.0 + scale * z.abs())
                };
                price
            })
            .collect();
        let found = drive(toxicity(9), 5 * closes.len(), |m| {
            (Some(row(m, closes[m / 5], 1.0, 0.0)), vec![])
        });
        let pairs: Vec<(f64, f64)> = found
            .iter()
            .skip(4)
            .step_by(5)
            .filter_map(|v| Some((v[0]?, v[1]?)))
            .collect();
        assert!(pairs.len() > 18_000);
        pairs
    };
    let share = |x: &[f64]| x.iter().filter(|v| **v > 2.0).count() as f64 / x.len() as f64;
    let median = |x: &[f64]| {
        let mut x = x.to_vec();
        x.sort_by(f64::total_cmp);
        x[x.len() / 2]
    };
    let pairs = measure(1e-3);
    let literal: Vec<f64> = pairs.iter().map(|p| p.0).collect();
    assert!(
        (0.10..0.13).contains(&share(&literal)),
        "{}",
        share(&literal)
    );
    assert!(
        (1.43..1.49).contains(&median(&literal)),
        "{}",
        median(&literal)
    );
    // With the sample deviation (ddof 1) the same windows give another share: ddof 0 is what was measured.
    let sample: Vec<f64> = literal.iter().map(|x| x * (8.0_f64 / 9.0).sqrt()).collect();
    assert!((0.06..0.09).contains(&share(&sample)), "{}", share(&sample));
    assert!(median(&sample) < 1.41);
    // Moves ten times as large: the literal form does not notice, the mean does.
    let large = measure(1e-2);
    let same = pairs
        .iter()
        .zip(&large)
        .filter(|(a, b)| (a.0 - b.0).abs() < 0.051);
    assert!(same.count() as f64 > 0.99 * pairs.len() as f64);
    for (a, b) in pairs.iter().zip(&large) {
        assert!((b.1 / a.1 - 10.0).abs() < 1e-6 * b.1 / a.1);
    }
}

#[test]
fn large_moves_excite_and_decay() {
    let kind = FeatureParams::Hawkes(HawkesParams {
        sigma_minutes: 2,
        threshold: 3.0,
        decay_minutes: 2.0,
        jump: 0.5,
        days_back: 0,
    });
    // Log returns 0, 0.01, then: 0.1 (large against a deviation of 0.00707), 0.1 (not large), 0.
    let returns = [0.0, 0.0, 0.01, 0.1, 0.1, 0.0];
    let found = drive(kind, 6, |m| {
        let price = 100.0 * libm::exp(returns[..=m].iter().sum());
        (Some(row(m, price, 1.0, 0.0)), vec![])
    });
    assert!(found[..3].iter().all(|v| *v == [None]));
    let half = libm::exp(-0.5);
    near(&found[3], &[Some(1.5)]);
    near(&found[4], &[Some(1.0 + 0.5 * half)]);
    near(&found[5], &[Some(1.0 + 0.5 * half * half)]);
}

#[test]
fn imbalance_refills_and_sizes_of_two_minutes() {
    let stats: [Stats; 2] = [
        vec![
            ("ofi", 3.0),
            ("ofi_events", 4.0),
            ("ofi_depth", 2.0),
            ("n_depletions", 3.0),
            ("n_refills", 1.0),
            ("refill_secs", 2.5),
            ("book_added_bid", 3.0),
            ("book_added_ask", 1.0),
            ("book_removed_bid", 5.0),
            ("book_removed_ask", 1.0),
            ("size_sq", 10.0),
        ],
        vec![
            ("ofi", -1.0),
            ("ofi_events", 0.0),
            ("n_depletions", 1.0),
            ("n_refills", 1.0),
            ("refill_secs", 0.5),
            ("book_added_bid", 1.0),
            ("book_added_ask", 1.0),
            ("book_removed_bid", 5.0),
            ("book_removed_ask", 1.0),
            ("size_sq", 6.0),
        ],
    ];
    let of = |kind: FeatureParams| {
        let found = drive(kind, 2, |m| {
            // Sold 1 and 3, bought 4 and 2.
            let bought = [4.0, 2.0][m];
            (Some(row(m, 100.0, 5.0, bought)), stats[m].clone())
        });
        assert!(found[0].iter().all(Option::is_none));
        found[1].clone()
    };
    let (minutes, min_valid_share, days_back) = (2, 1.0, 0);
    let ofi = OfiParams {
        minutes,
        min_valid_share,
        days_back,
    };
    near(&of(FeatureParams::Ofi(ofi)), &[Some(2.0), Some(1.0)]);
    let book = ReplenishmentParams {
        minutes,
        min_valid_share,
        days_back,
    };
    near(
        &of(FeatureParams::Replenishment(book)),
        &[Some(0.5), Some(1.5), Some(0.6), Some(0.0), Some(2.0 / 6.0)],
    );
    let sizes = SizeConcentrationParams {
        minutes,
        min_valid_share,
        days_back,
    };
    near(&of(FeatureParams::SizeConcentration(sizes)), &[Some(0.16)]);
}

#[test]
fn parameters_out_of_range_are_refused() {
    let bad = [
        (kyle(0, 0.5), vec!["kyle.minutes"]),
        (
            kyle(1_441, f64::NAN),
            vec!["kyle.minutes", "kyle.min_valid_share"],
        ),
        (
            FeatureParams::KyleMinute(KyleMinuteParams {
                minutes: 2,
                nw_lag: 31,
                min_valid_share: 1.1,
                days_back: 61,
            }),
            vec![
                "kyle_minute.minutes",
                "kyle_minute.nw_lag",
                "kyle_minute.min_valid_share",
                "kyle_minute.days_back",
            ],
        ),
        (
            FeatureParams::KyleSlope(KyleSlopeParams {
                minutes: 5,
                lag: 0,
                min_t: 0.0,
                min_valid_share: 0.5,
                days_back: 0,
            }),
            vec!["kyle_slope.lag", "kyle_slope.min_t"],
        ),
        (toxicity(2), vec!["flow_toxicity.bars"]),
        (
            FeatureParams::Hawkes(HawkesParams {
                sigma_minutes: 1,
                threshold: -1.0,
                decay_minutes: 0.0,
                jump: f64::INFINITY,
                days_back: 0,
            }),
            vec![
                "hawkes.sigma_minutes",
                "hawkes.threshold",
                "hawkes.decay_minutes",
                "hawkes.jump",
            ],
        ),
        (
            FeatureParams::TfiThreshold(TfiThresholdParams {
                minutes: 5,
                samples: 10,
                min_samples: 11,
                percentile: 100.5,
                fallback: 2.0,
            }),
            vec![
                "tfi_threshold.min_samples",
                "tfi_threshold.percentile",
                "tfi_threshold.fallback",
            ],
        ),
        (
            FeatureParams::Vpin(VpinParams {
                buckets: 0,
                lookback: 1,
                min_valid_share: -0.1,
                days_back: 0,
            }),
            vec!["vpin.buckets", "vpin.lookback", "vpin.min_valid_share"],
        ),
    ];
    for (kind, keys) in bad {
        let found: Vec<String> = kind.check().into_iter().map(|v| v.key).collect();
        assert_eq!(found, keys);
        assert!(kind.build().is_err());
    }
    // What is written in a config is what comes out, and nothing is left out or made up.
    for kind in super::flow_kinds() {
        assert!(kind.check().is_empty());
        assert_eq!(
            kind.build().unwrap().spec().params.len() + usize::from(kind.kind() != "tfi_threshold"),
            format!("{kind:?}").matches(": ").count()
        );
    }
}
