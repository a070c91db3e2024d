//! Values of frames: receive stamps, times, ids, quantities.

use super::{Levels, Row};
use crate::venues::binance::recording::frame::Frame;
use crate::venues::number::{parse_decimal, parse_digits, parse_epoch, parse_flag};
use crate::venues::row_values::MAX_POSITIVE;
use crate::venues::rows::RowProblem;

/// Splits the receive stamp off a line: nanoseconds, microseconds or milliseconds by their number of digits. A line
/// that starts with the message has none.
pub(super) fn split_stamp(line: &[u8]) -> Row<(Option<i64>, &[u8])> {
    if line.first() == Some(&b'{') {
        return Ok((None, line));
    }
    let at = memchr::memchr(b' ', line).unwrap_or(line.len());
    let (stamp, rest) = (&line[..at], line.get(at + 1..).unwrap_or_default());
    let us = match stamp.len() {
        19 => parse_digits(&stamp[..16]).filter(|_| stamp[16..].iter().all(u8::is_ascii_digit)),
        16 => parse_digits(stamp),
        13 => parse_digits(stamp).map(|ms| ms * 1_000),
        _ => None,
    };
    match us {
        Some(us) => Ok((Some(us), rest)),
        None => Err(RowProblem::NotATime {
            column: "receive time",
            expected: "nanoseconds, microseconds or milliseconds since 1970, then a space",
        }),
    }
}

/// Counts the levels of a line that was read before.
pub(super) fn n_levels(line: &[u8]) -> u64 {
    let mut levels = Levels::default();
    match Frame::read(line, &mut levels) {
        Ok(_) => levels.len(),
        Err(_) => 0,
    }
}

pub(super) fn epoch(text: &[u8], column: &'static str) -> Row<i64> {
    match parse_epoch(text) {
        // 2009 to 2100: a wrong unit is a wrong decade.
        Some((us, _)) if (1_230_768_000_000_000..4_102_444_800_000_000).contains(&us) => Ok(us),
        _ => Err(RowProblem::NotATime {
            column,
            expected: "milliseconds or microseconds since 1970",
        }),
    }
}

pub(super) fn given<'a>(text: Option<&'a [u8]>, field: &'static str) -> Row<&'a [u8]> {
    text.ok_or(RowProblem::Field {
        field,
        problem: "missing",
    })
}

pub(super) fn digits(text: Option<&[u8]>, column: &'static str) -> Row<i64> {
    id(given(text, column)?, column)
}

/// Reads an id; -1 is what the venue sends for "none".
pub(super) fn id(text: &[u8], column: &'static str) -> Row<i64> {
    match text {
        b"-1" => Ok(-1),
        text => parse_digits(text)
            .filter(|id| *id < i64::MAX / 4)
            .ok_or(RowProblem::NotAnInteger { column }),
    }
}

pub(super) fn size(text: Option<&[u8]>, column: &'static str) -> Row<f64> {
    let value = parse_decimal(given(text, column)?).ok_or(RowProblem::NotANumber { column })?;
    if (0.0..=MAX_POSITIVE).contains(&value) {
        Ok(value + 0.0)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "0 to 1e15",
        })
    }
}

pub(super) fn positive(text: Option<&[u8]>, column: &'static str) -> Row<f64> {
    let value = size(text, column)?;
    if value > 0.0 {
        Ok(value)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "positive",
        })
    }
}

pub(super) fn aggressor(maker: Option<&[u8]>) -> Row<i8> {
    match parse_flag(given(maker, "m")?) {
        Some(true) => Ok(-1),
        Some(false) => Ok(1),
        None => Err(RowProblem::UnknownName {
            column: "m",
            expected: "true or false",
        }),
    }
}
