//! Spread of Corwin and Schultz from the ranges of consecutive bars.

use serde::{Deserialize, Serialize};

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the spread of Corwin and Schultz from the ranges of consecutive 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorwinSchultzParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for CorwinSchultzParams {
    const KIND: &'static str = "corwin_schultz";
    const DOC: &'static str =
        "spread of Corwin and Schultz from the ranges of consecutive 5-minute bars";

    fn example() -> Self {
        Self {
            bars: 24,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("bars", self.bars, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(CorwinSchultz::new(*self))
    }
}

/// Spread of Corwin and Schultz from the ranges of consecutive bars.
pub(crate) type CorwinSchultz = BarFeature<CorwinSchultzKernel>;

/// Returns `(alpha, S)` of two consecutive bars, S before negatives become 0.
fn pair_spread(first: &PriceBar, second: &PriceBar) -> (f64, f64) {
    let square = |x: f64| x * x;
    let beta =
        square(libm::log(first.high / first.low)) + square(libm::log(second.high / second.low));
    let gamma = square(libm::log(
        first.high.max(second.high) / first.low.min(second.low),
    ));
    let scale = 3.0 - 2.0 * core::f64::consts::SQRT_2;
    let alpha = ((2.0 * beta).sqrt() - beta.sqrt()) / scale - (gamma / scale).sqrt();
    // 2 (e^a - 1) / (1 + e^a) without the cancellation near 0.
    (alpha, 2.0 * libm::tanh(alpha / 2.0))
}

#[derive(Debug)]
pub(crate) struct CorwinSchultzKernel {
    last: Option<PriceBar>,
    spreads: ValidSum,
}

impl BarKernel for CorwinSchultzKernel {
    fn clear(&mut self) {
        self.last = None;
        self.spreads.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        if let Some(before) = self.last.replace(*bar) {
            let (_, spread) = pair_spread(&before, bar);
            self.spreads.push(Some(spread.max(0.0)));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.spreads.mean();
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.spreads.size() + 1)
    }
}

impl CorwinSchultz {
    pub(crate) fn new(p: CorwinSchultzParams) -> Self {
        let spec = FeatureSpec {
            name: "corwin_schultz",
            columns: vec![format!("corwin_schultz_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "mean_n max(S, 0), S = 2 (e^a - 1) / (1 + e^a), a = (sqrt(2 b) - sqrt(b)) / (3 \
                      - 2 sqrt2) - sqrt(g / (3 - 2 sqrt2)), b = ln(h_1/l_1)^2 + ln(h_2/l_2)^2, g = \
                      ln(max(h_1, h_2) / min(l_1, l_2))^2",
            units: "share of the price",
            window: format!("{} pairs of consecutive 5m bars", p.bars),
            warmup: format!("{} bars", p.bars + 1),
            inputs: "5m high, low",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "Corwin and Schultz (2012), A Simple Way to Estimate Bid-Ask Spreads from Daily \
                      High and Low Prices; negative two-bar estimates to 0 before averaging; no \
                      overnight adjustment",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            CorwinSchultzKernel {
                last: None,
                spreads: ValidSum::new(p.bars, 1.0),
            },
        )
    }
}

#[cfg(test)]
mod tests;
