//! Information coefficients: how far a feature goes with the return that follows it, with inference for overlapping returns.

use crate::stats::{
    BlockDraws, Undefined, average_ranks, bootstrap_correlation, effective_sample, mean,
    normal_cdf, pearson, percentile_interval, std_dev,
};

/// Below so many horizons of pairs a test says nothing.
const MIN_WINDOWS: usize = 4;
/// Below so many pairs a normal law is no approximation.
const MIN_PAIRS: usize = 30;
/// A feature worth fewer independent values than this is not tested (measured in the tests, `docs/diagnostics.md`).
pub const MIN_EFFECTIVE: f64 = 30.0;

/// Returns over a horizon and the steps they are made of.
///
/// Positions are equally spaced instants. Where `sums[t]` is finite it is `steps[t + 1] + ... + steps[t + horizon]`.
#[derive(Clone, Copy, Debug)]
pub struct ForwardReturns<'a> {
    /// Return over the next `horizon` positions; not finite where there is none.
    pub sums: &'a [f64],
    /// Return of the step that ends at each position; not finite where there is none.
    pub steps: &'a [f64],
    /// Steps per return.
    pub horizon: usize,
}

/// How intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcParams<'a> {
    /// Positions per block of the bootstrap.
    pub block: usize,
    /// Resamples; 0 for no interval.
    pub replicates: usize,
    /// Confidence level of the interval.
    pub level: f64,
    /// Seed of the resamples.
    pub seed: u64,
    /// Name of what is measured: another name gives other resamples.
    pub name: &'a str,
    /// Independent values a feature must be worth to be tested; [`MIN_EFFECTIVE`] unless the test itself is measured.
    pub min_effective: f64,
}

/// Why a coefficient comes without a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untested {
    /// Below 30 pairs or four horizons of them.
    TooFew,
    /// The feature remembers too much of the sample: it is worth too few independent values.
    Persistent,
    /// The statistic has no variance.
    NoVariation,
}

impl Untested {
    /// Returns the name written to reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            Self::Persistent => "persistent",
            Self::NoVariation => "no_variation",
        }
    }
}

/// A correlation with its inference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcEstimate {
    /// The coefficient.
    pub value: f64,
    /// Independent values the feature is worth (its ranks, for a rank coefficient); `None` without neighbours.
    pub n_effective: Option<f64>,
    /// Test statistic, about standard normal under no relation.
    pub t: Option<f64>,
    /// Two-sided p-value of `t`.
    pub p: Option<f64>,
    /// Why there is no test; `None` exactly where there is one.
    pub untested: Option<Untested>,
    /// Bootstrap interval.
    pub interval: Option<(f64, f64)>,
}

/// Rank and linear information coefficient of the same pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InformationCoefficient {
    /// Number of pairs.
    pub n: usize,
    /// Spearman's: Pearson's correlation of the average ranks.
    pub rank: IcEstimate,
    /// Pearson's.
    pub linear: IcEstimate,
}

/// Returns the information coefficients of a feature and the returns that follow it.
///
/// A position where feature or return is not finite has no pair. The test is of "no step can be predicted by the feature":
/// returns that overlap are taken apart into their steps,
///
/// ```text
/// S = sum_t u_t y_t = sum_s r_s X_s     X_s = u_(s-h) + ... + u_(s-1)
/// t = S / sqrt(sum_s (r_s - mean r)^2 X_s^2)
/// ```
///
/// with `u` the standardised feature (for the rank coefficient its ranks). If steps cannot be predicted the terms are
/// uncorrelated, whatever the memory of the feature and whatever variances do together, so no bandwidth is chosen. A
/// bootstrap test rejects too often once the feature has memory, a kernel test depends on its bandwidth (measured in the
/// tests).
///
/// A feature whose shocks go with the returns of their own time (a price, above all) is another matter: its sample mean
/// knows the returns that came later, and the statistic is shifted by the correlation of the shocks over the root of
/// the effective sample (Stambaugh). So a feature worth fewer than `min_effective` values ([`effective_sample`]) has a
/// coefficient, but neither test nor interval.
///
/// The interval is the percentile interval of the circular block bootstrap of the coefficient; ranks are those of the whole
/// sample, not taken again in each resample.
///
/// # Errors
/// `OutOfDomain` for samples of different length or a horizon of 0, `TooFew` below two pairs, `NoVariation` where a sample
/// is constant. What inference has no value for is `None`: a test below 30 pairs or four horizons of them, an interval
/// below two blocks, either for a feature with too much memory.
///
/// # References
/// Stambaugh 1999, "Predictive Regressions"; Hodrick 1992, "Dividend Yields and Expected Stock Returns", standard errors 1B; White 1980.
pub fn information_coefficient(
    xs: &[f64],
    returns: &ForwardReturns<'_>,
    params: &IcParams<'_>,
) -> Result<InformationCoefficient, Undefined> {
    let ForwardReturns {
        sums,
        steps,
        horizon,
    } = *returns;
    if xs.len() != sums.len() || xs.len() != steps.len() {
        return Err(Undefined::OutOfDomain {
            what: "length of the second sample",
        });
    }
    if horizon == 0 {
        return Err(Undefined::OutOfDomain { what: "horizon" });
    }
    let places: Vec<usize> = (0..xs.len())
        .filter(|&i| xs[i].is_finite() && sums[i].is_finite())
        .collect();
    let of = |values: &[f64]| places.iter().map(|&i| values[i]).collect::<Vec<f64>>();
    let (x, y) = (of(xs), of(sums));
    let (rank_x, rank_y) = (average_ranks(&x)?, average_ranks(&y)?);
    let pairs = Pairs {
        places: &places,
        n_positions: xs.len(),
    };
    Ok(InformationCoefficient {
        n: places.len(),
        rank: pairs.estimate(&rank_x, &rank_y, returns, "rank", params)?,
        linear: pairs.estimate(&x, &y, returns, "linear", params)?,
    })
}

