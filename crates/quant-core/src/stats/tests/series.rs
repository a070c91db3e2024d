//! Correlation, regression, autocorrelation and tails: hand-computed values, naive twins and properties.

use super::*;

const WEIGHT: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
const HEIGHT: [f64; 5] = [2.0, 1.0, 4.0, 3.0, 7.0];

#[test]
fn autocorrelation_by_hand() {
    // 1 2 3 4 5: deviations -2 -1 0 1 2, squares sum to 10; lag 1: 2 + 0 + 0 + 2 = 4, lag 2: 0 - 1 + 0 = -1,
    // lag 4: -4.
    let found = autocorrelation(&WEIGHT, &[0, 1, 2, 4]).unwrap();
    for (found, expected) in found.iter().zip([1.0, 0.4, -0.1, -0.4]) {
        near(Ok(*found), expected, 1e-15);
    }
    assert_eq!(autocorrelation(&WEIGHT, &[]), Ok(vec![]));
    // The order is the caller's.
    near(
        Ok(autocorrelation(&WEIGHT, &[2, 1]).unwrap()[1]),
        0.4,
        1e-15,
    );
    assert_eq!(
        autocorrelation(&WEIGHT, &[5]),
        Err(Undefined::TooFew { n: 5, needed: 6 })
    );
    assert_eq!(
        autocorrelation(&[0.1; 9], &[1]),
        Err(Undefined::NoVariation { n: 9 })
    );
    assert!(autocorrelation(&[1.0, f64::NAN, 2.0], &[1]).is_err());
}

#[test]
fn a_moving_sum_has_the_autocorrelation_of_its_overlap() {
    // Alternating blocks of two: exactly periodic with period 4, so lag 2 is -1 and lag 4 is +1 up to the ends.
    let xs: Vec<f64> = (0..4_000)
        .map(|i| if i % 4 < 2 { 1.0 } else { -1.0 })
        .collect();
    let found = autocorrelation(&xs, &[1, 2, 4]).unwrap();
    near(Ok(found[0]), 0.0, 1e-3);
    near(Ok(found[1]), -1.0, 1e-3);
    near(Ok(found[2]), 1.0, 2e-3);
}

#[test]
fn pearson_and_the_line_by_hand() {
    // Means 3 and 3.4; sxx 10, syy 21.2, sxy 12: r = 12 / sqrt(212), slope 1.2, intercept -0.2.
    let r = pearson(&WEIGHT, &HEIGHT).unwrap();
    near(Ok(r.value), 12.0 / 212.0_f64.sqrt(), 1e-15);
    assert_eq!(r.n, 5);
    near(Ok(r.standard_error), 0.5, 0.0);
    let line = ols(&WEIGHT, &HEIGHT).unwrap();
    near(Ok(line.slope), 1.2, 1e-15);
    near(Ok(line.intercept), -0.2, 1e-14);
    near(Ok(line.r2), 144.0 / 212.0, 1e-15);
    // Unexplained 21.2 - 14.4 = 6.8 over n - 2 = 3 and sxx = 10.
    near(Ok(line.slope_se.unwrap()), (6.8_f64 / 30.0).sqrt(), 1e-15);
    assert_eq!(line.n, 5);
}

#[test]
fn lines_without_an_answer() {
    assert!(matches!(Ols::new().fit(), Err(Undefined::TooFew { .. })));
    assert!(matches!(
        ols(&[2.0; 4], &[1.0, 2.0, 3.0, 4.0]),
        Err(Undefined::NoVariation { n: 4 })
    ));
    assert!(matches!(
        ols(&WEIGHT, &HEIGHT[..4]),
        Err(Undefined::OutOfDomain { .. })
    ));
    let flat = ols(&WEIGHT, &[3.0; 5]).unwrap();
    assert_eq!((flat.slope, flat.r2), (0.0, 0.0));
    let two = ols(&[0.0, 1.0], &[1.0, 3.0]).unwrap();
    assert_eq!((two.slope, two.slope_se), (2.0, None));
    assert!(ols(&[1.0, f64::INFINITY], &[1.0, 2.0]).is_err());
}

