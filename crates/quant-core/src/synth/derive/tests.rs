//! Definitions recomputed the slow way, and properties on random minutes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::market::Side;
use crate::synth::book::SimBook;
use crate::synth::event::{LevelChange, SimMark, SimMatch, SimMinute};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};
use crate::units::Step;

const START: i64 = 1_735_689_600_000_000;

fn at(us: i64) -> UnixMicros {
    UnixMicros(START + us)
}

fn trade(us: i64, id: i64, agg_id: i64, price: i64, lots: i64, side: Side) -> SimMatch {
    SimMatch {
        ts: at(us),
        id,
        agg_id,
        update_id: agg_id,
        price_ticks: price,
        qty_lots: lots,
        aggressor: side,
        is_liquidation: false,
    }
}

fn empty(minute: i64) -> SimMinute {
    SimMinute {
        start: at(minute * MICROS_PER_MINUTE),
        ..SimMinute::new()
    }
}

fn resting() -> SimBook {
    let mut book = SimBook::default();
    for i in 0..12 {
        book.set(Side::Buy, 1_000 - i, 5 + i);
        book.set(Side::Sell, 1_001 + i, 7 + i);
    }
    book
}

/// A message: gap to the one before in microseconds, levels as (is bid, price offset, lots).
type Message = (i64, Vec<(bool, i64, i64)>);

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let level = (any::<bool>(), 0_i64..25, 0_i64..4);
    prop::collection::vec(
        (0_i64..3_000_000, prop::collection::vec(level, 1..4)),
        1..120,
    )
}

/// Spreads messages over as many minutes as they need.
fn minutes(messages: &[Message], first_id: i64) -> Vec<SimMinute> {
    let mut out = vec![empty(0)];
    let (mut ts, mut id) = (0, first_id);
    for (gap, levels) in messages {
        ts += gap;
        id += 1;
        while ts >= MICROS_PER_MINUTE * i64::try_from(out.len()).unwrap() {
            out.push(empty(i64::try_from(out.len()).unwrap()));
        }
        for (i, (is_bid, offset, lots)) in levels.iter().enumerate() {
            let change = LevelChange {
                ts: at(ts),
                update_id: id,
                side: if *is_bid { Side::Buy } else { Side::Sell },
                price_ticks: if *is_bid {
                    1_000 - offset
                } else {
                    1_001 + offset
                },
                qty_lots: *lots,
                msg_end: i + 1 == levels.len(),
            };
            out.last_mut().unwrap().changes.push(change);
        }
    }
    out
}

/// Best `k` levels of the book after every change before `until`.
fn naive_top(
    minutes: &[SimMinute],
    until: UnixMicros,
    inclusive: Option<i64>,
    k: usize,
) -> [Vec<(i64, i64)>; 2] {
    let mut book = resting();
    for change in minutes.iter().flat_map(|m| &m.changes) {
        let counts = match inclusive {
            Some(id) => change.update_id <= id,
            None => change.ts < until,
        };
        if counts {
            book.apply(change);
        }
    }
    [Side::Buy, Side::Sell].map(|side| book.levels(side).take(k).collect())
}

/// A reader of published updates who knows nothing else.
#[derive(Default)]
struct Reader {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    last_id: Option<i64>,
}

impl Reader {
    fn apply(&mut self, update: &BookUpdate<'_>) {
        if update.kind == UpdateKind::Snapshot {
            self.bids.clear();
            self.asks.clear();
            assert_eq!(update.first_id, update.last_id);
        } else {
            assert_eq!(update.first_id, update.prev_last_id + 1);
            assert!(update.last_id >= update.first_id);
            assert!(!(update.bids.is_empty() && update.asks.is_empty()));
        }
        if let Some(last) = self.last_id {
            assert_eq!(update.prev_last_id, last);
        }
        self.last_id = Some(update.last_id);
        for (levels, side) in [(update.bids, &mut self.bids), (update.asks, &mut self.asks)] {
            for (price, lots) in levels {
                if *lots == 0 {
                    assert!(
                        side.remove(price).is_some(),
                        "removed a level never published"
                    );
                } else {
                    assert_ne!(
                        side.insert(*price, *lots),
                        Some(*lots),
                        "published no change"
                    );
                }
            }
        }
        assert!(update.bids.is_sorted_by(|a, b| a.0 > b.0));
        assert!(update.asks.is_sorted_by(|a, b| a.0 < b.0));
    }

