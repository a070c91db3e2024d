//! The rule-based regime: thresholds with hysteresis, ranks and dwell. It learns nothing.

use crate::features::Side;
use crate::regime::{
    IfMissing, RegimeError, RegimeInputs, RegimeModel, RegimeOutput, RegimeParams, RegimeScores,
    RegimeSnapshot, RegimeState, Threshold,
};

/// Version of the snapshot and of the rules behind it.
const VERSION: u32 = 2;

/// The state underneath the reported one; `Transition` stands for "none holds".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Base {
    state: RegimeState,
    direction: Option<Side>,
}

const NONE: Base = Base {
    state: RegimeState::Transition,
    direction: None,
};
const RANGE: Base = Base {
    state: RegimeState::Range,
    direction: None,
};
const HAZARD: Base = Base {
    state: RegimeState::Hazard,
    direction: None,
};

impl Base {
    const fn trend(direction: Side) -> Self {
        Self {
            state: RegimeState::Trend,
            direction: Some(direction),
        }
    }
}

/// Rule-based regime: HAZARD outranks TREND outranks RANGE outranks nothing.
///
/// A state is left when its leave conditions fail and it has lasted `min_dwell_bars`; a higher rank takes over at
/// once. TREND up and TREND down are two states of the same rank. The first `transition_bars` of a TREND or RANGE are
/// reported as TRANSITION; HAZARD is reported from its first bar, because a delayed warning is none. TREND needs at
/// least one input that has a direction. If all conditions of a state are skipped, it does not hold.
#[derive(Clone, Debug)]
pub struct RuleRegime {
    params: RegimeParams,
    base: Base,
    dwell_bars: u32,
}

/// One condition with its input.
struct Condition {
    name: &'static str,
    value: Option<f64>,
    threshold: Threshold,
    /// The value must be at least the level; otherwise at most.
    is_floor: bool,
}

impl Condition {
    /// Returns whether the condition holds at its enter (or leave) level; `None` if it is skipped.
    fn holds(&self, entering: bool, missing_holds: bool) -> Option<bool> {
        let level = if entering {
            self.threshold.enter
        } else {
            self.threshold.leave
        };
        match (self.value, self.threshold.if_missing) {
            (Some(x), _) => Some(if self.is_floor {
                x >= level
            } else {
                x <= level
            }),
            (None, IfMissing::Block) => Some(missing_holds),
            (None, IfMissing::Skip) => None,
        }
    }

    /// Returns how far the enter level is met, in [0, 1].
    fn score(&self) -> Option<f64> {
        let level = self.threshold.enter;
        self.value.map(|x| {
            if self.is_floor {
                (x / level).clamp(0.0, 1.0)
            } else if x <= level {
                1.0
            } else {
                level / x
            }
        })
    }
}

fn all_hold(conditions: &[Condition], entering: bool) -> bool {
    let mut evaluated = 0;
    for condition in conditions {
        match condition.holds(entering, false) {
            Some(false) => return false,
            Some(true) => evaluated += 1,
            None => {}
        }
    }
    evaluated > 0
}

fn any_holds(conditions: &[Condition], entering: bool) -> bool {
    conditions
        .iter()
        .any(|c| c.holds(entering, true) == Some(true))
}

fn weakest(conditions: &[Condition]) -> Option<f64> {
    conditions
        .iter()
        .filter_map(Condition::score)
        .reduce(f64::min)
}

fn strongest(conditions: &[Condition]) -> Option<f64> {
    conditions
        .iter()
        .filter_map(Condition::score)
        .reduce(f64::max)
}

impl RuleRegime {
    /// Returns the model before its first bar.
    ///
    /// # Errors
    /// `BadParams` with every violation.
    pub fn new(params: RegimeParams) -> Result<Self, RegimeError> {
        params.check()?;
        Ok(Self {
            params,
            base: NONE,
            dwell_bars: 0,
        })
    }

    fn trend(&self, row: &RegimeInputs, direction: Side) -> [Condition; 3] {
        let p = &self.params.trend;
        let sign = f64::from(direction.sign());
        let floor = |name, value: Option<f64>, threshold| Condition {
            name,
            value,
            threshold,
            is_floor: true,
        };
        [
            floor(
                "trend.efficiency_ratio",
                row.efficiency_ratio,
                p.efficiency_ratio,
            ),
            floor("trend.ema_gap", row.ema_gap.map(|x| sign * x), p.ema_gap),
            floor(
                "trend.ema_slope",
                row.ema_slope.map(|x| sign * x),
                p.ema_slope,
            ),
        ]
    }

