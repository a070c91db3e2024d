//! Windows of nullable minute values: sums under a smallest valid share, scores, medians and ranks.
//!
//! Every value is a pure function of the window: sums are taken anew each minute, so nothing drifts and a replay agrees
//! bit for bit. A caller clears at the start of a segment, pushes once per minute, and pushes into a score only what
//! already has its own full window.

use crate::features::kernels::Window;

/// Makes the median absolute deviation of a normal variable its standard deviation: `1 / Phi^-1(3/4)`, as commonly rounded.
const MAD_SCALE: f64 = 1.4826;
/// A deviation of at most this share of the middle is rounding of equal values, and counts as 0.
const ROUNDING: f64 = 1e-12;
/// Independent partial sums: breaks the chain of additions; which value goes where depends on the window alone.
const LANES: usize = 8;

/// Returns how many of `n` values must be known: `ceil(share * n)`, at least one.
pub(crate) fn min_count(share: f64, n: u32) -> u32 {
    // Windows have at most a day's minutes: counting up is exact and happens once.
    (1..n)
        .find(|count| f64::from(*count) >= share * f64::from(n))
        .unwrap_or(n)
}

/// Returns the sum of `f` over the values that are not NaN, of which there are `n_known`.
#[inline]
fn sum_known(values: &[f64], n_known: u32, f: impl Fn(f64) -> f64) -> f64 {
    if values.len() == n_known as usize {
        // Most windows: the same sum without looking at each value.
        return sum_pairs(values, values, |x, _| f(x));
    }
    sum_pairs(values, values, |x, _| if x.is_nan() { 0.0 } else { f(x) })
}

/// Returns the sum of `f` over pairs; `x` and `y` have one length.
#[inline]
pub(crate) fn sum_pairs(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (x_chunks, x_rest) = x.as_chunks::<LANES>();
    let (y_chunks, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        // An array of terms first: the compiler makes whole vectors of it.
        let terms: [f64; LANES] = core::array::from_fn(|i| f(x[i], y[i]));
        for (lane, term) in lanes.iter_mut().zip(terms) {
            *lane += term;
        }
    }
    let rest = x_rest
        .iter()
        .zip(y_rest)
        .fold(0.0, |sum, (x, y)| sum + f(*x, *y));
    add_lanes(&lanes) + rest
}

