//! Defects of comma-separated rows that need to know what a column means.

use quant_core::time::{MICROS_PER_DAY, UnixMicros, parse_naive};

use super::{Edit, Lines, MIN_ROWS};
use crate::defects::Draw;
use crate::defects::shape::Shape;

/// Columns of `bookTicker`.
const BID_PRICE: usize = 1;
const BID_QTY: usize = 2;
const ASK_PRICE: usize = 3;
const ASK_QTY: usize = 4;

/// Columns of `bookDepth` besides time and percentage.
const BAND_VALUES: [usize; 2] = [2, 3];

/// Columns of `metrics` that state open interest.
const OPEN_INTEREST: [usize; 2] = [2, 3];

/// Distance of the rows of `metrics`.
const METRICS_PERIOD_US: i64 = 300_000_000;

pub(super) fn cells(row: &[u8]) -> Vec<&[u8]> {
    row.split(|b| *b == b',').collect()
}

/// Returns the ordering time of a row in units of its own, or of a recording's line its stamp.
pub(super) fn time(row: &[u8], shape: Shape) -> Option<i128> {
    let cell = match shape.time_columns().first() {
        Some(column) => row.split(|b| *b == b',').nth(*column)?,
        None => row.split(|b| *b == b' ').next()?,
    };
    if let Some(at) = parse_naive(cell) {
        return Some(i128::from(at.0));
    }
    // Up to nine fraction digits: as an integer of billionths.
    let (whole, fraction) = split_decimal(cell)?;
    let mut text = whole.to_vec();
    text.extend_from_slice(fraction);
    text.resize(whole.len() + 9, b'0');
    core::str::from_utf8(&text).ok()?.parse().ok()
}

fn split_decimal(cell: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = cell.iter().position(|b| *b == b'.').unwrap_or(cell.len());
    let (whole, fraction) = (&cell[..dot], cell.get(dot + 1..).unwrap_or(&[]));
    let is_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    (!whole.is_empty() && is_digits(whole) && is_digits(fraction) && fraction.len() <= 9)
        .then_some((whole, fraction))
}

/// Returns a time cell one day earlier, in the form it has.
fn a_day_earlier(cell: &[u8]) -> Option<Vec<u8>> {
    if parse_naive(cell).is_some() {
        // `YYYY-MM-DD` and whatever follows.
        let (date, rest) = cell.split_at_checked(10)?;
        let day: quant_core::time::Day = core::str::from_utf8(date).ok()?.parse().ok()?;
        let before = UnixMicros(day.start().0 - MICROS_PER_DAY).day();
        let mut out = before.to_string().into_bytes();
        out.extend_from_slice(rest);
        return Some(out);
    }
    let (whole, _) = split_decimal(cell)?;
    let count: i64 = core::str::from_utf8(whole).ok()?.parse().ok()?;
    // Seconds have 10 digits, milliseconds 13, microseconds 16.
    let per_second = match whole.len() {
        ..=11 => 1,
        12..=14 => 1_000,
        _ => 1_000_000,
    };
    let mut out = (count - 86_400 * per_second).to_string().into_bytes();
    out.extend_from_slice(&cell[whole.len()..]);
    Some(out)
}

pub(super) fn other_day(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Edit> {
    let columns = shape.time_columns();
    let mut edit = Edit::in_places(lines, draw, "rows of the day before", |i, _| {
        let row = lines.row(i);
        let mut moved = Vec::new();
        let cells = cells(row);
        for (column, cell) in cells.iter().enumerate() {
            moved.push(if columns.contains(&column) {
                a_day_earlier(cell)?
            } else {
                cell.to_vec()
            });
        }
        Some((i + 1..i + 1, vec![moved.join(&b',')]))
    })?;
    edit.columns = columns.to_vec();
    edit.shift_us = Some(-MICROS_PER_DAY);
    Some(edit)
}

/// Returns a row with the cells of `columns` taken from another.
pub(super) fn with_cells_of(row: &[u8], other: &[u8], columns: &[usize]) -> Option<Vec<u8>> {
    let (mut cells, others) = (cells(row), cells(other));
    for column in columns {
        *cells.get_mut(*column)? = others.get(*column)?;
    }
    Some(cells.join(&b','))
}

pub(super) fn frozen_bands(lines: &Lines<'_>, draw: &mut Draw) -> Option<Edit> {
    const BANDS: usize = 12;
    let samples = lines.len() / BANDS;
    if samples < 3 * MIN_ROWS || !lines.len().is_multiple_of(BANDS) {
        return None;
    }
    let length = draw.within(10, 120).min(samples / 3);
    let first = draw.within(1, samples - 1 - length);
    let mut out = Vec::with_capacity(length * BANDS);
    for i in first * BANDS..(first + length) * BANDS {
        let source = lines.row((first - 1) * BANDS + i % BANDS);
        let row = lines.row(i);
        // Bands in another order would freeze into each other.
        if cells(row).get(1) != cells(source).get(1) {
            return None;
        }
        out.push(with_cells_of(row, source, &BAND_VALUES)?);
    }
    let rows = first * BANDS..(first + length) * BANDS;
    let detail = format!("{length} samples repeat the values of the one before them");
    let mut edit = Edit::splices(lines, vec![(rows, out)], detail);
    edit.columns = BAND_VALUES.to_vec();
    Some(edit)
}

pub(super) fn shifted_oi(lines: &Lines<'_>, draw: &mut Draw) -> Option<Edit> {
    let n = lines.len();
    if n < 3 * MIN_ROWS {
        return None;
    }
    let length = draw.within(12, 96).min(n / 2);
    let first = draw.within(0, n - 1 - length);
    let out = (first..first + length)
        .map(|i| with_cells_of(lines.row(i), lines.row(i + 1), &OPEN_INTEREST))
        .collect::<Option<Vec<_>>>()?;
    let detail = format!("open interest of {length} rows is that of five minutes later");
    let mut edit = Edit::splices(lines, vec![(first..first + length, out)], detail);
    edit.columns = OPEN_INTEREST.to_vec();
    edit.shift_us = Some(METRICS_PERIOD_US);
    Some(edit)
}

pub(super) fn crossed_quote(lines: &Lines<'_>, draw: &mut Draw) -> Option<Edit> {
    let mut edit = Edit::in_places(lines, draw, "quotes with bid and ask swapped", |i, _| {
        let mut cells = cells(lines.row(i));
        if cells.len() <= ASK_PRICE || cells[BID_PRICE] == cells[ASK_PRICE] {
            return None;
        }
        cells.swap(BID_PRICE, ASK_PRICE);
        Some((i..i + 1, vec![cells.join(&b',')]))
    })?;
    edit.columns = vec![BID_PRICE, ASK_PRICE];
    Some(edit)
}

pub(super) fn empty_quote(lines: &Lines<'_>, draw: &mut Draw) -> Option<Edit> {
    let column = [BID_QTY, ASK_QTY][draw.within(0, 1)];
    let mut edit = Edit::in_places(lines, draw, "quotes without quantity", |i, _| {
        let mut cells = cells(lines.row(i));
        // As many decimals as the venue writes.
        let qty = cells.get(column)?;
        let decimals = qty
            .iter()
            .position(|b| *b == b'.')
            .map(|dot| qty.len() - dot);
        let mut zero = b"0".to_vec();
        if let Some(len) = decimals {
            zero.push(b'.');
            zero.resize(1 + len, b'0');
        }
        cells[column] = &zero;
        Some((i..i + 1, vec![cells.join(&b',')]))
    })?;
    edit.columns = vec![column];
    Some(edit)
}
