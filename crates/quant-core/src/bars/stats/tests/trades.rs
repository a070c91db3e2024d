//! Prints, signed flow, volume buckets and Kyle sums.

use proptest::prelude::*;

use super::day::*;
use crate::bars::Opening;
use crate::market::{Event, Side, Trade};

const PRINTS: [&str; 6] = [
    "n_buys",
    "n_sells",
    "size_mean",
    "size_std",
    "size_max",
    "size_sq",
];
const SIGNED: [&str; 2] = ["signed_volume", "signed_sqrt_quote"];
const VPIN: [&str; 2] = ["vpin_buckets", "vpin_imbalance"];
const FLOW: [&str; 6] = [
    "flow_n", "flow_x", "flow_y", "flow_xx", "flow_xy", "flow_yy",
];

fn bucket(size: f64) -> Has {
    Has {
        bucket: Some(size),
        ..TRADES
    }
}

fn day(has: Has, events: &[Event], n_minutes: i64) -> Rows {
    Rows::of(has, &Opening::default(), events, n_minutes)
}

fn sign(trade: &Trade) -> f64 {
    if trade.aggressor == Side::Buy {
        1.0
    } else {
        -1.0
    }
}

#[test]
fn sizes_by_hand() {
    let events = [
        trade(s(0), 4.0, 1.0, BUY),
        trade(s(0), 4.0, 2.0, SELL),
        trade(s(30), 4.0, 3.0, BUY),
        trade(s(59), 4.0, 6.0, BUY),
        // At the close: of the next minute, where it is alone.
        trade(s(60), 9.0, 4.0, SELL),
    ];
    let rows = day(TRADES, &events, 3);
    // Mean 3, deviations -2, -1, 0, 3.
    let std = Some((14.0_f64 / 3.0).sqrt());
    let found = rows.row(0, PRINTS);
    assert_close("size_std", found[3], std, 0.0);
    assert_eq!(
        found,
        [
            Some(3.0),
            Some(1.0),
            Some(3.0),
            found[3],
            Some(6.0),
            Some(50.0)
        ]
    );
    assert_eq!(
        rows.row(1, PRINTS),
        [Some(0.0), Some(1.0), Some(4.0), None, Some(4.0), Some(16.0)]
    );
    assert_eq!(
        rows.row(2, PRINTS),
        [Some(0.0), Some(0.0), None, None, None, Some(0.0)]
    );
    assert_eq!(rows.row(0, SIGNED)[0], Some(8.0));
    let roots = 2.0 - 8.0_f64.sqrt() + 12.0_f64.sqrt() + 24.0_f64.sqrt();
    assert_close("root", rows.row(0, SIGNED)[1], Some(roots), 0.0);
    assert_eq!(rows.row(1, SIGNED), [Some(-4.0), Some(-6.0)]);
    assert_eq!(rows.row(2, SIGNED), [Some(0.0), Some(0.0)]);
}

#[test]
fn a_deviation_survives_a_large_mean() {
    // The difference of the sums of squares would be lost: they are near 1e28, whose spacing is 2e12.
    let sizes = [1e14, 1e14 + 1.0, 1e14 + 2.0];
    let events: Vec<_> = sizes.map(|q| trade(s(1), 1.0, q, BUY)).to_vec();
    let rows = day(TRADES, &events, 1);
    assert_close("size_std", rows.get(0, "size_std"), Some(1.0), 0.0);
    let equal: Vec<_> = (0..100).map(|_| trade(s(1), 1.0, 0.1, BUY)).collect();
    assert_eq!(day(TRADES, &equal, 1).get(0, "size_std"), Some(0.0));
}

#[test]
fn prints_without_volume_are_prints() {
    let events = [trade(s(1), 5.0, 0.0, BUY), trade(s(2), 5.0, 0.0, SELL)];
    let rows = day(bucket(1.0), &events, 1);
    assert_eq!(
        rows.row(0, PRINTS),
        [1.0, 1.0, 0.0, 0.0, 0.0, 0.0].map(Some)
    );
    assert_eq!(rows.row(0, SIGNED), [Some(0.0), Some(0.0)]);
    assert_eq!(rows.row(0, VPIN), [Some(0.0), Some(0.0)]);
}

#[test]
fn without_the_dataset_nothing_is_zero() {
    let has = Has {
        trades: false,
        quotes: true,
        ..bucket(1.0)
    };
    let rows = day(has, &[quote(s(1), 10.0, 1.0)], 1);
    for column in PRINTS.iter().chain(&SIGNED).chain(&VPIN).chain(&FLOW) {
        assert_eq!(rows.get(0, column), None, "{column}");
    }
}

