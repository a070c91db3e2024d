//! Parameters of features and feature sets, checked before anything is built. None has a default.

use core::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::features::error::Checker;
use crate::features::{
    FeatureError, ParamViolation, RowFeature, efficiency, ema, extremes, flow, volatility, vwap,
    wick,
};
use crate::units::Micros;

/// Most minutes a rolling window may span: one day; longer memory comes from per-day summaries.
const MAX_WINDOW_MINUTES: u32 = 1_440;
/// Most 5-minute bars a rolling window may span: one day.
const MAX_WINDOW_BARS: u32 = 288;

/// What a condition does when one of its inputs has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMissing {
    /// The condition counts as if it spoke against trading.
    Block,
    /// The condition is left out and reported as skipped.
    Skip,
}

/// Which feature, with its parameters.
///
/// # Units
/// `bars` are completed 5-minute bars, `minutes` are minutes, `days_back` whole UTC days of replay at each midnight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureParams {
    /// Exponential mean of 5-minute closes.
    Ema {
        /// Span n; `alpha = 2 / (n + 1)`.
        bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Change of the EMA per bar, in ATR.
    EmaSlope {
        /// Span of the EMA.
        bars: u32,
        /// Bars between the two EMA values.
        lag: u32,
        /// Window of the ATR.
        atr_bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Fast minus slow EMA, in ATR.
    EmaGap {
        /// Span of the fast EMA.
        fast: u32,
        /// Span of the slow EMA.
        slow: u32,
        /// Window of the ATR.
        atr_bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Wilder's average true range of 5-minute bars.
    Atr {
        /// Window n.
        bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Volume-weighted mean price since 00:00 UTC.
    SessionVwap {},
    /// Net move over path length of 5-minute closes.
    EfficiencyRatio {
        /// Number of moves n.
        bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Root of the sum of squared 1-minute log returns.
    RealisedVol {
        /// Number of returns n.
        minutes: u32,
        /// Smallest share of returns into minutes that are not filled.
        min_valid_share: f64,
        /// Replay window.
        days_back: u16,
    },
    /// Realised volatility over the median of the daily medians of the days before.
    RvRatio {
        /// Number of returns n of the realised volatility.
        minutes: u32,
        /// Days whose medians are compared with; also the replay window.
        days: u16,
        /// Smallest valid share of returns in a window, of minutes in a day, and of days.
        min_valid_share: f64,
    },
    /// Highest high and lowest low of the bars before the current one.
    Extremes {
        /// Number of bars n.
        bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Median volume of the bars before the current one.
    VolumeMedian {
        /// Number of bars n.
        bars: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Trade flow imbalance.
    Tfi {
        /// Number of minutes n.
        minutes: u32,
        /// Replay window.
        days_back: u16,
    },
    /// Wick shares of the last 5-minute bar.
    Wick {
        /// Replay window.
        days_back: u16,
    },
}

impl FeatureParams {
    /// Returns every rule the parameters break.
    pub fn check(&self) -> Vec<ParamViolation> {
        let mut c = Checker::new();
        let kind = self.kind();
        let mut int = |key: &str, value: u32, low: u32, high: u32| {
            c.require(
                (low..=high).contains(&value),
                format!("{kind}.{key}"),
                value,
                format!("{low} to {high}"),
            );
        };
        match *self {
            Self::Ema { bars, .. } | Self::Atr { bars, .. } => {
                int("bars", bars, 1, MAX_WINDOW_BARS);
            }
            Self::EmaSlope {
                bars,
                lag,
                atr_bars,
                ..
            } => {
                int("bars", bars, 1, MAX_WINDOW_BARS);
                int("lag", lag, 1, MAX_WINDOW_BARS);
                int("atr_bars", atr_bars, 1, MAX_WINDOW_BARS);
            }
            Self::EmaGap {
                fast,
                slow,
                atr_bars,
                ..
            } => {
                int("slow", slow, 2, MAX_WINDOW_BARS);
                int("fast", fast, 1, slow.saturating_sub(1).max(1));
                int("atr_bars", atr_bars, 1, MAX_WINDOW_BARS);
            }
            Self::EfficiencyRatio { bars, .. }
            | Self::Extremes { bars, .. }
            | Self::VolumeMedian { bars, .. } => int("bars", bars, 2, MAX_WINDOW_BARS),
            Self::RealisedVol { minutes, .. } => int("minutes", minutes, 2, MAX_WINDOW_MINUTES),
            Self::RvRatio { minutes, days, .. } => {
                int("minutes", minutes, 2, MAX_WINDOW_MINUTES);
                int("days", u32::from(days), 1, 60);
            }
            Self::Tfi { minutes, .. } => int("minutes", minutes, 1, MAX_WINDOW_MINUTES),
            Self::SessionVwap {} | Self::Wick { .. } => {}
        }
        if !matches!(self, Self::RvRatio { .. }) {
            int("days_back", u32::from(self.days_back()), 0, 60);
        }
        if let Self::RealisedVol {
            min_valid_share, ..
        }
        | Self::RvRatio {
            min_valid_share, ..
        } = *self
        {
            c.require(
                (0.0..=1.0).contains(&min_valid_share),
                format!("{kind}.min_valid_share"),
                min_valid_share,
                "0 to 1",
            );
        }
        c.into_violations()
    }

    /// Returns the name of the kind, as in the config.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ema { .. } => "ema",
            Self::EmaSlope { .. } => "ema_slope",
            Self::EmaGap { .. } => "ema_gap",
            Self::Atr { .. } => "atr",
            Self::SessionVwap {} => "session_vwap",
            Self::EfficiencyRatio { .. } => "efficiency_ratio",
            Self::RealisedVol { .. } => "realised_vol",
            Self::RvRatio { .. } => "rv_ratio",
            Self::Extremes { .. } => "extremes",
            Self::VolumeMedian { .. } => "volume_median",
            Self::Tfi { .. } => "tfi",
            Self::Wick { .. } => "wick",
        }
    }

    /// Returns the whole days of replay.
    pub const fn days_back(&self) -> u16 {
        match *self {
            Self::Ema { days_back, .. }
            | Self::EmaSlope { days_back, .. }
            | Self::EmaGap { days_back, .. }
            | Self::Atr { days_back, .. }
            | Self::EfficiencyRatio { days_back, .. }
            | Self::RealisedVol { days_back, .. }
            | Self::Extremes { days_back, .. }
            | Self::VolumeMedian { days_back, .. }
            | Self::Tfi { days_back, .. }
            | Self::Wick { days_back } => days_back,
            Self::RvRatio { days, .. } => days,
            Self::SessionVwap {} => 0,
        }
    }

    /// Returns the feature.
    ///
    /// # Errors
    /// `BadParams` with every violation.
    pub fn build(&self) -> Result<Box<dyn RowFeature>, FeatureError> {
        let violations = self.check();
        if !violations.is_empty() {
            return Err(FeatureError::BadParams { violations });
        }
        Ok(match *self {
            Self::Ema { bars, days_back } => Box::new(ema::Ema::new(bars, days_back)),
            Self::EmaSlope {
                bars,
                lag,
                atr_bars,
                days_back,
            } => Box::new(ema::EmaSlope::new(bars, lag, atr_bars, days_back)),
            Self::EmaGap {
                fast,
                slow,
                atr_bars,
                days_back,
            } => Box::new(ema::EmaGap::new(fast, slow, atr_bars, days_back)),
            Self::Atr { bars, days_back } => Box::new(ema::Atr::new(bars, days_back)),
            Self::SessionVwap {} => Box::new(vwap::SessionVwap::new()),
            Self::EfficiencyRatio { bars, days_back } => {
                Box::new(efficiency::EfficiencyRatio::new(bars, days_back))
            }
            Self::RealisedVol {
                minutes,
                min_valid_share,
                days_back,
            } => Box::new(volatility::RealisedVol::new(
                minutes,
                min_valid_share,
                days_back,
            )),
            Self::RvRatio {
                minutes,
                days,
                min_valid_share,
            } => Box::new(volatility::RvRatio::new(minutes, days, min_valid_share)),
            Self::Extremes { bars, days_back } => {
                Box::new(extremes::Extremes::new(bars, days_back))
            }
            Self::VolumeMedian { bars, days_back } => {
                Box::new(extremes::VolumeMedian::new(bars, days_back))
            }
            Self::Tfi { minutes, days_back } => Box::new(flow::Tfi::new(minutes, days_back)),
            Self::Wick { days_back } => Box::new(wick::Wick::new(days_back)),
        })
    }
}

/// Everything that defines a feature set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSetParams {
    /// Added to `ts_close` to get `ts_avail`, microseconds.
    pub watermark: Micros,
    /// A longer run of filled or absent minutes ends a segment.
    pub segment_gap_minutes: u32,
    /// The features, in column order.
    pub features: Vec<FeatureParams>,
}

impl FeatureSetParams {
    /// Builds every feature.
    ///
    /// # Errors
    /// `BadParams` with the violations of all features, an empty list, a negative watermark or a column that two
    /// features would write.
    pub(crate) fn build(&self) -> Result<Vec<Box<dyn RowFeature>>, FeatureError> {
        let mut c = Checker::new();
        c.require(
            self.watermark.0 >= 0,
            "watermark",
            self.watermark.0,
            "at least 0",
        );
        c.require(
            !self.features.is_empty(),
            "features",
            "empty",
            "at least one feature",
        );
        let mut violations = c.into_violations();
        let mut built = Vec::with_capacity(self.features.len());
        for (i, params) in self.features.iter().enumerate() {
            match params.build() {
                Ok(feature) => built.push(feature),
                Err(FeatureError::BadParams { violations: found }) => {
                    violations.extend(found.into_iter().map(|v| ParamViolation {
                        key: format!("features[{i}].{}", v.key),
                        ..v
                    }));
                }
                Err(other) => return Err(other),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for column in built.iter().flat_map(|f| &f.spec().columns) {
            if !seen.insert(column) {
                violations.push(ParamViolation {
                    key: "features".to_owned(),
                    value: format!("writing column `{column}` twice"),
                    expected: "every column once".to_owned(),
                });
            }
        }
        if violations.is_empty() {
            Ok(built)
        } else {
            Err(FeatureError::BadParams { violations })
        }
    }
}

/// Version of the meaning of all features: raised whenever any value changes for the same rows.
const VERSION: u32 = 1;

/// Returns the first 16 hex digits of the sha256 over the full specification.
pub(crate) fn set_id(params: &FeatureSetParams, features: &[Box<dyn RowFeature>]) -> String {
    // Every text carries its length, so no two specifications share one encoding.
    let mut text = String::new();
    let mut put = |s: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}:{s}", s.len());
    };
    put(&format!("feature set version {VERSION}"));
    put(&params.watermark.0.to_string());
    put(&params.segment_gap_minutes.to_string());
    for feature in features {
        let spec = feature.spec();
        put(spec.name);
        put(&spec.columns.len().to_string());
        spec.columns.iter().for_each(|c| put(c));
        put(&spec.params.len().to_string());
        for (name, value) in &spec.params {
            put(name);
            put(value);
        }
        for part in [
            spec.formula,
            spec.units,
            &spec.window,
            &spec.warmup,
            spec.inputs,
            spec.nan_policy,
        ] {
            put(part);
        }
        put(&spec.days_back.to_string());
    }
    hex16(text.as_bytes())
}

/// Returns the first 16 hex digits of the sha256 of `bytes`.
pub(crate) fn hex16(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}
