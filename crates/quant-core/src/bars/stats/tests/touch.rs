//! Statistics of touches: hand-worked minutes, and recomputation from a plain list of touches.

use proptest::prelude::*;

use super::tape::{
    Builder, Seen, TOUCH_COLUMNS, Tape, assert_same_rows, builder, check, columns, gap, inputs,
    minute, sec, value,
};
use crate::bars::{DayBars, Opening, QuoteSource, stat_column};
use crate::market::{Quote, Touch, TouchAt};
use crate::time::{MICROS_PER_SECOND, UnixMicros};

/// Bid price and size, ask price and size.
type Raw = (f64, f64, f64, f64);

fn touch_of(raw: Raw) -> Touch {
    let (bid_px, bid_qty, ask_px, ask_qty) = raw;
    Touch {
        bid_px,
        bid_qty,
        ask_px,
        ask_qty,
    }
}

fn send(b: &mut Builder, ts_us: i64, (bid_px, bid_qty, ask_px, ask_qty): Raw) {
    b.on_quote(&Quote {
        ts_event: UnixMicros(ts_us),
        ts_recv: None,
        bid_px,
        bid_qty,
        ask_px,
        ask_qty,
        update_id: 0,
        ts_inferred: false,
    })
    .unwrap();
}

fn opening(ts_us: i64, raw: Raw) -> Opening {
    Opening {
        touch: Some(TouchAt {
            ts: UnixMicros(ts_us),
            touch: touch_of(raw),
        }),
        ..Opening::default()
    }
}

/// Builds `n` minutes of quotes, given as seconds of the day and touches, stale after 60 s.
fn day_of(n: i64, quotes: &[(i64, Raw)]) -> DayBars {
    let mut b = builder(inputs(QuoteSource::BookTicker, 60), &Opening::default());
    for (s, raw) in quotes {
        send(&mut b, sec(*s), *raw);
    }
    b.finish(UnixMicros(minute(n)))
}

fn of(day: &DayBars, m: i64, names: &[&str]) -> Vec<Option<f64>> {
    let column = |name: &&str| value(day, m, stat_column(name));
    names.iter().map(column).collect()
}

const OFI: [&str; 3] = ["ofi", "ofi_events", "ofi_depth"];
const REFILLS: [&str; 3] = ["n_depletions", "n_refills", "refill_secs"];
const QUOTES: [&str; 4] = ["n_quotes", "quote_coverage", "quote_age", "is_stale"];

#[test]
fn published_order_flow_numbers() {
    let cases = [
        // Size at the same bid: the strict variant gives 0.
        ((100.0, 10.0, 102.0, 7.0), (100.0, 15.0, 102.0, 7.0), 5.0),
        // Up-tick of the bid: the variant by level gives -6.
        ((100.0, 10.0, 102.0, 7.0), (101.0, 4.0, 102.0, 7.0), 4.0),
        // Down-tick of the bid: what was there went.
        ((100.0, 10.0, 102.0, 7.0), (99.0, 4.0, 102.0, 7.0), -10.0),
        // The ask mirrored: more of it, a better one, a worse one.
        ((100.0, 10.0, 102.0, 7.0), (100.0, 10.0, 102.0, 9.0), -2.0),
        ((100.0, 10.0, 102.0, 7.0), (100.0, 10.0, 101.0, 3.0), -3.0),
        ((100.0, 10.0, 102.0, 7.0), (100.0, 10.0, 103.0, 3.0), 7.0),
        // Both sides at once.
        ((100.0, 10.0, 102.0, 7.0), (101.0, 4.0, 103.0, 3.0), 11.0),
    ];
    for (before, after, e) in cases {
        let day = day_of(1, &[(1, before), (2, after)]);
        let depth = f64::midpoint(after.1, after.3);
        assert_eq!(of(&day, 0, &OFI), [Some(e), Some(1.0), Some(depth)]);
    }
}

