//! The control endpoint `/_mock/*`: what was served, faults added while it runs, and the clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::{ClockStatus, Speed};
use super::counters::Counts;
use super::faults::{FaultStatus, Firing, Plan};
use super::server::Server;
use super::venue::Response;

/// The answer of `GET /_mock/status`.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Always true: nothing here was ever traded.
    pub simulated: bool,
    /// The clock.
    pub clock: ClockStatus,
    /// Instruments as `market:symbol`.
    pub instruments: Vec<String>,
    /// Requests, frames, sockets.
    #[serde(flatten)]
    pub counts: Counts,
    /// Every fault: matched and fired.
    pub faults: Vec<FaultStatus>,
    /// Every firing, in order.
    pub fired: Vec<Firing>,
}

/// A command to the clock; at least one key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockCommand {
    speed: Option<serde_json::Value>,
    pause: Option<bool>,
    step_ms: Option<u32>,
}

/// Answers a control request.
pub async fn answer(server: &Arc<Server>, method: &str, command: &str, body: &[u8]) -> Response {
    match (method, command) {
        ("GET", "status") => json(&status(server)),
        ("POST", "faults") => {
            let text = String::from_utf8_lossy(body);
            match Plan::parse(&text) {
                Ok(plan) => {
                    let added = plan.faults.len();
                    let first = server.faults.add(plan);
                    json(&serde_json::json!({"first": first, "added": added}))
                }
                Err(error) => refused(&error.to_string()),
            }
        }
        ("POST", "clock") => clock(server, body).await,
        ("GET" | "POST", _) => Response::json(
            404,
            r#"{"error":"known: GET status, POST faults, POST clock"}"#,
        ),
        _ => Response::json(405, r#"{"error":"method not allowed"}"#),
    }
}

/// Returns what `/_mock/status` shows.
pub fn status(server: &Server) -> Status {
    let instruments = server.world.instruments().iter();
    Status {
        simulated: true,
        clock: server.clock.status(),
        instruments: instruments
            .map(|i| format!("{}:{}", i.params.market, i.params.symbol))
            .collect(),
        counts: server.counters.snapshot(),
        faults: server.faults.status(),
        fired: server.faults.record(),
    }
}

async fn clock(server: &Server, body: &[u8]) -> Response {
    let command: ClockCommand = match serde_json::from_slice(body) {
        Ok(command) => command,
        Err(error) => {
            return refused(&format!(
                "{error}; expected {{\"speed\": 100 or \"max\"}}, {{\"pause\": true}} or {{\"step_ms\": 1000}}"
            ));
        }
    };
    if let Some(speed) = command.speed {
        let text = speed
            .as_str()
            .map_or_else(|| speed.to_string(), str::to_owned);
        match text.parse::<Speed>() {
            Ok(speed) => server.clock.set_speed(speed),
            Err(error) => return refused(&error.to_string()),
        }
    }
    if let Some(pause) = command.pause {
        server.clock.set_paused(pause);
    }
    if let Some(step) = command.step_ms {
        let until = server.clock.step(i64::from(step) * 1_000);
        let mut moved = server.clock.subscribe();
        let mut stop = server.stopped();
        while *moved.borrow_and_update() < until.0 {
            tokio::select! {
                changed = moved.changed() => if changed.is_err() { break },
                _ = stop.changed() => break,
            }
        }
    }
    json(&server.clock.status())
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => Response::json(200, body),
        Err(error) => Response::text(500, error.to_string()),
    }
}

fn refused(message: &str) -> Response {
    Response::json(400, serde_json::json!({"error": message}).to_string())
}