/// Where the pairs of a sample lie.
struct Pairs<'a> {
    places: &'a [usize],
    n_positions: usize,
}

fn standardise(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    let (m, sd) = (mean(values)?, std_dev(values, 0)?);
    Ok(values.iter().map(|value| (value - m) / sd).collect())
}

impl Pairs<'_> {
    fn estimate(
        &self,
        x: &[f64],
        y: &[f64],
        returns: &ForwardReturns<'_>,
        kind: &str,
        params: &IcParams<'_>,
    ) -> Result<IcEstimate, Undefined> {
        // Its refusals and its rounding are those of every other correlation.
        let value = pearson(x, y)?.value;
        let (u, v) = (standardise(x)?, standardise(y)?);
        let n_effective = effective_sample(&self.spread_out(&u)).ok();
        let is_persistent =
            u.len() >= MIN_PAIRS && n_effective.is_some_and(|n| n < params.min_effective);
        let tested = if is_persistent {
            Err(Untested::Persistent)
        } else {
            self.test(&u, returns)
        };
        let interval = if is_persistent {
            None
        } else {
            self.interval(&u, &v, kind, params)
        };
        let t = tested.ok();
        Ok(IcEstimate {
            value,
            n_effective,
            t,
            p: t.map(|t| 2.0 * normal_cdf(-t.abs())),
            untested: tested.err(),
            interval,
        })
    }

    /// Returns the values at their places, not finite between.
    fn spread_out(&self, values: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.n_positions];
        for (&at, value) in self.places.iter().zip(values) {
            out[at] = *value;
        }
        out
    }

    /// Returns the test statistic of the standardised feature.
    fn test(&self, u: &[f64], returns: &ForwardReturns<'_>) -> Result<f64, Untested> {
        let h = returns.horizon;
        if u.len() < MIN_PAIRS || u.len() / h < MIN_WINDOWS {
            return Err(Untested::TooFew);
        }
        // `exposure[s]`: sum of the features whose return contains step s, by its differences.
        let mut exposure = vec![0.0; self.n_positions + h + 1];
        for (&at, u) in self.places.iter().zip(u) {
            exposure[at + 1] += u;
            exposure[at + 1 + h] -= u;
        }
        let (mut n, mut total) = (0_u64, 0.0);
        for r in returns.steps.iter().filter(|r| r.is_finite()) {
            n += 1;
            total += r;
        }
        let mean_step = total / n.max(1) as f64;
        let (mut held, mut variance) = (0.0, 0.0);
        for (change, r) in exposure.iter().zip(returns.steps) {
            held += change;
            if r.is_finite() {
                let term = (r - mean_step) * held;
                variance += term * term;
            }
        }
        let sum: f64 = self
            .places
            .iter()
            .zip(u)
            .map(|(&at, u)| u * returns.sums[at])
            .sum();
        let t = sum / variance.sqrt();
        if t.is_finite() {
            Ok(t)
        } else {
            Err(Untested::NoVariation)
        }
    }

    fn interval(
        &self,
        u: &[f64],
        v: &[f64],
        kind: &str,
        params: &IcParams<'_>,
    ) -> Option<(f64, f64)> {
        if params.replicates == 0 {
            return None;
        }
        let mut draws = BlockDraws::new(params.seed, &format!("{}\0{kind}", params.name));
        let replicates = bootstrap_correlation(
            &self.spread_out(u),
            &self.spread_out(v),
            params.block,
            params.replicates,
            &mut draws,
        );
        percentile_interval(&replicates.ok()?, params.level).ok()
    }
}

/// How a coefficient changes with the horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcDecay {
    /// Horizon of the largest absolute coefficient; the shortest of equals.
    pub peak_horizon: u32,
    /// The coefficient there.
    pub peak_value: f64,
    /// Horizon after the peak at which half of it is left, interpolated linearly in the horizon; `None` if it does not
    /// fall that far within the horizons given.
    pub half_life: Option<f64>,
}

/// Returns where a decay curve peaks and how fast it falls; `None` without a point.
///
/// `curve` holds (horizon, coefficient) by ascending horizon. A coefficient of the other sign is below half.
pub fn ic_decay(curve: &[(u32, f64)]) -> Option<IcDecay> {
    let mut at = 0;
    for (i, (_, value)) in curve.iter().enumerate() {
        if value.abs() > curve[at].1.abs() {
            at = i;
        }
    }
    let &(peak_horizon, peak_value) = curve.get(at)?;
    let sign = if peak_value < 0.0 { -1.0 } else { 1.0 };
    let half = peak_value.abs() / 2.0;
    let half_life = curve[at..].windows(2).find_map(|pair| {
        let [(h0, v0), (h1, v1)] = [pair[0], pair[1]];
        let (v0, v1) = (sign * v0, sign * v1);
        let falls = v0 > half && v1 <= half;
        falls.then(|| f64::from(h0) + (v0 - half) / (v0 - v1) * f64::from(h1 - h0))
    });
    Some(IcDecay {
        peak_horizon,
        peak_value,
        half_life,
    })
}
