//! The simulated clock: a multiple of the wall clock, or as fast as the sockets read; and the connection clock beside it.
//!
//! Two clocks: **market time** (`now`) stamps every event and decides what exists. **Connection time** (`conn_ms`) drives what
//! is about the connection: pings, time-outs, the 24 h close, weights, bans, control messages per second. It runs at the
//! market's speed between 1x and 100x of the wall, and at 1x with `max` and while paused: a client must be able to answer
//! a ping in time, and a ban must end though the market stands still.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::world::World;
use super::world::generator::Demand;

/// Fastest multiple of the wall clock.
pub const MAX_TIMES: f64 = 10_000.0;
/// Simulated time between two looks at the sockets with `Speed::Max`: a compromise between overhead and how far REST may be
/// ahead of what a socket has delivered.
const MAX_MODE_STEP_US: i64 = 1_000_000;

/// Fastest multiple of the wall clock for connection time.
const MAX_CONN_TIMES: f64 = 100.0;

/// How fast simulated time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// This many simulated seconds per second, above 0 up to [`MAX_TIMES`].
    Times(f64),
    /// As fast as every subscribed socket takes its frames.
    Max,
}

/// Why a speed is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "speed `{text}` is not a number above 0 and up to {MAX_TIMES}, or `max`\nhint: write `--speed 1`, `--speed 100` or `--speed max`"
)]
pub struct BadSpeed {
    text: String,
}

impl std::str::FromStr for Speed {
    type Err = BadSpeed;

    fn from_str(text: &str) -> Result<Self, BadSpeed> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.trim_end_matches('x').parse::<f64>() {
            Ok(times) if times > 0.0 && times <= MAX_TIMES => Ok(Self::Times(times)),
            _ => Err(BadSpeed {
                text: text.to_owned(),
            }),
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// The state of the clock as `/_mock/status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ClockStatus {
    /// Simulated now, microseconds.
    pub now_us: i64,
    /// Simulated instant at which the clock began, microseconds.
    pub start_us: i64,
    /// Speed, a number or `max`.
    pub speed: String,
    /// Standing still on request.
    pub paused: bool,
    /// Standing still until the first subscription.
    pub held: bool,
    /// Connection clock, milliseconds.
    pub conn_ms: i64,
}

#[derive(Debug)]
struct State {
    speed: Speed,
    paused: bool,
    held: bool,
    /// Instant up to which a paused clock still has to go.
    step_to: i64,
    base_wall: Instant,
    base_sim: i64,
    conn_us: f64,
    conn_wall: Instant,
}

/// A socket that the clock waits for with `Speed::Max`.
#[derive(Debug, Default)]
pub struct Runner {
    active: AtomicBool,
    reached: AtomicI64,
}

/// The clock.
#[derive(Debug)]
pub struct Clock {
    start: UnixMicros,
    now: watch::Sender<i64>,
    state: Mutex<State>,
    changed: Notify,
    runners: Mutex<BTreeMap<u64, Arc<Runner>>>,
    next_runner: AtomicU64,
    stop: AtomicBool,
}

impl Clock {
    /// Returns a clock that stands at `start`; a held one waits for the first subscription.
    pub fn new(start: UnixMicros, speed: Speed, held: bool) -> Self {
        let wall = Instant::now();
        Self {
            start,
            now: watch::Sender::new(start.0),
            state: Mutex::new(State {
                speed,
                paused: false,
                held,
                step_to: start.0,
                base_wall: wall,
                base_sim: start.0,
                conn_us: 0.0,
                conn_wall: wall,
            }),
            changed: Notify::new(),
            runners: Mutex::default(),
            next_runner: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns simulated now.
    pub fn now(&self) -> UnixMicros {
        UnixMicros(*self.now.borrow())
    }

    /// Returns the instant at which the clock began.
    pub const fn start(&self) -> UnixMicros {
        self.start
    }

    /// Returns a receiver that wakes whenever the clock moves.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.now.subscribe()
    }

    /// Returns the connection clock in milliseconds.
    pub fn conn_ms(&self) -> i64 {
        Self::conn_ms_of(&mut self.state())
    }

    fn conn_ms_of(state: &mut State) -> i64 {
        let wall = Instant::now();
        let times = match state.speed {
            Speed::Times(times) if !state.paused => times.clamp(1.0, MAX_CONN_TIMES),
            _ => 1.0,
        };
        state.conn_us += wall.duration_since(state.conn_wall).as_secs_f64() * 1e6 * times;
        state.conn_wall = wall;
        // The life of a process times 100 stays far below 2^53 microseconds.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        let ms = (state.conn_us / 1e3) as i64;
        ms
    }

    /// Returns the state for a status answer.
    pub fn status(&self) -> ClockStatus {
        let conn_ms = self.conn_ms();
        let state = self.state();
        ClockStatus {
            now_us: self.now().0,
            start_us: self.start.0,
            speed: state.speed.to_string(),
            paused: state.paused,
            held: state.held,
            conn_ms,
        }
    }

    /// Changes the speed.
    pub fn set_speed(&self, speed: Speed) {
        let mut state = self.state();
        Self::conn_ms_of(&mut state);
        state.speed = speed;
        self.rebase(&mut state);
    }

    /// Stops or continues.
    pub fn set_paused(&self, paused: bool) {
        let mut state = self.state();
        Self::conn_ms_of(&mut state);
        state.paused = paused;
        state.step_to = self.now().0;
        self.rebase(&mut state);
    }

    /// Pauses, and moves on by `step_us`; returns the instant it will stop at.
    pub fn step(&self, step_us: i64) -> UnixMicros {
        let mut state = self.state();
        Self::conn_ms_of(&mut state);
        state.paused = true;
        state.held = false;
        state.step_to = state.step_to.max(self.now().0).saturating_add(step_us);
        let to = state.step_to;
        self.rebase(&mut state);
        UnixMicros(to)
    }

    fn rebase(&self, state: &mut State) {
        state.base_wall = Instant::now();
        state.base_sim = self.now().0;
        self.changed.notify_one();
    }

    /// Ends the driver.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Adds a socket to those the clock waits for.
    pub fn join(self: &Arc<Self>) -> RunnerGuard {
        let id = self.next_runner.fetch_add(1, Ordering::Relaxed);
        let runner = Arc::new(Runner::default());
        self.runners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&runner));
        RunnerGuard {
            clock: Arc::clone(self),
            runner,
            id,
        }
    }

