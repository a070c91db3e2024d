//! Features of price, range, volatility and plain volume, one file per kind.

mod atr;
mod efficiency_ratio;
mod ema;
mod ema_gap;
mod ema_slope;
mod extremes;
mod realised_vol;
mod rv_ratio;
mod session_vwap;
mod volume_median;
mod wick;

pub use atr::AtrParams;
pub use efficiency_ratio::EfficiencyRatioParams;
pub use ema::EmaParams;
pub use ema_gap::EmaGapParams;
pub use ema_slope::EmaSlopeParams;
pub use extremes::ExtremesParams;
pub use realised_vol::RealisedVolParams;
pub use rv_ratio::RvRatioParams;
pub use session_vwap::SessionVwapParams;
pub use volume_median::VolumeMedianParams;
pub use wick::WickParams;
