//! The closed set of market events, in canonical units.
//!
//! Quantities are base units (coins), prices are quote per base, times are microseconds UTC. Nothing here is
//! NaN or infinite: parsers refuse such values before an event exists.

use serde::{Deserialize, Serialize};

use crate::time::UnixMicros;

/// The side that took liquidity, or the side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A buyer (aggressor lifted the ask; or the bid side of a book).
    Buy,
    /// A seller (aggressor hit the bid; or the ask side of a book).
    Sell,
}

impl Side {
    /// Returns +1 for `Buy` and -1 for `Sell`, the lake's `Int8` encoding.
    pub const fn sign(self) -> i8 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// Returns the aggressor of a trade from the venues' `is_buyer_maker` flag: a buyer who made was sold to.
    pub const fn from_is_buyer_maker(is_buyer_maker: bool) -> Self {
        if is_buyer_maker {
            Self::Sell
        } else {
            Self::Buy
        }
    }

    /// Returns the other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// One public execution, or one venue-made aggregate of executions of one order at one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Venue time of the match.
    pub ts_event: UnixMicros,
    /// Our capture time, where there was one.
    pub ts_recv: Option<UnixMicros>,
    /// Quote per base.
    pub price: f64,
    /// Base units.
    pub qty: f64,
    /// Who took liquidity.
    pub aggressor: Side,
    /// Venue id of the trade (of the aggregate for aggregates).
    pub trade_id: i64,
    /// Number of matches inside: 1 for a raw trade.
    pub n_trades: u32,
}

/// Best bid and ask, as the venue said: a crossed one has the bid above the ask, an empty side price and quantity 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Venue time.
    pub ts_event: UnixMicros,
    /// Our capture time, where there was one.
    pub ts_recv: Option<UnixMicros>,
    /// Best bid price.
    pub bid_px: f64,
    /// Quantity at the best bid, base units.
    pub bid_qty: f64,
    /// Best ask price.
    pub ask_px: f64,
    /// Quantity at the best ask, base units.
    pub ask_qty: f64,
    /// Venue update id, shared with book deltas where the venue shares it.
    pub update_id: i64,
    /// The time was inferred from another message of the connection.
    pub ts_inferred: bool,
}

impl Quote {
    /// Returns the price at which the side that takes liquidity trades: the ask for a buyer. `None` where that side is empty, and
    /// of a crossed quote, whose price nobody would have got.
    #[inline]
    pub fn price_for(&self, taker: Side) -> Option<f64> {
        let is_crossed = self.ask_px > 0.0 && self.bid_px > self.ask_px;
        let (px, qty) = match taker {
            Side::Buy => (self.ask_px, self.ask_qty),
            Side::Sell => (self.bid_px, self.bid_qty),
        };
        (!is_crossed && px > 0.0 && qty > 0.0).then_some(px)
    }
}

/// One price level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookLevel {
    /// Price.
    pub px: f64,
    /// Absolute quantity, base units; 0 removes the level.
    pub qty: f64,
}

/// A full image of the first levels of a book, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct BookSnapshot {
    /// Venue time.
    pub ts_event: UnixMicros,
    /// Our capture time, where there was one.
    pub ts_recv: Option<UnixMicros>,
    /// Venue sequence number.
    pub seq: i64,
    /// Bids, descending price.
    pub bids: Vec<BookLevel>,
    /// Asks, ascending price.
    pub asks: Vec<BookLevel>,
}

/// One level change; a message is complete at `msg_end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookDelta {
    /// Venue time.
    pub ts_event: UnixMicros,
    /// Our capture time, where there was one.
    pub ts_recv: Option<UnixMicros>,
    /// Number of the message this level came in.
    pub msg_seq: i64,
    /// The level belongs to a snapshot message, which replaces the book.
    pub is_snapshot: bool,
    /// Side of the book.
    pub side: Side,
    /// New state of the level.
    pub level: BookLevel,
    /// First venue update id of the message.
    pub first_id: i64,
    /// Last venue update id of the message.
    pub last_id: i64,
    /// Last id of the message before, where the venue sends it.
    pub prev_id: Option<i64>,
    /// Last level of its message: only now may the book be looked at.
    pub msg_end: bool,
}

