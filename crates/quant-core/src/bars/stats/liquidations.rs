//! Notional of forced orders.

use crate::bars::{MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

#[derive(Clone, Debug, Default)]
pub(super) struct Liquidations {}

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
        nan_policy: "null where the day has no such dataset",
        reference: "forceOrder streams and their archives",
    };

    fn close(&mut self, _minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(None);
        out.write(None);
    }
}
