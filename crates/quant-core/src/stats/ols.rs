//! Simple linear regression of one variable on another, streaming.

use crate::stats::{Undefined, finite};

/// A fitted line `y = intercept + slope * x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OlsFit {
    /// Number of points.
    pub n: u64,
    /// Value at `x = 0`.
    pub intercept: f64,
    /// Change of `y` per unit of `x`.
    pub slope: f64,
    /// Share of the variance of `y` that the line explains, 0 to 1; 0 where `y` does not vary.
    pub r2: f64,
    /// Standard error of the slope for independent errors of one variance; `None` below three points.
    pub slope_se: Option<f64>,
}

/// Running sums of a simple regression by ordinary least squares.
///
/// # Determinism
/// The result depends on the order of the points in the last bits only.
///
/// # References
/// Update and merge of means and co-moments: Chan, Golub and `LeVeque` 1983, "Algorithms for Computing the Sample
/// Variance".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ols {
    n: u64,
    mean_x: f64,
    mean_y: f64,
    sxx: f64,
    sxy: f64,
    syy: f64,
}

impl Ols {
    /// Returns empty sums.
    pub const fn new() -> Self {
        Self {
            n: 0,
            mean_x: 0.0,
            mean_y: 0.0,
            sxx: 0.0,
            sxy: 0.0,
            syy: 0.0,
        }
    }

    /// Adds a point.
    pub fn add(&mut self, x: f64, y: f64) {
        self.n += 1;
        let n = self.n as f64;
        let (dx, dy) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += dx / n;
        self.mean_y += dy / n;
        self.sxx += dx * (x - self.mean_x);
        self.syy += dy * (y - self.mean_y);
        self.sxy += dx * (y - self.mean_y);
    }

    /// Adds all points of `other`.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = *other;
            return;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let (dx, dy) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        let weight = a * b / (a + b);
        self.sxx += other.sxx + dx * dx * weight;
        self.syy += other.syy + dy * dy * weight;
        self.sxy += other.sxy + dx * dy * weight;
        self.mean_x += dx * b / (a + b);
        self.mean_y += dy * b / (a + b);
        self.n += other.n;
    }

    /// Returns the number of points.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Returns the line through the points.
    ///
    /// # Errors
    /// `TooFew` below two points, `NoVariation` where `x` is constant, `OutOfDomain` for points that are not finite.
    pub fn fit(&self) -> Result<OlsFit, Undefined> {
        let n = usize::try_from(self.n).unwrap_or(usize::MAX);
        if n < 2 {
            return Err(Undefined::TooFew { n, needed: 2 });
        }
        let count = self.n as f64;
        finite(self.sxx + self.syy + self.sxy.abs(), "sample")?;
        // What is left of a constant sample after centring is rounding of its mean.
        if (self.sxx / count).sqrt() <= 1e-14 * self.mean_x.abs() || self.sxx <= 0.0 {
            return Err(Undefined::NoVariation { n });
        }
        let slope = self.sxy / self.sxx;
        let unexplained = (self.syy - slope * self.sxy).max(0.0);
        let r2 = if self.syy > 0.0 {
            (1.0 - unexplained / self.syy).clamp(0.0, 1.0)
        } else {
            0.0
        };
        Ok(OlsFit {
            n: self.n,
            intercept: finite(self.mean_y - slope * self.mean_x, "sample")?,
            slope: finite(slope, "sample")?,
            r2,
            slope_se: (n > 2).then(|| (unexplained / (count - 2.0) / self.sxx).sqrt()),
        })
    }
}

/// Returns the least-squares line of `ys` on `xs`.
///
/// # Errors
/// `OutOfDomain` for samples of different length, otherwise as [`Ols::fit`].
pub fn ols(xs: &[f64], ys: &[f64]) -> Result<OlsFit, Undefined> {
    if xs.len() != ys.len() {
        return Err(Undefined::OutOfDomain {
            what: "length of the second sample",
        });
    }
    let mut sums = Ols::new();
    for (x, y) in xs.iter().zip(ys) {
        sums.add(*x, *y);
    }
    sums.fit()
}