#[test]
fn order_flow_counts_changes_with_a_before_only() {
    let mut b = builder(inputs(QuoteSource::BookTicker, 60), &Opening::default());
    let x = |qty| (100.0, qty, 102.0, 2.0);
    send(&mut b, sec(60), x(1.0)); // first of the day: no before
    send(&mut b, sec(61), x(1.0)); // no change
    send(&mut b, sec(62), x(3.0)); // +2
    send(&mut b, sec(63), (103.0, 1.0, 102.0, 1.0)); // crossed: ends it
    send(&mut b, sec(64), x(9.0)); // no before
    gap(&mut b, sec(65));
    send(&mut b, sec(66), x(1.0)); // no before
    send(&mut b, sec(67), x(5.0)); // +4
    send(&mut b, sec(67 + 61), x(7.0)); // stale: no before
    send(&mut b, sec(240), x(0.0)); // invalid, nothing else in that minute
    let day = b.finish(UnixMicros(minute(6)));
    assert_eq!(of(&day, 0, &OFI), [None, Some(0.0), None]);
    // (3 + 2) / 2 and (5 + 2) / 2.
    assert_eq!(of(&day, 1, &OFI), [Some(6.0), Some(2.0), Some(3.0)]);
    assert_eq!(of(&day, 2, &OFI), [Some(0.0), Some(0.0), None]);
    // In force and fresh at the start of minute 3 (since 128 s), not of minute 4.
    assert_eq!(of(&day, 3, &OFI), [Some(0.0), Some(0.0), None]);
    assert_eq!(of(&day, 4, &OFI), [None, Some(0.0), None]);
    assert_eq!(of(&day, 5, &OFI), [None, Some(0.0), None]);
}

#[test]
fn time_weights_hold_over_the_pieces_in_force() {
    // 30 s at 100/102, sizes 3 and 1; then 15 s at 100/104, sizes 1 and 3; then nothing.
    let a = (100.0, 3.0, 102.0, 1.0);
    let c = (100.0, 1.0, 104.0, 3.0);
    let day = day_of(2, &[(15, a), (45, c), (60, (100.0, 0.0, 104.0, 3.0))]);
    check(
        &day,
        0,
        &TOUCH_COLUMNS,
        &[
            ("mid_open", Some(101.0)),
            ("mid_high", Some(102.0)),
            ("mid_low", Some(101.0)),
            ("mid_close", Some(102.0)),
            // (2 * 30 + 4 * 15) / 45
            ("spread_tw", Some(8.0 / 3.0)),
            (
                "spread_bps_tw",
                Some((2.0 / 101.0 * 30.0 + 4.0 / 102.0 * 15.0) / 45.0 * 1e4),
            ),
            ("spread_close", Some(4.0)),
            ("imbalance_close", Some(0.25)),
            ("imbalance_bucket", Some(2.0)),
            ("imbalance_tw", Some((0.75 * 30.0 + 0.25 * 15.0) / 45.0)),
            // (1 * 104 + 3 * 100) / 4; (3 * 102 + 1 * 100) / 4 = 101.5
            ("wmid_close", Some(101.0)),
            ("wmid_tw", Some((101.5 * 30.0 + 101.0 * 15.0) / 45.0)),
            ("bid_qty_tw", Some((3.0 * 30.0 + 15.0) / 45.0)),
            ("ask_qty_tw", Some((30.0 + 3.0 * 15.0) / 45.0)),
            // Bid size 3 -> 1 at its price: -2; the ask at 102 went: +1.
            ("ofi", Some(-1.0)),
            ("ofi_events", Some(1.0)),
            ("ofi_depth", Some(2.0)),
            ("n_quotes", Some(2.0)),
            ("quote_coverage", Some(0.75)),
            ("quote_age", Some(15.0)),
            ("is_stale", Some(0.0)),
            ("n_depletions", Some(1.0)),
            ("n_refills", Some(0.0)),
            ("refill_secs", Some(0.0)),
        ],
    );
    // The next minute opens with a touch that ends at once: order flow is known to be 0, means are not.
    let nothing = of(&day, 1, &["spread_tw", "wmid_close", "quote_age", "ofi"]);
    assert_eq!(nothing, [None, None, None, Some(0.0)]);
    assert_eq!(of(&day, 1, &QUOTES[..2]), [Some(1.0), Some(0.0)]);
}

