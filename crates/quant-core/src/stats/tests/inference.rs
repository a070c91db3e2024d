//! Bootstrap, coefficients, adjusted p-values and decay against hand values and plain recomputation.

use proptest::prelude::*;

use super::super::*;
use super::near;

#[test]
fn adjusted_p_values_by_hand() {
    let ps = [0.01, 0.04, 0.03, 0.005];
    // Holm: 4 x 0.005 = 0.02, 3 x 0.01 = 0.03, 2 x 0.03 = 0.06, then max(0.06, 0.04).
    for (found, expected) in holm(&ps).unwrap().iter().zip([0.03, 0.06, 0.06, 0.02]) {
        near(Ok(*found), expected, 1e-15);
    }
    // BH: 0.005 x 4, 0.01 x 4 / 2, 0.03 x 4 / 3, 0.04 with the running minimum from the end.
    let bh = benjamini_hochberg(&ps).unwrap();
    for (found, expected) in bh.iter().zip([0.02, 0.04, 0.04, 0.02]) {
        near(Ok(*found), expected, 1e-15);
    }
    assert_eq!(holm(&[0.6, 0.7]).unwrap(), [1.0, 1.0]);
    assert_eq!(holm(&[]).unwrap(), Vec::<f64>::new());
    assert!(holm(&[1.5]).is_err());
    assert!(benjamini_hochberg(&[f64::NAN]).is_err());
}

proptest! {
    #[test]
    fn adjusting_raises_and_keeps_the_order(ps in prop::collection::vec(0.0_f64..=1.0, 1..30)) {
        let (by_holm, by_bh) = (holm(&ps).unwrap(), benjamini_hochberg(&ps).unwrap());
        for i in 0..ps.len() {
            prop_assert!(ps[i] <= by_bh[i] + 1e-15 && by_bh[i] <= by_holm[i] + 1e-15 && by_holm[i] <= 1.0);
            for j in 0..ps.len() {
                if ps[i] <= ps[j] {
                    prop_assert!(by_holm[i] <= by_holm[j] + 1e-15 && by_bh[i] <= by_bh[j] + 1e-15);
                }
            }
        }
    }

    #[test]
    fn resamples_are_correlations_of_the_drawn_blocks(
        values in prop::collection::vec((-2.0_f64..2.0, -2.0_f64..2.0, 0_u8..5), 10..40), seed in 0_u64..50, block in 1_usize..5,
    ) {
        let xs: Vec<f64> = values.iter().map(|v| if v.2 == 0 { f64::NAN } else { v.0 }).collect();
        let ys: Vec<f64> = values.iter().map(|v| v.1).collect();
        let found = bootstrap_correlation(&xs, &ys, block, 6, &mut BlockDraws::new(seed, "x")).unwrap();
        // Again, position by position.
        let mut draws = BlockDraws::new(seed, "x");
        let mut plain = Vec::new();
        for _ in 0..6 {
            let mut at = Vec::new();
            while at.len() < xs.len() {
                let start = draws.start(xs.len());
                at.extend((0..block).map(|k| (start + k) % xs.len()));
            }
            at.truncate(xs.len());
            at.retain(|i| xs[*i].is_finite());
            let of = |values: &[f64]| at.iter().map(|i| values[*i]).collect::<Vec<_>>();
            plain.extend(pearson(&of(&xs), &of(&ys)).ok().map(|c| c.value));
        }
        prop_assert_eq!(found.len(), plain.len());
        for (a, b) in found.iter().zip(&plain) {
            prop_assert!((a - b).abs() < 1e-7, "{} {}", a, b);
        }
    }
}

#[test]
fn bootstrap_edges() {
    let xs: Vec<f64> = (0..40).map(f64::from).collect();
    let ys: Vec<f64> = xs.iter().map(|x| x * x).collect();
    let draw = |name, seed| {
        bootstrap_correlation(&xs, &ys, 7, 50, &mut BlockDraws::new(seed, name)).unwrap()
    };
    assert_eq!(draw("a", 1), draw("a", 1));
    assert_ne!(draw("a", 1), draw("a", 2));
    assert_ne!(draw("a", 1), draw("b", 1));
    let mut draws = BlockDraws::new(1, "");
    assert!(bootstrap_correlation(&xs, &ys[1..], 7, 5, &mut draws).is_err());
    assert!(bootstrap_correlation(&xs, &ys, 0, 5, &mut draws).is_err());
    assert_eq!(
        bootstrap_correlation(&xs, &ys, 21, 5, &mut draws),
        Err(Undefined::TooFew { n: 40, needed: 42 })
    );
    // A constant has no correlation in any resample.
    assert_eq!(
        bootstrap_correlation(&[1.0; 40], &ys, 7, 5, &mut draws),
        Ok(vec![])
    );
    let replicates: Vec<f64> = (0..=100).map(f64::from).collect();
    let (low, high) = percentile_interval(&replicates, 0.9).unwrap();
    near(Ok(low), 5.0, 1e-12);
    near(Ok(high), 95.0, 1e-12);
    assert!(percentile_interval(&replicates[..19], 0.9).is_err());
    assert!(percentile_interval(&replicates, 1.0).is_err());
}

