//! Random Binance streams: the machine against the definition, the book against the truth, and planted bugs.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::world::{Arrival, HEALTHY, Kind, check_book, check_streams, is_caught, play};
use crate::market::book::{BinanceRule, BinanceSync, BreakKind, BreakReason, LocalBook, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Snapshot(i64),
    Update(i64, i64, Option<i64>),
}

/// Ways to get the rules wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// `<=` for `<`, or the other way round, in what is dropped.
    DropsAtTheOtherEdge,
    /// The first event must hold L + 1 on futures, L on spot.
    FirstRuleOfTheOtherMarket,
    /// `U == u before + 1` on futures, `U == u before` on spot.
    OtherChain,
    AcceptsGaps,
    AcceptsRewinds,
    AppliesStale,
    AcceptsOldSnapshots,
    GoesOnAfterABreak,
    GoesBackToOldSnapshots,
    DoesNotRejoin,
    IgnoresShape,
    IgnoresReversedIds,
}

const BUGS: [Bug; 12] = [
    Bug::DropsAtTheOtherEdge,
    Bug::FirstRuleOfTheOtherMarket,
    Bug::OtherChain,
    Bug::AcceptsGaps,
    Bug::AcceptsRewinds,
    Bug::AppliesStale,
    Bug::AcceptsOldSnapshots,
    Bug::GoesOnAfterABreak,
    Bug::GoesBackToOldSnapshots,
    Bug::DoesNotRejoin,
    Bug::IgnoresShape,
    Bug::IgnoresReversedIds,
];

/// Answers from the whole history and the words of the venue's document; keeps no state of its own.
struct Oracle {
    rule: BinanceRule,
    bug: Option<Bug>,
    history: Vec<(Input, Step)>,
}

