//! A recording as a venue: its frames on the paths and streams they came from, with their own spacing.
//!
//! The file is gzip text, one line `<received ns> <JSON>` per frame: combined-stream envelopes of Binance, and REST depth
//! snapshots (`lastUpdateId`), which become the answer of `depth`. Simulated time is the time of reception.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quant_core::market::Market;
use quant_core::time::UnixMicros;
use serde_json::Value;

use super::venue::{Frame, FrameKind, Request, Response, RestCx, Session, VenueHandler, WsCx};
use super::venues::binance::error as binance_error;

/// Most text a recording may hold in memory.
const MAX_BYTES: u64 = 2 << 30;

/// Why a recording is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordingFault {
    /// The file cannot be read.
    #[error("cannot read recording `{}`: {source}\nhint: give a gzip file of lines `<received ns> <JSON>`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what a recording holds.
    #[error("recording `{}` line {line}: {problem}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Nothing inside.
    #[error("recording `{}` holds no frame of a stream", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More text than is held in memory.
    #[error("recording `{}` holds more than {MAX_BYTES} bytes of text\nhint: cut it into parts", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// One recorded frame.
#[derive(Clone, Debug)]
struct Recorded {
    ts: UnixMicros,
    stream: Arc<str>,
    /// The whole envelope.
    text: Box<str>,
    /// Where the payload lies in the envelope.
    data: core::ops::Range<usize>,
}

/// Everything of a file.
#[derive(Clone, Debug)]
pub struct Recording {
    frames: Arc<Vec<Recorded>>,
    /// REST depth snapshots with the time they came.
    snapshots: Arc<Vec<(UnixMicros, Box<str>)>>,
    market: Market,
    symbols: Vec<String>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// The first line that is not one of a recording, or a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, RecordingFault> {
        let unreadable = |source| RecordingFault::Unreadable {
            path: path.to_owned(),
            source,
        };
        let bad = |line, problem| RecordingFault::BadLine {
            path: path.to_owned(),
            line,
            problem,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let text = flate2::bufread::MultiGzDecoder::new(BufReader::new(file));
        let (mut frames, mut snapshots, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
        let mut has_transaction_time = false;
        for (number, line) in (1_u64..).zip(BufReader::new(text).lines()) {
            let line = line.map_err(unreadable)?;
            bytes += line.len() as u64;
            if bytes > MAX_BYTES {
                return Err(RecordingFault::TooLarge {
                    path: path.to_owned(),
                });
            }
            if line.is_empty() {
                continue;
            }
            let (stamp, json) = line
                .split_once(' ')
                .ok_or_else(|| bad(number, "no blank between time and frame"))?;
            let stamp: i64 = stamp
                .parse()
                .map_err(|_| bad(number, "the time is not a whole number"))?;
            let ts = UnixMicros(stamp_us(stamp));
            let value: Value =
                serde_json::from_str(json).map_err(|_| bad(number, "the frame is not JSON"))?;
            if value.get("lastUpdateId").is_some() {
                has_transaction_time |= value.get("T").is_some();
                snapshots.push((ts, json.into()));
                continue;
            }
            let stream = value
                .get("stream")
                .and_then(Value::as_str)
                .ok_or_else(|| bad(number, "neither a `stream` nor a `lastUpdateId`"))?;
            let start = json
                .find("\"data\":")
                .map(|at| at + "\"data\":".len())
                .filter(|start| *start < json.len())
                .ok_or_else(|| bad(number, "no `data`"))?;
            has_transaction_time |= value["data"].get("pu").is_some();
            frames.push(Recorded {
                ts,
                stream: stream.into(),
                data: start..json.len() - 1,
                text: json.into(),
            });
        }
        if frames.is_empty() {
            return Err(RecordingFault::Empty {
                path: path.to_owned(),
            });
        }
        // Received order is kept; a clock that stepped back must not reorder frames.
        let mut last = UnixMicros(i64::MIN);
        for frame in &mut frames {
            frame.ts = frame.ts.max(last);
            last = frame.ts;
        }
        let mut symbols: Vec<String> = frames
            .iter()
            .filter_map(|f| f.stream.split_once('@'))
            .map(|(symbol, _)| symbol.to_ascii_uppercase())
            .collect();
        symbols.sort();
        symbols.dedup();
        Ok(Self {
            frames: Arc::new(frames),
            snapshots: Arc::new(snapshots),
            // Only futures frames carry the transaction time and the chain of ids.
            market: if has_transaction_time {
                Market::Um
            } else {
                Market::Spot
            },
            symbols,
        })
    }

    /// Returns the instant just before the first frame.
    pub fn start(&self) -> UnixMicros {
        self.frames.first().map_or(UnixMicros(0), |f| f.ts.plus(-1))
    }
}

/// Microseconds of a stamp in nanoseconds or, as older recordings have it, microseconds.
const fn stamp_us(stamp: i64) -> i64 {
    // 10^17 ns is 1973; 10^17 us would be the year 5138.
    if stamp >= 100_000_000_000_000_000 {
        stamp / 1_000
    } else {
        stamp
    }
}

/// The venue that replays.
#[derive(Debug)]
pub struct Replay {
    recording: Recording,
}

impl Replay {
    /// Returns the venue of a recording.
    pub const fn new(recording: Recording) -> Self {
        Self { recording }
    }

