//! Tier 2: minute rows become rolling features, one aligned minute of every instrument at a time.
//!
//! One code path: a batch run, a live session and a rebuild of one day drive the same [`FeatureSet`]. Features never
//! see files, clocks, labels or the future.

mod cross;
mod efficiency;
mod ema;
mod error;
mod extremes;
mod flow;
mod kernels;
mod params;
mod set;
mod traits;
mod volatility;
mod vwap;
mod wick;

pub use cross::{BasisParams, CorrelationParams, FundingParams, OiChangeParams, PremiumParams};
pub use efficiency::EfficiencyRatioParams;
pub use ema::{AtrParams, EmaGapParams, EmaParams, EmaSlopeParams};
pub use error::{FeatureError, ParamViolation};
pub use extremes::{ExtremesParams, VolumeMedianParams};
pub use flow::TfiParams;
pub(crate) use params::hex16;
pub use params::{
    FeatureDef, FeatureKind, FeatureParams, FeatureSetParams, IfMissing, ParamRules, kinds,
};
pub use set::{FeatureRow, FeatureSet};
pub use traits::{FeatureSpec, InstrumentMinute, MinuteFrame, RowFeature};
pub use volatility::{RealisedVolParams, RvRatioParams};
pub use vwap::SessionVwapParams;
pub use wick::WickParams;

// The words later stages need to talk about rows: they import them from here, not from the layers below.
pub use crate::bars::{BarN, N_STAT_COLUMNS};
pub use crate::market::Side;
pub use crate::time::UnixMicros;

#[cfg(test)]
mod tests;
