//! The clock of the REST client, so that tests wait in simulated time.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use quant_core::time::UnixMicros;

/// Time and waiting.
pub trait Timer: Send + Sync + std::fmt::Debug {
    /// Returns the time since some fixed moment; never goes back.
    fn now(&self) -> Duration;
    /// Returns the wall-clock time.
    fn wall(&self) -> UnixMicros;
    /// Waits, or returns early when `stop` is raised.
    fn sleep(&self, time: Duration, stop: &AtomicBool);
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemTimer {
    start: Instant,
}

impl Default for SystemTimer {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Timer for SystemTimer {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> UnixMicros {
        crate::run::wall_clock()
    }

    fn sleep(&self, time: Duration, stop: &AtomicBool) {
        crate::fetch::sleep(time, stop);
    }
}