impl Oracle {
    const fn new(rule: BinanceRule, bug: Option<Bug>) -> Self {
        Self {
            rule,
            bug,
            history: Vec::new(),
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn step(&mut self, input: Input) -> Step {
        let step = match input {
            Input::Snapshot(id) => self.snapshot(id),
            Input::Update(first, last, prev) => self.update(first, last, prev),
        };
        self.history.push((input, step));
        step
    }

    /// What was taken since the last snapshot that counts, if nothing broke since: its id and the last `u` applied.
    fn built(&self) -> Option<(i64, Option<i64>)> {
        let start = self.history.iter().rposition(|(input, step)| {
            matches!(input, Input::Snapshot(_)) && *step == Step::Replace
        })?;
        let since = &self.history[start..];
        let is_broken = since.iter().any(|(_, step)| matches!(step, Step::Break(_)));
        if is_broken && !self.has(Bug::GoesOnAfterABreak) {
            return None;
        }
        let Input::Snapshot(id) = since[0].0 else {
            return None;
        };
        let counted = if self.has(Bug::DoesNotRejoin) {
            &self.history
        } else {
            since
        };
        let last = counted.iter().rev().find_map(|(input, step)| match input {
            Input::Update(_, last, _) if *step == Step::Apply => Some(*last),
            _ => None,
        });
        Some((id, last))
    }

    fn snapshot(&self, id: i64) -> Step {
        let has_it = self
            .built()
            .is_some_and(|(snapshot, applied)| match applied {
                Some(applied) => applied >= id,
                None => snapshot > id,
            });
        if has_it && !self.has(Bug::GoesBackToOldSnapshots) {
            Step::Ignored
        } else {
            Step::Replace
        }
    }

    fn update(&self, first: i64, last: i64, prev: Option<i64>) -> Step {
        let is_futures = self.rule == BinanceRule::Futures;
        if prev.is_some() != is_futures && !self.has(Bug::IgnoresShape) {
            let of = |futures| {
                if futures {
                    BinanceRule::Futures
                } else {
                    BinanceRule::Spot
                }
            };
            return Step::WrongRule {
                expected: self.rule,
                found: of(prev.is_some()),
            };
        }
        let fail = |kind, expected, found| {
            Step::Break(BreakReason {
                expected: Some(expected),
                found: Some(found),
                kind,
            })
        };
        let Some((snapshot, applied)) = self.built() else {
            return Step::Wait;
        };
        if first > last && !self.has(Bug::IgnoresReversedIds) {
            return fail(BreakKind::Malformed, last, first);
        }
        let Some(before) = applied else {
            let is_old = if is_futures == self.has(Bug::DropsAtTheOtherEdge) {
                last <= snapshot
            } else {
                last < snapshot
            };
            if is_old && !self.has(Bug::AppliesStale) {
                return Step::Stale;
            }
            let inside = if is_futures == self.has(Bug::FirstRuleOfTheOtherMarket) {
                snapshot + 1
            } else {
                snapshot
            };
            let joins = first <= inside && (inside <= last || self.bug.is_some());
            return if joins || self.has(Bug::AcceptsOldSnapshots) {
                Step::Apply
            } else {
                fail(BreakKind::SnapshotTooOld, inside, first)
            };
        };
        let (due, found) = match prev {
            Some(prev) if is_futures && !self.has(Bug::OtherChain) => (before, prev),
            _ if self.has(Bug::OtherChain) && !is_futures => (before, first),
            _ => (before + 1, first),
        };
        if found == due
            || (found > due && self.has(Bug::AcceptsGaps))
            || (found < due && self.has(Bug::AcceptsRewinds))
        {
            Step::Apply
        } else if found > due {
            fail(BreakKind::Gap, due, found)
        } else {
            fail(BreakKind::Rewind, due, found)
        }
    }
}

/// Asks the machine under test.
fn ask(sync: &mut BinanceSync, input: Input) -> Step {
    match input {
        Input::Snapshot(id) => sync.on_snapshot(id),
        Input::Update(first, last, prev) => sync.on_update(first, last, prev),
    }
}

/// The venue's ids: on futures three per change, since they are exchange-wide; one per change on spot.
fn stream(rule: BinanceRule, words: &[u32], with_odd: bool) -> Vec<Arrival<Input>> {
    let is_futures = rule == BinanceRule::Futures;
    let id = |at: usize| 100 + i64::try_from(at).unwrap() * if is_futures { 3 } else { 1 };
    play(words, |kind, at, n| {
        let from = *at;
        if let Kind::Snapshot { back } = kind {
            let to = from.saturating_sub(back);
            return Arrival {
                input: Input::Snapshot(id(to)),
                is_image: true,
                from: to,
                to,
            };
        }
        *at += n;
        let mut ids = (id(from + 1), id(*at), is_futures.then(|| id(from)));
        if let (Kind::Odd(how), true) = (kind, with_odd) {
            let off = i64::from(how >> 3 & 3) - 2;
            match how % 4 {
                0 => ids.0 += off,
                1 => ids.1 += off,
                2 => ids.2 = ids.2.map(|prev| prev + off),
                _ if how & 4 == 0 => ids.2 = if is_futures { None } else { Some(id(from)) },
                _ => ids = (ids.1 + 1, ids.0, ids.2),
            }
        }
        Arrival {
            input: Input::Update(ids.0, ids.1, ids.2),
            is_image: false,
            from,
            to: *at,
        }
    })
}

/// The machine answers every message of a stream as the definition, with or without a bug, does.
fn agrees(rule: BinanceRule, bug: Option<Bug>, words: &[u32]) -> TestCaseResult {
    let (mut sync, mut oracle) = (BinanceSync::new(rule), Oracle::new(rule, bug));
    for arrival in stream(rule, words, true) {
        let step = ask(&mut sync, arrival.input);
        prop_assert_eq!(step, oracle.step(arrival.input), "{:?}", arrival);
        let built = oracle.built();
        let last_id = built.map(|(snapshot, applied)| applied.unwrap_or(snapshot));
        prop_assert_eq!(sync.last_id(), last_id);
        prop_assert_eq!(sync.is_synced(), built.is_some_and(|b| b.1.is_some()));
    }
    Ok(())
}

/// A caller with a buffer keeps a book that is the venue's whenever it says so, and comes back on a healthy line.
fn keeps_the_book(
    rule: BinanceRule,
    words: &[u32],
    mut answer: impl FnMut(Input) -> Step,
) -> TestCaseResult {
    let words: Vec<u32> = words.iter().chain(&HEALTHY).copied().collect();
    let (mut book, mut waiting) = (LocalBook::new(), Vec::new());
    let (mut shown, mut end) = (None, 0);
    for arrival in stream(rule, &words, false) {
        end = end.max(arrival.to);
        let mut queue = vec![arrival];
        while !queue.is_empty() {
            for arrival in std::mem::take(&mut queue) {
                match answer(arrival.input) {
                    Step::Wait => waiting.push(arrival),
                    Step::Break(_) => {
                        book.clear();
                        shown = None;
                        waiting.push(arrival);
                    }
                    step if step.takes_levels() => {
                        arrival.put_into(&mut book);
                        shown = Some(arrival.to);
                        check_book(&book, arrival.to)?;
                        if step == Step::Replace {
                            queue.append(&mut waiting);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    prop_assert_eq!(shown, Some(end), "the book stays dark");
    Ok(())
}

const RULES: [BinanceRule; 2] = [BinanceRule::Futures, BinanceRule::Spot];

#[test]
fn every_stream_is_answered_as_the_definition_says() {
    for rule in RULES {
        check_streams(|words| agrees(rule, None, words));
    }
}

#[test]
fn every_planted_bug_is_told_from_the_machine() {
    for rule in RULES {
        for bug in BUGS {
            assert!(
                is_caught(|words| agrees(rule, Some(bug), words)),
                "{bug:?} of the {rule} rule"
            );
        }
    }
}

#[test]
fn the_book_is_the_venues_on_every_line() {
    for rule in RULES {
        check_streams(|words| {
            let mut sync = BinanceSync::new(rule);
            keeps_the_book(rule, words, |input| ask(&mut sync, input))
        });
    }
}

#[test]
fn a_wrong_rule_makes_a_wrong_book() {
    for rule in RULES {
        for bug in [
            Bug::OtherChain,
            Bug::AcceptsGaps,
            Bug::AcceptsRewinds,
            Bug::AcceptsOldSnapshots,
            Bug::GoesOnAfterABreak,
        ] {
            let is_caught = is_caught(|words| {
                let mut oracle = Oracle::new(rule, Some(bug));
                keeps_the_book(rule, words, |input| oracle.step(input))
            });
            assert!(is_caught, "{bug:?} of the {rule} rule does no harm");
        }
    }
}
