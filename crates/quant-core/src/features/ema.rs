//! Exponential means of 5-minute closes, Wilder's average true range, and distances in units of it.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{
    BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, SHORT_WINDOW_NULLS, Window,
};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the exponential mean of 5-minute closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaParams {
    /// Span n; `alpha = 2 / (n + 1)`.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EmaParams {
    const KIND: &'static str = "ema";
    const DOC: &'static str = "exponential mean of 5-minute closes";

    fn example() -> Self {
        Self {
            bars: 20,
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
        Box::new(Ema::new(self.bars, self.days_back))
    }
}

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

/// Parameters of the Wilder's average true range of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtrParams {
    /// Window n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for AtrParams {
    const KIND: &'static str = "atr";
    const DOC: &'static str = "Wilder's average true range of 5-minute bars";

    fn example() -> Self {
        Self {
            bars: 14,
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
        Box::new(Atr::new(self.bars, self.days_back))
    }
}

/// Recursive exponential mean (`adjust=False`), seeded with the first close, null until `n` closes were seen.
#[derive(Clone, Debug)]
struct EmaState {
    n: u32,
    seen: u32,
    value: f64,
}

impl EmaState {
    const fn new(n: u32) -> Self {
        Self {
            n,
            seen: 0,
            value: 0.0,
        }
    }

    const fn clear(&mut self) {
        self.seen = 0;
    }

    fn push(&mut self, close: f64) {
        let alpha = 2.0 / (f64::from(self.n) + 1.0);
        self.value = if self.seen == 0 {
            close
        } else {
            alpha * close + (1.0 - alpha) * self.value
        };
        self.seen = self.seen.saturating_add(1);
    }

    fn value(&self) -> Option<f64> {
        (self.seen >= self.n).then_some(self.value)
    }
}

/// Wilder's mean of true ranges, seeded with the plain mean of the first `n`.
#[derive(Clone, Debug)]
struct AtrState {
    n: u32,
    seen: u32,
    previous_close: f64,
    value: f64,
}

impl AtrState {
    const fn new(n: u32) -> Self {
        Self {
            n,
            seen: 0,
            previous_close: 0.0,
            value: 0.0,
        }
    }

    const fn clear(&mut self) {
        self.seen = 0;
    }

    fn push(&mut self, bar: &PriceBar) {
        let range = if self.seen == 0 {
            bar.high - bar.low
        } else {
            bar.high.max(self.previous_close) - bar.low.min(self.previous_close)
        };
        let n = f64::from(self.n);
        self.value = if self.seen == 0 {
            range / n
        } else if self.seen < self.n {
            self.value + range / n
        } else {
            (self.value * (n - 1.0) + range) / n
        };
        self.previous_close = bar.close;
        self.seen = self.seen.saturating_add(1);
    }

    fn value(&self) -> Option<f64> {
        (self.seen >= self.n).then_some(self.value)
    }
}

/// Returns `x / atr`, null for an average true range of 0.
fn in_atr(x: f64, atr: f64) -> Option<f64> {
    (atr > 0.0).then(|| x / atr)
}

/// Exponential mean of closes.
pub(crate) type Ema = BarFeature<EmaKernel>;
/// Wilder's average true range.
pub(crate) type Atr = BarFeature<AtrKernel>;
/// Fast minus slow exponential mean in average true ranges.
pub(crate) type EmaGap = BarFeature<EmaGapKernel>;
/// Change of the exponential mean per bar in average true ranges.
pub(crate) type EmaSlope = BarFeature<EmaSlopeKernel>;

#[derive(Debug)]
pub(crate) struct EmaKernel(EmaState);

impl BarKernel for EmaKernel {
    fn clear(&mut self) {
        self.0.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.0.push(bar.close);
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.0.value();
    }
}

impl Ema {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "ema",
            columns: vec![format!("ema_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "e_0 = c_0; e_t = a c_t + (1 - a) e_(t-1); a = 2 / (n + 1)",
            units: "quote per base",
            window: format!("recursive over 5m bars, span {bars}"),
            warmup: format!("{bars} bars"),
            inputs: "5m close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "pandas ewm(span=n, adjust=False).mean()",
            days_back,
        };
        Self::of(spec, EmaKernel(EmaState::new(bars)))
    }
}

#[derive(Debug)]
pub(crate) struct AtrKernel(AtrState);

impl BarKernel for AtrKernel {
    fn clear(&mut self) {
        self.0.clear();
    }
    fn push(&mut self, bar: &PriceBar) {
        self.0.push(bar);
    }
    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self.0.value();
    }
}

impl Atr {
    pub(crate) fn new(bars: u32, days_back: u16) -> Self {
        let spec = FeatureSpec {
            name: "atr",
            columns: vec![format!("atr_{bars}")],
            params: vec![("bars", bars.to_string())],
            formula: "tr_t = max(h_t, c_(t-1)) - min(l_t, c_(t-1)), tr_0 = h_0 - l_0; \
                      a_(n-1) = mean of the first n; a_t = (a_(t-1) (n - 1) + tr_t) / n",
            units: "quote per base",
            window: format!("recursive over 5m bars, {bars}"),
            warmup: format!("{bars} bars"),
            inputs: "5m high, low, close",
            nan_policy: SHORT_WINDOW_NULLS,
            causality: BAR_CAUSALITY,
            reference: "Wilder (1978), New Concepts in Technical Trading Systems",
            days_back,
        };
        Self::of(spec, AtrKernel(AtrState::new(bars)))
    }
}

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
