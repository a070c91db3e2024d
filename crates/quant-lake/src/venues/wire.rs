//! Numbers and JSON as venues write them: the text layer under the encoders of Bybit, OKX and Deepcoin.
//!
//! It knows no venue, no container and no clock. A number that no venue can write stops the message, and the
//! output is left as it was.

use quant_core::units::Step;

/// Why a page or frame cannot be written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WireError {
    /// A number that has no text.
    #[error("field `{field}` holds {value}; expected a finite number")]
    BadNumber {
        /// Name of the field on the wire.
        field: &'static str,
        /// The offending value.
        value: f64,
    },
    /// More rows than one message may carry.
    #[error(
        "{found} rows do not fit into one `{what}` message; expected at most {max}\nhint: split them into several messages"
    )]
    TooMany {
        /// Kind of message.
        what: &'static str,
        /// Rows given.
        found: usize,
        /// Rows allowed.
        max: usize,
    },
}

/// How many decimals a venue writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// Always this many: `65114.20`.
    Fixed(u8),
    /// At most this many, trailing zeros dropped: `65114.2`, `65140`.
    UpTo(u8),
}

/// Largest number of decimals a [`Digits`] is used with: beyond it the scaled value has no exact integer.
const MAX_DECIMALS: u8 = 18;

/// Powers of ten up to 10^18; those up to 10^22 are exact in f64.
const POW10: [f64; 19] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// 2^51: below it, `x * 10^n` of the f64 nearest to a decimal with n decimals lies within half of its integer.
const EXACT: f64 = 2_251_799_813_685_248.0;

impl Digits {
    /// Returns the digits of a step: `0.10` and `0.1` have one decimal, and `padded` says whether zeros stay.
    pub fn of(step: Step, padded: bool) -> Self {
        let text = step.to_string();
        let n = text.split_once('.').map_or(0, |(_, f)| f.len());
        let n = u8::try_from(n).unwrap_or(MAX_DECIMALS);
        if padded {
            Self::Fixed(n)
        } else {
            Self::UpTo(n)
        }
    }

    /// Returns the number of decimals.
    pub const fn decimals(self) -> u8 {
        match self {
            Self::Fixed(n) | Self::UpTo(n) => n,
        }
    }

    /// Returns the same number of decimals without padding.
    #[must_use]
    pub const fn trimmed(self) -> Self {
        Self::UpTo(self.decimals())
    }

    /// Returns the number nearest to `x` with these decimals.
    pub(crate) fn round(self, x: f64) -> f64 {
        let scale = POW10[usize::from(self.decimals().min(MAX_DECIMALS))];
        (x * scale).round() / scale
    }

    /// Appends a finite number, rounded to the decimals; zero never has a sign.
    ///
    /// A decimal text with at most these decimals and 15 digits in all, parsed to f64, comes back as that text (`Fixed`
    /// as padded text).
    pub fn push(self, out: &mut Vec<u8>, x: f64) {
        let decimals = self.decimals().min(MAX_DECIMALS);
        let scaled = x * POW10[usize::from(decimals)];
        if scaled.abs() < EXACT {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "bounded by 2^51 just above"
            )]
            push_scaled(out, scaled.round() as i64, decimals, self);
        } else {
            // Beyond the exact range the shortest text that parses back is what a venue wrote, if it fits.
            let start = out.len();
            let shortest = format!("{:?}", x + 0.0);
            let plain = !shortest.contains('e');
            let places = usize::from(decimals);
            match shortest.split_once('.') {
                Some((whole, fraction)) if plain && fraction.len() <= places => {
                    out.extend_from_slice(whole.as_bytes());
                    out.push(b'.');
                    out.extend_from_slice(fraction.as_bytes());
                    out.extend(core::iter::repeat_n(b'0', places - fraction.len()));
                }
                _ => out.extend_from_slice(format!("{x:.places$}").as_bytes()),
            }
            if matches!(self, Self::UpTo(_)) && decimals > 0 {
                trim_zeros(out, start);
            }
        }
    }
}

/// Appends `n * 10^-decimals`; at most 18 decimals.
pub(crate) fn push_scaled(out: &mut Vec<u8>, n: i64, decimals: u8, digits: Digits) {
    let mut buffer = [0_u8; 40];
    let mut at = buffer.len();
    let mut left = n.unsigned_abs();
    let mut decimals = usize::from(decimals);
    if matches!(digits, Digits::UpTo(_)) {
        while decimals > 0 && left.is_multiple_of(10) {
            left /= 10;
            decimals -= 1;
        }
    }
    let mut written = 0;
    while left > 0 || written <= decimals {
        if written == decimals && decimals > 0 {
            at -= 1;
            buffer[at] = b'.';
        }
        at -= 1;
        buffer[at] = b'0' + (left % 10) as u8;
        left /= 10;
        written += 1;
    }
    if n < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    out.extend_from_slice(&buffer[at..]);
}

fn trim_zeros(out: &mut Vec<u8>, start: usize) {
    while out.len() > start && out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}

