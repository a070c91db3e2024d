//! Parameters of the rule-based regime. None has a default; `check` names every violation at once.

use serde::{Deserialize, Serialize};

use crate::features::{IfMissing, ParamViolation};
use crate::regime::RegimeError;

/// One condition: where it begins to hold, where it stops, and what happens without its input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Level to enter the state.
    pub enter: f64,
    /// Level to stay in it, never stricter than `enter`.
    pub leave: f64,
    /// `skip`: the condition is left out. `block`: TREND and RANGE do not hold, HAZARD does.
    pub if_missing: IfMissing,
}

/// TREND: all conditions, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendRules {
    /// Efficiency ratio at least.
    pub efficiency_ratio: Threshold,
    /// EMA gap in the direction at least, average true ranges.
    pub ema_gap: Threshold,
    /// EMA slope in the direction at least, average true ranges per bar.
    pub ema_slope: Threshold,
}

/// RANGE: all conditions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeRules {
    /// Efficiency ratio at most.
    pub efficiency_ratio: Threshold,
    /// Absolute EMA gap at most, average true ranges.
    pub ema_gap: Threshold,
    /// Absolute EMA slope at most, average true ranges per bar.
    pub ema_slope: Threshold,
}

/// HAZARD: any condition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HazardRules {
    /// Volatility ratio at least.
    pub rv_ratio: Threshold,
    /// Spread stress at least.
    pub spread_stress: Threshold,
    /// Depth stress at least.
    pub depth_stress: Threshold,
    /// VPIN at least, whatever it was before.
    pub vpin: Threshold,
    /// VPIN percentile at least.
    pub vpin_pct: Threshold,
    /// Jump share at least.
    pub jump_share: Threshold,
}

/// Parameters of [`crate::regime::RuleRegime`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeParams {
    /// Bars a state lasts unless a higher one outranks it.
    pub min_dwell_bars: u32,
    /// First bars after a change that are reported as TRANSITION.
    pub transition_bars: u32,
    /// TREND.
    pub trend: TrendRules,
    /// RANGE.
    pub range: RangeRules,
    /// HAZARD.
    pub hazard: HazardRules,
}

impl RegimeParams {
    /// Checks every rule.
    ///
    /// # Errors
    /// `BadParams` with every violation: thresholds are positive and finite, a leave level is never stricter than
    /// its enter level, a state lasts at least one bar.
    pub fn check(&self) -> Result<(), RegimeError> {
        let mut violations = Vec::new();
        if self.min_dwell_bars == 0 {
            violations.push(ParamViolation {
                key: "min_dwell_bars".to_owned(),
                value: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        let (t, r, h) = (&self.trend, &self.range, &self.hazard);
        for (key, threshold, is_floor) in [
            ("trend.efficiency_ratio", t.efficiency_ratio, true),
            ("trend.ema_gap", t.ema_gap, true),
            ("trend.ema_slope", t.ema_slope, true),
            ("range.efficiency_ratio", r.efficiency_ratio, false),
            ("range.ema_gap", r.ema_gap, false),
            ("range.ema_slope", r.ema_slope, false),
            ("hazard.rv_ratio", h.rv_ratio, true),
            ("hazard.spread_stress", h.spread_stress, true),
            ("hazard.depth_stress", h.depth_stress, true),
            ("hazard.vpin", h.vpin, true),
            ("hazard.vpin_pct", h.vpin_pct, true),
            ("hazard.jump_share", h.jump_share, true),
        ] {
            for (level, value) in [("enter", threshold.enter), ("leave", threshold.leave)] {
                if !(value > 0.0 && value.is_finite()) {
                    violations.push(ParamViolation {
                        key: format!("{key}.{level}"),
                        value: value.to_string(),
                        expected: "a positive number".to_owned(),
                    });
                }
            }
            let (strict, loose) = if is_floor {
                (threshold.leave > threshold.enter, "at most")
            } else {
                (threshold.leave < threshold.enter, "at least")
            };
            if strict {
                violations.push(ParamViolation {
                    key: format!("{key}.leave"),
                    value: threshold.leave.to_string(),
                    expected: format!("{loose} `enter` ({})", threshold.enter),
                });
            }
        }
        if violations.is_empty() {
            Ok(())
        } else {
            Err(RegimeError::BadParams { violations })
        }
    }
}