    fn top(&self) -> [Vec<(i64, i64)>; 2] {
        [
            self.bids.iter().rev().map(|(p, q)| (*p, *q)).collect(),
            self.asks.iter().map(|(p, q)| (*p, *q)).collect(),
        ]
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn conflated_updates_rebuild_the_book(
        messages in messages(),
        every_ms in prop::sample::select(vec![0_i64, 10, 100, 1_000, 7_000]),
        depth in prop::sample::select(vec![None, Some(1_usize), Some(3), Some(8), Some(40)]),
        restart_at in prop::option::of(0_usize..3),
        repeat_at in prop::option::of(0_usize..3),
        flushes in any::<bool>(),
    ) {
        let minutes = minutes(&messages, 50);
        let k = depth.unwrap_or(usize::MAX);
        let mut replay = BookReplay::new(&resting(), 50);
        let mut conflator = Conflator::new(every_ms * 1_000, depth);
        let mut reader = Reader::default();
        let mut repeats = 0;
        for (i, minute) in minutes.iter().enumerate() {
            if restart_at == Some(i) {
                conflator.restart();
            }
            if repeat_at == Some(i) {
                conflator.repeat();
            }
            replay.run(minute, &mut [&mut conflator]);
            let end = minute.start.plus(MICROS_PER_MINUTE);
            if flushes {
                conflator.flush(end, &replay);
            }
            let is_repeat = repeat_at == Some(i) && restart_at != Some(i);
            for update in conflator.updates() {
                if is_repeat && update.kind == UpdateKind::Snapshot && reader.last_id.is_some() {
                    let shown = [update.bids.to_vec(), update.asks.to_vec()];
                    prop_assert_eq!(&reader.top(), &shown, "a repeated book says nothing new");
                    repeats += 1;
                }
                reader.apply(&update);
                prop_assert!(update.ts >= minute.start && update.ts <= end);
                prop_assert!(update.message_ts <= update.ts);
                let inclusive = (every_ms == 0).then_some(update.last_id);
                prop_assert_eq!(reader.top(), naive_top(&minutes, update.ts, inclusive, k));
            }
        }
        if let Some(at) = repeat_at.filter(|at| every_ms > 0 && *at > 0 && restart_at != Some(*at)) {
            prop_assert_eq!(repeats, usize::from(at < minutes.len()));
        }
        // The last interval, and proof that what was not published had not changed.
        let late = at(MICROS_PER_MINUTE * 9_999);
        conflator.flush(late, &replay);
        for update in conflator.updates().filter(|u| u.ts == late) {
            reader.apply(&update);
        }
        if reader.last_id.is_some() {
            prop_assert_eq!(reader.top(), naive_top(&minutes, at(i64::MAX / 2), None, k));
        }
    }

    #[test]
    fn a_follower_of_the_first_book_needs_no_snapshot(messages in messages(), k in 1_usize..16) {
        let minutes = minutes(&messages, 7);
        let mut replay = BookReplay::new(&resting(), 7);
        let mut conflator = Conflator::following(0, Some(k), &resting());
        let mut reader = Reader { last_id: Some(7), ..Reader::default() };
        let [bids, asks] = naive_top(&[], at(0), None, k);
        reader.bids.extend(bids);
        reader.asks.extend(asks);
        for minute in &minutes {
            replay.run(minute, &mut [&mut conflator]);
            for update in conflator.updates() {
                prop_assert_eq!(update.kind, UpdateKind::Delta);
                reader.apply(&update);
            }
        }
        prop_assert_eq!(reader.top(), naive_top(&minutes, at(i64::MAX / 2), None, k));
    }

    #[test]
    fn images_show_what_came_before_their_stamp(messages in messages(), k in 1_usize..20) {
        let minutes = minutes(&messages, 0);
        let mut replay = BookReplay::new(&resting(), 0);
        let mut sampler = SnapshotSampler::new(k, 1_000_000);
        let mut expected = START;
        for minute in &minutes {
            replay.run(minute, &mut [&mut sampler]);
            for image in sampler.images() {
                prop_assert_eq!(image.ts.0, expected);
                expected += 1_000_000;
                let [bids, asks] = naive_top(&minutes, image.ts, None, k);
                prop_assert_eq!(image.bids, bids.as_slice());
                prop_assert_eq!(image.asks, asks.as_slice());
                let last = minutes.iter().flat_map(|m| &m.changes).rfind(|c| c.ts < image.ts);
                prop_assert_eq!(image.update_id, last.map_or(0, |c| c.update_id));
            }
        }
        prop_assert_eq!(expected, START + MICROS_PER_MINUTE * i64::try_from(minutes.len()).unwrap());
    }

    #[test]
    fn level_book_is_the_sim_book(changes in prop::collection::vec((any::<bool>(), 0_i64..30, 0_i64..3), 0..200)) {
        let (mut slow, mut fast) = (resting(), LevelBook::from_book(&resting()));
        for (is_bid, offset, lots) in changes {
            let (side, price) = if is_bid { (Side::Buy, 1_000 - offset) } else { (Side::Sell, 1_001 + offset) };
            prop_assert_eq!(fast.set(side, price, lots), slow.qty(side, price));
            slow.set(side, price, lots);
            prop_assert_eq!(fast.qty(side, price), lots);
        }
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(fast.best(side), slow.best(side));
            prop_assert_eq!(fast.depth(side), slow.depth(side));
            prop_assert!(fast.levels(side).eq(slow.levels(side)));
        }
    }

