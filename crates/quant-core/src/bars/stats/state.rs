//! Last known mark, index, premium, funding, open interest and depth bands.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};

/// Has nothing to remember: the driver knows the records and their ages.
#[derive(Clone, Debug, Default)]
pub(super) struct State;

impl State {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self
    }
}

impl MinuteStat for State {
    const SPEC: StatSpec = StatSpec {
        name: "state",
        doc: "last known mark, index, premium, funding, open interest and depth bands",
        columns: &[
            StatColumn {
                name: "mark",
                formula: "mark price",
                units: "price",
            },
            StatColumn {
                name: "index",
                formula: "index price",
                units: "price",
            },
            StatColumn {
                name: "premium",
                formula: "premium index",
                units: "share",
            },
            StatColumn {
                name: "funding_rate",
                formula: "last settled funding rate",
                units: "share of notional",
            },
            StatColumn {
                name: "funding_interval_h",
                formula: "hours it was for",
                units: "h",
            },
            StatColumn {
                name: "open_interest",
                formula: "open interest",
                units: "base units",
            },
            StatColumn {
                name: "band_bid",
                formula: "depth within 1 % below the mid",
                units: "base units",
            },
            StatColumn {
                name: "band_ask",
                formula: "depth within 1 % above the mid",
                units: "base units",
            },
        ],
        inputs: "state records known at ts_avail of the row",
        made_of: MadeOf::Other,
        nan_policy: "null before the first record and when too old (docs/minute_rows.md)",
        reference: "-",
    };

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let state = minute.state;
        out.write(state.mark);
        out.write(state.index);
        out.write(state.premium);
        out.write(state.funding_rate);
        out.write(state.funding_interval_h);
        out.write(state.open_interest);
        out.write(state.band_bid);
        out.write(state.band_ask);
    }
}
