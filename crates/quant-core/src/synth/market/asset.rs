//! The efficient price of an asset: shared shocks, drift of the hidden state, basis. Instruments of one asset regenerate
//! the same path from the same keys; flow and books never feed back into it.

use crate::synth::event::Regime;
use crate::synth::market::factor::{Factor, Shock, season};
use crate::synth::market::regime::{self, Transitions};
use crate::synth::rand::Rand;
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Drift arrives in this many equal steps per minute.
const DRIFT_STEPS: i64 = 12;
/// Half-life of the basis between perpetual and spot, minutes, and its standard deviation.
const BASIS: (f64, f64) = (90.0, 4e-4);
/// Half-life of the hidden flow lean, minutes.
const LEAN_HALF_LIFE: f64 = 10.0;
/// Half-life of the reverting part of the price, minutes.
const REVERSION_HALF_LIFE: f64 = 30.0;

/// One move of the efficient price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Microseconds after the start of the minute, inside it.
    pub(super) offset: i64,
    /// Move of the log price (in the null market: the relative move).
    pub(super) size: f64,
    /// Log of perpetual over spot from now on.
    pub(super) basis: f64,
}

/// What happens to an asset in a minute.
#[derive(Debug)]
pub(super) struct AssetMinute {
    pub(super) steps: Vec<Step>,
    pub(super) regime: Regime,
    /// Activity of the flow relative to the mean minute.
    pub(super) activity: f64,
    /// Standard deviation of the minute's shocks.
    pub(super) volatility: f64,
    /// Volatility relative to its mean, without the daily cycle.
    pub(super) level: f64,
    /// Lean of the flow during the minute, about -1 to 1.
    pub(super) lean: f64,
    /// Expected log return of the next minute.
    pub(super) edge: f64,
    /// Offset at which a hazard began.
    pub(super) onset: Option<i64>,
    pub(super) hazard_sign: i8,
}

/// How strong the planted edges of a profile are; all drifts in standard deviations of an average minute.
#[derive(Clone, Copy, Debug)]
struct Strength {
    /// Drift per unit of hidden lean.
    lean: f64,
    trend: f64,
    /// Share of the distance to the start of the spell recovered per minute of `Range`.
    pull: f64,
    hazard: f64,
    /// Share of each shock that reverts.
    reverting: f64,
}

const fn strength(profile: MarketProfile) -> Strength {
    let none = Strength {
        lean: 0.0,
        trend: 0.0,
        pull: 0.0,
        hazard: 0.0,
        reverting: 0.0,
    };
    match profile {
        MarketProfile::Null => none,
        MarketProfile::PlantedFlow => Strength { lean: 0.25, ..none },
        MarketProfile::PlantedHazard => Strength {
            hazard: 1.6,
            ..none
        },
        MarketProfile::PlantedTrend => Strength { trend: 0.2, ..none },
        MarketProfile::PlantedReversion => Strength {
            reverting: 0.35,
            ..none
        },
        MarketProfile::Mixed => Strength {
            lean: 0.08,
            trend: 0.1,
            pull: 0.03,
            hazard: 1.2,
            reverting: 0.0,
        },
    }
}

/// The path of one asset as one instrument sees it.
#[derive(Debug)]
pub(super) struct AssetPath {
    market: Factor,
    own: Factor,
    states: Rand,
    leans: Rand,
    basis_rand: Rand,
    pace: Rand,
    matrix: &'static Transitions,
    strength: Strength,
    is_null: bool,
    market_weight: f64,
    own_weight: f64,
    /// Standard deviation of an average minute.
    minute_sd: f64,
    regime: Regime,
    hazard_sign: i8,
    lean: f64,
    /// Reverting part of the log price.
    reverting: f64,
    /// Log price since the spell began.
    spell: f64,
    basis: f64,
    /// Log of the flow's own clustering, independent of volatility.
    pace_log: f64,
    scratch: (Vec<Shock>, Vec<Shock>),
    pub(super) minute: AssetMinute,
}

