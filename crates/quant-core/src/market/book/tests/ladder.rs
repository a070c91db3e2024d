//! The local book against ordered maps, on random changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::market::book::{Applied, LocalBook};
use crate::market::{BookLevel, Side};

/// Prices in ticks of 0.1 and quantities, by side.
#[derive(Default)]
struct Truth {
    bids: BTreeMap<u32, f64>,
    asks: BTreeMap<u32, f64>,
}

impl Truth {
    fn side(&mut self, side: Side) -> &mut BTreeMap<u32, f64> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn levels(&self, side: Side) -> Vec<BookLevel> {
        let level = |(&ticks, &qty): (&u32, &f64)| BookLevel { px: px(ticks), qty };
        match side {
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }
}

fn px(ticks: u32) -> f64 {
    f64::from(ticks) / 10.0
}

#[derive(Clone, Debug)]
enum Op {
    Set(Side, u32, u32),
    /// Changes of one side in turn: as they are, prices rising, or falling.
    SetAll(Side, Vec<(u32, u32)>, Option<bool>),
    Clear,
    Truncate(usize),
    /// Levels in any order, with repeated prices and zeros.
    Replace(Vec<(u32, u32)>, Vec<(u32, u32)>),
    /// Levels in the order of their ticks, as venues send one side, or turned round.
    ReplaceSorted(Vec<u32>, bool),
}

fn ops(ticks: u32) -> impl Strategy<Value = Vec<Op>> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    // A third of the changes remove, often what is not there; both sides share prices, so books lock and cross.
    let qty = || prop_oneof![Just(0), 1..9_u32, 1..9_u32];
    let levels = move || prop::collection::vec((0..ticks, qty()), 0..40);
    let op = prop_oneof![
        60 => (side(), 0..ticks, qty()).prop_map(|(side, ticks, qty)| Op::Set(side, ticks, qty)),
        20 => (side(), levels(), any::<Option<bool>>())
            .prop_map(|(side, levels, order)| Op::SetAll(side, levels, order)),
        1 => Just(Op::Clear),
        2 => (0..12_usize).prop_map(Op::Truncate),
        1 => (levels(), levels()).prop_map(|(bids, asks)| Op::Replace(bids, asks)),
        1 => (prop::collection::btree_set(0..ticks, 0..30), any::<bool>())
            .prop_map(|(ticks, turned)| Op::ReplaceSorted(ticks.into_iter().collect(), turned)),
    ];
    prop::collection::vec(op, 0..120)
}

