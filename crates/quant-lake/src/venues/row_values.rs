//! Values of single fields with their sign rules, shared by all row formats.

use quant_core::market::Side;

use crate::venues::contracts::QtyUnit;
use crate::venues::number::{parse_decimal, parse_digits};
use crate::venues::rows::{Fields, RowProblem};

type Row<T> = Result<T, RowProblem>;

/// Reads a number of any sign; -0 becomes 0.
#[inline]
pub(crate) fn number(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<f64> {
    match parse_decimal(fields.get(i)) {
        Some(value) => Ok(value + 0.0),
        None => Err(RowProblem::NotANumber { column }),
    }
}

/// Largest price or quantity taken: beyond it no market exists, and sums over a day would lose whole units.
pub(crate) const MAX_POSITIVE: f64 = 1e15;

/// Reads a number above zero, at most [`MAX_POSITIVE`].
#[inline]
pub(crate) fn positive(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<f64> {
    let value = number(fields, i, column)?;
    if value > MAX_POSITIVE {
        Err(RowProblem::BadSign {
            column,
            required: "at most 1e15",
        })
    } else if value > 0.0 {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "positive",
        })
    }
}

/// Reads the price of a side of a quote: 0 where nothing rests, else as [`positive`].
#[inline]
pub(crate) fn price_or_none(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<f64> {
    let value = not_negative(fields, i, column)?;
    if value <= MAX_POSITIVE {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "at most 1e15",
        })
    }
}

/// Reads a number of at least zero.
#[inline]
pub(crate) fn not_negative(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<f64> {
    let value = number(fields, i, column)?;
    if value >= 0.0 {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "not negative",
        })
    }
}

/// Reads the side that took liquidity: `buy` or `sell` in any case, no synonyms.
#[inline]
pub(crate) fn taker_side(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<i8> {
    let text = fields.get(i);
    if text.eq_ignore_ascii_case(b"buy") {
        Ok(Side::Buy.sign())
    } else if text.eq_ignore_ascii_case(b"sell") {
        Ok(Side::Sell.sign())
    } else {
        Err(RowProblem::UnknownName {
            column,
            expected: "buy or sell",
        })
    }
}

/// Reads a quantity above zero in a venue's unit; returns base units and what was sent if that is another unit.
#[inline]
pub(crate) fn quantity(
    fields: &Fields<'_>,
    i: usize,
    column: &'static str,
    price: f64,
    unit: QtyUnit,
) -> Row<(f64, Option<f64>)> {
    let sent = positive(fields, i, column)?;
    let base = unit.base(sent, price);
    if base > 0.0 && base <= MAX_POSITIVE {
        Ok((base, unit.raw(sent)))
    } else {
        // Absurd operands: the quotient underflows to nothing or overflows.
        Err(RowProblem::NotANumber { column })
    }
}

/// Reads an id or count.
#[inline]
pub(crate) fn count(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<i64> {
    parse_digits(fields.get(i)).ok_or(RowProblem::NotAnInteger { column })
}

/// Refuses prices that contradict each other.
pub(crate) fn check_candle(open: f64, high: f64, low: f64, close: f64) -> Row<()> {
    if low <= open && open <= high && low <= close && close <= high {
        Ok(())
    } else {
        Err(RowProblem::InconsistentPrices)
    }
}
