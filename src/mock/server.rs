//! The HTTP side: routes a request to the control endpoint, a venue or the archive, and carries out faults of answers.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use quant_core::time::UnixMicros;
use tokio::sync::watch;

use super::archive::{Archive, Found, Part, part_of};
use super::clock::Clock;
use super::control;
use super::counters::Counters;
use super::delay::DelayRules;
use super::faults::{Action, Faults, Target};
use super::socket;
use super::venue::{FrameKind, Query, Request, Response, RestCx, Session, VenueHandler, decode};
use super::world::World;

/// Prefixes that name a venue explicitly, and the handler they name; `um` and `spot` stay visible to their handler.
const PREFIXES: [(&str, &str, bool); 6] = [
    ("/okx", "okx", true),
    ("/bybit", "bybit", true),
    ("/deepcoin", "deepcoin", false),
    ("/hyperliquid", "hyperliquid", true),
    ("/um", "binance", false),
    ("/spot", "binance", false),
];
/// Largest request body that is read.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Size of the pieces of a file.
const CHUNK: u64 = 256 << 10;

/// Everything the requests share.
pub struct Server {
    /// Handlers in the order they are asked.
    pub venues: Vec<Box<dyn VenueHandler>>,
    /// The simulated world; empty without one.
    pub world: World,
    /// The simulated clock.
    pub clock: Arc<Clock>,
    /// Planned faults.
    pub faults: Faults,
    /// What was served.
    pub counters: Counters,
    /// Delays of sockets.
    pub delays: DelayRules,
    /// The served folder.
    pub archive: Option<Archive>,
    /// Seed of delays.
    pub seed: u64,
    /// Says that the server ends.
    pub stop: watch::Sender<bool>,
    /// Address, known once bound.
    pub base_url: OnceLock<String>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let venues: Vec<&str> = self.venues.iter().map(|v| v.name()).collect();
        f.debug_struct("Server")
            .field("venues", &venues)
            .field("world", &self.world)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Returns a receiver that changes when the server ends.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    fn cx(&self, book_time: UnixMicros) -> RestCx<'_> {
        let now = self.clock.now();
        RestCx {
            world: &self.world,
            now,
            book_time: book_time.min(now),
            conn_ms: self.clock.conn_ms(),
            base_url: self.base_url.get().map_or("", String::as_str),
            archive: self.archive.as_ref(),
        }
    }

    /// Returns the handler of a path and the path it should see.
    fn route<'a>(&self, path: &'a str) -> Option<(&dyn VenueHandler, &'a str)> {
        for (prefix, venue, strip) in PREFIXES {
            let Some(rest) = path.strip_prefix(prefix).filter(|r| r.starts_with('/')) else {
                continue;
            };
            let seen = if strip { rest } else { path };
            let named = self.venues.iter().find(|v| v.name() == venue);
            if let Some(handler) = named.filter(|v| v.claims(seen)) {
                return Some((handler.as_ref(), seen));
            }
        }
        let handler = self.venues.iter().find(|v| v.claims(path))?;
        Some((handler.as_ref(), path))
    }
}

/// What is sent, before faults.
enum Payload {
    Answer(Response),
    File(Found, Part),
}

