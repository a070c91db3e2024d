//! What one websocket frame says, as plain numbers. Times are microseconds UTC, sent as whole milliseconds; quantities
//! are base units, contracts on the coin-margined market.

use quant_core::market::Side;

use super::rows::{AggTradeRow, KlineRow};

/// Levels that changed since the update before, or (partial depth) the best levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthUpdateFrame<'a> {
    /// Time at the gateway.
    pub event_us: i64,
    /// Time at the matching engine; not sent on spot.
    pub transaction_us: i64,
    /// First book message of the update; see [`super::um_update_id`].
    pub first_id: i64,
    /// Last book message of the update.
    pub last_id: i64,
    /// Last book message of the update before; not sent on spot.
    pub prev_last_id: i64,
    /// Bids as `(price, quantity)`, quantities absolute, 0 removes the level.
    pub bids: &'a [(f64, f64)],
    /// Asks as `(price, quantity)`.
    pub asks: &'a [(f64, f64)],
}

/// The book as the REST route `depth` answers it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthSnapshot<'a> {
    /// Last book message the snapshot contains.
    pub last_update_id: i64,
    /// Time at the gateway; not sent on spot.
    pub event_us: i64,
    /// Time at the matching engine; not sent on spot.
    pub transaction_us: i64,
    /// Bids as `(price, quantity)`, best first.
    pub bids: &'a [(f64, f64)],
    /// Asks as `(price, quantity)`, best first.
    pub asks: &'a [(f64, f64)],
}

/// Best bid and ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookTickerFrame {
    /// Book message that changed either.
    pub update_id: i64,
    /// Best bid.
    pub bid_px: f64,
    /// Quantity at the best bid.
    pub bid_qty: f64,
    /// Best ask.
    pub ask_px: f64,
    /// Quantity at the best ask.
    pub ask_qty: f64,
    /// Time at the matching engine; not sent on spot.
    pub transaction_us: i64,
    /// Time at the gateway; not sent on spot.
    pub event_us: i64,
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeFrame {
    /// Time at the gateway.
    pub event_us: i64,
    /// Time at the matching engine.
    pub ts_us: i64,
    /// Trade id.
    pub id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// `true`: the taker sold.
    pub is_buyer_maker: bool,
}

/// One aggregate of trades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AggTradeFrame {
    /// Time at the gateway.
    pub event_us: i64,
    /// The aggregate.
    pub trade: AggTradeRow,
    /// Quantity without retail price improvement orders (`nq`, sent since 2025 on USD-M only).
    pub normal_qty: Option<f64>,
}

/// Mark and index price, once a second or every three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarkPriceFrame {
    /// Time at the gateway.
    pub event_us: i64,
    /// Mark price.
    pub mark: f64,
    /// Moving average of the mark price (`ap`, sent since 2026).
    pub average: Option<f64>,
    /// Index price.
    pub index: f64,
    /// Estimated settlement price, meaningful in the last hour only.
    pub settle: f64,
    /// Rate of the next funding as a fraction; `None` on dated contracts.
    pub funding_rate: Option<f64>,
    /// Time of the next funding; 0 on dated contracts.
    pub next_funding_us: i64,
}

/// A kline that may still be forming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlineFrame<'a> {
    /// Time at the gateway.
    pub event_us: i64,
    /// The kline; `open_us` is the start of the interval.
    pub kline: KlineRow,
    /// Name of the interval: `1m`.
    pub interval: &'a str,
    /// Its length.
    pub interval_us: i64,
    /// First trade of the interval, -1 if there is none.
    pub first_id: i64,
    /// Last trade of the interval, -1 if there is none.
    pub last_id: i64,
    /// The interval has ended.
    pub is_closed: bool,
}

/// A forced order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForceOrderFrame {
    /// Time at the gateway.
    pub event_us: i64,
    /// Time of the last fill.
    pub ts_us: i64,
    /// Side of the forced order: `Sell` closes a long.
    pub side: Side,
    /// Quantity of the order.
    pub qty: f64,
    /// Limit price.
    pub price: f64,
    /// Average price of the fills.
    pub average_price: f64,
    /// Quantity of the last fill.
    pub last_qty: f64,
    /// Quantity of all fills.
    pub filled_qty: f64,
}
