//! Correlation of 5-minute returns with another instrument over days.

use serde::{Deserialize, Serialize};

use crate::features::kernels::BAR_CAUSALITY;
use crate::features::{
    FeatureDef, FeatureSpec, InstrumentMinute, MinuteFrame, ParamRules, RowFeature,
};
use crate::time::UnixMicros;

/// Bars of a day.
const BARS_PER_DAY: f64 = 288.0;

/// Parameters of the correlation of 5-minute returns with another instrument.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationParams {
    /// Position of the other instrument in the run, counted from 0.
    pub other: u16,
    /// Whole days before today that count; also the replay window.
    pub days: u16,
    /// Smallest share of the pairs of that many days.
    pub min_valid_share: f64,
}

impl FeatureDef for CorrelationParams {
    const KIND: &'static str = "correlation";
    const DOC: &'static str =
        "correlation of the 5-minute returns of the traded and another instrument";

    fn example() -> Self {
        Self {
            other: 1,
            days: 1,
            min_valid_share: 0.5,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.int("days", u32::from(self.days), 1, 60);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days
    }

    fn other(&self) -> Option<u16> {
        Some(self.other)
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Correlation::new(*self))
    }
}

/// A completed bar as far as its successor needs it.
#[derive(Clone, Copy, Debug)]
struct Last {
    ts_close: UnixMicros,
    segment: u32,
    close: f64,
}

/// The last bar of one instrument, to make returns of bars that follow one another in one segment.
#[derive(Debug, Default)]
struct Returns {
    last: Option<Last>,
}

impl Returns {
    /// Takes the next minute and returns the log return of the bar it completes.
    fn push(&mut self, minute: &InstrumentMinute) -> Option<f64> {
        let bar = minute.bar_5m.as_ref()?;
        let now = bar
            .close
            .filter(|close| *close > 0.0 && !minute.segment.in_gap)
            .map(|close| Last {
                ts_close: bar.ts_close,
                segment: minute.segment.id,
                close,
            });
        let before = core::mem::replace(&mut self.last, now)?;
        let now = now.filter(|n| before.ts_close == bar.ts_open && before.segment == n.segment)?;
        Some(libm::log(now.close / before.close))
    }
}

/// Means and sums of squares and products of pairs (Welford): one pass, no cancellation.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    n: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn push(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        let (dx, dy) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += dx / self.n;
        self.mean_y += dy / self.n;
        self.xx += dx * (x - self.mean_x);
        self.yy += dy * (y - self.mean_y);
        self.xy += dx * (y - self.mean_y);
    }

    fn correlation(&self) -> Option<f64> {
        let scale = self.xx.sqrt() * self.yy.sqrt();
        // Rounding may lift the correlation of a straight line above 1 by an ulp.
        (self.n >= 2.0 && scale > 0.0).then(|| (self.xy / scale).clamp(-1.0, 1.0))
    }
}

/// Correlation of all pairs since the start of the replay, which is `days` whole days before today.
#[derive(Debug)]
struct Correlation {
    spec: FeatureSpec,
    other: usize,
    n_needed: f64,
    traded_returns: Returns,
    other_returns: Returns,
    moments: Moments,
    value: Option<f64>,
}

impl Correlation {
    fn new(params: CorrelationParams) -> Self {
        let CorrelationParams {
            other,
            days,
            min_valid_share,
        } = params;
        let spec = FeatureSpec {
            name: CorrelationParams::KIND,
            columns: vec![format!("correlation_{other}_{days}d")],
            params: vec![
                ("other", other.to_string()),
                ("days", days.to_string()),
                ("min_valid_share", min_valid_share.to_string()),
            ],
            formula: "sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2) over the pairs of 5m log \
                      returns x, y of traded and other instrument, both between bars that follow one another in one segment",
            units: "correlation in [-1, 1]",
            window: format!("{days} whole UTC days and today so far"),
            warmup: format!("{days} days"),
            inputs: "5m close of the traded and of the other instrument",
            nan_policy: "null until the days exist and in a gap of the traded instrument; below min_valid_share * 288 * days \
                         pairs, and if either return never varies; gaps clear nothing but the pair across them",
            causality: BAR_CAUSALITY,
            reference: "Pearson (1895); updated as Welford (1962)",
            days_back: days,
        };
        Self {
            spec,
            other: usize::from(other),
            n_needed: min_valid_share * BARS_PER_DAY * f64::from(days),
            traded_returns: Returns::default(),
            other_returns: Returns::default(),
            moments: Moments::default(),
            value: None,
        }
    }
}

impl RowFeature for Correlation {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.traded_returns.last = None;
        self.other_returns.last = None;
        self.moments = Moments::default();
        self.value = None;
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        // Both take every bar: the next return of one must not depend on what the other has.
        let x = self.traded_returns.push(frame.traded());
        let y = self.other_returns.push(&frame.minutes[self.other]);
        if let Some((x, y)) = x.zip(y) {
            self.moments.push(x, y);
            self.value = self
                .moments
                .correlation()
                .filter(|_| self.moments.n >= self.n_needed);
        }
        out[0] = self.value.filter(|_| !frame.traded().segment.in_gap);
    }
}
