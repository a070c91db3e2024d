//! Sums of powers of returns on the price grid.

use proptest::prelude::*;

use super::day::*;
use crate::bars::Opening;
use crate::market::Event;

const RV: [&str; 7] = [
    "rv_n",
    "rv_zero",
    "rv",
    "rv_bipower",
    "rv_med",
    "rv_min",
    "rv_tri",
];

/// The definition over absolute returns in order, `None` where there is none; `first` is where the minute starts.
fn sums(returns: &[Option<f64>], first: usize) -> [f64; 7] {
    let mut sums = [0.0; 7];
    let before = |i: usize, k: usize| i.checked_sub(k).and_then(|j| returns[j]);
    for (i, c) in returns.iter().enumerate().skip(first) {
        let Some(c) = *c else { continue };
        sums[0] += 1.0;
        sums[1] += f64::from(u8::from(c == 0.0));
        sums[2] += c * c;
        let Some(b) = before(i, 1) else { continue };
        sums[3] += b * c;
        sums[5] += b.min(c) * b.min(c);
        let Some(a) = before(i, 2) else { continue };
        let mut three = [a, b, c];
        three.sort_by(f64::total_cmp);
        sums[4] += three[1] * three[1];
        sums[6] += libm::pow(a * b * c, 4.0 / 3.0);
    }
    sums
}

fn assert_minute(rows: &Rows, m: usize, expected: [f64; 7]) {
    for (column, expected) in RV.iter().zip(expected) {
        let what = format!("{column} of minute {m}");
        assert_close(&what, rows.get(m, column), Some(expected), 0.0);
    }
}

/// Quotes one second before every instant of the grid from 5 s on.
fn quotes(mids: &[f64]) -> Vec<Event> {
    (1..)
        .zip(mids)
        .map(|(i, mid)| quote(s(5 * i - 1), *mid, 1.0))
        .collect()
}

fn ln(x: f64) -> f64 {
    libm::log(x)
}

