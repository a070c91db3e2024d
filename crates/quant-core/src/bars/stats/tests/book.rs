//! Statistics of books: hand-worked minutes, and recomputation from a plain list of books.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::day::quote;
use super::tape::{
    BOOK_COLUMNS, Builder, Seen, TOUCH_COLUMNS, Tape, assert_same_rows, builder, check, columns,
    gap, inputs, minute, sec, value,
};
use super::touch;
use crate::bars::{DayBars, Opening, QuoteSource, STAT_COLUMNS, stat_column};
use crate::market::{BookLevel, BookSnapshot, Event, Side, Touch};
use crate::time::{MICROS_PER_SECOND, UnixMicros};

/// Prices and sizes, best first.
type Ladder<'a> = &'a [(f64, f64)];

fn image(ts_us: i64, bids: Ladder<'_>, asks: Ladder<'_>) -> BookSnapshot {
    let level = |(px, qty): &(f64, f64)| BookLevel { px: *px, qty: *qty };
    BookSnapshot {
        ts_event: UnixMicros(ts_us),
        ts_recv: None,
        seq: 0,
        bids: bids.iter().map(level).collect(),
        asks: asks.iter().map(level).collect(),
    }
}

fn show(b: &mut Builder, ts_us: i64, bids: Ladder<'_>, asks: Ladder<'_>) {
    b.on_event(&Event::BookSnapshot(image(ts_us, bids, asks)))
        .unwrap();
}

fn start() -> Builder {
    builder(inputs(QuoteSource::None, 60), &Opening::default())
}

fn of(day: &DayBars, m: i64, names: &[&str]) -> Vec<Option<f64>> {
    let column = |name: &&str| value(day, m, stat_column(name));
    names.iter().map(column).collect()
}

/// Sends an atomic message of the delta stream.
fn message(b: &mut Builder, ts_us: i64, is_snapshot: bool, levels: &[(Side, f64, f64)]) {
    for (i, (side, px, qty)) in levels.iter().enumerate() {
        let is_last = i + 1 == levels.len();
        b.on_level_fields(ts_us, is_snapshot, *side, *px, *qty, is_last)
            .unwrap();
    }
}

const CHANGES: [&str; 4] = [
    "book_added_bid",
    "book_removed_bid",
    "book_added_ask",
    "book_removed_ask",
];
const MLOFI: std::ops::Range<&str> = "mlofi_01".."ofi_weighted";

/// A side of ten levels of size 1, a unit apart.
fn ten(best: f64, step: f64) -> Vec<(f64, f64)> {
    (0..10).map(|k| (best + step * f64::from(k), 1.0)).collect()
}

#[test]
fn a_lost_book_ends_what_is_in_force_and_is_no_event_of_it() {
    for quotes in [QuoteSource::BookTicker, QuoteSource::Book] {
        let mut b = builder(inputs(quotes, 60), &Opening::default());
        let book = [(Side::Sell, 12.0, 1.0), (Side::Buy, 10.0, 1.0)];
        message(&mut b, sec(0), true, &book);
        b.on_event(&quote(sec(0), 11.0, 2.0)).unwrap();
        message(&mut b, sec(15), true, &[(Side::Buy, 10.0, 0.0)]);
        b.on_event(&quote(sec(30), 11.5, 1.0)).unwrap();
        message(&mut b, sec(45), true, &book);
        message(&mut b, sec(50), false, &[(Side::Buy, 10.0, 2.0)]);
        let day = b.finish(UnixMicros(minute(1)));
        let of = |name: &str| {
            let column = STAT_COLUMNS.iter().position(|c| *c == name).unwrap();
            value(&day, 0, column)
        };
        // Nothing is in force from 15 s on: not the book before 45 s, not the touch before its next event.
        assert_eq!(of("book_coverage"), Some(0.5), "{quotes:?}");
        assert_eq!(of("n_book_updates"), Some(3.0));
        // Only the last message has a before.
        assert_eq!(of("book_added_bid"), Some(1.0));
        assert_eq!(of("book_removed_bid"), Some(0.0));
        let (coverage, ofi) = match quotes {
            QuoteSource::BookTicker => (0.75, 0.0), // 10 at 0 s and 11 at 30 s are no change
            _ => (0.5, 1.0),
        };
        assert_eq!(of("quote_coverage"), Some(coverage), "{quotes:?}");
        assert_eq!(of("ofi"), Some(ofi), "{quotes:?}");
    }
}

