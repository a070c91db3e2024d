//! Tests of the rolling windows: hand-computed values, and naive recomputation over random ones.

use proptest::prelude::Strategy;

use super::*;
use crate::features::kernels::median;

fn push_all(window: &mut RollingZ, values: &[f64]) {
    for value in values {
        window.push(Some(*value));
    }
}

#[test]
fn a_window_is_one_run_of_memory_and_returns_what_leaves_it() {
    let mut window = Window::new(3);
    let mut gone = Vec::new();
    for i in 0..20 {
        gone.extend(window.push(i));
        let first = (i - 2).max(0);
        assert_eq!(window.as_slice(), (first..=i).collect::<Vec<_>>());
        assert_eq!(window.is_full(), i >= 2);
        assert_eq!(window.oldest(), Some(first));
    }
    assert_eq!(gone, (0..17).collect::<Vec<_>>());
    window.clear();
    assert_eq!(window.oldest(), None);
    assert!(!window.is_full());
    window.push(7);
    assert_eq!(window.as_slice(), [7]);
}

#[test]
fn a_sum_needs_its_minutes_and_its_share_and_is_not_scaled_up() {
    let mut sum = ValidSum::new(4, 0.5);
    for value in [Some(1.0), None, Some(4.0)] {
        sum.push(value);
        assert_eq!((sum.sum(), sum.mean(), sum.is_full()), (None, None, false));
    }
    sum.push(None);
    assert_eq!(
        (sum.sum(), sum.mean(), sum.n_known()),
        (Some(5.0), Some(2.5), 2)
    );
    // The 1 leaves: one known value of four is below the share.
    sum.push(Some(f64::INFINITY));
    assert_eq!((sum.sum(), sum.n_known(), sum.last()), (None, 1, None));
    assert!(sum.is_full());
    assert!((sum.known_sum() - 4.0).abs() < 1e-15);
    sum.push(Some(-4.0));
    assert_eq!((sum.sum(), sum.last()), (Some(0.0), Some(-4.0)));
    sum.clear();
    assert_eq!((sum.n_known(), sum.is_full()), (0, false));
    // Nothing known is never a sum, whatever the share.
    let mut none = ValidSum::new(2, 0.0);
    none.push(None);
    none.push(None);
    assert_eq!((none.sum(), none.mean()), (None, None));
}

#[test]
fn the_smallest_count_is_the_ceiling_and_at_least_one() {
    assert_eq!(min_count(0.5, 5), 3);
    assert_eq!(min_count(0.8, 60), 48);
    assert_eq!(min_count(1.0, 1_440), 1_440);
    assert_eq!(min_count(0.0, 10), 1);
}

#[test]
fn scores_of_five_values_by_hand() {
    // Of 2, 3, 4, 4, 7: mean 4, squares 4 + 1 + 0 + 0 + 9 = 14, std sqrt(14 / 4).
    let mut window = RollingZ::with_mad(5, 1.0);
    push_all(&mut window, &[2.0, 3.0, 4.0, 4.0]);
    assert_eq!((window.z(), window.zmad()), (None, None));
    push_all(&mut window, &[7.0]);
    assert!((window.z().unwrap() - 3.0 / 3.5_f64.sqrt()).abs() < 1e-15);
    // Deviations from the median 4: 0, 0, 1, 2, 3.
    assert!((window.zmad().unwrap() - 3.0 / 1.4826).abs() < 1e-15);
    window.push(None);
    assert_eq!((window.z(), window.zmad()), (None, None));
    window.clear();
    push_all(&mut window, &[2.0, 3.0, 4.0, 4.0]);
    assert_eq!((window.z(), window.zmad()), (None, None));
    push_all(&mut window, &[7.0]);
    assert!(window.z().is_some() && window.zmad().is_some());
    let mut z_only = RollingZ::new(2, 1.0);
    push_all(&mut z_only, &[1.0, 2.0]);
    assert!(z_only.z().is_some());
    assert_eq!(z_only.zmad(), None);
}