/// Adds partial sums in pairs.
///
/// Kept out of line: seen together with it, the loop over a window is compiled to lanes that are paired like the sums
/// here, which costs it two shuffles per pair of values.
#[inline(never)]
fn add_lanes(lanes: &[f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Returns the sums of every column of `rows`.
pub(crate) fn sum_rows<const N: usize>(rows: &[[f64; N]]) -> [f64; N] {
    // Two partial sums per column: a window holds few columns, and they are independent already.
    let mut even = [0.0; N];
    let mut odd = [0.0; N];
    let add = |lane: &mut [f64; N], row: &[f64; N]| {
        for (sum, x) in lane.iter_mut().zip(row) {
            *sum += x;
        }
    };
    let (pairs, last) = rows.as_chunks::<2>();
    for [first, second] in pairs {
        add(&mut even, first);
        add(&mut odd, second);
    }
    if let [row] = last {
        add(&mut even, row);
    }
    core::array::from_fn(|i| even[i] + odd[i])
}

/// Returns the sample covariance (ddof 1) of pairs of known values; `None` below two pairs or for unequal lengths.
///
/// Equal values have a covariance of exactly 0.
pub(crate) fn covariance(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x0, y0) = (*x.first()?, *y.first()?);
    let n = x.len();
    if n < 2 || y.len() != n {
        return None;
    }
    // Relative to a value of the window, equal values sum to 0 without rounding.
    let mean_x = x0 + sum_pairs(x, x, |v, _| v - x0) / n as f64;
    let mean_y = y0 + sum_pairs(y, y, |v, _| v - y0) / n as f64;
    let products = sum_pairs(x, y, |a, b| (a - mean_x) * (b - mean_y));
    Some(products / (n - 1) as f64)
}

/// The last `n` values, some unknown, and their sum and mean if enough are known.
///
/// A value that is not finite counts as unknown.
#[derive(Clone, Debug)]
pub(crate) struct ValidSum {
    /// NaN stands for unknown.
    values: Window<f64>,
    n_known: u32,
    min_known: u32,
}

impl ValidSum {
    pub(crate) fn new(n: u32, min_valid_share: f64) -> Self {
        Self {
            values: Window::new(n),
            n_known: 0,
            min_known: min_count(min_valid_share, n),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.n_known = 0;
    }

    /// Takes the value of the next minute.
    #[inline]
    pub(crate) fn push(&mut self, value: Option<f64>) {
        let value = value.filter(|v| v.is_finite()).unwrap_or(f64::NAN);
        self.n_known += u32::from(!value.is_nan());
        let gone = self.values.push(value);
        self.n_known -= u32::from(gone.is_some_and(|v| !v.is_nan()));
    }

    /// Returns how many minutes a full window has.
    pub(crate) fn size(&self) -> u32 {
        self.values.size()
    }

    /// Returns whether `n` minutes were seen, known or not.
    pub(crate) fn is_full(&self) -> bool {
        self.values.is_full()
    }

    /// Returns whether the window is full and enough of it is known.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_full() && self.n_known >= self.min_known
    }

    /// Returns how many values are known.
    pub(crate) const fn n_known(&self) -> u32 {
        self.n_known
    }

    /// Returns the value of minute `t`, if it is known.
    pub(crate) fn last(&self) -> Option<f64> {
        let last = self.values.as_slice().last().copied();
        last.filter(|v| !v.is_nan())
    }

    /// Returns the sum of the known values, not scaled up; `None` unless valid.
    pub(crate) fn sum(&self) -> Option<f64> {
        self.is_valid().then(|| self.known_sum())
    }

    /// Returns the mean of the known values; `None` unless valid.
    pub(crate) fn mean(&self) -> Option<f64> {
        self.sum().map(|sum| sum / f64::from(self.n_known))
    }

    /// Returns the sum of the known values, however few.
    pub(crate) fn known_sum(&self) -> f64 {
        sum_known(self.values.as_slice(), self.n_known, |x| x)
    }

    /// Returns mean and sample deviation (ddof 1); `None` unless valid and at least two values are known.
    ///
    /// Equal values have a deviation of exactly 0.
    pub(crate) fn mean_std(&self) -> Option<(f64, f64)> {
        if !self.is_valid() || self.n_known < 2 {
            return None;
        }
        let values = self.values.as_slice();
        let n = f64::from(self.n_known);
        // Relative to a value of the window, equal values sum to 0 without rounding.
        let origin = values.iter().copied().find(|x| !x.is_nan())?;
        let mean = origin + sum_known(values, self.n_known, |x| x - origin) / n;
        let squares = sum_known(values, self.n_known, |x| (x - mean) * (x - mean));
        Some((mean, (squares / (n - 1.0)).sqrt()))
    }
}

/// `z(x; m)` and, if asked for, `zmad(x; m)` of the newest value.
#[derive(Clone, Debug)]
pub(crate) struct RollingZ {
    values: ValidSum,
    sorted: Option<SortedWindow>,
}

impl RollingZ {
    /// Returns a window that knows z only.
    pub(crate) fn new(m: u32, min_valid_share: f64) -> Self {
        Self {
            values: ValidSum::new(m, min_valid_share),
            sorted: None,
        }
    }

    /// Returns a window that knows both scores.
    pub(crate) fn with_mad(m: u32, min_valid_share: f64) -> Self {
        Self {
            sorted: Some(SortedWindow::new(m, min_valid_share)),
            ..Self::new(m, min_valid_share)
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        if let Some(sorted) = &mut self.sorted {
            sorted.clear();
        }
    }

    /// Takes the value of the next minute.
    pub(crate) fn push(&mut self, value: Option<f64>) {
        self.values.push(value);
        if let Some(sorted) = &mut self.sorted {
            sorted.push(value);
        }
    }

    /// Returns `(x_t - mean) / std`.
    pub(crate) fn z(&self) -> Option<f64> {
        let x = self.values.last()?;
        let (mean, std) = self.values.mean_std()?;
        (std > ROUNDING * libm::fabs(mean)).then(|| (x - mean) / std)
    }

    /// Returns `(x_t - median) / (1.4826 MAD)`; `None` also for a window made without it.
    pub(crate) fn zmad(&self) -> Option<f64> {
        let x = self.values.last()?;
        let (median, mad) = self.sorted.as_ref()?.median_mad()?;
        (mad > ROUNDING * libm::fabs(median)).then(|| (x - median) / (MAD_SCALE * mad))
    }

    /// Returns how many minutes a full window has.
    pub(crate) fn size(&self) -> u32 {
        self.values.size()
    }
}

/// The last `n` values, some unknown, kept in order of size: O(log n) to search, one move of memory per minute.
///
/// A value that is not finite counts as unknown.
#[derive(Clone, Debug)]
pub(crate) struct SortedWindow {
    /// In order of time; NaN stands for unknown.
    values: Window<f64>,
    /// The known ones in total order.
    sorted: Vec<f64>,
    /// Values were taken without putting them in order.
    is_stale: bool,
    min_known: usize,
}

impl SortedWindow {
    pub(crate) fn new(n: u32, min_valid_share: f64) -> Self {
        Self {
            values: Window::new(n),
            sorted: Vec::with_capacity(n as usize + 1),
            is_stale: false,
            min_known: min_count(min_valid_share, n) as usize,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.sorted.clear();
        self.is_stale = false;
    }

    /// Takes the value of the next minute of a replay: nothing is put in order before somebody asks.
    pub(crate) fn observe(&mut self, value: Option<f64>) {
        self.values.push(rankable(value));
        self.is_stale = true;
    }

    /// Puts what was observed in order.
    fn sort(&mut self) {
        self.sorted.clear();
        let known = self.values.iter().filter(|v| !v.is_nan());
        self.sorted.extend(known);
        self.sorted.sort_unstable_by(f64::total_cmp);
        self.is_stale = false;
    }

    /// Takes the value of the next minute.
    pub(crate) fn push(&mut self, value: Option<f64>) {
        if self.is_stale {
            self.sort();
        }
        let value = rankable(value);
        let gone = self.values.push(value).filter(|v| !v.is_nan());
        let from = gone.map(|gone| self.n_below(gone));
        if value.is_nan() {
            if let Some(from) = from {
                self.sorted.remove(from);
            }
            return;
        }
        let to = self.n_below(value);
        let Some(from) = from else {
            self.sorted.insert(to, value);
            return;
        };
        // What lies between the place that is left and the one that is taken moves by one.
        if from < to {
            self.sorted.copy_within(from + 1..to, from);
            self.sorted[to - 1] = value;
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.sorted[to] = value;
        }
    }

    /// Returns whether the window is full and enough of it is known.
    pub(crate) fn is_valid(&self) -> bool {
        self.values.is_full() && self.sorted.len() >= self.min_known
    }

    /// Returns how many known values are below `x`.
    pub(crate) fn n_below(&self, x: f64) -> usize {
        self.sorted.partition_point(|v| *v < x)
    }

    /// Returns the share of the known values that are at most the newest; `None` unless valid and the newest is known.
    pub(crate) fn rank_of_last(&self) -> Option<f64> {
        let last = self.values.as_slice().last().copied()?;
        if !self.is_valid() || last.is_nan() {
            return None;
        }
        let at_most = self.sorted.partition_point(|v| *v <= last);
        Some(at_most as f64 / self.sorted.len() as f64)
    }

    /// Returns the median of the known values; `None` unless valid.
    pub(crate) fn median(&self) -> Option<f64> {
        if !self.is_valid() {
            return None;
        }
        let n = self.sorted.len();
        let (low, high) = (self.sorted[(n - 1) / 2], self.sorted[n / 2]);
        Some(f64::midpoint(low, high))
    }

    /// Returns the median and the median of the absolute deviations from it; `None` unless valid.
    pub(crate) fn median_mad(&self) -> Option<(f64, f64)> {
        let median = self.median()?;
        let n = self.sorted.len();
        let low = self.deviation(median, (n - 1) / 2);
        let high = if n % 2 == 1 {
            low
        } else {
            self.deviation(median, n / 2)
        };
        Some((median, f64::midpoint(low, high)))
    }

    /// Returns the absolute deviation from `median` of rank `k`, smallest first, `k < len`.
    ///
    /// Deviations grow away from the median on either side: the `k + 1` smallest are a run of `sorted` around it, and
    /// the first run whose left end is no farther than the value behind its right end is the closest one.
    fn deviation(&self, median: f64, k: usize) -> f64 {
        let x = &self.sorted;
        let (mut low, mut high) = (0, x.len() - 1 - k);
        while low < high {
            let at = usize::midpoint(low, high);
            if median - x[at] > x[at + k + 1] - median {
                low = at + 1;
            } else {
                high = at;
            }
        }
        (median - x[low]).max(x[low + k] - median)
    }

    /// Returns how many minutes a full window has.
    pub(crate) fn size(&self) -> u32 {
        self.values.size()
    }
}

/// Returns the value as it ranks: NaN for unknown, and 0 for -0, which is equal to it.
fn rankable(value: Option<f64>) -> f64 {
    value.filter(|v| v.is_finite()).unwrap_or(f64::NAN) + 0.0
}

#[cfg(test)]
mod tests;