    #[test]
    fn klines_and_aggregates_add_up_to_the_matches(
        rows in prop::collection::vec((1_i64..90_000_000, 0_i64..3, 900_i64..1_100, 1_i64..1_000, any::<bool>()), 1..80),
    ) {
        let mut minutes: Vec<_> = (0..4).map(empty).collect();
        let mut rows = rows;
        rows.sort_by_key(|row| row.0);
        let (mut ts, mut agg) = (0, 0);
        for (id, (us, same, price, lots, is_buy)) in rows.iter().enumerate() {
            if *same > 0 || id == 0 {
                ts = *us;
                agg += 1;
            }
            let side = if agg % 2 == 0 { Side::Buy } else { Side::Sell };
            let _ = is_buy;
            let at = usize::try_from(ts / MICROS_PER_MINUTE).unwrap();
            minutes[at].matches.push(trade(ts, i64::try_from(id).unwrap(), agg, *price, *lots, side));
        }
        let (mut of_matches, mut of_aggs, mut of_klines) = <(TradeSums, TradeSums, TradeSums)>::default();
        let mut builder = KlineBuilder::new(Some(1_000));
        let (mut aggs, mut next_agg, mut next_id) = (Vec::new(), 1, 0);
        for minute in &minutes {
            let before = builder.last_close().unwrap();
            let kline = builder.minute(minute).unwrap();
            let prices: Vec<_> = minute.matches.iter().map(|m| m.price_ticks).collect();
            prop_assert_eq!(kline.open, *prices.first().unwrap_or(&before));
            prop_assert_eq!(kline.close, *prices.last().unwrap_or(&before));
            prop_assert_eq!(kline.high, prices.iter().copied().max().unwrap_or(before));
            prop_assert_eq!(kline.low, prices.iter().copied().min().unwrap_or(before));
            prop_assert_eq!(kline.n_matches, i64::try_from(prices.len()).unwrap());
            of_klines.add_kline(&kline);
            aggregate(&minute.matches, &mut aggs);
            for agg in &aggs {
                prop_assert_eq!(agg.agg_id, next_agg);
                prop_assert_eq!(agg.first_id, next_id);
                next_agg += 1;
                next_id = agg.last_id + 1;
                let members: i64 = minute.matches.iter().filter(|m| m.agg_id == agg.agg_id).map(|m| m.qty_lots).sum();
                prop_assert_eq!(agg.qty_lots, members);
                of_aggs.rows += 1;
                of_aggs.lots += i128::from(agg.qty_lots);
            }
            minute.matches.iter().for_each(|m| of_matches.add_match(m));
        }
        prop_assert_eq!(of_matches.rows, u64::try_from(rows.len()).unwrap());
        prop_assert_eq!(of_aggs.lots, of_matches.lots);
        of_klines.rows = of_matches.rows;
        prop_assert_eq!(of_klines, of_matches);
    }

