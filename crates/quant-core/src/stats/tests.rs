//! Golden numbers from definitions and published examples.
mod health;
mod inference;
mod persistent;
mod series;
mod size;

use super::*;
use proptest::prelude::*;

fn near(found: Result<f64, Undefined>, expected: f64, tolerance: f64) {
    let found = found.unwrap();
    assert!(
        (found - expected).abs() <= tolerance,
        "found {found}, expected {expected}"
    );
}

const XS: [f64; 8] = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];

#[test]
fn moments_of_a_small_sample() {
    near(mean(&XS), 5.0, 0.0);
    near(variance(&XS, 0), 4.0, 0.0);
    near(variance(&XS, 1), 32.0 / 7.0, 1e-15);
    near(std_dev(&XS, 0), 2.0, 0.0);
    // Deviations -3 -1 -1 -1 0 0 2 4: cubes sum to 42, fourth powers to 356.
    near(skewness(&XS), 42.0 / 8.0 / 8.0, 1e-15);
    near(kurtosis_raw(&XS), 356.0 / 8.0 / 16.0, 1e-15);
}

#[test]
fn quantiles_are_type_7() {
    // R: quantile(c(2,4,4,4,5,5,7,9), c(0, .1, .5, .9, 1)) = 2.0 3.4 4.5 7.6 9.0
    for (p, expected) in [(0.0, 2.0), (0.1, 3.4), (0.5, 4.5), (0.9, 7.6), (1.0, 9.0)] {
        near(quantile(&XS, p), expected, 1e-12);
    }
    near(quantile(&[3.0], 0.3), 3.0, 0.0);
}

#[test]
fn undefined_says_why() {
    assert_eq!(mean(&[]), Err(Undefined::TooFew { n: 0, needed: 1 }));
    assert_eq!(
        variance(&[1.0], 1),
        Err(Undefined::TooFew { n: 1, needed: 2 })
    );
    assert_eq!(skewness(&[0.1; 7]), Err(Undefined::NoVariation { n: 7 }));
    assert_eq!(
        Sharpe::of(&[0.001; 30]),
        Err(Undefined::NoVariation { n: 30 })
    );
    assert_eq!(
        Sharpe::of(&[0.0; 30]),
        Err(Undefined::NoVariation { n: 30 })
    );
    assert!(Sharpe::of(&[0.1]).is_err());
    assert!(quantile(&XS, 1.1).is_err());
    assert!(quantile(&[f64::NAN], 0.5).is_err());
    assert!(mean(&[f64::INFINITY]).is_err());
    assert!(normal_quantile(0.0).is_err());
    assert!(normal_quantile(f64::NAN).is_err());
    let negative = Sharpe {
        value: 2.0,
        n: 100,
        skew: 3.0,
        kurtosis: 2.0,
    };
    assert!(matches!(
        negative.standard_error(),
        Err(Undefined::NotPositive { .. })
    ));
}

