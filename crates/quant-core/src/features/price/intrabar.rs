//! Shape of the last completed 5-minute bar from its minutes.

use serde::{Deserialize, Serialize};

use crate::features::kernels::{BAR_CAUSALITY, MinuteFeature, MinuteKernel, PriceBar, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of the shape of the last 5-minute bar from its five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntrabarParams {
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for IntrabarParams {
    const KIND: &'static str = "intrabar";
    const DOC: &'static str = "shape of the last 5-minute bar from its five minutes";

    fn example() -> Self {
        Self { days_back: 0 }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Intrabar::new(*self))
    }
}

/// Shape of the last completed 5-minute bar from its minutes.
pub(crate) type Intrabar = MinuteFeature<IntrabarKernel>;

/// Minutes of a bar.
const MINUTES: u32 = 5;

#[derive(Debug)]
pub(crate) struct IntrabarKernel {
    /// The last five minutes; `None` for one that is not real.
    minutes: Window<Option<PriceBar>>,
    held: [Option<f64>; 5],
}

impl MinuteKernel for IntrabarKernel {
    fn clear(&mut self) {
        self.minutes.clear();
        self.held = [None; 5];
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let minute = frame.traded();
        self.minutes
            .push(minute.row.filter(|r| !r.is_filled).and_then(|r| {
                Some(PriceBar {
                    high: r.high?,
                    low: r.low?,
                    open: r.open?,
                    close: r.close?,
                    volume: r.volume,
                })
            }));
        if minute.bar_5m.is_some_and(|bar| bar.close.is_some()) {
            self.held = match *self.minutes.as_slice() {
                [Some(a), Some(b), Some(c), Some(d), Some(e)] => shape(&[a, b, c, d, e]),
                _ => [None; 5],
            };
        }
        out.copy_from_slice(&self.held);
    }

    fn memory_minutes(&self) -> Option<u32> {
        // A bar that never completes leaves what an older one left.
        None
    }
}

/// Returns the five columns of a bar made of real minutes.
fn shape(minutes: &[PriceBar; 5]) -> [Option<f64>; 5] {
    let over =
        |numerator: f64, denominator: f64| (denominator > 0.0).then(|| numerator / denominator);
    let [first, second, .., last] = minutes;
    let (mut high, mut low, mut before) = (first.high, first.low, first.open);
    let (mut path, mut volume, mut n_up) = (0.0, 0.0, 0_u32);
    let (mut squares, mut largest) = (0.0, 0.0_f64);
    for minute in minutes {
        high = high.max(minute.high);
        low = low.min(minute.low);
        path += libm::fabs(minute.close - before);
        volume += minute.volume;
        n_up += u32::from(minute.close > minute.open);
        let step = libm::log(minute.close / before);
        squares += step * step;
        largest = largest.max(step * step);
        before = minute.close;
    }
    [
        over(last.close - low, high - low),
        Some(f64::from(n_up) / f64::from(MINUTES)),
        // Rounding may lift a straight path's ratio above 1 by an ulp.
        over(libm::fabs(last.close - first.open), path).map(|x| x.min(1.0)),
        over(first.volume + second.volume, volume),
        over(largest, squares),
    ]
}

impl Intrabar {
    pub(crate) fn new(p: IntrabarParams) -> Self {
        let spec = FeatureSpec {
            name: "intrabar",
            columns: vec![
                "intrabar_close_pos".to_owned(),
                "intrabar_up_share".to_owned(),
                "intrabar_efficiency".to_owned(),
                "intrabar_early_volume".to_owned(),
                "intrabar_max_move_share".to_owned(),
            ],
            params: vec![],
            formula: "(c - l) / (h - l); share of minutes with c > o; abs(c_5 - o_1) / (abs(c_1 - \
                      o_1) + sum abs(c_i - c_(i-1))); (v_1 + v_2) / v; max m_i^2 / sum m_i^2, m_1 = \
                      ln(c_1 / o_1), m_i = ln(c_i / c_(i-1))",
            units: "share in [0, 1]",
            window: "the last completed 5m bar".to_owned(),
            warmup: "1 bar".to_owned(),
            inputs: "1m open, high, low, close, volume, is_filled",
            nan_policy: "null before the first bar, in gaps, unless all five minutes are real, and for \
                      a denominator of 0",
            causality: BAR_CAUSALITY,
            reference: "minute path of a bar",
            days_back: p.days_back,
        };
        Self::of(
            spec,
            IntrabarKernel {
                minutes: Window::new(MINUTES),
                held: [None; 5],
            },
        )
    }
}
