//! Random Bybit streams: the machine against the definition, the book against the truth, and planted bugs.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::world::{Arrival, HEALTHY, Kind, check_book, check_streams, is_caught, play};
use crate::market::book::{BreakKind, BreakReason, BybitSync, LocalBook, Step};

/// Is a snapshot, `u`, `seq`.
type Input = (bool, i64, i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    IgnoresRestartsInDeltas,
    IgnoresRestartsOfSnapshots,
    AcceptsGaps,
    AcceptsRewinds,
    IgnoresSeqOfDeltas,
    IgnoresSeqOfSnapshots,
    /// `<=` for `<`.
    RefusesEqualSeq,
    BreaksOnDuplicates,
    DuplicatesByUAlone,
    ChainsSnapshots,
    GoesOnAfterABreak,
}

const BUGS: [Bug; 11] = [
    Bug::IgnoresRestartsInDeltas,
    Bug::IgnoresRestartsOfSnapshots,
    Bug::AcceptsGaps,
    Bug::AcceptsRewinds,
    Bug::IgnoresSeqOfDeltas,
    Bug::IgnoresSeqOfSnapshots,
    Bug::RefusesEqualSeq,
    Bug::BreaksOnDuplicates,
    Bug::DuplicatesByUAlone,
    Bug::ChainsSnapshots,
    Bug::GoesOnAfterABreak,
];

/// Answers from the whole history; keeps no state of its own.
struct Oracle {
    bug: Option<Bug>,
    history: Vec<(Input, Step)>,
}

impl Oracle {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn step(&mut self, input: Input) -> Step {
        let step = self.answer(input);
        self.history.push((input, step));
        step
    }

    /// The last message in the book, if nothing broke since.
    fn before(&self) -> Option<Input> {
        let taken = self.history.iter().rposition(|(_, step)| {
            step.takes_levels()
                || self.has(Bug::GoesOnAfterABreak) && matches!(step, Step::Break(_))
        })?;
        let is_broken = self.history[taken + 1..]
            .iter()
            .any(|(_, step)| matches!(step, Step::Break(_)));
        (!is_broken).then(|| self.history[taken].0)
    }

    fn answer(&self, (is_snapshot, u, seq): Input) -> Step {
        let fail = |kind, expected, found| {
            Step::Break(BreakReason {
                expected: Some(expected),
                found: Some(found),
                kind,
            })
        };
        let before = self.before();
        let is_same =
            before.is_some_and(|b| b.1 == u && (b.2 == seq || self.has(Bug::DuplicatesByUAlone)));
        if is_same && !self.has(Bug::BreaksOnDuplicates) {
            return Step::Duplicate;
        }
        let forgets_restart = self.has(if is_snapshot {
            Bug::IgnoresRestartsOfSnapshots
        } else {
            Bug::IgnoresRestartsInDeltas
        });
        if u == 1 && !forgets_restart {
            return Step::Replace;
        }
        let Some((_, u_before, seq_before)) = before else {
            return if is_snapshot {
                Step::Replace
            } else {
                Step::Wait
            };
        };
        if !is_snapshot || self.has(Bug::ChainsSnapshots) {
            if u > u_before + 1 && !self.has(Bug::AcceptsGaps) {
                return fail(BreakKind::Gap, u_before + 1, u);
            }
            if u < u_before + 1 && !self.has(Bug::AcceptsRewinds) {
                return fail(BreakKind::Rewind, u_before + 1, u);
            }
        }
        let ignores_seq = self.has(if is_snapshot {
            Bug::IgnoresSeqOfSnapshots
        } else {
            Bug::IgnoresSeqOfDeltas
        });
        let is_back = seq < seq_before || seq == seq_before && self.has(Bug::RefusesEqualSeq);
        if is_back && !ignores_seq {
            return fail(BreakKind::SeqRewind, seq_before, seq);
        }
        if is_snapshot {
            Step::Replace
        } else {
            Step::Apply
        }
    }
}

