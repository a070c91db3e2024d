//! Parameters of the entry rules. None has a default; `check` names every violation at once.

use serde::{Deserialize, Serialize};

use crate::features::{IfMissing, ParamViolation};
use crate::strategy::{StrategyError, Subtype};

/// Trend pullback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullbackParams {
    /// Switch of `trend_pullback_long`.
    pub long: bool,
    /// Switch of `trend_pullback_short`.
    pub short: bool,
    /// How near the fast EMA or session VWAP the pullback must come, average true ranges.
    pub max_distance_atr: f64,
    /// The fast EMA slope of both bars must be above this, average true ranges per bar.
    pub min_slope_atr: f64,
    /// Without a slope of both bars.
    pub slope_if_missing: IfMissing,
    /// Without a previous bar to close beyond.
    pub close_back_if_missing: IfMissing,
    /// Stop distance, average true ranges.
    pub stop_atr: f64,
    /// Target distance, average true ranges.
    pub target_atr: f64,
}

/// Trend breakout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakoutParams {
    /// Switch of `trend_breakout_long`.
    pub long: bool,
    /// Switch of `trend_breakout_short`.
    pub short: bool,
    /// How far beyond the extreme the close must be, average true ranges.
    pub buffer_atr: f64,
    /// Volume must be above this multiple of its median.
    pub volume_mult: f64,
    /// Without a median volume.
    pub volume_if_missing: IfMissing,
    /// Trade flow imbalance in the direction at least.
    pub min_tfi: f64,
    /// Without a trade flow imbalance.
    pub flow_if_missing: IfMissing,
    /// Stop distance, average true ranges.
    pub stop_atr: f64,
    /// Target distance, average true ranges.
    pub target_atr: f64,
}

/// Range fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FadeParams {
    /// Switch of `range_fade_long`.
    pub long: bool,
    /// Switch of `range_fade_short`.
    pub short: bool,
    /// How near the range edge the close must be, average true ranges.
    pub max_distance_atr: f64,
    /// Smallest share of the rejection wick in the bar's range.
    pub min_wick_share: f64,
    /// Without a wick (a bar without range).
    pub wick_if_missing: IfMissing,
    /// Largest microprice deviation against the entry, average true ranges.
    pub max_wmid_against: f64,
    /// Without a book.
    pub wmid_if_missing: IfMissing,
    /// Largest trade flow imbalance against the entry.
    pub max_tfi_against: f64,
    /// Without a trade flow imbalance.
    pub flow_if_missing: IfMissing,
    /// Stop distance, average true ranges.
    pub stop_atr: f64,
    /// Target distance, average true ranges.
    pub target_atr: f64,
}

/// Parameters of all entries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryParams {
    /// Bars after an accepted entry during which its side accepts no other; 0 switches the rule off.
    pub cooldown_bars: u32,
    /// Trend pullback.
    pub trend_pullback: PullbackParams,
    /// Trend breakout.
    pub trend_breakout: BreakoutParams,
    /// Range fade.
    pub range_fade: FadeParams,
}

impl EntryParams {
    /// Returns whether a subtype is switched on.
    pub const fn is_enabled(&self, subtype: Subtype) -> bool {
        match subtype {
            Subtype::TrendPullbackLong => self.trend_pullback.long,
            Subtype::TrendPullbackShort => self.trend_pullback.short,
            Subtype::TrendBreakoutLong => self.trend_breakout.long,
            Subtype::TrendBreakoutShort => self.trend_breakout.short,
            Subtype::RangeFadeLong => self.range_fade.long,
            Subtype::RangeFadeShort => self.range_fade.short,
        }
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// `BadParams` with every violation.
    pub fn check(&self) -> Result<(), StrategyError> {
        let (p, b, f) = (&self.trend_pullback, &self.trend_breakout, &self.range_fade);
        let mut violations = Vec::new();
        let mut require = |ok: bool, key: &str, value: f64, expected: &str| {
            if !ok {
                violations.push(ParamViolation {
                    key: key.to_owned(),
                    value: value.to_string(),
                    expected: expected.to_owned(),
                });
            }
        };
        for (key, x) in [
            ("trend_pullback.max_distance_atr", p.max_distance_atr),
            ("trend_pullback.min_slope_atr", p.min_slope_atr),
            ("trend_breakout.buffer_atr", b.buffer_atr),
            ("trend_breakout.volume_mult", b.volume_mult),
            ("range_fade.max_distance_atr", f.max_distance_atr),
            ("range_fade.max_wmid_against", f.max_wmid_against),
        ] {
            require(x >= 0.0 && x.is_finite(), key, x, "a number of at least 0");
        }
        for (key, x) in [
            ("trend_pullback.stop_atr", p.stop_atr),
            ("trend_pullback.target_atr", p.target_atr),
            ("trend_breakout.stop_atr", b.stop_atr),
            ("trend_breakout.target_atr", b.target_atr),
            ("range_fade.stop_atr", f.stop_atr),
            ("range_fade.target_atr", f.target_atr),
        ] {
            require(x > 0.0 && x.is_finite(), key, x, "a positive number");
        }
        for (key, x) in [
            ("trend_breakout.min_tfi", b.min_tfi),
            ("range_fade.min_wick_share", f.min_wick_share),
            ("range_fade.max_tfi_against", f.max_tfi_against),
        ] {
            require((0.0..=1.0).contains(&x), key, x, "0 to 1");
        }
        if violations.is_empty() {
            Ok(())
        } else {
            Err(StrategyError::BadParams { violations })
        }
    }
}
