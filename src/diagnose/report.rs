//! What a diagnosis says, as it is written to `microstructure.json`: fixed order, finite numbers or null.

use serde::Serialize;

use super::ofi::OfiSection;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct MicrostructureReport {
    /// The data is simulated.
    pub simulated: bool,
    /// Traded instrument.
    pub instrument: String,
    /// Inclusive start.
    pub start: String,
    /// Exclusive end.
    pub end: String,
    /// Feature set id.
    pub feature_set: String,
    /// Bar set id.
    pub bar_set: String,
    /// Hash of the sources of the binary.
    pub code_version: &'static str,
    /// Minutes of the range.
    pub minutes: usize,
    /// Minutes with a price of their own outside of gaps.
    pub usable_minutes: usize,
    /// Minutes left out because of a gap or defect of their source.
    pub masked_minutes: u64,
    /// Price behind the forward returns: `mid` or `close`.
    pub price: &'static str,
    /// Horizons.
    pub horizons_minutes: Vec<u32>,
    /// No return crosses a longer gap.
    pub segment_gap_minutes: u32,
    /// How intervals were made.
    pub bootstrap: BootstrapReport,
    /// How many hypotheses were tested together.
    pub tests: TestsReport,
    /// Days of the range, in the order of every `by_day`.
    pub days: Vec<String>,
    /// Columns in the order of the feature set, then of the minute rows.
    pub columns: Vec<ColumnReport>,
    /// Rank correlation of the columns in the same minute.
    pub cross_correlation: CrossCorrelation,
    /// Price change on order flow imbalance; null without quotes.
    pub ofi_regression: Option<OfiSection>,
}

/// How intervals were made.
#[derive(Clone, Debug, Serialize)]
pub struct BootstrapReport {
    /// Method.
    pub kind: &'static str,
    /// Resamples.
    pub replicates: usize,
    /// Block length of each horizon, minutes.
    pub block_minutes: Vec<usize>,
    /// Confidence level.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

/// How many hypotheses were tested together.
#[derive(Clone, Debug, Serialize)]
pub struct TestsReport {
    /// What they are.
    pub family: &'static str,
    /// How each is tested.
    pub statistic: &'static str,
    /// Number.
    pub n: usize,
    /// Coefficients that are not tested, and why.
    pub untested: UntestedReport,
    /// Fewest independent values a column must be worth to be tested.
    pub min_effective: f64,
}

/// Rank coefficients that have no p-value and are no part of the family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UntestedReport {
    /// The column is a level of the price.
    pub price_level: usize,
    /// The column remembers too much of the range.
    pub persistent: usize,
    /// Below 30 pairs or four horizons of them.
    pub too_few: usize,
    /// The statistic has no variance.
    pub no_variation: usize,
}

impl UntestedReport {
    /// Returns how many there are.
    pub const fn sum(&self) -> usize {
        self.price_level + self.persistent + self.too_few + self.no_variation
    }
}

/// One column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnReport {
    /// Name.
    pub name: String,
    /// `feature` or `minute_row`.
    pub source: &'static str,
    /// Unit, as declared.
    pub units: String,
    /// Declared in price units and as large as the price: it is the price by another name.
    pub is_price_level: bool,
    /// Where values are.
    pub coverage: Coverage,
    /// What values are; null without any.
    pub distribution: Option<Distribution>,
    /// How far values are like those before.
    pub autocorrelation: Vec<LagRow>,
    /// Information coefficients by horizon.
    pub ic: Vec<IcRow>,
    /// How the rank coefficient changes with the horizon; null without one.
    pub decay: Option<DecayRow>,
    /// How steady it is, by horizon.
    pub stability: Vec<StabilityRow>,
}

/// Share of minutes with a value.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Minutes with a value.
    pub n: usize,
    /// Share of the minutes of the range.
    pub share: f64,
    /// Share of each day's minutes.
    pub by_day: Vec<f64>,
}

