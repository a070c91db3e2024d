//! The seam between the server and a venue: requests in, answers out, and one state machine per socket.
//!
//! Handlers and sessions are synchronous and pure: no sockets, no sleeping, no clock but the one they are given. Faults,
//! delays and counters are the server's.

use std::sync::Arc;

use quant_core::time::UnixMicros;

use super::archive::Archive;
use super::world::World;

/// Decoded query parameters in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Returns the parameters of the text after `?`; `+` is a space, broken escapes stay as they are.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|part| !part.is_empty());
        Self(
            pairs
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Returns all pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

/// Decodes percent escapes.
pub fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escaped) {
            (_, Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            (other, None) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// One HTTP request, or the request of a WebSocket upgrade.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Decoded path without query and without the venue prefix.
    pub path: &'a str,
    /// Query parameters.
    pub query: &'a Query,
    /// The `Host` header, empty if absent.
    pub host: &'a str,
    /// What was sent with POST, else empty.
    pub body: &'a [u8],
}

/// What a handler may look at.
#[derive(Clone, Copy, Debug)]
pub struct RestCx<'a> {
    /// The simulated world.
    pub world: &'a World,
    /// State up to and including this instant may be shown.
    pub now: UnixMicros,
    /// The state that order-book snapshots show; before `now` only under a `late_snapshot` fault.
    pub book_time: UnixMicros,
    /// Connection clock in milliseconds, for limits and bans; see `clock`.
    pub conn_ms: i64,
    /// Address of this server, e.g. `http://127.0.0.1:8080`.
    pub base_url: &'a str,
    /// The served archive folder, if there is one.
    pub archive: Option<&'a Archive>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers besides the content type and length.
    pub headers: Vec<(&'static str, String)>,
    /// Content type.
    pub content_type: &'static str,
    /// Body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns a JSON answer.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body: body.into(),
        }
    }

    /// Returns a plain text answer.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: "text/plain",
            ..Self::json(status, body)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns 404 with an empty body.
    pub fn not_found() -> Self {
        Self::text(404, "")
    }
}

/// A venue's REST side, and the maker of its sockets' state machines.
pub trait VenueHandler: Send + Sync {
    /// Returns the lower-case name, e.g. `okx`.
    fn name(&self) -> &'static str;
    /// Returns whether this path, REST or WebSocket, is the venue's.
    fn claims(&self, path: &str) -> bool;
    /// Returns whether this path takes WebSocket upgrades.
    fn is_ws(&self, path: &str) -> bool;
    /// Answers a request.
    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response;
    /// Returns the state machine of a new socket.
    ///
    /// # Errors
    /// The answer to give instead of the upgrade.
    fn open(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Result<Box<dyn Session>, Response>;
}

/// What kind of market frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// An increment or an event.
    Data,
    /// A whole state; `late_snapshot` faults hold these back.
    Snapshot,
}

/// One market frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When the venue sends it.
    pub ts: UnixMicros,
    /// The venue's own topic, which faults and counters match, e.g. `btcusdt@depth`.
    pub stream: Arc<str>,
    /// Kind.
    pub kind: FrameKind,
    /// The text frame.
    pub text: String,
}

/// Something a session wants its socket to do at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Send text: acknowledgements, errors, pongs in text.
    Text(String),
    /// Send a ping frame.
    Ping(Vec<u8>),
    /// Send a close frame and end.
    Close(u16, String),
}

/// What a session has to say; emptied by the server after every call.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Sent at once, before frames, never delayed and never matched by faults.
    pub controls: Vec<Control>,
    /// Market frames, ascending by `ts` over the life of the socket.
    pub frames: Vec<Frame>,
}

impl Outbox {
    /// Adds a market frame.
    pub fn frame(&mut self, frame: Frame) {
        self.frames.push(frame);
    }
}

/// What a session may look at and write to.
#[derive(Debug)]
pub struct WsCx<'a> {
    /// The simulated world.
    pub world: &'a World,
    /// Simulated time of this socket.
    pub now: UnixMicros,
    /// Connection clock in milliseconds, for pings, limits and the age of the connection.
    pub conn_ms: i64,
    /// Where frames go.
    pub out: &'a mut Outbox,
}

impl WsCx<'_> {
    /// Sends text at once.
    pub fn control(&mut self, text: impl Into<String>) {
        self.out.controls.push(Control::Text(text.into()));
    }

    /// Sends a ping frame.
    pub fn ping(&mut self, payload: &[u8]) {
        self.out.controls.push(Control::Ping(payload.to_vec()));
    }

    /// Sends a close frame and ends the socket.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.out
            .controls
            .push(Control::Close(code, reason.to_owned()));
    }
}

/// The state machine of one socket.
pub trait Session: Send {
    /// The socket is open.
    fn on_open(&mut self, cx: &mut WsCx<'_>) {
        let _ = cx;
    }
    /// A text frame came.
    fn on_text(&mut self, text: &str, cx: &mut WsCx<'_>);
    /// A pong frame came.
    fn on_pong(&mut self, payload: &[u8], cx: &mut WsCx<'_>) {
        let _ = (payload, cx);
    }
    /// Simulated time came to `cx.now`: emits every market frame since the last call.
    fn on_advance(&mut self, cx: &mut WsCx<'_>);
    /// Looks at connection rules; called at least every 100 ms and before `on_text`.
    fn on_tick(&mut self, cx: &mut WsCx<'_>) {
        let _ = cx;
    }
    /// Returns whether anything is subscribed: with `--speed max` the clock runs only while some session says true.
    fn is_active(&self) -> bool;
}
