//! A pull reader over the JSON of venue messages: no tree, no allocation, nothing scanned by position.
//!
//! Venues send a few hundred bytes of known fields thousands of times a second; a reader that hands out slices in one
//! pass is several times faster than building values (ADR 0011). It accepts exactly the grammar of JSON, with a cap on
//! nesting; numbers and strings come as slices of the line. Whether it agrees with `serde_json` on what is JSON is a
//! property test.

use super::number::{ZEROS, first_non_digit, parse_decimal, parse_digits};
use super::rows::RowProblem;

mod levels;

/// Deepest nesting that is followed; venue messages have at most six levels.
pub const MAX_DEPTH: u32 = 32;

type Read<T> = Result<T, RowProblem>;

/// A position in the text of one message.
#[derive(Clone, Debug)]
pub struct Json<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    /// A container was just opened: its first element needs no comma.
    fresh: bool,
}

impl<'a> Json<'a> {
    /// Returns a reader at the start of a message.
    #[inline]
    pub const fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            fresh: true,
        }
    }

    /// Returns the number of bytes read.
    pub const fn position(&self) -> usize {
        self.at
    }

    #[cold]
    fn bad(&self, expected: &'static str) -> RowProblem {
        RowProblem::NotJson {
            at: self.at,
            expected,
        }
    }

    /// Returns the next byte that is not white space, without taking it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            // All white space is below; so is nothing that can stand here.
            Some(&b) if b > b' ' => Some(b),
            _ => self.peek_past_space(),
        }
    }

    #[cold]
    fn peek_past_space(&mut self) -> Option<u8> {
        while let Some(&b) = self.text.get(self.at) {
            if !matches!(b, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(b);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn take(&mut self, byte: u8, expected: &'static str) -> Read<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.bad(expected))
        }
    }

    fn open(&mut self, byte: u8, expected: &'static str) -> Read<()> {
        self.take(byte, expected)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.bad("fewer levels of nesting"));
        }
        self.fresh = true;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
        self.fresh = false;
    }

    /// Takes the start of an object.
    ///
    /// # Errors
    /// `NotJson` if there is none.
    #[inline]
    pub fn object(&mut self) -> Read<()> {
        self.open(b'{', "an object")
    }

    /// Takes the start of an array.
    ///
    /// # Errors
    /// `NotJson` if there is none.
    #[inline]
    pub fn array(&mut self) -> Read<()> {
        self.open(b'[', "an array")
    }

    /// Takes the next key of the open object with its colon, or the end of the object.
    ///
    /// # Errors
    /// `NotJson`.
    #[inline]
    pub fn key(&mut self) -> Read<Option<&'a [u8]>> {
        match self.peek() {
            Some(b'}') => {
                self.close();
                return Ok(None);
            }
            Some(b',') if !self.fresh => self.at += 1,
            Some(b'"') if self.fresh => {}
            _ => return Err(self.bad("`,` or `}`")),
        }
        // Keys of one letter, which are most of them, without white space around.
        if let Some([b'"', letter, b'"', b':']) = self.text.get(self.at..self.at + 4)
            && *letter > b' '
            && !matches!(letter, b'"' | b'\\')
        {
            let key = &self.text[self.at + 1..self.at + 2];
            self.at += 4;
            self.fresh = false;
            return Ok(Some(key));
        }
        let key = self.string()?;
        self.take(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Returns whether another element of the open array follows; takes the comma before it, or the end of the array.
    ///
    /// # Errors
    /// `NotJson`.
    #[inline]
    pub fn element(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b']') => {
                self.close();
                Ok(false)
            }
            Some(b',') if !self.fresh => {
                self.at += 1;
                self.fresh = false;
                if self.peek() == Some(b']') {
                    return Err(self.bad("a value"));
                }
                Ok(true)
            }
            Some(_) if self.fresh => {
                self.fresh = false;
                Ok(true)
            }
            _ => Err(self.bad("`,` or `]`")),
        }
    }

    /// Takes a string; returns what stands between the quotes, escapes as they are.
    ///
    /// # Errors
    /// `NotJson`.
    #[inline]
    pub fn string(&mut self) -> Read<&'a [u8]> {
        self.take(b'"', "a string")?;
        self.fresh = false;
        let start = self.at;
        loop {
            // Eight plain bytes at a time; the rest of the loop deals with the first that is not.
            while let Some(word) = self.text.get(self.at..).and_then(<[u8]>::first_chunk) {
                let plain = plain_bytes(u64::from_le_bytes(*word));
                self.at += plain;
                if plain < 8 {
                    break;
                }
            }
            match self.text.get(self.at) {
                Some(b'"') => {
                    let inner = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(inner);
                }
                Some(b'\\') => self.escape()?,
                Some(&b) if b >= 0x20 => self.at += 1,
                _ => return Err(self.bad("the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Read<()> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let hex = self.text.get(self.at + 2..self.at + 6).unwrap_or_default();
                if hex.len() != 4 || !hex.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.bad("four hexadecimal digits"));
                }
                self.at += 6;
            }
            _ => return Err(self.bad("an escape")),
        }
        Ok(())
    }

    /// Takes a number, bare or in quotes; returns its text unread.
    ///
    /// # Errors
    /// `NotJson` if there is neither a string nor a number.
    #[inline]
    pub fn number_text(&mut self) -> Read<&'a [u8]> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        self.fresh = false;
        let start = self.at;
        let text = self.text.get(start..).unwrap_or_default();
        let n = number_len(text);
        if n == 0 {
            return Err(self.bad("a number"));
        }
        self.at += n;
        Ok(&text[..n])
    }

    /// Takes a finite decimal number, bare or in quotes.
    ///
    /// # Errors
    /// `NotJson`, or `NotANumber` of `column`.
    #[inline]
    pub fn decimal(&mut self, column: &'static str) -> Read<f64> {
        let text = self.number_text()?;
        match parse_decimal(text) {
            Some(value) => Ok(value + 0.0),
            None => Err(RowProblem::NotANumber { column }),
        }
    }

    /// Takes an integer of at most 18 digits, bare or in quotes; a minus sign is allowed.
    ///
    /// # Errors
    /// `NotJson`, or `NotAnInteger` of `column`.
    #[inline]
    pub fn integer(&mut self, column: &'static str) -> Read<i64> {
        let text = self.number_text()?;
        let value = match text {
            [b'-', digits @ ..] => parse_digits(digits).map(|n| -n),
            digits => parse_digits(digits),
        };
        value.ok_or(RowProblem::NotAnInteger { column })
    }

    /// Takes `true` or `false`.
    ///
    /// # Errors
    /// `NotJson`.
    pub fn flag(&mut self) -> Read<bool> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.fresh = false;
        if rest.starts_with(b"true") {
            self.at += 4;
            Ok(true)
        } else if rest.starts_with(b"false") {
            self.at += 5;
            Ok(false)
        } else {
            Err(self.bad("true or false"))
        }
    }

    /// Takes `null` if it is next.
    pub fn null(&mut self) -> bool {
        self.peek();
        let is_null = self
            .text
            .get(self.at..)
            .is_some_and(|t| t.starts_with(b"null"));
        if is_null {
            self.at += 4;
            self.fresh = false;
        }
        is_null
    }

    /// Returns the first byte of the next value without taking it: `{`, `[`, `"`, a digit ...
    #[inline]
    pub fn next_byte(&mut self) -> Option<u8> {
        self.peek()
    }

    /// Takes any value; returns its text.
    ///
    /// # Errors
    /// `NotJson`.
    pub fn value(&mut self) -> Read<&'a [u8]> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// Takes any value.
    ///
    /// # Errors
    /// `NotJson`.
    pub fn skip(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => {
                self.object()?;
                while self.key()?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.array()?;
                while self.element()? {
                    self.skip()?;
                }
                Ok(())
            }
            Some(b't' | b'f') => self.flag().map(|_| ()),
            Some(b'n') if self.null() => Ok(()),
            _ => self.number_text().map(|_| ()),
        }
    }

    /// Refuses anything but white space after the message.
    ///
    /// # Errors
    /// `NotJson`.
    pub fn end(&mut self) -> Read<()> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.bad("the end of the message"))
        }
    }
}

