//! Information coefficients: how far a feature known now goes with the return that follows.

use quant_core::stats::{pearson, spearman};
use rayon::prelude::*;
use serde::Serialize;

use crate::facts::features::{FeatureColumn, Group};

/// Features and closing mids of one or more worlds, minute by minute.
///
/// # Shapes
/// `values[column][minute]`; a missing value is NaN in here and never leaves.
#[derive(Clone, Debug)]
pub struct FeatureTable {
    columns: Vec<FeatureColumn>,
    values: Vec<Vec<f64>>,
    log_mids: Vec<f64>,
    /// First minute of every world: no return crosses one.
    starts: Vec<usize>,
}

/// The coefficients of one feature and one horizon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IcRow {
    /// The feature.
    #[serde(flatten)]
    pub column: FeatureColumn,
    /// Minutes from the close at which the feature is known to the close its return ends at.
    pub horizon_minutes: usize,
    /// Pairs.
    pub n: usize,
    /// Spearman's rank correlation; `None` where the feature does not vary.
    pub rank_ic: Option<f64>,
    /// Pearson's correlation.
    pub pearson_ic: Option<f64>,
    /// Standard error of the rank IC of an unrelated feature.
    pub rank_se: Option<f64>,
    /// Standard error of the Pearson IC of an unrelated feature, whatever the variances do together.
    pub pearson_se: Option<f64>,
}

impl FeatureTable {
    /// Returns an empty table.
    pub fn new(columns: &[FeatureColumn]) -> Self {
        Self {
            columns: columns.to_vec(),
            values: vec![Vec::new(); columns.len()],
            log_mids: Vec::new(),
            starts: vec![0],
        }
    }

    /// Adds the next minute of the current world: the closing mid, `None` in a halt, and one value per column.
    pub fn push(&mut self, mid: Option<f64>, row: &[Option<f64>]) {
        self.log_mids.push(mid.map_or(f64::NAN, f64::ln));
        for (column, value) in self.values.iter_mut().zip(row) {
            column.push(value.unwrap_or(f64::NAN));
        }
    }

    /// Adds the minutes of other worlds.
    pub fn append(&mut self, other: Self) {
        let shift = self.log_mids.len();
        self.starts.extend(other.starts.iter().map(|s| s + shift));
        self.log_mids.extend(other.log_mids);
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            mine.extend(theirs);
        }
    }

    /// Returns the number of minutes.
    pub const fn len(&self) -> usize {
        self.log_mids.len()
    }

    /// Returns whether there are no minutes.
    pub const fn is_empty(&self) -> bool {
        self.log_mids.is_empty()
    }

    /// Returns how many minutes have a value of `name` that is not zero.
    pub fn non_zero(&self, name: &str) -> usize {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .map_or(0, |i| {
                self.values[i].iter().filter(|x| x.abs() > 0.0).count()
            })
    }

    /// Returns the coefficients of every column against the log return of the next `horizon_minutes`.
    ///
    /// A pair needs the feature, both mids, and both minutes in one world.
    ///
    /// # Complexity
    /// O(n log n) per column, columns in parallel; the result does not depend on the number of threads.
    pub fn ics(&self, horizon_minutes: usize) -> Vec<IcRow> {
        let returns = self.forward_returns(horizon_minutes);
        self.columns
            .par_iter()
            .zip(&self.values)
            .map(|(column, values)| {
                let (xs, ys): (Vec<f64>, Vec<f64>) = values
                    .iter()
                    .zip(&returns)
                    .filter(|(x, y)| x.is_finite() && y.is_finite())
                    .map(|(x, y)| (*x, *y))
                    .unzip();
                ic_row(column, horizon_minutes, &xs, &ys)
            })
            .collect()
    }

    fn forward_returns(&self, horizon: usize) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.len()];
        let ends = self.starts.iter().skip(1).copied().chain([self.len()]);
        for (start, end) in self.starts.iter().copied().zip(ends) {
            let world = &self.log_mids[start..end];
            let later = world.iter().skip(horizon);
            for ((out, now), later) in out[start..end].iter_mut().zip(world).zip(later) {
                *out = later - now;
            }
        }
        out
    }
}

fn ic_row(column: &FeatureColumn, horizon_minutes: usize, xs: &[f64], ys: &[f64]) -> IcRow {
    let (rank, linear) = (spearman(xs, ys).ok(), pearson(xs, ys).ok());
    IcRow {
        column: column.clone(),
        horizon_minutes,
        n: xs.len(),
        rank_ic: rank.map(|c| c.value),
        pearson_ic: linear.map(|c| c.value),
        rank_se: rank.map(|c| c.standard_error),
        pearson_se: linear.and_then(|_| robust_se(xs, ys)),
    }
}

/// Returns the standard error of Pearson's correlation under no relation of the means.
///
/// ```text
/// se^2 = sum dx^2 dy^2 / (sum dx^2 * sum dy^2)
/// ```
///
/// White 1980: large features come with large returns, which independence would deny.
fn robust_se(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let n = xs.len() as f64;
    let (mx, my) = (xs.iter().sum::<f64>() / n, ys.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut both) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        let (dx2, dy2) = ((x - mx) * (x - mx), (y - my) * (y - my));
        xx += dx2;
        yy += dy2;
        both += dx2 * dy2;
    }
    let se = (both / xx / yy).sqrt();
    se.is_finite().then_some(se)
}

/// Largest |IC| a null market of `minutes` may show: 4 standard errors, and 0.004 from a million minutes on.
pub fn null_limit(minutes: u64) -> f64 {
    (4.0 / (minutes.max(1) as f64).sqrt()).max(0.004)
}

impl IcRow {
    /// Returns whether the null market must not show a relation: everything but prices, which are tested elsewhere, and
    /// the truth.
    pub const fn is_gated(&self) -> bool {
        matches!(self.column.group, Group::Flow | Group::Volume | Group::Book)
    }

    /// Returns whether both coefficients are within `limit`; a feature without a value has no relation.
    pub fn is_within(&self, limit: f64) -> bool {
        [self.rank_ic, self.pearson_ic]
            .iter()
            .all(|ic| ic.is_none_or(|ic| ic.abs() <= limit))
    }
}
