//! The YAML of a fault plan, checked strictly: an unknown fault, key or value is an error that lists the known ones.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::mock::venue::FrameKind;

/// Largest plan file.
const MAX_BYTES: u64 = 1 << 20;

/// Why a plan is refused.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The file cannot be read.
    #[error("cannot read fault plan `{}`: {source}\nhint: give an existing YAML file with `--faults FILE`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any plan.
    #[error("fault plan `{}` has {bytes} bytes, more than {MAX_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Not YAML.
    #[error("fault plan is not valid YAML: {message}")]
    NotYaml {
        /// The parser's words.
        message: String,
    },
    /// Something that should be a mapping is not.
    #[error(
        "{at} is not a mapping\nhint: a plan is `seed: 1` and `faults: [{{kind: gap, match: {{stream: \"*@depth*\"}}, at: {{frame: 100}}, params: {{count: 2}}}}]`"
    )]
    NotAMapping {
        /// Where.
        at: String,
    },
    /// A kind that does not exist.
    #[error("{at}: unknown fault `{found}`\nhint: known faults: {known}")]
    UnknownFault {
        /// Where.
        at: String,
        /// The text.
        found: String,
        /// All kinds.
        known: String,
    },
    /// A key that does not exist here.
    #[error("{at}: unknown key `{found}`\nhint: known keys: {known}")]
    UnknownKey {
        /// Where.
        at: String,
        /// The key.
        found: String,
        /// All keys that are allowed here.
        known: String,
    },
    /// A key that must be there.
    #[error("{at}: `{key}` is missing")]
    Missing {
        /// Where.
        at: String,
        /// The key.
        key: &'static str,
    },
    /// A value of another type or range.
    #[error("{at}: `{key}` is {found}; expected {expected}")]
    BadValue {
        /// Where.
        at: String,
        /// The key.
        key: &'static str,
        /// The value as JSON.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
}

/// When a fault fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// On the n-th match, counted from 1, and on those after it while `times` allows; or on every so many.
    Ordinal {
        /// First match it fires on.
        nth: u64,
        /// Distance of further firings.
        every: Option<u64>,
    },
    /// On the first matches at or after this much simulated time.
    Time {
        /// Microseconds after the clock's start.
        after_us: i64,
    },
    /// On each match with this probability.
    Probability {
        /// 0 to 1.
        p: f64,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The connection ends: with a close frame if there is a code, else without a word. The frame is lost.
    Disconnect {
        /// Close code.
        code: Option<u16>,
    },
    /// Frames of the stream are lost, this one first.
    Gap {
        /// How many.
        count: u64,
    },
    /// The frame is sent again.
    Duplicate {
        /// How many extra copies.
        copies: u64,
    },
    /// The frame leaves after later frames of its stream.
    Reorder {
        /// After how many.
        distance: u64,
    },
    /// A snapshot comes late: a snapshot frame after increments, a REST snapshot held back and older than now.
    LateSnapshot {
        /// How much later it is delivered, simulated milliseconds.
        delay_ms: u64,
        /// How much older its state is (REST), simulated milliseconds.
        stale_ms: u64,
    },
    /// The socket stays open and answers, but market frames are lost.
    Silent {
        /// How long, simulated milliseconds; `None`: for ever.
        for_ms: Option<u64>,
    },
    /// Nothing is delivered for a while, then everything at once.
    Freeze {
        /// How long, simulated milliseconds.
        for_ms: u64,
    },
    /// The server forgets the socket without closing it: it reads nothing and sends nothing any more.
    HalfOpen,
    /// A status instead of the answer.
    Status {
        /// Name of the kind.
        kind: &'static str,
        /// HTTP status.
        status: u16,
        /// `Retry-After`, verbatim.
        retry_after: Option<String>,
        /// Body; `None`: what the venue would write.
        body: Option<String>,
    },
    /// Fewer bytes than `Content-Length` says, then the connection ends.
    ShortBody {
        /// Share of the body that is sent.
        keep: f64,
    },
    /// A chunked body that ends without its last chunk.
    CutChunked {
        /// Share of the body that is sent.
        keep: f64,
    },
    /// A shorter body under a consistent length: a file or JSON cut short.
    Truncate {
        /// Share of the body that is kept.
        keep: f64,
    },
    /// The body trickles.
    SlowBody {
        /// Bytes per second of wall time.
        bytes_per_s: u64,
    },
    /// The answer begins late.
    Stall {
        /// How late, milliseconds of wall time.
        for_ms: u64,
    },
    /// One byte of the body differs.
    Corrupt {
        /// Position of the byte as a share of the body.
        position: f64,
    },
}

