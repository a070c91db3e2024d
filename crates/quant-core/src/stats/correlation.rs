//! Correlation of two samples, of their values.

use crate::stats::{Undefined, finite, mean};

/// A correlation and how far luck alone may take it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// The coefficient, -1 to 1.
    pub value: f64,
    /// Number of pairs.
    pub n: usize,
    /// Standard deviation of the coefficient of `n` pairs of independent variables: `1 / sqrt(n - 1)`.
    pub standard_error: f64,
}

/// Returns Pearson's correlation of `xs` and `ys`.
///
/// ```text
/// r = sum (x - mx)(y - my) / sqrt(sum (x - mx)^2 * sum (y - my)^2)
/// ```
///
/// The standard error is that of independent samples without fat tails; where large `|x|` meet large `|y|` the
/// coefficient scatters more, see [`spearman`](crate::stats::spearman).
///
/// # Errors
/// `OutOfDomain` for samples of different length or not finite, `TooFew` below two pairs, `NoVariation` where a sample
/// is constant.
pub fn pearson(xs: &[f64], ys: &[f64]) -> Result<Correlation, Undefined> {
    let n = check_pairs(xs, ys)?;
    let (mx, my) = (mean(xs)?, mean(ys)?);
    let (mut sxx, mut syy, mut sxy) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        let (dx, dy) = (x - mx, y - my);
        sxx += dx * dx;
        syy += dy * dy;
        sxy += dx * dy;
    }
    finite(sxx + syy, "sample")?;
    let is_flat = |s: f64, m: f64| (s / n as f64).sqrt() <= 1e-14 * m.abs() || s <= 0.0;
    if is_flat(sxx, mx) || is_flat(syy, my) {
        return Err(Undefined::NoVariation { n });
    }
    // Two roots instead of the root of a product, which would leave the range of f64 first.
    let value = finite(sxy / sxx.sqrt() / syy.sqrt(), "sample")?.clamp(-1.0, 1.0);
    Ok(Correlation {
        value,
        n,
        standard_error: 1.0 / ((n - 1) as f64).sqrt(),
    })
}

/// Returns the number of pairs of two samples that can be correlated.
pub(super) fn check_pairs(xs: &[f64], ys: &[f64]) -> Result<usize, Undefined> {
    let n = xs.len();
    if n != ys.len() {
        return Err(Undefined::OutOfDomain {
            what: "length of the second sample",
        });
    }
    if n < 2 {
        return Err(Undefined::TooFew { n, needed: 2 });
    }
    Ok(n)
}