#[test]
fn the_normal_law() {
    // Abramowitz and Stegun, table 26.1 and 26.5.
    near(Ok(normal_cdf(0.0)), 0.5, 0.0);
    near(Ok(normal_cdf(1.0)), 0.841_344_746_068_542_9, 1e-15);
    near(Ok(normal_cdf(-3.0)), 0.001_349_898_031_630_095, 1e-17);
    near(normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
    near(normal_quantile(0.95), 1.644_853_626_951_472_2, 1e-14);
    near(normal_quantile(0.5), 0.0, 1e-16);
    near(normal_quantile(1e-10), -6.361_340_902_404_056, 1e-12);
}

#[test]
fn probabilistic_sharpe_by_hand() {
    // SR 0.1 per day over 401 days, normal: z = 0.1 * 20 / sqrt(1 + 0.5 * 0.01) = 1.995018...
    let sharpe = Sharpe {
        value: 0.1,
        n: 401,
        skew: 0.0,
        kurtosis: 3.0,
    };
    near(sharpe.standard_error(), 1.005_f64.sqrt() / 20.0, 1e-16);
    near(probabilistic_sharpe(&sharpe, 0.1), 0.5, 1e-15);
    near(
        probabilistic_sharpe(&sharpe, 0.0),
        normal_cdf(2.0 / 1.005_f64.sqrt()),
        1e-15,
    );
    // Negative skewness and fat tails widen the error.
    let fat = Sharpe {
        skew: -1.0,
        kurtosis: 9.0,
        ..sharpe
    };
    near(
        fat.standard_error(),
        (1.0_f64 + 0.1 + 2.0 * 0.01).sqrt() / 20.0,
        1e-15,
    );
}

#[test]
fn minimum_track_record_matches_the_published_example() {
    // SR 2 against 1 per year, daily with 252 days, 95 %; Bailey and Lopez de Prado 2012.
    let annual = 252.0_f64.sqrt();
    let normal = Sharpe {
        value: 2.0 / annual,
        n: 252,
        skew: 0.0,
        kurtosis: 3.0,
    };
    near(min_track_record(&normal, 1.0 / annual, 0.95), 688.21, 0.005);
    let skewed = Sharpe {
        skew: -0.72,
        kurtosis: 5.78,
        ..normal
    };
    near(min_track_record(&skewed, 1.0 / annual, 0.95), 757.58, 0.005);
    assert!(min_track_record(&normal, 3.0 / annual, 0.95).is_err());
}

#[test]
fn deflated_sharpe_matches_the_published_example() {
    // SR 2.5 per year of 250 days, T 1250, skew -3, kurtosis 10, V 0.5 per year; Bailey and Lopez de Prado 2014.
    let sharpe = Sharpe {
        value: 2.5 / 250.0_f64.sqrt(),
        n: 1_250,
        skew: -3.0,
        kurtosis: 10.0,
    };
    let variance = 0.5 / 250.0;
    near(expected_max_sharpe(100.0, variance), 0.113_172, 5e-7);
    near(deflated_sharpe(&sharpe, 100.0, variance), 0.900_397, 5e-7);
    near(deflated_sharpe(&sharpe, 46.0, variance), 0.950_502, 5e-7);
    // One trial has nothing to deflate.
    near(expected_max_sharpe(1.0, variance), 0.0, 0.0);
    assert!(expected_max_sharpe(0.0, variance).is_err());
}

proptest! {
    #[test]
    fn quantile_of_the_law_inverts_it(p in 1e-6_f64..1.0) {
        prop_assume!(p < 1.0 - 1e-6);
        let back = normal_cdf(normal_quantile(p).unwrap());
        prop_assert!((back - p).abs() < 1e-14, "{p} {back}");
    }

    #[test]
    fn shape_ignores_place_and_scale(
        xs in prop::collection::vec(-10.0_f64..10.0, 5..40), a in -5.0_f64..5.0, b in 0.1_f64..5.0,
    ) {
        let moved: Vec<f64> = xs.iter().map(|x| a + b * x).collect();
        let (s, k) = (skewness(&xs).unwrap(), kurtosis_raw(&xs).unwrap());
        prop_assert!((skewness(&moved).unwrap() - s).abs() < 1e-7 * (1.0 + s.abs()));
        prop_assert!((kurtosis_raw(&moved).unwrap() - k).abs() < 1e-7 * k);
        // Pearson: kurtosis >= skewness^2 + 1.
        prop_assert!(k >= s * s + 1.0 - 1e-9);
    }

    #[test]
    fn quantiles_lie_between_neighbours(xs in prop::collection::vec(-9.0_f64..9.0, 1..30), p in 0.0_f64..=1.0) {
        let q = quantile(&xs, p).unwrap();
        let below = xs.iter().filter(|x| **x <= q + 1e-12).count() as f64;
        let above = xs.iter().filter(|x| **x >= q - 1e-12).count() as f64;
        let last = (xs.len() - 1) as f64;
        prop_assert!(below >= (p * last).floor() + 1.0 - 1e-9);
        prop_assert!(above >= last - (p * last).ceil() + 1.0 - 1e-9);
    }
}
