//! Entries on 5-minute bars: six subtypes, each a list of named conditions, each rejection with its reason.
//!
//! It proposes; it does not size, veto, order or close. Everything is a pure function of the current and previous
//! bar, feature values, the regime, cooldowns and the trades the driver says are open.

mod conditions;
mod engine;
mod params;
mod range_fade;
mod trend_breakout;
mod trend_pullback;

pub use conditions::{ConditionResult, Outcome};
pub use engine::{CooldownState, EntryEngine, Evaluation, SubtypeCounts, evaluate};
pub use params::{BreakoutParams, EntryParams, FadeParams, PullbackParams};

use serde::{Deserialize, Serialize};

use crate::features::{BarN, FeatureRow, ParamViolation, Side};
use crate::regime::RegimeOutput;
use crate::time::UnixMicros;

pub use crate::features::IfMissing;

/// Why entries refuse their parameters or columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// One or more parameters break their rules.
    #[error("bad entry parameters:\n{}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
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
}

/// A kind of entry; its name says its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subtype {
    /// Buys a pullback in a rising trend.
    TrendPullbackLong,
    /// Sells a pullback in a falling trend.
    TrendPullbackShort,
    /// Buys a breakout in a rising trend.
    TrendBreakoutLong,
    /// Sells a breakout in a falling trend.
    TrendBreakoutShort,
    /// Buys the lower edge of a range.
    RangeFadeLong,
    /// Sells the upper edge of a range.
    RangeFadeShort,
}

impl Subtype {
    /// Every subtype, in the order they are evaluated in.
    pub const ALL: [Self; 6] = [
        Self::TrendPullbackLong,
        Self::TrendPullbackShort,
        Self::TrendBreakoutLong,
        Self::TrendBreakoutShort,
        Self::RangeFadeLong,
        Self::RangeFadeShort,
    ];

    /// Returns the name used in configs, ids and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrendPullbackLong => "trend_pullback_long",
            Self::TrendPullbackShort => "trend_pullback_short",
            Self::TrendBreakoutLong => "trend_breakout_long",
            Self::TrendBreakoutShort => "trend_breakout_short",
            Self::RangeFadeLong => "range_fade_long",
            Self::RangeFadeShort => "range_fade_short",
        }
    }

    /// Returns the side it enters on.
    pub const fn side(self) -> Side {
        match self {
            Self::TrendPullbackLong | Self::TrendBreakoutLong | Self::RangeFadeLong => Side::Buy,
            Self::TrendPullbackShort | Self::TrendBreakoutShort | Self::RangeFadeShort => {
                Side::Sell
            }
        }
    }

    /// Returns its position in [`Self::ALL`].
    pub const fn idx(self) -> usize {
        self as usize
    }
}

/// Which subtypes have an open trade on the instrument, by [`Subtype::idx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenTrades(pub [bool; 6]);

impl OpenTrades {
    /// Returns "nothing is open".
    pub const fn none() -> Self {
        Self([false; 6])
    }
}

/// Feature values of one completed bar; `None` where no source has the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryFeatures {
    /// Average true range, price units.
    pub atr: Option<f64>,
    /// Fast exponential mean.
    pub fast_ema: Option<f64>,
    /// Its slope, average true ranges per bar.
    pub fast_slope: Option<f64>,
    /// Session VWAP.
    pub session_vwap: Option<f64>,
    /// Highest high of the bars before: beyond it is a breakout.
    pub breakout_high: Option<f64>,
    /// Lowest low of the bars before.
    pub breakout_low: Option<f64>,
    /// Upper edge of the range to fade.
    pub range_high: Option<f64>,
    /// Lower edge of the range to fade.
    pub range_low: Option<f64>,
    /// Median volume of the bars before.
    pub volume_median: Option<f64>,
    /// Trade flow imbalance, [-1, 1].
    pub tfi: Option<f64>,
    /// Upper wick share of the bar.
    pub upper_wick: Option<f64>,
    /// Lower wick share of the bar.
    pub lower_wick: Option<f64>,
    /// Microprice minus mid, average true ranges.
    pub wmid_dev: Option<f64>,
}

