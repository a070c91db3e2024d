//! The measures of one column.

use quant_core::stats::{
    ForwardReturns, IcEstimate, IcParams, MIN_EFFECTIVE, Untested, autocorrelation_with_gaps,
    ic_decay, information_coefficient, kurtosis_raw, ln, mean, quantile, skewness, spearman,
    std_dev,
};
use rayon::prelude::*;

use super::DiagnoseParams;
use super::collect::{ColumnSeries, Series, TERCILES};
use super::report::{
    CoefficientRow, ColumnReport, Coverage, CrossCorrelation, DecayRow, Distribution, IcRow,
    LagRow, StabilityRow, StateRow,
};

/// Confidence level of the intervals.
pub(super) const LEVEL: f64 = 0.95;
/// Lags of the autocorrelation, minutes.
const LAGS: [usize; 4] = [1, 5, 15, 60];
/// Units of prices, as the registries declare them.
const PRICE_UNITS: [&str; 2] = ["price", "quote per base"];
/// Why the coefficient of a level of the price is not tested.
const PRICE_LEVEL: &str = "price_level";
/// Pairs a day needs for a coefficient of its own.
const MIN_DAY_PAIRS: usize = 60;
/// States of the rule regime, in the order of the report.
const REGIMES: [&str; 4] = ["trend", "range", "hazard", "transition"];

/// Returns the block of the bootstrap at a horizon: overlapping returns depend over a horizon, so twice that at least.
pub(super) fn block_of(horizon: u32, params: &DiagnoseParams) -> usize {
    params.block_minutes.max(2 * horizon as usize)
}

/// Measures one column.
pub(super) fn column(
    series: &Series,
    column: &ColumnSeries,
    params: &DiagnoseParams,
) -> ColumnReport {
    let is_level = is_price_level(series, column);
    let mut ic = Vec::new();
    let mut stability = Vec::new();
    for &horizon in &params.horizons {
        let forward = series.path.forward(horizon as usize);
        let row = ic_row(series, column, &forward, horizon, params);
        let mut days = stability_row(series, column, &forward, horizon);
        if row.rank.untested == Some(Untested::Persistent.name()) {
            // What lasts longer than a day has no days that are independent.
            days.t = None;
        }
        ic.push(row);
        stability.push(days);
    }
    if is_level {
        forbid_tests(&mut ic, &mut stability);
    }
    let curve: Vec<(u32, f64)> = ic
        .iter()
        .filter_map(|row| Some((row.horizon_minutes, row.rank.value?)))
        .collect();
    ColumnReport {
        name: column.name.clone(),
        source: column.source,
        units: column.units.clone(),
        is_price_level: is_level,
        coverage: coverage(series, &column.values),
        distribution: distribution(&column.values),
        autocorrelation: lags(&column.values),
        decay: ic_decay(&curve).map(|d| DecayRow {
            peak_horizon_minutes: d.peak_horizon,
            peak_ic: d.peak_value,
            half_life_minutes: d.half_life,
        }),
        ic,
        stability,
    }
}

/// Returns whether a column is in price units and its median within a factor of two of the price's.
///
/// A spread, a range and a price change have these units too and are no level.
fn is_price_level(series: &Series, column: &ColumnSeries) -> bool {
    let median = |values: Vec<f64>| quantile(&values, 0.5).ok();
    let logs = column.values.iter().filter(|v| **v > 0.0).map(|v| ln(*v));
    PRICE_UNITS.contains(&column.units.as_str())
        && median(logs.filter(|l| l.is_finite()).collect())
            .zip(median(series.path.prices()))
            .is_some_and(|(level, price)| (level - price).abs() <= core::f64::consts::LN_2)
}