#[test]
fn returns_by_hand() {
    // From the opening: +ln 2, 0, -ln 2, +ln 3, then constant; two minutes.
    let mut mids = vec![200.0, 200.0, 100.0];
    mids.resize(24, 300.0);
    let rows = Rows::of(QUOTES, &opening(100.0, 5), &quotes(&mids), 2);
    let (two, three) = (ln(2.0), ln(3.0));
    let expected = [
        12.0,
        9.0,
        2.0 * two * two + three * three,
        two * three,
        two * two, // the triples (0, ln 2, ln 3) and (ln 2, ln 3, 0)
        two * two,
        0.0, // a zero return is in every triple
    ];
    let mut expected = expected;
    expected[4] += two * two;
    // (ln 2, 0, ln 2) is the triple before those two.
    expected[4] += two * two;
    assert_minute(&rows, 0, expected);
    assert_minute(&rows, 1, [12.0, 12.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn chains_reach_over_the_edge_of_a_minute() {
    // Constant but for the last return of the first minute and the first two of the second.
    let mut mids = vec![100.0; 11];
    mids.extend([200.0, 600.0, 3_000.0]);
    mids.resize(24, 3_000.0);
    let rows = Rows::of(QUOTES, &Opening::default(), &quotes(&mids), 2);
    let (two, three, five) = (ln(2.0), ln(3.0), ln(5.0));
    // Without an opening the first price makes no return.
    assert_minute(&rows, 0, [11.0, 10.0, two * two, 0.0, 0.0, 0.0, 0.0]);
    assert_minute(
        &rows,
        1,
        [
            12.0,
            10.0,
            three * three + five * five,
            two * three + three * five,
            // (0, ln 2, ln 3), (ln 2, ln 3, ln 5), (ln 3, ln 5, 0)
            two * two + three * three + three * three,
            two * two + three * three,
            libm::pow(two * three * five, 4.0 / 3.0),
        ],
    );
}

#[test]
fn a_price_that_is_not_there_breaks_the_chain() {
    let rise = |n: i32| 100.0 * f64::from(1 << n);
    let steady: Vec<f64> = (0..12).map(rise).collect();
    let two = ln(2.0);
    let of = |n: f64, pairs: f64, triples: f64| {
        let square = two * two;
        [
            n,
            0.0,
            n * square,
            pairs * square,
            triples * square,
            pairs * square,
            triples * square * square,
        ]
    };
    let whole = Rows::of(QUOTES, &Opening::default(), &quotes(&steady), 1);
    assert_minute(&whole, 0, of(11.0, 10.0, 9.0));
    // Crossed at the fifth instant: two returns are lost, and what pairs across them.
    let mut events = quotes(&steady);
    events[4] = quote(s(24), 1.0, -1.0);
    let rows = Rows::of(QUOTES, &Opening::default(), &events, 1);
    assert_minute(&rows, 0, of(9.0, 7.0, 5.0));
    // A gap between two prices takes one return only, but breaks the chain as well.
    let mut events = quotes(&steady);
    events.insert(5, gap(s(26)));
    let rows = Rows::of(QUOTES, &Opening::default(), &events, 1);
    assert_minute(&rows, 0, of(10.0, 8.0, 6.0));
    // At an instant of the grid: the return that ends there is not touched.
    let mut events = quotes(&steady);
    events.insert(5, gap(s(25)));
    let rows = Rows::of(QUOTES, &Opening::default(), &events, 1);
    assert_minute(&rows, 0, of(10.0, 8.0, 6.0));
}

#[test]
fn a_jump_and_equal_prices_are_plain_numbers() {
    let mut mids = vec![100.0; 6];
    mids.resize(12, 50.0);
    let rows = Rows::of(QUOTES, &opening(100.0, 1), &quotes(&mids), 1);
    let two = ln(2.0);
    assert_minute(&rows, 0, [12.0, 11.0, two * two, 0.0, 0.0, 0.0, 0.0]);
    let rows = Rows::of(QUOTES, &opening(100.0, 1), &quotes(&[100.0; 12]), 1);
    assert_minute(&rows, 0, [12.0, 12.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn the_smallest_returns_keep_their_digits_and_the_largest_stay_finite() {
    // One hundredth up at 100,000: ln(1 + d) = d - d^2 / 2 + ...
    let events = [
        trade(s(1), 100_000.0, 1.0, BUY),
        trade(s(6), 100_000.01, 1.0, BUY),
    ];
    let d: f64 = 0.01 / 100_000.0;
    let r = d - d * d / 2.0 + d * d * d / 3.0;
    let rows = Rows::of(TRADES, &Opening::default(), &events, 1);
    // The price itself has an error of 7e-12 in its hundredth.
    let found = rows.get(0, "rv").unwrap().sqrt();
    assert!((found - r).abs() <= 1e-9 * r, "{found} {r}");
    let events = [
        trade(s(1), 1e15, 1.0, BUY),
        trade(s(6), 1e-300, 1.0, BUY),
        trade(s(11), 1e15, 1.0, BUY),
    ];
    let rows = Rows::of(TRADES, &Opening::default(), &events, 1);
    let r = 315.0 * ln(10.0);
    assert_close("rv", rows.get(0, "rv"), Some(2.0 * r * r), 0.0);
}

#[test]
fn tripower_is_the_cube_root_to_the_fourth_bit_for_bit() {
    let rows = Rows::of(
        QUOTES,
        &opening(100.0, 1),
        &quotes(&[100.07, 100.02, 100.05]),
        1,
    );
    let size = |from: f64, to: f64| libm::log1p((to - from) / from).abs();
    let (a, b, c) = (
        size(100.0, 100.07),
        size(100.07, 100.02),
        size(100.02, 100.05),
    );
    let root = libm::cbrt(a * b * c);
    let expected = (root * root) * (root * root);
    assert_eq!(
        rows.get(0, "rv_tri").map(f64::to_bits),
        Some(expected.to_bits())
    );
    let power = libm::pow(a * b * c, 4.0 / 3.0);
    assert!((expected - power).abs() < 1e-14 * power);
}

#[test]
fn one_trade_an_hour_has_no_returns_but_while_it_is_fresh() {
    let events = [
        trade(s(62), 100.0, 1.0, BUY),
        trade(s(3_662), 150.0, 1.0, SELL),
    ];
    let rows = Rows::of(TRADES, &Opening::default(), &events, 65);
    for m in 0..65 {
        // Known at 65, 70, 75 and 80 s: three returns.
        let n = if m == 1 || m == 61 { 3.0 } else { 0.0 };
        assert_minute(&rows, m, [n, n, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn without_any_price_source_returns_are_null() {
    let has = Has {
        trades: false,
        ..TRADES
    };
    let rows = Rows::of(has, &Opening::default(), &[], 1);
    assert_eq!(rows.row(0, RV), [None; 7]);
    let has = Has {
        quotes: true,
        ..has
    };
    let rows = Rows::of(has, &Opening::default(), &[], 1);
    assert_eq!(rows.row(0, RV), [Some(0.0); 7]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn variances_equal_their_definitions(
        events in events(),
        is_known in any::<bool>(),
        quotes in any::<bool>(),
    ) {
        let has = if quotes { QUOTES } else { TRADES };
        let opening = if is_known { opening(250.0, 3) } else { Opening::default() };
        let rows = Rows::of(has, &opening, &events, 15);
        let price = |i: i64| grid_price(has, &opening, &events, s(5 * i));
        let returns: Vec<Option<f64>> = (1..=15 * 12)
            .map(|i| {
                let (a, b) = price(i - 1).zip(price(i))?;
                (!is_broken(&events, s(5 * (i - 1)), s(5 * i), |gap| breaks_prices(has, gap))).then(|| ln(b / a).abs())
            })
            .collect();
        for m in 0..15 {
            let upto = &returns[..12 * (m + 1)];
            assert_minute(&rows, m, sums(upto, 12 * m));
        }
    }
}
