//! Defects that concern a whole file or a long stretch of it: shifted labels, switched units, interleaved days, values
//! that stand still.

use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros, parse_naive};

use super::tables::{cells, with_cells_of};
use super::{Edit, Lines, MIN_ROWS};
use crate::defects::Draw;
use crate::defects::shape::Shape;

/// Returns a time cell moved by a whole number of minutes, in the form it has.
fn moved(cell: &[u8], by_us: i64) -> Option<Vec<u8>> {
    if parse_naive(cell).is_some() {
        // `YYYY-MM-DD` and whatever follows; only whole days are moved in text.
        let (date, rest) = cell.split_at_checked(10)?;
        let day: quant_core::time::Day = core::str::from_utf8(date).ok()?.parse().ok()?;
        let mut out = UnixMicros(day.start().0 + by_us)
            .day()
            .to_string()
            .into_bytes();
        out.extend_from_slice(rest);
        return Some(out);
    }
    let digits = cell.iter().take_while(|b| b.is_ascii_digit()).count();
    let count: i64 = core::str::from_utf8(&cell[..digits]).ok()?.parse().ok()?;
    let mut out = (count + by_us / 1_000_000 * per_second(digits))
        .to_string()
        .into_bytes();
    out.extend_from_slice(&cell[digits..]);
    Some(out)
}

/// Seconds have 10 digits, milliseconds 13, microseconds 16.
const fn per_second(digits: usize) -> i64 {
    match digits {
        ..=11 => 1,
        12..=14 => 1_000,
        _ => 1_000_000,
    }
}

/// Returns a row with the cells of `columns` changed; `None` if one of them cannot be.
fn changed(
    row: &[u8],
    columns: &[usize],
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(row.len() + 8);
    for (column, cell) in cells(row).into_iter().enumerate() {
        if column > 0 {
            out.push(b',');
        }
        if columns.contains(&column) {
            out.extend_from_slice(&change(cell)?);
        } else {
            out.extend_from_slice(cell);
        }
    }
    Some(out)
}

