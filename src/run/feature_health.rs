//! What the feature columns of a run are like: missing values and why, moments, outliers, stuck values, drift.
//!
//! Counts, moments and extremes are of every minute of the range. What needs sorted values (quantiles, outliers, drift) is of
//! every k-th minute, k from the length of the range alone, so that years of many columns fit into memory.

use std::collections::BTreeMap;

use quant_core::features::{FeatureRow, MinuteFrame};
use quant_core::stats::{Running, Undefined, ks_distance, mad_outliers, psi, quantile_of_sorted};
use quant_core::time::{MICROS_PER_MINUTE, TimeRange, UnixMicros};
use serde::Serialize;

/// Most minutes whose values are kept per column: half a year and a bit.
const MAX_KEPT: u64 = 262_144;
/// Robust scores above this are outliers.
const OUTLIER_ZMAD: f64 = 8.0;
/// Quantile bins of the stability index.
const PSI_BINS: usize = 10;

/// Why minutes have no value, as far as a minute shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MissingReasons {
    /// The traded instrument has no row: the lake lacks it, or it was masked.
    pub absent_row: u64,
    /// The minute lies inside a gap.
    pub gap: u64,
    /// Before the first value of the range, or of what follows a gap: the windows are not full yet.
    pub warm_up: u64,
    /// As that, of a column without any value in the range: no source has its inputs, or its warm-up is longer than the range.
    pub no_value_at_all: u64,
    /// The feature's own rule: an input of this minute unknown, too few known ones, a denominator of 0.
    pub rule: u64,
}

/// Health of one column; a statistic that is undefined is null and says why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnHealth {
    /// Column.
    pub column: String,
    /// Minutes of the range.
    pub rows: u64,
    /// Minutes without a value.
    pub missing: u64,
    /// Their share; null for an empty range.
    pub missing_share: Option<f64>,
    /// The same by reason.
    pub missing_by_reason: MissingReasons,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation (ddof 1).
    pub std: Option<f64>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// 1 % quantile.
    pub p01: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 99 % quantile.
    pub p99: Option<f64>,
    /// Values more than 8 scaled median absolute deviations from the median.
    pub outliers: Option<u64>,
    /// Most minutes in a row with the same value.
    pub longest_run: u64,
    /// Population stability index of the second half of the range against ten quantile bins of the first.
    pub psi: Option<f64>,
    /// Two-sample Kolmogorov-Smirnov distance of the halves.
    pub ks: Option<f64>,
    /// Values kept of the first half.
    pub n_first: u64,
    /// Values kept of the second half.
    pub n_second: u64,
    /// Why a statistic above is null, by its name.
    pub undefined: BTreeMap<&'static str, String>,
}

/// `feature_health_report.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureHealthReport {
    /// Feature set.
    pub feature_set: String,
    /// Evaluated range.
    pub range: TimeRange,
    /// Where the second half begins.
    pub second_half: UnixMicros,
    /// Quantiles, outliers and drift are of every k-th minute.
    pub every_nth_minute: u64,
    /// Columns, in the order of the set.
    pub columns: Vec<ColumnHealth>,
}

#[derive(Clone, Debug, Default)]
struct Column {
    running: Running,
    reasons: MissingReasons,
    /// A value was seen since the range or the segment began.
    is_warm: bool,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Collects the values of a range, minute by minute.
#[derive(Clone, Debug)]
pub struct FeatureHealth {
    range: TimeRange,
    second_half: UnixMicros,
    every_nth: u64,
    n: u64,
    columns: Vec<Column>,
}

impl FeatureHealth {
    /// Returns a collector for `n_columns` over `range`.
    pub fn new(range: TimeRange, n_columns: usize) -> Self {
        let minutes = range.len_us().unsigned_abs() / MICROS_PER_MINUTE.unsigned_abs();
        let half = (range.len_us() / 2 / MICROS_PER_MINUTE) * MICROS_PER_MINUTE;
        Self {
            range,
            second_half: range.start.plus(half),
            every_nth: minutes.div_ceil(MAX_KEPT).max(1),
            n: 0,
            columns: vec![Column::default(); n_columns],
        }
    }

    /// Takes the values of a minute and what features saw of it.
    pub fn push(&mut self, frame: &MinuteFrame<'_>, row: &FeatureRow) {
        let is_kept = self.n.is_multiple_of(self.every_nth);
        self.n += 1;
        let traded = frame.traded();
        for (column, value) in self.columns.iter_mut().zip(&row.values) {
            column.running.push(*value);
            column.is_warm = !traded.segment.in_gap && (column.is_warm || value.is_some());
            let Some(x) = value else {
                let reasons = &mut column.reasons;
                let reason = if traded.row.is_none() {
                    &mut reasons.absent_row
                } else if traded.segment.in_gap {
                    &mut reasons.gap
                } else if column.is_warm {
                    &mut reasons.rule
                } else {
                    &mut reasons.warm_up
                };
                *reason += 1;
                continue;
            };
            if is_kept {
                let half = if row.ts_open < self.second_half {
                    &mut column.first
                } else {
                    &mut column.second
                };
                half.push(*x);
            }
        }
    }

    /// Returns the report; `names` are the columns in order.
    pub fn report(&self, feature_set: &str, names: &[String]) -> FeatureHealthReport {
        let columns = names.iter().zip(&self.columns);
        FeatureHealthReport {
            feature_set: feature_set.to_owned(),
            range: self.range,
            second_half: self.second_half,
            every_nth_minute: self.every_nth,
            columns: columns.map(|(name, c)| c.health(name)).collect(),
        }
    }
}

impl Column {
    fn missing_by_reason(&self) -> MissingReasons {
        let mut out = self.reasons;
        if self.running.n() == 0 {
            (out.warm_up, out.no_value_at_all) = (0, out.warm_up);
        }
        out
    }

    fn health(&self, name: &str) -> ColumnHealth {
        let running = &self.running;
        let rows = running.n() + running.n_missing();
        let mut all = [self.first.as_slice(), &self.second].concat();
        all.sort_unstable_by(f64::total_cmp);
        let quantile = |p| quantile_of_sorted(&all, p);
        let mut undefined = BTreeMap::new();
        let mut known = |name: &'static str, x: Result<f64, Undefined>| match x {
            Ok(x) => Some(x),
            Err(why) => {
                undefined.insert(name, why.to_string());
                None
            }
        };
        let none = Undefined::TooFew { n: 0, needed: 1 };
        let or_none = |x: Option<f64>| x.ok_or_else(|| none.clone());
        let share = (rows > 0).then(|| running.n_missing() as f64 / rows as f64);
        let outliers = mad_outliers(&all, OUTLIER_ZMAD);
        known("outliers", outliers.clone().map(|n| n as f64));
        ColumnHealth {
            column: name.to_owned(),
            rows,
            missing: running.n_missing(),
            missing_share: known("missing_share", or_none(share)),
            missing_by_reason: self.missing_by_reason(),
            mean: known("mean", running.mean()),
            std: known("std", running.std_dev()),
            min: known("min", or_none(running.min())),
            max: known("max", or_none(running.max())),
            p01: known("p01", quantile(0.01)),
            p50: known("p50", quantile(0.5)),
            p99: known("p99", quantile(0.99)),
            outliers: outliers.ok().map(|n| n as u64),
            longest_run: running.longest_run(),
            psi: known("psi", psi(&self.first, &self.second, PSI_BINS)),
            ks: known("ks", ks_distance(&self.first, &self.second)),
            n_first: self.first.len() as u64,
            n_second: self.second.len() as u64,
            undefined,
        }
    }
}

#[cfg(test)]
mod tests;