fn run(ops: Vec<Op>) -> TestCaseResult {
    let (mut book, mut truth) = (LocalBook::new(), Truth::default());
    for op in ops {
        match op {
            Op::Set(side, ticks, qty) => {
                let qty = f64::from(qty);
                let levels = truth.side(side);
                let old = if qty > 0.0 {
                    levels.insert(ticks, qty)
                } else {
                    levels.remove(&ticks)
                };
                let expected = match old {
                    Some(old) if qty > 0.0 => Applied::Changed { old },
                    Some(old) => Applied::Removed { old },
                    None if qty > 0.0 => Applied::Inserted,
                    None => Applied::Unknown,
                };
                prop_assert_eq!(book.apply(side, px(ticks), qty), expected);
                prop_assert_eq!(
                    book.qty_at(side, px(ticks)),
                    truth.side(side).get(&ticks).copied()
                );
            }
            Op::SetAll(side, mut changes, order) => {
                if let Some(is_rising) = order {
                    changes.sort_by_key(|(ticks, _)| *ticks);
                    if !is_rising {
                        changes.reverse();
                    }
                }
                for &(ticks, qty) in &changes {
                    let levels = truth.side(side);
                    if qty > 0 {
                        levels.insert(ticks, f64::from(qty));
                    } else {
                        levels.remove(&ticks);
                    }
                }
                let level = |(ticks, qty)| BookLevel {
                    px: px(ticks),
                    qty: f64::from(qty),
                };
                book.apply_all(side, changes.into_iter().map(level));
            }
            Op::Clear => {
                book.clear();
                truth = Truth::default();
                prop_assert!(book.is_empty());
            }
            Op::Truncate(n) => {
                let n_before = truth.bids.len() + truth.asks.len();
                while truth.bids.len() > n {
                    truth.bids.pop_first();
                }
                while truth.asks.len() > n {
                    truth.asks.pop_last();
                }
                let n_gone = n_before - truth.bids.len() - truth.asks.len();
                prop_assert_eq!(book.truncate_to(n), n_gone);
            }
            Op::Replace(bids, asks) => replace(&mut book, &mut truth, &bids, &asks),
            Op::ReplaceSorted(ticks, turned) => {
                let mut levels: Vec<(u32, u32)> =
                    ticks.into_iter().map(|ticks| (ticks, ticks % 3)).collect();
                if turned {
                    levels.reverse();
                }
                replace(&mut book, &mut truth, &levels, &levels);
            }
        }
        for side in [Side::Buy, Side::Sell] {
            let expected = truth.levels(side);
            let levels = book.levels(side);
            prop_assert_eq!(levels.len(), expected.len());
            prop_assert_eq!(book.n_levels(side), expected.len());
            prop_assert_eq!(levels.clone().nth(3), expected.get(3).copied());
            prop_assert_eq!(levels.clone().next_back(), expected.last().copied());
            prop_assert_eq!(levels.collect::<Vec<_>>(), expected);
        }
        let best_bid = truth.bids.last_key_value().map(|(ticks, _)| *ticks);
        let best_ask = truth.asks.first_key_value().map(|(ticks, _)| *ticks);
        prop_assert_eq!(book.best_bid().map(|level| level.px), best_bid.map(px));
        prop_assert_eq!(book.best_ask().map(|level| level.px), best_ask.map(px));
        let both = best_bid.zip(best_ask);
        prop_assert_eq!(book.is_crossed(), both.is_some_and(|(bid, ask)| bid > ask));
        prop_assert_eq!(book.is_locked(), both.is_some_and(|(bid, ask)| bid == ask));
    }
    Ok(())
}

fn replace(book: &mut LocalBook, truth: &mut Truth, bids: &[(u32, u32)], asks: &[(u32, u32)]) {
    let levels = |side: &[(u32, u32)]| {
        let level = |&(ticks, qty): &(u32, u32)| BookLevel {
            px: px(ticks),
            qty: f64::from(qty),
        };
        side.iter().map(level).collect::<Vec<_>>()
    };
    let map = |side: &[(u32, u32)]| {
        let mut map: BTreeMap<u32, f64> =
            side.iter().map(|&(t, qty)| (t, f64::from(qty))).collect();
        map.retain(|_, qty| *qty > 0.0);
        map
    };
    book.replace_with(levels(bids), levels(asks));
    *truth = Truth {
        bids: map(bids),
        asks: map(asks),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_narrow_book_equals_ordered_maps(ops in ops(12)) {
        run(ops)?;
    }

    #[test]
    fn a_deep_book_equals_ordered_maps(ops in ops(90)) {
        run(ops)?;
    }

    /// Deep enough that insertions look for empty places and searches take large steps.
    #[test]
    fn a_wide_book_equals_ordered_maps(
        bids in prop::collection::vec((0..900_u32, 0..3_u32), 300..500),
        asks in prop::collection::vec((0..900_u32, 0..3_u32), 300..500),
        changes in prop::collection::vec(
            (
                prop_oneof![Just(Side::Buy), Just(Side::Sell)],
                prop::collection::vec((0..900_u32, 0..3_u32), 0..120),
                any::<Option<bool>>(),
            ),
            0..25,
        ),
    ) {
        let mut ops = vec![Op::Replace(bids, asks)];
        ops.extend(changes.into_iter().map(|(side, levels, order)| Op::SetAll(side, levels, order)));
        run(ops)?;
    }
}