#[test]
fn depth_imbalance_and_walls_by_hand() {
    let mut b = start();
    // 20 s: bids 1 + 3, asks 2 + 1 + 3; then until the close: bids 6, asks 2.
    show(
        &mut b,
        sec(10),
        &[(99.0, 1.0), (98.0, 3.0)],
        &[(101.0, 2.0), (102.0, 1.0), (103.0, 3.0)],
    );
    show(&mut b, sec(30), &[(99.0, 6.0)], &[(101.0, 2.0)]);
    let day = b.finish(UnixMicros(minute(1)));
    let near = |name: &str, x: f64| {
        let found = value(&day, 0, stat_column(name)).unwrap();
        assert!((found - x).abs() < 1e-12, "{name}: {found}, not {x}");
    };
    near("depth_bid_tw", (4.0 * 20.0 + 6.0 * 30.0) / 50.0);
    near("depth_ask_tw", (6.0 * 20.0 + 2.0 * 30.0) / 50.0);
    near("depth_bid_close", 6.0);
    near("depth_ask_close", 2.0);
    // Weighted sides: 1 + 3/2 = 2.5 and 2 + 1/2 + 3/3 = 3.5: -1/6; then 6 and 2: 1/2.
    near("obi_tw", (-20.0 / 6.0 + 15.0) / 50.0);
    near("obi_close", 0.5);
    near("wall_ratio_bid", 1.0);
    near("wall_ratio", 0.75);
    near("n_book_updates", 2.0);
    near("book_coverage", 50.0 / 60.0);
    near("book_age", 30.0);
    let mut b = start();
    show(
        &mut b,
        sec(1),
        &[(99.0, 1.0), (98.0, 3.0)],
        &[(101.0, 2.0), (102.0, 1.0), (103.0, 3.0)],
    );
    let day = b.finish(UnixMicros(minute(1)));
    let walls = of(&day, 0, &["wall_ratio_bid", "wall_ratio_ask", "wall_ratio"]);
    assert_eq!(walls, [Some(0.75), Some(0.5), Some(0.3)]);
}

#[test]
fn order_flow_goes_by_rank() {
    let mut b = start();
    show(
        &mut b,
        sec(1),
        &[(99.0, 10.0), (98.0, 5.0)],
        &[(101.0, 4.0), (102.0, 2.0)],
    );
    // A better bid appears: rank 1 rises to 100 x 3, rank 2 rises to 99 x 10. The first ask grows by 1, the second goes.
    show(
        &mut b,
        sec(2),
        &[(100.0, 3.0), (99.0, 10.0)],
        &[(101.0, 5.0), (103.0, 6.0)],
    );
    let day = b.finish(UnixMicros(minute(1)));
    // Rank 1: +3 - 1. Rank 2: +10 - (-2).
    assert_eq!(
        of(&day, 0, &["mlofi_01", "mlofi_02", "mlofi_03"]),
        [Some(2.0), Some(12.0), None]
    );
    assert_eq!(
        of(&day, 0, &["ofi_weighted"]),
        [Some((2.0 + 0.5 * 12.0) / 1.5)]
    );
}

#[test]
fn the_first_rank_is_the_order_flow_of_the_touch() {
    let mut b = builder(inputs(QuoteSource::Book, 60), &Opening::default());
    let asks = [(102.0, 7.0)];
    show(&mut b, sec(1), &[(100.0, 10.0)], &asks);
    show(&mut b, sec(2), &[(100.0, 15.0)], &asks);
    show(&mut b, sec(3), &[(101.0, 4.0)], &asks);
    let day = b.finish(UnixMicros(minute(1)));
    assert_eq!(of(&day, 0, &["ofi", "mlofi_01"]), [Some(9.0), Some(9.0)]);
}

