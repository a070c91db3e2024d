//! What the venue tells its caller: fills, closed trades, funding, orders that never filled.

use serde::Serialize;

use crate::market::Side;
use crate::sim::models::{LevelUsed, Liquidity};
use crate::time::UnixMicros;

/// One execution of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fill {
    /// Id of the bracket order.
    pub id: String,
    /// Position of the instrument in the run's list.
    pub instrument_idx: usize,
    /// Side of this execution: the exit of a long is a `Sell`.
    pub side: Side,
    /// Quantity, lots.
    pub qty_lots: i64,
    /// When the order reached the venue.
    pub ts_arrival: UnixMicros,
    /// When it filled. Inside a bar the exact instant is unknown; then this is the bar's close.
    pub ts_fill: UnixMicros,
    /// When we hear of it: known to the venue's data, plus the response latency.
    pub ts_report: UnixMicros,
    /// Price before slippage, quote per base, on the tick grid.
    pub px_ref: f64,
    /// Price paid, quote per base, on the tick grid.
    pub px: f64,
    /// Fee, quote; a rebate is negative.
    pub fee: f64,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// What the reference price was read from.
    pub level_used: LevelUsed,
    /// Where the slippage came from; `none` for resting orders.
    pub slippage_source: &'static str,
}

/// Which barrier ended a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// Target.
    Tp,
    /// Stop.
    Sl,
    /// Horizon.
    Time,
    /// The data ended first: closed at the last price for the books, outcome unknown.
    Censored,
}

impl ExitReason {
    /// Returns the name written to trade tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tp => "tp",
            Self::Sl => "sl",
            Self::Time => "time",
            Self::Censored => "censored",
        }
    }
}

/// One round trip with its waterfall, `gross - slippage_cost - fees - funding = net`.
///
/// # Units
/// Prices and excursions quote per base; `qty` base; money quote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClosedTrade {
    /// Id of the bracket order.
    pub id: String,
    /// Position of the instrument in the run's list.
    pub instrument_idx: usize,
    /// Side of the entry.
    pub side: Side,
    /// Quantity, lots.
    pub qty_lots: i64,
    /// Quantity, base units.
    pub qty: f64,
    /// Decision of the entry.
    pub ts_decision: UnixMicros,
    /// Entry fill.
    pub ts_entry: UnixMicros,
    /// Exit fill; the bar's close when the instant inside the bar is unknown.
    pub ts_exit: UnixMicros,
    /// First instant the outcome was known: `ts_known` of the event that decided the exit.
    pub ts_known: UnixMicros,
    /// `ts_decision + horizon`. Label code censors by this, whatever barrier was hit early.
    pub ts_horizon: UnixMicros,
    /// Last price the venue had seen when the order was submitted, if any.
    pub px_decision: Option<f64>,
    /// Entry price before slippage.
    pub px_entry_ref: f64,
    /// Entry price paid; barriers are measured from here.
    pub px_entry: f64,
    /// Target price.
    pub px_tp: f64,
    /// Stop price.
    pub px_sl: f64,
    /// Exit price before slippage.
    pub px_exit_ref: f64,
    /// Exit price paid.
    pub px_exit: f64,
    /// What the entry price was read from.
    pub level_entry: LevelUsed,
    /// What the exit price was read from.
    pub level_exit: LevelUsed,
    /// Which barrier ended it.
    pub exit_reason: ExitReason,
    /// One bar crossed both barriers, so the tie policy decided.
    pub ambiguous: bool,
    /// Largest move in our favour from `px_entry`, at least 0. Of the deciding bar only the prices that surely came before the exit count.
    pub mfe: f64,
    /// Largest move against us from `px_entry`, at least 0; same rule.
    pub mae: f64,
    /// Profit before costs, at reference prices.
    pub gross: f64,
    /// Slippage of both fills, at least 0.
    pub slippage_cost: f64,
    /// Fees of both fills.
    pub fees: f64,
    /// Funding paid; received is negative.
    pub funding: f64,
    /// Profit after all costs.
    pub net: f64,
}

/// Funding settled on one open trade.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FundingPaid {
    /// Id of the bracket order.
    pub id: String,
    /// Settlement instant.
    pub ts_event: UnixMicros,
    /// Rate of the settlement.
    pub rate: f64,
    /// Paid, quote; received is negative.
    pub amount: f64,
}

/// An order that never filled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unfilled {
    /// Id of the bracket order.
    pub id: String,
    /// Position of the instrument in the run's list.
    pub instrument_idx: usize,
    /// When it was given up.
    pub ts: UnixMicros,
    /// The data ended; otherwise the horizon passed before a price came.
    pub data_ended: bool,
}

/// One answer of the venue.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VenueReport {
    /// An entry filled.
    Entered(Fill),
    /// An exit filled; the trade follows in the next report.
    Exited(Fill),
    /// A trade is over.
    Closed(Box<ClosedTrade>),
    /// Funding settled.
    FundingPaid(FundingPaid),
    /// An entry was given up.
    Unfilled(Unfilled),
}
