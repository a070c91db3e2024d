//! Agreement of two exponential means on a direction.

use serde::{Deserialize, Serialize};

use crate::features::kernels::ema::EmaState;
use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS, Window,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the direction two exponential means of 5-minute closes agree on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaTrendParams {
    /// Span of the fast EMA.
    pub fast: u32,
    /// Span of the slow EMA.
    pub slow: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EmaTrendParams {
    const KIND: &'static str = "ema_trend";
    const DOC: &'static str = "direction two exponential means of 5-minute closes agree on";

    fn example() -> Self {
        Self {
            fast: 12,
            slow: 48,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("slow", self.slow, 2);
        rules.int("fast", self.fast, 1, self.slow.saturating_sub(1).max(1));
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(EmaTrend::new(*self))
    }
}

/// Agreement of two exponential means on a direction.
pub(crate) type EmaTrend = BarFeature<EmaTrendKernel>;

#[derive(Debug)]
pub(crate) struct EmaTrendKernel {
    fast: EmaState,
    slow: EmaState,
    /// (fast, slow) of the last three bars on which the fast mean is warm.
    recent: Window<(f64, Option<f64>)>,
}

impl BarKernel for EmaTrendKernel {
    fn clear(&mut self) {
        self.fast.clear();
        self.slow.clear();
        self.recent.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        self.fast.push(bar.close);
        self.slow.push(bar.close);
        if let Some(fast) = self.fast.value() {
            self.recent.push((fast, self.slow.value()));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = match *self.recent.as_slice() {
            [
                (first, _),
                (second, Some(slow_second)),
                (third, Some(slow_third)),
            ] => {
                let up =
                    second > slow_second && third > slow_third && second > first && third > second;
                let down =
                    second < slow_second && third < slow_third && second < first && third < second;
                Some(f64::from(i8::from(up) - i8::from(down)))
            }
            _ => None,
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        None
    }
}

impl EmaTrend {
    pub(crate) fn new(p: EmaTrendParams) -> Self {
        let spec = FeatureSpec {
            name: "ema_trend",
            columns: vec![format!("ema_trend_{}_{}", p.fast, p.slow)],
            params: vec![("fast", p.fast.to_string()), ("slow", p.slow.to_string())],
            formula: "+1 if ema_fast > ema_slow and ema_fast rose on each of the last two bars, -1 \
                      if ema_fast < ema_slow and ema_fast fell on each, else 0",
            units: "-1, 0 or 1",
            window: format!("recursive over 5m bars, longest {}", p.slow),
            warmup: format!("{} bars", p.slow + 1),
            inputs: "5m close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "ema of this registry",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            EmaTrendKernel {
                fast: EmaState::new(p.fast),
                slow: EmaState::new(p.slow),
                recent: Window::new(3),
            },
        )
    }
}
