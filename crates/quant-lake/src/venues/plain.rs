//! Reads the fields of one line one after another in their plainest spelling, without splitting the line first.
//!
//! This is the fast way for the largest files. It never decides that a row is bad: whatever it does not recognise at
//! once (quotes, signs, exponents, `\r`, long numbers, the last bytes of a chunk) it leaves to the general parser.

use super::row_values::MAX_POSITIVE;
use crate::venues::number::{POW10, POW10_INT, ZEROS, digit_word, first_non_digit};

/// A place in a line of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainLine<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> PlainLine<'a> {
    /// Starts at the first byte of `text`, which may go on beyond the line.
    #[inline]
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the next eight bytes minus ASCII zero, the first one lowest.
    #[inline]
    fn lanes(&self, ahead: usize) -> Option<u64> {
        let word = self.text.get(self.at + ahead..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*word) ^ ZEROS)
    }

    /// Reads 1 to 16 digits; returns their value and number.
    #[inline]
    fn run(&mut self) -> Option<(u64, usize)> {
        let head = self.lanes(0)?;
        let n = first_non_digit(head);
        if n == 0 {
            return None;
        }
        // Moved to the upper end and filled up with leading zeros, any length is eight digits.
        let value = digit_word(head << (8 * (8 - n)));
        if n < 8 {
            self.at += n;
            return Some((value, n));
        }
        let tail = self.lanes(8)?;
        let more = first_non_digit(tail);
        self.at += 8 + more;
        if more == 0 {
            return Some((value, 8));
        }
        let low = digit_word(tail << (8 * (8 - more)));
        Some((value * POW10_INT[more & 15] + low, 8 + more))
    }

    /// Steps over one byte.
    #[inline]
    fn skip(&mut self, byte: u8) -> Option<()> {
        let found = *self.text.get(self.at)? == byte;
        self.at += 1;
        found.then_some(())
    }

    /// Reads a field of 1 to 16 digits and the comma behind it; returns the value and the number of digits.
    #[inline]
    pub(crate) fn digits(&mut self) -> Option<(i64, usize)> {
        let (value, n) = self.run()?;
        self.skip(b',')?;
        Some((value.cast_signed(), n))
    }

    /// Reads a field of at most 15 digits, with or without a point between them, and the comma behind it.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Option<f64> {
        let (whole, n_whole) = self.run()?;
        let (mantissa, scale) = if *self.text.get(self.at)? == b'.' {
            self.at += 1;
            let (fraction, scale) = self.run()?;
            if n_whole + scale > 15 {
                return None;
            }
            (whole * POW10_INT[scale & 15] + fraction, scale)
        } else {
            (whole, 0)
        };
        self.skip(b',')?;
        // Below 10^15, or an integer below 10^16 that must not exceed 2^53: exact, so one division rounds once.
        (mantissa <= 1 << 53).then(|| mantissa as f64 / POW10[scale & 15])
    }

    /// Reads a number above zero and the comma behind it.
    #[inline]
    pub(crate) fn positive(&mut self) -> Option<f64> {
        self.decimal()
            .filter(|value| *value > 0.0 && *value <= MAX_POSITIVE)
    }

    /// Reads a time of 13 digits (milliseconds) or 16 digits (microseconds) and the comma behind it; returns
    /// microseconds and whether they were milliseconds.
    #[inline]
    pub(crate) fn epoch(&mut self) -> Option<(i64, bool)> {
        match self.digits()? {
            (ms, 13) => Some((ms * 1_000, true)),
            (us, 16) => Some((us, false)),
            _ => None,
        }
    }

    /// Reads `true` or `false`, in lower case or capitalised, which must end the line; returns it and the length of the
    /// line.
    #[inline]
    pub(crate) fn last_flag(&mut self) -> Option<(bool, usize)> {
        let rest = self.text.get(self.at..)?;
        // Only a `T` or `F` becomes its small letter by this bit.
        let word = u32::from_le_bytes(*rest.first_chunk::<4>()?) | 0x20;
        let (value, n) = if word == u32::from_le_bytes(*b"true") {
            (true, 4)
        } else if word == u32::from_le_bytes(*b"fals") && rest.get(4) == Some(&b'e') {
            (false, 5)
        } else {
            return None;
        };
        (rest.get(n) == Some(&b'\n')).then_some((value, self.at + n))
    }
}
