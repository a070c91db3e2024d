//! How strong the planted edges are, and what they add to the variance of the price.

use crate::synth::market::regime;
use crate::synth::world::MarketProfile;

/// Half-life of the hidden flow lean, minutes.
pub(super) const LEAN_HALF_LIFE: f64 = 10.0;
/// Volatility in each regime, in the order of `Regime::ALL`, relative to calm.
pub(super) const REGIME_VOLATILITY: [f64; 6] = [1.0, 1.1, 1.1, 1.0, 0.9, 1.4];

/// How strong the planted edges of a profile are; all drifts in standard deviations of an average minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strength {
    /// Drift per unit of hidden lean.
    pub(super) lean: f64,
    /// Lean of the flow per unit of hidden lean.
    pub(super) lean_flow: f64,
    pub(super) trend: f64,
    /// Lean of the flow in a trend.
    pub(super) trend_flow: f64,
    /// Share of the distance to the start of the spell recovered per minute of `Range`.
    pub(super) pull: f64,
    pub(super) hazard: f64,
    /// Share of each shock that reverts.
    pub(super) reverting: f64,
}

/// Returns the strengths of a profile.
pub(super) const fn strength(profile: MarketProfile) -> Strength {
    let none = Strength {
        lean: 0.0,
        lean_flow: 0.0,
        trend: 0.0,
        trend_flow: 0.0,
        pull: 0.0,
        hazard: 0.0,
        reverting: 0.0,
    };
    match profile {
        MarketProfile::Null => none,
        MarketProfile::PlantedFlow => Strength {
            lean: 0.25,
            lean_flow: 0.35,
            ..none
        },
        MarketProfile::PlantedHazard => Strength {
            hazard: 1.6,
            ..none
        },
        MarketProfile::PlantedTrend => Strength {
            trend: 0.2,
            trend_flow: 0.15,
            ..none
        },
        MarketProfile::PlantedReversion => Strength {
            reverting: 0.35,
            ..none
        },
        MarketProfile::Mixed => Strength {
            lean: 0.08,
            lean_flow: 0.05,
            trend: 0.1,
            trend_flow: 0.05,
            pull: 0.03,
            hazard: 0.8,
            reverting: 0.0,
        },
    }
}

/// Returns the long-run variance per minute in units of the shocks' own.
pub(super) fn variance_of(profile: MarketProfile, x: Strength) -> f64 {
    // A stationary drift with autocorrelation p^k adds `(1 + p) / (1 - p)` times its variance.
    let spread = |p: f64| (1.0 + p) / (1.0 - p);
    let matrix = regime::transitions(profile);
    let share = regime::shares(matrix);
    let lean = x.lean * x.lean * spread(libm::exp2(-1.0 / LEAN_HALF_LIFE));
    let trend = (share[1] + share[2]) * x.trend * x.trend * spread(matrix[1][1].min(0.99));
    let hazard = share[5] * x.hazard * x.hazard * spread(matrix[5][5]);
    let shocks: f64 = share
        .iter()
        .zip(REGIME_VOLATILITY)
        .map(|(p, v)| p * v * v)
        .sum();
    let permanent = 1.0 - x.reverting;
    permanent * permanent * shocks + lean + trend + hazard
}