/// Answers one request of any kind.
pub async fn handle(
    State(server): State<Arc<Server>>,
    request: HttpRequest,
) -> axum::response::Response {
    let (mut parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = decode(&parts.uri.path().replace('+', "%2B"));
    let query = Query::parse(parts.uri.query().unwrap_or(""));
    let host = text_of(&parts.headers, &header::HOST)
        .unwrap_or("")
        .to_owned();
    if let Some(command) = path.strip_prefix("/_mock/") {
        let body = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await;
        let body = body.unwrap_or_default();
        let answer = control::answer(&server, &method, command, &body).await;
        return plain(answer);
    }
    let routed = server.route(&path);
    let venue = routed.map_or("archive", |(handler, _)| handler.name());
    let mut sent = Bytes::new();
    if method == "POST" && routed.is_some() {
        sent = match axum::body::to_bytes(body, MAX_REQUEST_BYTES).await {
            Ok(sent) => sent,
            Err(_) => return plain(Response::text(413, "")),
        };
    }
    let is_upgrade = parts
        .headers
        .get(header::UPGRADE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.eq_ignore_ascii_case("websocket"));
    let target = Target {
        venue,
        path: &path,
        stream: None,
        kind: FrameKind::Data,
        socket: None,
        ts: server.clock.now(),
    };
    let action = server.faults.decide(&target);
    if let Some(Action::Stall { for_ms }) = action {
        tokio::time::sleep(Duration::from_millis(for_ms)).await;
    }
    let book_time = match action {
        Some(Action::LateSnapshot { delay_ms, stale_ms }) => {
            wait_until(&server, delay_ms).await;
            let stale = i64::try_from(stale_ms).unwrap_or(i64::MAX / 2_000);
            server.clock.now().plus(-stale * 1_000)
        }
        _ => server.clock.now(),
    };
    if is_upgrade
        && !matches!(action, Some(Action::Status { .. }))
        && let Some((handler, seen)) = routed.filter(|(handler, seen)| handler.is_ws(seen))
    {
        let asked = Request {
            method: &method,
            path: seen,
            query: &query,
            host: &host,
            body: &sent,
        };
        let session = handler.open(&asked, &server.cx(book_time));
        return upgrade(&server, &mut parts, session, venue, path).await;
    }
    let range = text_of(&parts.headers, &header::RANGE);
    let payload = if let Some(Action::Status {
        kind,
        status,
        retry_after,
        body,
    }) = &action
    {
        Payload::Answer(planned_status(
            kind,
            *status,
            retry_after.as_deref(),
            body.as_deref(),
        ))
    } else if let Some((handler, seen)) = routed {
        let asked = Request {
            method: &method,
            path: seen,
            query: &query,
            host: &host,
            body: &sent,
        };
        Payload::Answer(handler.rest(&asked, &server.cx(book_time)))
    } else {
        from_archive(&server, &method, &path, &query, &host, range)
    };
    let answer = build(payload, action.as_ref());
    server
        .counters
        .request(&method, &path, answer.status().as_u16());
    answer
}

/// Turns a request into a socket that is served on its own from then on.
async fn upgrade(
    server: &Arc<Server>,
    parts: &mut axum::http::request::Parts,
    session: Result<Box<dyn Session>, Response>,
    venue: &'static str,
    path: String,
) -> axum::response::Response {
    let session = match session {
        Ok(session) => session,
        Err(answer) => {
            server.counters.request("WS", &path, answer.status);
            return plain(answer);
        }
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(refused) => {
            server.counters.request("WS", &path, 400);
            return refused.into_response();
        }
    };
    server.counters.request("WS", &path, 101);
    let (shared, id) = (Arc::clone(server), server.counters.socket_id());
    let mut answer = upgrade
        .max_message_size(1 << 20)
        .on_upgrade(move |ws| socket::serve(ws, session, shared, venue, path, id));
    // So that a client can tell which of the planned faults were meant for it.
    set(
        &mut answer,
        HeaderName::from_static("x-mock-socket"),
        &id.to_string(),
    );
    answer
}

/// Waits until simulated time has moved on by `delay_ms`, or that much wall time has passed.
async fn wait_until(server: &Server, delay_ms: u64) {
    let micros = i64::try_from(delay_ms).unwrap_or(i64::MAX / 2_000) * 1_000;
    let until = server.clock.now().plus(micros).0;
    let mut clock = server.clock.subscribe();
    let moved = async {
        while *clock.borrow_and_update() < until {
            if clock.changed().await.is_err() {
                return;
            }
        }
    };
    // A clock that stands still must not hold the answer for ever.
    drop(tokio::time::timeout(Duration::from_millis(delay_ms), moved).await);
}

fn from_archive(
    server: &Server,
    method: &str,
    path: &str,
    query: &Query,
    host: &str,
    range: Option<&str>,
) -> Payload {
    let Some(archive) = &server.archive else {
        return Payload::Answer(Response::not_found());
    };
    if !matches!(method, "GET" | "HEAD") {
        return Payload::Answer(Response::text(405, "method not allowed\n"));
    }
    let is_bucket = matches!(path, "/" | "/data.binance.vision" | "/data.binance.vision/");
    if is_bucket
        && ["prefix", "delimiter", "list-type"]
            .iter()
            .any(|n| query.get(n).is_some())
    {
        return Payload::Answer(archive.s3_listing(query));
    }
    if let Some(found) = archive.find(path, host) {
        let part = part_of(range, found.bytes);
        return Payload::File(found, part);
    }
    let listing = path
        .ends_with('/')
        .then(|| archive.html_listing(path, host))
        .flatten();
    // As S3 behind the CDN says it.
    Payload::Answer(listing.unwrap_or_else(|| Response {
        content_type: "application/xml",
        ..Response::json(
            404,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
        )
    }))
}

fn planned_status(
    kind: &str,
    status: u16,
    retry_after: Option<&str>,
    body: Option<&str>,
) -> Response {
    let usual = match kind {
        "http_429" => {
            r#"{"code":-1003,"msg":"Too many requests; current limit of IP is 2400 requests per minute. Please use the websocket for live updates to avoid polling the API."}"#
        }
        "http_418" => {
            r#"{"code":-1003,"msg":"Way too many requests; IP banned. Please use the websocket for live updates to avoid bans."}"#
        }
        "http_403" => {
            "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>"
        }
        "http_html" => {
            "<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>"
        }
        _ => r#"{"code":-1000,"msg":"An unknown error occurred while processing the request."}"#,
    };
    let mut answer = Response::json(status, body.unwrap_or(usual));
    if matches!(kind, "http_403" | "http_html") {
        answer.content_type = "text/html";
    }
    match retry_after {
        Some(text) => answer.header("retry-after", text),
        None => answer,
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn plain(answer: Response) -> axum::response::Response {
    build(Payload::Answer(answer), None)
}

/// Where the bytes of a body come from.
enum Source {
    Bytes(Bytes),
    File(std::fs::File),
}

/// A body that is being sent.
struct Sending {
    source: Source,
    at: u64,
    end: u64,
    chunk: u64,
    pause: Duration,
    /// Position in the body of a byte that is to differ.
    corrupt: Option<u64>,
    /// After the last byte the connection breaks instead of ending well.
    breaks: bool,
}

impl Sending {
    fn read(&mut self, n: u64) -> std::io::Result<Bytes> {
        let mut piece = match &mut self.source {
            Source::Bytes(bytes) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX);
                let to = usize::try_from(self.at + n).unwrap_or(usize::MAX);
                bytes
                    .slice(from.min(bytes.len())..to.min(bytes.len()))
                    .to_vec()
            }
            Source::File(file) => {
                let mut buffer = vec![0_u8; usize::try_from(n).unwrap_or(0)];
                file.read_exact(&mut buffer)?;
                buffer
            }
        };
        if let Some(position) = self.corrupt.and_then(|c| c.checked_sub(self.at))
            && let Some(byte) = usize::try_from(position)
                .ok()
                .and_then(|p| piece.get_mut(p))
        {
            *byte ^= 0x55;
        }
        self.at += n;
        Ok(piece.into())
    }

    async fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        let left = self.end - self.at;
        if left == 0 {
            if !self.breaks {
                return None;
            }
            self.breaks = false;
            // What was sent before must leave the buffers first.
            tokio::time::sleep(Duration::from_millis(30)).await;
            return Some(Err(std::io::Error::other("planned fault")));
        }
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        Some(self.read(left.min(self.chunk)))
    }
}

