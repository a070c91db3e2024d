//! What the server has served: requests by route and status, frames by stream, sockets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Frames of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FrameCounts {
    /// Frames the venue's side made.
    pub made: u64,
    /// Frames written to sockets, copies included.
    pub sent: u64,
    /// Frames a fault lost.
    pub lost: u64,
    /// Extra copies a fault made.
    pub copies: u64,
    /// Frames a fault moved behind later ones.
    pub moved: u64,
    /// Bytes of text written.
    pub bytes: u64,
}

impl FrameCounts {
    fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.sent += other.sent;
        self.lost += other.lost;
        self.copies += other.copies;
        self.moved += other.moved;
        self.bytes += other.bytes;
    }
}

/// Sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SocketCounts {
    /// Accepted since the start.
    pub opened: u64,
    /// Open now.
    pub open: u64,
    /// Ended by the server: faults, rules, age.
    pub closed_by_server: u64,
    /// Text frames received.
    pub received: u64,
    /// Pings sent.
    pub pings: u64,
    /// Pongs received.
    pub pongs: u64,
}

/// Everything counted, as `/_mock/status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Route (method and path) to status to number of requests.
    pub requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// `path stream` to frames.
    pub frames: BTreeMap<String, FrameCounts>,
    /// Sockets.
    pub sockets: SocketCounts,
}

/// Most routes told apart; a client that walks through names must not grow the map for ever.
const MAX_ROUTES: usize = 4_096;

/// The counters of a server.
#[derive(Debug, Default)]
pub struct Counters {
    inner: Mutex<Counts>,
    next_socket: AtomicU64,
}

impl Counters {
    fn inner(&self) -> MutexGuard<'_, Counts> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub fn request(&self, method: &str, path: &str, status: u16) {
        let mut inner = self.inner();
        let mut route = format!("{method} {path}");
        if inner.requests.len() >= MAX_ROUTES && !inner.requests.contains_key(&route) {
            "other".clone_into(&mut route);
        }
        *inner
            .requests
            .entry(route)
            .or_default()
            .entry(status)
            .or_default() += 1;
    }

    /// Adds a batch of frame counts of a socket at `path`; the same stream name on two paths is two entries.
    pub fn frames(&self, path: &str, batch: &mut BTreeMap<Arc<str>, FrameCounts>) {
        if batch.is_empty() {
            return;
        }
        let mut inner = self.inner();
        for (stream, counts) in core::mem::take(batch) {
            let key = format!("{path} {stream}");
            match inner.frames.get_mut(&key) {
                Some(sum) => sum.add(&counts),
                None => {
                    inner.frames.insert(key, counts);
                }
            }
        }
    }

    /// Changes the socket counts.
    pub fn sockets(&self, change: impl FnOnce(&mut SocketCounts)) {
        change(&mut self.inner().sockets);
    }

    /// Returns the number of a new socket, from 1.
    pub fn socket_id(&self) -> u64 {
        self.next_socket.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns a copy of everything.
    pub fn snapshot(&self) -> Counts {
        self.inner().clone()
    }
}
