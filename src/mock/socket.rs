//! Drives one WebSocket: the session's state machine on one side, the wire on the other.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use quant_core::time::UnixMicros;

use super::clock::RunnerGuard;
use super::delay::{Lateness, sub_seed};
use super::pipe::{Item, Pipe};
use super::server::Server;
use super::venue::{Control, Outbox, Session, WsCx};

/// A socket that fell behind catches up in slices of this much simulated time, so that its frames are never all in memory.
const SLICE_US: i64 = 10_000_000;
/// How often connection rules are looked at while nothing else happens.
const TICK: Duration = Duration::from_millis(100);

/// The socket has ended, whichever side ended it.
struct Ended;

struct Link {
    ws: WebSocket,
    session: Box<dyn Session>,
    pipe: Pipe,
    out: Outbox,
    server: Arc<Server>,
    runner: RunnerGuard,
    /// Simulated time up to which this socket has delivered.
    reached: UnixMicros,
}

/// Serves one socket until either side ends it; `id` is its number in counters and firings.
pub async fn serve(
    ws: WebSocket,
    session: Box<dyn Session>,
    server: Arc<Server>,
    venue: &'static str,
    path: String,
    id: u64,
) {
    let late = Lateness::new(server.delays.of(&path), sub_seed(server.seed, &path, id));
    let mut link = Link {
        ws,
        session,
        pipe: Pipe::new(venue, path, id, late),
        out: Outbox::default(),
        runner: server.clock.join(),
        reached: server.clock.now(),
        server: Arc::clone(&server),
    };
    server.counters.sockets(|s| {
        s.opened += 1;
        s.open += 1;
    });
    link.run().await;
    link.count();
    server.counters.sockets(|s| s.open -= 1);
}

impl Link {
    async fn run(&mut self) {
        let mut clock = self.server.clock.subscribe();
        let mut stop = self.server.stopped();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        self.with_session(|session, cx| session.on_open(cx));
        loop {
            // Seen before it is acted on: a move during the delivery wakes again, one before it does not.
            clock.mark_unchanged();
            if self.deliver().await.is_err() {
                return;
            }
            tokio::select! {
                message = self.ws.recv() => match message {
                    Some(Ok(message)) => {
                        if !self.receive(message) {
                            return;
                        }
                    }
                    Some(Err(_)) | None => return,
                },
                changed = clock.changed() => {
                    if changed.is_err() {
                        self.leave();
                        return;
                    }
                }
                _ = tick.tick() => {}
                _ = stop.changed() => {
                    self.leave();
                    // The client may be gone already: nothing more can be told to it.
                    drop(self.ws.send(close(1001, "server is going away")).await);
                    return;
                }
            }
        }
    }

    fn with_session(&mut self, f: impl FnOnce(&mut dyn Session, &mut WsCx<'_>)) {
        let mut cx = WsCx {
            world: &self.server.world,
            now: self.reached,
            conn_ms: self.server.clock.conn_ms(),
            out: &mut self.out,
        };
        f(&mut *self.session, &mut cx);
    }

    /// Takes a message of the client; false if it closed the connection.
    fn receive(&mut self, message: Message) -> bool {
        match message {
            Message::Text(text) => {
                self.server.counters.sockets(|s| s.received += 1);
                self.with_session(|session, cx| {
                    session.on_tick(cx);
                    session.on_text(text.as_str(), cx);
                });
            }
            Message::Pong(payload) => {
                self.server.counters.sockets(|s| s.pongs += 1);
                self.with_session(|session, cx| session.on_pong(&payload, cx));
            }
            // Pings are answered by the protocol layer; venues ignore binary frames.
            Message::Ping(_) | Message::Binary(_) => {}
            Message::Close(_) => return false,
        }
        true
    }

    /// Brings the socket to the clock's now, in slices, and writes what is due.
    async fn deliver(&mut self) -> Result<(), Ended> {
        self.with_session(|session, cx| session.on_tick(cx));
        loop {
            let now = self.server.clock.now();
            let to = now.min(self.reached.plus(SLICE_US));
            if to > self.reached {
                self.reached = to;
                self.with_session(|session, cx| session.on_advance(cx));
            }
            self.drain();
            self.write().await?;
            self.count();
            self.runner.report(self.reached, self.session.is_active());
            if to >= now {
                return Ok(());
            }
        }
    }

    fn drain(&mut self) {
        let mut controls = core::mem::take(&mut self.out.controls);
        for control in controls.drain(..) {
            self.pipe.control(control, self.reached);
        }
        self.out.controls = controls;
        let mut frames = core::mem::take(&mut self.out.frames);
        for frame in frames.drain(..) {
            self.pipe.frame(frame, &self.server.faults);
        }
        self.out.frames = frames;
        self.pipe.settle(self.reached);
    }

    /// Writes what is due and flushes once.
    async fn write(&mut self) -> Result<(), Ended> {
        let mut any = false;
        while let Some(item) = self.pipe.due(self.reached) {
            any = true;
            let message = match item {
                Item::Frame(_, text) | Item::Control(Control::Text(text)) => {
                    Message::Text(text.into())
                }
                Item::Control(Control::Ping(payload)) => {
                    self.server.counters.sockets(|s| s.pings += 1);
                    Message::Ping(payload.into())
                }
                Item::Control(Control::Close(code, reason)) => {
                    return Err(self.end(Some((code, &reason))).await);
                }
                Item::End(Some(code)) => {
                    return Err(self.end(Some((code, "planned fault"))).await);
                }
                Item::End(None) => return Err(self.end(None).await),
                Item::Forget => return Err(self.forget().await),
            };
            if self.ws.feed(message).await.is_err() {
                return Err(Ended);
            }
        }
        if any && self.ws.flush().await.is_err() {
            return Err(Ended);
        }
        Ok(())
    }

    fn count(&mut self) {
        let mut counts = core::mem::take(&mut self.pipe.counts);
        self.server.counters.frames(self.pipe.path(), &mut counts);
    }

    /// Accounts for an end by the server. It comes before the wire learns of it: who sees the close may read the counts.
    fn leave(&mut self) {
        self.count();
        self.server.counters.sockets(|s| s.closed_by_server += 1);
    }

    async fn end(&mut self, frame: Option<(u16, &str)>) -> Ended {
        self.leave();
        let sent = match frame {
            Some((code, reason)) => self.ws.send(close(code, reason)).await,
            // What was written before must still arrive.
            None => self.ws.flush().await,
        };
        // The wire may be broken already; the connection ends either way.
        drop(sent);
        Ended
    }

    /// Keeps the connection open and does nothing with it any more.
    async fn forget(&mut self) -> Ended {
        self.leave();
        drop(self.ws.flush().await);
        self.runner.report(self.reached, false);
        drop(self.server.stopped().changed().await);
        Ended
    }
}

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }))
}
