//! The sides of a quote as rows of `book_ticker` hold them.

use super::rows::RowProblem;

/// Returns price and quantity in base units of one side; 0 and 0 if nothing rests there.
///
/// Venues tell an empty side by price 0, by quantity 0, or by both. `base` is asked for a side that is not empty only, since
/// contracts are converted by dividing by the price.
///
/// # Errors
/// Those of `base`.
#[inline]
pub(crate) fn side(
    px: f64,
    qty: f64,
    base: impl FnOnce(f64, f64) -> Result<f64, RowProblem>,
) -> Result<(f64, f64), RowProblem> {
    if px > 0.0 && qty > 0.0 {
        Ok((px, base(qty, px)?))
    } else {
        Ok((0.0, 0.0))
    }
}
