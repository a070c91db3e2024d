//! Measures simulated markets: stylised facts with their bands, and what features know of the next return.
//!
//! Sits at the edge because the simulator in core may not see statistics and nothing in core may see the simulator. Takes
//! minutes in, gives numbers out, and prints nothing: `quant synth-facts` does.

pub mod activity;
pub mod fact;
pub mod features;
pub mod hazard;
pub mod ic;
pub mod instrument;
pub mod ofi;
pub mod pairs;
pub mod returns;
pub mod run;
pub mod signs;
pub mod touch;

pub use fact::{Band, Fact};
pub use instrument::InstrumentFacts;

use quant_core::bars::BarsError;
use quant_core::features::FeatureError;
use quant_core::synth::SynthError;

/// Why a market could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The world cannot be simulated.
    #[error(transparent)]
    World(#[from] SynthError),
    /// The simulated trades make no bars: a fault of the simulator.
    #[error("the simulated trades make no bars: {0}")]
    Bars(#[from] BarsError),
    /// The bars make no features.
    #[error("the bars of the simulated trades make no features: {0}")]
    Features(#[from] FeatureError),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

#[cfg(test)]
mod tests;
