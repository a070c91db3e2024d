//! Volume buckets closed in the minute and their imbalance.

use crate::bars::{
    GapScope, MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec,
};
use crate::market::Trade;

/// Missing share of a bucket that counts as nothing, so that decimal quantities fill a decimal bucket exactly.
const FULL_WITHIN: f64 = 1e-9;

/// The bucket being filled, and what closed in the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Vpin {
    size: Option<f64>,
    filled: f64,
    /// Bought less sold of what fills it.
    signed: f64,
    /// Whole, but one print may close more of them than an integer of any size holds.
    n_closed: f64,
    imbalance: f64,
}

impl Vpin {
    pub(super) fn new(inputs: &StatInputs) -> Self {
        Self {
            size: inputs
                .vpin_bucket
                .filter(|size| size.is_finite() && *size > 0.0),
            ..Self::default()
        }
    }

    /// Closes the bucket being filled and as many whole ones as `qty` still fills.
    #[cold]
    fn overfill(&mut self, size: f64, sign: f64, qty: f64) {
        let missing = size - self.filled;
        self.n_closed += 1.0;
        self.imbalance += (self.signed + sign * qty.min(missing)).abs() / size;
        let rest = (qty - missing).max(0.0);
        // The remainder of a division of floats is exact, whatever the quotient.
        let mut left = rest % size;
        let mut n_whole = ((rest - left) / size).round();
        if size - left <= FULL_WITHIN * size {
            n_whole += 1.0;
            left = 0.0;
        }
        // Buckets of one side only.
        self.n_closed += n_whole;
        self.imbalance += n_whole;
        self.filled = left;
        self.signed = sign * left;
    }
}

impl MinuteStat for Vpin {
    const SPEC: StatSpec = StatSpec {
        name: "vpin",
        doc: "volume buckets closed in the minute and their imbalance",
        columns: &[
            StatColumn {
                name: "vpin_buckets",
                formula: "buckets closed",
                units: "count",
            },
            StatColumn {
                name: "vpin_imbalance",
                formula: "sum of |V_buy - V_sell| / V over them",
                units: "share",
            },
        ],
        inputs: "trades",
        made_of: MadeOf::Other,
        nan_policy: "null without a bucket size and without trades as a source",
        reference: "Easley, Lopez de Prado and O'Hara (2012), RFS 25(5); prints are split across buckets",
    };

    #[inline]
    fn on_trade(&mut self, trade: &Trade) {
        let Some(size) = self.size else {
            return;
        };
        let sign = f64::from(trade.aggressor.sign());
        if trade.qty < size - self.filled - FULL_WITHIN * size {
            self.filled += trade.qty;
            self.signed += sign * trade.qty;
        } else {
            self.overfill(size, sign, trade.qty);
        }
    }

    fn on_gap(&mut self, _scope: GapScope) {
        (self.filled, self.signed) = (0.0, 0.0);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = minute.has_trades && self.size.is_some();
        out.write(is_known.then_some(self.n_closed));
        out.write(is_known.then_some(self.imbalance));
        (self.n_closed, self.imbalance) = (0.0, 0.0);
    }
}