impl AssetPath {
    pub(super) fn new(world: &WorldParams, params: &InstrumentParams) -> Self {
        let profile = world.profile;
        let own = |name: &str| stream(world, &params.asset, name);
        let is_null = profile == MarketProfile::Null;
        let strength = strength(profile);
        let minutes = MINUTES_PER_DAY as f64;
        // Shocks have unit variance per day; what drifts add is taken off them.
        let scale = params.daily_volatility / variance_of(profile, strength).sqrt();
        let mut basis_rand = own("basis");
        let mut leans = own("lean");
        let basis = BASIS.1 * basis_rand.normal();
        let lean = leans.normal();
        Self {
            // The empty name is the factor common to all assets.
            market: Factor::new(
                stream(world, "", "shocks"),
                stream(world, "", "levels"),
                !is_null,
            ),
            own: Factor::new(own("shocks"), own("levels"), !is_null),
            states: own("states"),
            pace: own("pace"),
            leans,
            basis_rand,
            matrix: regime::transitions(profile),
            strength,
            is_null,
            market_weight: scale * params.market_beta.sqrt(),
            own_weight: scale * (1.0 - params.market_beta).sqrt(),
            minute_sd: scale / minutes.sqrt(),
            regime: Regime::Calm,
            hazard_sign: 0,
            lean,
            reverting: 0.0,
            spell: 0.0,
            basis,
            pace_log: 0.0,
            scratch: (Vec::new(), Vec::new()),
            minute: AssetMinute {
                steps: Vec::new(),
                regime: Regime::Calm,
                activity: 1.0,
                volatility: 0.0,
                level: 1.0,
                lean: 0.0,
                edge: 0.0,
                onset: None,
                hazard_sign: 0,
            },
        }
    }

    pub(super) const fn basis(&self) -> f64 {
        self.basis
    }

    pub(super) const fn minute_sd(&self) -> f64 {
        self.minute_sd
    }

    /// Fills [`Self::minute`] with the next minute.
    pub(super) fn next_minute(&mut self, minute_of_day: usize) {
        let before = self.regime;
        let drift = self.advance_state();
        let cycle = season(minute_of_day);
        let (mut shared, mut own) = core::mem::take(&mut self.scratch);
        let (a, b) = (
            self.market.next_minute(cycle, &mut shared),
            self.own.next_minute(cycle, &mut own),
        );
        let variance = (a * self.market_weight) * (a * self.market_weight)
            + (b * self.own_weight) * (b * self.own_weight);
        let volatility = (variance / MINUTES_PER_DAY as f64).sqrt();
        let level = volatility / self.minute_sd / cycle.sqrt();

        let keep = libm::exp2(-1.0 / 25.0);
        self.pace_log =
            self.pace_log * keep + 0.25 * (1.0 - keep * keep).sqrt() * self.pace.normal();
        let follow = if self.is_null {
            1.0
        } else {
            libm::pow(level, 0.4)
        };
        let activity = cycle * follow * libm::exp(self.pace_log - 0.03);

        let (weight_a, weight_b) = (self.market_weight, self.own_weight);
        self.minute.steps.clear();
        let gap = MICROS_PER_MINUTE / DRIFT_STEPS;
        let basis_keep = libm::exp2(-1.0 / (BASIS.0 * DRIFT_STEPS as f64));
        let basis_step = BASIS.1 * (1.0 - basis_keep * basis_keep).sqrt();
        let (mut i, mut j) = (0, 0);
        let mut moved = 0.0;
        for k in 0..DRIFT_STEPS {
            let at = k * gap + 1 + self.basis_rand.below(gap.unsigned_abs() - 2).cast_signed();
            let mut push = |offset, size, basis| {
                moved += size;
                self.minute.steps.push(Step {
                    offset,
                    size,
                    basis,
                });
            };
            while let Some((offset, size)) =
                earliest(&shared, &own, &mut i, &mut j, at, weight_a, weight_b)
            {
                push(offset, size, self.basis);
            }
            self.basis = self.basis * basis_keep + basis_step * self.basis_rand.normal();
            push(at, drift / DRIFT_STEPS as f64, self.basis);
        }
        while let Some((offset, size)) =
            earliest(&shared, &own, &mut i, &mut j, i64::MAX, weight_a, weight_b)
        {
            moved += size;
            self.minute.steps.push(Step {
                offset,
                size,
                basis: self.basis,
            });
        }
        self.scratch = (shared, own);

        let shocks = moved - drift;
        self.spell += moved;
        self.reverting += self.strength.reverting * shocks - reversion_share() * self.reverting;

        let onset = (self.regime == Regime::HazardOnset && before != Regime::HazardOnset)
            .then(|| 1 + self.states.below(30_000_000).cast_signed());
        let tilt = match self.regime {
            Regime::TrendUp => 0.35,
            Regime::TrendDown => -0.35,
            _ => 0.0,
        };
        let minute = &mut self.minute;
        minute.regime = self.regime;
        minute.activity = activity;
        minute.volatility = volatility;
        minute.level = level;
        minute.lean = tilt
            + if self.strength.lean > 0.0 {
                self.lean
            } else {
                0.0
            };
        minute.onset = onset;
        minute.hazard_sign = self.hazard_sign;
        self.minute.edge = self.edge();
    }