/// Cumulative depth inside one percentage band around the mid (Binance `bookDepth`); not a book level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthBands {
    /// Venue time.
    pub ts_event: UnixMicros,
    /// Band edge in percent of the mid; negative means bids.
    pub percentage: f64,
    /// Base units inside the band.
    pub depth: f64,
    /// Quote units inside the band.
    pub notional: f64,
}

/// A bar the venue itself published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Inclusive start.
    pub ts_open: UnixMicros,
    /// Exclusive end.
    pub ts_close: UnixMicros,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base units traded.
    pub volume: f64,
    /// Quote units traded, where the venue says.
    pub quote_volume: Option<f64>,
    /// Number of trades, where the venue says.
    pub n_trades: Option<u64>,
    /// Base units bought by aggressors, where the venue says.
    pub taker_buy_volume: Option<f64>,
}

/// Mark price, index price and premium index, whichever a record has; the others stay what they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarkPrice {
    /// Venue time; for klines the exclusive end of the period.
    pub ts_event: UnixMicros,
    /// Mark price.
    pub mark: Option<f64>,
    /// Index price.
    pub index: Option<f64>,
    /// Premium index, a fraction of the index price.
    pub premium: Option<f64>,
    /// Predicted funding rate, where sent; never the settled one.
    pub predicted_funding: Option<f64>,
}

/// A settled funding payment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funding {
    /// Settlement instant.
    pub ts_event: UnixMicros,
    /// Rate as a fraction of notional; positive means longs pay.
    pub rate: f64,
    /// Hours since the settlement before.
    pub interval_h: u32,
}

/// Open interest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenInterest {
    /// Venue stamp.
    pub ts_event: UnixMicros,
    /// Base units.
    pub open_interest: f64,
    /// Quote units, where sent.
    pub notional: Option<f64>,
}

/// One forced order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Liquidation {
    /// Venue time.
    pub ts_event: UnixMicros,
    /// Side of the forced order: `Sell` closes a long.
    pub side: Side,
    /// Average fill price.
    pub price: f64,
    /// Base units.
    pub qty: f64,
}

/// What a gap is known to have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Anything may be missing.
    Everything,
    /// Trades, and nothing is said of quotes and books.
    Trades,
}

/// The stream is known to have lost something: books are stale, windows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First instant that may be missing.
    pub from: UnixMicros,
    /// Instant the stream is whole again.
    pub to: UnixMicros,
    /// What may be missing.
    pub lost: Lost,
}

/// Proof that a silent stream is alive: advances the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Event time up to which silence is known.
    pub ts_event: UnixMicros,
}

/// Anything with a time that drives the system.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Public execution.
    Trade(Trade),
    /// Best bid and ask.
    Quote(Quote),
    /// Full book image.
    BookSnapshot(BookSnapshot),
    /// One level change.
    BookDelta(BookDelta),
    /// Depth inside a percentage band.
    DepthBands(DepthBands),
    /// Venue kline.
    Bar(Bar),
    /// Mark and index price.
    MarkPrice(MarkPrice),
    /// Settled funding.
    Funding(Funding),
    /// Open interest.
    OpenInterest(OpenInterest),
    /// Forced order.
    Liquidation(Liquidation),
    /// Known loss.
    Gap(Gap),
    /// Known silence.
    Heartbeat(Heartbeat),
}

impl Event {
    /// Returns the instant the event describes: its venue time, or for interval records the exclusive end of the period, because nothing of an interval exists before it ended.
    ///
    /// # Causality
    /// `ts_avail` = this + the dataset's configured lag (DESIGN "Three times").
    pub const fn ts_known(&self) -> UnixMicros {
        match self {
            Self::Trade(x) => x.ts_event,
            Self::Quote(x) => x.ts_event,
            Self::BookSnapshot(x) => x.ts_event,
            Self::BookDelta(x) => x.ts_event,
            Self::DepthBands(x) => x.ts_event,
            Self::Bar(x) => x.ts_close,
            Self::MarkPrice(x) => x.ts_event,
            Self::Funding(x) => x.ts_event,
            Self::OpenInterest(x) => x.ts_event,
            Self::Liquidation(x) => x.ts_event,
            Self::Gap(x) => x.to,
            Self::Heartbeat(x) => x.ts_event,
        }
    }
}
