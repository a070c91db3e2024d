//! Numbers, flags and times as vendors write them: exact, without allocation, never NaN or infinite.
//!
//! Decimal text becomes the correctly rounded `f64`, so the text can be rebuilt from the value. Nothing here knows columns.

/// Exact powers of ten: every `10^k` with `k <= 22` is a 64-bit float without rounding.
pub(crate) const POW10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Largest integer up to which every integer is a 64-bit float.
const MAX_EXACT: u64 = 1 << 53;

/// Exact powers of ten as integers.
pub(crate) const POW10_INT: [u64; 16] = {
    let mut powers = [1; 16];
    let mut i = 1;
    while i < 16 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// ASCII zeros in every lane.
pub(crate) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Reads plain digits, nothing else; `None` if empty, longer than 18 digits or not digits.
#[inline]
pub fn parse_digits(text: &[u8]) -> Option<i64> {
    let value = match text.len() {
        1..=8 => short_digits(short_word(text), text.len())?,
        9..=16 => {
            let (first, last) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
            // The last eight bytes without those that the first eight have already given.
            let n = text.len() - 8;
            let tail = u64::from_le_bytes(*last) >> (8 * (8 - n));
            let head = eight_digits(u64::from_le_bytes(*first) ^ ZEROS)?;
            head * POW10_INT[n] + short_digits(tail, n)?
        }
        17 | 18 => {
            let (head, tail) = text.split_at(16);
            let tail = short_digits(short_word(tail), tail.len())?;
            parse_digits(head)?.cast_unsigned() * POW10_INT[text.len() - 16] + tail
        }
        _ => return None,
    };
    Some(value.cast_signed())
}

/// Returns at most eight bytes as a word, the first one lowest, the rest zero.
#[inline]
fn short_word(text: &[u8]) -> u64 {
    let n = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // Both halves may cover the same bytes, which then are equal: two loads of fixed size beat a loop.
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (n.min(8) - 4))
    } else {
        let byte = |i: usize| text.get(i).map_or(0, |&b| u64::from(b) << (8 * i));
        byte(0) | byte(1) | byte(2)
    }
}

/// Returns the value of the first `n` (1 to 8) bytes of a word that is zero beyond them, or `None` if one is no digit.
#[inline]
fn short_digits(word: u64, n: usize) -> Option<u64> {
    // Moved to the upper end and filled up with leading zeros, any length is eight digits.
    let shift = 8 * (8 - n);
    eight_digits((word << shift) ^ (ZEROS << shift))
}

/// Reads an integer with an optional minus sign; `None` if it is anything else or beyond 64 bits.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] if digits.len() <= 18 => parse_digits(digits).map(|n| -n),
        digits if digits.len() <= 18 => parse_digits(digits),
        // The standard library takes a plus sign as well.
        [b'+', ..] => None,
        _ => core::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Returns the value of eight lanes at once, first digit lowest, or `None` if one of them is above 9.
#[inline]
fn eight_digits(x: u64) -> Option<u64> {
    (first_non_digit(x) == 8).then(|| digit_word(x))
}

/// Returns the first of eight lanes that is above 9, or 8.
#[inline]
pub(crate) const fn first_non_digit(x: u64) -> usize {
    // Up to the first lane above 9 nothing carries into the next one, so the lowest mark is always a true one.
    let above = (x.wrapping_add(0x7676_7676_7676_7676) | x) & 0x8080_8080_8080_8080;
    above.trailing_zeros() as usize / 8
}

/// Returns the value of eight lanes of 0 to 9, first digit lowest.
#[inline]
pub(crate) const fn digit_word(x: u64) -> u64 {
    // Pairs, then fours, then the eight: the classic carry-free combination of neighbouring lanes.
    let pairs = x.wrapping_mul(10).wrapping_add(x >> 8);
    let mask = 0x0000_00ff_0000_00ff;
    let low = (pairs & mask).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & mask).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Reads decimal text as the nearest 64-bit float; `None` unless it is a finite decimal number.
///
/// # Units
/// Digits, one optional point, optional minus sign, optional exponent. Signs of plus, hexadecimal, `NaN`, `inf` and
/// numbers beyond the range of a float are refused. Equal to the standard library bit for bit, `-0` included.
#[inline]
pub fn parse_decimal(text: &[u8]) -> Option<f64> {
    match plain_decimal(text) {
        Some(value) => Some(value),
        None => parse_decimal_general(text),
    }
}

