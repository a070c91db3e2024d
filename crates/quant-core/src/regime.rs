//! What kind of market this is: TREND, RANGE, HAZARD or TRANSITION, with scores.
//!
//! A regime gates entries and groups reports. It decides no trade, and it is filtered, never smoothed.

mod params;
mod rules;

pub use params::{HazardRules, RangeRules, RegimeParams, Threshold, TrendRules};
pub use rules::RuleRegime;

use serde::{Deserialize, Serialize};

use crate::features::{FeatureRow, ParamViolation, Side, UnixMicros};

pub use crate::features::IfMissing;

/// Why a regime model refuses its parameters, its columns or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegimeError {
    /// One or more parameters break their rules.
    #[error("bad regime parameters:\n{}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    BadParams {
        /// Every violation found.
        violations: Vec<ParamViolation>,
    },
    /// A wanted column is not in the feature set.
    #[error("no feature writes the column `{column}`\nhint: add the feature to `features`")]
    NoColumn {
        /// The missing column.
        column: String,
    },
    /// A snapshot has a direction without a trend, or a trend without a direction.
    #[error("regime snapshot of `{}` has the wrong direction", state.name())]
    SnapshotDirection {
        /// State of the snapshot.
        state: RegimeState,
    },
    /// A snapshot was written by another version of the model.
    #[error("regime snapshot has version {found}; expected {expected}")]
    SnapshotVersion {
        /// Version of this model.
        expected: u32,
        /// Version of the snapshot.
        found: u32,
    },
}

/// What a market is said to be; a greater value outranks a smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegimeState {
    /// No regime holds, or one has only just begun.
    Transition,
    /// Mean-reverting.
    Range,
    /// Trending.
    Trend,
    /// Dangerous: high volatility or stress.
    Hazard,
}

impl RegimeState {
    /// Returns the name written to reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Range => "range",
            Self::Trend => "trend",
            Self::Hazard => "hazard",
        }
    }
}

/// Inputs of one completed 5-minute bar; `None` where no source has the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeInputs {
    /// Exclusive end of the bar.
    pub ts: UnixMicros,
    /// Net move over path length, [0, 1].
    pub efficiency_ratio: Option<f64>,
    /// Fast minus slow EMA, average true ranges.
    pub ema_gap: Option<f64>,
    /// EMA change per bar, average true ranges.
    pub ema_slope: Option<f64>,
    /// Realised volatility over its trailing median.
    pub rv_ratio: Option<f64>,
    /// Spread over its usual value.
    pub spread_stress: Option<f64>,
    /// Usual depth over depth.
    pub depth_stress: Option<f64>,
    /// VPIN itself, [0, 1].
    pub vpin: Option<f64>,
    /// VPIN percentile, [0, 1].
    pub vpin_pct: Option<f64>,
    /// Share of jump variation, [0, 1].
    pub jump_share: Option<f64>,
}

/// Column names of the inputs; `None` leaves an input without a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeColumns {
    /// Column of the efficiency ratio.
    pub efficiency_ratio: Option<String>,
    /// Column of the EMA gap.
    pub ema_gap: Option<String>,
    /// Column of the EMA slope.
    pub ema_slope: Option<String>,
    /// Column of the volatility ratio.
    pub rv_ratio: Option<String>,
    /// Column of the spread stress.
    pub spread_stress: Option<String>,
    /// Column of the depth stress.
    pub depth_stress: Option<String>,
    /// Column of VPIN.
    pub vpin: Option<String>,
    /// Column of the VPIN percentile.
    pub vpin_pct: Option<String>,
    /// Column of the jump share.
    pub jump_share: Option<String>,
}

impl RegimeColumns {
    /// Finds every named column in `columns`.
    ///
    /// # Errors
    /// `NoColumn` for the first name that is not there.
    pub fn bind(&self, columns: &[String]) -> Result<RegimeBinding, RegimeError> {
        let find = |name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => columns
                .iter()
                .position(|c| c == name)
                .map(Some)
                .ok_or_else(|| RegimeError::NoColumn {
                    column: name.clone(),
                }),
        };
        Ok(RegimeBinding {
            idx: [
                find(&self.efficiency_ratio)?,
                find(&self.ema_gap)?,
                find(&self.ema_slope)?,
                find(&self.rv_ratio)?,
                find(&self.spread_stress)?,
                find(&self.depth_stress)?,
                find(&self.vpin)?,
                find(&self.vpin_pct)?,
                find(&self.jump_share)?,
            ],
        })
    }
}

/// Where the inputs stand in a feature row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegimeBinding {
    idx: [Option<usize>; 9],
}

impl RegimeBinding {
    /// Reads the inputs of the bar that ends at `bar_close` from the row of its last minute.
    pub fn read(&self, bar_close: UnixMicros, row: &FeatureRow) -> RegimeInputs {
        let value = |i: usize| self.idx[i].and_then(|at| row.values.get(at).copied().flatten());
        RegimeInputs {
            ts: bar_close,
            efficiency_ratio: value(0),
            ema_gap: value(1),
            ema_slope: value(2),
            rv_ratio: value(3),
            spread_stress: value(4),
            depth_stress: value(5),
            vpin: value(6),
            vpin_pct: value(7),
            jump_share: value(8),
        }
    }
}

/// How far each state's enter conditions are met, in [0, 1]; 1 means met, `None` means no input had a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeScores {
    /// Of TREND, in the direction it is more met in.
    pub trend: Option<f64>,
    /// Of RANGE.
    pub range: Option<f64>,
    /// Of HAZARD.
    pub hazard: Option<f64>,
}

/// What a regime model says about one bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegimeOutput {
    /// End of the bar.
    pub ts: UnixMicros,
    /// The state to act on.
    pub state: RegimeState,
    /// Direction of a trend; `Some` exactly in `Trend`.
    pub direction: Option<Side>,
    /// Bars in the underlying state, this one included.
    pub dwell_bars: u32,
    /// The underlying state changed on this bar.
    pub changed: bool,
    /// How far each state's conditions are met.
    pub scores: RegimeScores,
    /// Conditions left out because their input is missing, `state.condition`.
    pub skipped: Vec<&'static str>,
}

/// The state of a regime model between two bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeSnapshot {
    /// Version of the model that wrote it.
    pub version: u32,
    /// Underlying state.
    pub state: RegimeState,
    /// Direction of the trend.
    pub direction: Option<Side>,
    /// Bars in the underlying state.
    pub dwell_bars: u32,
}

/// Says what kind of market it is, bar by bar.
///
/// # Causality
/// An output uses inputs of its bar and before. State runs on across midnight, as a snapshot saved there.
pub trait RegimeModel {
    /// Takes the inputs of the next completed bar.
    fn update(&mut self, row: &RegimeInputs) -> RegimeOutput;
    /// Returns the state to save.
    fn state(&self) -> RegimeSnapshot;
    /// Continues from a saved state.
    ///
    /// # Errors
    /// `SnapshotVersion` if another version wrote it, `SnapshotDirection` if it contradicts itself.
    fn restore(&mut self, snapshot: &RegimeSnapshot) -> Result<(), RegimeError>;
}

#[cfg(test)]
mod tests;
