//! Whether a book message follows the one before it, by the ids in the lake.
//!
//! Ingestion keeps no message that does not follow: after a break, a lost connection or a lost line it writes that the book is
//! lost, and the next rows are a snapshot message. So a break without one shows only where rows were merged or removed
//! afterwards, or between two days. Ids reach back over messages that changed no level, which have no rows.

use quant_core::market::{InstrumentKey, Market, Venue};

/// How the messages of a venue's stream are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainRule {
    /// Binance um and cm: `prev_id` is the last id before; the first one after a snapshot reaches back to it.
    BinanceFutures,
    /// Binance spot: ids are consecutive; the first one after a snapshot holds the id after it.
    BinanceSpot,
    /// `prev_id`, where there is one, is the last id before.
    Previous,
    /// Nothing tells.
    Unlinked,
}

/// The last message that is in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its last update id.
    pub last_id: i64,
    /// It was a snapshot.
    pub is_snapshot: bool,
}

/// Returns whether a venue numbers trades, and aggregates of them, one by one.
pub fn numbers_trades(instrument: &InstrumentKey) -> bool {
    instrument.exchange.venue == Venue::Binance
}

impl ChainRule {
    /// Returns the rule of an instrument's venue.
    pub fn of(instrument: &InstrumentKey) -> Self {
        match (instrument.exchange.venue, instrument.market) {
            (Venue::Binance, Market::Spot) => Self::BinanceSpot,
            (Venue::Binance, _) => Self::BinanceFutures,
            (Venue::Bybit | Venue::Okx, _) => Self::Previous,
            _ => Self::Unlinked,
        }
    }

    /// Returns whether best bid and ask share their update id with the book.
    pub(crate) fn shares_ids(instrument: &InstrumentKey) -> bool {
        instrument.exchange.venue == Venue::Binance
    }

    /// Returns whether an update with these ids follows the message of `link`.
    #[inline]
    pub fn follows(self, link: Link, first_id: i64, last_id: i64, prev_id: Option<i64>) -> bool {
        let joins = |due: i64| first_id <= due && due <= last_id;
        match self {
            Self::BinanceFutures => {
                prev_id.is_none_or(|prev| prev == link.last_id)
                    || (link.is_snapshot && joins(link.last_id))
            }
            Self::BinanceSpot => {
                let due = link.last_id.saturating_add(1);
                first_id == due || (link.is_snapshot && joins(due))
            }
            Self::Previous => prev_id.is_none_or(|prev| prev == link.last_id),
            Self::Unlinked => true,
        }
    }
}
