//! The efficient price of an asset: shared shocks, drift of the hidden state, basis. Instruments of one asset regenerate
//! the same path from the same keys; flow and books never feed back into it.

use crate::synth::event::Regime;
use crate::synth::market::factor::{Factor, Kind, Shock, mean_power, season, volatility_season};
use crate::synth::market::regime::{self, Transitions};
use crate::synth::market::strength::{
    LEAN_HALF_LIFE, REGIME_VOLATILITY, Strength, strength, variance_of,
};
use crate::synth::rand::Rand;
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Drift arrives in this many equal steps per minute.
const DRIFT_STEPS: i64 = 12;
/// Half-life of the basis between perpetual and spot, minutes, and its standard deviation.
const BASIS: (f64, f64) = (90.0, 4e-4);
/// Activity grows with volatility to this power.
const FOLLOW_POWER: f64 = 0.4;
/// A hazard begins this early in its first minute, microseconds.
const ONSET_WITHIN: i64 = 30_000_000;
/// Half-life and standard deviation of the log of the flow's own clustering, minutes.
const PACE: (f64, f64) = (25.0, 0.25);
/// Share by which the running mean of activity follows it per minute.
const LEVELLING: f64 = 1.0 / 720.0;
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
    is_drift: bool,
}

impl Step {
    /// Returns whether the move is news, not drift.
    pub(super) const fn is_shock(&self) -> bool {
        !self.is_drift
    }
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
    is_trial: bool,
    /// Mean of what activity owes to volatility.
    mean_follow: f64,
    /// Standard deviations per day of the two factors' shocks.
    weights: (f64, f64),
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
    pace_mean: f64,
    scratch: (Vec<Shock>, Vec<Shock>),
    pub(super) minute: AssetMinute,
}

