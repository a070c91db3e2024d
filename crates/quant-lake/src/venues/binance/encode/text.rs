//! Numbers and times as the venue writes them: plain decimals, never an exponent. No formatting machinery: these
//! functions run some ten million times per simulated symbol-day.

use std::io::Write as _;

use quant_core::time::{MICROS_PER_DAY, UnixMicros};

/// How a decimal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As few digits as give the same f64 back: `65014.6`, `0.03`, `65000`.
    Shortest,
    /// Rounded to this many decimals, zeros kept: `0.16850000`.
    Fixed(u8),
    /// Rounded to this many decimals, zeros at the end dropped: `65014.6`.
    Trimmed(u8),
}

/// How many decimals a venue gives to the prices and quantities of one symbol.
///
/// These are its `pricePrecision` and `quantityPrecision`, which may be finer than tick and lot: 2 and 3 for BTCUSDT
/// on USD-M, whose tick is 0.10. Spot pads everything to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimals {
    /// Decimals of prices.
    pub price: u8,
    /// Decimals of quantities.
    pub qty: u8,
}

impl Decimals {
    /// What spot writes for every symbol.
    pub const SPOT: Self = Self { price: 8, qty: 8 };
}

/// Returns how many decimals a step needs to be written: 0.10 needs 1, 0.001 needs 3, 5 needs 0; at most 15.
pub fn decimals_of(step: f64) -> u8 {
    let mut text = Vec::new();
    push_decimal(&mut text, step, Look::Trimmed(15));
    let point = text.iter().position(|&b| b == b'.');
    point.map_or(0, |at| u8::try_from(text.len() - at - 1).unwrap_or(15))
}

/// Powers of ten that are 64-bit floats without rounding, up to the most decimals any look has.
const POW10: [f64; 17] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
];

/// Largest scaled value whose rounding is trusted: an f64 that stands for a decimal, or one of its neighbours, is off by
/// at most 3 * 2^-53 of itself, the product adds 2^-53; below 2^49 all of it stays under one half.
const MAX_SCALED: f64 = (1_u64 << 49) as f64;

/// Adding and subtracting it rounds a float in `[0, 2^51]` to the nearest integer, ties to even.
const ROUNDER: f64 = (1_u64 << 52) as f64;

/// Appends a plain decimal; -0.0 and what rounds to it are written without a sign.
///
/// # Shapes
/// `value` must be finite; the archive writers check it, since only they can name the row. A value that is not is
/// written as zero: there is no text for it.
#[inline]
pub fn push_decimal(out: &mut Vec<u8>, value: f64, look: Look) {
    debug_assert!(value.is_finite(), "{value}");
    let size = value.abs();
    let (places, trim) = match look {
        Look::Shortest => return push_shortest(out, value),
        Look::Fixed(n) => (n.min(15), false),
        Look::Trimmed(n) => (n.min(15), true),
    };
    let scaled = size * POW10[usize::from(places)];
    if scaled < MAX_SCALED {
        push_scaled(out, value < 0.0, rounded(scaled), places, trim);
    } else {
        push_slowly(out, value, places, trim);
    }
}

/// Returns the nearest integer of a float in `[0, 2^51)`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an integer in [0, 2^51]"
)]
fn rounded(scaled: f64) -> u64 {
    ((scaled + ROUNDER) - ROUNDER) as u64
}

