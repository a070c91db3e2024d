//! Runs: what they read, what they are, what they do, what they leave behind.

pub mod bars;
pub mod dir;
pub mod engine;
pub mod ensure;
pub mod feature_health;
pub mod features;
pub mod gaps;
pub mod gates;
pub mod identity;
pub mod inputs;
pub mod instruments;
pub mod pipeline;
pub mod space;

use std::num::NonZeroUsize;

use crate::error::{CommandError, CommandResult, ErrorKind};

/// Returns the number of worker threads: what was asked for, else what the machine has.
///
/// # Errors
/// Configuration error for zero or an absurd number.
pub fn worker_threads(asked: Option<usize>) -> CommandResult<usize> {
    match asked {
        None => Ok(std::thread::available_parallelism().map_or(1, NonZeroUsize::get)),
        Some(n @ 1..=1_024) => Ok(n),
        Some(n) => Err(CommandError::text(
            ErrorKind::Config,
            &format!("--jobs is {n}; expected 1 to 1024"),
        )),
    }
}

/// Returns the wall-clock time, for manifests and timings only: no number of a run depends on it.
pub fn wall_clock() -> quant_core::time::UnixMicros {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    quant_core::time::UnixMicros(i64::try_from(since).unwrap_or(i64::MAX))
}
