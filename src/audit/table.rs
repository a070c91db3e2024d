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
    /// Adds another comparison, column by column.
    pub fn add(&mut self, mut other: Self) {
        for (name, n) in core::mem::take(&mut other.non_null) {
            match self.non_null.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += n,
                None => self.non_null.push((name, n)),
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

    /// Compares the rows of either table that begin in `opens` and were known at `at`. A row or a column that one of them lacks is
    /// a difference of every cell: what was not there before is as telling as what is gone.
    pub fn compare(&self, other: &Self, opens: core::ops::Range<i64>, at: i64) -> Comparison {
        let mut out = Comparison {
            non_null: (self.columns.iter())
                .map(|c| (format!("{}/{c}", self.name), 0))
                .collect(),
            ..Comparison::default()
        };
        let place = |columns: &[String], name| columns.iter().position(|c| c == name);
        let theirs = other.columns.iter();
        let only_theirs = theirs.filter(|c| place(&self.columns, *c).is_none());
        // Every column of either: its name, and where it is here and there.
        let columns: Vec<(&String, Option<usize>, Option<usize>)> = (self.columns.iter())
            .chain(only_theirs)
            .map(|c| (c, place(&self.columns, c), place(&other.columns, c)))
            .collect();
        let known = |table: &Self, row: usize| {
            opens.contains(&table.ts_open[row]) && table.ts_avail[row] <= at
        };
        let mut differ = |ts_open: i64, here: Option<usize>, there: Option<usize>| {
            for (name, i, j) in &columns {
                let expected = here.zip(*i).map(|(row, i)| self.row(row)[i]);
                let found = there.zip(*j).map(|(row, j)| other.row(row)[j]);
                if let (Some(Some(_)), Some(i)) = (expected, i) {
                    out.non_null[*i].1 += 1;
                }
                if expected.map(bits) == found.map(bits) {
                    continue;
                }
                out.n_differences += 1;
                if out.first.len() < MAX_KEPT {
                    out.first.push(Difference {
                        table: self.name.clone(),
                        column: (*name).clone(),
                        ts_open,
                        expected: expected.flatten(),
                        found: found.flatten(),
                    });
                }
            }
        };
        let mut rows = 0;
        for (row, open) in self.ts_open.iter().enumerate() {
            if known(self, row) {
                rows += 1;
                let there = other.ts_open.binary_search(open).ok();
                let there = there.filter(|r| other.ts_avail[*r] == self.ts_avail[row]);
                differ(*open, Some(row), there);
            }
        }
        for (row, open) in other.ts_open.iter().enumerate() {
            let here = self.ts_open.binary_search(open).ok();
            if known(other, row) && !here.is_some_and(|r| known(self, r)) {
                differ(*open, None, Some(row));
            }
        }
        out.rows = rows;
        out
    }

    /// Returns whether two builds are the same in every row, column and bit.
    pub fn is_same(&self, other: &Self) -> bool {
        let all = self.compare(other, i64::MIN..i64::MAX, i64::MAX);
        self.name == other.name && self.columns == other.columns && all.n_differences == 0
    }
}

/// Two cells are equal if both are null or have the same bits.
fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}

#[cfg(test)]
mod tests;
