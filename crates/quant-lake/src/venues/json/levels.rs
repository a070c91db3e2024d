//! Levels of a book, `[["price","quantity"],...]`: almost all bytes of a book archive, so they have a reader of their own.
//!
//! The plain spelling (quoted, no white space, short numbers) is read a word at a time; whatever else JSON allows is read
//! by the general methods, and a property test holds the two together.

use quant_core::market::BookLevel;

use super::{Json, Read};
use crate::venues::number::{parse_decimal, word_decimal};
use crate::venues::row_values::MAX_POSITIVE;
use crate::venues::rows::RowProblem;

/// ASCII quotes in every lane.
const QUOTES: u64 = 0x2222_2222_2222_2222;

impl Json<'_> {
    /// Takes an array of `[price, quantity]` pairs into `out`, in place of what it holds; both bare or in quotes.
    ///
    /// # Errors
    /// `NotJson` also for a level that is no pair; `NotANumber` or `BadSign` of `price` (must be positive) or `qty`
    /// (must not be negative), both at most 1e15. `out` then holds some of the levels.
    pub fn levels(&mut self, out: &mut Vec<BookLevel>) -> Read<()> {
        out.clear();
        self.array()?;
        loop {
            self.plain_levels(out);
            if !self.element()? {
                return Ok(());
            }
            out.push(self.level()?);
        }
    }

    /// Takes as many levels as are spelled in the plainest way, each with the comma before it.
    #[inline]
    fn plain_levels(&mut self, out: &mut Vec<BookLevel>) {
        // The first level has no comma before it; the others do.
        let mut at = self.at;
        if self.fresh {
            let Some((level, end)) = self.plain_level(at) else {
                return;
            };
            out.push(level);
            at = end;
            self.fresh = false;
        }
        while self.text.get(at) == Some(&b',')
            && let Some((level, end)) = self.plain_level(at + 1)
        {
            out.push(level);
            at = end;
        }
        self.at = at;
    }

    /// Reads `["price","quantity"]` at `at`; returns where it ends.
    #[inline]
    fn plain_level(&self, at: usize) -> Option<(BookLevel, usize)> {
        let text = self.text;
        if text.get(at..at + 2)? != b"[\"" {
            return None;
        }
        let (px, at) = plain_number(text, at + 2)?;
        if text.get(at..at + 3)? != b"\",\"" {
            return None;
        }
        let (qty, at) = plain_number(text, at + 3)?;
        // The sign is judged by the general reader, which can say what is wrong.
        let in_range = px > 0.0 && px <= MAX_POSITIVE && (0.0..=MAX_POSITIVE).contains(&qty);
        (text.get(at..at + 2)? == b"\"]" && in_range).then_some((BookLevel { px, qty }, at + 2))
    }

    /// Takes a level in any spelling.
    #[cold]
    fn level(&mut self) -> Read<BookLevel> {
        self.array()?;
        let mut pair = [0.0; 2];
        for (value, column) in pair.iter_mut().zip(["price", "qty"]) {
            if !self.element()? {
                return Err(self.bad("a price and a quantity"));
            }
            *value = self.decimal(column)?;
        }
        if self.element()? {
            return Err(self.bad("the end of a level"));
        }
        let [px, qty] = pair;
        let bad = |column, required| Err(RowProblem::BadSign { column, required });
        if px <= 0.0 {
            bad("price", "positive")
        } else if qty < 0.0 {
            bad("qty", "not negative")
        } else if px > MAX_POSITIVE {
            bad("price", "at most 1e15")
        } else if qty > MAX_POSITIVE {
            bad("qty", "at most 1e15")
        } else {
            Ok(BookLevel { px, qty })
        }
    }
}

/// Reads a number from `at` up to a quote; returns the place of the quote.
#[inline]
fn plain_number(text: &[u8], at: usize) -> Option<(f64, usize)> {
    let rest = text.get(at..)?;
    let word = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    let x = word ^ QUOTES;
    // The lowest mark is always a true one.
    let marks = x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080;
    if marks != 0 {
        let bit = marks.trailing_zeros() & !7;
        let n = bit as usize / 8;
        let value = word_decimal(word & ((1 << bit) - 1), n)?;
        return Some((value, at + n));
    }
    if rest.get(8) == Some(&b'"') {
        return Some((word_decimal(word, 8)?, at + 8));
    }
    let n = 9 + rest.get(9..40)?.iter().position(|&b| b == b'"')?;
    Some((parse_decimal(&rest[..n])? + 0.0, at + n))
}