/// Takes tests and intervals away: a level of the price knows the returns it is made of.
fn forbid_tests(ic: &mut [IcRow], stability: &mut [StabilityRow]) {
    let rows = ic
        .iter_mut()
        .flat_map(|row| [&mut row.rank, &mut row.linear]);
    for row in rows.filter(|row| row.value.is_some()) {
        *row = CoefficientRow {
            value: row.value,
            n_effective: row.n_effective,
            untested: Some(PRICE_LEVEL),
            ..CoefficientRow::default()
        };
    }
    for row in stability {
        row.t = None;
        let states = row.by_volatility.iter_mut().chain(&mut row.by_regime);
        for state in states.filter(|s| s.ic.is_some()) {
            (state.t, state.p) = (None, None);
            state.untested = Some(PRICE_LEVEL);
        }
    }
}

fn coverage(series: &Series, values: &[f64]) -> Coverage {
    let mut minutes = vec![0_usize; series.days.len()];
    let mut with = minutes.clone();
    for (day, value) in series.day_of.iter().zip(values) {
        minutes[*day] += 1;
        with[*day] += usize::from(value.is_finite());
    }
    let n: usize = with.iter().sum();
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Coverage {
        n,
        share: share(n, series.n),
        by_day: with
            .iter()
            .zip(&minutes)
            .map(|(w, m)| share(*w, *m))
            .collect(),
    }
}

fn distribution(values: &[f64]) -> Option<Distribution> {
    let mut xs: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if xs.is_empty() {
        return None;
    }
    let (m, sd) = (mean(&xs).ok(), std_dev(&xs, 1).ok());
    let (skew, kurtosis) = (skewness(&xs).ok(), kurtosis_raw(&xs).ok());
    let zeros = xs.iter().filter(|x| x.abs() <= 0.0).count() as f64 / xs.len() as f64;
    xs.sort_by(f64::total_cmp);
    let q = |p| quantile(&xs, p).ok();
    Some(Distribution {
        mean: m,
        std: sd,
        skew,
        kurtosis,
        q01: q(0.01),
        q05: q(0.05),
        q25: q(0.25),
        q50: q(0.5),
        q75: q(0.75),
        q95: q(0.95),
        q99: q(0.99),
        zeros,
    })
}

fn lags(values: &[f64]) -> Vec<LagRow> {
    let found = autocorrelation_with_gaps(values, &LAGS).ok();
    LAGS.iter()
        .enumerate()
        .map(|(i, &lag_minutes)| {
            let (value, n) = found.as_ref().map_or((None, 0), |f| f[i]);
            LagRow {
                lag_minutes,
                value,
                n,
            }
        })
        .collect()
}

fn coefficient(estimate: &IcEstimate) -> CoefficientRow {
    let (ci_low, ci_high) = estimate.interval.unzip();
    CoefficientRow {
        value: Some(estimate.value),
        ci_low,
        ci_high,
        t: estimate.t,
        p: estimate.p,
        n_effective: estimate.n_effective,
        untested: estimate.untested.map(Untested::name),
    }
}

/// Returns how many pairs a feature has with these returns.
fn pairs(values: &[f64], forward: &[f64]) -> usize {
    let both = values.iter().zip(forward);
    both.filter(|(x, y)| x.is_finite() && y.is_finite()).count()
}

fn ic_row(
    series: &Series,
    column: &ColumnSeries,
    forward: &[f64],
    horizon: u32,
    params: &DiagnoseParams,
) -> IcRow {
    // Names the draws: the same column at the same horizon has the same interval, whatever else is in the report.
    let name = format!("{}\0{horizon}", column.name);
    let returns = ForwardReturns {
        sums: forward,
        steps: &series.path.steps,
        horizon: horizon as usize,
    };
    let found = information_coefficient(
        &column.values,
        &returns,
        &IcParams {
            block: block_of(horizon, params),
            replicates: params.replicates,
            level: LEVEL,
            seed: params.seed,
            name: &name,
            min_effective: MIN_EFFECTIVE,
        },
    );
    let (rank, linear) = found.as_ref().map_or_else(
        |_| Default::default(),
        |f| (coefficient(&f.rank), coefficient(&f.linear)),
    );
    IcRow {
        horizon_minutes: horizon,
        n: pairs(&column.values, forward),
        rank,
        linear,
        p_holm: None,
        p_bh: None,
    }
}