/// Without odd ids the service restarts at most once: messages swapped between two short-lived runs of it carry ids
/// that fit, and no rule can tell.
fn stream(words: &[u32], with_odd: bool) -> Vec<Arrival<Input>> {
    let (mut u, mut n_restarts) = (40, 0);
    play(words, |kind, at, n| {
        let from = *at;
        let is_snapshot = matches!(kind, Kind::Snapshot { .. });
        if !is_snapshot {
            *at += n;
        }
        u += 1;
        let (mut is_image, mut says_snapshot) = (is_snapshot, is_snapshot);
        if let Kind::Special(how) = kind
            && (with_odd || n_restarts == 0)
        {
            (u, is_image, says_snapshot) = (1, true, how & 1 == 1);
            n_restarts += 1;
        }
        // Several changes share a cross sequence now and then.
        let mut seq = 1_000 + i64::try_from(*at / 2).unwrap();
        let mut sent_u = u;
        if let (Kind::Odd(how), true) = (kind, with_odd) {
            says_snapshot = how & 1 == 1;
            sent_u += i64::from(how >> 1 & 3) - 2;
            seq += i64::from(how >> 3 & 3) - 2;
        }
        Arrival {
            input: (says_snapshot, sent_u, seq),
            is_image,
            from,
            to: *at,
        }
    })
}

fn agrees(bug: Option<Bug>, words: &[u32]) -> TestCaseResult {
    let mut sync = BybitSync::new();
    let mut oracle = Oracle {
        bug,
        history: Vec::new(),
    };
    for arrival in stream(words, true) {
        let (is_snapshot, u, seq) = arrival.input;
        let step = sync.on_message(is_snapshot, u, seq);
        prop_assert_eq!(step, oracle.step(arrival.input), "{:?}", arrival);
        let ids = oracle.before().map(|(_, u, seq)| (u, seq));
        prop_assert_eq!(sync.last_ids(), ids);
    }
    Ok(())
}

fn keeps_the_book(words: &[u32], mut ask: impl FnMut(Input) -> Step) -> TestCaseResult {
    let words: Vec<u32> = words.iter().chain(&HEALTHY).copied().collect();
    let (mut book, mut shown, mut end) = (LocalBook::new(), None, 0);
    for arrival in stream(&words, false) {
        end = end.max(arrival.to);
        let step = ask(arrival.input);
        if let Step::Break(_) = step {
            book.clear();
            shown = None;
        }
        if step.takes_levels() {
            prop_assert_eq!(step == Step::Replace, arrival.is_image, "{:?}", arrival);
            arrival.put_into(&mut book);
            shown = Some(arrival.to);
            check_book(&book, arrival.to)?;
        }
        if arrival.is_image && arrival.input.1 == 1 {
            prop_assert_eq!(shown, Some(arrival.to), "the restart is not taken");
        }
    }
    prop_assert_eq!(shown, Some(end), "the book stays dark");
    Ok(())
}

#[test]
fn every_stream_is_answered_as_the_definition_says() {
    check_streams(|words| agrees(None, words));
}

#[test]
fn every_planted_bug_is_told_from_the_machine() {
    for bug in BUGS {
        assert!(is_caught(|words| agrees(Some(bug), words)), "{bug:?}");
    }
}

#[test]
fn the_book_is_the_venues_on_every_line() {
    check_streams(|words| {
        let mut sync = BybitSync::new();
        keeps_the_book(words, |(is_snapshot, u, seq)| {
            sync.on_message(is_snapshot, u, seq)
        })
    });
}

#[test]
fn a_wrong_rule_makes_a_wrong_book() {
    for bug in [
        Bug::IgnoresRestartsInDeltas,
        Bug::AcceptsGaps,
        Bug::AcceptsRewinds,
        Bug::GoesOnAfterABreak,
    ] {
        let is_caught = is_caught(|words| {
            let mut oracle = Oracle {
                bug: Some(bug),
                history: Vec::new(),
            };
            keeps_the_book(words, |input| oracle.step(input))
        });
        assert!(is_caught, "{bug:?} does no harm");
    }
}
