//! Tests of the two-bar estimate.

use super::*;

#[test]
fn the_published_pair_of_bars() {
    let bar = |high: f64, low: f64| PriceBar {
        high,
        low,
        open: low,
        close: high,
        volume: 1.0,
    };
    let (first, second) = (bar(101.0, 100.0), bar(102.0, 100.5));
    let (alpha, spread) = pair_spread(&first, &second);
    assert!((alpha + 0.004_722_624_800_531_33).abs() < 1e-14, "{alpha}");
    assert!((spread + 0.004_722_616_023_086_4).abs() < 1e-14, "{spread}");
    // Without any range or move there is nothing, not a NaN.
    let still = bar(7.0, 7.0);
    assert_eq!(pair_spread(&still, &still), (0.0, 0.0));
    // A jump between bars without a range is a negative estimate.
    assert!(pair_spread(&still, &bar(10.5, 10.5)).1 < 0.0);
}