/// Appends the exact product of two decimals times 10^`shift`, as a plain decimal without trailing zeros.
///
/// Each factor is taken to its own decimals first, so that `0.009 * 65114.30` gives `586.0287`.
pub(crate) fn push_product(
    out: &mut Vec<u8>,
    (a, da): (f64, Digits),
    (b, db): (f64, Digits),
    shift: u8,
) {
    let scaled =
        |x: f64, digits: Digits| x * POW10[usize::from(digits.decimals().min(MAX_DECIMALS))];
    let (m, n) = (scaled(a, da).round(), scaled(b, db).round());
    let scale = da.decimals() + db.decimals();
    // Zeros of a negative scale are appended to the mantissa.
    let (lift, scale) = if shift > scale {
        (shift - scale, 0)
    } else {
        (0, scale - shift)
    };
    if m.abs() < EXACT && n.abs() < EXACT && scale <= MAX_DECIMALS {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounded by 2^51 just above"
        )]
        let (m, n) = (m as i128, n as i128);
        if let Ok(product) = i64::try_from(m * n * 10_i128.pow(u32::from(lift))) {
            push_scaled(out, product, scale, Digits::UpTo(scale));
            return;
        }
    }
    Digits::UpTo(scale.min(MAX_DECIMALS))
        .push(out, a * b * POW10[usize::from(shift.min(MAX_DECIMALS))]);
}

/// Appends an integer.
pub fn push_int(out: &mut Vec<u8>, n: i64) {
    push_scaled(out, n, 0, Digits::Fixed(0));
}

/// One price level, as sent or as changed.
///
/// # Units
/// `price` quote currency; `qty` in the venue's unit (contracts on OKX and Deepcoin swaps, coins on Bybit linear).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Price.
    pub price: f64,
    /// Absolute quantity; 0 removes the level.
    pub qty: f64,
    /// Number of orders; OKX alone writes it.
    pub orders: u32,
}

impl Level {
    /// Returns a level of one order, or of none where it is removed.
    pub fn new(price: f64, qty: f64) -> Self {
        Self {
            price,
            qty,
            orders: u32::from(qty > 0.0),
        }
    }
}

/// A message under construction: pieces are appended, and [`Json::finish`] says whether all of them could be.
pub(crate) struct Json<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    fault: Option<WireError>,
}

impl<'a> Json<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self {
            out,
            start,
            fault: None,
        }
    }

    /// Ends the message; on a fault the output is as it was before.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        match self.fault {
            None => Ok(()),
            Some(fault) => {
                self.out.truncate(self.start);
                Err(fault)
            }
        }
    }

    /// Lets a function append text of its own.
    pub(crate) fn with_out(&mut self, push: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        push(self.out);
        self
    }

    /// Appends text as it stands.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a bare integer.
    pub(crate) fn int(&mut self, n: i64) -> &mut Self {
        push_int(self.out, n);
        self
    }

    /// Appends an integer in quotes.
    pub(crate) fn int_text(&mut self, n: i64) -> &mut Self {
        self.out.push(b'"');
        push_int(self.out, n);
        self.out.push(b'"');
        self
    }

    /// Appends `true` or `false`.
    pub(crate) fn flag(&mut self, on: bool) -> &mut Self {
        self.raw(if on { "true" } else { "false" })
    }

    /// Appends a bare number.
    pub(crate) fn num(&mut self, field: &'static str, x: f64, digits: Digits) -> &mut Self {
        if x.is_finite() {
            digits.push(self.out, x);
        } else if self.fault.is_none() {
            self.fault = Some(WireError::BadNumber { field, value: x });
        }
        self
    }

    /// Appends a number in quotes.
    pub(crate) fn num_text(&mut self, field: &'static str, x: f64, digits: Digits) -> &mut Self {
        self.out.push(b'"');
        self.num(field, x, digits);
        self.out.push(b'"');
        self
    }

    /// Appends a JSON string, escaped.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.out.push(b'"');
        for &b in text.as_bytes() {
            match b {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', b]),
                0x00..=0x1f => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.out.extend_from_slice(b"\\u00");
                    self.out.push(HEX[usize::from(b >> 4)]);
                    self.out.push(HEX[usize::from(b & 15)]);
                }
                _ => self.out.push(b),
            }
        }
        self.out.push(b'"');
        self
    }

    /// Appends `[item,item]`, each item written by `each`.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            if !first {
                self.out.push(b',');
            }
            first = false;
            each(self, item);
        }
        self.out.push(b']');
        self
    }

    /// Appends `["price","qty"` for a level; a removed one has the bare quantity `0`.
    pub(crate) fn level_head(&mut self, level: &Level, price: Digits, qty: Digits) -> &mut Self {
        self.out.extend_from_slice(b"[\"");
        self.num("price", level.price, price);
        self.out.extend_from_slice(b"\",\"");
        if level.qty == 0.0 {
            self.out.push(b'0');
        } else {
            self.num("size", level.qty, qty);
        }
        self.out.push(b'"');
        self
    }

    /// Appends `[["price","qty"],...]`.
    pub(crate) fn levels(&mut self, levels: &[Level], price: Digits, qty: Digits) -> &mut Self {
        self.out.reserve(levels.len() * 24);
        self.list(levels, |j, level| {
            j.level_head(level, price, qty).raw("]");
        })
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_shared;
