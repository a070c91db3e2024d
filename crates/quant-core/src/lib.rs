//! The pure core of `quant`: numbers in, numbers out.
//!
//! No I/O, no clock, no environment, no global randomness, no async, no Arrow, no printing. Everything here runs
//! the same in a backtest, in a live session and in a test. See `ARCHITECTURE.md` for who may import whom.

pub mod bars;
pub mod features;
pub mod market;
pub mod metrics;
pub mod regime;
pub mod risk;
pub mod sim;
pub mod stats;
pub mod strategy;
pub mod synth;
pub mod time;
pub mod units;
