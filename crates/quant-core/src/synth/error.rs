//! Why a market cannot be simulated.

use crate::units::Step;

/// A parameter no market can be simulated with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SynthError {
    /// The value lies outside what the parameter means.
    #[error("`{name}` is {found}; expected {expected}")]
    OutOfRange {
        /// Name of the parameter.
        name: &'static str,
        /// The value given.
        found: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Tick times lot needs more digits than exact money has.
    #[error("a tick of {tick} and a lot of {lot} have more than 12 fraction digits together")]
    TooFine {
        /// Tick size.
        tick: Step,
        /// Lot size.
        lot: Step,
    },
}
