//! Price paths over gaps, and terciles of the past.

use super::*;

#[test]
fn returns_stay_inside_of_a_segment() {
    let e = core::f64::consts::E;
    let mut path = PricePath::default();
    // Minutes: 1, e, (no price), e^3 | gap | e^5, e^4, and one before the first segment.
    path.push(None, None);
    path.push(Some(1.0), Some(1));
    path.push(Some(e), Some(1));
    path.push(None, Some(1));
    path.push(Some(e.powi(3)), Some(1));
    path.push(Some(7.0), None);
    path.push(Some(e.powi(5)), Some(2));
    path.push(Some(e.powi(4)), Some(2));
    let near = |found: f64, expected: Option<f64>| match expected {
        None => assert!(found.is_nan(), "{found}"),
        Some(x) => assert!((found - x).abs() < 1e-12, "{found} {x}"),
    };
    let all = |found: &[f64], expected: &[Option<f64>]| {
        assert_eq!(found.len(), expected.len());
        for (f, x) in found.iter().zip(expected) {
            near(*f, *x);
        }
    };
    let n = None;
    all(
        &path.steps,
        &[n, n, Some(1.0), Some(0.0), Some(2.0), n, n, Some(-1.0)],
    );
    all(&path.forward(1), &[n, Some(1.0), n, n, n, n, Some(-1.0), n]);
    all(&path.forward(3), &[n, Some(3.0), n, n, n, n, n, n]);
    // No return is longer than the range.
    all(&path.forward(100), &[n; 8]);
    // A return is the sum of the steps after its start.
    near(path.steps[2..=4].iter().sum(), Some(3.0));
}

#[test]
fn terciles_look_back_only() {
    // Deterministic noise whose size rises in the second half.
    let steps: Vec<f64> = (0..2_000)
        .map(|i| {
            let size = if i < 1_000 { 1.0 } else { 10.0 };
            size * f64::sin(f64::from(i * i))
        })
        .collect();
    let found = terciles(&steps);
    assert!(found[..240].iter().all(Option::is_none));
    assert!(found[1_100..1_200].iter().all(|t| *t == Some(2)));
    // Cutting the future changes nothing.
    assert_eq!(terciles(&steps[..1_500]), found[..1_500]);
    // Plain counting agrees.
    let volatility = |t: usize| {
        let from = (t + 1_usize).saturating_sub(60);
        let window = &steps[from..=t];
        (window.iter().map(|r| r * r).sum::<f64>() / window.len() as f64).sqrt()
    };
    for t in [400, 999, 1_010, 1_999] {
        let earlier: Vec<f64> = (29..t).map(volatility).collect();
        let below = earlier.iter().filter(|v| **v < volatility(t)).count();
        assert_eq!(found[t], Some((3 * below / earlier.len()).min(2)), "{t}");
    }
    // A gap has no volatility.
    let mut holed = steps;
    holed[700] = f64::NAN;
    assert_eq!(terciles(&holed)[700], None);
}
