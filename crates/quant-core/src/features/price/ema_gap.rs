//! Distance of a fast from a slow exponential mean, in average true ranges.

use serde::{Deserialize, Serialize};

use crate::features::kernels::atr::{AtrState, in_atr};
use crate::features::kernels::ema::EmaState;
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the fast minus slow exponential mean, in average true ranges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaGapParams {
    /// Span of the fast EMA.
    pub fast: u32,
    /// Span of the slow EMA.
    pub slow: u32,
    /// Window of the ATR.
    pub atr_bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EmaGapParams {
    const KIND: &'static str = "ema_gap";
    const DOC: &'static str = "fast minus slow exponential mean, in average true ranges";

    fn example() -> Self {
        Self {
            fast: 20,
            slow: 60,
            atr_bars: 14,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("slow", self.slow, 2);
        rules.int("fast", self.fast, 1, self.slow.saturating_sub(1).max(1));
        rules.bars("atr_bars", self.atr_bars, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(EmaGap::new(
            self.fast,
            self.slow,
            self.atr_bars,
            self.days_back,
        ))
    }
}

/// Fast minus slow exponential mean in average true ranges.
pub(crate) type EmaGap = BarFeature<EmaGapKernel>;

#[derive(Debug)]
pub(crate) struct EmaGapKernel {
    fast: EmaState,
    slow: EmaState,
    atr: AtrState,
}

impl BarKernel for EmaGapKernel {
    fn clear(&mut self) {
        self.fast.clear();
        self.slow.clear();
        self.atr.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.fast.push(bar.close);
        self.slow.push(bar.close);
        self.atr.push(bar);
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = match (self.fast.value(), self.slow.value(), self.atr.value()) {
            (Some(fast), Some(slow), Some(atr)) => in_atr(fast - slow, atr),
            _ => None,
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl EmaGap {
    pub(crate) fn new(fast: u32, slow: u32, atr_bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "ema_gap",
            columns: vec![format!("ema_gap_{fast}_{slow}_{atr_bars}")],
            params: vec![
                ("fast", fast.to_string()),
                ("slow", slow.to_string()),
                ("atr_bars", atr_bars.to_string()),
            ],
            formula: "(ema_fast - ema_slow) / atr",
            units: "average true ranges",
            window: format!("recursive over 5m bars, longest {}", slow.max(atr_bars)),
            warmup: format!("{} bars", slow.max(atr_bars)),
            inputs: "5m high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, and for an atr of 0",
            causality: BAR_CAUSALITY,
            reference: "ema and atr of this registry",
            days_back,
        };
        let kernel = EmaGapKernel {
            fast: EmaState::new(fast),
            slow: EmaState::new(slow),
            atr: AtrState::new(atr_bars),
        };
        Self::of(spec, kernel)
    }
}
