//! Simulated execution and accounting: one [`PaperVenue`] for backtest and live paper trading.
//!
//! Driven by market events only, never by a clock. Prices are integer ticks and quantities integer lots inside.
//! Decides nothing about entries (that is `strategy`) and knows nothing of labels.

mod account;
mod books;
mod bracket;
mod exits;
mod models;
mod params;
mod report;
mod slot;
mod venue;

pub use account::{Account, EquityPoint};
pub use models::{
    BpsFee, ConstantLatency, Executable, FeeModel, FillModel, FirstExecutable, FixedBpsSlippage,
    LatencyModel, LevelUsed, Liquidity, SlippageModel, VenueModels,
};
pub use params::{SimError, VenueParams};
pub use report::{ClosedTrade, ExitReason, Fill, FundingPaid, Unfilled, VenueReport};
pub use venue::PaperVenue;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