#[test]
fn imbalance_buckets_are_ten() {
    let cases = [
        (1.0, 9.0, 1.0),
        (1.0, 1e12, 0.0),
        (5.0, 5.0, 5.0),
        (9.0, 1.0, 9.0),
        // I rounds to 1: still the last bucket.
        (1e12, 1e-12, 9.0),
    ];
    for (bid, ask, bucket) in cases {
        let day = day_of(1, &[(1, (100.0, bid, 102.0, ask))]);
        assert_eq!(of(&day, 0, &["imbalance_bucket"]), [Some(bucket)]);
    }
}

#[test]
fn stale_touches_have_an_age_but_no_values() {
    let day = day_of(4, &[(30, (100.0, 1.0, 102.0, 1.0))]);
    let value = ["imbalance_close", "spread_close", "wmid_close"];
    assert_eq!(
        of(&day, 0, &QUOTES),
        [Some(1.0), Some(0.5), Some(30.0), Some(0.0)]
    );
    assert_eq!(of(&day, 0, &value), [Some(0.5), Some(2.0), Some(101.0)]);
    assert_eq!(
        of(&day, 1, &QUOTES),
        [Some(0.0), Some(0.5), Some(90.0), Some(1.0)]
    );
    assert_eq!(of(&day, 1, &value), [None; 3]);
    assert_eq!(of(&day, 1, &["spread_tw"]), [Some(2.0)]);
    assert_eq!(
        of(&day, 2, &QUOTES),
        [Some(0.0), Some(0.0), Some(150.0), Some(1.0)]
    );
    assert_eq!(of(&day, 2, &["spread_tw"]), [None]);
}

#[test]
fn a_day_without_quotes_has_nulls_only() {
    let mut b = builder(inputs(QuoteSource::None, 60), &Opening::default());
    send(&mut b, sec(1), (100.0, 1.0, 102.0, 1.0));
    let day = b.finish(UnixMicros(minute(2)));
    for column in columns(&TOUCH_COLUMNS) {
        assert_eq!(value(&day, 0, column), None);
    }
}

#[test]
fn the_opening_is_a_before_while_it_is_fresh() {
    let old = (100.0, 10.0, 102.0, 1.0);
    for (age, ofi, coverage) in [(20, Some(5.0), 55.0 / 60.0), (61, Some(0.0), 30.0 / 60.0)] {
        let opening = opening(sec(-age), old);
        let mut b = builder(inputs(QuoteSource::BookTicker, 60), &opening);
        if age > 60 {
            send(&mut b, sec(30), (100.0, 15.0, 102.0, 1.0));
        } else {
            // Unchanged: renews the opening; then a change, then nothing.
            send(&mut b, sec(10), old);
            send(&mut b, sec(50), (100.0, 15.0, 102.0, 1.0));
            gap(&mut b, sec(55));
        }
        let day = b.finish(UnixMicros(minute(1)));
        assert_eq!(of(&day, 0, &["ofi"]), [ofi]);
        assert_eq!(of(&day, 0, &["quote_coverage"]), [Some(coverage)]);
    }
}

