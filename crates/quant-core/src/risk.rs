//! What may be ordered and how much: bracket orders, barrier terms and position sizing.
//!
//! Pure functions of their arguments. Nothing here fills, books or remembers anything; that is `sim`.

mod bracket;
mod sizing;

pub use bracket::{Barrier, BracketOrder, TiePolicy};
pub use sizing::{FixedNotional, Refusal};

/// A risk parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RiskError {
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
}

/// Passes `found` if it is finite and above zero.
fn positive(name: &'static str, found: f64) -> Result<(), RiskError> {
    if found.is_finite() && found > 0.0 {
        Ok(())
    } else {
        Err(RiskError::OutOfRange {
            name,
            found,
            expected: "a finite number above 0",
        })
    }
}

#[cfg(test)]
mod tests;
