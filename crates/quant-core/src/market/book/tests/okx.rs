//! Random OKX streams: the machine against the definition, the book against the truth, and planted bugs.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::world::{Arrival, HEALTHY, Kind, check_book, check_streams, is_caught, play};
use crate::market::Side;
use crate::market::book::{BreakKind, BreakReason, LocalBook, OkxSync, OkxTextBook, Step};

/// Is a snapshot, `prevSeqId`, `seqId`.
type Input = (bool, Option<i64>, Option<i64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    AcceptsGaps,
    AcceptsRewinds,
    BreaksOnResets,
    BreaksOnKeepAlive,
    AppliesKeepAlive,
    AcceptsMissingIds,
    IgnoresSnapshots,
    GoesOnAfterABreak,
    /// `seqId == last + 1`, as if it were another venue.
    CountsMessages,
}

const BUGS: [Bug; 9] = [
    Bug::AcceptsGaps,
    Bug::AcceptsRewinds,
    Bug::BreaksOnResets,
    Bug::BreaksOnKeepAlive,
    Bug::AppliesKeepAlive,
    Bug::AcceptsMissingIds,
    Bug::IgnoresSnapshots,
    Bug::GoesOnAfterABreak,
    Bug::CountsMessages,
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
        let since = self.history.iter().rev().take_while(|(_, step)| {
            self.has(Bug::GoesOnAfterABreak) || !matches!(step, Step::Break(_))
        });
        let mut taken = since.filter(|(_, step)| step.takes_levels());
        taken.next().map(|(input, _)| *input)
    }

    fn answer(&self, (is_snapshot, prev, seq): Input) -> Step {
        let before = self.before();
        if is_snapshot && !(self.has(Bug::IgnoresSnapshots) && before.is_some()) {
            return Step::Replace;
        }
        let Some((_, _, before)) = before else {
            return Step::Wait;
        };
        let fail = |kind, expected, found| {
            Step::Break(BreakReason {
                expected,
                found,
                kind,
            })
        };
        let n_ids = [prev, seq].iter().flatten().count();
        if n_ids == 0 && before.is_none() {
            return Step::Apply;
        }
        if n_ids < 2 || before.is_none() {
            return if self.has(Bug::AcceptsMissingIds) {
                Step::Apply
            } else {
                let found = if before.is_some() { prev } else { prev.or(seq) };
                fail(BreakKind::MixedIds, before, found)
            };
        }
        if self.has(Bug::CountsMessages) && seq != before.map(|id| id + 1) {
            return fail(BreakKind::Gap, before, prev);
        }
        if prev > before && !self.has(Bug::AcceptsGaps) {
            return fail(BreakKind::Gap, before, prev);
        }
        if prev < before && !self.has(Bug::AcceptsRewinds) {
            return fail(BreakKind::Rewind, before, prev);
        }
        if seq == prev && self.has(Bug::BreaksOnKeepAlive)
            || seq < prev && self.has(Bug::BreaksOnResets)
        {
            return fail(BreakKind::Rewind, prev, seq);
        }
        if seq == prev && !self.has(Bug::AppliesKeepAlive) {
            Step::KeepAlive
        } else {
            Step::Apply
        }
    }
}