#[test]
fn refills_are_timed_from_the_depletion() {
    let bid = |px| (px, 1.0, 110.0, 1.0);
    let day = day_of(
        2,
        &[
            (1, bid(100.0)),
            (2, bid(99.0)),   // lost 100
            (3, bid(98.0)),   // still pending: not another one
            (4, bid(99.0)),   // not back yet
            (6, bid(101.0)),  // back after 4 s
            (50, bid(100.5)), // lost 101
            (60, bid(101.0)), // back after exactly 10 s, in the next minute
        ],
    );
    assert_eq!(of(&day, 0, &REFILLS), [Some(2.0), Some(1.0), Some(4.0)]);
    assert_eq!(of(&day, 1, &REFILLS), [Some(0.0), Some(1.0), Some(10.0)]);
}

#[test]
fn late_refills_are_none_and_make_room() {
    let x = |bid, ask| (bid, 1.0, ask, 1.0);
    let mut b = builder(inputs(QuoteSource::BookTicker, 60), &Opening::default());
    send(&mut b, sec(1), x(100.0, 110.0));
    send(&mut b, sec(2), x(99.0, 111.0)); // both sides lose their price
    send(&mut b, sec(12), x(98.0, 111.0)); // 10 s: still pending
    send(&mut b, sec(12) + 1, x(97.0, 112.0)); // given up: new ones on both sides
    send(&mut b, sec(13), x(98.0, 111.0)); // back, after 1 s less 1 us
    send(&mut b, sec(14), x(98.0, 112.0)); // the ask again
    send(&mut b, sec(25), x(98.0, 111.0)); // too late
    let day = b.finish(UnixMicros(minute(1)));
    let refills = [Some(5.0), Some(2.0), Some(2.0 * 0.999999)];
    assert_eq!(of(&day, 0, &REFILLS), refills);
}

