//! Simulated markets: a seeded price and flow process that yields trades, and the klines of exactly those trades.
//!
//! Pure and bit-identical on every platform: integers, the four float operations and `libm`. Writes no venue format
//! (that is storage) and nothing in core imports it.

mod book;
mod day;
pub mod derive;
mod event;
mod market;
mod model;
mod params;
mod rand;
mod regime;
mod world;

pub use book::SimBook;
pub use day::{SimDay, SimKline, SimTrade};
pub use event::{
    LevelChange, MinuteTruth, Regime, SimFunding, SimLiquidation, SimMark, SimMatch, SimMinute,
    SimPositions, SimQuote,
};
pub use market::{
    HAZARD, MIXED, MinuteModel, OrderBookMarket, STILL, TREND, Transitions, transitions,
};
pub use model::{MarketModel, RegimeMarket};
pub use params::{Profile, SynthError, SynthParams};
pub use regime::SimRegime;
pub use world::{InstrumentParams, MarketProfile, WorldParams};

#[cfg(test)]
mod tests;
