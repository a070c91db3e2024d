//! What a simulated market is made from.

use serde::{Deserialize, Serialize};

use crate::market::Symbol;
use crate::time::Day;
use crate::units::Step;

/// What kind of market is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Calm, trending, mean-reverting and volatile spells; flow leans with trends and moves the price: an edge exists.
    Mixed,
    /// The price is an exact martingale and independent of the flow: no strategy has an edge before costs.
    Null,
}

impl Profile {
    /// Returns the name used in configs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Null => "null",
        }
    }
}

/// A parameter no market can be simulated with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SynthError {
    /// The value lies outside what the parameter means.
    #[error("`{name}` is {found}; expected {expected}")]
    OutOfRange {
        /// Name of the parameter.
        name: &'static str,
        /// The value given.
        found: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Tick times lot needs more digits than exact money has.
    #[error("a tick of {tick} and a lot of {lot} have more than 12 fraction digits together")]
    TooFine {
        /// Tick size.
        tick: Step,
        /// Lot size.
        lot: Step,
    },
}

/// Parameters of one simulated instrument.
///
/// The market is a pure function of these: every field enters the seed of every day or its arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthParams {
    /// Seed of the market.
    pub seed: u64,
    /// Symbol; two symbols of one seed are independent.
    pub symbol: Symbol,
    /// Kind of market.
    pub profile: Profile,
    /// First day; days are generated from here on, in order.
    pub start_day: Day,
    /// Price at its first instant, quote per base.
    pub start_price: f64,
    /// Price step.
    pub tick_size: Step,
    /// Quantity step, base units.
    pub lot_size: Step,
    /// Mean number of aggregated trades per day.
    pub trades_per_day: u32,
    /// Target standard deviation of daily returns, as a fraction.
    pub daily_volatility: f64,
    /// Median quantity of an aggregated trade, base units.
    pub median_qty: f64,
}

impl SynthParams {
    /// Returns the parameters if a market can be simulated with them.
    ///
    /// # Errors
    /// A [`SynthError`] for the first impossible value. A zero tick or lot cannot occur: [`Step`] refuses it.
    pub fn check(self) -> Result<Self, SynthError> {
        let within = |name, found: f64, low: f64, high: f64, expected| {
            if found.is_finite() && found >= low && found <= high {
                Ok(())
            } else {
                Err(SynthError::OutOfRange {
                    name,
                    found,
                    expected,
                })
            }
        };
        let (tick, lot) = (self.tick_size, self.lot_size);
        if tick.product(lot).is_none() {
            return Err(SynthError::TooFine { tick, lot });
        }
        // Below 100 ticks the grid, not the process, would make the price.
        let (low, high) = (100.0 * tick.size(), 1e9 * tick.size());
        within(
            "start_price",
            self.start_price,
            low,
            high,
            "100 to 1e9 ticks",
        )?;
        // The upper ends keep a day within memory and sums of tick-lots within i64.
        let trades = f64::from(self.trades_per_day);
        within("trades_per_day", trades, 1.0, 2e7, "1 to 20000000")?;
        within(
            "daily_volatility",
            self.daily_volatility,
            1e-4,
            0.5,
            "0.0001 to 0.5",
        )?;
        let (low, high) = (lot.size(), 1e6 * lot.size());
        within("median_qty", self.median_qty, low, high, "1 to 1e6 lots")?;
        Ok(self)
    }

    /// Returns the market most examples use: 60,000 quote units, tick 0.1, lot 0.001, 100,000 aggregated trades and
    /// 4 % volatility a day.
    ///
    /// # Errors
    /// Never for these constants; the signature leaves the check in one place.
    pub fn btcusdt_like(
        seed: u64,
        symbol: Symbol,
        profile: Profile,
        start_day: Day,
    ) -> Result<Self, SynthError> {
        let step = |text: &str| {
            text.parse::<Step>().map_err(|_| SynthError::OutOfRange {
                name: "step",
                found: 0.0,
                expected: "a positive decimal",
            })
        };
        Self {
            seed,
            symbol,
            profile,
            start_day,
            start_price: 60_000.0,
            tick_size: step("0.1")?,
            lot_size: step("0.001")?,
            trades_per_day: 100_000,
            daily_volatility: 0.04,
            median_qty: 0.012,
        }
        .check()
    }
}
