//! A Binance socket: routes, envelopes, subscriptions, and the rules of the connection.
//!
//! Since 2026 USD-M has two routes: `/public` carries book streams, `/market` everything else, and the retired unrouted
//! paths still take any subscription but deliver book streams only. A stream on the wrong route is accepted and silent.

use std::sync::Arc;

use quant_core::market::Market;
use serde_json::{Value, json};

use super::Listed;
use super::streams::{self, Kind};
use crate::mock::player::Player;
use crate::mock::venue::{Request, RestCx, Session, WsCx};

/// Life of a connection.
const LIFE_MS: i64 = 24 * 3_600_000;
/// Most streams of a connection.
const MAX_STREAMS: usize = 1_024;

/// Which streams a path carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Book,
    Market,
    All,
}

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) market: Market,
    pub(super) carries: Carries,
    /// `/stream` wraps every frame, `/ws` none.
    pub(super) wraps: bool,
}

impl Route {
    /// Returns the route of a path; bare `/ws` and `/stream` are spot unless the host is the futures host.
    pub(super) fn of(path: &str, host: &str) -> Option<Self> {
        let (market, carries, rest) = if let Some(rest) = path.strip_prefix("/public") {
            (Market::Um, Carries::Book, rest)
        } else if let Some(rest) = path.strip_prefix("/market") {
            (Market::Um, Carries::Market, rest)
        } else if let Some(rest) = path.strip_prefix("/um") {
            match Self::of(rest, "") {
                Some(route) if route.market == Market::Um => return Some(route),
                _ => (Market::Um, Carries::Book, rest),
            }
        } else if let Some(rest) = path.strip_prefix("/spot") {
            (Market::Spot, Carries::All, rest)
        } else if host.starts_with("fstream") {
            (Market::Um, Carries::Book, path)
        } else {
            (Market::Spot, Carries::All, path)
        };
        let mut parts = rest.split('/');
        let wraps = match (parts.next(), parts.next(), parts.next()) {
            // `/ws/v5/...` is another venue's.
            (Some(""), Some("ws"), Some("v5")) => return None,
            (Some(""), Some("stream"), _) => true,
            (Some(""), Some("ws"), _) => false,
            _ => return None,
        };
        Some(Self {
            market,
            carries,
            wraps,
        })
    }

    const fn delivers(self, kind: Kind) -> bool {
        match self.carries {
            Carries::All => true,
            Carries::Book => kind.is_book(),
            Carries::Market => !kind.is_book(),
        }
    }

    /// Milliseconds between server pings, and without a pong until the connection is cut.
    const fn ping_ms(self) -> (i64, i64) {
        match self.market {
            Market::Spot => (20_000, 60_000),
            _ => (180_000, 600_000),
        }
    }

    /// Control messages a client may send per second.
    const fn controls_per_s(self) -> u32 {
        match self.market {
            Market::Spot => 5,
            _ => 10,
        }
    }
}

/// The state of one socket.
pub(super) struct BinanceSession {
    listed: Arc<Vec<Arc<Listed>>>,
    route: Route,
    wraps: bool,
    player: Player,
    /// Everything subscribed, silent streams included.
    streams: Vec<Arc<str>>,
    asked_in_url: Vec<String>,
    opened_ms: i64,
    pinged_ms: i64,
    ponged_ms: i64,
    second: i64,
    controls: u32,
}

impl BinanceSession {
    pub(super) fn new(
        listed: Arc<Vec<Arc<Listed>>>,
        route: Route,
        request: &Request<'_>,
        cx: &RestCx<'_>,
    ) -> Self {
        let names = if route.wraps {
            request.query.get("streams").unwrap_or("").to_owned()
        } else {
            let after = request.path.split_once("/ws").map_or("", |(_, rest)| rest);
            after.trim_matches('/').to_owned()
        };
        Self {
            listed,
            route,
            wraps: route.wraps,
            player: Player::new(),
            streams: Vec::new(),
            // The separator is `/`; anything else is part of a name that no stream has.
            asked_in_url: names
                .split('/')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            opened_ms: cx.conn_ms,
            pinged_ms: cx.conn_ms,
            ponged_ms: cx.conn_ms,
            second: i64::MIN,
            controls: 0,
        }
    }

    fn subscribe(&mut self, name: &str, cx: &WsCx<'_>) {
        if self.streams.iter().any(|s| **s == *name) {
            return;
        }
        let key: Arc<str> = name.into();
        self.streams.push(Arc::clone(&key));
        // Names are lower-case; an unknown name is accepted and never delivers anything.
        let Some((symbol, rest)) = name.split_once('@') else {
            return;
        };
        let listed = self.listed.iter().find(|l| {
            l.market == self.route.market && l.symbol.as_str().to_ascii_lowercase() == symbol
        });
        let kind = Kind::parse(rest, self.route.market).filter(|kind| self.route.delivers(*kind));
        if let (Some(listed), Some(kind)) = (listed, kind) {
            let source = streams::source(kind, Arc::clone(listed), Arc::clone(&key), self.wraps);
            self.player
                .subscribe(key, Arc::clone(&listed.instrument), source, cx.now);
        }
    }