    /// Returns whether some socket is subscribed, and whether all that are have come to `now`.
    fn lockstep(&self, now: i64) -> (bool, bool) {
        let runners = self.runners.lock().unwrap_or_else(PoisonError::into_inner);
        let active = || {
            runners
                .values()
                .filter(|r| r.active.load(Ordering::Acquire))
        };
        (
            active().next().is_some(),
            active().all(|r| r.reached.load(Ordering::Acquire) >= now),
        )
    }

    /// Returns the next instant, or how long to wait before asking again (`None`: until something changes).
    fn target(&self) -> Result<i64, Option<Duration>> {
        let now = self.now().0;
        let (any_active, all_there) = self.lockstep(now);
        let mut state = self.state();
        if state.held {
            if !any_active {
                return Err(None);
            }
            state.held = false;
            self.rebase(&mut state);
        }
        if state.paused {
            return if state.step_to > now {
                Ok(state.step_to)
            } else {
                Err(None)
            };
        }
        match state.speed {
            Speed::Times(times) => {
                let elapsed = state.base_wall.elapsed().as_secs_f64();
                // Bounded by MAX_TIMES and the life of a process: far below 2^53.
                #[expect(clippy::cast_possible_truncation, reason = "see above")]
                let target = state.base_sim + (elapsed * times * 1e6) as i64;
                let tick = Duration::from_millis(if times > 10.0 { 1 } else { 3 });
                if target > now {
                    Ok(target)
                } else {
                    Err(Some(tick))
                }
            }
            Speed::Max if any_active && all_there => Ok(now + MAX_MODE_STEP_US),
            Speed::Max => Err(None),
        }
    }

    /// Moves the clock until the server ends. `ahead_us`: how far the tapes are made ahead; `keep_us`: how much stays behind.
    pub async fn drive(&self, world: &World, demand: &Demand, ahead_us: i64, keep_us: i64) {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let target = match self.target() {
                Ok(target) => target,
                Err(Some(pause)) => {
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Err(None) => {
                    self.changed.notified().await;
                    continue;
                }
            };
            demand.want(
                UnixMicros(target.saturating_add(ahead_us)),
                UnixMicros(target - keep_us)
                    .floor_minute()
                    .plus(-MICROS_PER_MINUTE),
            );
            let mut reachable = target.min(world.generated().0.saturating_sub(1));
            while reachable <= self.now().0 {
                // The tapes are too short for even a small step: the simulation sets the pace.
                demand.made.notified().await;
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                reachable = target.min(world.generated().0.saturating_sub(1));
            }
            if reachable < target {
                let mut state = self.state();
                state.base_wall = Instant::now();
                state.base_sim = reachable;
            }
            self.now.send_replace(reachable);
            let is_timed = matches!(self.state().speed, Speed::Times(_));
            if is_timed {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// A socket's place among those the clock waits for; leaves it when dropped.
#[derive(Debug)]
pub struct RunnerGuard {
    clock: Arc<Clock>,
    runner: Arc<Runner>,
    id: u64,
}

impl RunnerGuard {
    /// Says how far the socket has delivered, and whether anything is subscribed.
    pub fn report(&self, reached: UnixMicros, active: bool) {
        self.runner.reached.store(reached.0, Ordering::Release);
        self.runner.active.store(active, Ordering::Release);
        self.clock.changed.notify_one();
    }
}

impl Drop for RunnerGuard {
    fn drop(&mut self) {
        let mut runners = self
            .clock
            .runners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        runners.remove(&self.id);
        drop(runners);
        self.clock.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