/// The first word decides whether the stream has ids at all.
fn stream(words: &[u32], with_odd: bool) -> Vec<Arrival<Input>> {
    let has_ids = !with_odd || words.first().is_none_or(|word| word >> 28 != 0);
    let (mut last, mut offset) = (-1, 5_000_i64);
    play(words, |kind, at, n| {
        let from = *at;
        let is_snapshot = matches!(kind, Kind::Snapshot { .. });
        if !is_snapshot && kind != Kind::Idle {
            *at += n;
        }
        if let Kind::Special(_) = kind {
            offset -= 1_000;
        }
        let position = 2 * i64::try_from(*at).unwrap();
        let (mut prev, mut seq) = (Some(last), Some(offset + position));
        if is_snapshot {
            prev = Some(-1);
        }
        if kind == Kind::Idle && last == -1 {
            prev = seq;
        }
        last = offset + position;
        if !has_ids {
            (prev, seq) = (None, None);
        }
        if let (Kind::Odd(how), true) = (kind, with_odd) {
            let off = Some(i64::from(how >> 3 & 3) - 2);
            match how % 4 {
                0 => prev = prev.zip(off).map(|(id, off)| id + off),
                1 => seq = seq.zip(off).map(|(id, off)| id + off),
                2 => prev = if has_ids { None } else { Some(last) },
                _ => seq = if has_ids { None } else { Some(last) },
            }
        }
        Arrival {
            input: (is_snapshot, prev, seq),
            is_image: is_snapshot,
            from,
            to: *at,
        }
    })
}

fn agrees(bug: Option<Bug>, words: &[u32]) -> TestCaseResult {
    let mut sync = OkxSync::new();
    let mut oracle = Oracle {
        bug,
        history: Vec::new(),
    };
    for arrival in stream(words, true) {
        let (is_snapshot, prev, seq) = arrival.input;
        let step = sync.on_message(is_snapshot, prev, seq);
        prop_assert_eq!(step, oracle.step(arrival.input), "{:?}", arrival);
        let before = oracle.before();
        prop_assert_eq!(sync.is_synced(), before.is_some());
        prop_assert_eq!(sync.last_seq(), before.and_then(|(_, _, seq)| seq));
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
            arrival.put_into(&mut book);
            shown = Some(arrival.to);
        }
        if let Some(at) = shown {
            check_book(&book, at)?;
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
        let mut sync = OkxSync::new();
        keeps_the_book(words, |(is_snapshot, prev, seq)| {
            sync.on_message(is_snapshot, prev, seq)
        })
    });
}

#[test]
fn a_wrong_rule_makes_a_wrong_book() {
    for bug in [
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

/// CRC-32 bit by bit from its definition, over one assembled text.
fn naive_checksum(bids: &[(String, String)], asks: &[(String, String)]) -> i32 {
    let mut fields = Vec::new();
    for n in 0..25 {
        for side in [bids, asks] {
            if let Some((px, qty)) = side.get(n) {
                fields.push(format!("{px}:{qty}"));
            }
        }
    }
    let mut crc = u32::MAX;
    for byte in fields.join(":").bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    (!crc).cast_signed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_text_book_gives_the_checksum_of_its_latest_texts(
        changes in prop::collection::vec((any::<bool>(), 0_u32..60, 0_u32..4, any::<bool>()), 0..200),
    ) {
        let mut book = OkxTextBook::new();
        // Texts by side and price in tenths; the same number is printed in two ways.
        let mut truth = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
        for (is_bid, tenths, qty, is_long) in changes {
            let side = if is_bid { Side::Buy } else { Side::Sell };
            let px_text = if is_long {
                format!("{}.{}0", tenths / 10, tenths % 10)
            } else {
                format!("{}.{}", tenths / 10, tenths % 10)
            };
            let qty_text = if is_long { format!("{qty}.0") } else { qty.to_string() };
            book.apply(side, f64::from(tenths) / 10.0, f64::from(qty), &px_text, &qty_text);
            let levels = &mut truth[usize::from(!is_bid)];
            if qty == 0 {
                levels.remove(&tenths);
            } else {
                levels.insert(tenths, (px_text, qty_text));
            }
        }
        let bids: Vec<_> = truth[0].values().rev().cloned().collect();
        let asks: Vec<_> = truth[1].values().cloned().collect();
        prop_assert_eq!(book.n_levels(Side::Buy), bids.len());
        prop_assert_eq!(book.n_levels(Side::Sell), asks.len());
        prop_assert_eq!(book.checksum(), naive_checksum(&bids, &asks));
    }
}