#[test]
fn equal_values_have_no_score() {
    for n in [2_u32, 3, 7, 60] {
        let mut window = RollingZ::with_mad(n, 0.5);
        // 0.1 has no finite binary form: a plain mean of many of them is not 0.1.
        (0..n).for_each(|_| window.push(Some(0.1)));
        assert_eq!((window.z(), window.zmad()), (None, None), "{n}");
    }
    // More than half equal: the deviation exists, the median deviation is 0.
    let mut window = RollingZ::with_mad(5, 1.0);
    push_all(&mut window, &[1.0, 1.0, 1.0, 1.0, 9.0]);
    assert!(window.z().is_some());
    assert_eq!(window.zmad(), None);
}

#[test]
fn the_rank_counts_ties_and_itself() {
    let mut window = SortedWindow::new(4, 0.5);
    for value in [Some(3.0), Some(1.0), None] {
        window.push(value);
        assert_eq!(window.rank_of_last(), None);
    }
    window.push(Some(1.0));
    assert_eq!(window.rank_of_last(), Some(2.0 / 3.0));
    window.push(Some(-0.0));
    assert_eq!(window.rank_of_last(), Some(1.0 / 3.0));
    window.push(Some(0.0));
    // Zeros of either sign are equal.
    assert_eq!(window.rank_of_last(), Some(2.0 / 3.0));
    window.push(None);
    assert_eq!(window.rank_of_last(), None);
}

proptest::proptest! {
    #[test]
    fn windows_agree_with_a_naive_recomputation_and_forget_what_left_them(
        seen in proptest::collection::vec(
            proptest::option::weighted(0.8, (-20_i32..20).prop_map(|i| f64::from(i) / 3.0)),
            1..120,
        ),
        n in 1_u32..30,
        share in 0.0_f64..1.0,
    ) {
        let n_values = n as usize;
        let mut sum = ValidSum::new(n, share);
        let mut both = RollingZ::with_mad(n, share);
        let mut sorted = SortedWindow::new(n, share);
        for (i, value) in seen.iter().enumerate() {
            sum.push(*value);
            both.push(*value);
            sorted.push(*value);
            let window = &seen[(i + 1).saturating_sub(n_values)..=i];
            let mut known: Vec<f64> = window.iter().flatten().copied().collect();
            let count = known.len() as f64;
            let valid = window.len() == n_values && count >= (share * f64::from(n)).ceil().max(1.0);
            proptest::prop_assert_eq!(sum.is_valid(), valid);
            if !valid {
                proptest::prop_assert_eq!((sum.sum(), both.z(), sorted.median()), (None, None, None));
                continue;
            }
            let total: f64 = known.iter().sum();
            let mean = total / count;
            let std = (known.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0)).sqrt();
            let rank = value.map(|x| known.iter().filter(|v| **v <= x).count() as f64 / count);
            let mid = median(&mut known).unwrap();
            let mut deviations: Vec<f64> = known.iter().map(|x| (x - mid).abs()).collect();
            let mad = median(&mut deviations).unwrap();
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            proptest::prop_assert!(near(sum.sum().unwrap(), total));
            proptest::prop_assert!(near(sum.mean().unwrap(), mean));
            proptest::prop_assert_eq!(sorted.median(), Some(mid));
            let (found_mid, found_mad) = sorted.median_mad().unwrap();
            proptest::prop_assert!(near(found_mid, mid) && near(found_mad, mad), "{found_mad} {mad}");
            proptest::prop_assert_eq!(sorted.rank_of_last(), rank);
            let z = value.filter(|_| count > 1.0 && std > 1e-12).map(|x| (x - mean) / std);
            proptest::prop_assert_eq!(both.z().is_some(), z.is_some());
            proptest::prop_assert!(z.is_none_or(|z| near(both.z().unwrap(), z)));
            let zmad = value.filter(|_| mad > 1e-12).map(|x| (x - mid) / (1.4826 * mad));
            proptest::prop_assert_eq!(both.zmad().is_some(), zmad.is_some());
            proptest::prop_assert!(zmad.is_none_or(|z| near(both.zmad().unwrap(), z)));
            // A window that saw nothing before gives the same bits.
            let mut fresh = RollingZ::with_mad(n, share);
            for value in window {
                fresh.push(*value);
            }
            proptest::prop_assert_eq!(fresh.z().map(f64::to_bits), both.z().map(f64::to_bits));
            proptest::prop_assert_eq!(fresh.zmad().map(f64::to_bits), both.zmad().map(f64::to_bits));
        }
    }
}
