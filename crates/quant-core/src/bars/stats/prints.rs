//! Numbers and sizes of prints.

use crate::bars::{MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec};
use crate::market::{Side, Trade};

/// Moments of the sizes of the minute; the squared deviations are updated, not differences of sums (Welford).
#[derive(Clone, Debug, Default)]
pub(super) struct Prints {
    n_buys: u64,
    n_sells: u64,
    sum: f64,
    largest: f64,
    squares: f64,
    running_mean: f64,
    deviations: f64,
}

impl Prints {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }
}

impl MinuteStat for Prints {
    const SPEC: StatSpec = StatSpec {
        name: "prints",
        doc: "numbers and sizes of prints",
        columns: &[
            StatColumn {
                name: "n_buys",
                formula: "prints with a buying aggressor",
                units: "count",
            },
            StatColumn {
                name: "n_sells",
                formula: "prints with a selling aggressor",
                units: "count",
            },
            StatColumn {
                name: "size_mean",
                formula: "mean size",
                units: "base units",
            },
            StatColumn {
                name: "size_std",
                formula: "sample deviation of size, ddof 1",
                units: "base units",
            },
            StatColumn {
                name: "size_max",
                formula: "largest size",
                units: "base units",
            },
            StatColumn {
                name: "size_sq",
                formula: "sum of squared sizes",
                units: "base units^2",
            },
        ],
        inputs: "trades",
        made_of: MadeOf::Other,
        nan_policy: "counts and size_sq null without trades as a source; the others also without a print (size_std below two)",
        reference: "-",
    };

    #[inline]
    fn on_trade(&mut self, trade: &Trade) {
        match trade.aggressor {
            Side::Buy => self.n_buys += 1,
            Side::Sell => self.n_sells += 1,
        }
        let qty = trade.qty;
        self.sum += qty;
        self.largest = self.largest.max(qty);
        self.squares += qty * qty;
        let before = qty - self.running_mean;
        self.running_mean += before / (self.n_buys + self.n_sells) as f64;
        self.deviations += before * (qty - self.running_mean);
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let n = self.n_buys + self.n_sells;
        out.count(self.n_buys, minute.has_trades);
        out.count(self.n_sells, minute.has_trades);
        out.ratio(self.sum, n as f64);
        out.write((n > 1).then(|| (self.deviations / (n - 1) as f64).sqrt()));
        out.write((n > 0).then_some(self.largest));
        out.write(minute.has_trades.then_some(self.squares));
        *self = Self::default();
    }
}
