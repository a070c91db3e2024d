//! OKX order book messages: the `prevSeqId` chain of today, and the checksum over original texts of older recordings.
//!
//! `prevSeqId` of an update equals `seqId` of the message before. When nothing happens for a minute an empty message
//! comes with both ids equal; after maintenance one update has a `seqId` below its `prevSeqId`, and then all goes on
//! from there. Recordings of 2022 and the order book archives have no ids: then only the checksum can tell, and in the
//! archives not even that.

use super::crc::Crc32;
use super::sync::{BreakKind, BreakReason, Step};
use crate::market::Side;

/// Number of levels of each side that the checksum covers.
pub const OKX_CHECKSUM_DEPTH: usize = 25;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No snapshot, or none since the last break.
    #[default]
    Void,
    /// The last message had this `seqId`.
    Sequenced { seq: i64 },
    /// The snapshot had no id, so updates have none either.
    Unsequenced,
}

/// Keeps a local book of an OKX `books` stream, or of its archive, in step.
///
/// # References
/// OKX API v5, "Order book channel", sequence ids and checksum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OkxSync {
    state: State,
    n_resets: u64,
}

impl OkxSync {
    /// Returns a machine that waits for a snapshot.
    pub const fn new() -> Self {
        Self {
            state: State::Void,
            n_resets: 0,
        }
    }

    /// Takes the action and the ids of a message: `Wait`, `Replace`, `Apply`, `KeepAlive` or `Break`.
    ///
    /// A snapshot replaces whatever there was; its `prev_seq` (-1) means nothing. On `KeepAlive` the message has no
    /// levels; one that has some contradicts itself.
    pub fn on_message(
        &mut self,
        is_snapshot: bool,
        prev_seq: Option<i64>,
        seq: Option<i64>,
    ) -> Step {
        if is_snapshot {
            self.state = match seq {
                Some(seq) => State::Sequenced { seq },
                None => State::Unsequenced,
            };
            return Step::Replace;
        }
        let (due, prev, seq) = match (self.state, prev_seq, seq) {
            (State::Void, _, _) => return Step::Wait,
            (State::Unsequenced, None, None) => return Step::Apply,
            (State::Sequenced { seq: due }, Some(prev), Some(seq)) => (due, prev, seq),
            (state, prev, seq) => {
                return self.broken(BreakReason {
                    expected: match state {
                        State::Sequenced { seq } => Some(seq),
                        State::Void | State::Unsequenced => None,
                    },
                    found: match state {
                        State::Sequenced { .. } => prev,
                        State::Void | State::Unsequenced => prev.or(seq),
                    },
                    kind: BreakKind::MixedIds,
                });
            }
        };
        if prev != due {
            return self.broken(BreakReason::unequal(due, prev));
        }
        if seq == prev {
            return Step::KeepAlive;
        }
        // The link to the message before is proven, so a lower id is a reset of the venue's counter, not a rewind.
        self.n_resets += u64::from(seq < prev);
        self.state = State::Sequenced { seq };
        Step::Apply
    }

    /// Forgets everything but the count of resets: the connection was lost, or the checksum did not match.
    pub const fn reset(&mut self) {
        self.state = State::Void;
    }

    /// Returns true while the book is a snapshot and every message since, as far as ids tell.
    pub fn is_synced(&self) -> bool {
        self.state != State::Void
    }

    /// Returns true if the stream has no ids, so that only [`OkxTextBook::checksum`] can prove the book.
    pub fn is_unsequenced(&self) -> bool {
        self.state == State::Unsequenced
    }

    /// Returns the `seqId` of the last message that is in the book, where the stream has ids.
    pub const fn last_seq(&self) -> Option<i64> {
        match self.state {
            State::Sequenced { seq } => Some(seq),
            State::Void | State::Unsequenced => None,
        }
    }

    /// Returns how many times the venue lowered its counter (maintenance).
    pub const fn n_resets(&self) -> u64 {
        self.n_resets
    }

    const fn broken(&mut self, reason: BreakReason) -> Step {
        self.state = State::Void;
        Step::Break(reason)
    }
}

