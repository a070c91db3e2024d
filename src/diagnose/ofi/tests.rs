//! Windows, losses and half hours of the regression, by hand.

use quant_core::stats::ols;

use super::*;

fn touch(bid: f64, bid_qty: f64, ask: f64, ask_qty: f64) -> Option<Touch> {
    Touch::of(
        BookLevel {
            px: bid,
            qty: bid_qty,
        },
        BookLevel {
            px: ask,
            qty: ask_qty,
        },
    )
}

const S: i64 = 1_000_000;

#[test]
fn a_linear_market_is_recovered() {
    // Each window adds f to the bid and moves both prices by k f ticks in the first event of the next second.
    let mut windows = OfiWindows::new(0.5);
    let (mut flows, mut changes) = (Vec::new(), Vec::new());
    let mut bid = 100.0;
    windows.push(UnixMicros(0), touch(bid, 1000.0, bid + 0.5, 1000.0));
    for i in 0..360_i64 {
        let start = i * 10 * S;
        let added = f64::from(i32::try_from(i * 37 % 41).unwrap()) - 20.0;
        let mut flow = 0.0;
        let before = touch(bid, 1000.0, bid + 0.5, 1000.0).unwrap();
        let thick = touch(bid, 1000.0 + added, bid + 0.5, 1000.0).unwrap();
        flow += touch_flow(&before, &thick);
        windows.push(UnixMicros(start + S), Some(thick));
        // The price moves without flow of its own: up and down by whole ticks has flow, so only every tenth window moves.
        let up = if i % 10 == 0 { 0.5 } else { 0.0 };
        bid += up;
        let after = touch(bid, 1000.0, bid + 0.5, 1000.0).unwrap();
        flow += touch_flow(&thick, &after);
        windows.push(UnixMicros(start + 2 * S), Some(after));
        if i > 0 {
            flows.push(flow);
            changes.push(up / 0.5);
        }
    }
    windows.push(UnixMicros(3_600 * S), touch(bid, 1000.0, bid + 0.5, 1000.0));
    let (totals, blocks) = windows.finish(UnixMicros(3_600 * S));
    // The first window has no touch at its start.
    assert_eq!((totals.n_windows, totals.n_without), (359, 1));
    let expected = ols(&flows, &changes).unwrap();
    let found = totals.pooled.unwrap();
    assert!((found.slope / expected.slope - 1.0).abs() < 1e-9);
    assert!((found.r2 - expected.r2).abs() < 1e-9);
    assert!(found.r2 > 0.5);
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks.iter().map(|b| b.n).collect::<Vec<_>>(), [179, 180]);
    let first = ols(&flows[..179], &changes[..179]).unwrap();
    assert!((blocks[0].fit.slope / first.slope - 1.0).abs() < 1e-9);
    assert!((blocks[0].slope_depth / (first.slope * blocks[0].depth) - 1.0).abs() < 1e-9);
    assert!(
        (totals.mean_r2.unwrap() - f64::midpoint(blocks[0].fit.r2, blocks[1].fit.r2)).abs() < 1e-12
    );
    assert_eq!(blocks[1].start, "1970-01-01T00:30:00Z");
}

#[test]
fn a_lost_touch_leaves_its_windows_out() {
    let mut windows = OfiWindows::new(0.5);
    let good = touch(100.0, 5.0, 100.5, 5.0);
    for second in 0..10 {
        windows.push(UnixMicros(second * 5 * S), good);
    }
    // Crossed at 50 s and found at 51 s: the window from 50 s is broken, that from 40 s whole.
    windows.push(UnixMicros(50 * S), touch(101.0, 5.0, 100.5, 5.0));
    windows.push(UnixMicros(51 * S), good);
    let counts = |w: &OfiWindows, end: i64| {
        let (totals, _) = w.clone().finish(UnixMicros(end * S));
        (totals.n_windows, totals.n_without)
    };
    // 0-10 has no start; 10-50 are four; after the last touch nothing is known.
    assert_eq!(counts(&windows, 80), (4, 4));
    // Renewed after 54 s: 60-100 were quiet, 50-60 stays broken.
    windows.push(UnixMicros(105 * S), good);
    assert_eq!(counts(&windows, 105), (8, 2));
    // Not renewed for 65 s: 100-170 are without.
    windows.push(UnixMicros(170 * S), good);
    assert_eq!(counts(&windows, 170), (8, 9));
}

#[test]
fn nothing_gives_nothing() {
    let (totals, blocks) = OfiWindows::new(0.1).finish(UnixMicros(3_600 * S));
    assert_eq!(
        (totals.n_windows, totals.pooled, totals.mean_r2),
        (0, None, None)
    );
    assert!(blocks.is_empty());
}