/// Returns the HTTP answer with the fault, if any, carried out.
fn build(payload: Payload, action: Option<&Action>) -> axum::response::Response {
    let mut out = axum::response::Response::new(Body::empty());
    let (source, start, end) = match payload {
        Payload::Answer(answer) => {
            let status = StatusCode::from_u16(answer.status);
            *out.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            set(&mut out, header::CONTENT_TYPE, answer.content_type);
            for (name, value) in &answer.headers {
                if let Ok(name) = HeaderName::try_from(*name) {
                    set(&mut out, name, value);
                }
            }
            let end = answer.body.len() as u64;
            (Source::Bytes(answer.body.into()), 0, end)
        }
        Payload::File(found, part) => match open(&found, part, &mut out) {
            Ok(opened) => opened,
            Err(error) => return plain(Response::text(500, format!("{error}\n"))),
        },
    };
    let length = end - start;
    let share = |keep: f64| {
        // A share of a length is no longer than the length.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= keep <= 1"
        )]
        let bytes = (length as f64 * keep) as u64;
        bytes.min(length)
    };
    let mut sending = Sending {
        source,
        at: start,
        end,
        chunk: CHUNK,
        pause: Duration::ZERO,
        corrupt: None,
        breaks: false,
    };
    let mut announced = Some(length);
    match action {
        Some(Action::Truncate { keep }) => {
            sending.end = start + share(*keep);
            announced = Some(share(*keep));
        }
        Some(Action::ShortBody { keep }) => {
            sending.end = start + share(*keep);
            sending.breaks = true;
        }
        Some(Action::CutChunked { keep }) => {
            sending.end = start + share(*keep);
            sending.breaks = true;
            announced = None;
        }
        Some(Action::SlowBody { bytes_per_s }) => {
            // Ten pieces a second, or one byte at a time where that is more than a piece.
            sending.chunk = (bytes_per_s / 10).max(1);
            let pieces = bytes_per_s.div_ceil(sending.chunk).max(1);
            sending.pause = Duration::from_secs(1) / u32::try_from(pieces).unwrap_or(u32::MAX);
        }
        Some(Action::Corrupt { position }) if length > 0 => {
            sending.corrupt = Some(start + share(*position).min(length - 1));
        }
        _ => {}
    }
    if let Some(bytes) = announced {
        set(&mut out, header::CONTENT_LENGTH, &bytes.to_string());
    }
    *out.body_mut() = match (&sending.source, action) {
        (Source::Bytes(bytes), None) => Body::from(bytes.clone()),
        _ => Body::from_stream(futures_util::stream::unfold(sending, |mut sending| async {
            sending.next().await.map(|piece| (piece, sending))
        })),
    };
    out
}

