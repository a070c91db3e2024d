//! Reads the body of an answer within bounds of size and time.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flate2::read::MultiGzDecoder;

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyProblem {
    /// The connection ended early, or the bytes are not what they should be.
    Broken(String),
    /// It takes too long.
    TooSlow,
    /// It is too long, as sent or inflated.
    TooLarge,
    /// An encoding nobody asked for.
    Encoding(String),
    /// Ctrl-C.
    Stopped,
}

/// Reads everything and inflates it if it is gzip.
pub(super) fn read_body(
    mut from: impl Read,
    encoding: Option<&str>,
    limit: u64,
    deadline: Instant,
    stop: &AtomicBool,
) -> Result<Vec<u8>, BodyProblem> {
    let is_gzip = match encoding.map(str::trim) {
        None | Some("" | "identity") => false,
        Some("gzip" | "x-gzip") => true,
        Some(other) => return Err(BodyProblem::Encoding(other.escape_debug().to_string())),
    };
    let mut body = Vec::new();
    let mut buffer = vec![0_u8; 1 << 14];
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(BodyProblem::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(BodyProblem::TooSlow);
        }
        let n = from
            .read(&mut buffer)
            .map_err(|e| BodyProblem::Broken(crate::fetch::http::reason_of(&e)))?;
        if n == 0 {
            break;
        }
        if (body.len() + n) as u64 > limit {
            return Err(BodyProblem::TooLarge);
        }
        body.extend_from_slice(&buffer[..n]);
    }
    if !is_gzip {
        return Ok(body);
    }
    let mut inflated = Vec::new();
    // One byte more than allowed tells a bomb from a body of exactly the limit.
    MultiGzDecoder::new(body.as_slice())
        .take(limit.saturating_add(1))
        .read_to_end(&mut inflated)
        .map_err(|e| BodyProblem::Broken(format!("gzip: {e}")))?;
    if inflated.len() as u64 > limit {
        return Err(BodyProblem::TooLarge);
    }
    Ok(inflated)
}
