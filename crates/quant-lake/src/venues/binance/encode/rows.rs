//! The rows of the archive's files, as plain numbers. Times are microseconds UTC and are truncated to the unit of the
//! file; quantities are in the unit the file counts in.

use quant_core::market::Side;

/// One venue-aggregated trade.
///
/// # Units
/// `price` quote currency, `qty` base units (coin-margined: contracts).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AggTradeRow {
    /// Aggregate id, +1 per row.
    pub agg_id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// First trade id of the aggregate.
    pub first_id: i64,
    /// Last trade id of the aggregate.
    pub last_id: i64,
    /// Venue time.
    pub ts_us: i64,
    /// `true`: the taker sold.
    pub is_buyer_maker: bool,
}

/// One trade.
///
/// # Units
/// `price` quote currency, `qty` base units (coin-margined: contracts).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRow {
    /// Trade id.
    pub id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Price times quantity; in coin-margined files, where the column is `base_qty`, the quantity in coins.
    pub quote_qty: f64,
    /// Venue time.
    pub ts_us: i64,
    /// `true`: the taker sold.
    pub is_buyer_maker: bool,
}

/// One 1m kline; its close time follows from `open_us`.
///
/// # Units
/// Prices and quote volumes quote currency, volumes base units. Coin-margined: volumes in contracts, quote volumes in
/// coins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlineRow {
    /// Start of the minute.
    pub open_us: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base volume.
    pub volume: f64,
    /// Quote volume.
    pub quote_volume: f64,
    /// Number of trades.
    pub n_trades: i64,
    /// Base volume bought by takers.
    pub taker_buy_volume: f64,
    /// Quote volume bought by takers.
    pub taker_buy_quote_volume: f64,
}

/// One 1m kline of a mark price, an index price or a premium index, which have no volume.
///
/// # Units
/// Prices in quote currency; the premium index is a fraction and may be negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceKlineRow {
    /// Start of the minute.
    pub open_us: i64,
    /// First value.
    pub open: f64,
    /// Highest value.
    pub high: f64,
    /// Lowest value.
    pub low: f64,
    /// Last value.
    pub close: f64,
    /// Number of values seen (column `count`).
    pub n_ticks: i64,
}

/// One best bid and ask.
///
/// # Units
/// Prices quote currency, quantities base units (coin-margined: contracts).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookTickerRow {
    /// Id of the book message; see [`super::um_update_id`].
    pub update_id: i64,
    /// Best bid.
    pub bid_px: f64,
    /// Quantity at the best bid.
    pub bid_qty: f64,
    /// Best ask.
    pub ask_px: f64,
    /// Quantity at the best ask.
    pub ask_qty: f64,
    /// Time at the matching engine; decides the day of the row.
    pub transaction_us: i64,
    /// Time at the gateway.
    pub event_us: i64,
}

/// Cumulative depth inside one percent band.
///
/// # Units
/// `percentage` signed percent from the mid (negative: bids), `depth` base units (coin-margined: contracts),
/// `notional` quote currency (coin-margined: coins).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookDepthRow {
    /// Time of the snapshot; the file has whole seconds.
    pub ts_us: i64,
    /// Band.
    pub percentage: f64,
    /// Quantity within the band.
    pub depth: f64,
    /// Worth of the quantity.
    pub notional: f64,
}

/// Open interest and ratios of five minutes.
///
/// # Units
/// `open_interest` base units, `open_interest_value` quote currency; coin-margined: contracts and coins.
///
/// # Shapes
/// `None` is written as the venue writes a missing value, a quoted empty string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricsRow {
    /// Stamp of the row (`create_time`), whole seconds in the file.
    pub ts_us: i64,
    /// Sum of open interest.
    pub open_interest: Option<f64>,
    /// Worth of it.
    pub open_interest_value: Option<f64>,
    /// Long over short accounts of top traders.
    pub toptrader_account_ratio: Option<f64>,
    /// Long over short positions of top traders.
    pub toptrader_position_ratio: Option<f64>,
    /// Long over short accounts of all traders.
    pub account_ratio: Option<f64>,
    /// Taker buy over taker sell volume.
    pub taker_ratio: Option<f64>,
}

/// One settled funding payment.
///
/// # Units
/// `rate` fraction of the notional, positive: longs pay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRow {
    /// Settlement (`calc_time`); the venue stamps it some milliseconds late.
    pub ts_us: i64,
    /// Hours since the settlement before.
    pub interval_h: u32,
    /// Rate.
    pub rate: f64,
}

/// One forced order, which the venue always sends as a filled `LIMIT` `IOC` order.
///
/// # Units
/// Quantities in contracts, prices quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiquidationRow {
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
