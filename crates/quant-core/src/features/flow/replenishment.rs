//! How fast and how often the book refills, and what is cancelled rather than traded.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::flow::{STAT_NULLS, ratio};
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

const DEPLETIONS: usize = stat_column("n_depletions");
const REFILLS: usize = stat_column("n_refills");
const SECS: usize = stat_column("refill_secs");
const ADDED_BID: usize = stat_column("book_added_bid");
const ADDED_ASK: usize = stat_column("book_added_ask");
const REMOVED_BID: usize = stat_column("book_removed_bid");
const REMOVED_ASK: usize = stat_column("book_removed_ask");

/// Parameters of refills, cancellations and additions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplenishmentParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Smallest share of each window's minutes that must be known.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for ReplenishmentParams {
    const KIND: &'static str = "replenishment";
    const DOC: &'static str =
        "refills per depletion and their time, cancelled shares and balance of additions";

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
        let part = |name: &str| format!("{name}_{n}");
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![
                part("refill_share"),
                part("refill_secs"),
                part("cancel_bid"),
                part("cancel_ask"),
                part("add_imbalance"),
            ],
            params: vec![
                ("minutes", n.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "sum n_refills / sum n_depletions; sum refill_secs / sum n_refills; max(removed_bid - sold, 0) / removed_bid; max(removed_ask - bought, 0) / removed_ask; (added_bid - added_ask) / (added_bid + added_ask), all of sums over the known minutes of the last n",
            units: "ratio; s; share in [0, 1]; share in [0, 1]; share in [-1, 1]",
            window: format!("{n} minutes"),
            warmup: format!("{n} minutes"),
            inputs: "1m n_depletions, n_refills, refill_secs, book_added_bid, book_removed_bid, book_added_ask, book_removed_ask, volume, buy_volume",
            nan_policy: STAT_NULLS,
            causality: ROW_CAUSALITY,
            reference: "Large (2007), Measuring the Resiliency of an Electronic Limit Order Book",
            days_back: self.days_back,
        };
        let pair = || Pair::new(n, self.min_valid_share);
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                refills: pair(),
                secs: pair(),
                cancel_bid: pair(),
                cancel_ask: pair(),
                added: pair(),
            },
        ))
    }
}

/// Sums of two values over the minutes that have both.
#[derive(Debug)]
struct Pair {
    a: ValidSum,
    b: ValidSum,
}

impl Pair {
    fn new(minutes: u32, min_valid_share: f64) -> Self {
        Self {
            a: ValidSum::new(minutes, min_valid_share),
            b: ValidSum::new(minutes, min_valid_share),
        }
    }

    fn clear(&mut self) {
        self.a.clear();
        self.b.clear();
    }

    /// Takes both values of the next minute and returns their sums.
    fn push(&mut self, both: Option<(f64, f64)>) -> Option<(f64, f64)> {
        self.a.push(both.map(|(a, _)| a));
        self.b.push(both.map(|(_, b)| b));
        self.a.sum().zip(self.b.sum())
    }
}

#[derive(Debug)]
struct Kernel {
    refills: Pair,
    secs: Pair,
    cancel_bid: Pair,
    cancel_ask: Pair,
    added: Pair,
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.refills.clear();
        self.secs.clear();
        self.cancel_bid.clear();
        self.cancel_ask.clear();
        self.added.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let split = frame
            .traded()
            .row
            .and_then(|r| Some((r.volume, r.buy_volume?)));
        let sold = split.map(|(volume, bought)| volume - bought);
        let bought = split.map(|(_, bought)| bought);
        let cancelled = |sums: Option<(f64, f64)>| {
            sums.and_then(|(removed, traded)| ratio((removed - traded).max(0.0), removed))
        };
        let refills = self
            .refills
            .push(frame.stat(REFILLS).zip(frame.stat(DEPLETIONS)));
        out[0] = refills.and_then(|(refills, depletions)| ratio(refills, depletions));
        let secs = self.secs.push(frame.stat(SECS).zip(frame.stat(REFILLS)));
        out[1] = secs.and_then(|(secs, refills)| ratio(secs, refills));
        out[2] = cancelled(self.cancel_bid.push(frame.stat(REMOVED_BID).zip(sold)));
        out[3] = cancelled(self.cancel_ask.push(frame.stat(REMOVED_ASK).zip(bought)));
        let added = self
            .added
            .push(frame.stat(ADDED_BID).zip(frame.stat(ADDED_ASK)));
        out[4] = added.and_then(|(bid, ask)| ratio(bid - ask, bid + ask));
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.refills.a.size())
    }
}