#[test]
fn a_rank_missing_once_is_null_for_the_minute() {
    let mut b = start();
    let (bids, asks) = (ten(99.0, -1.0), ten(101.0, 1.0));
    show(&mut b, sec(1), &bids, &asks);
    show(&mut b, sec(2), &bids, &asks[..3]);
    show(&mut b, sec(3), &bids, &asks);
    show(&mut b, sec(61), &bids, &asks);
    let day = b.finish(UnixMicros(minute(4)));
    let known = |m| {
        columns(&MLOFI)
            .filter(|c| value(&day, m, *c).is_some())
            .count()
    };
    assert_eq!(known(0), 3);
    // All ranks again; then a book in force and no change; then one gone stale before the minute.
    assert_eq!([known(1), known(2), known(3)], [10, 10, 0]);
    assert_eq!(
        of(&day, 2, &["mlofi_07", "ofi_weighted"]),
        [Some(0.0), Some(0.0)]
    );
    assert_eq!(
        of(&day, 3, &["ofi_weighted", "book_added_bid"]),
        [None, None]
    );
}

#[test]
fn sizes_are_compared_where_both_books_show_the_price() {
    let mut b = start();
    let (mut bids, asks) = (ten(99.0, -1.0), ten(101.0, 1.0));
    show(&mut b, sec(1), &bids, &asks);
    // A new best bid pushes 90 out of sight: nothing was removed. 95 loses a half.
    bids.insert(0, (99.5, 2.0));
    bids.truncate(10);
    bids[5].1 = 0.5;
    // The best ask goes and 111 comes into sight: not added. 104 grows by 3.
    let mut fewer: Vec<_> = asks[1..].to_vec();
    fewer.push((111.0, 8.0));
    fewer[2].1 = 4.0;
    show(&mut b, sec(2), &bids, &fewer);
    let day = b.finish(UnixMicros(minute(1)));
    assert_eq!(
        of(&day, 0, &CHANGES),
        [Some(2.0), Some(0.5), Some(3.0), Some(1.0)]
    );
}

#[test]
fn a_thin_side_hides_nothing() {
    let mut b = start();
    let asks = ten(101.0, 1.0);
    show(&mut b, sec(1), &[(99.0, 1.0)], &asks);
    show(&mut b, sec(2), &[(99.0, 1.0), (50.0, 4.0)], &asks[..9]);
    show(&mut b, sec(3), &[(98.0, 1.5)], &asks);
    let day = b.finish(UnixMicros(minute(1)));
    // Bids: +4, then -1 - 4 + 1.5. Asks: 110 lies in what ten shown levels reach, so it went and came.
    assert_eq!(
        of(&day, 0, &CHANGES),
        [Some(5.5), Some(5.0), Some(1.0), Some(1.0)]
    );
}

#[test]
fn invalid_books_resets_and_gaps_are_no_before() {
    let mut b = start();
    let x = |qty| vec![(Side::Buy, 99.0, qty), (Side::Sell, 101.0, 1.0)];
    message(&mut b, sec(1), false, &x(9.0)); // before any snapshot: nobody knows the rest
    message(&mut b, sec(2), true, &x(1.0));
    message(&mut b, sec(3), false, &[(Side::Buy, 99.0, 3.0)]); // +2
    message(&mut b, sec(4), true, &x(7.0)); // reset
    message(&mut b, sec(5), false, &[(Side::Buy, 102.0, 1.0)]); // crossed
    message(&mut b, sec(6), false, &[(Side::Buy, 102.0, 0.0)]); // no before
    message(&mut b, sec(7), false, &[(Side::Buy, 99.0, 8.0)]); // +1
    message(&mut b, sec(8), false, &[(Side::Sell, 101.0, 0.0)]); // one-sided
    message(&mut b, sec(9), false, &[(Side::Sell, 101.0, 5.0)]);
    gap(&mut b, sec(10));
    message(&mut b, sec(11), false, &[(Side::Buy, 99.0, 3.0)]); // unknown again
    message(&mut b, sec(12), true, &x(4.0));
    let day = b.finish(UnixMicros(minute(1)));
    assert_eq!(of(&day, 0, &["mlofi_01", "mlofi_02"]), [Some(3.0), None]);
    assert_eq!(
        of(&day, 0, &CHANGES),
        [Some(3.0), Some(0.0), Some(0.0), Some(0.0)]
    );
    // In force 2..5, 6..8, 9..10, 12..60.
    let use_of = of(&day, 0, &["n_book_updates", "book_coverage", "book_age"]);
    assert_eq!(use_of, [Some(11.0), Some(54.0 / 60.0), Some(48.0)]);
}