/// A feature and the returns of the next step, given directly.
fn one_step(steps: &[f64]) -> Vec<f64> {
    steps[1..].iter().copied().chain([f64::NAN]).collect()
}

const PARAMS: IcParams<'static> = IcParams {
    block: 4,
    replicates: 200,
    level: 0.9,
    seed: 3,
    name: "f",
    // Samples made by hand are short.
    min_effective: 0.0,
};

#[test]
fn coefficients_are_those_of_the_pairs_that_are_there() {
    let xs: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 60)).collect();
    let mut steps: Vec<f64> = [0.0]
        .into_iter()
        .chain(xs.iter().map(|x| x - 29.5 + 10.0 * libm::sin(*x * 9.0)))
        .take(60)
        .collect();
    steps[6] = f64::NAN;
    let sums = one_step(&steps);
    let returns = ForwardReturns {
        sums: &sums,
        steps: &steps,
        horizon: 1,
    };
    let keep = |values: &[f64]| {
        let there = values
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != 5 && *i != 59);
        there.map(|(_, x)| *x).collect::<Vec<_>>()
    };
    let found = information_coefficient(&xs, &returns, &PARAMS).unwrap();
    assert_eq!(found.n, 58);
    near(
        Ok(found.linear.value),
        pearson(&keep(&xs), &keep(&sums)).unwrap().value,
        1e-14,
    );
    near(
        Ok(found.rank.value),
        spearman(&keep(&xs), &keep(&sums)).unwrap().value,
        1e-14,
    );
    // Without overlap the statistic is White's: sum of u r over the root of the sum of its squares.
    let x = keep(&xs);
    let (m, sd) = (mean(&x).unwrap(), std_dev(&x, 0).unwrap());
    let r = keep(&sums);
    let all: Vec<f64> = steps.iter().copied().filter(|r| r.is_finite()).collect();
    let centre = mean(&all).unwrap();
    let (mut top, mut bottom) = (0.0, 0.0);
    for (x, r) in x.iter().zip(&r) {
        let u = (x - m) / sd;
        top += u * r;
        bottom += (u * (r - centre)) * (u * (r - centre));
    }
    near(Ok(found.linear.t.unwrap()), top / bottom.sqrt(), 1e-9);
    near(
        Ok(found.linear.p.unwrap()),
        2.0 * normal_cdf(-(top / bottom.sqrt()).abs()),
        1e-12,
    );
    let (low, high) = found.rank.interval.unwrap();
    assert!(low < found.rank.value && found.rank.value < high);
    assert!(found.rank.p.unwrap() < 1e-3);
    assert_eq!(
        found,
        information_coefficient(&xs, &returns, &PARAMS).unwrap()
    );
    let other = IcParams {
        name: "g",
        ..PARAMS
    };
    let other = information_coefficient(&xs, &returns, &other).unwrap();
    assert_ne!(found.rank.interval, other.rank.interval);
    assert_eq!(found.rank.p, other.rank.p);
    let none = IcParams {
        replicates: 0,
        ..PARAMS
    };
    assert_eq!(
        information_coefficient(&xs, &returns, &none)
            .unwrap()
            .rank
            .interval,
        None
    );
}

#[test]
fn overlapping_returns_are_taken_apart() {
    // Three positions with a pair, horizon 2: the exposure of each step by hand.
    let n = 400;
    let xs: Vec<f64> = (0..n)
        .map(|i| libm::sin(f64::from(i) * 0.7) + libm::cos(f64::from(i * i)))
        .collect();
    let steps: Vec<f64> = (0..n).map(|i| libm::cos(f64::from(i * i * 3))).collect();
    let h = 7_usize;
    let sums: Vec<f64> = (0..xs.len())
        .map(|t| {
            steps
                .get(t + 1..=t + h)
                .map_or(f64::NAN, |s| s.iter().sum())
        })
        .collect();
    let found = information_coefficient(
        &xs,
        &ForwardReturns {
            sums: &sums,
            steps: &steps,
            horizon: h,
        },
        &PARAMS,
    )
    .unwrap();
    let m = xs.len() - h;
    let (mx, sd) = (mean(&xs[..m]).unwrap(), std_dev(&xs[..m], 0).unwrap());
    let u = |t: usize| (xs[t] - mx) / sd;
    let centre = mean(&steps).unwrap();
    let top: f64 = (0..m).map(|t| u(t) * sums[t]).sum();
    let bottom: f64 = (0..xs.len())
        .map(|s| {
            let exposure: f64 = (0..m).filter(|t| *t < s && s <= t + h).map(u).sum();
            let term = (steps[s] - centre) * exposure;
            term * term
        })
        .sum();
    near(Ok(found.linear.t.unwrap()), top / bottom.sqrt(), 1e-9);
}

