//! Signed volume and signed root of quote volume.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::Trade;

/// Running sums of the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Signed {
    volume: f64,
    sqrt_quote: f64,
}

impl Signed {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Signed {
    const SPEC: StatSpec = StatSpec {
        name: "signed",
        doc: "signed volume and signed root of quote volume",
        columns: &[
            StatColumn {
                name: "signed_volume",
                formula: "sum of s q",
                units: "base units",
            },
            StatColumn {
                name: "signed_sqrt_quote",
                formula: "sum of s sqrt(p q)",
                units: "sqrt(quote units)",
            },
        ],
        inputs: "trades",
        made_of: MadeOf::Other,
        nan_policy: "null without trades as a source",
        reference: "Hasbrouck (2009), J. Finance 64(3), for the root",
    };

    #[inline]
    fn on_trade(&mut self, trade: &Trade) {
        let sign = f64::from(trade.aggressor.sign());
        self.volume += sign * trade.qty;
        self.sqrt_quote += sign * (trade.price * trade.qty).sqrt();
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(minute.has_trades.then_some(self.volume));
        out.write(minute.has_trades.then_some(self.sqrt_quote));
        *self = Self::default();
    }
}
