//! Values of single JSON fields with their sign rules, shared by the message formats of all venues.

use core::fmt::Write as _;

use quant_core::market::BookLevel;

use super::contracts::QtyUnit;
use super::json::Json;
use super::number::parse_decimal;
use super::row_values::MAX_POSITIVE;
use super::rows::RowProblem;

type Read<T> = Result<T, RowProblem>;

/// Reads a number above zero, at most `MAX_POSITIVE`.
#[inline]
pub(crate) fn positive(json: &mut Json<'_>, column: &'static str) -> Read<f64> {
    positive_text(json.number_text()?, column)
}

/// Reads a number of at least zero, at most `MAX_POSITIVE`.
#[inline]
pub(crate) fn not_negative(json: &mut Json<'_>, column: &'static str) -> Read<f64> {
    not_negative_text(json.number_text()?, column)
}

/// As [`positive`], from the text of a number.
#[inline]
pub(crate) fn positive_text(text: &[u8], column: &'static str) -> Read<f64> {
    let value = not_negative_text(text, column)?;
    if value > 0.0 {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "positive",
        })
    }
}

/// As [`not_negative`], from the text of a number.
#[inline]
pub(crate) fn not_negative_text(text: &[u8], column: &'static str) -> Read<f64> {
    // -0 becomes 0.
    let value = parse_decimal(text).ok_or(RowProblem::NotANumber { column })? + 0.0;
    if (0.0..=MAX_POSITIVE).contains(&value) {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: if value < 0.0 {
                "not negative"
            } else {
                "at most 1e15"
            },
        })
    }
}

/// Reads an integer of at least zero.
pub(crate) fn count(json: &mut Json<'_>, column: &'static str) -> Read<i64> {
    let value = json.integer(column)?;
    if value >= 0 {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "not negative",
        })
    }
}

/// Reads milliseconds between 2001 and 2255, returns microseconds.
///
/// Beyond that, a time multiplied by 1,000 (see `MessageOrder`) would leave the integers.
#[inline]
pub(crate) fn millis(json: &mut Json<'_>, column: &'static str) -> Read<i64> {
    let ms = json.integer(column)?;
    if (1_000_000_000_000..9_000_000_000_000).contains(&ms) {
        Ok(ms * 1_000)
    } else {
        Err(RowProblem::NotATime {
            column,
            expected: "13 digits of milliseconds",
        })
    }
}

/// Fills the place of a field.
///
/// # Errors
/// `Field` if it is taken: of two equal keys nobody knows which one is meant.
#[inline]
pub(crate) fn set<T>(slot: &mut Option<T>, field: &'static str, value: T) -> Read<()> {
    if slot.replace(value).is_some() {
        return Err(RowProblem::Field {
            field,
            problem: "given twice",
        });
    }
    Ok(())
}

/// Returns a field that must be there.
#[inline]
pub(crate) fn need<T>(slot: Option<T>, field: &'static str) -> Read<T> {
    slot.ok_or(RowProblem::Field {
        field,
        problem: "missing",
    })
}

/// Returns a level whose quantity is worth something in base units, or removes.
///
/// # Errors
/// `BadSign` if a quantity vanishes or overflows when converted.
#[inline]
pub(crate) fn level(px: f64, qty: f64, unit: QtyUnit, column: &'static str) -> Read<BookLevel> {
    base_qty(qty, px, unit, column)?;
    Ok(BookLevel { px, qty })
}

/// Returns base units of a venue quantity.
///
/// # Errors
/// As [`level`].
#[inline]
pub(crate) fn base_qty(qty: f64, px: f64, unit: QtyUnit, column: &'static str) -> Read<f64> {
    let base = unit.base(qty, px);
    if base <= f64::MAX && (base > 0.0 || qty <= 0.0) {
        Ok(base)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "a positive finite number of base units",
        })
    }
}

/// Returns a unit in words, for the parameters of an ingest.
pub(crate) fn unit_words(unit: QtyUnit) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = match unit {
        QtyUnit::Base => out.write_str("base"),
        QtyUnit::Linear { ctval } => write!(out, "contracts of {ctval} base"),
        QtyUnit::Inverse { usd } => write!(out, "contracts of {usd} quote"),
    };
    out
}

/// Returns the first string in a text that follows `"field":"`, unread: good enough to name what is passed over.
pub(crate) fn text_of<'a>(data: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let field = format!("\"{field}\":\"");
    let at = memchr::memmem::find(data, field.as_bytes())?;
    data.get(at + field.len()..)?.split(|b| *b == b'"').next()
}
