//! How many lots an entry gets, or the reason it gets none.

use serde::{Deserialize, Serialize};

use crate::market::Instrument;
use crate::risk::{RiskError, positive};

/// Why an entry was given no quantity. A refusal is an answer, not a failure: it is logged with the candidate.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// The price cannot be sized against.
    #[error("price {price} is not a positive number")]
    BadPrice {
        /// The price given, as text because it may not be a number.
        price: String,
    },
    /// Less than one lot.
    #[error("notional {notional} buys less than one lot worth {lot_value}")]
    BelowLot {
        /// Wanted order value, quote.
        notional: f64,
        /// Value of one lot, quote.
        lot_value: f64,
    },
    /// The venue would refuse the order as too small.
    #[error("order value {value} is below the venue's minimum {min_notional}")]
    BelowMinNotional {
        /// Value after rounding down to lots, quote.
        value: f64,
        /// The venue's minimum, quote.
        min_notional: f64,
    },
    /// Open positions and this order together would be too large.
    #[error("gross exposure {open} plus {adding} exceeds the limit {limit}")]
    GrossLimit {
        /// Gross notional already open, quote.
        open: f64,
        /// Value of this order, quote.
        adding: f64,
        /// Limit, quote.
        limit: f64,
    },
    /// Quantities of inverse contracts are not base units.
    #[error("`{instrument}` is an inverse contract, which this sizing does not support")]
    Inverse {
        /// The instrument.
        instrument: String,
    },
}

/// Every entry gets the same notional.
///
/// # Units
/// Quote currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedNotional {
    /// Wanted order value.
    pub notional: f64,
    /// Largest sum of absolute position values, this order included.
    pub max_gross_notional: f64,
}

impl FixedNotional {
    /// Returns the parameters if they can be used.
    ///
    /// # Errors
    /// `RiskError::OutOfRange` unless `0 < notional <= max_gross_notional`, both finite.
    pub fn check(self) -> Result<Self, RiskError> {
        positive("sizing.notional", self.notional)?;
        positive("sizing.max_gross_notional", self.max_gross_notional)?;
        if self.notional > self.max_gross_notional {
            return Err(RiskError::OutOfRange {
                name: "sizing.max_gross_notional",
                found: self.max_gross_notional,
                expected: "at least `sizing.notional`",
            });
        }
        Ok(self)
    }

    /// Returns the lots to order at `price`, rounded down, with `gross_open` quote units already at risk.
    ///
    /// # Causality
    /// `price` is the last price known at the decision; the fill may differ, so the filled value may exceed
    /// `notional` by the move in between.
    ///
    /// # Errors
    /// A [`Refusal`] in place of a quantity that is zero, too small for the venue, or too large for the limit.
    pub fn lots(
        &self,
        instrument: &Instrument,
        price: f64,
        gross_open: f64,
    ) -> Result<i64, Refusal> {
        if instrument.inverse {
            return Err(Refusal::Inverse {
                instrument: instrument.key.to_string(),
            });
        }
        if !(price.is_finite() && price > 0.0) {
            return Err(Refusal::BadPrice {
                price: price.to_string(),
            });
        }
        let lots = instrument
            .lot_size
            .floor(self.notional / price)
            .unwrap_or(0);
        if lots < 1 {
            let lot_value = instrument.lot_size.size() * price;
            return Err(Refusal::BelowLot {
                notional: self.notional,
                lot_value,
            });
        }
        let value = instrument.lot_size.value(lots) * price;
        if value < instrument.min_notional {
            let min_notional = instrument.min_notional;
            return Err(Refusal::BelowMinNotional {
                value,
                min_notional,
            });
        }
        if gross_open + value > self.max_gross_notional {
            let limit = self.max_gross_notional;
            return Err(Refusal::GrossLimit {
                open: gross_open,
                adding: value,
                limit,
            });
        }
        Ok(lots)
    }
}