/// Reads 1 to 16 characters of digits with at most one point; `None` for anything else, whether a number or not.
#[inline]
fn plain_decimal(text: &[u8]) -> Option<f64> {
    let n = text.len();
    if n <= 8 {
        return word_decimal(short_word(text), n);
    }
    if n > 16 {
        return None;
    }
    let (first, last) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
    let (head, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    // What follows the first eight bytes; with eight of them nothing is cut off.
    let tail = last >> (8 * (16 - n));
    let (head_digits, head_point) = without_point(head);
    let (tail_digits, tail_point) = without_point(tail);
    let n_tail = n - 8;
    let (mantissa, scale) = if head_point < 8 {
        // A second point in the tail is no digit and ends here.
        let high = short_digits(head_digits, 7)?;
        (
            high * POW10_INT[n_tail] + short_digits(tail, n_tail)?,
            n - 1 - head_point,
        )
    } else {
        let high = eight_digits(head ^ ZEROS)?;
        if tail_point >= n_tail {
            (high * POW10_INT[n_tail] + short_digits(tail, n_tail)?, 0)
        } else if n_tail == 1 {
            (high, 0)
        } else {
            let low = short_digits(tail_digits, n_tail - 1)?;
            (high * POW10_INT[n_tail - 1] + low, n_tail - 1 - tail_point)
        }
    };
    // Both operands of the division must be exact.
    (mantissa <= MAX_EXACT).then(|| scaled(mantissa, scale))
}

/// Reads the first `n` (at most 8) bytes of a word that is zero beyond them, as [`plain_decimal`] does.
#[inline]
pub(crate) fn word_decimal(word: u64, n: usize) -> Option<f64> {
    let (digits, point) = without_point(word);
    let n_digits = if point < n { n - 1 } else { n };
    if n_digits == 0 {
        return None;
    }
    let mantissa = short_digits(digits, n_digits)?;
    Some(scaled(mantissa, n_digits - point.min(n_digits)))
}

/// Divides two exact numbers: rounds once. `scale` is at most 15.
#[inline]
fn scaled(mantissa: u64, scale: usize) -> f64 {
    mantissa as f64 / POW10[scale & 15]
}

/// Takes the first point out of a word, moving the bytes behind it down; returns its place, 8 if there is none.
#[inline]
fn without_point(word: u64) -> (u64, usize) {
    let x = word ^ 0x2e2e_2e2e_2e2e_2e2e;
    let hits = x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080;
    if hits == 0 {
        return (word, 8);
    }
    // The lowest hit of this search is always a true one.
    let bit = hits.trailing_zeros() & !7;
    let below = (1_u64 << bit) - 1;
    ((word & below) | ((word >> 8) & !below), bit as usize / 8)
}

/// Reads any decimal text.
fn parse_decimal_general(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut mantissa = 0_u64;
    let mut n_digits = 0_usize;
    let mut point = None;
    for (i, &b) in digits.iter().enumerate() {
        let digit = b.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            n_digits += 1;
        } else if b == b'.' && point.is_none() {
            point = Some(i);
        } else {
            return parse_decimal_slow(text);
        }
    }
    let scale = point.map_or(0, |at| digits.len() - 1 - at);
    // 19 digits cannot overflow 64 bits; both operands below are exact, so one division rounds once.
    if n_digits == 0 || n_digits > 19 || mantissa > MAX_EXACT || scale >= POW10.len() {
        return parse_decimal_slow(text);
    }
    let value = mantissa as f64 / POW10[scale];
    Some(if negative { -value } else { value })
}

#[cold]
fn parse_decimal_slow(text: &[u8]) -> Option<f64> {
    let plain = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
    if text.first() == Some(&b'+') || !text.iter().all(plain) {
        return None;
    }
    let value: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Returns microseconds of a venue time of 13 digits (milliseconds) or 16 digits (microseconds).
#[inline]
pub fn parse_epoch(text: &[u8]) -> Option<(i64, EpochUnit)> {
    match text.len() {
        13 => Some((parse_digits(text)? * 1_000, EpochUnit::Millis)),
        16 => Some((parse_digits(text)?, EpochUnit::Micros)),
        _ => None,
    }
}

/// Unit a venue time was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    /// 13 digits.
    Millis,
    /// 16 digits.
    Micros,
}

impl EpochUnit {
    /// Returns the length of one unit in microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1,
        }
    }
}

/// Reads `true`/`false` in the two spellings vendors use (`true`, `True`).
#[inline]
pub fn parse_flag(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" => Some(true),
        b"false" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
