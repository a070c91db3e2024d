//! Numbers as the venue writes them: plain decimals, never an exponent.

use std::io::Write;

/// How a market's files write decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As few digits as give the same f64 back: `65014.6`, `0.03`, `65000`.
    Shortest,
    /// The same, padded with zeros to eight decimals: `0.16850000`.
    EightDecimals,
}

/// Appends the shortest plain decimal that parses back to `value`; -0.0 is written as zero.
///
/// # Shapes
/// `value` must be finite: callers check, since only they can name the row.
pub fn push_decimal(out: &mut Vec<u8>, value: f64, look: Look) {
    let start = out.len();
    // `Display` of f64 is the shortest round-trip text and never uses an exponent; `+ 0.0` drops the sign of -0.0.
    append(out, value + 0.0);
    if look == Look::EightDecimals {
        let point = out[start..]
            .iter()
            .position(|&b| b == b'.')
            .unwrap_or_else(|| {
                out.push(b'.');
                out.len() - start - 1
            });
        let decimals = out.len() - start - point - 1;
        out.extend(core::iter::repeat_n(b'0', 8_usize.saturating_sub(decimals)));
    }
}

/// Appends a decimal integer.
pub(super) fn push_integer(out: &mut Vec<u8>, value: i64) {
    append(out, value);
}

fn append(out: &mut Vec<u8>, value: impl core::fmt::Display) {
    // Writing to a `Vec` cannot fail: its `Write` has no error path.
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok());
}