#[test]
fn coefficients_refuse_what_has_none() {
    let xs: Vec<f64> = (0..60).map(f64::from).collect();
    let steps: Vec<f64> = xs.iter().map(|x| libm::sin(*x)).collect();
    let sums = one_step(&steps);
    let of = |xs: &[f64], sums: &[f64], horizon| {
        information_coefficient(
            xs,
            &ForwardReturns {
                sums,
                steps: &steps,
                horizon,
            },
            &PARAMS,
        )
    };
    assert_eq!(
        of(&[1.0; 60], &sums, 1),
        Err(Undefined::NoVariation { n: 59 })
    );
    assert!(of(&xs[1..], &sums, 1).is_err());
    assert!(of(&xs, &sums[1..], 1).is_err());
    assert!(of(&xs, &sums, 0).is_err());
    assert_eq!(
        of(&xs, &[f64::NAN; 60], 1),
        Err(Undefined::TooFew { n: 0, needed: 2 })
    );
    // Too few windows for a test: the coefficient stands alone.
    let few = of(&xs, &sums, 15).unwrap();
    assert_eq!((few.rank.p, few.rank.t), (None, None));
    assert_eq!(few.rank.untested, Some(Untested::TooFew));
    // A ramp is worth next to nothing: the coefficient stands alone too.
    let strict = IcParams {
        min_effective: MIN_EFFECTIVE,
        ..PARAMS
    };
    let returns = ForwardReturns {
        sums: &sums,
        steps: &steps,
        horizon: 1,
    };
    let ramp = information_coefficient(&xs, &returns, &strict).unwrap();
    assert_eq!(ramp.rank.untested, Some(Untested::Persistent));
    assert_eq!(
        (ramp.rank.t, ramp.rank.p, ramp.rank.interval),
        (None, None, None)
    );
    assert_eq!(Ok(ramp.rank.value), of(&xs, &sums, 1).map(|f| f.rank.value));
    assert!(ramp.rank.n_effective.unwrap() < 5.0);
    let free = of(&xs, &sums, 1).unwrap();
    assert!(free.rank.p.is_some() && free.rank.untested.is_none());
}

#[test]
fn decay_peaks_and_halves() {
    let curve = [
        (1, 0.02),
        (5, 0.06),
        (15, 0.1),
        (30, 0.07),
        (60, 0.03),
        (240, -0.01),
    ];
    let found = ic_decay(&curve).unwrap();
    assert_eq!(found.peak_horizon, 15);
    // From 0.07 at 30 to 0.03 at 60: 0.05 half way.
    near(Ok(found.half_life.unwrap()), 45.0, 1e-9);
    let mirrored: Vec<(u32, f64)> = curve.iter().map(|(h, v)| (*h, -v)).collect();
    let other = ic_decay(&mirrored).unwrap();
    assert_eq!((other.peak_horizon, other.half_life), (15, found.half_life));
    near(Ok(other.peak_value), -0.1, 0.0);
    assert_eq!(ic_decay(&[(1, 0.1), (5, 0.09)]).unwrap().half_life, None);
    // A change of sign is below half.
    near(
        Ok(ic_decay(&[(1, 0.1), (5, -0.1)]).unwrap().half_life.unwrap()),
        2.0,
        1e-12,
    );
    assert_eq!(ic_decay(&[]), None);
}

#[test]
fn autocorrelation_over_missing_values() {
    let xs = [1.0, -1.0, f64::NAN, -1.0, 1.0, 1.0, -1.0, 1.0, 0.0];
    // Mean 1/8; deviations 7/8 (4 times), -9/8 (3 times), -1/8: squares sum to 55/8 - ... by hand below.
    let d: Vec<f64> = xs.iter().map(|x| x - 0.125).collect();
    let squares: f64 = 4.0 * 0.765_625 + 3.0 * 1.265_625 + 0.015_625;
    let pairs = [(0, 1), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)];
    let expected = pairs.iter().map(|(a, b)| d[*a] * d[*b]).sum::<f64>() / 6.0 / (squares / 8.0);
    let found = autocorrelation_with_gaps(&xs, &[1, 100]).unwrap();
    near(Ok(found[0].0.unwrap()), expected, 1e-14);
    assert_eq!((found[0].1, found[1]), (6, (None, 0)));
    let full: Vec<f64> = (0..50).map(|i| libm::sin(f64::from(i))).collect();
    let plain = autocorrelation(&full, &[3]).unwrap()[0];
    let gaps = autocorrelation_with_gaps(&full, &[3]).unwrap()[0]
        .0
        .unwrap();
    near(Ok(gaps), plain * 50.0 / 47.0, 1e-13);
    assert!(autocorrelation_with_gaps(&[2.0; 9], &[1]).is_err());
    assert!(autocorrelation_with_gaps(&[f64::NAN, 1.0], &[1]).is_err());
}
