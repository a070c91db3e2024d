//! What every venue's state machine answers: what to do with a message, and why a chain broke.
//!
//! The machines see ids only. After [`Step::Break`] the book is void, and everything is [`Step::Wait`] until a
//! snapshot. Ids are the venue's own integers; none is a time.

use std::fmt;

/// What the caller does with one message.
///
/// # Shapes
/// | step | to the book | from |
/// |---|---|---|
/// | `Wait` | nothing: there is no snapshot to build on | all |
/// | `Replace` | forget it, take this message's levels | all |
/// | `Apply` | apply this message's levels | all |
/// | `Stale` | nothing: the snapshot has this update already | Binance |
/// | `Ignored` | nothing: the running book has this snapshot already | Binance |
/// | `Duplicate` | nothing: the same message again | Bybit |
/// | `KeepAlive` | nothing: the message must be empty | OKX |
/// | `Break` | forget it: an update is missing | all |
/// | `WrongRule` | refuse the whole stream | Binance |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the book follows the step"]
pub enum Step {
    /// No snapshot yet, or none since the last break: buffer the message where the snapshot comes from elsewhere.
    Wait,
    /// The message is a snapshot that replaces the book.
    Replace,
    /// The message follows: apply its levels.
    Apply,
    /// The update is older than the snapshot, which holds it: drop it. Normal after a subscription.
    Stale,
    /// The snapshot is not newer than the book, which is in step: drop it.
    Ignored,
    /// The message was there before: drop it.
    Duplicate,
    /// The venue says that nothing changed.
    KeepAlive,
    /// The chain of ids is broken: the book is void until the next snapshot.
    ///
    /// Where snapshots come from elsewhere, this message and all after it belong into the buffer.
    Break(BreakReason),
    /// The shape of the message is that of another market, whose rule is different. The state is as before.
    WrongRule {
        /// Rule the machine was made for.
        expected: super::BinanceRule,
        /// Rule of streams that look like this message.
        found: super::BinanceRule,
    },
}

impl Step {
    /// Returns true if the message's levels go into the book.
    pub const fn takes_levels(self) -> bool {
        matches!(self, Self::Apply | Self::Replace)
    }
}

/// How a chain of ids broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakKind {
    /// Later than expected: at least one message is missing.
    Gap,
    /// Earlier than expected: messages were reordered or sent twice.
    Rewind,
    /// The first update after a snapshot already starts beyond it: take a newer snapshot.
    SnapshotTooOld,
    /// The cross sequence (Bybit `seq`) went backwards.
    SeqRewind,
    /// The ids contradict each other, such as a first id above the last one.
    Malformed,
    /// Ids appeared or disappeared in the middle of a stream, so that nothing can be compared.
    MixedIds,
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap => "an update is missing",
            Self::Rewind => "an update came late or twice",
            Self::SnapshotTooOld => "the snapshot is older than the stream",
            Self::SeqRewind => "the cross sequence went backwards",
            Self::Malformed => "the ids of the message contradict each other",
            Self::MixedIds => "ids appeared or disappeared in mid-stream",
        })
    }
}

/// Why a book is void: the id that had to come and the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "order book out of step: {kind} (expected id {}, found {})\n  hint: wait for the next snapshot or fetch one",
    Id(*.expected),
    Id(*.found)
)]
pub struct BreakReason {
    /// Id that would have kept the chain; `None` where no id was due.
    ///
    /// For `SnapshotTooOld` the largest first id that would have done; for `SeqRewind` the smallest `seq`; for
    /// `Malformed` the bound that the message's other id sets.
    pub expected: Option<i64>,
    /// Id that came; `None` where the message has none.
    pub found: Option<i64>,
    /// How the two differ.
    pub kind: BreakKind,
}

impl BreakReason {
    pub(super) const fn new(kind: BreakKind, expected: i64, found: i64) -> Self {
        Self {
            expected: Some(expected),
            found: Some(found),
            kind,
        }
    }

    /// Returns the reason for an id that is not the expected one: a gap or a rewind.
    pub(super) const fn unequal(expected: i64, found: i64) -> Self {
        let kind = if found > expected {
            BreakKind::Gap
        } else {
            BreakKind::Rewind
        };
        Self::new(kind, expected, found)
    }
}

/// Shows an id that may be absent.
struct Id(Option<i64>);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "{id}"),
            None => f.write_str("none"),
        }
    }
}
