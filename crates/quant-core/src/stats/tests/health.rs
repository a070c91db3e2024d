//! Drift, outliers and running moments against values worked out by hand.

use super::*;

#[test]
fn the_stability_index_of_hand_counted_bins() {
    // Edges of 1..=8 in four bins: type-7 quartiles 2.75, 4.5, 6.25; two values each, so p = 2.5 / 10 everywhere.
    let first: Vec<f64> = (1..=8).map(f64::from).collect();
    // The second sample: 4, 0, 1 and 3 of 8 in these bins; a value on an edge belongs to the bin below it.
    let second = [0.0, 1.0, 2.0, 2.75, 6.0, 7.0, 8.0, 90.0];
    let q: [f64; 4] = [0.45, 0.05, 0.15, 0.35];
    let expected = q.iter().map(|q| (q - 0.25) * libm::log(q / 0.25)).sum();
    near(psi(&first, &second, 4), expected, 1e-15);
    near(psi(&first, &first, 4), 0.0, 0.0);
    // Scaling both changes nothing.
    let scaled = |xs: &[f64]| xs.iter().map(|x| 3.0 * x + 1.0).collect::<Vec<_>>();
    near(psi(&scaled(&first), &scaled(&second), 4), expected, 1e-12);
}

#[test]
fn equal_edges_of_the_stability_index_count_once() {
    // All edges are 5: two bins, at most 5 and above. p = 10.5/11, 0.5/11; q = 0.5/11, 10.5/11.
    let (low, high) = ([5.0; 10], [6.0; 10]);
    let expected = 2.0 * (10.0 / 11.0) * libm::log(10.5 / 0.5);
    near(psi(&low, &high, 10), expected, 1e-12);
    near(psi(&low, &low, 10), 0.0, 0.0);
    assert_eq!(
        psi(&low, &high[..9], 10),
        Err(Undefined::TooFew { n: 9, needed: 10 })
    );
    assert!(psi(&low, &high, 1).is_err());
    assert!(psi(&low, &[f64::NAN; 10], 2).is_err());
    assert!(psi(&[f64::NAN; 10], &low, 2).is_err());
}

#[test]
fn the_distance_of_distribution_functions() {
    // After 2: 2/4 of the first, none of the second. After 3: 3/4 against 1/3.
    near(
        ks_distance(&[1.0, 2.0, 3.0, 4.0], &[3.0, 5.0, 6.0]),
        2.0 / 3.0,
        1e-15,
    );
    near(ks_distance(&[1.0, 2.0], &[3.0]), 1.0, 0.0);
    near(ks_distance(&[2.0, 2.0, 1.0], &[1.0, 2.0, 2.0]), 0.0, 0.0);
    // After 0.4: 3/5 of the first against 1/4 of the second; after 0.9: 4/5 against 3/4.
    near(
        ks_distance(&[0.1, 0.4, 0.4, 0.9, 1.5], &[0.4, 0.9, 0.9, 2.0]),
        0.35,
        1e-15,
    );
    assert!(ks_distance(&[], &[1.0]).is_err());
    assert!(ks_distance(&[1.0], &[f64::INFINITY]).is_err());
}

#[test]
fn outliers_do_not_hide_themselves() {
    // Median 3, deviations 2 1 0 1 97: their median is 1, so 100 is 97 / 1.4826 = 65.4 scales away.
    let xs = [1.0, 2.0, 3.0, 4.0, 100.0];
    assert_eq!(mad_outliers(&xs, 8.0), Ok(1));
    assert_eq!(mad_outliers(&xs, 65.5), Ok(0));
    assert_eq!(mad_outliers(&xs, 65.4), Ok(1));
    // Deviations of 2 are 1.35 scales away.
    assert_eq!(mad_outliers(&xs, 1.0), Ok(2));
    assert_eq!(
        mad_outliers(&[1.0, 1.0, 1.0, 9.0], 8.0),
        Err(Undefined::NoVariation { n: 4 })
    );
    assert!(mad_outliers(&[], 8.0).is_err());
}

#[test]
fn a_running_series_equals_its_sample() {
    let mut running = Running::default();
    assert!(running.mean().is_err() && running.std_dev().is_err());
    for x in XS {
        running.push(Some(x));
    }
    near(running.mean(), 5.0, 1e-15);
    near(running.std_dev(), (32.0_f64 / 7.0).sqrt(), 1e-15);
    assert_eq!((running.min(), running.max()), (Some(2.0), Some(9.0)));
    // 4 4 4 is the longest row of XS.
    assert_eq!(
        (running.n(), running.n_missing(), running.longest_run()),
        (8, 0, 3)
    );
    for value in [
        Some(9.0),
        None,
        Some(9.0),
        Some(f64::NAN),
        Some(9.0),
        Some(9.0),
    ] {
        running.push(value);
    }
    assert_eq!(
        (running.n(), running.n_missing(), running.longest_run()),
        (12, 2, 3)
    );
    // Far from zero nothing cancels.
    let mut far = Running::default();
    for x in XS {
        far.push(Some(1e9 + x));
    }
    near(far.std_dev(), (32.0_f64 / 7.0).sqrt(), 1e-6);
    let mut huge = Running::default();
    huge.push(Some(1e308));
    huge.push(Some(-1e308));
    assert!(huge.std_dev().is_err());
}
