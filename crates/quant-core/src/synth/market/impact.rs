//! Transient price impact: quotes give way to the surprise in the flow and come back. Never touches the efficient price.

use crate::market::Side;
use crate::synth::market::calibrate::Rates;

/// Decay time, seconds.
const SECONDS: f64 = 15.0;
/// Impact of a minute's independent orders of median size, in standard deviations of an average minute.
const SIZE: f64 = 0.08;
/// Share of an order's sign that was to be expected from the signs before it; only the rest moves the quotes.
const EXPECTED: f64 = 0.5;
/// How fast the expected sign follows the signs.
const MEMORY: f64 = 0.2;
/// Largest square root of a quantity in medians that counts.
const LARGEST: f64 = 4.0;

/// Displacement of the quotes as a fraction of the price.
#[derive(Debug)]
pub(super) struct Impact {
    per_order: f64,
    now: f64,
    at: i64,
    expected_sign: f64,
}

impl Impact {
    pub(super) fn new(rates: &Rates, minute_sd: f64, start: i64) -> Self {
        Self {
            per_order: SIZE * minute_sd / (60.0 * rates.orders).sqrt().max(1.0),
            now: 0.0,
            at: start,
            expected_sign: 0.0,
        }
    }

    /// Returns the displacement at `ts`.
    pub(super) fn at(&mut self, ts: i64) -> f64 {
        self.now *= libm::exp((self.at - ts) as f64 / (SECONDS * 1e6));
        self.at = ts;
        self.now
    }

    /// Adds a taker order of `medians` median quantities.
    pub(super) fn push(&mut self, ts: i64, side: Side, medians: f64) {
        let sign = f64::from(side.sign());
        let surprise = sign - EXPECTED * self.expected_sign;
        self.expected_sign += MEMORY * (sign - self.expected_sign);
        self.now = self.at(ts) + self.per_order * surprise * medians.sqrt().min(LARGEST);
    }

    pub(super) fn forget(&mut self) {
        self.now = 0.0;
    }
}
