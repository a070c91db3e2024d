//! What a simulated world is made from: a profile, a seed and instruments that share its shocks.

use serde::{Deserialize, Serialize};

use crate::market::{Market, Symbol};
use crate::synth::error::SynthError;
use crate::time::Day;
use crate::units::Step;

/// Version of the market model: raised when the same parameters give another market.
pub const MODEL_VERSION: u32 = 1;

/// What kind of market is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketProfile {
    /// The efficient price is an exogenous martingale and the book returns to it within 5 s: nothing predicts anything.
    Null,
    /// Order flow imbalance predicts the next minutes.
    PlantedFlow,
    /// Adverse moves are announced by the book: bursts, thinning, failing refills.
    PlantedHazard,
    /// Spells of drift.
    PlantedTrend,
    /// The price is pulled back to a slow anchor.
    PlantedReversion,
    /// Calm, trend, range and hazard spells, each with a moderate edge.
    Mixed,
}

impl MarketProfile {
    /// Every profile.
    pub const ALL: [Self; 6] = [
        Self::Null,
        Self::PlantedFlow,
        Self::PlantedHazard,
        Self::PlantedTrend,
        Self::PlantedReversion,
        Self::Mixed,
    ];

    /// Returns the name used in configs and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::PlantedFlow => "planted_flow",
            Self::PlantedHazard => "planted_hazard",
            Self::PlantedTrend => "planted_trend",
            Self::PlantedReversion => "planted_reversion",
            Self::Mixed => "mixed",
        }
    }

    /// Returns the profile of a name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// Parameters of one simulated instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentParams {
    /// Market; `spot` follows its asset's perpetual through a mean-reverting basis, all others are perpetuals.
    pub market: Market,
    /// Symbol as the venue writes it.
    pub symbol: Symbol,
    /// Instruments of one asset share its price; different assets are correlated through [`Self::market_beta`].
    pub asset: String,
    /// Price at its first instant, quote per base.
    pub start_price: f64,
    /// Price step.
    pub tick_size: Step,
    /// Quantity step, base units.
    pub lot_size: Step,
    /// Mean number of matches (raw trades) per day.
    pub trades_per_day: u32,
    /// Mean number of best bid/ask changes per day.
    pub quotes_per_day: u32,
    /// Target standard deviation of daily returns, as a fraction.
    pub daily_volatility: f64,
    /// Share of the variance that comes from the factor common to all assets, 0 to 1.
    pub market_beta: f64,
    /// Median quantity of a taker order, base units.
    pub median_qty: f64,
    /// Mean quantity at the best price, base units.
    pub touch_qty: f64,
    /// Mean spread in quiet times, ticks.
    pub spread_ticks: f64,
    /// Probability that a tick near the touch holds an order, 0 to 1.
    pub occupancy: f64,
    /// Ticks per side in which orders rest.
    pub depth_ticks: u32,
    /// Branching ratio of the Hawkes flow: events caused per event, below 1.
    pub branching: f64,
    /// Mean number of halts per day; a halt lasts 5 to 60 minutes.
    pub halts_per_day: f64,
    /// Mean number of minutes per day without a trade though the venue is open.
    pub empty_minutes_per_day: f64,
}

/// Parameters of a simulated world. The world is a pure function of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldParams {
    /// Seed of everything.
    pub seed: u64,
    /// Kind of market.
    pub profile: MarketProfile,
    /// First day; days are generated from here on, in order.
    pub start_day: Day,
    /// Instruments; adding one does not change the others.
    pub instruments: Vec<InstrumentParams>,
}

impl InstrumentParams {
    /// Returns an instrument like BTCUSDT: 60,000 quote units, tick 0.1, lot 0.001, a one-tick spread that hardly ever
    /// moves by one tick only, 150,000 trades and 450,000 quotes a day.
    ///
    /// # Errors
    /// Never for these constants; the signature leaves the check in one place.
    pub fn btc_like(market: Market, symbol: Symbol) -> Result<Self, SynthError> {
        Self {
            market,
            symbol,
            asset: "BTC".to_owned(),
            start_price: 60_000.0,
            tick_size: step("0.1")?,
            lot_size: step("0.001")?,
            trades_per_day: 150_000,
            quotes_per_day: 450_000,
            daily_volatility: 0.035,
            market_beta: 0.8,
            median_qty: 0.012,
            touch_qty: 4.0,
            spread_ticks: 1.2,
            occupancy: 0.4,
            depth_ticks: 512,
            branching: 0.6,
            halts_per_day: 0.02,
            empty_minutes_per_day: 0.5,
        }
        .check()
    }

