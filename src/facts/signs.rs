//! The memory of taker order signs.

use quant_core::stats::{PowerLaw, autocorrelation, power_law};
use quant_core::synth::SimMinute;

/// Lags at which the decay is read, in taker orders: near to evenly spaced in logarithms.
pub const SIGN_LAGS: [usize; 13] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377];

/// Signs of taker orders: +1 bought, -1 sold, one per order however many matches it had.
#[derive(Clone, Debug, Default)]
pub struct TakerSigns {
    signs: Vec<f64>,
    last_update: Option<i64>,
}

/// Autocorrelation of signs over a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SignMemory {
    /// Taker orders.
    pub n: u64,
    /// Autocorrelation at [`SIGN_LAGS`].
    pub acf: Option<Vec<f64>>,
    /// The law of its decay over the lags at which it is positive.
    pub decay: Option<PowerLaw>,
}

impl TakerSigns {
    /// Takes the orders of the next minute.
    pub fn push(&mut self, minute: &SimMinute) {
        for m in &minute.matches {
            if self.last_update != Some(m.update_id) {
                self.last_update = Some(m.update_id);
                self.signs.push(f64::from(m.aggressor.sign()));
            }
        }
    }

    /// Returns the memory of all signs so far.
    pub fn finish(&self) -> SignMemory {
        let acf = autocorrelation(&self.signs, &SIGN_LAGS).ok();
        let lags = SIGN_LAGS.map(|lag| lag as f64);
        let decay = acf.as_ref().and_then(|acf| power_law(&lags, acf).ok());
        SignMemory {
            n: self.signs.len() as u64,
            acf,
            decay,
        }
    }
}
