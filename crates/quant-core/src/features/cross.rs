//! Features of derivatives and of other instruments of the run: basis, premium, funding, open interest, correlation.

mod basis;
mod correlation;
mod funding;
mod oi_change;
mod premium;

pub use basis::BasisParams;
pub use correlation::CorrelationParams;
pub use funding::FundingParams;
pub use oi_change::OiChangeParams;
pub use premium::PremiumParams;