    fn range(&self, row: &RegimeInputs) -> [Condition; 3] {
        let p = &self.params.range;
        let ceiling = |name, value: Option<f64>, threshold| Condition {
            name,
            value,
            threshold,
            is_floor: false,
        };
        [
            ceiling(
                "range.efficiency_ratio",
                row.efficiency_ratio,
                p.efficiency_ratio,
            ),
            ceiling("range.ema_gap", row.ema_gap.map(libm::fabs), p.ema_gap),
            ceiling(
                "range.ema_slope",
                row.ema_slope.map(libm::fabs),
                p.ema_slope,
            ),
        ]
    }

    fn hazard(&self, row: &RegimeInputs) -> [Condition; 6] {
        let p = &self.params.hazard;
        let floor = |name, value: Option<f64>, threshold| Condition {
            name,
            value,
            threshold,
            is_floor: true,
        };
        [
            floor("hazard.rv_ratio", row.rv_ratio, p.rv_ratio),
            floor("hazard.spread_stress", row.spread_stress, p.spread_stress),
            floor("hazard.depth_stress", row.depth_stress, p.depth_stress),
            floor("hazard.vpin", row.vpin, p.vpin),
            floor("hazard.vpin_pct", row.vpin_pct, p.vpin_pct),
            floor("hazard.jump_share", row.jump_share, p.jump_share),
        ]
    }

    /// Returns the highest state that holds: by its leave levels if it is the current one, else by its enter levels.
    fn target(&self, row: &RegimeInputs) -> Base {
        if any_holds(&self.hazard(row), self.base != HAZARD) {
            return HAZARD;
        }
        if row.ema_gap.is_some() || row.ema_slope.is_some() {
            // The current direction first: both cannot enter at once, but one may still be held.
            let first = self.base.direction.unwrap_or(Side::Buy);
            for direction in [first, first.opposite()] {
                let candidate = Base::trend(direction);
                if all_hold(&self.trend(row, direction), self.base != candidate) {
                    return candidate;
                }
            }
        }
        if all_hold(&self.range(row), self.base != RANGE) {
            RANGE
        } else {
            NONE
        }
    }
}

impl RegimeModel for RuleRegime {
    fn update(&mut self, row: &RegimeInputs) -> RegimeOutput {
        let target = self.target(row);
        let changed = target != self.base
            && (target.state > self.base.state || self.dwell_bars >= self.params.min_dwell_bars);
        if changed {
            self.base = target;
            self.dwell_bars = 0;
        }
        self.dwell_bars = self.dwell_bars.saturating_add(1);
        let is_settled = self.base == HAZARD || self.dwell_bars > self.params.transition_bars;
        let shown = if is_settled { self.base } else { NONE };
        let (up, down) = (self.trend(row, Side::Buy), self.trend(row, Side::Sell));
        let (range, hazard) = (self.range(row), self.hazard(row));
        let skipped = up
            .iter()
            .chain(&range)
            .chain(&hazard)
            .filter(|c| c.value.is_none() && c.threshold.if_missing == IfMissing::Skip)
            .map(|c| c.name)
            .collect();
        RegimeOutput {
            ts: row.ts,
            state: shown.state,
            direction: shown.direction,
            dwell_bars: self.dwell_bars,
            changed,
            scores: RegimeScores {
                trend: [weakest(&up), weakest(&down)]
                    .into_iter()
                    .flatten()
                    .reduce(f64::max),
                range: weakest(&range),
                hazard: strongest(&hazard),
            },
            skipped,
        }
    }

    fn state(&self) -> RegimeSnapshot {
        RegimeSnapshot {
            version: VERSION,
            state: self.base.state,
            direction: self.base.direction,
            dwell_bars: self.dwell_bars,
        }
    }

    fn restore(&mut self, snapshot: &RegimeSnapshot) -> Result<(), RegimeError> {
        if snapshot.version != VERSION {
            return Err(RegimeError::SnapshotVersion {
                expected: VERSION,
                found: snapshot.version,
            });
        }
        if (snapshot.state == RegimeState::Trend) != snapshot.direction.is_some() {
            return Err(RegimeError::SnapshotDirection {
                state: snapshot.state,
            });
        }
        self.base = Base {
            state: snapshot.state,
            direction: snapshot.direction,
        };
        self.dwell_bars = snapshot.dwell_bars;
        Ok(())
    }
}
