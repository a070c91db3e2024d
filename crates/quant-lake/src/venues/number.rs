//! Numbers, flags and times as vendors write them: exact, without allocation, never NaN or infinite.
//!
//! Decimal text becomes the correctly rounded `f64`, so the text can be rebuilt from the value. Nothing here knows columns.

/// Exact powers of ten: every `10^k` with `k <= 22` is a 64-bit float without rounding.
const POW10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Largest integer up to which every integer is a 64-bit float.
const MAX_EXACT: u64 = 1 << 53;

/// Reads plain digits, nothing else; `None` if empty, longer than 18 digits or not digits.
pub fn parse_digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut value = 0_u64;
    let mut rest = text;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        value = value * 100_000_000 + eight_digits(*head)?;
        rest = tail;
    }
    for &b in rest {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    i64::try_from(value).ok()
}

/// Reads an integer with an optional minus sign; `None` if it is anything else or beyond 64 bits.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] if digits.len() <= 18 => parse_digits(digits).map(|n| -n),
        digits if digits.len() <= 18 => parse_digits(digits),
        _ => core::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Returns the value of eight digits at once, or `None` if one of them is not a digit.
fn eight_digits(chunk: [u8; 8]) -> Option<u64> {
    let v = u64::from_le_bytes(chunk);
    let x = v ^ 0x3030_3030_3030_3030;
    if (x.wrapping_add(0x7676_7676_7676_7676) | x) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Pairs, then fours, then the eight: the classic carry-free combination of neighbouring lanes.
    let pairs = x.wrapping_mul(10).wrapping_add(x >> 8);
    let mask = 0x0000_00ff_0000_00ff;
    let low = (pairs & mask).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & mask).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// Reads decimal text as the nearest 64-bit float; `None` unless it is a finite decimal number.
///
/// # Units
/// Digits, one optional point, optional minus sign, optional exponent. Signs of plus, hexadecimal, `NaN`, `inf` and
/// numbers beyond the range of a float are refused. Equal to the standard library bit for bit, `-0` included.
pub fn parse_decimal(text: &[u8]) -> Option<f64> {
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
pub fn parse_flag(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" => Some(true),
        b"false" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
