//! The hidden state of an asset: a Markov chain over minutes, and what each state does.

use crate::synth::event::Regime;
use crate::synth::rand::Rand;
use crate::synth::world::MarketProfile;

/// Probabilities of the state of the next minute (columns) given the state of this one (rows), in the order of
/// [`Regime::ALL`].
pub type Transitions = [[f64; 6]; 6];

/// One state for ever: null and `planted_flow` and `planted_reversion` have no regimes.
pub const STILL: Transitions = [
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
];

/// Spells of drift: trends last 90 minutes on average, calm lasts 60.
pub const TREND: Transitions = [
    [1.0 - 1.0 / 60.0, 0.5 / 60.0, 0.5 / 60.0, 0.0, 0.0, 0.0],
    [0.8 / 90.0, 1.0 - 1.0 / 90.0, 0.2 / 90.0, 0.0, 0.0, 0.0],
    [0.8 / 90.0, 0.2 / 90.0, 1.0 - 1.0 / 90.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
];

/// Calm broken every 90 minutes by a hazard: 4 minutes of onset, 6 of move.
pub const HAZARD: Transitions = [
    [1.0 - 1.0 / 90.0, 0.0, 0.0, 0.0, 1.0 / 90.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.75, 0.25],
    [1.0 / 6.0, 0.0, 0.0, 0.0, 0.0, 5.0 / 6.0],
];

/// Everything: calm spells of 75 minutes, others of 60, a hazard about every 9 hours.
pub const MIXED: Transitions = [
    [
        1.0 - 1.0 / 75.0 - 1.0 / 500.0,
        0.35 / 75.0,
        0.35 / 75.0,
        0.3 / 75.0,
        1.0 / 500.0,
        0.0,
    ],
    [
        0.7 / 60.0,
        1.0 - 1.0 / 60.0 - 1.0 / 500.0,
        0.1 / 60.0,
        0.2 / 60.0,
        1.0 / 500.0,
        0.0,
    ],
    [
        0.7 / 60.0,
        0.1 / 60.0,
        1.0 - 1.0 / 60.0 - 1.0 / 500.0,
        0.2 / 60.0,
        1.0 / 500.0,
        0.0,
    ],
    [
        0.6 / 60.0,
        0.2 / 60.0,
        0.2 / 60.0,
        1.0 - 1.0 / 60.0 - 1.0 / 500.0,
        1.0 / 500.0,
        0.0,
    ],
    [0.0, 0.0, 0.0, 0.0, 0.75, 0.25],
    [1.0 / 6.0, 0.0, 0.0, 0.0, 0.0, 5.0 / 6.0],
];

/// Returns the transition matrix of a profile.
pub const fn transitions(profile: MarketProfile) -> &'static Transitions {
    match profile {
        MarketProfile::Null | MarketProfile::PlantedFlow | MarketProfile::PlantedReversion => {
            &STILL
        }
        MarketProfile::PlantedTrend => &TREND,
        MarketProfile::PlantedHazard => &HAZARD,
        MarketProfile::Mixed => &MIXED,
    }
}

/// Returns the row and column of a state.
pub(super) const fn index(regime: Regime) -> usize {
    match regime {
        Regime::Calm => 0,
        Regime::TrendUp => 1,
        Regime::TrendDown => 2,
        Regime::Range => 3,
        Regime::HazardOnset => 4,
        Regime::HazardMove => 5,
    }
}

/// Draws the state of the next minute.
pub(super) fn next(matrix: &Transitions, now: Regime, rand: &mut Rand) -> Regime {
    let mut rest = rand.unit();
    for (regime, p) in Regime::ALL.into_iter().zip(matrix[index(now)]) {
        if rest < p {
            return regime;
        }
        rest -= p;
    }
    now
}

/// Returns the long-run share of each state (power iteration; the chains are small and mix within a day).
pub(super) fn shares(matrix: &Transitions) -> [f64; 6] {
    let mut now = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for _ in 0..5_000 {
        let mut next = [0.0; 6];
        for (p, row) in now.iter().zip(matrix) {
            for (to, q) in next.iter_mut().zip(row) {
                *to += p * q;
            }
        }
        now = next;
    }
    now
}