#[test]
fn ranks_of_equal_values_are_shared() {
    assert_eq!(
        average_ranks(&[10.0, 20.0, 10.0, 30.0, 10.0]).unwrap(),
        [2.0, 4.0, 2.0, 5.0, 2.0]
    );
    // Both zeros are one value.
    assert_eq!(average_ranks(&[0.0, -0.0, 1.0]).unwrap(), [1.5, 1.5, 3.0]);
    assert_eq!(average_ranks(&[]), Ok(vec![]));
    assert!(average_ranks(&[f64::NAN]).is_err());
}

#[test]
fn spearman_by_hand() {
    // Ranks 1..5 against 2 1 4 3 5: squared differences 1 1 1 1 0, rho = 1 - 6 * 4 / (5 * 24).
    near(spearman(&WEIGHT, &HEIGHT).map(|c| c.value), 0.8, 1e-15);
    // With ties, ranks 1 2.5 2.5 4 against 1 2 3 4: sxy 4.5, sxx 4.5, syy 5.
    near(
        spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).map(|c| c.value),
        (4.5_f64 / 5.0).sqrt(),
        1e-15,
    );
    // Any increasing map is rank correlation 1.
    let cubes: Vec<f64> = HEIGHT.iter().map(|x| x * x * x).collect();
    near(spearman(&HEIGHT, &cubes).map(|c| c.value), 1.0, 1e-15);
    assert!(spearman(&WEIGHT, &[1.0; 5]).is_err());
    assert!(spearman(&WEIGHT, &HEIGHT[..3]).is_err());
    assert!(pearson(&[1.0], &[1.0]).is_err());
    assert!(pearson(&[1.0, f64::NAN], &[1.0, 2.0]).is_err());
}

#[test]
fn the_tail_index_of_an_exact_pareto_sample() {
    // Quantiles (i / n)^(-1 / 3) of a Pareto law with index 3; by hand for k = 2 of 4, 2, 1: 2 / (ln 4 + ln 2).
    near(hill(&[-1.0, 2.0, 4.0], 2), 2.0 / libm::log(8.0), 1e-15);
    let xs: Vec<f64> = (1..=20_000)
        .map(|i| libm::pow(f64::from(i) / 20_000.0, -1.0 / 3.0))
        .collect();
    near(hill(&xs, 1_000), 3.0, 0.02);
    assert!(hill(&xs, 0).is_err());
    assert!(hill(&[1.0, 2.0], 2).is_err());
    assert!(matches!(
        hill(&[0.0, 0.0, 1.0], 1),
        Err(Undefined::NotPositive { .. })
    ));
    assert!(matches!(
        hill(&[2.0, -2.0, 2.0], 2),
        Err(Undefined::NoVariation { .. })
    ));
    assert!(hill(&[1.0, f64::NAN, 2.0], 1).is_err());
}

#[test]
fn the_exponent_of_an_exact_power_law() {
    let lags = [1.0, 2.0, 4.0, 8.0, 16.0];
    let acf: Vec<f64> = lags.iter().map(|k| 0.3 * libm::pow(*k, -0.6)).collect();
    let law = power_law(&lags, &acf).unwrap();
    near(Ok(law.exponent), 0.6, 1e-14);
    near(Ok(law.scale), 0.3, 1e-14);
    near(Ok(law.r2), 1.0, 1e-14);
    assert_eq!(law.n, 5);
    // Values that have no logarithm are left out and said to be.
    let law = power_law(&[1.0, 2.0, 4.0, 8.0], &[1.0, 0.5, -0.1, 0.125]).unwrap();
    assert_eq!(law.n, 3);
    near(Ok(law.exponent), 1.0, 1e-14);
    assert!(power_law(&[1.0, 2.0], &[1.0, 0.0]).is_err());
}

#[test]
fn excess_kurtosis_is_raw_minus_three() {
    near(kurtosis_excess(&XS), 356.0 / 8.0 / 16.0 - 3.0, 1e-14);
}

#[test]
fn a_million_ranks_are_ranks() {
    // A fixed permutation of 0..n (n prime to the factor): the rank of a value is the value plus one.
    let n = 1_000_003_u64;
    let xs: Vec<f64> = (0..n).map(|i| ((i * 48_271) % n) as f64).collect();
    let ranks = average_ranks(&xs).unwrap();
    assert!(
        xs.iter()
            .zip(&ranks)
            .all(|(x, r)| (x + 1.0 - r).abs() < 0.25)
    );
}

