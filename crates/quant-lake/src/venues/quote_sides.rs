//! The sides of a quote as rows of `book_ticker` hold them.

use super::rows::RowProblem;

/// Returns price and quantity in base units of one side; 0 and 0 if nothing rests there.
///
/// Venues tell an empty side by price 0, by quantity 0, or by both. `base` converts the quantity of a side that is not empty only:
/// an inverse contract is converted by dividing by the price.
///
/// # Errors
/// `BadSign` if a quantity vanishes or overflows when converted.
#[inline]
pub(crate) fn side(
    px: f64,
    qty: f64,
    column: &'static str,
    base: impl FnOnce(f64, f64) -> f64,
) -> Result<(f64, f64), RowProblem> {
    if px <= 0.0 || qty <= 0.0 {
        return Ok((0.0, 0.0));
    }
    let qty = base(qty, px);
    if qty > 0.0 && qty <= f64::MAX {
        Ok((px, qty))
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "a positive finite number of base units",
        })
    }
}
