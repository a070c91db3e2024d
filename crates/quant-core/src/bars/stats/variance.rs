//! Sums of powers of 5 s returns.

use crate::bars::{
    GapScope, MadeOf, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSpec,
};
use crate::time::UnixMicros;

/// Sums over the returns that ended in the minute.
#[derive(Clone, Debug, Default)]
struct Sums {
    n: u64,
    n_zero: u64,
    squares: f64,
    bipower: f64,
    median: f64,
    minimum: f64,
    tripower: f64,
}

/// The unbroken chain up to the last instant of the grid, and the sums of the minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Variance {
    price: Option<f64>,
    /// Absolute returns: the last one and the one before it, where the chain is so long.
    last: Option<f64>,
    last_but_one: Option<f64>,
    sums: Sums,
}

/// Returns `ln(to / from)` of two positive prices.
fn log_return(from: f64, to: f64) -> f64 {
    let change = (to - from) / from;
    if change.abs() < 0.5 {
        // Returns of 5 s are near 1e-6: the rounding of the quotient near 1 would take their last digits.
        libm::log1p(change)
    } else {
        // Nor does a quotient of any two prices stay within the range of numbers.
        libm::log(to) - libm::log(from)
    }
}

/// Returns `x^(4/3)`: the cube root is correctly rounded, so its bits are the same everywhere.
fn four_thirds(x: f64) -> f64 {
    let root = libm::cbrt(x);
    let square = root * root;
    square * square
}

fn median(a: f64, b: f64, c: f64) -> f64 {
    a.min(b).max(a.max(b).min(c))
}

impl Variance {
    pub(super) fn new(_inputs: &StatInputs) -> Self {
        Self::default()
    }

    fn add(&mut self, size: f64) {
        let sums = &mut self.sums;
        sums.n += 1;
        sums.n_zero += u64::from(size <= 0.0);
        sums.squares += size * size;
        if let Some(last) = self.last {
            let least = last.min(size);
            sums.bipower += last * size;
            sums.minimum += least * least;
            if let Some(first) = self.last_but_one {
                let middle = median(first, last, size);
                sums.median += middle * middle;
                sums.tripower += four_thirds((first * last) * size);
            }
        }
    }
}

impl MinuteStat for Variance {
    const SPEC: StatSpec = StatSpec {
        name: "variance",
        doc: "sums of powers of 5 s returns",
        columns: &[
            StatColumn {
                name: "rv_n",
                formula: "returns",
                units: "count",
            },
            StatColumn {
                name: "rv_zero",
                formula: "returns equal to 0",
                units: "count",
            },
            StatColumn {
                name: "rv",
                formula: "sum of r^2",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_bipower",
                formula: "sum of |r_i| |r_(i-1)| over consecutive returns, no scale",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_med",
                formula: "sum of the squared median of three consecutive |r|, no scale",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_min",
                formula: "sum of the squared minimum of two consecutive |r|, no scale",
                units: "log return^2",
            },
            StatColumn {
                name: "rv_tri",
                formula: "sum of (|r_(i-2)| |r_(i-1)| |r_i|)^(4/3) over consecutive returns, no scale",
                units: "log return^4",
            },
        ],
        inputs: "the price grid",
        made_of: MadeOf::GridPrices,
        nan_policy: "null where the day has neither touches nor trades; else sums are 0 without returns, and rv_n says how many there were",
        reference: "Barndorff-Nielsen and Shephard (2004, 2006); Andersen, Dobrev and Schaumburg (2012)",
    };

    fn on_grid(&mut self, _ts: UnixMicros, price: Option<f64>) {
        let size = self
            .price
            .zip(price)
            .map(|(from, to)| log_return(from, to).abs());
        if let Some(size) = size {
            self.add(size);
        }
        (self.last_but_one, self.last) = (self.last, size);
        self.price = price;
    }

    fn on_gap(&mut self, scope: GapScope) {
        // The next instant then ends no return, and the one after pairs with none.
        if scope.breaks_prices() {
            self.price = None;
        }
    }

    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        let is_known = minute.has_trades || minute.touch.is_known;
        let sums = std::mem::take(&mut self.sums);
        out.count(sums.n, is_known);
        out.count(sums.n_zero, is_known);
        let powers = [
            sums.squares,
            sums.bipower,
            sums.median,
            sums.minimum,
            sums.tripower,
        ];
        for sum in powers {
            out.write(is_known.then_some(sum));
        }
    }
}