fn stability_row(
    series: &Series,
    column: &ColumnSeries,
    forward: &[f64],
    horizon: u32,
) -> StabilityRow {
    let by_day = by_day(series, &column.values, forward);
    let days: Vec<f64> = by_day.iter().copied().flatten().collect();
    let average = mean(&days).ok();
    let spread = std_dev(&days, 1).ok();
    let same_sign = average.map(|m| {
        let same = days.iter().filter(|ic| **ic * m > 0.0).count();
        same as f64 / days.len() as f64
    });
    let t = average
        .zip(spread)
        .map(|(m, sd)| m / (sd / (days.len() as f64).sqrt()))
        .filter(|t| t.is_finite());
    let state = |state, is_in: &dyn Fn(usize) -> bool| {
        state_row(series, column, forward, horizon, state, is_in)
    };
    StabilityRow {
        horizon_minutes: horizon,
        n_days: days.len(),
        mean: average,
        std: spread,
        same_sign,
        t,
        by_day,
        by_volatility: TERCILES
            .iter()
            .enumerate()
            .map(|(k, name)| state(name, &|i| series.tercile[i] == Some(k)))
            .collect(),
        by_regime: REGIMES
            .iter()
            .map(|name| state(name, &|i| series.regime[i] == Some(name)))
            .collect(),
    }
}

/// Returns the rank coefficient of the pairs that begin on each day.
fn by_day(series: &Series, values: &[f64], forward: &[f64]) -> Vec<Option<f64>> {
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); series.days.len()];
    for ((day, x), y) in series.day_of.iter().zip(values).zip(forward) {
        if x.is_finite() && y.is_finite() {
            pairs[*day].0.push(*x);
            pairs[*day].1.push(*y);
        }
    }
    pairs
        .iter()
        .map(|(xs, ys)| {
            (xs.len() >= MIN_DAY_PAIRS)
                .then(|| spearman(xs, ys).ok().map(|c| c.value))
                .flatten()
        })
        .collect()
}

fn state_row(
    series: &Series,
    column: &ColumnSeries,
    forward: &[f64],
    horizon: u32,
    state: &'static str,
    is_in: &dyn Fn(usize) -> bool,
) -> StateRow {
    let masked: Vec<f64> = forward
        .iter()
        .enumerate()
        .map(|(i, y)| if is_in(i) { *y } else { f64::NAN })
        .collect();
    let returns = ForwardReturns {
        sums: &masked,
        steps: &series.path.steps,
        horizon: horizon as usize,
    };
    let params = IcParams {
        block: 1,
        replicates: 0,
        level: LEVEL,
        seed: 0,
        name: "",
        min_effective: MIN_EFFECTIVE,
    };
    let found = information_coefficient(&column.values, &returns, &params).ok();
    StateRow {
        state,
        n: pairs(&column.values, &masked),
        ic: found.map(|f| f.rank.value),
        t: found.and_then(|f| f.rank.t),
        p: found.and_then(|f| f.rank.p),
        untested: found.and_then(|f| f.rank.untested).map(Untested::name),
    }
}

/// Correlates the ranks of every two columns over the minutes both have.
pub(super) fn cross_correlation(columns: &[ColumnSeries]) -> CrossCorrelation {
    let upper: Vec<Vec<Option<f64>>> = (0..columns.len())
        .into_par_iter()
        .map(|i| {
            (i..columns.len())
                .map(|k| pair_correlation(&columns[i].values, &columns[k].values))
                .collect()
        })
        .collect();
    let at = |i: usize, k: usize| upper[i.min(k)][i.max(k) - i.min(k)];
    CrossCorrelation {
        columns: columns.iter().map(|c| c.name.clone()).collect(),
        rank: (0..columns.len())
            .map(|i| (0..columns.len()).map(|k| at(i, k)).collect())
            .collect(),
    }
}

fn pair_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (xs, ys): (Vec<f64>, Vec<f64>) = a
        .iter()
        .zip(b)
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(x, y)| (*x, *y))
        .unzip();
    spearman(&xs, &ys).ok().map(|c| c.value)
}
