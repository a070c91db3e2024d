//! Spread of Ardia, Guidotti and Kroencke (EDGE) from open, high, low and close.

use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::features::kernels::{BAR_CAUSALITY, BarFeature, BarKernel, PriceBar, Window};
use crate::features::{FeatureDef, FeatureSpec, ParamRules, RowFeature};

/// Parameters of the spread of Ardia, Guidotti and Kroencke (EDGE) from the prices of 5-minute bars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeParams {
    /// Number of bars n.
    pub bars: u32,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for EdgeParams {
    const KIND: &'static str = "edge";
    const DOC: &'static str =
        "spread of Ardia, Guidotti and Kroencke (EDGE) from the prices of 5-minute bars";

    fn example() -> Self {
        Self {
            bars: 24,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.bars("bars", self.bars, 3);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Edge::new(*self))
    }
}

/// Spread of Ardia, Guidotti and Kroencke (EDGE) from open, high, low and close.
pub(crate) type Edge = BarFeature<EdgeKernel>;

/// Log prices of a bar.
#[derive(Clone, Copy, Debug)]
struct LogBar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

impl LogBar {
    fn new(bar: &PriceBar) -> Self {
        Self {
            open: libm::log(bar.open),
            high: libm::log(bar.high),
            low: libm::log(bar.low),
            close: libm::log(bar.close),
        }
    }

    const fn mid(&self) -> f64 {
        f64::midpoint(self.high, self.low)
    }
}

/// What two consecutive bars give: `r_1` .. `r_5` and whether anything moved.
#[derive(Clone, Copy, Debug)]
struct Pair {
    r: [f64; 5],
    /// 1 if the bar has a range or left the close before it.
    tau: f64,
    /// How many of high and low the open differs from; 0 without a move.
    open_off: f64,
    /// The same of the close before, in its own bar.
    close_off: f64,
}

impl Pair {
    fn new(before: &LogBar, bar: &LogBar) -> Self {
        let count = |is_true: bool| f64::from(u8::from(is_true));
        let differ = |a: f64, b: f64| count(a.partial_cmp(&b) != Some(Ordering::Equal));
        let tau = differ(bar.high, bar.low).max(differ(bar.low, before.close));
        Self {
            r: [
                bar.mid() - bar.open,
                bar.open - before.mid(),
                bar.mid() - before.close,
                before.close - before.mid(),
                bar.open - before.close,
            ],
            tau,
            open_off: tau * (differ(bar.open, bar.high) + differ(bar.open, bar.low)),
            close_off: tau * (differ(before.close, before.high) + differ(before.close, before.low)),
        }
    }
}

/// Returns the unsigned spread, or none where the published code gives NaN.
fn spread(pairs: &[Pair]) -> Option<f64> {
    let n = pairs.len() as f64;
    // Sums begin with -0, as those of iterators do; side by side, one need not wait for the other.
    let sums = pairs.iter().fold([-0.0; 6], |sums, p| {
        let [r1, _, r3, _, r5] = p.r;
        let terms = [p.tau, p.open_off, p.close_off, r1, r3, r5];
        core::array::from_fn(|i| sums[i] + terms[i])
    });
    let [moving, open_off, close_off, m1, m3, m5] = sums.map(|sum: f64| sum / n);
    if moving * n < 1.5 || open_off <= 0.0 || close_off <= 0.0 {
        return None;
    }
    let (open_scale, close_scale) = (-4.0 / open_off, -4.0 / close_off);
    let [m1, m3, m5] = [m1, m3, m5].map(|mean| mean / moving);
    let x = |p: &Pair| {
        let [r1, r2, r3, r4, r5] = p.r;
        let (d1, d3, d5) = (r1 - m1 * p.tau, r3 - m3 * p.tau, r5 - m5 * p.tau);
        (
            open_scale * d1 * r2 + close_scale * d3 * r4,
            open_scale * d1 * r5 + close_scale * d5 * r4,
        )
    };
    let (mut sum, mut squares) = ((0.0, 0.0), (0.0, 0.0));
    for pair in pairs {
        let (x1, x2) = x(pair);
        sum = (sum.0 + x1, sum.1 + x2);
        squares = (squares.0 + x1 * x1, squares.1 + x2 * x2);
    }
    let (e1, e2) = (sum.0 / n, sum.1 / n);
    let (v1, v2) = (squares.0 / n - e1 * e1, squares.1 / n - e2 * e2);
    let total = v1 + v2;
    let square = if total > 0.0 {
        (v2 * e1 + v1 * e2) / total
    } else {
        f64::midpoint(e1, e2)
    };
    Some(libm::fabs(square).sqrt())
}

#[derive(Debug)]
pub(crate) struct EdgeKernel {
    last: Option<LogBar>,
    pairs: Window<Pair>,
}

impl BarKernel for EdgeKernel {
    fn clear(&mut self) {
        self.last = None;
        self.pairs.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        let bar = LogBar::new(bar);
        if let Some(before) = self.last.replace(bar) {
            self.pairs.push(Pair::new(&before, &bar));
        }
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = if self.pairs.is_full() {
            spread(self.pairs.as_slice())
        } else {
            None
        };
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.pairs.size() + 1)
    }
}

impl Edge {
    pub(crate) fn new(p: EdgeParams) -> Self {
        let spec = FeatureSpec {
            name: "edge",
            columns: vec![format!("edge_{}", p.bars)],
            params: vec![("bars", p.bars.to_string())],
            formula: "sqrt(abs((v_2 e_1 + v_1 e_2) / (v_1 + v_2))) with e, v the means and variances \
                      over n - 1 pairs of x_1 = -4/p_o d_1 r_2 - 4/p_c d_3 r_4 and x_2 = -4/p_o d_1 \
                      r_5 - 4/p_c d_5 r_4; (e_1 + e_2) / 2 if v_1 + v_2 = 0",
            units: "share of the price",
            window: format!("{} 5m bars", p.bars),
            warmup: format!("{} bars", p.bars),
            inputs: "5m open, high, low, close",
            nan_policy: "null until warm, in and after gaps until warm, with fewer than two moving \
                      bars, and if no open or no close lies off its high or low",
            causality: BAR_CAUSALITY,
            reference: "Ardia, Guidotti and Kroencke (2024), Efficient Estimation of Bid-Ask Spreads \
                      from Open, High, Low, and Close Prices, doi 10.1016/j.jfineco.2024.103916",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            EdgeKernel {
                last: None,
                pairs: Window::new(p.bars - 1),
            },
        )
    }
}