    #[test]
    fn bands_are_cumulative_and_exact_inside_the_book(messages in messages(), offset in 0_u32..60) {
        let minutes = minutes(&messages, 0);
        let mut replay = BookReplay::new(&resting(), 0);
        let mut bands = DepthBands::new(offset);
        for minute in &minutes {
            replay.run(minute, &mut [&mut bands]);
            for sample in bands.rows().chunks(12) {
                prop_assert_eq!(sample.iter().map(|r| r.percentage_bp).collect::<Vec<_>>(), BAND_BPS);
                let [bids, asks] = naive_top(&minutes, sample[0].ts, None, usize::MAX);
                prop_assert!(sample.iter().all(|r| r.ts == sample[0].ts && r.ts.0 % 1_000_000 == 0));
                prop_assert!(sample[..6].is_sorted_by(|a, b| a.lots >= b.lots && a.tick_lots >= b.tick_lots));
                prop_assert!(sample[6..].is_sorted_by(|a, b| a.lots <= b.lots && a.tick_lots <= b.tick_lots));
                for row in sample.iter().filter(|r| !r.has_tail) {
                    let side = if row.percentage_bp < 0 { &bids } else { &asks };
                    let mid = (bids[0].0 + asks[0].0) as f64 / 2.0;
                    // No price of these books lies on the edge of a band but within rounding of it.
                    let reach = mid * f64::from(row.percentage_bp.abs()) / 1e4 + 1e-9;
                    let inside: Vec<_> = side.iter().filter(|(p, _)| (*p as f64 - mid).abs() <= reach).collect();
                    prop_assert_eq!(row.lots, inside.iter().map(|l| l.1).sum::<i64>());
                    prop_assert_eq!(row.tick_lots, inside.iter().map(|l| i128::from(l.0 * l.1)).sum::<i128>());
                }
            }
        }
    }

    #[test]
    fn decimal_text_is_exact(n in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0_u32..9, unit in prop::sample::select(vec![1_i64, 5, 25])) {
        let step: Step = format!("{}.{:0>9}", 0, unit * 10_i64.pow(9 - scale.max(2))).parse().unwrap();
        let text = decimal_text(i128::from(n), step).unwrap();
        // Read the text back as an integer of 1e-9.
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        prop_assert!(!fraction.ends_with('0'));
        let digits: i128 = format!("{whole}{fraction:0<9}").parse().unwrap();
        prop_assert_eq!(digits, i128::from(n) * i128::from(unit) * 10_i128.pow(9 - scale.max(2)));
    }
}

#[test]
fn decimals_of_whole_and_small_steps() {
    let step = |text: &str| text.parse::<Step>().unwrap();
    assert_eq!(decimal_text(12, step("5")).as_deref(), Some("60"));
    assert_eq!(decimal_text(-1, step("0.001")).as_deref(), Some("-0.001"));
    assert_eq!(decimal_text(0, step("0.001")).as_deref(), Some("0"));
    assert_eq!(
        decimal_text(123_450, step("0.01")).as_deref(),
        Some("1234.5")
    );
    assert_eq!(decimal_value(3, step("0.1")), Some(0.3));
    assert_eq!(decimal_text(i128::MAX, step("0.02")), None);
}

