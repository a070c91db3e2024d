//! Notional of forced orders.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::{Liquidation, Side};

/// Running sums of the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Liquidations {
    bought: f64,
    sold: f64,
}

impl Liquidations {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Liquidations {
    const SPEC: StatSpec = StatSpec {
        name: "liquidations",
        doc: "notional of forced orders",
        columns: &[
            StatColumn {
                name: "liq_buy",
                formula: "sum of price * qty of buying forced orders",
                units: "quote units",
            },
            StatColumn {
                name: "liq_sell",
                formula: "sum of price * qty of selling forced orders",
                units: "quote units",
            },
        ],
        inputs: "forced orders",
        made_of: MadeOf::Other,
        nan_policy: "null where the day has no such dataset",
        reference: "forceOrder streams and their archives",
    };

    fn on_liquidation(&mut self, order: &Liquidation) {
        let notional = order.price * order.qty;
        match order.side {
            Side::Buy => self.bought += notional,
            Side::Sell => self.sold += notional,
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(minute.has_liquidations.then_some(self.bought));
        out.write(minute.has_liquidations.then_some(self.sold));
        *self = Self::default();
    }
}