#[test]
fn prints_are_split_over_the_buckets_they_fill() {
    let events = [
        trade(s(1), 5.0, 0.75, BUY),
        trade(s(2), 5.0, 0.5, SELL), // closes (0.75, 0.25), leaves 0.25 sold
        trade(s(3), 5.0, 10.75, BUY), // closes (0.75, 0.25) and ten of one side, leaves nothing
        trade(s(4), 5.0, 0.5, SELL),
        trade(s(60), 5.0, 0.5, SELL), // fills it exactly, in the next minute
        trade(s(61), 5.0, 0.5, BUY),
        trade(s(62), 5.0, 0.5, SELL),
    ];
    let rows = day(bucket(1.0), &events, 3);
    assert_eq!(rows.row(0, VPIN), [Some(12.0), Some(11.0)]);
    assert_eq!(rows.row(1, VPIN), [Some(2.0), Some(1.0)]);
    assert_eq!(rows.row(2, VPIN), [Some(0.0), Some(0.0)]);
}

#[test]
fn decimal_quantities_fill_a_decimal_bucket_at_the_print_that_does() {
    // 0.1 added ten times is 0.9999999999999999, and 0.1 thrice is more than 0.3.
    for (size, qty, n) in [(1.0, 0.1, 10), (0.3, 0.1, 3), (0.7, 0.1, 7), (3.0, 0.3, 10)] {
        let events: Vec<_> = (0..n * 1_000)
            .map(|i| trade(s(i / n * 60 / 1_000), 5.0, qty, BUY))
            .collect();
        let rows = day(bucket(size), &events, 1);
        assert_eq!(
            rows.get(0, "vpin_buckets"),
            Some(1_000.0),
            "{size} of {qty}"
        );
        assert_close(
            "all bought",
            rows.get(0, "vpin_imbalance"),
            Some(1_000.0),
            0.0,
        );
        let rows = day(bucket(size), &events[..events.len() - 1], 1);
        assert_eq!(rows.get(0, "vpin_buckets"), Some(999.0), "{size} of {qty}");
    }
}

#[test]
fn a_huge_print_fills_its_buckets_at_once() {
    let events = [
        trade(s(1), 5.0, 0.25, SELL),
        trade(s(2), 5.0, 1e15, BUY),
        trade(s(3), 5.0, 0.25, BUY),
    ];
    let rows = day(bucket(0.5), &events, 1);
    // The first is balanced; what is left of the huge print fills a quarter, which the last one completes.
    assert_eq!(rows.row(0, VPIN), [Some(2e15 + 1.0), Some(2e15)]);
    // More buckets than there are numbers: null, not infinite.
    let rows = day(bucket(5e-324), &events, 2);
    assert_eq!(rows.row(0, VPIN), [None, None]);
    assert_eq!(rows.row(1, VPIN), [Some(0.0), Some(0.0)]);
}

#[test]
fn a_bucket_without_a_size_is_null() {
    for size in [
        None,
        Some(0.0),
        Some(-1.0),
        Some(f64::NAN),
        Some(f64::INFINITY),
    ] {
        let has = Has {
            bucket: size,
            ..TRADES
        };
        let rows = day(has, &[trade(s(1), 5.0, 3.0, BUY)], 1);
        assert_eq!(rows.row(0, VPIN), [None, None], "{size:?}");
    }
}

#[test]
fn a_gap_takes_the_bucket_being_filled_only() {
    let events = [
        trade(s(1), 5.0, 1.5, BUY),
        gap(s(2)), // takes the half bought
        trade(s(3), 5.0, 0.75, SELL),
        trade(s(4), 5.0, 0.25, SELL),
    ];
    let rows = day(bucket(1.0), &events, 1);
    assert_eq!(rows.row(0, VPIN), [Some(2.0), Some(2.0)]);
}