#[test]
fn a_halted_minute_has_no_rows_and_keeps_the_close() {
    let mut builder = KlineBuilder::new(None);
    assert_eq!(builder.minute(&empty(0)), None);
    let mut traded = empty(1);
    traded
        .matches
        .push(trade(61_000_000, 0, 0, 990, 3, Side::Buy));
    assert_eq!(
        builder.minute(&traded).map(|k| k.buy_tick_lots),
        Some(2_970)
    );
    let mut halted = empty(2);
    halted.truth.is_halted = true;
    assert_eq!(builder.minute(&halted), None);
    let carried = builder.minute(&empty(3)).unwrap();
    assert_eq!(
        (carried.open, carried.close, carried.n_matches),
        (990, 990, 0)
    );

    let (mut sampler, mut bands) = (SnapshotSampler::new(5, 1_000_000), DepthBands::new(7));
    let mut conflator = Conflator::following(100_000, None, &resting());
    let mut replay = BookReplay::new(&resting(), 4);
    replay.run(&halted, &mut [&mut sampler, &mut bands, &mut conflator]);
    assert_eq!(sampler.images().count(), 0);
    assert!(bands.rows().is_empty());
    assert_eq!(conflator.updates().count(), 0);
    assert_eq!(replay.last_id(), 4);
}

#[test]
fn a_day_has_2880_samples_of_bands() {
    let mut bands = DepthBands::new(7);
    let mut replay = BookReplay::new(&resting(), 0);
    let mut stamps = Vec::new();
    for i in 0..1_440 {
        replay.run(&empty(i), &mut [&mut bands]);
        stamps.extend(bands.rows().chunks(12).map(|c| c[0].ts.0));
    }
    assert_eq!(stamps.len(), 2_880);
    let gaps: Vec<_> = stamps
        .windows(2)
        .map(|w| (w[1] - w[0]) / 1_000_000)
        .collect();
    assert!(gaps.iter().all(|gap| (28..=32).contains(gap)));
    assert!(gaps.contains(&28) && gaps.contains(&32));
}

#[test]
fn the_tail_follows_its_formula() {
    // One level of 10 lots 5 ticks below a mid of 1000: density 10 / 2.5 = 4, scale 20.
    let mut book = SimBook::default();
    book.set(Side::Buy, 995, 10);
    book.set(Side::Sell, 1_005, 10);
    let mut bands = DepthBands::new(0);
    BookReplay::new(&book, 0).run(&empty(0), &mut [&mut bands]);
    let row = |bp: i32| *bands.rows().iter().find(|r| r.percentage_bp == bp).unwrap();
    assert_eq!((row(-20).lots, row(-20).has_tail), (0, false));
    // 1 % is 10 ticks: 20 ln 2 = 13.86; turnover 20 (1000 ln 2 - 5) = 13762.94.
    assert_eq!((row(-100).lots, row(-100).tick_lots), (24, 9_950 + 13_763));
    assert_eq!((row(100).lots, row(100).tick_lots), (24, 10_050 + 13_963));
    // 5 % is 50 ticks: 20 ln 10 = 46.05.
    assert_eq!(row(-500).lots, 56);
}

#[test]
fn reference_klines_of_marks() {
    let mut minute = empty(0);
    assert_eq!(reference_klines(&minute), None);
    for (i, (mark, index)) in [
        (100.0, 100.0),
        (103.0, 100.0),
        (99.0, 100.0),
        (101.0, 100.0),
    ]
    .into_iter()
    .enumerate()
    {
        minute.marks.push(SimMark {
            ts: at(i64::try_from(i).unwrap() * 1_000_000),
            mark,
            index,
            predicted_funding: 0.0,
        });
    }
    let k = reference_klines(&minute).unwrap();
    assert_eq!(
        (k.mark.open, k.mark.high, k.mark.low, k.mark.close),
        (100.0, 103.0, 99.0, 101.0)
    );
    assert_eq!(
        (k.index.high, k.index.low, k.index.n_ticks),
        (100.0, 100.0, 4)
    );
    assert!((k.premium.high - 0.03).abs() < 1e-12 && (k.premium.low + 0.01).abs() < 1e-12);
}
