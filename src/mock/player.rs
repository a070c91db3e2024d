//! Merges the streams of one socket: every source renders one minute at a time, frames leave in order of time.

use std::collections::VecDeque;
use std::sync::Arc;

use quant_core::time::UnixMicros;

use super::venue::{Frame, WsCx};
use super::world::{Instrument, Minute};

/// Renders one stream of one instrument.
pub trait Source: Send {
    /// Pushes the frames that this minute causes, ascending by `ts`.
    ///
    /// Called once per minute, in order, beginning with the minute that holds the instant of the subscription. A frame may
    /// be due after the minute's end.
    fn minute(&mut self, minute: &Minute, instrument: &Instrument, out: &mut Vec<Frame>);
}

struct Track {
    key: Arc<str>,
    instrument: Arc<Instrument>,
    source: Box<dyn Source>,
    /// Frames up to here were sent, or belong to the time before the subscription.
    after: UnixMicros,
    /// Start of the next minute to render.
    next: UnixMicros,
    pending: VecDeque<Frame>,
}

impl Track {
    /// Renders minutes until nothing due at or before `until` is missing; false if the tape has moved on.
    fn render(&mut self, until: UnixMicros, scratch: &mut Vec<Frame>) -> bool {
        while self.next <= until {
            let Some(minute) = self.instrument.minute_at(self.next) else {
                // Not made yet (the clock never lets that happen), or dropped: this reader is too slow.
                return self.next >= self.instrument.generated();
            };
            scratch.clear();
            self.source.minute(&minute, &self.instrument, scratch);
            let after = self.after;
            self.pending
                .extend(scratch.drain(..).filter(|f| f.ts > after));
            self.next = minute.end();
        }
        true
    }
}

/// The subscriptions of one socket.
#[derive(Default)]
pub struct Player {
    tracks: Vec<Track>,
    scratch: Vec<Frame>,
    lagged: bool,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&str> = self.tracks.iter().map(|t| &*t.key).collect();
        f.debug_struct("Player")
            .field("streams", &keys)
            .finish_non_exhaustive()
    }
}

impl Player {
    /// Returns a player without streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stream from the instant `now` on; frames due at or before it are not sent. A key already there stays as it is.
    pub fn subscribe(
        &mut self,
        key: Arc<str>,
        instrument: Arc<Instrument>,
        source: Box<dyn Source>,
        now: UnixMicros,
    ) {
        if !self.has(&key) {
            self.tracks.push(Track {
                key,
                instrument,
                source,
                after: now,
                next: now.floor_minute(),
                pending: VecDeque::new(),
            });
        }
    }

    /// Removes a stream; returns whether it was there.
    pub fn unsubscribe(&mut self, key: &str) -> bool {
        let before = self.tracks.len();
        self.tracks.retain(|t| &*t.key != key);
        self.tracks.len() < before
    }

    /// Returns whether a stream is subscribed.
    pub fn has(&self, key: &str) -> bool {
        self.tracks.iter().any(|t| &*t.key == key)
    }

    /// Returns the number of streams.
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Returns whether there is no stream.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Returns the keys in the order of subscription.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tracks.iter().map(|t| &t.key)
    }

    /// Returns whether minutes were dropped before this socket had them: it reads more slowly than the world runs.
    pub const fn lagged(&self) -> bool {
        self.lagged
    }

    /// Emits every frame due at or before `cx.now`, by time, then by order of subscription.
    pub fn advance(&mut self, cx: &mut WsCx<'_>) {
        for track in &mut self.tracks {
            self.lagged |= !track.render(cx.now, &mut self.scratch);
        }
        loop {
            let due = self
                .tracks
                .iter_mut()
                .filter(|t| t.pending.front().is_some_and(|f| f.ts <= cx.now))
                .min_by_key(|t| t.pending.front().map(|f| f.ts));
            let Some(frame) = due.and_then(|t| t.pending.pop_front()) else {
                break;
            };
            cx.out.frame(frame);
        }
        for track in &mut self.tracks {
            track.after = track.after.max(cx.now);
        }
    }
}
