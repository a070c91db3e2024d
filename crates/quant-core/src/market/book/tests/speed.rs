//! Prints how many level changes per second a book takes, the best of five rounds since machines are shared; never
//! asserts a time.
//! `RUN_SLOW_TESTS=1 cargo test --release -p quant-core market::book::tests::speed -- --nocapture`.

use std::hint::black_box;

use super::world::is_slow_run;
use crate::market::book::LocalBook;
use crate::market::{BookLevel, Side};

/// Deterministic noise (`splitmix64`).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Levels from the top: half within the first `scale`, a quarter within the next, and so on.
    fn distance(&mut self, scale: u64, depth: u64) -> u64 {
        let octave = u64::from(self.next().trailing_zeros());
        (octave * scale + self.next() % scale).min(depth - 1)
    }
}

/// Changes around a mid that wanders, on levels that thin out from it.
fn changes(n: usize, scale: u64, depth: u64) -> Vec<(Side, f64, f64)> {
    let mut noise = Noise(7);
    let mut mid = 650_000_u64;
    let mut out = Vec::with_capacity(n);
    while out.len() < n {
        if noise.next().is_multiple_of(64) {
            // The mid moves by a tick, and the level it passes goes.
            let up = noise.next() & 1 == 0;
            if up {
                out.push((Side::Sell, (mid + 1) as f64 / 10.0, 0.0));
                mid += 1;
            } else {
                out.push((Side::Buy, mid as f64 / 10.0, 0.0));
                mid -= 1;
            }
        }
        let from_top = noise.distance(scale, depth);
        let (side, ticks) = if noise.next() & 1 == 0 {
            (Side::Buy, mid - from_top)
        } else {
            (Side::Sell, mid + 1 + from_top)
        };
        let qty = if noise.next().is_multiple_of(4) {
            0.0
        } else {
            (noise.next() % 1_000 + 1) as f64 / 1_000.0
        };
        out.push((side, ticks as f64 / 10.0, qty));
    }
    out
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a printed figure of the test run, not of the core"
)]
fn level_changes_per_second() {
    let is_slow = is_slow_run();
    let n = if is_slow { 2_000_000 } else { 20_000 };
    for (name, scale, depth) in [
        ("top of a book of 200 levels", 4, 200),
        ("spread over a book of 200 levels", 25, 200),
        ("spread over a book of 1,000 levels", 100, 1_000),
        ("spread over a book of 5,000 levels", 500, 5_000),
    ] {
        let changes = changes(n, scale, depth);
        let level = |ticks: u64| BookLevel {
            px: ticks as f64 / 10.0,
            qty: 1.0,
        };
        let mut best = f64::INFINITY;
        for _ in 0..if is_slow { 5 } else { 1 } {
            let mut book = LocalBook::new();
            book.replace_with(
                (0..depth).map(|i| level(650_000 - i)),
                (0..depth).map(|i| level(650_001 + i)),
            );
            let start = std::time::Instant::now();
            for (at, &(side, px, qty)) in changes.iter().enumerate() {
                black_box(book.apply(side, px, qty));
                if at % 64 == 0 {
                    book.truncate_to(usize::try_from(depth).unwrap());
                }
            }
            best = best.min(start.elapsed().as_secs_f64());
            assert!(!book.is_crossed() && !book.is_empty());
        }
        if is_slow {
            println!("{name}: {:.1} M level changes/s", n as f64 / best / 1e6);
        }
    }
}