#[test]
fn the_opening_book_is_a_before_while_it_is_fresh() {
    for (age, mlofi) in [(20, 4.0), (61, 0.0)] {
        let opening = Opening {
            book: Some(image(sec(-age), &[(99.0, 1.0)], &[(101.0, 1.0)])),
            ..Opening::default()
        };
        let mut b = builder(inputs(QuoteSource::Book, 60), &opening);
        message(&mut b, sec(30), false, &[(Side::Buy, 99.0, 5.0)]);
        let day = b.finish(UnixMicros(minute(1)));
        let found = of(&day, 0, &["mlofi_01", "ofi", "book_added_bid"]);
        assert_eq!(found, [Some(mlofi); 3]);
        let covered = if age == 20 { 1.0 } else { 0.5 };
        assert_eq!(of(&day, 0, &["book_coverage"]), [Some(covered)]);
    }
}

#[test]
fn a_day_without_books_has_nulls_only() {
    let inputs = crate::bars::MarketInputs::default();
    let day = builder(inputs, &Opening::default()).finish(UnixMicros(minute(1)));
    for column in columns(&BOOK_COLUMNS) {
        assert_eq!(value(&day, 0, column), None, "{}", STAT_COLUMNS[column]);
    }
}

// ---- recomputation ----------------------------------------------------------------------------------------

/// All levels of a side by price, best first.
type NaiveSide = Vec<(f64, f64)>;
type NaiveBook = (NaiveSide, NaiveSide);

fn at(side: &NaiveSide, px: f64) -> f64 {
    let same = |level: &&(f64, f64)| level.0.to_bits() == px.to_bits();
    side.iter().find(same).map_or(0.0, |level| level.1)
}

/// Sizes added and removed; `sign` is +1 for bids, -1 for asks.
fn added(before: &NaiveSide, after: &NaiveSide, sign: f64) -> (f64, f64) {
    let lowest = |side: &NaiveSide| match side.last() {
        Some((px, _)) if side.len() == 10 => sign * px,
        _ => f64::NEG_INFINITY,
    };
    let floor = lowest(before).max(lowest(after));
    let mut prices: Vec<f64> = before.iter().chain(after).map(|level| level.0).collect();
    prices.sort_by(f64::total_cmp);
    prices.dedup();
    let visible = prices.into_iter().filter(|px| sign * px >= floor);
    visible.fold((0.0, 0.0), |(more, less), px| {
        let change = at(after, px) - at(before, px);
        (more + change.max(0.0), less + (-change).max(0.0))
    })
}

/// `dW - dV` of a rank in the three cases of the paper, `None` if it is missing.
fn rank_flow(before: &NaiveBook, after: &NaiveBook, m: usize) -> Option<f64> {
    let (b, nb) = (before.0.get(m)?, after.0.get(m)?);
    let (a, na) = (before.1.get(m)?, after.1.get(m)?);
    let dw = if nb.0 > b.0 {
        nb.1
    } else if nb.0 < b.0 {
        -b.1
    } else {
        nb.1 - b.1
    };
    let dv = if na.0 > a.0 {
        -a.1
    } else if na.0 < a.0 {
        na.1
    } else {
        na.1 - a.1
    };
    Some(dw - dv)
}

fn total(side: &NaiveSide) -> f64 {
    side.iter().map(|level| level.1).sum()
}

fn largest(side: &NaiveSide) -> f64 {
    side.iter().map(|level| level.1).fold(0.0, f64::max)
}

fn obi(book: &NaiveBook) -> f64 {
    let weighted = |side: &NaiveSide| -> f64 {
        let term = |(k, level): (usize, &(f64, f64))| level.1 / (k + 1) as f64;
        side.iter().enumerate().map(term).sum()
    };
    let (b, a) = (weighted(&book.0), weighted(&book.1));
    (b - a) / (b + a)
}