#[test]
fn lost_trades_take_what_is_made_of_trades() {
    let events = [
        quote(s(0), 100.0, 1.0),
        trade(s(1), 5.0, 1.5, BUY),
        lost_trades(s(12)), // takes the half bought, and the second interval
        trade(s(12), 5.0, 0.75, SELL),
        quote(s(13), 102.0, 1.0),
        trade(s(24), 5.0, 0.25, SELL),
        quote(s(32), 102.0, 1.0),
        quote(s(50), 102.0, 1.0),
    ];
    // Buckets: one bought before the loss, one sold after it. Intervals: 0..10 with nothing in force at its start, 20..60 of 102 throughout, one with flow.
    let has = Has {
        bucket: Some(1.0),
        ..QUOTES
    };
    let with_quotes = Rows::of(has, &Opening::default(), &events, 1);
    assert_eq!(with_quotes.row(0, VPIN), [Some(2.0), Some(2.0)]);
    let flow = [4.0, -0.25, 0.0, 0.0625, 0.0, 0.0];
    assert_eq!(with_quotes.row(0, FLOW), flow.map(Some));
    // The touch was not lost: returns from 5 s to 60 s, one of which is not 0.
    assert_eq!(with_quotes.get(0, "rv_n"), Some(11.0));
    assert_eq!(with_quotes.get(0, "rv_zero"), Some(10.0));
    // Prices of trades, in force for 20 s: of 5 s and 10 s, of 15 s to 40 s; no return from 10 s to 15 s.
    let without = day(bucket(1.0), &events, 1);
    assert_eq!(without.row(0, VPIN), [Some(2.0), Some(2.0)]);
    assert_eq!(without.get(0, "rv_n"), Some(6.0));
    assert_eq!(without.get(0, "flow_n"), Some(2.0));
}

#[test]
fn flow_by_hand() {
    let events = [
        trade(s(3), 5.0, 2.0, BUY),
        trade(s(7), 5.0, 0.5, SELL),
        quote(s(9), 101.0, 1.0),
        // At an instant of the grid: of the interval that starts there, trade and quote alike.
        trade(s(10), 5.0, 4.0, SELL),
        quote(s(10), 98.0, 1.0),
        quote(s(29), 98.0, -1.0), // nothing in force at 30 s: two intervals lack an end
        quote(s(39), 98.0, 1.0),
        trade(s(45), 5.0, 1.0, BUY),
        gap(s(46)), // breaks its interval, though both ends have a price
        quote(s(47), 98.0, 1.0),
        trade(s(55), 5.0, 1.0, BUY),
        quote(s(59), 100.0, 1.0),
    ];
    // 100 -> 101 with 1.5, 101 -> 98 with -4, then 98 -> 100 with 1.
    let rows = Rows::of(QUOTES, &opening(100.0, 5), &events, 2);
    assert_eq!(
        rows.row(0, FLOW),
        [
            3.0,
            -1.5,
            0.0,
            2.25 + 16.0 + 1.0,
            1.5 + 12.0 + 2.0,
            1.0 + 9.0 + 4.0
        ]
        .map(Some)
    );
    // In force 20 s more: one interval without flow, the next ends at 80 s, when it is 21 s old.
    assert_eq!(rows.row(1, FLOW), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0].map(Some));
}

#[test]
fn the_first_interval_of_a_day_starts_from_a_fresh_opening_only() {
    let events = [trade(s(3), 105.0, 2.0, BUY), quote(s(9), 103.0, 1.0)];
    let first = |has, opening: &Opening| Rows::of(has, opening, &events, 1).row(0, FLOW);
    assert_eq!(first(QUOTES, &Opening::default())[0], Some(1.0));
    assert_eq!(first(QUOTES, &Opening::default())[1], Some(0.0));
    let known = first(QUOTES, &opening(100.0, 20));
    assert_eq!(known[..3], [Some(2.0), Some(2.0), Some(3.0)]);
    assert_eq!(first(QUOTES, &opening(100.0, 21))[0], Some(1.0));
    // Without quotes prices are those of trades.
    let known = first(TRADES, &opening(100.0, 20));
    assert_eq!(known[..3], [Some(2.0), Some(2.0), Some(5.0)]);
}