    fn unsubscribe(&mut self, name: &str) {
        self.streams.retain(|s| **s != *name);
        self.player.unsubscribe(name);
    }

    /// Returns whether the client may send one more control message in this second.
    fn may_control(&mut self, conn_ms: i64) -> bool {
        let second = conn_ms.div_euclid(1_000);
        if second != self.second {
            self.second = second;
            self.controls = 0;
        }
        self.controls += 1;
        self.controls <= self.route.controls_per_s()
    }

    fn command(&mut self, value: &Value, cx: &WsCx<'_>) -> Value {
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let refuse = |code: i32, msg: &str| json!({"error": {"code": code, "msg": msg}, "id": id});
        if !(id.is_null() || id.is_u64() || id.is_i64() || id.is_string()) {
            return refuse(2, "Invalid request: request ID must be an unsigned integer");
        }
        let names = || -> Option<Vec<&str>> {
            let params = value.get("params")?.as_array()?;
            params.iter().map(Value::as_str).collect()
        };
        match value.get("method").and_then(Value::as_str) {
            Some(method @ ("SUBSCRIBE" | "UNSUBSCRIBE")) => {
                let Some(names) = names() else {
                    return refuse(2, "Invalid request: params must be an array of strings");
                };
                if method == "UNSUBSCRIBE" {
                    for name in names {
                        self.unsubscribe(name);
                    }
                } else if self.streams.len() + names.len() > MAX_STREAMS {
                    return refuse(2, "Invalid request: too many streams");
                } else {
                    for name in names {
                        self.subscribe(name, cx);
                    }
                }
                json!({"result": null, "id": id})
            }
            Some("LIST_SUBSCRIPTIONS") => {
                let names: Vec<&str> = self.streams.iter().map(|s| &**s).collect();
                json!({"result": names, "id": id})
            }
            Some("GET_PROPERTY") => json!({"result": self.wraps, "id": id}),
            Some("SET_PROPERTY") => {
                match value
                    .get("params")
                    .and_then(Value::as_array)
                    .map(Vec::as_slice)
                {
                    Some([Value::String(name), Value::Bool(on)]) if name == "combined" => {
                        self.rewrap(*on, cx);
                        json!({"result": null, "id": id})
                    }
                    Some([Value::String(_), Value::Bool(_)]) => refuse(0, "Unknown property"),
                    _ => refuse(1, "Invalid value type: expected Boolean"),
                }
            }
            Some(other) => refuse(
                2,
                &format!(
                    "Invalid request: unknown variant {other}, expected one of SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"
                ),
            ),
            None => refuse(2, "Invalid request: missing field `method`"),
        }
    }

    /// Changes the envelope of everything subscribed from now on and before.
    fn rewrap(&mut self, wraps: bool, cx: &WsCx<'_>) {
        if self.wraps == wraps {
            return;
        }
        self.wraps = wraps;
        for name in core::mem::take(&mut self.streams) {
            self.player.unsubscribe(&name);
            self.subscribe(&name, cx);
        }
    }
}

impl Session for BinanceSession {
    fn on_open(&mut self, cx: &mut WsCx<'_>) {
        let mut names = core::mem::take(&mut self.asked_in_url);
        names.truncate(MAX_STREAMS);
        for name in &names {
            self.subscribe(name, cx);
        }
    }

    fn on_text(&mut self, text: &str, cx: &mut WsCx<'_>) {
        if !self.may_control(cx.conn_ms) {
            cx.close(1008, "Too many requests");
            return;
        }
        let answer = match serde_json::from_str::<Value>(text) {
            Ok(value) => self.command(&value, cx),
            Err(error) => json!({"error": {"code": 3, "msg": format!("Invalid JSON: {error}")}}),
        };
        cx.control(answer.to_string());
    }

    fn on_pong(&mut self, _payload: &[u8], cx: &mut WsCx<'_>) {
        self.ponged_ms = cx.conn_ms;
    }

    fn on_advance(&mut self, cx: &mut WsCx<'_>) {
        self.player.advance(cx);
        if self.player.lagged() {
            cx.close(1008, "disconnected: too slow");
        }
    }

    fn on_tick(&mut self, cx: &mut WsCx<'_>) {
        let (every, patience) = self.route.ping_ms();
        if cx.conn_ms - self.opened_ms >= LIFE_MS {
            if self.route.market == Market::Spot {
                let e = cx.now.0 / 1_000;
                cx.control(json!({"e": "serverShutdown", "E": e}).to_string());
            }
            cx.close(1001, "24 hours are over");
        } else if cx.conn_ms - self.ponged_ms > patience && self.pinged_ms > self.ponged_ms {
            cx.close(1008, "Pong timeout");
        } else if cx.conn_ms - self.pinged_ms >= every {
            self.pinged_ms = cx.conn_ms;
            cx.ping((cx.now.0 / 1_000).to_string().as_bytes());
        }
    }

    fn is_active(&self) -> bool {
        !self.player.is_empty()
    }
}