/// Ranks from their definition: 1 + number below + half the number of other equals.
fn naive_ranks(xs: &[f64]) -> Vec<f64> {
    xs.iter()
        .map(|x| {
            let below = xs.iter().filter(|y| *y < x).count() as f64;
            let equal = xs.iter().filter(|y| y.total_cmp(x).is_eq()).count() as f64;
            1.0 + below + (equal - 1.0) / 2.0
        })
        .collect()
}

proptest! {
    #[test]
    fn ranks_equal_their_definition(xs in prop::collection::vec((-6_i8..6).prop_map(f64::from), 0..60)) {
        prop_assert_eq!(average_ranks(&xs).unwrap(), naive_ranks(&xs));
    }

    #[test]
    fn rank_correlation_ignores_increasing_maps(
        pairs in prop::collection::vec((-5.0_f64..5.0, -5.0_f64..5.0), 3..60),
    ) {
        let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let mapped: Vec<f64> = xs.iter().map(|x| 3.0 * libm::exp(*x) - 7.0).collect();
        let turned: Vec<f64> = ys.iter().map(|y| -y).collect();
        let r = spearman(&xs, &ys).unwrap().value;
        prop_assert!((-1.0..=1.0).contains(&r));
        prop_assert!((spearman(&mapped, &ys).unwrap().value - r).abs() < 1e-12);
        prop_assert!((spearman(&xs, &turned).unwrap().value + r).abs() < 1e-12);
        prop_assert!((spearman(&ys, &xs).unwrap().value - r).abs() < 1e-12);
    }

    #[test]
    fn r_squared_is_the_square_of_the_correlation(
        pairs in prop::collection::vec((-5.0_f64..5.0, -5.0_f64..5.0), 3..60), place in -100.0_f64..100.0,
    ) {
        let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.into_iter().map(|(x, y)| (x + place, y)).unzip();
        let r = pearson(&xs, &ys).unwrap().value;
        prop_assert!((ols(&xs, &ys).unwrap().r2 - r * r).abs() < 1e-9);
    }

    #[test]
    fn merged_sums_are_the_sums_of_all(
        pairs in prop::collection::vec((-5.0_f64..5.0, -5.0_f64..5.0), 3..60), cut in 0_usize..60,
    ) {
        let at = cut.min(pairs.len());
        let (mut all, mut left, mut right) = (Ols::new(), Ols::new(), Ols::new());
        for (i, (x, y)) in pairs.iter().enumerate() {
            all.add(*x, *y);
            if i < at { left.add(*x, *y) } else { right.add(*x, *y) }
        }
        left.merge(&right);
        let (all, merged) = (all.fit().unwrap(), left.fit().unwrap());
        prop_assert!((all.slope - merged.slope).abs() < 1e-9);
        prop_assert!((all.intercept - merged.intercept).abs() < 1e-9);
        prop_assert!((all.r2 - merged.r2).abs() < 1e-9);
    }

    #[test]
    fn autocorrelation_equals_its_definition(xs in prop::collection::vec(-5.0_f64..5.0, 6..50), lag in 0_usize..5) {
        let m = xs.iter().sum::<f64>() / xs.len() as f64;
        let total: f64 = xs.iter().map(|x| (x - m) * (x - m)).sum();
        let mut sum = 0.0;
        for t in 0..xs.len() - lag {
            sum += (xs[t] - m) * (xs[t + lag] - m);
        }
        let found = autocorrelation(&xs, &[lag]).unwrap()[0];
        prop_assert!((found - sum / total).abs() < 1e-12);
        prop_assert!(found.abs() <= 1.0 + 1e-12);
    }

    #[test]
    fn the_tail_index_ignores_scale_and_sign(
        xs in prop::collection::vec(0.1_f64..50.0, 12..60), scale in 0.01_f64..100.0,
    ) {
        let turned: Vec<f64> = xs.iter().enumerate()
            .map(|(i, x)| if i % 2 == 0 { scale * x } else { -scale * x }).collect();
        let (a, b) = (hill(&xs, 5).unwrap(), hill(&turned, 5).unwrap());
        prop_assert!(a > 0.0 && (a - b).abs() < 1e-6 * a);
    }
}
