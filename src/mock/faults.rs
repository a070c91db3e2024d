//! The fault plan: what goes wrong, where and when; read strictly, fired deterministically, every firing on record.
//!
//! The engine only decides; sockets (`socket`) and the HTTP side (`server`) carry the decisions out.

pub mod plan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quant_core::time::UnixMicros;
use serde::Serialize;

pub use plan::{Action, At, Fault, FaultError, Plan};

use super::delay::{Rand, glob_matches, sub_seed};
use super::venue::FrameKind;

/// Most firings kept in the record; the counts go on.
const MAX_RECORD: usize = 100_000;

/// One firing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// Index of the fault in the plan.
    pub fault: usize,
    /// Kind of the fault.
    pub kind: &'static str,
    /// Stream or path it hit.
    pub target: String,
    /// Socket it hit; `None` for HTTP.
    pub socket: Option<u64>,
    /// Which matching frame or request it was, counted from 1.
    pub ordinal: u64,
    /// Simulated instant, microseconds.
    pub ts_us: i64,
}

/// What a fault has seen and done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultStatus {
    /// Index in the plan.
    pub fault: usize,
    /// Kind.
    pub kind: &'static str,
    /// Frames or requests that matched.
    pub matched: u64,
    /// Times it fired.
    pub fired: u64,
    /// Times it may fire; `None`: without limit.
    pub times: Option<u64>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    matched: u64,
    fired: u64,
    dice: Rand,
}

impl Armed {
    /// Counts a match and says whether the fault fires on it.
    fn fires(&mut self, ts: UnixMicros, start: UnixMicros) -> bool {
        self.matched += 1;
        if self.fault.times.is_some_and(|times| self.fired >= times) {
            return false;
        }
        let hit = match self.fault.at {
            At::Ordinal { nth, every } => match every {
                None => self.matched >= nth,
                Some(every) => self.matched >= nth && (self.matched - nth).is_multiple_of(every),
            },
            At::Time { after_us } => ts.0 - start.0 >= after_us,
            // One throw per match, fired or not: the sequence of throws depends on the matches alone.
            At::Probability { p } => self.dice.unit() < p,
        };
        if hit {
            self.fired += 1;
        }
        hit
    }
}

#[derive(Debug, Default)]
struct Inner {
    armed: Vec<Armed>,
    record: Vec<Firing>,
}

/// Every fault of the server.
#[derive(Debug)]
pub struct Faults {
    start: UnixMicros,
    any: AtomicBool,
    inner: Mutex<Inner>,
}

/// What a frame or request is, for matching.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Venue name.
    pub venue: &'a str,
    /// Path of the socket or request.
    pub path: &'a str,
    /// Stream of a frame; `None` for a request.
    pub stream: Option<&'a str>,
    /// Kind of a frame.
    pub kind: FrameKind,
    /// Socket of a frame.
    pub socket: Option<u64>,
    /// Simulated instant.
    pub ts: UnixMicros,
}

impl Faults {
    /// Returns the engine of a plan; times of the plan count from `start`.
    pub fn new(plan: Plan, start: UnixMicros) -> Self {
        let engine = Self {
            start,
            any: AtomicBool::new(false),
            inner: Mutex::default(),
        };
        engine.add(plan);
        engine
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends faults; returns the index of the first one.
    pub fn add(&self, plan: Plan) -> usize {
        let mut inner = self.inner();
        let first = inner.armed.len();
        for fault in plan.faults {
            let index = inner.armed.len() as u64;
            inner.armed.push(Armed {
                dice: Rand::new(sub_seed(plan.seed, fault.action.kind(), index)),
                fault,
                matched: 0,
                fired: 0,
            });
        }
        self.any.store(!inner.armed.is_empty(), Ordering::Release);
        first
    }

    /// Returns whether there is any fault at all.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Returns what to do to a frame or request: the first fault that fires on it. Every matching fault counts it.
    pub fn decide(&self, target: &Target<'_>) -> Option<Action> {
        if !self.any() {
            return None;
        }
        let mut inner = self.inner();
        let mut decided = None;
        let Inner { armed, record } = &mut *inner;
        for (index, armed) in armed.iter_mut().enumerate() {
            if !matches(&armed.fault, target) || !armed.fires(target.ts, self.start) {
                continue;
            }
            if decided.is_some() {
                // One thing at a time: the later fault keeps its turn for the next match.
                armed.fired -= 1;
                continue;
            }
            if record.len() < MAX_RECORD {
                record.push(Firing {
                    fault: index,
                    kind: armed.fault.action.kind(),
                    target: target.stream.unwrap_or(target.path).to_owned(),
                    socket: target.socket,
                    ordinal: armed.matched,
                    ts_us: target.ts.0,
                });
            }
            decided = Some(armed.fault.action.clone());
        }
        decided
    }

    /// Returns what every fault has seen and done.
    pub fn status(&self) -> Vec<FaultStatus> {
        let inner = self.inner();
        let armed = inner.armed.iter().enumerate();
        armed
            .map(|(fault, armed)| FaultStatus {
                fault,
                kind: armed.fault.action.kind(),
                matched: armed.matched,
                fired: armed.fired,
                times: armed.fault.times,
            })
            .collect()
    }

    /// Returns every firing so far, in order.
    pub fn record(&self) -> Vec<Firing> {
        self.inner().record.clone()
    }
}

fn matches(fault: &Fault, target: &Target<'_>) -> bool {
    let is_frame = target.stream.is_some();
    let side = if is_frame {
        fault.action.is_for_frames(target.kind)
    } else {
        fault.action.is_for_requests(target.path)
    };
    let glob = |pattern: &Option<String>, text: Option<&str>| match (pattern, text) {
        (None, _) => true,
        (Some(pattern), Some(text)) => glob_matches(pattern, text),
        (Some(_), None) => false,
    };
    side && glob(&fault.venue, Some(target.venue))
        && glob(&fault.path, Some(target.path))
        && glob(&fault.stream, target.stream)
}

#[cfg(test)]
mod tests;
