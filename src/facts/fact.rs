//! One measured property of a market and the band it must lie in.

use serde::Serialize;

/// A closed interval; a missing end is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Smallest accepted value.
    pub low: Option<f64>,
    /// Largest accepted value.
    pub high: Option<f64>,
}

impl Band {
    /// Returns the band from `low` to `high`.
    pub const fn between(low: f64, high: f64) -> Self {
        Self {
            low: Some(low),
            high: Some(high),
        }
    }

    /// Returns the band from `low` up.
    pub const fn above(low: f64) -> Self {
        Self {
            low: Some(low),
            high: None,
        }
    }

    /// Returns the band up to `high`.
    pub const fn below(high: f64) -> Self {
        Self {
            low: None,
            high: Some(high),
        }
    }

    /// Returns whether `x` lies inside, ends included.
    pub fn contains(&self, x: f64) -> bool {
        self.low.is_none_or(|low| x >= low) && self.high.is_none_or(|high| x <= high)
    }
}

impl core::fmt::Display for Band {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.low, self.high) {
            (Some(low), Some(high)) => write!(f, "{low} .. {high}"),
            (Some(low), None) => write!(f, ">= {low}"),
            (None, Some(high)) => write!(f, "<= {high}"),
            (None, None) => write!(f, "any"),
        }
    }
}

/// One measured property.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// Short name, unique within one instrument.
    pub name: &'static str,
    /// The measured value; `None` where the sample does not define it.
    pub value: Option<f64>,
    /// Where it must lie.
    pub band: Band,
    /// Observations behind the value.
    pub n: u64,
    /// Why the band is what it is: one line, with its reference.
    pub reason: &'static str,
}

impl Fact {
    /// Returns a fact; a value that is not finite counts as none.
    pub fn new(
        name: &'static str,
        value: Option<f64>,
        n: u64,
        band: Band,
        reason: &'static str,
    ) -> Self {
        Self {
            name,
            value: value.filter(|v| v.is_finite()),
            band,
            n,
            reason,
        }
    }

    /// Returns whether there is a value and it lies in the band.
    pub fn is_ok(&self) -> bool {
        self.value.is_some_and(|v| self.band.contains(v))
    }
}
