//! Binance diff depth: the rule of the futures markets (um, cm) and that of spot, which are not interchangeable.
//!
//! ```text
//!          dropped        first applied            each next
//! futures  u <  L         U <= L     <= u          pu == u before
//! spot     u <= L         U <= L + 1 <= u          U  == u before + 1
//! ```
//!
//! L is `lastUpdateId` of the REST snapshot; U, u and pu are of the update. On futures ids are exchange-wide, so U is not
//! the id after the one before, and only `pu` links; spot has no `pu`.

use std::fmt;

use super::sync::{BreakKind, BreakReason, Step};

/// Which of the two synchronisation rules a stream follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BinanceRule {
    /// USD-M and COIN-M: linked by `pu`.
    Futures,
    /// Spot: ids are consecutive.
    Spot,
}

impl fmt::Display for BinanceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Futures => "futures",
            Self::Spot => "spot",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No snapshot, or none since the last break.
    Void,
    /// A snapshot that no update has joined yet.
    Snapshot { last_update_id: i64 },
    /// The last applied update ended at `u`.
    Synced { u: i64 },
}

/// Keeps a local book of a Binance diff-depth stream in step with REST snapshots.
///
/// The caller buffers updates while the answer is [`Step::Wait`]. When a snapshot comes it asks
/// [`Self::on_snapshot`], takes the levels on `Replace`, presents the buffered updates in order and then goes on.
///
/// # References
/// Binance, "How to manage a local order book correctly", USD-M futures and spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinanceSync {
    rule: BinanceRule,
    state: State,
}

impl BinanceSync {
    /// Returns a machine that waits for a snapshot.
    pub const fn new(rule: BinanceRule) -> Self {
        Self {
            rule,
            state: State::Void,
        }
    }

    /// Returns the rule this machine follows.
    pub const fn rule(&self) -> BinanceRule {
        self.rule
    }

    /// Takes the `lastUpdateId` of a REST snapshot: `Replace`, or `Ignored` where the book is already that far.
    ///
    /// A snapshot ahead of the running book replaces it, and updates are dropped until one joins it.
    pub const fn on_snapshot(&mut self, last_update_id: i64) -> Step {
        let is_behind = match self.state {
            State::Void => false,
            State::Snapshot { last_update_id: at } => last_update_id < at,
            State::Synced { u } => last_update_id <= u,
        };
        if is_behind {
            return Step::Ignored;
        }
        self.state = State::Snapshot { last_update_id };
        Step::Replace
    }

    /// Takes the ids of an update: `U`, `u` and, on futures, `pu`.
    ///
    /// Answers `Wait`, `Stale`, `Apply`, `Break` or `WrongRule`.
    pub fn on_update(&mut self, first_id: i64, last_id: i64, prev_id: Option<i64>) -> Step {
        let found = if prev_id.is_some() {
            BinanceRule::Futures
        } else {
            BinanceRule::Spot
        };
        if found != self.rule {
            return Step::WrongRule {
                expected: self.rule,
                found,
            };
        }
        if self.state == State::Void {
            return Step::Wait;
        }
        if first_id > last_id {
            return self.broken(BreakReason::new(BreakKind::Malformed, last_id, first_id));
        }
        match self.state {
            State::Void => Step::Wait,
            State::Snapshot { last_update_id } => {
                // The first id that the snapshot may lack: futures ask for an update that reaches back to the
                // snapshot itself, spot for one that holds the id after it.
                let due = match self.rule {
                    BinanceRule::Futures => last_update_id,
                    BinanceRule::Spot => last_update_id.saturating_add(1),
                };
                if last_id < due {
                    Step::Stale
                } else if first_id <= due {
                    self.applied(last_id)
                } else {
                    self.broken(BreakReason::new(BreakKind::SnapshotTooOld, due, first_id))
                }
            }
            State::Synced { u } => {
                let (due, link) = match prev_id {
                    Some(prev_id) => (u, prev_id),
                    None => (u.saturating_add(1), first_id),
                };
                if link == due {
                    self.applied(last_id)
                } else {
                    self.broken(BreakReason::unequal(due, link))
                }
            }
        }
    }

    /// Forgets everything: the connection was lost, or the book turned out to be wrong.
    pub const fn reset(&mut self) {
        self.state = State::Void;
    }

    /// Returns true once an update has joined the snapshot and nothing has broken since.
    pub const fn is_synced(&self) -> bool {
        matches!(self.state, State::Synced { .. })
    }

    /// Returns the last id that is in the book: that of the last applied update, else of the snapshot.
    pub const fn last_id(&self) -> Option<i64> {
        match self.state {
            State::Void => None,
            State::Snapshot { last_update_id } => Some(last_update_id),
            State::Synced { u } => Some(u),
        }
    }

    const fn applied(&mut self, u: i64) -> Step {
        self.state = State::Synced { u };
        Step::Apply
    }

    const fn broken(&mut self, reason: BreakReason) -> Step {
        self.state = State::Void;
        Step::Break(reason)
    }
}
