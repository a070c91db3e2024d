//! Sums of the regression of price changes on signed volume.

use crate::bars::{
    GRID_US, GapScope, MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec,
};
use crate::market::Trade;
use crate::time::UnixMicros;

/// Length of an interval: two steps of the grid.
const INTERVAL_US: i64 = 2 * GRID_US;

/// Sums over the intervals that ended in the minute; an interval ends in the minute it began in.
#[derive(Clone, Debug, Default)]
struct Sums {
    n: u64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

/// The interval going on, and those that ended in the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Kyle {
    /// Price at its start; `None` if there was none or something was lost since.
    start: Option<f64>,
    flow: f64,
    sums: Sums,
}

impl Kyle {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Kyle {
    const SPEC: StatSpec = StatSpec {
        name: "kyle",
        doc: "sums of the regression of price changes on signed volume",
        columns: &[
            StatColumn {
                name: "flow_n",
                formula: "intervals",
                units: "count",
            },
            StatColumn {
                name: "flow_x",
                formula: "sum of x, x = signed volume of the interval",
                units: "base units",
            },
            StatColumn {
                name: "flow_y",
                formula: "sum of y, y = change of the grid price",
                units: "price",
            },
            StatColumn {
                name: "flow_xx",
                formula: "sum of x^2",
                units: "base units^2",
            },
            StatColumn {
                name: "flow_xy",
                formula: "sum of x y",
                units: "base units price",
            },
            StatColumn {
                name: "flow_yy",
                formula: "sum of y^2",
                units: "price^2",
            },
        ],
        inputs: "trades and the price grid, intervals of 10 s with a price at both ends",
        made_of: MadeOf::GridPrices,
        nan_policy: "null without trades as a source",
        reference: "Kyle (1985), Econometrica 53(6), as a regression within the same interval",
    };

    #[inline]
    fn on_trade(&mut self, trade: &Trade) {
        self.flow += f64::from(trade.aggressor.sign()) * trade.qty;
    }

    fn on_grid(&mut self, ts: UnixMicros, price: Option<f64>) {
        if ts.0.rem_euclid(INTERVAL_US) != 0 {
            return;
        }
        if let Some((start, end)) = self.start.zip(price) {
            let (x, y) = (self.flow, end - start);
            self.sums.n += 1;
            self.sums.x += x;
            self.sums.y += y;
            self.sums.xx += x * x;
            self.sums.xy += x * y;
            self.sums.yy += y * y;
        }
        (self.start, self.flow) = (price, 0.0);
    }

    fn on_gap(&mut self, _scope: GapScope) {
        self.start = None;
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let sums = std::mem::take(&mut self.sums);
        out.count(sums.n, minute.has_trades);
        for sum in [sums.x, sums.y, sums.xx, sums.xy, sums.yy] {
            out.write(minute.has_trades.then_some(sum));
        }
    }
}
