//! Order flow imbalance of the best level. Trade imbalance (`tfi`) is another thing and not here.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{STAT_NULLS, ratio};
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// The statistic that every kind of this name is made of.
pub(super) const OFI: usize = stat_column("ofi");
const DEPTH: usize = stat_column("ofi_depth");
const EVENTS: usize = stat_column("ofi_events");

/// Parameters of the order flow imbalance of n minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfiParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for OfiParams {
    const KIND: &'static str = "ofi";
    const DOC: &'static str = "order flow imbalance of the best level, and over its mean depth";

    fn example() -> Self {
        Self {
            minutes: 30,
            min_valid_share: 0.8,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("ofi_{n}"), format!("ofi_norm_{n}")],
            params: vec![
                ("minutes", n.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "sum_(i<n) ofi_(t-i); the same / (sum ofi_depth ofi_events / sum ofi_events)",
            units: "base units; multiples of the mean depth of the best level",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m ofi, ofi_depth, ofi_events",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Cont, Kukanov and Stoikov (2014), The Price Impact of Order Book Events",
            days_back: self.days_back,
        };
        let window = || ValidSum::new(n, self.min_valid_share);
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                ofi: window(),
                depth: window(),
                events: window(),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    ofi: ValidSum,
    /// `ofi_depth * ofi_events` and `ofi_events` of the minutes that have both.
    depth: ValidSum,
    events: ValidSum,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.ofi.clear();
        self.depth.clear();
        self.events.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.ofi.push(frame.stat(OFI));
        let both = frame.stat(DEPTH).zip(frame.stat(EVENTS));
        self.depth.push(both.map(|(depth, events)| depth * events));
        self.events.push(both.map(|(_, events)| events));
        let Some(ofi) = self.ofi.sum() else { return };
        out[0] = Some(ofi);
        // A minute without changes has no depth and adds none: only `ofi` must be known often enough.
        let mean_depth = ratio(self.depth.known_sum(), self.events.known_sum());
        out[1] = mean_depth.and_then(|depth| ratio(ofi, depth));
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.ofi.size())
    }
}