const FRAME_KINDS: [&str; 8] = [
    "disconnect",
    "gap",
    "duplicate",
    "reorder",
    "late_snapshot",
    "silent",
    "freeze",
    "half_open",
];
const HTTP_KINDS: [&str; 11] = [
    "http_429",
    "http_418",
    "http_403",
    "http_5xx",
    "http_html",
    "short_body",
    "cut_chunked",
    "truncate",
    "slow_body",
    "stall",
    "corrupt",
];

impl Action {
    /// Returns the name in a plan.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Disconnect { .. } => "disconnect",
            Self::Gap { .. } => "gap",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::LateSnapshot { .. } => "late_snapshot",
            Self::Silent { .. } => "silent",
            Self::Freeze { .. } => "freeze",
            Self::HalfOpen => "half_open",
            Self::Status { kind, .. } => kind,
            Self::ShortBody { .. } => "short_body",
            Self::CutChunked { .. } => "cut_chunked",
            Self::Truncate { .. } => "truncate",
            Self::SlowBody { .. } => "slow_body",
            Self::Stall { .. } => "stall",
            Self::Corrupt { .. } => "corrupt",
        }
    }

    /// Returns whether it can hit a frame of this kind.
    pub fn is_for_frames(&self, kind: FrameKind) -> bool {
        match self {
            Self::LateSnapshot { .. } => kind == FrameKind::Snapshot,
            _ => FRAME_KINDS.contains(&self.kind()),
        }
    }

    /// Returns whether it can hit a request of this path: late snapshots only hit routes that answer with a book.
    pub fn is_for_requests(&self, path: &str) -> bool {
        match self {
            Self::LateSnapshot { .. } => ["depth", "books", "books-full", "orderbook"]
                .iter()
                .any(|name| path.rsplit('/').next() == Some(name)),
            _ => HTTP_KINDS.contains(&self.kind()),
        }
    }
}

/// One entry of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub action: Action,
    /// Glob of the venue; `None`: any.
    pub venue: Option<String>,
    /// Glob of the path of the request or socket; `None`: any.
    pub path: Option<String>,
    /// Glob of the stream; `None`: any.
    pub stream: Option<String>,
    /// When.
    pub at: At,
    /// How often at most; `None`: without limit.
    pub times: Option<u64>,
}

/// A whole plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Seed of the probabilities.
    pub seed: u64,
    /// Faults in order; the first that fires on a frame decides.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// Reads a plan file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, FaultError> {
        let unreadable = |source| FaultError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_BYTES {
            return Err(FaultError::TooLarge {
                path: path.to_owned(),
                bytes,
            });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Returns the plan of a YAML (or JSON) text.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FaultError> {
        let value: Value = serde_saphyr::from_str(text).map_err(|e| FaultError::NotYaml {
            message: e.to_string(),
        })?;
        let top = Keys::new(&value, "fault plan", &["seed", "faults"])?;
        let seed = top.whole("seed", 0, u64::MAX)?.unwrap_or(0);
        let list = match top.map.get("faults") {
            None => return Err(top.missing("faults")),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(top.bad("faults", "a list")),
        };
        let faults = list
            .iter()
            .enumerate()
            .map(|(index, value)| fault(value, index));
        Ok(Self {
            seed,
            faults: faults.collect::<Result<_, _>>()?,
        })
    }
}