/// The book columns of a minute, from the page.
fn expected(tape: &Tape<NaiveBook>, m: i64) -> Vec<(&'static str, Option<f64>)> {
    let close = tape.fresh(minute(m + 1));
    let at_close = |f: fn(&NaiveBook) -> f64| close.as_ref().map(f);
    let mut changes = tape.changes(m);
    changes.retain(|(before, after)| before != after);
    let is_known = !tape.states(m).is_empty();
    let ranks: Vec<Option<f64>> = (0..10)
        .map(|rank| {
            let flows = changes.iter().map(|(b, a)| rank_flow(b, a, rank));
            flows.sum::<Option<f64>>().filter(|_| is_known)
        })
        .collect();
    let weight = |m: usize| 1.0 / (m + 1) as f64;
    let known = || {
        ranks
            .iter()
            .enumerate()
            .filter_map(|(m, x)| Some((m, (*x)?)))
    };
    let weighted = known().map(|(m, x)| weight(m) * x).sum::<f64>()
        / known().map(|(m, _)| weight(m)).sum::<f64>();
    let sizes = |side: fn(&NaiveBook) -> &NaiveSide, sign| {
        changes.iter().fold((0.0, 0.0), |sum, (b, a)| {
            let one = added(side(b), side(a), sign);
            (sum.0 + one.0, sum.1 + one.1)
        })
    };
    let (bids, asks) = (sizes(|x| &x.0, 1.0), sizes(|x| &x.1, -1.0));
    let if_known = |x: f64| is_known.then_some(x);
    let mut out = vec![
        ("depth_bid_tw", tape.tw(m, |x| total(&x.0))),
        ("depth_ask_tw", tape.tw(m, |x| total(&x.1))),
        ("depth_bid_close", at_close(|x| total(&x.0))),
        ("depth_ask_close", at_close(|x| total(&x.1))),
    ];
    out.extend(
        columns(&MLOFI)
            .map(|c| STAT_COLUMNS[c])
            .zip(ranks.iter().copied()),
    );
    out.extend([
        ("ofi_weighted", ranks[0].map(|_| weighted)),
        ("obi_tw", tape.tw(m, obi)),
        ("obi_close", at_close(obi)),
        ("wall_ratio_bid", at_close(|x| largest(&x.0) / total(&x.0))),
        ("wall_ratio_ask", at_close(|x| largest(&x.1) / total(&x.1))),
        (
            "wall_ratio",
            at_close(|x| largest(&x.0).max(largest(&x.1)) / (total(&x.0) + total(&x.1))),
        ),
        ("book_added_bid", if_known(bids.0)),
        ("book_removed_bid", if_known(bids.1)),
        ("book_added_ask", if_known(asks.0)),
        ("book_removed_ask", if_known(asks.1)),
        ("n_book_updates", Some(tape.n_events(m))),
        ("book_coverage", Some(tape.coverage(m))),
        ("book_age", tape.age(m)),
    ]);
    out
}

/// A message of levels (side, tick, eighths of a unit), a gap, or a message that says that the book is lost.
#[derive(Clone, Debug)]
enum Step {
    Levels(bool, Vec<(Side, i32, u32)>),
    Gap,
    Lost,
}

fn price(tick: i32) -> f64 {
    f64::from(tick) / 4.0
}

fn size(n: u32) -> f64 {
    f64::from(n) / 8.0
}

