//! Named conditions and the signed view that lets one rule serve both sides.

use serde::Serialize;

use crate::features::{BarN, IfMissing, Side};
use crate::strategy::{EntryFeatures, EntryInputs};

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// An input has no value.
    Missing,
}

/// One evaluated condition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ConditionResult {
    /// Its name: also the reason of a rejection.
    pub name: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// The number compared, signed so that positive speaks for the entry where it has a direction.
    pub value: Option<f64>,
    /// The number it was compared with.
    pub threshold: Option<f64>,
    /// What a missing input means.
    pub if_missing: IfMissing,
}

impl ConditionResult {
    fn of(
        name: &'static str,
        value: Option<f64>,
        threshold: Option<f64>,
        if_missing: IfMissing,
        holds: impl Fn(f64, f64) -> bool,
    ) -> Self {
        let outcome = match (value, threshold) {
            (Some(x), Some(y)) if holds(x, y) => Outcome::Pass,
            (Some(_), Some(_)) => Outcome::Fail,
            _ => Outcome::Missing,
        };
        Self {
            name,
            outcome,
            value,
            threshold,
            if_missing,
        }
    }

    /// `value > threshold`.
    pub(crate) fn above(
        name: &'static str,
        value: Option<f64>,
        threshold: Option<f64>,
        if_missing: IfMissing,
    ) -> Self {
        Self::of(name, value, threshold, if_missing, |x, y| x > y)
    }

    /// `value >= threshold`.
    pub(crate) fn at_least(
        name: &'static str,
        value: Option<f64>,
        threshold: f64,
        if_missing: IfMissing,
    ) -> Self {
        Self::of(name, value, Some(threshold), if_missing, |x, y| x >= y)
    }

    /// `value <= threshold`.
    pub(crate) fn at_most(
        name: &'static str,
        value: Option<f64>,
        threshold: f64,
        if_missing: IfMissing,
    ) -> Self {
        Self::of(name, value, Some(threshold), if_missing, |x, y| x <= y)
    }

    /// A condition of the driver's state: it always has its input.
    pub(crate) const fn state(name: &'static str, holds: bool) -> Self {
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        Self {
            name,
            outcome,
            value: None,
            threshold: None,
            if_missing: IfMissing::Block,
        }
    }

    /// Returns whether the entry must be rejected for it.
    pub(crate) fn rejects(&self) -> bool {
        match self.outcome {
            Outcome::Pass => false,
            Outcome::Fail => true,
            Outcome::Missing => self.if_missing == IfMissing::Block,
        }
    }

    /// Returns whether it was left out.
    pub(crate) fn is_skipped(&self) -> bool {
        self.outcome == Outcome::Missing && self.if_missing == IfMissing::Skip
    }
}

/// A completed bar whose prices and average true range are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarPrices {
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
}

impl BarPrices {
    pub(crate) fn of(bar: &BarN) -> Option<Self> {
        Some(Self {
            open: bar.open?,
            high: bar.high?,
            low: bar.low?,
            close: bar.close?,
        })
    }
}

/// The inputs as one side sees them: for a short every price difference changes sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) side: Side,
    pub(crate) bar: BarPrices,
    pub(crate) volume: f64,
    pub(crate) atr: f64,
    pub(crate) features: &'a EntryFeatures,
    /// Adjacent bar before, if its prices are known.
    pub(crate) previous: Option<(BarPrices, &'a EntryFeatures)>,
}

impl<'a> View<'a> {
    /// Returns the view, or `None` without prices or without a positive average true range.
    pub(crate) fn new(side: Side, inputs: &EntryInputs<'a>) -> Option<Self> {
        let previous = inputs
            .previous
            .filter(|(bar, _)| bar.ts_close == inputs.bar.ts_open)
            .and_then(|(bar, features)| Some((BarPrices::of(bar)?, features)));
        Some(Self {
            side,
            bar: BarPrices::of(inputs.bar)?,
            volume: inputs.bar.volume,
            atr: inputs.features.atr.filter(|a| *a > 0.0)?,
            features: inputs.features,
            previous,
        })
    }

    /// Returns `x` with the sign of the side.
    pub(crate) fn signed(&self, x: f64) -> f64 {
        f64::from(self.side.sign()) * x
    }

    /// Returns the long value for a buy, the short value for a sell.
    pub(crate) fn pick<T>(&self, long: T, short: T) -> T {
        match self.side {
            Side::Buy => long,
            Side::Sell => short,
        }
    }

    /// Returns the bar's extreme against the side: the low for a buy.
    pub(crate) fn adverse(&self, bar: &BarPrices) -> f64 {
        self.pick(bar.low, bar.high)
    }
}

/// A subtype's rule, evaluated on one bar.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) trigger: ConditionResult,
    pub(crate) conditions: Vec<ConditionResult>,
    /// Distances in average true ranges.
    pub(crate) stop_atr: f64,
    pub(crate) target_atr: f64,
}
