//! Basis points, decimal steps and tick/lot arithmetic.
//!
//! Prices are `f64` in features and integer ticks in `sim`; the only bridge between both is [`Step`], which
//! keeps a tick or lot size as an exact decimal so that `ticks * size` gives back the venue's own text.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::decimal::decimal_product;
use crate::time::UnixMicros;

mod decimal;

/// One basis point as a fraction.
pub const BPS: f64 = 1e-4;

/// A latency or horizon in microseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Returns the duration of `ms` milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms * 1_000)
    }

    /// Returns the instant this long after `at`.
    pub const fn after(self, at: UnixMicros) -> UnixMicros {
        at.plus(self.0)
    }
}

/// Why a text is not a usable step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// The text is not a positive decimal with at most 12 fraction digits.
    #[error("`{text}` is not a positive decimal step such as `0.10`")]
    NotAStep {
        /// The offending text.
        text: String,
    },
}

/// A tick or lot size as an exact decimal, `mantissa * 10^-scale`, always positive.
///
/// # Units
/// Quote currency for ticks, base currency for lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    mantissa: i64,
    scale: u8,
}

/// Powers of ten up to the largest scale: exact in f64.
const POW10: [f64; 13] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
];

impl Step {
    /// Returns the step as the nearest `f64`.
    pub fn size(self) -> f64 {
        self.value(1)
    }

    /// Returns `n` steps as the `f64` nearest to the exact decimal.
    ///
    /// # Determinism
    /// One integer product and one correctly rounded division: `n = 614580, step = 0.10` gives the same bits as
    /// parsing `61458.00`. Exact while the product stays below 2^53.
    pub fn value(self, n: i64) -> f64 {
        let product = i128::from(n) * i128::from(self.mantissa);
        product as f64 / POW10[usize::from(self.scale)]
    }

    /// Returns the exact product of two steps (a tick times a lot is the smallest change of cash), or `None` beyond
    /// 12 fraction digits or the range of `i64`.
    pub fn product(self, other: Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        (usize::from(scale) < POW10.len()).then_some(Self { mantissa, scale })
    }

    /// Returns the number of whole steps nearest to `x` (ties away from zero), or `None` beyond the range of `i64` or if `x` is not finite.
    pub fn round(self, x: f64) -> Option<i64> {
        to_i64(libm::round(self.ratio(x)))
    }

    /// Returns the largest number of steps whose value is at most `x`.
    pub fn floor(self, x: f64) -> Option<i64> {
        let n = self.round(x)?;
        Some(if self.value(n) <= x { n } else { n - 1 })
    }

    /// Returns the smallest number of steps whose value is at least `x`.
    pub fn ceil(self, x: f64) -> Option<i64> {
        let n = self.round(x)?;
        Some(if self.value(n) >= x { n } else { n + 1 })
    }

    fn ratio(self, x: f64) -> f64 {
        x * POW10[usize::from(self.scale)] / self.mantissa as f64
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "bounded by the range check before the cast"
)]
fn to_i64(x: f64) -> Option<i64> {
    // 2^62: far beyond any price or quantity, and safely inside i64.
    (x.is_finite() && libm::fabs(x) < 4.611_686_018_427_388e18).then_some(x as i64)
}

impl FromStr for Step {
    type Err = UnitsError;

    fn from_str(text: &str) -> Result<Self, UnitsError> {
        let bad = || UnitsError::NotAStep {
            text: text.to_owned(),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        if fraction.len() > 12 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let mantissa: i64 = digits.parse().map_err(|_| bad())?;
        let scale = u8::try_from(fraction.len()).map_err(|_| bad())?;
        if mantissa == 0 {
            Err(bad())
        } else {
            Ok(Self { mantissa, scale })
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let unit = 10_i64.pow(u32::from(self.scale));
        let width = usize::from(self.scale);
        write!(
            f,
            "{}.{:0width$}",
            self.mantissa / unit,
            self.mantissa % unit
        )
    }
}

impl Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
