//! Numbers messages that carry no id of their own, and doubts times that cannot be.
//!
//! The number is `ts_event_us * 1000 + place among the messages of that time`, so that two recordings of one stream number
//! alike. It never falls or repeats, whatever the times do.

use quant_core::time::MICROS_PER_DAY;

use super::rows::RowProblem;

/// Farthest that a message's time may lie from the message before, or from its receipt.
const FAR_US: i64 = MICROS_PER_DAY;

/// The running order of one stream of messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageOrder {
    /// Largest time and last number.
    last: Option<(i64, i64)>,
    /// Last time that passed [`MessageOrder::check`].
    near: Option<i64>,
    /// A time that was refused: a second one near it is believed.
    doubted: Option<i64>,
}

impl MessageOrder {
    /// Refuses a time more than a day away from its receipt, or, where that is unknown, from the message before.
    ///
    /// One wrong digit would otherwise push every later message of the file into another year. A stream that really
    /// jumps loses the first message after the jump: the second one near it is believed.
    ///
    /// # Errors
    /// `NotATime`.
    pub fn check(
        &mut self,
        ts: i64,
        received: Option<i64>,
        column: &'static str,
    ) -> Result<(), RowProblem> {
        let is_near = |other: i64| ts.abs_diff(other) <= FAR_US.unsigned_abs();
        let believed = match (received, self.near) {
            (Some(received), _) => is_near(received),
            (None, Some(near)) => is_near(near) || self.doubted.is_some_and(is_near),
            (None, None) => true,
        };
        if believed {
            (self.near, self.doubted) = (Some(ts), None);
            return Ok(());
        }
        self.doubted = Some(ts);
        Err(RowProblem::NotATime {
            column,
            expected: "a time within a day of the receipt, or of the message before",
        })
    }

    /// Returns the number of the next message; `id` is the venue's own, kept unless it would fall at one time.
    pub fn number(&mut self, ts: i64, id: Option<i64>) -> i64 {
        let number = match (self.last, id) {
            (None, None) => ts * 1_000,
            (None, Some(id)) => id,
            (Some((newest, last)), id) if ts <= newest => {
                let least = last.saturating_add(1);
                id.map_or(least, |id| id.max(least))
            }
            (Some((_, last)), None) => (ts * 1_000).max(last.saturating_add(1)),
            // Numbers only order messages of one time, so that a counter the venue lowered is kept as it is.
            (Some(_), Some(id)) => id,
        };
        let newest = self.last.map_or(ts, |(newest, _)| newest.max(ts));
        self.last = Some((newest, number));
        number
    }
}

#[cfg(test)]
mod tests;
