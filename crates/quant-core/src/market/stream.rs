//! The one total order of events: `(ts_avail, source rank, sequence)`.

use crate::market::Event;
use crate::time::UnixMicros;

/// Position of an event in the merged stream; smaller comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// First moment the event may be used.
    pub ts_avail: UnixMicros,
    /// Rank of its source, [`source_rank`].
    pub rank: u8,
    /// Venue sequence, or position in the source where there is none.
    pub seq: i64,
}

impl StreamKey {
    /// Returns the key of `event`, available `lag_us` after it is known, with venue sequence `seq`.
    pub const fn of(event: &Event, lag_us: i64, seq: i64) -> Self {
        Self {
            ts_avail: event.ts_known().plus(lag_us),
            rank: source_rank(event),
            seq,
        }
    }
}

/// Returns the rank that decides between events available at the same instant.
///
/// Trades first, then book and quotes (one rank: their shared update id decides), forced orders, mark, funding,
/// open interest, depth bands, klines; gaps and heartbeats close the instant.
pub const fn source_rank(event: &Event) -> u8 {
    match event {
        Event::Trade(_) => 0,
        Event::BookSnapshot(_) | Event::BookDelta(_) | Event::Quote(_) => 1,
        Event::Liquidation(_) => 2,
        Event::MarkPrice(_) => 3,
        Event::Funding(_) => 4,
        Event::OpenInterest(_) => 5,
        Event::DepthBands(_) => 6,
        Event::Bar(_) => 7,
        Event::Gap(_) => 8,
        Event::Heartbeat(_) => 9,
    }
}
