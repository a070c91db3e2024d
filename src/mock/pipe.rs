//! Between a session and its socket: faults, then the delay, then a queue of what is due when. No I/O.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use quant_core::time::UnixMicros;

use super::counters::FrameCounts;
use super::delay::Lateness;
use super::faults::{Action, Faults, Target};
use super::venue::{Control, Frame};

/// Something to do on the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Write a market frame.
    Frame(Arc<str>, String),
    /// Write a control message.
    Control(Control),
    /// End the connection: with a close frame if there is a code.
    End(Option<u16>),
    /// Forget the socket without closing it.
    Forget,
}

/// The way of one socket's frames.
#[derive(Debug)]
pub struct Pipe {
    venue: &'static str,
    path: String,
    socket: u64,
    late: Lateness,
    queue: VecDeque<(UnixMicros, Item)>,
    /// Control messages have no delay: they overtake frames that are still on their way.
    controls: VecDeque<(UnixMicros, Control)>,
    /// Frames still to be lost, per stream.
    gaps: BTreeMap<Arc<str>, u64>,
    /// Frames that wait for later ones of their stream: how many.
    moved: Vec<(Frame, u64)>,
    /// Snapshots held back until an instant.
    snapshots: Vec<(UnixMicros, Frame)>,
    silent_until: Option<UnixMicros>,
    frozen_until: UnixMicros,
    ended: bool,
    /// Counts since they were last taken.
    pub counts: BTreeMap<Arc<str>, FrameCounts>,
}

impl Pipe {
    /// Returns the pipe of a new socket.
    pub const fn new(venue: &'static str, path: String, socket: u64, late: Lateness) -> Self {
        Self {
            venue,
            path,
            socket,
            late,
            queue: VecDeque::new(),
            controls: VecDeque::new(),
            gaps: BTreeMap::new(),
            moved: Vec::new(),
            snapshots: Vec::new(),
            silent_until: None,
            frozen_until: UnixMicros(i64::MIN),
            ended: false,
            counts: BTreeMap::new(),
        }
    }

    /// Returns the path of the socket.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn count(&mut self, stream: &Arc<str>, change: impl FnOnce(&mut FrameCounts)) {
        match self.counts.get_mut(stream) {
            Some(counts) => change(counts),
            None => change(self.counts.entry(Arc::clone(stream)).or_default()),
        }
    }

    /// Adds a control message: at once, unless the socket is frozen.
    pub fn control(&mut self, control: Control, now: UnixMicros) {
        if self.ended {
            return;
        }
        self.controls
            .push_back((now.max(self.frozen_until), control));
    }

    /// Adds a market frame.
    pub fn frame(&mut self, frame: Frame, faults: &Faults) {
        if self.ended {
            return;
        }
        self.settle(frame.ts);
        self.count(&frame.stream, |c| c.made += 1);
        let action = if faults.any() {
            let target = Target {
                venue: self.venue,
                path: &self.path,
                stream: Some(&frame.stream),
                kind: frame.kind,
                socket: Some(self.socket),
                ts: frame.ts,
            };
            faults.decide(&target)
        } else {
            None
        };
        self.apply(frame, action.as_ref());
    }

    fn apply(&mut self, frame: Frame, action: Option<&Action>) {
        let stream = Arc::clone(&frame.stream);
        let ts = frame.ts;
        let until = |ms: u64| ts.plus(i64::try_from(ms).unwrap_or(i64::MAX / 2_000) * 1_000);
        match action {
            Some(Action::Disconnect { code }) => {
                self.count(&stream, |c| c.lost += 1);
                let release = self.late.release(ts).max(self.frozen_until);
                self.queue.push_back((release, Item::End(*code)));
                self.ended = true;
                return;
            }
            Some(Action::HalfOpen) => {
                self.count(&stream, |c| c.lost += 1);
                self.queue.push_back((self.late.release(ts), Item::Forget));
                self.ended = true;
                return;
            }
            Some(Action::Silent { for_ms }) => {
                self.silent_until = Some(for_ms.map_or(UnixMicros(i64::MAX), until));
            }
            Some(Action::Freeze { for_ms }) => {
                self.frozen_until = self.frozen_until.max(until(*for_ms));
            }
            Some(Action::Gap { count }) => {
                *self.gaps.entry(Arc::clone(&stream)).or_default() += *count;
            }
            Some(Action::LateSnapshot { delay_ms, .. }) => {
                self.count(&stream, |c| c.moved += 1);
                self.snapshots.push((until(*delay_ms), frame));
                return;
            }
            Some(Action::Reorder { distance }) => {
                self.count(&stream, |c| c.moved += 1);
                self.moved.push((frame, *distance));
                return;
            }
            Some(Action::Duplicate { copies }) => {
                self.count(&stream, |c| c.copies += *copies);
                for _ in 0..*copies {
                    self.pass(frame.clone());
                }
            }
            // Decisions for requests never reach a frame.
            _ => {}
        }
        if self.silent_until.is_some_and(|until| ts < until) {
            self.count(&stream, |c| c.lost += 1);
            return;
        }
        if let Some(left) = self.gaps.get_mut(&stream).filter(|left| **left > 0) {
            *left -= 1;
            self.count(&stream, |c| c.lost += 1);
            return;
        }
        self.pass(frame);
        self.bring_back(&stream);
    }

    /// Lets a frame pass to the queue.
    fn pass(&mut self, frame: Frame) {
        let release = self.late.release(frame.ts).max(self.frozen_until);
        self.queue
            .push_back((release, Item::Frame(frame.stream, frame.text)));
    }

    /// Lets moved frames pass whose distance is reached by one more frame of their stream.
    fn bring_back(&mut self, stream: &Arc<str>) {
        let mut ready = Vec::new();
        for (frame, left) in &mut self.moved {
            if frame.stream == *stream {
                *left -= 1;
                if *left == 0 {
                    ready.push(frame.clone());
                }
            }
        }
        self.moved.retain(|(_, left)| *left > 0);
        for frame in ready {
            self.pass(frame);
        }
    }

    /// Lets held snapshots pass whose time has come by `now`.
    pub fn settle(&mut self, now: UnixMicros) {
        while let Some(index) = self.snapshots.iter().position(|(due, _)| *due <= now) {
            let (_, frame) = self.snapshots.remove(index);
            self.pass(frame);
        }
    }

    /// Returns the next thing that is due at or before `now`.
    pub fn due(&mut self, now: UnixMicros) -> Option<Item> {
        if let Some((release, _)) = self.controls.front()
            && *release <= now
        {
            return self.controls.pop_front().map(|(_, c)| Item::Control(c));
        }
        let is_due = self
            .queue
            .front()
            .is_some_and(|(release, _)| *release <= now);
        let item = is_due
            .then(|| self.queue.pop_front())
            .flatten()
            .map(|(_, item)| item);
        if let Some(Item::Frame(stream, text)) = &item {
            let (stream, bytes) = (Arc::clone(stream), text.len() as u64);
            self.count(&stream, |c| {
                c.sent += 1;
                c.bytes += bytes;
            });
        }
        item
    }
}

#[cfg(test)]
mod tests;
