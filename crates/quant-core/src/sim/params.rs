//! Parameters of the standard venue models, and every reason the venue refuses its input.

use serde::{Deserialize, Serialize};

use crate::sim::models::{BpsFee, ConstantLatency, FirstExecutable, FixedBpsSlippage, VenueModels};
use crate::units::Micros;

/// Why the venue cannot be built, or an order not be taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SimError {
    /// A parameter outside its meaning.
    #[error("`{name}` is {found}; expected {expected}")]
    OutOfRange {
        /// Name of the parameter.
        name: &'static str,
        /// The value given.
        found: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Inverse contracts settle in base units, which the account does not model.
    #[error("`{instrument}` is an inverse contract, which the simulated venue does not support")]
    Inverse {
        /// The instrument.
        instrument: String,
    },
    /// The order names an instrument the venue does not have.
    #[error("order `{id}` names instrument {instrument_idx}, but the venue has {n_instruments}")]
    UnknownInstrument {
        /// Order id.
        id: String,
        /// The index given.
        instrument_idx: usize,
        /// Number of instruments.
        n_instruments: usize,
    },
    /// The id is in use by a pending order or an open trade.
    #[error("order id `{id}` is already in use")]
    DuplicateId {
        /// Order id.
        id: String,
    },
    /// Nothing to trade.
    #[error("order `{id}` has a quantity of {qty_lots} lots; expected at least 1")]
    BadQuantity {
        /// Order id.
        id: String,
        /// The quantity given.
        qty_lots: i64,
    },
    /// A barrier closer than one tick would be crossed by rounding alone.
    #[error(
        "order `{id}` has a barrier {distance} away from its entry; expected at least one tick of {tick}"
    )]
    BarrierBelowTick {
        /// Order id.
        id: String,
        /// Distance of the nearer barrier, quote per base.
        distance: f64,
        /// Tick size.
        tick: f64,
    },
    /// The exit terms cannot be used.
    #[error("order `{id}`: {source}")]
    BadBarrier {
        /// Order id.
        id: String,
        /// What is wrong with them.
        #[source]
        source: crate::risk::RiskError,
    },
}

/// Parameters of the standard venue: constant latency, first executable price, fixed bps of slippage and fees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueParams {
    /// Cash at the start, quote.
    pub start_cash: f64,
    /// Decision to venue.
    pub entry_latency: Micros,
    /// Venue to us.
    pub response_latency: Micros,
    /// Slippage of taker fills, bps of price.
    pub slippage_bps: f64,
    /// Maker fee, bps of notional; a rebate is negative.
    pub maker_bps: f64,
    /// Taker fee, bps of notional.
    pub taker_bps: f64,
}

impl VenueParams {
    /// Returns the parameters if they can be used.
    ///
    /// # Errors
    /// `SimError::OutOfRange` for the first value outside its meaning.
    pub fn check(self) -> Result<Self, SimError> {
        let within = |name, found: f64, low: f64, high: f64, expected| {
            if found.is_finite() && found >= low && found <= high {
                Ok(())
            } else {
                Err(SimError::OutOfRange {
                    name,
                    found,
                    expected,
                })
            }
        };
        within(
            "start_cash",
            self.start_cash,
            f64::MIN_POSITIVE,
            f64::MAX,
            "a number above 0",
        )?;
        // An hour is far beyond any latency a strategy could live with, so more is a unit mistake.
        let hour_us = 3.6e9;
        let latency = "0 to 3600 s in microseconds";
        within(
            "entry_latency",
            self.entry_latency.0 as f64,
            0.0,
            hour_us,
            latency,
        )?;
        within(
            "response_latency",
            self.response_latency.0 as f64,
            0.0,
            hour_us,
            latency,
        )?;
        // 1000 bps = 10 %: beyond it a fraction or a percentage was probably meant.
        within(
            "slippage_bps",
            self.slippage_bps,
            0.0,
            1_000.0,
            "0 to 1000 bps",
        )?;
        within(
            "maker_bps",
            self.maker_bps,
            -1_000.0,
            1_000.0,
            "-1000 to 1000 bps",
        )?;
        within(
            "taker_bps",
            self.taker_bps,
            -1_000.0,
            1_000.0,
            "-1000 to 1000 bps",
        )?;
        Ok(self)
    }

    /// Returns the same venue without slippage and fees; latency stays, because it is not a cost but a delay.
    #[must_use]
    pub const fn zero_cost(self) -> Self {
        Self {
            slippage_bps: 0.0,
            maker_bps: 0.0,
            taker_bps: 0.0,
            ..self
        }
    }

    /// Returns the models these parameters describe.
    pub fn models(&self) -> VenueModels {
        VenueModels {
            latency: Box::new(ConstantLatency {
                entry: self.entry_latency,
                response: self.response_latency,
            }),
            fill: Box::new(FirstExecutable),
            fee: Box::new(BpsFee {
                maker_bps: self.maker_bps,
                taker_bps: self.taker_bps,
            }),
            slippage: Box::new(FixedBpsSlippage {
                slippage_bps: self.slippage_bps,
            }),
        }
    }
}
