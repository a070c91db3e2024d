//! The hidden state of the simulated market: a Markov chain over minutes.

use serde::Serialize;

use crate::synth::rand::Rand;

/// What kind of minute this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SimRegime {
    /// Low volatility, no direction.
    Calm,
    /// Drift up, flow leans to buying.
    TrendUp,
    /// Drift down, flow leans to selling.
    TrendDown,
    /// Pulled back to the price at which the spell began.
    Range,
    /// High volatility, no direction.
    Volatile,
}

/// How a regime behaves. These numbers define the simulator, so they are constants: another market is another model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Character {
    /// Volatility relative to the average minute.
    pub(super) volatility: f64,
    /// Trade count relative to the average minute.
    pub(super) activity: f64,
    /// Drift per minute, in average minute volatilities.
    pub(super) drift: f64,
    /// Share of the distance to the anchor recovered per minute.
    pub(super) pull: f64,
    /// Probability that a fresh order buys.
    pub(super) buy_share: f64,
    /// Chance per minute that the spell ends.
    pub(super) end_chance: f64,
}

impl SimRegime {
    const ALL: [Self; 5] = [
        Self::Calm,
        Self::TrendUp,
        Self::TrendDown,
        Self::Range,
        Self::Volatile,
    ];

    /// Returns the long-run average of `of` over minutes.
    ///
    /// All spells start equally often, because each ends in one of the other four alike; so minutes are spread in
    /// proportion to the mean length of a spell.
    pub(super) fn average(of: fn(Self, Character) -> f64) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for regime in Self::ALL {
            let x = regime.character();
            sum += of(regime, x) / x.end_chance;
            weight += 1.0 / x.end_chance;
        }
        sum / weight
    }

    pub(super) const fn character(self) -> Character {
        match self {
            Self::Calm => Character {
                volatility: 0.6,
                activity: 0.8,
                drift: 0.0,
                pull: 0.0,
                buy_share: 0.5,
                end_chance: 1.0 / 90.0,
            },
            Self::TrendUp => Character {
                volatility: 0.9,
                activity: 1.1,
                drift: 0.16,
                pull: 0.0,
                buy_share: 0.58,
                end_chance: 1.0 / 120.0,
            },
            Self::TrendDown => Character {
                volatility: 0.9,
                activity: 1.1,
                drift: -0.16,
                pull: 0.0,
                buy_share: 0.42,
                end_chance: 1.0 / 120.0,
            },
            Self::Range => Character {
                volatility: 0.9,
                activity: 0.9,
                drift: 0.0,
                pull: 0.06,
                buy_share: 0.5,
                end_chance: 1.0 / 150.0,
            },
            Self::Volatile => Character {
                volatility: 2.0,
                activity: 1.8,
                drift: 0.0,
                pull: 0.0,
                buy_share: 0.5,
                end_chance: 1.0 / 25.0,
            },
        }
    }

    /// Returns the regime of the next minute.
    pub(super) fn next(self, rand: &mut Rand) -> Self {
        if !rand.chance(self.character().end_chance) {
            return self;
        }
        // A spell is followed by one of the other four, trends in both directions alike.
        let others = match self {
            Self::Calm => [Self::TrendUp, Self::TrendDown, Self::Range, Self::Volatile],
            Self::TrendUp => [Self::Calm, Self::TrendDown, Self::Range, Self::Volatile],
            Self::TrendDown => [Self::Calm, Self::TrendUp, Self::Range, Self::Volatile],
            Self::Range => [Self::Calm, Self::TrendUp, Self::TrendDown, Self::Volatile],
            Self::Volatile => [Self::Calm, Self::TrendUp, Self::TrendDown, Self::Range],
        };
        match rand.below(4) {
            0 => others[0],
            1 => others[1],
            2 => others[2],
            _ => others[3],
        }
    }
}