impl AssetPath {
    pub(super) fn new(world: &WorldParams, params: &InstrumentParams, is_trial: bool) -> Self {
        let profile = world.profile;
        let own = |name: &str| stream(world, &params.asset, name);
        let is_null = profile == MarketProfile::Null;
        let strength = strength(profile);
        let minutes = MINUTES_PER_DAY as f64;
        // Drift makes the variance of days differ from that of minutes: the target lies between the two.
        let scale = params.daily_volatility / variance_of(profile, strength).sqrt().sqrt();
        let kind = match (is_trial, is_null) {
            (true, _) => Kind::Still,
            (false, true) => Kind::Hidden,
            (false, false) => Kind::Clustered,
        };
        let follow = mean_power(FOLLOW_POWER, params.market_beta);
        let mut basis_rand = own("basis");
        let mut leans = own("lean");
        let basis = BASIS.1 * basis_rand.normal();
        let lean = leans.normal();
        Self {
            // The empty name is the factor common to all assets.
            market: Factor::new(
                stream(world, "", "shocks"),
                stream(world, "", "levels"),
                kind,
            ),
            own: Factor::new(own("shocks"), own("levels"), kind),
            states: own("states"),
            pace: own("pace"),
            leans,
            basis_rand,
            matrix: regime::transitions(profile),
            strength,
            is_null,
            is_trial,
            mean_follow: follow,
            weights: (
                scale * params.market_beta.sqrt(),
                scale * (1.0 - params.market_beta).sqrt(),
            ),
            minute_sd: scale / minutes.sqrt(),
            regime: Regime::Calm,
            hazard_sign: 0,
            lean,
            reverting: 0.0,
            spell: 0.0,
            basis,
            pace_log: 0.0,
            pace_mean: 1.0,
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

    /// Fills [`Self::minute`] with the minute that begins at `start`.
    pub(super) fn next_minute(&mut self, start: i64) {
        let before = self.regime;
        let (drift, cycle) = if self.is_trial {
            (0.0, 1.0)
        } else {
            (self.advance_state(), season(start))
        };
        let (mut shared, mut own) = core::mem::take(&mut self.scratch);
        let level = self.draw_shocks(cycle, &mut shared, &mut own);
        let activity = self.draw_activity(cycle, level);
        let shocks = self.lay_steps(drift, &shared, &own);
        self.scratch = (shared, own);
        self.spell += shocks + drift;
        self.reverting += self.strength.reverting * shocks - reversion_share() * self.reverting;

        let is_new = self.regime == Regime::HazardOnset && before != Regime::HazardOnset;
        let within = ONSET_WITHIN.unsigned_abs();
        let onset = is_new.then(|| 1 + self.states.below(within).cast_signed());
        let tilt = match self.regime {
            Regime::TrendUp => self.strength.trend_flow,
            Regime::TrendDown => -self.strength.trend_flow,
            _ => 0.0,
        };
        let edge = self.edge();
        let minute = &mut self.minute;
        minute.regime = self.regime;
        minute.activity = activity;
        minute.volatility = self.minute_sd * level * volatility_season(cycle);
        minute.level = level;
        minute.lean = tilt + self.strength.lean_flow * self.lean;
        minute.edge = edge;
        minute.onset = onset;
        minute.hazard_sign = self.hazard_sign;
    }

    /// Draws the minute's shocks and returns its volatility over the usual one at this time of day.
    fn draw_shocks(&mut self, cycle: f64, shared: &mut Vec<Shock>, own: &mut Vec<Shock>) -> f64 {
        let scale = self.regime_volatility();
        let a = scale * self.weights.0 * self.market.next_minute(cycle, shared);
        let b = scale * self.weights.1 * self.own.next_minute(cycle, own);
        let volatility = ((a * a + b * b) / MINUTES_PER_DAY as f64).sqrt();
        volatility / self.minute_sd / volatility_season(cycle)
    }

    fn draw_activity(&mut self, cycle: f64, level: f64) -> f64 {
        let (half_life, sd) = PACE;
        let keep = libm::exp2(-1.0 / half_life);
        self.pace_log = self.pace_log * keep + sd * (1.0 - keep * keep).sqrt() * self.pace.normal();
        if self.is_trial {
            return 1.0;
        }
        let follow = if self.is_null {
            1.0
        } else {
            libm::pow(level, FOLLOW_POWER) / self.mean_follow
        };
        let pace = follow * libm::exp(self.pace_log - 0.5 * sd * sd);
        // Busy weeks and quiet weeks are levelled, hours are not: the rates of the parameters are kept.
        self.pace_mean += (pace - self.pace_mean) * LEVELLING;
        cycle * pace / self.pace_mean
    }

    /// Orders the minute's moves by time, with the basis after each, and returns the sum of the shocks.
    fn lay_steps(&mut self, drift: f64, shared: &[Shock], own: &[Shock]) -> f64 {
        let scale = self.regime_volatility();
        let steps = &mut self.minute.steps;
        steps.clear();
        let weighted = |weight: f64| {
            move |shock: &Shock| Step {
                offset: shock.offset,
                size: scale * weight * shock.size,
                basis: 0.0,
                is_drift: false,
            }
        };
        steps.extend(shared.iter().map(weighted(self.weights.0)));
        steps.extend(own.iter().map(weighted(self.weights.1)));
        let shocks = steps.iter().map(|step| step.size).sum();
        let gap = MICROS_PER_MINUTE / DRIFT_STEPS;
        for k in 0..DRIFT_STEPS {
            let within = self.basis_rand.below(gap.unsigned_abs() - 2).cast_signed();
            steps.push(Step {
                offset: k * gap + 1 + within,
                size: drift / DRIFT_STEPS as f64,
                basis: 0.0,
                is_drift: true,
            });
        }
        steps.sort_by_key(|step| step.offset);
        let keep = libm::exp2(-1.0 / (BASIS.0 * DRIFT_STEPS as f64));
        let sd = BASIS.1 * (1.0 - keep * keep).sqrt();
        for step in steps {
            if step.is_drift {
                self.basis = self.basis * keep + sd * self.basis_rand.normal();
            }
            step.basis = self.basis;
        }
        shocks
    }

    fn regime_volatility(&self) -> f64 {
        REGIME_VOLATILITY[regime::index(self.regime)]
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
            Regime::TrendUp => x.trend * self.minute_sd,
            Regime::TrendDown => -x.trend * self.minute_sd,
            Regime::Range if self.regime == Regime::Range => -x.pull * self.spell,
            Regime::HazardMove => f64::from(self.hazard_sign) * x.hazard * self.minute_sd,
            // A range pulls to where it began, and has just begun.
            Regime::Calm | Regime::HazardOnset | Regime::Range => 0.0,
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