    /// Returns an instrument like SOLUSDT: 150 quote units, tick 0.01, lot 0.1, a coarse tick and a thick book.
    ///
    /// # Errors
    /// Never for these constants; the signature leaves the check in one place.
    pub fn alt_like(market: Market, symbol: Symbol) -> Result<Self, SynthError> {
        Self {
            market,
            symbol,
            asset: "SOL".to_owned(),
            start_price: 150.0,
            tick_size: step("0.01")?,
            lot_size: step("0.1")?,
            trades_per_day: 60_000,
            quotes_per_day: 250_000,
            daily_volatility: 0.055,
            market_beta: 0.6,
            median_qty: 2.0,
            touch_qty: 300.0,
            spread_ticks: 1.1,
            occupancy: 1.0,
            depth_ticks: 256,
            branching: 0.6,
            halts_per_day: 0.02,
            empty_minutes_per_day: 4.0,
        }
        .check()
    }

    /// Returns the parameters if a market can be simulated with them.
    ///
    /// # Errors
    /// A [`SynthError`] for the first impossible value. A zero tick or lot cannot occur: [`Step`] refuses it.
    pub fn check(self) -> Result<Self, SynthError> {
        let (tick, lot) = (self.tick_size, self.lot_size);
        if tick.product(lot).is_none() {
            return Err(SynthError::TooFine { tick, lot });
        }
        let rules: [(&'static str, f64, f64, f64, &'static str); 14] = [
            // Below 1,000 ticks the grid, not the process, would make the price.
            (
                "start_price",
                self.start_price,
                1e3 * tick.size(),
                1e9 * tick.size(),
                "1000 to 1e9 ticks",
            ),
            (
                "trades_per_day",
                f64::from(self.trades_per_day),
                100.0,
                2e7,
                "100 to 20000000",
            ),
            (
                "quotes_per_day",
                f64::from(self.quotes_per_day),
                100.0,
                5e7,
                "100 to 50000000",
            ),
            (
                "daily_volatility",
                self.daily_volatility,
                1e-4,
                0.5,
                "0.0001 to 0.5",
            ),
            ("market_beta", self.market_beta, 0.0, 1.0, "0 to 1"),
            (
                "median_qty",
                self.median_qty,
                lot.size(),
                1e6 * lot.size(),
                "1 to 1e6 lots",
            ),
            (
                "touch_qty",
                self.touch_qty,
                lot.size(),
                1e8 * lot.size(),
                "1 to 1e8 lots",
            ),
            (
                "spread_ticks",
                self.spread_ticks,
                1.0,
                1e4,
                "1 to 10000 ticks",
            ),
            ("occupancy", self.occupancy, 0.01, 1.0, "0.01 to 1"),
            (
                "depth_ticks",
                f64::from(self.depth_ticks),
                32.0,
                65_536.0,
                "32 to 65536 ticks",
            ),
            (
                "branching",
                self.branching,
                0.0,
                0.95,
                "0 to 0.95 (at 1 and above the flow explodes)",
            ),
            ("halts_per_day", self.halts_per_day, 0.0, 4.0, "0 to 4"),
            (
                "empty_minutes_per_day",
                self.empty_minutes_per_day,
                0.0,
                720.0,
                "0 to 720",
            ),
            // The volatility of a minute must be worth at least two ticks, or the price could not move.
            (
                "daily_volatility in ticks per minute",
                self.daily_volatility * self.start_price / tick.size() / 37.947,
                2.0,
                1e6,
                "2 to 1e6",
            ),
        ];
        for (name, found, low, high, expected) in rules {
            if !(found.is_finite() && found >= low && found <= high) {
                return Err(SynthError::OutOfRange {
                    name,
                    found,
                    expected,
                });
            }
        }
        Ok(self)
    }
}

fn step(text: &str) -> Result<Step, SynthError> {
    text.parse().map_err(|_| SynthError::OutOfRange {
        name: "step",
        found: 0.0,
        expected: "a positive decimal",
    })
}
