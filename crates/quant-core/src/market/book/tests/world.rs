//! A venue that is known completely: its changes one by one, what it sends of them, and what a bad line makes of that.
//!
//! A change at position p is a function of p alone, so the book at any position is known without any of the code
//! under test. A stream is played from random words; lists of words shrink well.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

use crate::market::Side;
use crate::market::book::LocalBook;

/// Distinct prices of each side.
const N_PRICES: usize = 5;

/// Quantity per price: bids, then asks; 0 is no level.
pub(super) type Image = [f64; 2 * N_PRICES];

/// The price slot and the quantity that change number `at` sets.
fn change(at: usize) -> (usize, f64) {
    let mixed = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let slot = usize::try_from(mixed % 10).unwrap();
    // The quantity names the change, so a book that misses one differs unless the price changed again.
    let qty = if mixed % 7 < 2 { 0.0 } else { at as f64 };
    (slot, qty)
}

fn level(slot: usize) -> (Side, f64) {
    if slot < N_PRICES {
        (Side::Buy, 100.0 - slot as f64)
    } else {
        (Side::Sell, 96.0 + slot as f64)
    }
}

/// The true book after the first `at` changes.
pub(super) fn image(at: usize) -> Image {
    let mut image = Image::default();
    for n in 1..=at {
        let (slot, qty) = change(n);
        image[slot] = qty;
    }
    image
}

/// A message as it arrives: ids, and the positions whose changes, or whose image, it holds.
#[derive(Clone, Debug)]
pub(super) struct Arrival<I> {
    pub(super) input: I,
    pub(super) is_image: bool,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl<I> Arrival<I> {
    /// Does to the book what the message says.
    pub(super) fn put_into(&self, book: &mut LocalBook) {
        if self.is_image {
            book.clear();
            for (slot, qty) in image(self.to).into_iter().enumerate() {
                let (side, px) = level(slot);
                let _ = book.apply(side, px, qty);
            }
        } else {
            for n in self.from + 1..=self.to {
                let (slot, qty) = change(n);
                let (side, px) = level(slot);
                let _ = book.apply(side, px, qty);
            }
        }
    }
}

/// Returns an error unless the book is the true one at a position.
pub(super) fn check_book(book: &LocalBook, at: usize) -> TestCaseResult {
    let mut found = Image::default();
    for (slot, qty) in found.iter_mut().enumerate() {
        let (side, px) = level(slot);
        *qty = book.qty_at(side, px).unwrap_or(0.0);
    }
    let is_true = found.map(f64::to_bits) == image(at).map(f64::to_bits);
    prop_assert!(is_true, "{:?} is not the book after {} changes", found, at);
    Ok(())
}

/// What the venue is asked to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The changes since the message before.
    Update,
    /// The whole book as it was so many changes ago; venues with snapshots in the stream send it as it is.
    Snapshot { back: usize },
    /// What only this venue does: a restart, maintenance.
    Special(u32),
    /// The message of a venue where nothing happens.
    Idle,
    /// Ids as no venue sends them.
    Odd(u32),
}

/// Plays a stream: `send(kind, position, n)` makes the next message, moving the position by up to `n` changes.
pub(super) fn play<I: Clone>(
    words: &[u32],
    mut send: impl FnMut(Kind, &mut usize, usize) -> Arrival<I>,
) -> Vec<Arrival<I>> {
    let (mut at, mut out) = (0, Vec::new());
    for &word in words {
        let n = 1 + (word >> 4) as usize % 3;
        let more = word >> 8;
        match word % 16 {
            0..=6 => out.push(send(Kind::Update, &mut at, n)),
            7 => out.push(send(Kind::Idle, &mut at, n)),
            // Lost on the way.
            8 => drop(send(Kind::Update, &mut at, n)),
            9 => {
                let message = send(Kind::Update, &mut at, n);
                out.extend([message.clone(), message]);
            }
            10 => {
                out.push(send(Kind::Update, &mut at, n));
                let len = out.len();
                if len > 1 {
                    out.swap(len - 1, len - 2);
                }
            }
            11 => {
                let back = more as usize % 4;
                out.push(send(Kind::Snapshot { back }, &mut at, n));
            }
            // The snapshot overtakes one or two messages of the stream.
            12 => {
                let late: Vec<_> = (0..=more % 2)
                    .map(|_| send(Kind::Update, &mut at, n))
                    .collect();
                out.push(send(Kind::Snapshot { back: 0 }, &mut at, n));
                out.extend(late);
            }
            13 => out.push(send(Kind::Special(more), &mut at, n)),
            14 => out.push(send(Kind::Snapshot { back: 0 }, &mut at, n)),
            _ => out.push(send(Kind::Odd(more), &mut at, n)),
        }
    }
    out
}

/// Words that end in a healthy stretch: update, snapshot, two updates.
pub(super) const HEALTHY: [u32; 4] = [0, 14, 0, 0];

fn words() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 1..40)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test run, not of the core"
)]
pub(super) fn is_slow_run() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// Checks a property on 5,000 random streams, 100,000 in slow runs.
pub(super) fn check_streams(property: impl Fn(&[u32]) -> TestCaseResult) {
    let cases = if is_slow_run() { 100_000 } else { 5_000 };
    let result = TestRunner::new(config(cases)).run(&words(), |words| property(&words));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Returns true if a property fails on one of 5,000 streams that are always the same.
pub(super) fn is_caught(property: impl Fn(&[u32]) -> TestCaseResult) -> bool {
    let config = Config {
        max_shrink_iters: 0,
        ..config(5_000)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&words(), |words| property(&words))
        .is_err()
}