/// Moments and quantiles.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation, divisor n - 1.
    pub std: Option<f64>,
    /// Population skewness.
    pub skew: Option<f64>,
    /// Raw population kurtosis: 3 for a normal law.
    pub kurtosis: Option<f64>,
    /// 1 % quantile (type 7).
    pub q01: Option<f64>,
    /// 5 % quantile.
    pub q05: Option<f64>,
    /// 25 % quantile.
    pub q25: Option<f64>,
    /// Median.
    pub q50: Option<f64>,
    /// 75 % quantile.
    pub q75: Option<f64>,
    /// 95 % quantile.
    pub q95: Option<f64>,
    /// 99 % quantile.
    pub q99: Option<f64>,
    /// Share of values that are exactly 0.
    pub zeros: f64,
}

/// Autocorrelation at one lag.
#[derive(Clone, Debug, Serialize)]
pub struct LagRow {
    /// Minutes.
    pub lag_minutes: usize,
    /// Autocorrelation.
    pub value: Option<f64>,
    /// Pairs.
    pub n: usize,
}

/// A coefficient with its inference.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CoefficientRow {
    /// The coefficient.
    pub value: Option<f64>,
    /// Lower end of its interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Test statistic.
    pub t: Option<f64>,
    /// Two-sided p-value, not adjusted.
    pub p: Option<f64>,
    /// Independent values the column (or its ranks) is worth at these minutes.
    pub n_effective: Option<f64>,
    /// Why a coefficient has no test: `price_level`, `persistent`, `too_few`, `no_variation`.
    pub untested: Option<&'static str>,
}

/// Information coefficients at one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct IcRow {
    /// Minutes from the close of the row to the close the return ends at.
    pub horizon_minutes: u32,
    /// Pairs.
    pub n: usize,
    /// Spearman's.
    pub rank: CoefficientRow,
    /// Pearson's.
    pub linear: CoefficientRow,
    /// p-value of the rank coefficient, adjusted by Holm over all tests of the report, those that can be made.
    pub p_holm: Option<f64>,
    /// The same by Benjamini and Hochberg.
    pub p_bh: Option<f64>,
}

/// Decay curve of the rank coefficient.
#[derive(Clone, Debug, Serialize)]
pub struct DecayRow {
    /// Horizon of the largest absolute coefficient.
    pub peak_horizon_minutes: u32,
    /// The coefficient there.
    pub peak_ic: f64,
    /// Horizon at which half of it is left; null if it does not fall that far.
    pub half_life_minutes: Option<f64>,
}

/// Steadiness of the rank coefficient at one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct StabilityRow {
    /// Horizon.
    pub horizon_minutes: u32,
    /// Days with a coefficient.
    pub n_days: usize,
    /// Mean of the days.
    pub mean: Option<f64>,
    /// Standard deviation of the days, divisor n - 1.
    pub std: Option<f64>,
    /// Share of days with the sign of the mean.
    pub same_sign: Option<f64>,
    /// `mean / (std / sqrt(n_days))`.
    pub t: Option<f64>,
    /// Coefficient of each day.
    pub by_day: Vec<Option<f64>>,
    /// By tercile of past volatility.
    pub by_volatility: Vec<StateRow>,
    /// By state of the rule regime.
    pub by_regime: Vec<StateRow>,
}

/// Coefficient in one state.
#[derive(Clone, Debug, Serialize)]
pub struct StateRow {
    /// State.
    pub state: &'static str,
    /// Pairs.
    pub n: usize,
    /// Rank coefficient.
    pub ic: Option<f64>,
    /// Test statistic.
    pub t: Option<f64>,
    /// p-value, not adjusted.
    pub p: Option<f64>,
    /// Why a coefficient has no test, as above.
    pub untested: Option<&'static str>,
}

/// Correlation of the columns.
#[derive(Clone, Debug, Serialize)]
pub struct CrossCorrelation {
    /// Columns, in order.
    pub columns: Vec<String>,
    /// Spearman's correlation over the minutes both have; null where one does not vary.
    pub rank: Vec<Vec<Option<f64>>>,
}