/// Messages on a book of up to two dozen prices per side; some cross it, empty a side, or start over thin.
fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let dt = prop_oneof![8 => 0_i64..6, 2 => 12_i64..22, 1 => 100_i64..300];
    let qty = prop_oneof![3 => 1_u32..9, 2 => Just(0)];
    // Distance from the middle; rarely across it.
    let depth = prop_oneof![40 => 0_i32..14, 1 => -2_i32..0];
    let level = (any::<bool>(), depth, qty).prop_map(|(is_bid, depth, qty)| {
        if is_bid {
            (Side::Buy, 400 - depth, qty)
        } else {
            (Side::Sell, 401 + depth, qty)
        }
    });
    let side = prop_oneof![
        2 => prop::collection::vec((1_i32..3, 1_u32..9), 1..5),
        3 => prop::collection::vec((1_i32..3, 1_u32..9), 9..14),
    ];
    let snapshot = (side.clone(), side).prop_map(|(bids, asks)| {
        let mut levels = Vec::new();
        for (side, sign, steps) in [(Side::Buy, -1, bids), (Side::Sell, 1, asks)] {
            let mut tick = if sign > 0 { 400 } else { 401 };
            for (step, qty) in steps {
                tick += sign * step;
                levels.push((side, tick, qty));
            }
        }
        Step::Levels(true, levels)
    });
    let delta = prop::collection::vec(level, 1..5).prop_map(|x| Step::Levels(false, x));
    let what = prop_oneof![24 => delta, 4 => snapshot.clone(), 1 => Just(Step::Gap), 1 => Just(Step::Lost)];
    (snapshot, prop::collection::vec((dt, what), 0..120)).prop_map(|(first, steps)| {
        let mut ts = sec(0);
        let place = |(dt, what)| {
            ts += dt * MICROS_PER_SECOND / 2;
            (ts, what)
        };
        std::iter::once((0, first))
            .chain(steps)
            .map(place)
            .collect()
    })
}

fn run(steps: &[(i64, Step)], opening: &Opening, stale_s: i64) -> Builder {
    let mut b = builder(inputs(QuoteSource::Book, stale_s), opening);
    for (ts, step) in steps {
        match step {
            Step::Gap => gap(&mut b, *ts),
            Step::Lost => message(&mut b, *ts, true, &[(Side::Buy, price(400), 0.0)]),
            Step::Levels(is_snapshot, levels) => {
                let level = |(side, tick, n): &(Side, i32, u32)| (*side, price(*tick), size(*n));
                let levels: Vec<_> = levels.iter().map(level).collect();
                message(&mut b, *ts, *is_snapshot, &levels);
            }
        }
    }
    b
}

/// Ticks and eighths of a unit of both sides.
type Ticks = [BTreeMap<i32, u32>; 2];

/// What some days open with: a thin side and a full one.
fn old_book() -> Ticks {
    let bids = [(400, 4), (398, 8), (397, 2)];
    let asks = (401..411).map(|tick| (tick, 8));
    [bids.into_iter().collect(), asks.collect()]
}

/// The same as a list of books, all levels kept in a map.
fn tape_of(steps: &[(i64, Step)], opening: Option<(i64, Ticks)>, stale_s: i64) -> Tape<NaiveBook> {
    let mut is_ready = opening.is_some();
    let mut seen = Vec::new();
    let mut sides = Ticks::default();
    if let Some((ts, old)) = opening {
        sides = old;
        seen.push(Seen {
            ts,
            what: naive_top(&sides),
            is_gap: false,
            is_reset: false,
        });
    }
    for (ts, step) in steps {
        let is_reset = matches!(step, Step::Levels(true, _));
        let Step::Levels(_, levels) = step else {
            is_ready = false;
            seen.push(Seen {
                ts: *ts,
                what: None,
                is_gap: true,
                is_reset,
            });
            continue;
        };
        if is_reset {
            sides = Ticks::default();
            is_ready = true;
        }
        if !is_ready {
            // Without a snapshot it only counts.
            seen.push(Seen {
                ts: *ts,
                what: None,
                is_gap: false,
                is_reset,
            });
            continue;
        }
        for (side, tick, n) in levels {
            sides[usize::from(*side == Side::Sell)].insert(*tick, *n);
        }
        seen.push(Seen {
            ts: *ts,
            what: naive_top(&sides),
            is_gap: false,
            is_reset,
        });
    }
    Tape {
        seen,
        stale_us: stale_s * MICROS_PER_SECOND,
    }
}

/// The first ten levels if they are a valid book.
fn naive_top([bids, asks]: &Ticks) -> Option<NaiveBook> {
    let filled = |(tick, n): (&i32, &u32)| (*n > 0).then(|| (price(*tick), size(*n)));
    let bids: NaiveSide = bids.iter().rev().filter_map(filled).take(10).collect();
    let asks: NaiveSide = asks.iter().filter_map(filled).take(10).collect();
    (bids.first()?.0 < asks.first()?.0).then_some((bids, asks))
}