/// Returns the checksum OKX sent with a book until it was deprecated: of `bid:size:ask:size:...`, best levels first.
///
/// Prices and sizes are the texts the venue sent; a number printed again may differ (`1.0`, `1`). The first 25 levels of
/// each side count; where a side is shorter, the other goes on alone. Today the field is fixed 0: verify no zero.
///
/// ```
/// use quant_core::market::book::okx_checksum;
///
/// let bids = [("3366.1", "7"), ("3366", "6")];
/// let asks = [("3366.8", "9"), ("3368", "8")];
/// assert_eq!(okx_checksum(bids, asks), -1881014294);
/// ```
///
/// # References
/// OKX API v5, "Checksum" of the order book channel: CRC-32 (IEEE), as a signed 32-bit integer.
pub fn okx_checksum<'a>(
    bids: impl IntoIterator<Item = (&'a str, &'a str)>,
    asks: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> i32 {
    let (mut bids, mut asks) = (bids.into_iter().fuse(), asks.into_iter().fuse());
    let mut crc = Crc32::new();
    let mut is_first = true;
    for _ in 0..OKX_CHECKSUM_DEPTH {
        for (px, qty) in bids.next().into_iter().chain(asks.next()) {
            for text in [px, qty] {
                if !is_first {
                    crc.update(b":");
                }
                is_first = false;
                crc.update(text.as_bytes());
            }
        }
    }
    crc.value().cast_signed()
}

/// A level with the texts it came in.
#[derive(Clone, Debug, Default)]
struct TextLevel {
    px: f64,
    px_text: String,
    qty_text: String,
}

/// A book that remembers the original text of every price and size, for checking OKX checksums.
///
/// Only worth keeping while a stream sends a checksum other than 0; [`super::LocalBook`] is the book to use.
///
/// # Shapes
/// Levels are keyed by the price as a float, which must be finite; see [`super::LocalBook`].
#[derive(Clone, Debug, Default)]
pub struct OkxTextBook {
    /// Worst first, as in the local book.
    bids: Vec<TextLevel>,
    asks: Vec<TextLevel>,
    /// Removed levels, whose texts are written over by the next insertion.
    spare: Vec<TextLevel>,
}

impl OkxTextBook {
    /// Returns an empty book.
    pub const fn new() -> Self {
        Self {
            bids: Vec::new(),
            asks: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Sets one level from its texts and from what they mean; a quantity of 0 removes it.
    pub fn apply(&mut self, side: Side, px: f64, qty: f64, px_text: &str, qty_text: &str) {
        debug_assert!(px.is_finite() && qty.is_finite(), "level {px} {qty}");
        let (levels, is_bid) = match side {
            Side::Buy => (&mut self.bids, true),
            Side::Sell => (&mut self.asks, false),
        };
        let is_worse = |px: f64, than: f64| if is_bid { px < than } else { px > than };
        let at = levels.partition_point(|level| is_worse(level.px, px));
        let is_there = levels.get(at).is_some_and(|level| !is_worse(px, level.px));
        if qty > 0.0 {
            if !is_there {
                levels.insert(at, self.spare.pop().unwrap_or_default());
            }
            let level = &mut levels[at];
            level.px = px;
            px_text.clone_into(&mut level.px_text);
            qty_text.clone_into(&mut level.qty_text);
        } else if is_there {
            self.spare.push(levels.remove(at));
        }
    }

    /// Forgets every level and keeps the memory.
    pub fn clear(&mut self) {
        self.spare.append(&mut self.bids);
        self.spare.append(&mut self.asks);
    }

    /// Returns the number of levels of a side.
    pub fn n_levels(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// Returns the checksum that OKX would have sent with this book.
    pub fn checksum(&self) -> i32 {
        okx_checksum(texts(&self.bids), texts(&self.asks))
    }
}

/// Returns the texts of a side, best first.
fn texts(levels: &[TextLevel]) -> impl Iterator<Item = (&str, &str)> {
    levels
        .iter()
        .rev()
        .map(|level| (level.px_text.as_str(), level.qty_text.as_str()))
}
