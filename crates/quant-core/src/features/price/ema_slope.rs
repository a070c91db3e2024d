//! Slope of the exponential mean, in average true ranges per bar.

use serde::{Deserialize, Serialize};

use crate::features::kernels::atr::{AtrState, in_atr};
use crate::features::kernels::ema::EmaState;
use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, Window};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the change of the exponential mean per bar, in average true ranges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaSlopeParams {
    /// Span of the EMA.
    pub bars: u32,
    /// Bars between the two EMA values.
    pub lag: u32,
    /// Window of the ATR.
    pub atr_bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EmaSlopeParams {
    const KIND: &'static str = "ema_slope";
    const DOC: &'static str = "change of the exponential mean per bar, in average true ranges";

    fn example() -> Self {
        Self {
            bars: 20,
            lag: 3,
            atr_bars: 14,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("bars", self.bars, 1);
        rules.bars("lag", self.lag, 1);
        rules.bars("atr_bars", self.atr_bars, 1);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(EmaSlope::new(
            self.bars,
            self.lag,
            self.atr_bars,
            self.days_back,
        ))
    }
}

/// Change of the exponential mean per bar in average true ranges.
pub(crate) type EmaSlope = BarFeature<EmaSlopeKernel>;

#[derive(Debug)]
pub(crate) struct EmaSlopeKernel {
    lag: u32,
    ema: EmaState,
    atr: AtrState,
    /// The last `lag + 1` warm values.
    recent: Window<f64>,
}

impl BarKernel for EmaSlopeKernel {
    fn clear(&mut self) {
        self.ema.clear();
        self.atr.clear();
        self.recent.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.ema.push(bar.close);
        self.atr.push(bar);
        if let Some(value) = self.ema.value() {
            self.recent.push(value);
        }
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = match (self.ema.value(), self.recent.oldest(), self.atr.value()) {
            (Some(now), Some(then), Some(atr)) if self.recent.is_full() => {
                in_atr((now - then) / f64::from(self.lag), atr)
            }
            _ => None,
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl EmaSlope {
    pub(crate) fn new(bars: u32, lag: u32, atr_bars: u32, days_back: u16) -> Self {
        let warm = (bars + lag).max(atr_bars);
        let spec = FeatureSpec {
            name: "ema_slope",
            columns: vec![format!("ema_slope_{bars}_{lag}_{atr_bars}")],
            params: vec![
                ("bars", bars.to_string()),
                ("lag", lag.to_string()),
                ("atr_bars", atr_bars.to_string()),
            ],
            formula: "(ema_t - ema_(t-lag)) / lag / atr_t",
            units: "average true ranges per 5m bar",
            window: format!("recursive over 5m bars, longest {warm}"),
            warmup: format!("{warm} bars"),
            inputs: "5m high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, and for an atr of 0",
            causality: BAR_CAUSALITY,
            reference: "ema and atr of this registry",
            days_back,
        };
        let kernel = EmaSlopeKernel {
            lag,
            ema: EmaState::new(bars),
            atr: AtrState::new(atr_bars),
            recent: Window::new(lag + 1),
        };
        Self::of(spec, kernel)
    }
}