/// Returns how many of eight bytes, from the lowest, are neither quote nor backslash nor control character.
#[inline]
pub(crate) const fn plain_bytes(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // A lane that is zero, and one below a space: up to the first such lane nothing borrows, so the lowest mark is true.
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let escape = word ^ (ONES * b'\\' as u64);
    let escape = escape.wrapping_sub(ONES) & !escape;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote | escape | control) & TOPS).trailing_zeros() as usize / 8
}

/// Returns the length of the JSON number at the start of the text, 0 if there is none.
fn number_len(text: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let mut n = 0;
        while let Some(word) = rest.get(n..).and_then(<[u8]>::first_chunk) {
            let here = first_non_digit(u64::from_le_bytes(*word) ^ ZEROS);
            n += here;
            if here < 8 {
                return n;
            }
        }
        let tail = rest.get(n..).unwrap_or_default();
        n + tail.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let mut n = usize::from(text.first() == Some(&b'-'));
    let whole = digits(n);
    if whole == 0 || (whole > 1 && text.get(n) == Some(&b'0')) {
        return 0;
    }
    n += whole;
    if text.get(n) == Some(&b'.') {
        let fraction = digits(n + 1);
        if fraction == 0 {
            return 0;
        }
        n += 1 + fraction;
    }
    if matches!(text.get(n), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(n + 1), Some(b'+' | b'-')));
        let exponent = digits(n + 1 + sign);
        if exponent == 0 {
            return 0;
        }
        n += 1 + sign + exponent;
    }
    n
}

/// Undoes the escapes of a string into `out`; returns false if a `\u` escape is not a character (half a surrogate).
pub fn unescape(inner: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, len) = match rest.get(at + 1) {
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'u') => {
                let Some((c, len)) = unicode(&rest[at..]) else {
                    return false;
                };
                let mut buffer = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                rest = &rest[at + len..];
                continue;
            }
            Some(&other) => (other, 2),
            None => return false,
        };
        out.push(byte);
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest);
    true
}

/// Reads `\uXXXX`, or a surrogate pair of them; returns the character and the length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let hex = core::str::from_utf8(text.get(at + 2..at + 6)?).ok()?;
        u32::from_str_radix(hex, 16).ok()
    };
    let high = unit(0)?;
    if !(0xd800..0xdc00).contains(&high) {
        return char::from_u32(high).map(|c| (c, 6));
    }
    if text.get(6..8) != Some(b"\\u") {
        return None;
    }
    let low = unit(6)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x10000 + ((high - 0xd800) << 10) + low).map(|c| (c, 12))
}

#[cfg(test)]
mod tests;