#[test]
fn gaps_end_what_is_pending_and_invalid_touches_do_not() {
    let bid = |px| (px, 1.0, 110.0, 1.0);
    let run = |is_gap: bool| {
        let mut b = builder(inputs(QuoteSource::BookTicker, 60), &Opening::default());
        send(&mut b, sec(1), bid(100.0));
        send(&mut b, sec(2), bid(99.0));
        if is_gap {
            gap(&mut b, sec(3));
        } else {
            send(&mut b, sec(3), bid(120.0));
        }
        send(&mut b, sec(4), bid(98.0)); // no before: not a depletion either
        send(&mut b, sec(5), bid(100.0));
        of(&b.finish(UnixMicros(minute(1))), 0, &REFILLS)
    };
    assert_eq!(run(true), [Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(run(false), [Some(1.0), Some(1.0), Some(3.0)]);
}

#[test]
fn extreme_numbers_give_numbers_or_nulls() {
    let day = day_of(
        3,
        &[
            (1, (5e-324, 5e-324, 1e15, 1e15)),
            (2, (1e-300, 1e308, 1e308, 1e308)),
            (3, (1e307, 5e-324, 1e308, 5e-324)),
        ],
    );
    for m in 0..3 {
        for column in columns(&TOUCH_COLUMNS) {
            value(&day, m, column); // asserts that it is finite or null
        }
    }
    assert_eq!(of(&day, 0, &["n_quotes"]), [Some(3.0)]);
}

// ---- recomputation ----------------------------------------------------------------------------------------

/// Seconds of the refills and minutes of depletions and refills of one side; `sign` is +1 for bids, -1 for asks.
fn refills(tape: &Tape<Touch>, m: i64, sign: f64) -> (f64, f64, f64) {
    let px = |t: &Touch| sign * if sign > 0.0 { t.bid_px } else { t.ask_px };
    let inside = |ts: i64| minute(m) <= ts && ts < minute(m + 1);
    let (mut depletions, mut n_refills, mut seconds) = (0.0, 0.0, 0.0);
    let mut i = 0;
    while i < tape.seen.len() {
        let now = &tape.seen[i];
        i += 1;
        let change = tape.before(i - 1).zip(now.what.as_ref());
        let Some((before, _)) = change.filter(|(b, a)| px(a) < px(b)) else {
            continue;
        };
        depletions += f64::from(u8::from(inside(now.ts)));
        // Walk on to what ends it.
        while let Some(next) = tape.seen.get(i) {
            let waited = next.ts - now.ts;
            if next.what.is_some() && waited > 10 * MICROS_PER_SECOND {
                break; // looked at again: it may be a depletion itself
            }
            i += 1;
            if next.is_gap {
                break;
            }
            if next.what.is_some_and(|t| px(&t) >= px(before)) {
                if inside(next.ts) {
                    n_refills += 1.0;
                    seconds += waited as f64 / 1e6;
                }
                break;
            }
        }
    }
    (depletions, n_refills, seconds)
}

/// The touch columns of a minute, from the page.
pub(super) fn expected(tape: &Tape<Touch>, m: i64) -> Vec<(&'static str, Option<f64>)> {
    let close = tape.fresh(minute(m + 1));
    let share = |t: &Touch| t.bid_qty / (t.bid_qty + t.ask_qty);
    let wmid = |t: &Touch| (t.bid_qty * t.ask_px + t.ask_qty * t.bid_px) / (t.bid_qty + t.ask_qty);
    let changes: Vec<_> = tape
        .changes(m)
        .into_iter()
        .filter(|(b, a)| b != a)
        .collect();
    let one = |condition: bool, x: f64| if condition { x } else { 0.0 };
    let e = |b: &Touch, a: &Touch| {
        one(a.bid_px >= b.bid_px, a.bid_qty)
            - one(a.bid_px <= b.bid_px, b.bid_qty)
            - one(a.ask_px <= b.ask_px, a.ask_qty)
            + one(a.ask_px >= b.ask_px, b.ask_qty)
    };
    let n = changes.len() as f64;
    let ofi: f64 = changes.iter().map(|(b, a)| e(b, a)).sum();
    let depth: f64 = changes
        .iter()
        .map(|(_, a)| f64::midpoint(a.bid_qty, a.ask_qty))
        .sum();
    let (bid, ask) = (refills(tape, m, 1.0), refills(tape, m, -1.0));
    let mids: Vec<f64> = tape
        .states(m)
        .iter()
        .map(|t| f64::midpoint(t.bid_px, t.ask_px))
        .collect();
    vec![
        ("mid_open", mids.first().copied()),
        ("mid_high", mids.iter().copied().reduce(f64::max)),
        ("mid_low", mids.iter().copied().reduce(f64::min)),
        (
            "mid_close",
            close.map(|t| f64::midpoint(t.bid_px, t.ask_px)),
        ),
        ("spread_tw", tape.tw(m, |t| t.ask_px - t.bid_px)),
        (
            "spread_bps_tw",
            tape.tw(m, |t| {
                (t.ask_px - t.bid_px) / f64::midpoint(t.bid_px, t.ask_px)
            })
            .map(|x| x * 1e4),
        ),
        ("spread_close", close.map(|t| t.ask_px - t.bid_px)),
        ("imbalance_close", close.map(|t| share(&t))),
        (
            "imbalance_bucket",
            close.map(|t| (10.0 * share(&t)).floor().min(9.0)),
        ),
        ("imbalance_tw", tape.tw(m, share)),
        ("wmid_close", close.map(|t| wmid(&t))),
        ("wmid_tw", tape.tw(m, wmid)),
        ("bid_qty_tw", tape.tw(m, |t| t.bid_qty)),
        ("ask_qty_tw", tape.tw(m, |t| t.ask_qty)),
        ("ofi", (!mids.is_empty()).then_some(ofi)),
        ("ofi_events", Some(n)),
        ("ofi_depth", (n > 0.0).then(|| depth / n)),
        ("n_quotes", Some(tape.n_events(m))),
        ("quote_coverage", Some(tape.coverage(m))),
        ("quote_age", tape.age(m)),
        ("is_stale", Some(if close.is_none() { 1.0 } else { 0.0 })),
        ("n_depletions", Some(bid.0 + ask.0)),
        ("n_refills", Some(bid.1 + ask.1)),
        ("refill_secs", Some(bid.2 + ask.2)),
    ]
}

/// A quote, or a gap.
type Step = (i64, Option<Raw>);

/// Half seconds apart, some of them long; a few ticks wide, some locked, crossed, or without a size.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let dt = prop_oneof![8 => 0_i64..6, 2 => 12_i64..22, 1 => 100_i64..300];
    let size = prop_oneof![20 => 1_u32..6, 1 => Just(0)];
    let width = prop_oneof![12 => 1_i32..4, 1 => -1_i32..1];
    let quote = (398_i32..402, size.clone(), width, size).prop_map(|(bid, bq, width, aq)| {
        let px = |ticks: i32| f64::from(ticks) / 4.0;
        let qty = |n: u32| f64::from(n) / 8.0;
        Some((px(bid), qty(bq), px(bid + width), qty(aq)))
    });
    let what = prop_oneof![20 => quote, 1 => Just(None)];
    prop::collection::vec((dt, what), 0..150).prop_map(|steps| {
        let mut ts = sec(0);
        let place = |(dt, what)| {
            ts += dt * MICROS_PER_SECOND / 2;
            (ts, what)
        };
        steps.into_iter().map(place).collect()
    })
}

fn run(steps: &[Step], opening: &Opening, stale_s: i64) -> Builder {
    let mut b = builder(inputs(QuoteSource::BookTicker, stale_s), opening);
    for (ts, what) in steps {
        match what {
            Some(raw) => send(&mut b, *ts, *raw),
            None => gap(&mut b, *ts),
        }
    }
    b
}

const MINUTES: i64 = 12;

fn kept(steps: &[Step], before: i64) -> Vec<Step> {
    let is_kept = |step: &&Step| step.0 < before;
    steps.iter().filter(is_kept).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn columns_equal_the_definition(
        steps in steps(),
        stale_s in prop_oneof![Just(7_i64), Just(60)],
        old in prop::option::of(1_i64..80),
    ) {
        let steps = kept(&steps, minute(MINUTES));
        let old = old.map(|age| (sec(-age), (99.75, 0.5, 100.25, 0.25)));
        let opening = old.map_or_else(Opening::default, |(ts, raw)| opening(ts, raw));
        let day = run(&steps, &opening, stale_s).finish(UnixMicros(minute(MINUTES)));
        let is_valid = |r: &Raw| r.0 < r.2 && r.1 > 0.0 && r.3 > 0.0;
        let all = old.map(|(ts, raw)| (ts, Some(raw))).into_iter().chain(steps);
        let seen = all.map(|(ts, raw)| Seen {
            ts,
            what: raw.filter(is_valid).map(touch_of),
            is_gap: raw.is_none(),
            is_reset: false,
        });
        let tape = Tape { seen: seen.collect(), stale_us: stale_s * MICROS_PER_SECOND };
        for m in 0..MINUTES {
            check(&day, m, &TOUCH_COLUMNS, &expected(&tape, m));
        }
    }

    #[test]
    fn closed_minutes_do_not_know_the_future(steps in steps(), cut in 0..MINUTES) {
        let steps = kept(&steps, minute(MINUTES));
        let nothing = Opening::default();
        let whole = run(&steps, &nothing, 60).finish(UnixMicros(minute(MINUTES))).stat_values;
        let steps = kept(&steps, minute(cut));
        let prefix = run(&steps, &nothing, 60).finish(UnixMicros(minute(cut))).stat_values;
        assert_same_rows(&whole, &prefix, cut);
        let mut other = run(&steps, &nothing, 60);
        other.advance_to(UnixMicros(minute(cut)));
        assert_same_rows(&whole, other.stat_values(), cut);
        send(&mut other, minute(cut), (1.0, 1.0, 2.0, 1.0));
        let other = other.finish(UnixMicros(minute(MINUTES))).stat_values;
        assert_same_rows(&whole, &other, cut);
    }
}