fn fault(value: &Value, index: usize) -> Result<Fault, FaultError> {
    let at = format!("fault {index}");
    let keys = Keys::new(value, &at, &["kind", "match", "at", "times", "params"])?;
    let kind = keys.text("kind")?.ok_or_else(|| keys.missing("kind"))?;
    let empty = Value::Object(Map::new());
    let params = keys.map.get("params").unwrap_or(&empty);
    let action = action(&kind, params, &at)?;
    let known: &[&str] = match (
        FRAME_KINDS.contains(&kind.as_str()),
        HTTP_KINDS.contains(&kind.as_str()),
    ) {
        (true, _) => &["venue", "path", "stream"],
        _ => &["venue", "path"],
    };
    let target = Keys::new(
        keys.map.get("match").unwrap_or(&empty),
        &format!("{at} match"),
        known,
    )?;
    let when = keys.map.get("at").ok_or_else(|| keys.missing("at"))?;
    let when = moment(when, &at)?;
    let times = keys.whole("times", 1, u64::MAX)?;
    Ok(Fault {
        venue: target.text("venue")?,
        path: target.text("path")?,
        stream: target.text("stream")?,
        times: match when {
            // Something planned for one moment happens once unless it says otherwise.
            At::Ordinal { every: None, .. } | At::Time { .. } => Some(times.unwrap_or(1)),
            At::Ordinal { .. } | At::Probability { .. } => times,
        },
        at: when,
        action,
    })
}

fn moment(value: &Value, at: &str) -> Result<At, FaultError> {
    let at = format!("{at} at");
    let keys = Keys::new(
        value,
        &at,
        &["frame", "request", "every", "time_ms", "probability"],
    )?;
    let nth = match keys.whole("frame", 1, u64::MAX)? {
        None => keys.whole("request", 1, u64::MAX)?,
        some => some,
    };
    let every = keys.whole("every", 1, u64::MAX)?;
    let time = keys.whole("time_ms", 0, 1 << 50)?;
    let p = keys.number("probability", 0.0, 1.0)?;
    match (nth, every, time, p) {
        (None, None, Some(ms), None) => Ok(At::Time {
            after_us: i64::try_from(ms).unwrap_or(i64::MAX / 1_000) * 1_000,
        }),
        (None, None, None, Some(p)) => Ok(At::Probability { p }),
        (Some(nth), every, None, None) => Ok(At::Ordinal { nth, every }),
        (None, Some(every), None, None) => Ok(At::Ordinal {
            nth: every,
            every: Some(every),
        }),
        _ => Err(FaultError::BadValue {
            at,
            key: "at",
            found: value.to_string(),
            expected: "exactly one of `frame`/`request` (with or without `every`), `time_ms`, `probability`",
        }),
    }
}

