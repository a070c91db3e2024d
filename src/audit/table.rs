//! Tables of rows with the moment they were known, and their comparison bit by bit.

use serde::Serialize;

/// Rows of bars or features of one build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it holds, e.g. `bars binance:um:BTCUSDT`.
    pub name: String,
    /// Columns.
    pub columns: Vec<String>,
    /// Start of each row's minute, ascending.
    pub ts_open: Vec<i64>,
    /// First moment each row may be used.
    pub ts_avail: Vec<i64>,
    /// Values, row-major.
    pub values: Vec<Option<f64>>,
}

/// One cell that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Table.
    pub table: String,
    /// Column.
    pub column: String,
    /// Start of the row's minute, microseconds UTC.
    pub ts_open: i64,
    /// Value of the unbroken build.
    pub expected: Option<f64>,
    /// Value of the other one.
    pub found: Option<f64>,
}

/// What a comparison saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Rows compared.
    pub rows: u64,
    /// Cells compared that have a value in the unbroken build, per column.
    pub non_null: Vec<(String, u64)>,
    /// Cells that differ in any bit.
    pub n_differences: u64,
    /// The first of them.
    pub first: Vec<Difference>,
}

/// Differences kept for the report.
const MAX_KEPT: usize = 20;

impl Comparison {
    /// Adds another comparison of the same columns.
    pub fn add(&mut self, mut other: Self) {
        if self.non_null.is_empty() {
            self.non_null = core::mem::take(&mut other.non_null);
        } else {
            for (sum, (_, n)) in self
                .non_null
                .iter_mut()
                .zip(core::mem::take(&mut other.non_null))
            {
                sum.1 += n;
            }
        }
        self.extend(other);
    }

    /// Adds a comparison of further columns.
    pub fn extend(&mut self, other: Self) {
        self.rows += other.rows;
        self.n_differences += other.n_differences;
        let room = MAX_KEPT.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
        self.non_null.extend(other.non_null);
    }
}

impl Table {
    fn row(&self, row: usize) -> &[Option<f64>] {
        let n = self.columns.len();
        &self.values[row * n..(row + 1) * n]
    }

    /// Replaces every column by a function of itself.
    pub fn map_columns(&mut self, f: impl Fn(&[Option<f64>]) -> Vec<Option<f64>>) {
        for i in 0..self.columns.len() {
            self.map_column_at(i, &f);
        }
    }

    /// Replaces one column by a function of itself; without such a column nothing happens.
    pub fn map_column(&mut self, name: &str, f: impl Fn(&[Option<f64>]) -> Vec<Option<f64>>) {
        if let Some(i) = self.columns.iter().position(|c| c == name) {
            self.map_column_at(i, &f);
        }
    }

    fn map_column_at(&mut self, i: usize, f: &impl Fn(&[Option<f64>]) -> Vec<Option<f64>>) {
        let n = self.columns.len();
        let column: Vec<Option<f64>> = self.values.iter().skip(i).step_by(n).copied().collect();
        for (slot, value) in self.values.iter_mut().skip(i).step_by(n).zip(f(&column)) {
            *slot = value;
        }
    }

    /// Compares the rows of `self` that begin in `opens` and were known at `at` with those of `other`. A missing row or column is a
    /// difference of every cell.
    pub fn compare(&self, other: &Self, opens: core::ops::Range<i64>, at: i64) -> Comparison {
        let mut out = Comparison {
            non_null: self
                .columns
                .iter()
                .map(|c| (format!("{}/{c}", self.name), 0))
                .collect(),
            ..Comparison::default()
        };
        let position: Vec<Option<usize>> = self
            .columns
            .iter()
            .map(|c| other.columns.iter().position(|o| o == c))
            .collect();
        for (row, (&open, &avail)) in self.ts_open.iter().zip(&self.ts_avail).enumerate() {
            if !opens.contains(&open) || avail > at {
                continue;
            }
            out.rows += 1;
            let theirs = other.ts_open.binary_search(&open).ok();
            let same_time = theirs.is_some_and(|r| other.ts_avail[r] == avail);
            for (i, (value, at)) in self.row(row).iter().zip(&position).enumerate() {
                out.non_null[i].1 += u64::from(value.is_some());
                let found = theirs
                    .zip(*at)
                    .filter(|_| same_time)
                    .map(|(r, c)| other.row(r)[c]);
                if found.map(bits) != Some(bits(*value)) {
                    out.n_differences += 1;
                    if out.first.len() < MAX_KEPT {
                        out.first.push(Difference {
                            table: self.name.clone(),
                            column: self.columns[i].clone(),
                            ts_open: open,
                            expected: *value,
                            found: found.flatten(),
                        });
                    }
                }
            }
        }
        out
    }
}

/// Two cells are equal if both are null or have the same bits.
fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}
