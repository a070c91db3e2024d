//! Levels of OKX book messages: `["price","size",...]`, three elements in archives, four on the socket.

use quant_core::market::BookLevel;

use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{level, not_negative_text, positive_text};
use crate::venues::rows::RowProblem;

/// Most elements of a level that any product ever had.
const MAX_ELEMENTS: usize = 4;

/// Reads the levels of a side in the venue's order and unit; size 0 removes.
///
/// # Errors
/// `NotJson`, or what is wrong with a price or size.
#[inline]
pub(super) fn read_levels(
    json: &mut Json<'_>,
    unit: QtyUnit,
    out: &mut Vec<BookLevel>,
) -> Result<(), RowProblem> {
    out.clear();
    json.array()?;
    while json.element()? {
        let (px, qty, _, _) = read_level(json)?;
        out.push(level(px, qty, unit, "sz")?);
    }
    Ok(())
}

/// Calls `f` with every level and the texts it came in.
///
/// # Errors
/// As [`read_levels`].
pub(super) fn for_each_text(
    side: &[u8],
    mut f: impl FnMut(f64, f64, &str, &str),
) -> Result<(), RowProblem> {
    let mut json = Json::new(side);
    json.array()?;
    while json.element()? {
        let (px, qty, px_text, qty_text) = read_level(&mut json)?;
        // What was read as a number is ASCII.
        let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
        f(px, qty, text(px_text), text(qty_text));
    }
    Ok(())
}

/// Reads one level; returns price, size and their texts.
#[inline]
fn read_level<'a>(json: &mut Json<'a>) -> Result<(f64, f64, &'a [u8], &'a [u8]), RowProblem> {
    json.array()?;
    let mut text = |column: &'static str,
                    read: fn(&[u8], &'static str) -> Result<f64, RowProblem>| {
        if !json.element()? {
            return Err(RowProblem::Field {
                field: column,
                problem: "missing",
            });
        }
        let text = json.number_text()?;
        Ok((read(text, column)?, text))
    };
    let (px, px_text) = text("px", positive_text)?;
    let (qty, qty_text) = text("sz", not_negative_text)?;
    let mut found = 2;
    while json.element()? {
        json.number_text()?;
        found += 1;
    }
    if found > MAX_ELEMENTS {
        return Err(RowProblem::FieldCount {
            expected: MAX_ELEMENTS,
            found,
        });
    }
    Ok((px, qty, px_text, qty_text))
}