fn open(
    found: &Found,
    part: Part,
    out: &mut axum::response::Response,
) -> std::io::Result<(Source, u64, u64)> {
    set(out, header::ACCEPT_RANGES, "bytes");
    let name = found.file.to_string_lossy();
    let tag = super::delay::sub_seed(found.bytes, &name, 0);
    set(out, header::ETAG, &format!("\"{tag:016x}\""));
    let is_zip = found.file.extension().is_some_and(|e| e == "zip");
    let kind = if is_zip {
        "application/zip"
    } else {
        "application/octet-stream"
    };
    set(out, header::CONTENT_TYPE, kind);
    let (start, end) = match part {
        Part::Whole => (0, found.bytes),
        Part::Range(start, end) => {
            *out.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = end.saturating_sub(1);
            let text = format!("bytes {start}-{last}/{}", found.bytes);
            set(out, header::CONTENT_RANGE, &text);
            (start, end)
        }
        Part::Unsatisfiable => {
            *out.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(
                out,
                header::CONTENT_RANGE,
                &format!("bytes */{}", found.bytes),
            );
            return Ok((Source::Bytes(Bytes::new()), 0, 0));
        }
    };
    let mut file = std::fs::File::open(&found.file)?;
    file.seek(SeekFrom::Start(start))?;
    Ok((Source::File(file), start, end))
}

fn set(out: &mut axum::response::Response, name: HeaderName, value: &str) {
    // A planned `Retry-After` may hold anything; what no header can hold is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        out.headers_mut().insert(name, value);
    }
}

/// Serves on a bound listener until the server is stopped.
///
/// # Errors
/// When accepting connections fails for good.
pub async fn serve(server: Arc<Server>, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    let mut stop = server.stopped();
    let app = axum::Router::new().fallback(handle).with_state(server);
    // Frames leave in batches already; waiting for more would only add latency.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        drop(stream.set_nodelay(true));
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            drop(stop.changed().await);
        })
        .await
}

/// Returns the text form of an address as a base URL.
pub fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}