/// All klines are labelled one minute late or early.
pub(super) fn label_shift(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Edit> {
    let n = lines.len();
    if n < MIN_ROWS {
        return None;
    }
    let (by_us, word) = if draw.within(0, 1) == 0 {
        (MICROS_PER_MINUTE, "late")
    } else {
        (-MICROS_PER_MINUTE, "early")
    };
    let columns = shape.time_columns();
    let out = (0..n)
        .map(|i| changed(lines.row(i), columns, |cell| moved(cell, by_us)))
        .collect::<Option<Vec<_>>>()?;
    let detail = format!("all {n} rows are labelled one minute {word}");
    let mut edit = Edit::splices(lines, vec![(0..n, out)], detail);
    edit.columns = columns.to_vec();
    edit.shift_us = Some(by_us);
    Some(edit)
}

/// From some row on times are in another unit.
pub(super) fn unit_switch(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Edit> {
    let n = lines.len();
    if n < MIN_ROWS {
        return None;
    }
    let first = draw.within(n / 4, 3 * n / 4);
    let finer = draw.within(0, 1) == 0;
    let columns = shape.time_columns();
    let switch = |cell: &[u8]| -> Option<Vec<u8>> {
        if !cell.first()?.is_ascii_digit() {
            return None;
        }
        match cell.iter().position(|b| *b == b'.') {
            // Seconds with a fraction become milliseconds.
            Some(dot) => {
                let mut out = cell[..dot].to_vec();
                let fraction = cell[dot + 1..].iter().copied();
                out.extend(fraction.chain(std::iter::repeat(b'0')).take(3));
                Some(out)
            }
            None if finer => Some([cell, b"000"].concat()),
            None => cell.len().checked_sub(3).map(|len| cell[..len].to_vec()),
        }
    };
    let out = (first..n)
        .map(|i| changed(lines.row(i), columns, switch))
        .collect::<Option<Vec<_>>>()?;
    let detail = format!(
        "from row {first} on times are in a {} unit",
        if finer { "finer" } else { "coarser" }
    );
    let mut edit = Edit::splices(lines, vec![(first..n, out)], detail);
    edit.columns = columns.to_vec();
    Some(edit)
}

/// Returns a decimal times a power of ten, digit by digit.
fn scaled(cell: &[u8], power: i32) -> Option<Vec<u8>> {
    if cell.is_empty() || !cell.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
        return None;
    }
    let dot = cell.iter().position(|b| *b == b'.').unwrap_or(cell.len());
    let mut digits: Vec<u8> = cell.iter().copied().filter(|b| *b != b'.').collect();
    let mut point = i32::try_from(dot).ok()? + power;
    while point < 1 {
        digits.insert(0, b'0');
        point += 1;
    }
    let point = usize::try_from(point).ok()?;
    while digits.len() < point {
        digits.push(b'0');
    }
    let zeros = digits[..point - 1]
        .iter()
        .take_while(|b| **b == b'0')
        .count();
    let mut out = digits[zeros..point].to_vec();
    if digits.len() > point {
        out.push(b'.');
        out.extend_from_slice(&digits[point..]);
    }
    Some(out)
}

/// Quantities of the whole file are in contracts: a hundred times too large, or a thousandth.
pub(super) fn contract_mixup(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Edit> {
    let n = lines.len();
    if n < MIN_ROWS {
        return None;
    }
    let (power, word) = if draw.within(0, 1) == 0 {
        (2, "times 100")
    } else {
        (-3, "divided by 1000")
    };
    let columns = shape.quantity_columns();
    let out = (0..n)
        .map(|i| changed(lines.row(i), columns, |cell| scaled(cell, power)))
        .collect::<Option<Vec<_>>>()?;
    let is_zero = |row: &[u8]| {
        let cells = cells(row);
        columns.iter().all(|c| {
            cells
                .get(*c)
                .is_some_and(|cell| cell.iter().all(|b| matches!(b, b'0' | b'.')))
        })
    };
    // Klines of a mark price have no volume to mix up.
    if (0..n).all(|i| is_zero(lines.row(i))) {
        return None;
    }
    let detail = format!("quantities of all {n} rows are {word}");
    let mut edit = Edit::splices(lines, vec![(0..n, out)], detail);
    edit.columns = columns.to_vec();
    Some(edit)
}

/// Values of a stretch repeat those of the row before it, while times (and ids) go on.
pub(super) fn frozen_rows(
    lines: &Lines<'_>,
    columns: &[usize],
    draw: &mut Draw,
    what: &str,
) -> Option<Edit> {
    let n = lines.len();
    if n < 3 * MIN_ROWS {
        return None;
    }
    let length = draw.within(10, 120).min(n / 3);
    let start = draw.within(1, n - 1 - length);
    let differs = |first: usize| {
        let (source, row) = (lines.row(first - 1), lines.row(first));
        with_cells_of(row, source, columns).is_some_and(|frozen| frozen != row)
    };
    // A stretch in which nothing happened anyway would be no defect.
    let first = (start..n - length).chain(1..start).find(|i| differs(*i))?;
    let out = (first..first + length)
        .map(|i| with_cells_of(lines.row(i), lines.row(first - 1), columns))
        .collect::<Option<Vec<_>>>()?;
    let detail = format!("{length} {what} repeat the one before them");
    let mut edit = Edit::splices(lines, vec![(first..first + length, out)], detail);
    edit.columns = columns.to_vec();
    Some(edit)
}

/// In a long stretch every row is followed by its copy of a neighbouring day.
pub(super) fn interleaved_days(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Edit> {
    let n = lines.len();
    if n < 3 * MIN_ROWS {
        return None;
    }
    let length = draw.within(n / 10, n / 2).max(MIN_ROWS / 2);
    let first = draw.within(0, n - length);
    let (by_us, word) = if draw.within(0, 1) == 0 {
        (-MICROS_PER_DAY, "before")
    } else {
        (MICROS_PER_DAY, "after")
    };
    let columns = shape.time_columns();
    let mut out = Vec::with_capacity(2 * length);
    for i in first..first + length {
        out.push(lines.row(i).to_vec());
        out.push(changed(lines.row(i), columns, |cell| moved(cell, by_us))?);
    }
    let detail = format!("{length} rows are followed by their copies of the day {word}");
    let mut edit = Edit::splices(lines, vec![(first..first + length, out)], detail);
    edit.columns = columns.to_vec();
    edit.shift_us = Some(by_us);
    Some(edit)
}
