//! Simulated markets: a seeded price and flow process that yields trades, and the klines of exactly those trades.
//!
//! Pure and bit-identical on every platform: integers, the four float operations and `libm`. Writes no venue format
//! (that is storage) and nothing in core imports it.

mod day;
mod model;
mod params;
mod rand;
mod regime;

pub use day::{SimDay, SimKline, SimTrade};
pub use model::{MarketModel, RegimeMarket};
pub use params::{Profile, SynthError, SynthParams};
pub use regime::SimRegime;

#[cfg(test)]
mod tests;
