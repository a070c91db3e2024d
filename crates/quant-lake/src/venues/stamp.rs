//! Times whose unit the size of the number tells: seconds, milliseconds or microseconds since 1970.
//!
//! Decimal text to integer microseconds, never through a float. Refuses what no unit explains instead of guessing.

use crate::venues::number::parse_digits;
use crate::venues::rows::Notes;

/// Earliest believable time, 2009-01-01, in microseconds: an earlier one means a wrong unit.
pub const EARLIEST: i64 = 1_230_768_000_000_000;

/// First unbelievable time, 2100-01-01, in microseconds.
pub const LATEST: i64 = 4_102_444_800_000_000;

/// First number that counts milliseconds rather than seconds.
const MILLIS_FROM: i64 = 1_000_000_000_000;

/// First number that counts microseconds rather than milliseconds.
const MICROS_FROM: i64 = 1_000_000_000_000_000;

/// What [`parse_stamp`] accepts, for messages.
pub const EXPECTED: &str =
    "seconds (at most 6 decimals), milliseconds or microseconds since 1970, from 2009 to 2099";

/// Unit a time was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampUnit {
    /// Below 1e12, with or without a fraction.
    Seconds,
    /// Below 1e15, whole.
    Millis,
    /// From 1e15, whole.
    Micros,
}

impl StampUnit {
    /// Counts a time of this unit.
    pub fn note(self, notes: &mut Notes) {
        match self {
            Self::Seconds => notes.seconds += 1,
            Self::Millis => notes.millis += 1,
            Self::Micros => notes.micros += 1,
        }
    }
}

/// Reads a time, microseconds UTC, and the unit it was written in; `None` if it is no time from 2009 to 2099.
///
/// # Units
/// Digits, for seconds also a point with digits behind it; decimals beyond the sixth must be zeros, as microseconds could
/// not hold them.
pub fn parse_stamp(text: &[u8]) -> Option<(i64, StampUnit)> {
    let dot = memchr::memchr(b'.', text);
    let whole = parse_digits(&text[..dot.unwrap_or(text.len())])?;
    let (ts, unit) = if whole < MILLIS_FROM {
        let fraction = match dot {
            Some(at) => fraction_us(&text[at + 1..])?,
            None => 0,
        };
        (whole * 1_000_000 + fraction, StampUnit::Seconds)
    } else if dot.is_some() {
        return None;
    } else if whole < MICROS_FROM {
        (whole * 1_000, StampUnit::Millis)
    } else {
        (whole, StampUnit::Micros)
    };
    (EARLIEST..LATEST).contains(&ts).then_some((ts, unit))
}

/// Reads decimals as microseconds.
fn fraction_us(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_at(text.len().min(6));
    if head.is_empty() || rest.iter().any(|&b| b != b'0') {
        return None;
    }
    let scale = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    Some(parse_digits(head)? * scale[head.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> Option<i64> {
        parse_stamp(text.as_bytes()).map(|(ts, _)| ts)
    }

    #[test]
    fn decimals_are_exact_where_floats_are_not() {
        assert_eq!(us("1784937600.0683"), Some(1_784_937_600_068_300));
        assert_eq!(us("1786310819.6800"), Some(1_786_310_819_680_000));
        assert_eq!(us("1585180700"), Some(1_585_180_700_000_000));
        assert_eq!(us("1585180700.1"), Some(1_585_180_700_100_000));
        assert_eq!(us("1585180700.123456"), Some(1_585_180_700_123_456));
        assert_eq!(us("1585180700.123456000"), Some(1_585_180_700_123_456));
        // Every tenth of a millisecond of a second, against integers.
        for tick in 0..10_000_i64 {
            let text = format!("1784937600.{tick:04}");
            assert_eq!(
                us(&text),
                Some(1_784_937_600_000_000 + tick * 100),
                "{text}"
            );
        }
    }

    #[test]
    fn the_size_tells_the_unit() {
        let unit = |text: &str| parse_stamp(text.as_bytes()).map(|(_, unit)| unit);
        assert_eq!(unit("1585180700"), Some(StampUnit::Seconds));
        assert_eq!(unit("1585180700123"), Some(StampUnit::Millis));
        assert_eq!(unit("1585180700123456"), Some(StampUnit::Micros));
        assert_eq!(us("1585180700123"), Some(1_585_180_700_123_000));
        assert_eq!(us("1585180700123456"), Some(1_585_180_700_123_456));
    }

    #[test]
    fn what_no_unit_explains_is_refused() {
        for text in [
            "",
            ".",
            "1585180700.",
            ".5",
            "1585180700.1234567",
            "1585180700.12a",
            "1585180700.1.2",
            "1585180700123.5",
            "1585180700123456789",
            "0",
            "1",
            "86400",
            "1230767999.999999",
            "4102444800",
            "4102444800000",
            "99999999999999999",
            "-1585180700",
            "+1585180700",
            "1.5851807e9",
            "1e9",
            "0x5e7c",
            "NaN",
            "inf",
            " 1585180700",
            "1585180700 ",
            "1,5",
            "1585180700\u{0}",
        ] {
            assert_eq!(us(text), None, "{text:?}");
        }
        assert_eq!(us("1230768000"), Some(EARLIEST));
        assert_eq!(us("4102444799.999999"), Some(LATEST - 1));
    }
}
