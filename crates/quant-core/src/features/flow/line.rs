//! The least-squares line with intercept that the Kyle kinds share.

/// A variance at most this share of the mean square is rounding of a constant, and counts as 0.
const ROUNDING: f64 = 1e-12;

/// What a regression of y on x is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// Number of points.
    pub(super) n: f64,
    /// Means.
    pub(super) mean_x: f64,
    pub(super) mean_y: f64,
    /// Sums of squares and of products about the means.
    pub(super) sxx: f64,
    pub(super) sxy: f64,
    pub(super) syy: f64,
}

impl Moments {
    /// Returns the moments of `n > 0` points from their raw sums.
    pub(super) fn of_sums([n, x, y, xx, xy, yy]: [f64; 6]) -> Self {
        Self {
            n,
            mean_x: x / n,
            mean_y: y / n,
            sxx: xx - x * x / n,
            sxy: xy - x * y / n,
            syy: yy - y * y / n,
        }
    }

    /// Returns the line through at least three points; `None` if x does not vary.
    pub(super) fn line(&self) -> Option<Line> {
        let varies = |s: f64, mean: f64| s > ROUNDING * (s.max(0.0) + self.n * mean * mean);
        if !varies(self.sxx, self.mean_x) {
            return None;
        }
        let slope = self.sxy / self.sxx;
        let y_varies = varies(self.syy, self.mean_y);
        let rss = (self.syy - slope * self.sxy).max(0.0);
        Some(Line {
            slope,
            // Rounding may lift a perfect fit above 1 by an ulp.
            r2: y_varies.then(|| (slope * self.sxy / self.syy).min(1.0)),
            rss: (y_varies && rss > ROUNDING * self.syy).then_some(rss),
        })
    }
}

/// A line `y = intercept + slope x`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) slope: f64,
    /// Share of the variance of y that the line explains; `None` if y does not vary.
    pub(super) r2: Option<f64>,
    /// Sum of squared residuals; `None` for a perfect fit and if y does not vary.
    pub(super) rss: Option<f64>,
}
