//! Tier 2: minute rows become rolling features, one aligned minute of every instrument at a time.
//!
//! One code path: a batch run, a live session and a rebuild of one day drive the same [`FeatureSet`]. Features never
//! see files, clocks, labels or the future.

mod cross;
mod error;
mod flow;
mod group;
mod history;
mod kernels;
mod params;
mod price;
mod set;
mod traits;

pub use cross::{BasisParams, CorrelationParams, FundingParams, OiChangeParams, PremiumParams};
pub use error::{FeatureError, ParamViolation};
pub use flow::{
    AbsorptionParams, FlowToxicityParams, HawkesParams, KyleMinuteParams, KyleParams,
    KyleSlopeParams, LiquidationPressureParams, MicroAlphaParams, ObiParams, OfiParams,
    OfiWeightedParams, OfiZParams, ReplenishmentParams, SizeConcentrationParams, TfiParams,
    TfiThresholdParams, VpinBvcParams, VpinParams, WmidDevParams,
};
pub(crate) use params::hex16;
pub use params::{
    FeatureDef, FeatureKind, FeatureParams, FeatureSetParams, IfMissing, ParamRules, Part, kinds,
};
pub use price::{
    ActivityRatioParams, AmihudParams, AtrMinutesParams, AtrParams, CloseVolParams,
    CorwinSchultzParams, DepthStressParams, EdgeParams, EfficiencyRatioParams, EmaGapParams,
    EmaParams, EmaSlopeParams, EmaTrendParams, EwmaVolParams, ExtremesParams, FlowVolumeParams,
    GarmanKlassParams, HasbrouckParams, IntrabarParams, JumpParams, ParkinsonParams,
    RealisedVolParams, RogersSatchellParams, RollParams, RvRatioParams, SessionVwapParams,
    SessionVwapZParams, SpreadStressParams, VolumeMedianParams, VolumeRateParams,
    VolumeRatioParams, WickParams, YangZhangParams,
};
pub use set::{FeatureRow, FeatureSet};
pub use traits::{CloseMove, FeatureSpec, InstrumentMinute, MinuteFrame, Replay, RowFeature};

// The words later stages need to talk about rows: they import them from here, not from the layers below.
pub use crate::bars::{BarN, N_STAT_COLUMNS};
pub use crate::market::Side;
pub use crate::time::UnixMicros;

#[cfg(test)]
mod tests;