/// The definition, piece by piece of an eighth: counts and imbalances of the buckets by minute.
fn naive_buckets(events: &[Event], eighths: u32, n_minutes: usize) -> Vec<(f64, f64)> {
    let mut minutes = vec![(0.0, 0.0); n_minutes];
    let (mut n, mut signed) = (0, 0);
    for event in events {
        match event {
            Event::Gap(_) => (n, signed) = (0, 0),
            Event::Trade(t) => {
                let mut left = t.qty;
                while left > 0.0 {
                    left -= 0.125;
                    n += 1;
                    signed += if t.aggressor == Side::Buy { 1 } else { -1 };
                    if n == eighths {
                        let m = usize::try_from((t.ts_event.0 - minute(0)) / 60_000_000).unwrap();
                        if let Some(minute) = minutes.get_mut(m) {
                            minute.0 += 1.0;
                            minute.1 += f64::from(i32::abs(signed)) / f64::from(eighths);
                        }
                        (n, signed) = (0, 0);
                    }
                }
            }
            _ => {}
        }
    }
    minutes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn prints_and_signs_equal_their_definitions(events in events()) {
        let rows = day(TRADES, &events, 15);
        for m in 0..15_usize {
            let of = prints(&events, i64::try_from(m).unwrap());
            let sizes: Vec<f64> = of.iter().map(|t| t.qty).collect();
            let n = sizes.len() as f64;
            let mean = sizes.iter().sum::<f64>() / n;
            let squares: f64 = sizes.iter().map(|q| (q - mean) * (q - mean)).sum();
            let n_buys = of.iter().filter(|t| t.aggressor == Side::Buy).count() as f64;
            let expected = [
                Some(n_buys),
                Some(n - n_buys),
                (n > 0.0).then_some(mean),
                (n > 1.0).then(|| (squares / (n - 1.0)).sqrt()),
                sizes.iter().copied().reduce(f64::max),
                Some(sizes.iter().map(|q| q * q).sum()),
                Some(of.iter().map(|t| sign(t) * t.qty).sum()),
                Some(of.iter().map(|t| sign(t) * (t.price * t.qty).sqrt()).sum()),
            ];
            for (column, expected) in PRINTS.iter().chain(&SIGNED).zip(expected) {
                assert_close(column, rows.get(m, column), expected, 1e-4);
            }
        }
    }

    #[test]
    fn no_signed_volume_is_lost(events in events()) {
        let rows = day(TRADES, &events, 1_440);
        let all: f64 = trades_of(&events).map(|t| sign(t) * t.qty).sum();
        prop_assert_eq!(rows.total("signed_volume"), all);
        let n = trades_of(&events).count() as f64;
        prop_assert_eq!(rows.total("n_buys") + rows.total("n_sells"), n);
    }

    #[test]
    fn buckets_equal_their_definition(events in events(), eighths in 1_u32..200) {
        let rows = day(bucket(f64::from(eighths) / 8.0), &events, 15);
        for (m, (n, imbalance)) in naive_buckets(&events, eighths, 15).into_iter().enumerate() {
            prop_assert_eq!(rows.get(m, "vpin_buckets"), Some(n), "minute {}", m);
            assert_close("imbalance", rows.get(m, "vpin_imbalance"), Some(imbalance), 1.0);
        }
    }

    /// Volume of the closed buckets plus the remainder is the volume: in thousandths, which floats cannot hold, the
    /// number of buckets is that of whole numbers.
    #[test]
    fn decimal_buckets_hold_all_volume(
        prints in prop::collection::vec((1_u64..5_000, any::<bool>()), 1..300),
        size in 1_u64..3_000,
    ) {
        let events: Vec<_> = prints
            .iter()
            .enumerate()
            .map(|(i, (qty, is_buy))| {
                let ts = s(i64::try_from(i).unwrap());
                trade(ts, 7.0, *qty as f64 / 1e3, if *is_buy { BUY } else { SELL })
            })
            .collect();
        let rows = day(bucket(size as f64 / 1e3), &events, 5);
        let mut total = 0;
        for m in 0..5_usize {
            let before = total / size;
            let of = prints.iter().skip(60 * m).take(60);
            total += of.map(|(qty, _)| qty).sum::<u64>();
            let n = (total / size - before) as f64;
            prop_assert_eq!(rows.get(m, "vpin_buckets"), Some(n), "minute {}", m);
            let imbalance = rows.get(m, "vpin_imbalance").unwrap();
            prop_assert!((0.0..=n * (1.0 + 1e-12)).contains(&imbalance));
        }
    }

    #[test]
    fn flow_equals_its_definition(events in events(), is_known in any::<bool>(), quotes in any::<bool>()) {
        let has = if quotes { QUOTES } else { TRADES };
        let opening = if is_known { opening(250.0, 3) } else { Opening::default() };
        let rows = Rows::of(has, &opening, &events, 15);
        for m in 0..15_i64 {
            let mut sums = [0.0; 6];
            for k in 0..6 {
                let (from, to) = (minute(m) + k * 10_000_000, minute(m) + (k + 1) * 10_000_000);
                let price = |g| grid_price(has, &opening, &events, g);
                let Some((a, b)) = price(from).zip(price(to)) else { continue };
                if is_broken(&events, from, to, |_| true) {
                    continue;
                }
                let within = |t: &&Trade| (from..to).contains(&t.ts_event.0);
                let x: f64 = trades_of(&events).filter(within).map(|t| sign(t) * t.qty).sum();
                let y = b - a;
                for (sum, term) in sums.iter_mut().zip([1.0, x, y, x * x, x * y, y * y]) {
                    *sum += term;
                }
            }
            for (column, expected) in FLOW.iter().zip(sums) {
                let found = rows.get(usize::try_from(m).unwrap(), column);
                assert_close(column, found, Some(expected), 1e-4);
            }
        }
    }
}