/// Column names of the feature values; `None` leaves a value without a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryColumns {
    /// Column of the average true range.
    pub atr: Option<String>,
    /// Column of the fast exponential mean.
    pub fast_ema: Option<String>,
    /// Column of its slope.
    pub fast_slope: Option<String>,
    /// Column of the session VWAP.
    pub session_vwap: Option<String>,
    /// Column of the highest high to break.
    pub breakout_high: Option<String>,
    /// Column of the lowest low to break.
    pub breakout_low: Option<String>,
    /// Column of the upper edge to fade.
    pub range_high: Option<String>,
    /// Column of the lower edge to fade.
    pub range_low: Option<String>,
    /// Column of the median volume.
    pub volume_median: Option<String>,
    /// Column of the trade flow imbalance.
    pub tfi: Option<String>,
    /// Column of the upper wick share.
    pub upper_wick: Option<String>,
    /// Column of the lower wick share.
    pub lower_wick: Option<String>,
    /// Column of the microprice deviation: basis points of the close, as `wmid_dev` of the features.
    pub wmid_dev: Option<String>,
}

impl EntryColumns {
    /// Finds every named column in `columns`.
    ///
    /// # Errors
    /// `NoColumn` for the first name that is not there.
    pub fn bind(&self, columns: &[String]) -> Result<EntryBinding, StrategyError> {
        let names = [
            &self.atr,
            &self.fast_ema,
            &self.fast_slope,
            &self.session_vwap,
            &self.breakout_high,
            &self.breakout_low,
            &self.range_high,
            &self.range_low,
            &self.volume_median,
            &self.tfi,
            &self.upper_wick,
            &self.lower_wick,
            &self.wmid_dev,
        ];
        let mut idx = [None; 13];
        for (slot, name) in idx.iter_mut().zip(names) {
            if let Some(name) = name {
                let at = columns.iter().position(|c| c == name);
                *slot = Some(at.ok_or_else(|| StrategyError::NoColumn {
                    column: name.clone(),
                })?);
            }
        }
        Ok(EntryBinding { idx })
    }
}

/// Where the feature values stand in a feature row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryBinding {
    idx: [Option<usize>; 13],
}

impl EntryBinding {
    /// Reads the values of `bar`, whose last minute `row` is.
    pub fn read(&self, row: &FeatureRow, bar: &BarN) -> EntryFeatures {
        let value = |i: usize| self.idx[i].and_then(|at| row.values.get(at).copied().flatten());
        let atr = value(0);
        // The column is in basis points of the close, the rules are in average true ranges.
        let wmid_dev = match (value(12), bar.close, atr) {
            (Some(bps), Some(close), Some(atr)) if atr > 0.0 => Some(bps / 1e4 * close / atr),
            _ => None,
        };
        EntryFeatures {
            atr,
            fast_ema: value(1),
            fast_slope: value(2),
            session_vwap: value(3),
            breakout_high: value(4),
            breakout_low: value(5),
            range_high: value(6),
            range_low: value(7),
            volume_median: value(8),
            tfi: value(9),
            upper_wick: value(10),
            lower_wick: value(11),
            wmid_dev,
        }
    }
}

/// Everything a decision on one completed bar may depend on, beside cooldowns and parameters.
#[derive(Clone, Copy, Debug)]
pub struct EntryInputs<'a> {
    /// `ts_avail` of the bar's last minute row.
    pub ts_decision: UnixMicros,
    /// The completed bar.
    pub bar: &'a BarN,
    /// Its feature values.
    pub features: &'a EntryFeatures,
    /// The bar before and its values; used only if it ended where this one begins.
    pub previous: Option<(&'a BarN, &'a EntryFeatures)>,
    /// The regime of the bar.
    pub regime: &'a RegimeOutput,
    /// Open trades of the instrument.
    pub open: OpenTrades,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateStatus {
    /// Every condition passed or was skipped.
    Accepted,
    /// The name of the first condition that did not pass.
    Rejected(&'static str),
}

/// An entry whose regime gate and trigger passed, accepted or not.
///
/// # Units
/// Prices quote per base; `width` is the average true range at the decision, price units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// First 16 hex digits of sha256 over `instrument|bar_close us|subtype|side`.
    pub id: String,
    /// First moment it may be acted on.
    pub ts_decision: UnixMicros,
    /// Exclusive end of its bar.
    pub bar_close: UnixMicros,
    /// Instrument id.
    pub instrument: String,
    /// Kind of entry.
    pub subtype: Subtype,
    /// Side of the entry.
    pub side: Side,
    /// Close of the bar.
    pub ref_price: f64,
    /// Average true range.
    pub width: f64,
    /// Stop price.
    pub stop: f64,
    /// Target price.
    pub target: f64,
    /// Accepted, or why not.
    pub status: CandidateStatus,
    /// Every condition in order, the trigger first.
    pub reasons: Vec<ConditionResult>,
    /// Conditions left out because an input is missing.
    pub skipped: Vec<&'static str>,
}

#[cfg(test)]
mod tests;
