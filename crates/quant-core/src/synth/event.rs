//! What a simulated instrument does in one minute, in ticks and lots; and the truth behind it.

use serde::Serialize;

use crate::market::Side;
use crate::time::UnixMicros;

/// One match: a piece of a taker order filled at one price by one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimMatch {
    /// Time at the matching engine, microseconds.
    pub ts: UnixMicros,
    /// Id of the match, contiguous over the life of the market.
    pub id: i64,
    /// Id of the venue's aggregate (one taker order at one price), contiguous; matches of one aggregate are adjacent.
    pub agg_id: i64,
    /// Id of the book message that this match's order caused; equal for all matches of one taker order.
    pub update_id: i64,
    /// Price in ticks.
    pub price_ticks: i64,
    /// Quantity in lots, at least 1.
    pub qty_lots: i64,
    /// Who took liquidity.
    pub aggressor: Side,
    /// The taker order was a forced liquidation.
    pub is_liquidation: bool,
}

/// New absolute state of one price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Time at the matching engine.
    pub ts: UnixMicros,
    /// Id of the message, contiguous over the life of the market; all its levels change at once.
    pub update_id: i64,
    /// Side of the book.
    pub side: Side,
    /// Price in ticks.
    pub price_ticks: i64,
    /// Absolute quantity in lots; 0 removes the level.
    pub qty_lots: i64,
    /// Last level of its message: only now may the book be looked at.
    pub msg_end: bool,
}

/// Best bid and ask after a message that changed either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimQuote {
    /// Time at the matching engine.
    pub ts: UnixMicros,
    /// Id of the message.
    pub update_id: i64,
    /// Best bid in ticks.
    pub bid_ticks: i64,
    /// Lots at the best bid.
    pub bid_lots: i64,
    /// Best ask in ticks, above the bid.
    pub ask_ticks: i64,
    /// Lots at the best ask.
    pub ask_lots: i64,
}

/// Mark and index price of a perpetual, as published once a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimMark {
    /// Publication time.
    pub ts: UnixMicros,
    /// Mark price, quote per base.
    pub mark: f64,
    /// Index price (spot), quote per base.
    pub index: f64,
    /// Rate the next settlement would have if it happened now, as a fraction.
    pub predicted_funding: f64,
}

/// A settled funding payment of a perpetual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimFunding {
    /// Settlement instant.
    pub ts: UnixMicros,
    /// Rate as a fraction of notional; positive means longs pay.
    pub rate: f64,
    /// Hours since the settlement before.
    pub interval_h: u32,
    /// Mark price at settlement.
    pub mark: f64,
}

/// State of positions at the end of a five-minute period (perpetuals only).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimPositions {
    /// End of the period it describes.
    pub ts: UnixMicros,
    /// When the venue publishes it; later than `ts`.
    pub published_at: UnixMicros,
    /// Open interest in lots.
    pub open_interest_lots: i64,
    /// Open interest in quote currency.
    pub notional: f64,
    /// Long/short ratio of top accounts, by count.
    pub top_account_ratio: f64,
    /// Long/short ratio of top positions.
    pub top_position_ratio: f64,
    /// Long/short ratio of all accounts.
    pub account_ratio: f64,
    /// Taker buy over taker sell volume of the period.
    pub taker_ratio: f64,
}

/// One forced order and its average fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimLiquidation {
    /// Time of the fill.
    pub ts: UnixMicros,
    /// Side of the forced order: `Sell` closes a long.
    pub side: Side,
    /// Limit price of the order, ticks.
    pub price_ticks: i64,
    /// Average fill price, quote per base.
    pub average_price: f64,
    /// Quantity filled, lots.
    pub qty_lots: i64,
}

/// The hidden state of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Low volatility, no direction.
    Calm,
    /// Drift up, flow leans to buying.
    TrendUp,
    /// Drift down, flow leans to selling.
    TrendDown,
    /// Pulled back to the price at which the spell began.
    Range,
    /// Before an adverse move: one-sided bursts, depth thins, the spread widens, refills fail. The price has not moved yet.
    HazardOnset,
    /// The adverse move itself.
    HazardMove,
}

impl Regime {
    /// Every state, in the order of the transition matrix.
    pub const ALL: [Self; 6] = [
        Self::Calm,
        Self::TrendUp,
        Self::TrendDown,
        Self::Range,
        Self::HazardOnset,
        Self::HazardMove,
    ];

    /// Returns the name used in `truth.parquet`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::TrendUp => "trend_up",
            Self::TrendDown => "trend_down",
            Self::Range => "range",
            Self::HazardOnset => "hazard_onset",
            Self::HazardMove => "hazard_move",
        }
    }
}

/// The truth of one minute: what a test may compare with and a strategy must never see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinuteTruth {
    /// Hidden state during the minute.
    pub regime: Regime,
    /// Efficient price at the end of the minute, quote per base.
    pub efficient: f64,
    /// Standard deviation per minute of the efficient price during it, as a fraction of the price.
    pub volatility: f64,
    /// Edge: expected log return of the efficient price over the next minute given the hidden state now, as a fraction.
    /// Exactly 0 in every minute of the null market.
    pub edge: f64,
    /// Instant at which a hazard began, if one did in this minute.
    pub hazard_onset: Option<UnixMicros>,
    /// Direction of the move the hazard announces: +1 up, -1 down, 0 none.
    pub hazard_sign: i8,
    /// The venue was halted for the whole minute: no event, no kline.
    pub is_halted: bool,
}

/// Everything that happened to one instrument in one minute. Reused from minute to minute.
///
/// Every list ascends by time; `matches`, `changes` and `quotes` also by id. A taker order's matches come before the
/// book message of the same `update_id`.
#[derive(Clone, Debug, PartialEq)]
pub struct SimMinute {
    /// Inclusive start of the minute.
    pub start: UnixMicros,
    /// Executions.
    pub matches: Vec<SimMatch>,
    /// Book level changes.
    pub changes: Vec<LevelChange>,
    /// Best bid and ask changes.
    pub quotes: Vec<SimQuote>,
    /// Mark prices; empty on spot.
    pub marks: Vec<SimMark>,
    /// Settled funding in this minute; `None` on spot.
    pub funding: Option<SimFunding>,
    /// Positions of a five-minute period that ended in this minute (at its start); `None` on spot.
    pub positions: Option<SimPositions>,
    /// Forced orders; empty on spot.
    pub liquidations: Vec<SimLiquidation>,
    /// What really went on.
    pub truth: MinuteTruth,
}

impl SimMinute {
    /// Returns an empty minute to be filled.
    pub const fn new() -> Self {
        Self {
            start: UnixMicros(0),
            matches: Vec::new(),
            changes: Vec::new(),
            quotes: Vec::new(),
            marks: Vec::new(),
            funding: None,
            positions: None,
            liquidations: Vec::new(),
            truth: MinuteTruth {
                regime: Regime::Calm,
                efficient: 0.0,
                volatility: 0.0,
                edge: 0.0,
                hazard_onset: None,
                hazard_sign: 0,
                is_halted: false,
            },
        }
    }
}

impl Default for SimMinute {
    fn default() -> Self {
        Self::new()
    }
}
