//! A Bybit socket: requests, heartbeats and the rules of the connection.

use std::sync::Arc;

use quant_lake::venues::bybit::encode::Category;
use quant_lake::venues::bybit::encode::live::{push_ack, push_pong};
use serde_json::Value;

use super::streams::{self, Topic};
use super::{Listed, find};
use crate::mock::player::Player;
use crate::mock::venue::{Session, WsCx};

/// Silence of the client after which the venue cuts the connection.
const SILENCE_MS: i64 = 600_000;
/// Most arguments of one request on spot.
const SPOT_ARGS: usize = 10;
/// Most characters of all arguments of a connection.
const ARGS_CHARS: usize = 21_000;

/// The state of one socket.
pub(super) struct BybitSession {
    listed: Arc<Vec<Arc<Listed>>>,
    category: Category,
    conn_id: String,
    player: Player,
    /// Characters of all topics subscribed.
    chars: usize,
    heard_ms: i64,
}

impl BybitSession {
    pub(super) fn new(
        listed: Arc<Vec<Arc<Listed>>>,
        category: Category,
        conn_id: String,
        conn_ms: i64,
    ) -> Self {
        Self {
            listed,
            category,
            conn_id,
            player: Player::new(),
            chars: 0,
            heard_ms: conn_ms,
        }
    }

    fn ack(&self, op: &str, req_id: &str, fault: Option<&str>, cx: &mut WsCx<'_>) {
        let mut out = Vec::with_capacity(128);
        push_ack(&mut out, self.category, op, req_id, &self.conn_id, fault);
        cx.control(String::from_utf8_lossy(&out));
    }

    /// Checks all topics of a request before any is subscribed: one unknown topic refuses the request.
    fn subscribe(&mut self, args: &[&str], cx: &mut WsCx<'_>) -> Result<(), String> {
        if self.category == Category::Spot && args.len() > SPOT_ARGS {
            return Err(format!("args size >{SPOT_ARGS}"));
        }
        let chars: usize = args.iter().map(|arg| arg.len()).sum();
        if self.chars + chars > ARGS_CHARS {
            return Err("args length is over the limit".to_owned());
        }
        let mut topics = Vec::with_capacity(args.len());
        for arg in args {
            let known = Topic::parse(arg, self.category).and_then(|(topic, symbol)| {
                Some((topic, find(&self.listed, self.category, symbol)?))
            });
            let Some((topic, listed)) = known else {
                return Err(format!("error:handler not found,topic:{arg}"));
            };
            topics.push((*arg, topic, Arc::clone(listed)));
        }
        // What is due of older streams goes before the first frames of the new ones.
        self.player.advance(cx);
        for (arg, topic, listed) in topics {
            if self.player.has(arg) {
                continue;
            }
            let key: Arc<str> = arg.into();
            let Some((first, source)) = streams::start(topic, &listed, &key, cx.now) else {
                return Err(format!("error:no data,topic:{arg}"));
            };
            self.chars += arg.len();
            if let Some(first) = first {
                cx.out.frame(first);
            }
            let instrument = Arc::clone(&listed.instrument);
            self.player.subscribe(key, instrument, source, cx.now);
        }
        Ok(())
    }
}

impl Session for BybitSession {
    fn on_text(&mut self, text: &str, cx: &mut WsCx<'_>) {
        self.heard_ms = cx.conn_ms;
        let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("");
        let (op, req_id) = (field("op"), field("req_id"));
        let args: Option<Vec<&str>> = value
            .get("args")
            .and_then(Value::as_array)
            .and_then(|args| args.iter().map(Value::as_str).collect());
        match (op, args) {
            ("ping", _) => {
                let mut out = Vec::with_capacity(128);
                push_pong(&mut out, req_id, &self.conn_id);
                cx.control(String::from_utf8_lossy(&out));
            }
            ("subscribe", Some(args)) => {
                let done = self.subscribe(&args, cx);
                self.ack(op, req_id, done.err().as_deref(), cx);
            }
            ("unsubscribe", Some(args)) => {
                for arg in args {
                    if self.player.unsubscribe(arg) {
                        self.chars -= arg.len();
                    }
                }
                self.ack(op, req_id, None, cx);
            }
            ("subscribe" | "unsubscribe", None) => {
                self.ack(op, req_id, Some("args are missing or not texts"), cx);
            }
            _ => self.ack(op, req_id, Some("unknown operation"), cx),
        }
    }

    fn on_advance(&mut self, cx: &mut WsCx<'_>) {
        self.player.advance(cx);
        if self.player.lagged() {
            cx.close(1008, "disconnected: too slow");
        }
    }

    fn on_tick(&mut self, cx: &mut WsCx<'_>) {
        if cx.conn_ms - self.heard_ms > SILENCE_MS {
            cx.close(1008, "no heartbeat for ten minutes");
        }
    }

    fn is_active(&self) -> bool {
        !self.player.is_empty()
    }
}
