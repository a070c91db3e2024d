//! Bybit v5 order book messages: snapshots and deltas in one stream, numbered by `u`, ordered by `seq`.
//!
//! `u` rises by one per message. A snapshot may come at any time and replaces the book. `u` of 1 says that the
//! service restarted: that message holds the whole book, whatever its type field says. `seq` never goes backwards.

use super::sync::{BreakKind, BreakReason, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    u: i64,
    seq: i64,
}

/// Keeps a local book of a Bybit `orderbook.N` stream, or of its archive, in step.
///
/// # References
/// Bybit V5 API, "Websocket Stream > Public > Orderbook".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BybitSync {
    last: Option<Last>,
}

impl BybitSync {
    /// `u` of the first message after a restart of the venue's service.
    const RESTART_U: i64 = 1;

    /// Returns a machine that waits for a snapshot.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Takes the type and the ids of a message: `Wait`, `Replace`, `Apply`, `Duplicate` or `Break`.
    ///
    /// A snapshot that broke the chain (its `seq` is older than the book) is not taken. A caller that has reasons
    /// to trust it presents it again: after a break there is nothing left to compare it with.
    pub fn on_message(&mut self, is_snapshot: bool, u: i64, seq: i64) -> Step {
        let now = Last { u, seq };
        if self.last == Some(now) {
            return Step::Duplicate;
        }
        if u == Self::RESTART_U {
            self.last = Some(now);
            return Step::Replace;
        }
        let step = match self.last {
            None if !is_snapshot => return Step::Wait,
            None => Step::Replace,
            Some(last) => {
                let due = last.u.saturating_add(1);
                if !is_snapshot && u != due {
                    Step::Break(BreakReason::unequal(due, u))
                } else if seq < last.seq {
                    Step::Break(BreakReason::new(BreakKind::SeqRewind, last.seq, seq))
                } else if is_snapshot {
                    Step::Replace
                } else {
                    Step::Apply
                }
            }
        };
        self.last = step.takes_levels().then_some(now);
        step
    }

    /// Forgets everything: the connection was lost, or the book turned out to be wrong.
    pub const fn reset(&mut self) {
        self.last = None;
    }

    /// Returns true while the book is a snapshot and every message since.
    pub const fn is_synced(&self) -> bool {
        self.last.is_some()
    }

    /// Returns `u` and `seq` of the last message that is in the book.
    pub fn last_ids(&self) -> Option<(i64, i64)> {
        self.last.map(|last| (last.u, last.seq))
    }
}