    fn ws_kind(path: &str) -> Option<(bool, &str)> {
        let rest = ["/public", "/market", "/um", "/spot"]
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix))
            .unwrap_or(path);
        let rest = rest.strip_prefix('/')?;
        let (kind, names) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "stream" => Some((true, names)),
            "ws" => Some((false, names)),
            _ => None,
        }
    }
}

impl VenueHandler for Replay {
    fn name(&self) -> &'static str {
        "binance"
    }

    fn claims(&self, path: &str) -> bool {
        self.is_ws(path)
            || matches!(
                path,
                "/fapi/v1/depth"
                    | "/fapi/v1/time"
                    | "/fapi/v1/ping"
                    | "/api/v3/depth"
                    | "/api/v3/time"
                    | "/api/v3/ping"
            )
    }

    fn is_ws(&self, path: &str) -> bool {
        Self::ws_kind(path).is_some()
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        if request.path.ends_with("/ping") {
            return Response::json(200, "{}");
        }
        if request.path.ends_with("/time") {
            return Response::json(200, format!("{{\"serverTime\":{}}}", cx.now.0 / 1_000));
        }
        let is_spot_path = request.path.starts_with("/api/");
        if is_spot_path != (self.recording.market == Market::Spot) {
            return binance_error(400, -1121, "Invalid symbol.");
        }
        match request.query.get("symbol") {
            None => binance_error(
                400,
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            ),
            Some(symbol) if !self.recording.symbols.iter().any(|s| s == symbol) => {
                binance_error(400, -1121, "Invalid symbol.")
            }
            Some(_) => {
                let known = self.recording.snapshots.iter();
                // The latest one received by now, else the first: whoever syncs buffers until its id comes.
                let latest = known
                    .clone()
                    .take_while(|(ts, _)| *ts <= cx.book_time)
                    .last();
                match latest.or_else(|| self.recording.snapshots.first()) {
                    Some((_, text)) => Response::json(200, text.as_bytes()),
                    None => binance_error(503, -1001, "the recording holds no depth snapshot"),
                }
            }
        }
    }

    fn open(&self, request: &Request<'_>, _: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        let (wraps, names) = Self::ws_kind(request.path).ok_or_else(Response::not_found)?;
        let names = if wraps {
            request.query.get("streams").unwrap_or("")
        } else {
            names
        };
        let streams = names.split('/').filter(|n| !n.is_empty());
        Ok(Box::new(ReplaySession {
            frames: Arc::clone(&self.recording.frames),
            wraps,
            streams: streams.map(str::to_owned).collect(),
            next: None,
        }))
    }
}

/// One socket of a replay.
struct ReplaySession {
    frames: Arc<Vec<Recorded>>,
    wraps: bool,
    streams: Vec<String>,
    /// Index of the next frame; `None` before anything was subscribed.
    next: Option<usize>,
}

impl ReplaySession {
    fn begin(&mut self, now: UnixMicros) {
        if self.next.is_none() && !self.streams.is_empty() {
            self.next = Some(self.frames.partition_point(|f| f.ts <= now));
        }
    }
}

impl Session for ReplaySession {
    fn on_open(&mut self, cx: &mut WsCx<'_>) {
        self.begin(cx.now);
    }

    fn on_text(&mut self, text: &str, cx: &mut WsCx<'_>) {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let names: Vec<String> = value
            .get("params")
            .and_then(Value::as_array)
            .map(|list| {
                let names = list.iter().filter_map(Value::as_str);
                names.map(str::to_owned).collect()
            })
            .unwrap_or_default();
        match value.get("method").and_then(Value::as_str) {
            Some("SUBSCRIBE") => {
                for name in names {
                    if !self.streams.contains(&name) {
                        self.streams.push(name);
                    }
                }
                self.begin(cx.now);
            }
            Some("UNSUBSCRIBE") => self.streams.retain(|s| !names.contains(s)),
            _ => {
                let error =
                    serde_json::json!({"error": {"code": 2, "msg": "Invalid request"}, "id": id});
                cx.control(error.to_string());
                return;
            }
        }
        cx.control(serde_json::json!({"result": null, "id": id}).to_string());
    }

    fn on_advance(&mut self, cx: &mut WsCx<'_>) {
        let Some(next) = &mut self.next else {
            return;
        };
        while let Some(frame) = self.frames.get(*next).filter(|f| f.ts <= cx.now) {
            *next += 1;
            if !self.streams.iter().any(|s| **s == *frame.stream) {
                continue;
            }
            let text = if self.wraps {
                frame.text.to_string()
            } else {
                frame.text[frame.data.clone()].to_owned()
            };
            cx.out.frame(Frame {
                ts: frame.ts,
                stream: Arc::clone(&frame.stream),
                kind: FrameKind::Data,
                text,
            });
        }
    }

    fn is_active(&self) -> bool {
        self.next.is_some_and(|next| next < self.frames.len()) && !self.streams.is_empty()
    }
}