    /// Draws the state of the next minute and returns its drift.
    fn advance_state(&mut self) -> f64 {
        let carried = self.carried_drift();
        let before = self.regime;
        let next = regime::next(self.matrix, before, &mut self.states);
        if next == Regime::HazardOnset && before != Regime::HazardOnset {
            self.hazard_sign = if self.states.chance(0.5) { 1 } else { -1 };
        }
        if !matches!(next, Regime::HazardOnset | Regime::HazardMove) {
            self.hazard_sign = 0;
        }
        let drift = carried + self.spell_drift(next);
        if next != before {
            self.spell = 0.0;
        }
        self.regime = next;
        let keep = libm::exp2(-1.0 / LEAN_HALF_LIFE);
        self.lean = self.lean * keep + (1.0 - keep * keep).sqrt() * self.leans.normal();
        drift
    }

    /// Returns the drift of the next minute that does not depend on its regime.
    fn carried_drift(&self) -> f64 {
        self.strength.lean * self.minute_sd * self.lean - reversion_share() * self.reverting
    }

    /// Returns the drift of the next minute that its regime adds, given the state at the end of this one.
    fn spell_drift(&self, next: Regime) -> f64 {
        let x = self.strength;
        match next {
            Regime::Calm | Regime::HazardOnset => 0.0,
            Regime::TrendUp => x.trend * self.minute_sd,
            Regime::TrendDown => -x.trend * self.minute_sd,
            Regime::Range if self.regime == Regime::Range => -x.pull * self.spell,
            Regime::Range => 0.0,
            Regime::HazardMove => f64::from(self.hazard_sign) * x.hazard * self.minute_sd,
        }
    }

    /// Returns the expected log return of the next minute.
    fn edge(&self) -> f64 {
        if self.is_null {
            return 0.0;
        }
        let row = self.matrix[regime::index(self.regime)];
        let spells = Regime::ALL.into_iter().zip(row);
        self.carried_drift()
            + spells
                .map(|(next, p)| p * self.spell_drift(next))
                .sum::<f64>()
    }
}

/// Returns the key of a stream of an asset; the factor common to all has no asset.
pub(super) fn stream(world: &WorldParams, asset: &str, name: &str) -> Rand {
    Rand::keyed(&[
        b"quant order book market 1",
        &world.seed.to_le_bytes(),
        world.profile.name().as_bytes(),
        &world.start_day.0.to_le_bytes(),
        asset.as_bytes(),
        name.as_bytes(),
    ])
}

/// Returns the share of the reverting part that is given back in a minute.
fn reversion_share() -> f64 {
    1.0 - libm::exp2(-1.0 / REVERSION_HALF_LIFE)
}

/// Returns the long-run variance per minute in units of the shocks' own.
fn variance_of(profile: MarketProfile, x: Strength) -> f64 {
    // A stationary drift with autocorrelation p^k adds `(1 + p) / (1 - p)` times its variance.
    let spread = |p: f64| (1.0 + p) / (1.0 - p);
    let matrix = regime::transitions(profile);
    let share = regime::shares(matrix);
    let lean = x.lean * x.lean * spread(libm::exp2(-1.0 / LEAN_HALF_LIFE));
    let trend = (share[1] + share[2]) * x.trend * x.trend * spread(matrix[1][1].min(0.99));
    let hazard = share[5] * x.hazard * x.hazard * spread(matrix[5][5]);
    let permanent = 1.0 - x.reverting;
    permanent * permanent + lean + trend + hazard
}

/// Returns the earliest unused shock of the two lists before `limit`.
fn earliest(
    shared: &[Shock],
    own: &[Shock],
    i: &mut usize,
    j: &mut usize,
    limit: i64,
    weight_a: f64,
    weight_b: f64,
) -> Option<(i64, f64)> {
    let a = shared.get(*i).filter(|x| x.offset < limit);
    let b = own.get(*j).filter(|x| x.offset < limit);
    match (a, b) {
        (Some(a), b) if b.is_none_or(|b| a.offset <= b.offset) => {
            *i += 1;
            Some((a.offset, weight_a * a.size))
        }
        (_, Some(b)) => {
            *j += 1;
            Some((b.offset, weight_b * b.size))
        }
        _ => None,
    }
}
