//! Simulated markets: an order book with known truth, and what venues publish of it.
//!
//! Pure and bit-identical on every platform: integers, the four float operations and `libm`. Writes no venue format
//! (that is storage) and nothing in core imports it.

mod book;
pub mod derive;
mod error;
mod event;
mod market;
mod rand;
mod world;

pub use book::SimBook;
pub use error::SynthError;
pub use event::{
    LevelChange, MinuteTruth, Regime, SimFunding, SimLiquidation, SimMark, SimMatch, SimMinute,
    SimPositions, SimQuote,
};
pub use market::{
    HAZARD, MIXED, MinuteModel, OrderBookMarket, STILL, TREND, Transitions, transitions,
};
pub use world::{InstrumentParams, MODEL_VERSION, MarketProfile, WorldParams};