fn action(kind: &str, params: &Value, at: &str) -> Result<Action, FaultError> {
    let known: &[&str] = match kind {
        "disconnect" => &["code"],
        "gap" => &["count"],
        "duplicate" => &["copies"],
        "reorder" => &["distance"],
        "late_snapshot" => &["delay_ms", "stale_ms"],
        "silent" | "freeze" | "stall" => &["for_ms"],
        "http_429" | "http_418" => &["retry_after", "body"],
        "http_5xx" => &["status", "retry_after", "body"],
        "http_403" | "http_html" => &["body"],
        "short_body" | "cut_chunked" | "truncate" => &["keep"],
        "slow_body" => &["bytes_per_s"],
        "corrupt" => &["position"],
        "half_open" => &[],
        _ => {
            return Err(FaultError::UnknownFault {
                at: at.to_owned(),
                found: kind.to_owned(),
                known: [FRAME_KINDS.as_slice(), HTTP_KINDS.as_slice()]
                    .concat()
                    .join(", "),
            });
        }
    };
    let keys = Keys::new(params, &format!("{at} params"), known)?;
    let count = |key, default| keys.whole(key, 1, 1_000_000).map(|n| n.unwrap_or(default));
    let millis = |key| keys.whole(key, 0, 86_400_000);
    let share = || keys.number("keep", 0.0, 1.0).map(|x| x.unwrap_or(0.5));
    let status = |kind, status| -> Result<Action, FaultError> {
        // Venues say when to come back with 429 and 418; an empty text leaves the header out.
        let usual = [429, 418].contains(&status).then(|| "1".to_owned());
        Ok(Action::Status {
            kind,
            status,
            retry_after: keys
                .text_or_number("retry_after")?
                .or(usual)
                .filter(|text| !text.is_empty()),
            body: keys.text("body")?,
        })
    };
    Ok(match kind {
        "disconnect" => Action::Disconnect {
            code: keys
                .whole("code", 1_000, 4_999)?
                .and_then(|code| u16::try_from(code).ok()),
        },
        "gap" => Action::Gap {
            count: count("count", 1)?,
        },
        "duplicate" => Action::Duplicate {
            copies: count("copies", 1)?,
        },
        "reorder" => Action::Reorder {
            distance: count("distance", 1)?,
        },
        "late_snapshot" => Action::LateSnapshot {
            delay_ms: millis("delay_ms")?.unwrap_or(1_000),
            stale_ms: millis("stale_ms")?.unwrap_or(0),
        },
        "silent" => Action::Silent {
            for_ms: millis("for_ms")?,
        },
        "freeze" => Action::Freeze {
            for_ms: millis("for_ms")?.unwrap_or(1_000),
        },
        "http_429" => status("http_429", 429)?,
        "http_418" => status("http_418", 418)?,
        "http_403" => status("http_403", 403)?,
        "http_html" => status("http_html", 200)?,
        "http_5xx" => {
            let code = keys.whole("status", 500, 599)?.unwrap_or(503);
            status("http_5xx", u16::try_from(code).unwrap_or(503))?
        }
        "short_body" => Action::ShortBody { keep: share()? },
        "cut_chunked" => Action::CutChunked { keep: share()? },
        "truncate" => Action::Truncate { keep: share()? },
        "slow_body" => Action::SlowBody {
            bytes_per_s: count("bytes_per_s", 1_000)?,
        },
        "stall" => Action::Stall {
            for_ms: millis("for_ms")?.unwrap_or(1_000),
        },
        "corrupt" => Action::Corrupt {
            position: keys.number("position", 0.0, 1.0)?.unwrap_or(0.5),
        },
        // The list of known keys above refuses everything else.
        _ => Action::HalfOpen,
    })
}

/// A mapping whose keys are all known.
struct Keys<'a> {
    at: String,
    map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    fn new(value: &'a Value, at: &str, known: &[&str]) -> Result<Self, FaultError> {
        let Value::Object(map) = value else {
            return Err(FaultError::NotAMapping { at: at.to_owned() });
        };
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(FaultError::UnknownKey {
                at: at.to_owned(),
                found: key.clone(),
                known: if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                },
            }),
            None => Ok(Self {
                at: at.to_owned(),
                map,
            }),
        }
    }

    fn missing(&self, key: &'static str) -> FaultError {
        FaultError::Missing {
            at: self.at.clone(),
            key,
        }
    }

    fn bad(&self, key: &'static str, expected: &'static str) -> FaultError {
        FaultError::BadValue {
            at: self.at.clone(),
            key,
            found: self.map.get(key).unwrap_or(&Value::Null).to_string(),
            expected,
        }
    }

    fn whole(&self, key: &'static str, low: u64, high: u64) -> Result<Option<u64>, FaultError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .filter(|n| (low..=high).contains(n))
                .map(Some)
                .ok_or_else(|| {
                    self.bad(
                        key,
                        "a whole number, at least 1 where it counts frames, requests or copies",
                    )
                }),
        }
    }

    fn number(&self, key: &'static str, low: f64, high: f64) -> Result<Option<f64>, FaultError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|n| (low..=high).contains(n))
                .map(Some)
                .ok_or_else(|| self.bad(key, "a number from 0 to 1")),
        }
    }

    fn text(&self, key: &'static str) -> Result<Option<String>, FaultError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.bad(key, "a text")),
        }
    }

    fn text_or_number(&self, key: &'static str) -> Result<Option<String>, FaultError> {
        match self.map.get(key) {
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            _ => self.text(key),
        }
    }
}
