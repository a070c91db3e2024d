//! Imbalance of volume buckets (VPIN from signed trades). Never above 1.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;

use crate::features::kernels::rolling::SortedWindow;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY, Window};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const BUCKETS: usize = stat_column("vpin_buckets");
const IMBALANCE: usize = stat_column("vpin_imbalance");
/// Buckets older than a day say nothing about now.
const DAY_MINUTES: u32 = 1_440;

/// Parameters of the imbalance of volume buckets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpinParams {
    /// Number of volume buckets b.
    pub buckets: u32,
    /// Number of minutes m the rank looks over.
    pub lookback: u32,
    /// Smallest share of the rank's minutes that must have a value.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for VpinParams {
    const KIND: &'static str = "vpin";
    const DOC: &'static str = "VPIN of the last volume buckets, and its rank";

    fn example() -> Self {
        Self {
            buckets: 50,
            lookback: 1440,
            min_valid_share: 0.8,
            days_back: 1,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.int("buckets", self.buckets, 1, 1_000);
        rules.minutes("lookback", self.lookback, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let (b, m) = (self.buckets, self.lookback);
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("vpin_{b}"), format!("vpin_pct_{b}_{m}")],
            params: vec![
                ("buckets", b.to_string()),
                ("lookback", m.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "sum vpin_imbalance / sum vpin_buckets over the fewest whole minutes, newest first, with at least b buckets; share of the values in m minutes that are <= the current one",
            units: "share in [0, 1]",
            window: format!(
                "as many minutes as hold {b} buckets, at most one day; its rank {m} minutes"
            ),
            warmup: format!("{b} buckets; its rank {m} minutes"),
            inputs: "1m vpin_buckets, vpin_imbalance",
            nan_policy: "null until b buckets were closed within one day, in and after gaps until warm; the rank also below min_valid_share of known values",
            causality: ROW_CAUSALITY,
            reference: "Easley, Lopez de Prado and O'Hara (2012), Flow Toxicity and Liquidity in a High-frequency World",
            days_back: self.days_back,
        };
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                needed: f64::from(b),
                minute: 0,
                closed: Window::new(DAY_MINUTES),
                rank: SortedWindow::new(m, self.min_valid_share),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    needed: f64,
    /// Number of the current minute in its segment.
    minute: u32,
    /// Minute, buckets and their imbalance of the last minutes that closed a bucket.
    closed: Window<(u32, f64, f64)>,
    rank: SortedWindow,
}

impl Kernel {
    /// Takes the next minute and returns the value of the last ones.
    fn step(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        self.minute += 1;
        if let Some((buckets, imbalance)) = frame.stat(BUCKETS).zip(frame.stat(IMBALANCE))
            && buckets > 0.0
        {
            self.closed.push((self.minute, buckets, imbalance));
        }
        self.vpin()
    }

    fn vpin(&self) -> Option<f64> {
        let closed = self.closed.as_slice();
        let mut buckets = 0.0;
        for (i, (minute, n, _)) in closed.iter().enumerate().rev() {
            if self.minute - minute >= DAY_MINUTES {
                return None;
            }
            // Counts are whole numbers: their sum is exact in any order.
            buckets += n;
            if buckets >= self.needed {
                let imbalance: f64 = closed[i..].iter().map(|(_, _, x)| x).sum();
                return Some(imbalance / buckets);
            }
        }
        None
    }
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.minute = 0;
        self.closed.clear();
        self.rank.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out[0] = self.step(frame);
        self.rank.push(out[0]);
        out[1] = self.rank.rank_of_last();
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        let vpin = self.step(frame);
        self.rank.observe(vpin);
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(DAY_MINUTES + self.rank.size() - 1)
    }
}