fn touches(books: &Tape<NaiveBook>) -> Tape<Touch> {
    let touch = |book: &NaiveBook| Touch {
        bid_px: book.0[0].0,
        bid_qty: book.0[0].1,
        ask_px: book.1[0].0,
        ask_qty: book.1[0].1,
    };
    let of = |s: &Seen<NaiveBook>| Seen {
        ts: s.ts,
        what: s.what.as_ref().map(touch),
        is_gap: s.is_gap,
        is_reset: s.is_reset,
    };
    Tape {
        seen: books.seen.iter().map(of).collect(),
        stale_us: books.stale_us,
    }
}

/// Messages of a minute that change the first level of a side, as last known.
fn n_first_levels(steps: &[(i64, Step)], opening: Option<&BookSnapshot>, m: i64) -> f64 {
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    let best = |[bids, asks]: &[BTreeMap<i32, u32>; 2]| {
        let is_there = |level: &(&i32, &u32)| *level.1 > 0;
        let own = |(tick, n): (&i32, &u32)| (*tick, *n);
        let bid = bids.iter().rev().find(is_there).map(own);
        (bid, asks.iter().find(is_there).map(own))
    };
    if let Some(image) = opening {
        for (side, levels) in sides.iter_mut().zip([&image.bids, &image.asks]) {
            let own = |l: &BookLevel| {
                let tick = (0..1_000).find(|tick| price(*tick) == l.px).unwrap();
                (tick, (0..1_000).find(|n| size(*n) == l.qty).unwrap())
            };
            side.extend(levels.iter().map(own));
        }
    }
    let (mut is_ready, mut last, mut count) = (opening.is_some(), best(&sides), 0.0);
    for (ts, step) in steps {
        let Step::Levels(is_snapshot, levels) = step else {
            is_ready = false;
            continue;
        };
        if *is_snapshot {
            sides = [BTreeMap::new(), BTreeMap::new()];
            is_ready = true;
        }
        if !is_ready {
            continue;
        }
        for (side, tick, n) in levels {
            sides[usize::from(*side == Side::Sell)].insert(*tick, *n);
        }
        let now = best(&sides);
        count += f64::from(u8::from(
            now != last && minute(m) <= *ts && *ts < minute(m + 1),
        ));
        last = now;
    }
    count
}

const MINUTES: i64 = 10;

fn kept(steps: &[(i64, Step)], before: i64) -> Vec<(i64, Step)> {
    let is_kept = |step: &&(i64, Step)| step.0 < before;
    steps.iter().filter(is_kept).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn columns_equal_the_definition(
        steps in steps(),
        stale_s in prop_oneof![Just(7_i64), Just(60)],
        old in prop::option::of(1_i64..80),
        skip in 0_usize..2,
    ) {
        let steps = kept(&steps[skip..], minute(MINUTES));
        let old = old.map(|age| (sec(-age), old_book()));
        let opening = Opening {
            book: old.as_ref().and_then(|(ts, sides)| {
                let (bids, asks) = naive_top(sides)?;
                Some(image(*ts, &bids, &asks))
            }),
            ..Opening::default()
        };
        let day = run(&steps, &opening, stale_s).finish(UnixMicros(minute(MINUTES)));
        let books = tape_of(&steps, old, stale_s);
        let touches = touches(&books);
        for m in 0..MINUTES {
            check(&day, m, &BOOK_COLUMNS, &expected(&books, m));
            let mut of_touch = touch::expected(&touches, m);
            let events = Some(n_first_levels(&steps, opening.book.as_ref(), m));
            let n_quotes = of_touch.iter_mut().find(|(column, _)| *column == "n_quotes");
            n_quotes.unwrap().1 = events;
            check(&day, m, &TOUCH_COLUMNS, &of_touch);
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
        message(&mut other, minute(cut), true, &[(Side::Buy, 1.0, 1.0), (Side::Sell, 2.0, 1.0)]);
        let other = other.finish(UnixMicros(minute(MINUTES))).stat_values;
        assert_same_rows(&whole, &other, cut);
    }
}
