//! An OKX socket: text ping and pong, requests with one answer per argument, and the rules of the connection.

use std::sync::Arc;

use quant_lake::venues::okx::encode::live::{ChannelArg, push_ack, push_error};
use serde_json::Value;

use super::streams::{self, Channel};
use super::{Listed, find};
use crate::mock::player::Player;
use crate::mock::venue::{Session, WsCx};

/// The connection ends when nothing was pushed and nothing was heard for this long.
const SILENCE_MS: i64 = 30_000;
/// Most subscribe, unsubscribe and login requests of a connection per hour.
const REQUESTS_PER_HOUR: u32 = 480;
/// One hour.
const HOUR_MS: i64 = 3_600_000;

/// Which channels a path carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Public,
    Business,
}

impl Socket {
    /// Returns the socket of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.trim_end_matches('/') {
            "/ws/v5/public" => Some(Self::Public),
            "/ws/v5/business" => Some(Self::Business),
            _ => None,
        }
    }
}

/// The state of one socket.
pub(super) struct OkxSession {
    listed: Arc<Vec<Arc<Listed>>>,
    socket: Socket,
    conn_id: String,
    player: Player,
    /// Connection time of the last push or text of the client.
    alive_ms: i64,
    hour: i64,
    requests: u32,
}

impl OkxSession {
    pub(super) fn new(
        listed: Arc<Vec<Arc<Listed>>>,
        socket: Socket,
        conn_id: String,
        conn_ms: i64,
    ) -> Self {
        Self {
            listed,
            socket,
            conn_id,
            player: Player::new(),
            alive_ms: conn_ms,
            hour: i64::MIN,
            requests: 0,
        }
    }

    fn refuse(&self, id: Option<&str>, code: &str, message: &str, cx: &mut WsCx<'_>) {
        let mut out = Vec::with_capacity(160);
        push_error(&mut out, id, code, message, &self.conn_id);
        cx.control(String::from_utf8_lossy(&out));
    }

    fn ack(&self, event: &str, id: Option<&str>, arg: &ChannelArg, cx: &mut WsCx<'_>) {
        let mut out = Vec::with_capacity(160);
        push_ack(&mut out, event, id, arg, &self.conn_id);
        cx.control(String::from_utf8_lossy(&out));
    }

    /// Counts a request against the hour's limit.
    fn may_request(&mut self, conn_ms: i64) -> bool {
        let hour = conn_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.hour = hour;
            self.requests = 0;
        }
        self.requests += 1;
        self.requests <= REQUESTS_PER_HOUR
    }

    fn subscribe(&mut self, id: Option<&str>, arg: &ChannelArg, cx: &mut WsCx<'_>) {
        let channel = Channel::parse(&arg.channel, self.socket);
        // Liquidations are asked for by kind of instrument, all others by instrument.
        let wanted: Vec<Arc<Listed>> = match (&channel, &arg.inst_id, &arg.inst_type) {
            (Some(Channel::Liquidations), _, Some(kind)) => self
                .listed
                .iter()
                .filter(|l| l.terms.inst_type.name() == kind)
                .map(Arc::clone)
                .collect(),
            (Some(_), Some(inst_id), _) => find(&self.listed, inst_id)
                .into_iter()
                .map(Arc::clone)
                .collect(),
            _ => Vec::new(),
        };
        let (Some(channel), false) = (channel, wanted.is_empty()) else {
            let name = arg
                .inst_id
                .as_ref()
                .or(arg.inst_type.as_ref())
                .map_or("", String::as_str);
            let message = format!(
                "Wrong URL or channel:{},instId:{name} doesn't exist. Please use the correct URL, channel and parameters referring to API document.",
                arg.channel
            );
            return self.refuse(id, "60018", &message, cx);
        };
        self.ack("subscribe", id, arg, cx);
        // What is due of older streams goes before the first frames of the new one.
        self.player.advance(cx);
        for listed in wanted {
            let key: Arc<str> = format!("{}:{}", arg.channel, listed.terms.inst_id).into();
            if self.player.has(&key) {
                continue;
            }
            let Some((first, source)) = streams::start(&channel, &listed, &key, cx.now) else {
                continue;
            };
            if let Some(first) = first {
                cx.out.frame(first);
            }
            let instrument = Arc::clone(&listed.instrument);
            self.player.subscribe(key, instrument, source, cx.now);
        }
    }

    fn unsubscribe(&mut self, id: Option<&str>, arg: &ChannelArg, cx: &mut WsCx<'_>) {
        let prefix = format!("{}:", arg.channel);
        let keys: Vec<Arc<str>> = self
            .player
            .keys()
            .filter(|key| {
                let of = key.strip_prefix(prefix.as_str());
                of.is_some_and(|of| arg.inst_id.as_deref().is_none_or(|wanted| wanted == of))
            })
            .map(Arc::clone)
            .collect();
        for key in keys {
            self.player.unsubscribe(&key);
        }
        self.ack("unsubscribe", id, arg, cx);
    }
}

/// Returns one argument of a request.
fn channel_arg(value: &Value) -> Option<ChannelArg> {
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(ChannelArg {
        channel: field("channel")?,
        inst_id: field("instId"),
        inst_type: field("instType"),
    })
}

impl Session for OkxSession {
    fn on_text(&mut self, text: &str, cx: &mut WsCx<'_>) {
        self.alive_ms = cx.conn_ms;
        if text == "ping" {
            return cx.control("pong");
        }
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let id = value.get("id").and_then(Value::as_str);
        let op = value.get("op").and_then(Value::as_str).unwrap_or("");
        let args = value.get("args").and_then(Value::as_array);
        let args: Option<Vec<ChannelArg>> =
            args.and_then(|args| args.iter().map(channel_arg).collect());
        let (true, Some(args)) = (matches!(op, "subscribe" | "unsubscribe"), args) else {
            return self.refuse(id, "60012", &format!("Invalid request: {text}"), cx);
        };
        if !self.may_request(cx.conn_ms) {
            return self.refuse(id, "60014", "Requests too frequent", cx);
        }
        for arg in &args {
            if op == "subscribe" {
                self.subscribe(id, arg, cx);
            } else {
                self.unsubscribe(id, arg, cx);
            }
        }
    }

    fn on_advance(&mut self, cx: &mut WsCx<'_>) {
        let before = cx.out.frames.len();
        self.player.advance(cx);
        if cx.out.frames.len() > before {
            self.alive_ms = cx.conn_ms;
        }
        if self.player.lagged() {
            cx.close(1008, "disconnected: too slow");
        }
    }

    fn on_tick(&mut self, cx: &mut WsCx<'_>) {
        if cx.conn_ms - self.alive_ms > SILENCE_MS {
            cx.close(4004, "No data received in 30s.");
        }
    }

    fn is_active(&self) -> bool {
        !self.player.is_empty()
    }
}