/// Appends the shortest decimal that parses back to `value`.
fn push_shortest(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    // The more digits before the point, the fewer a short decimal can have behind it.
    let places: u8 = match size {
        s if s < 1e7 => 8,
        s if s < 1e10 => 5,
        _ => 2,
    };
    let power = POW10[usize::from(places)];
    let scaled = size * power;
    if scaled < 1e15 {
        let digits = rounded(scaled);
        // At most 15 digits, both operands exact: the quotient is what this decimal parses to, and no other decimal of
        // 15 digits parses to the same.
        if (digits as f64 / power).to_bits() == size.to_bits() {
            return push_scaled(out, value < 0.0, digits, places, true);
        }
    }
    // `Display` of f64 is the shortest round-trip text and never uses an exponent; `+ 0.0` drops the sign of -0.0.
    append(out, format_args!("{}", finite(value) + 0.0));
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// Writes what has too many digits for the exact way.
#[cold]
fn push_slowly(out: &mut Vec<u8>, value: f64, places: u8, trim: bool) {
    let value = finite(value);
    let start = out.len();
    append(out, format_args!("{value}"));
    let point = out[start..].iter().position(|&b| b == b'.');
    let decimals = point.map_or(0, |at| out.len() - start - at - 1);
    let places = usize::from(places);
    if decimals > places {
        out.truncate(start);
        append(out, format_args!("{value:.places$}"));
        while trim && out.last() == Some(&b'0') && out[start..].contains(&b'.') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    } else if !trim && places > 0 {
        if point.is_none() {
            out.push(b'.');
        }
        out.extend(core::iter::repeat_n(b'0', places - decimals));
    }
}

/// The decimal digits of 0 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut i = 0;
    while i < 100 {
        #[expect(clippy::cast_possible_truncation, reason = "below 100")]
        let n = i as u8;
        pairs[i] = [b'0' + n / 10, b'0' + n % 10];
        i += 1;
    }
    pairs
};

/// Appends `digits * 10^-places`.
#[inline]
fn push_scaled(out: &mut Vec<u8>, negative: bool, mut digits: u64, mut places: u8, trim: bool) {
    if trim {
        if places >= 4 && digits.is_multiple_of(10_000) {
            digits /= 10_000;
            places -= 4;
        }
        while places > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            places -= 1;
        }
    }
    // 20 digits, a point, a sign.
    let mut text = [0_u8; 24];
    let mut at = text.len();
    let negative = negative && digits > 0;
    let mut left = places;
    while left >= 2 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(digits % 100) as usize]);
        digits /= 100;
        left -= 2;
    }
    if left == 1 {
        at -= 1;
        text[at] = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
    if places > 0 {
        at -= 1;
        text[at] = b'.';
    }
    at = put_digits(&mut text, at, digits);
    if negative {
        at -= 1;
        text[at] = b'-';
    }
    out.extend_from_slice(&text[at..]);
}

/// Writes an integer so that it ends before `at`; returns where it begins.
#[inline]
fn put_digits(text: &mut [u8; 24], mut at: usize, mut digits: u64) -> usize {
    while digits >= 100 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(digits % 100) as usize]);
        digits /= 100;
    }
    if digits >= 10 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(digits % 100) as usize]);
    } else {
        at -= 1;
        text[at] = b'0' + (digits % 10) as u8;
    }
    at
}

/// Appends a decimal integer.
#[inline]
pub fn push_integer(out: &mut Vec<u8>, value: i64) {
    let mut text = [0_u8; 24];
    let mut at = put_digits(&mut text, 24, value.unsigned_abs());
    if value < 0 {
        at -= 1;
        text[at] = b'-';
    }
    out.extend_from_slice(&text[at..]);
}

/// Appends a time as whole milliseconds, truncated.
#[inline]
pub(super) fn push_millis(out: &mut Vec<u8>, ts_us: i64) {
    push_integer(out, ts_us.div_euclid(1_000));
}

/// Appends `YYYY-MM-DD HH:MM:SS`, the second truncated.
pub(super) fn push_naive(out: &mut Vec<u8>, ts_us: i64) {
    let (year, month, day) = UnixMicros(ts_us).day().ymd();
    let second = ts_us.rem_euclid(MICROS_PER_DAY) / 1_000_000;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    append(
        out,
        format_args!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    );
}

pub(super) fn append(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    // Writing to a `Vec` cannot fail: its `Write` has no error path.
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}
