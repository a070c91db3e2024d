//! Frames spelled as the venue has always spelled them: fields in one order, no white space. Read without asking what comes next.
//!
//! Quotes and trades of the futures markets are most frames of a recording. Whatever differs by a byte from these patterns is left
//! to the general reader of [`Frame`]; a test holds the two together.

use super::frame::Frame;
use crate::venues::json::plain_bytes;
use crate::venues::number::{ZEROS, first_non_digit};

/// Reads `bookTicker` of the combined stream of a futures market; the frame is left as it was unless that is what the text is.
#[inline]
pub(super) fn quote<'a>(text: &'a [u8], frame: &mut Frame<'a>) -> Option<()> {
    let mut at = Cursor { rest: text };
    at.literal(b"{\"stream\":\"")?;
    let stream = at.string()?;
    at.literal(b",\"data\":{\"e\":\"bookTicker\",\"u\":")?;
    let last_id = at.digits()?;
    at.literal(b",\"s\":\"")?;
    let symbol = at.string()?;
    at.literal(b",\"b\":\"")?;
    let bid = at.string()?;
    at.literal(b",\"B\":\"")?;
    let bid_qty = at.string()?;
    at.literal(b",\"a\":\"")?;
    let ask = at.string()?;
    at.literal(b",\"A\":\"")?;
    let ask_qty = at.string()?;
    at.literal(b",\"T\":")?;
    let trade_time = at.digits()?;
    at.literal(b",\"E\":")?;
    let event_time = at.digits()?;
    at.end()?;
    frame.stream = Some(stream);
    frame.data = Some(b"");
    frame.event = Some(b"bookTicker");
    frame.last_id = Some(last_id);
    frame.symbol = Some(symbol);
    frame.bid = Some(bid);
    frame.bid_qty = Some(bid_qty);
    frame.ask = Some(ask);
    frame.ask_qty = Some(ask_qty);
    frame.trade_time = Some(trade_time);
    frame.event_time = Some(event_time);
    Some(())
}

/// Reads `trade` of the combined stream of a futures market, likewise.
#[inline]
pub(super) fn trade<'a>(text: &'a [u8], frame: &mut Frame<'a>) -> Option<()> {
    let mut at = Cursor { rest: text };
    at.literal(b"{\"stream\":\"")?;
    let stream = at.string()?;
    at.literal(b",\"data\":{\"e\":\"trade\",\"E\":")?;
    let event_time = at.digits()?;
    at.literal(b",\"T\":")?;
    let trade_time = at.digits()?;
    at.literal(b",\"s\":\"")?;
    let symbol = at.string()?;
    at.literal(b",\"t\":")?;
    let id = at.digits()?;
    at.literal(b",\"p\":\"")?;
    let price = at.string()?;
    at.literal(b",\"q\":\"")?;
    let qty = at.string()?;
    at.literal(b",\"X\":\"")?;
    let kind = at.string()?;
    at.literal(b",\"m\":")?;
    let maker: &[u8] = if at.literal(b"true").is_some() {
        b"true"
    } else {
        at.literal(b"false")?;
        b"false"
    };
    at.end()?;
    frame.stream = Some(stream);
    frame.data = Some(b"");
    frame.event = Some(b"trade");
    frame.event_time = Some(event_time);
    frame.trade_time = Some(trade_time);
    frame.symbol = Some(symbol);
    frame.id = Some(id);
    frame.price = Some(price);
    frame.qty = Some(qty);
    frame.kind = Some(kind);
    frame.maker = Some(maker);
    Some(())
}

/// What is left of a text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Takes exactly these bytes.
    #[inline]
    fn literal<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        let (first, rest) = self.rest.split_first_chunk::<N>()?;
        if first != bytes {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Takes the rest of a string without escapes, with its quote.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut n = 0;
        loop {
            let word = self.rest.get(n..)?.first_chunk()?;
            let plain = plain_bytes(u64::from_le_bytes(*word));
            n += plain;
            if plain < 8 {
                break;
            }
        }
        let (inner, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Some(inner)
    }

    /// Takes an integer without sign; whether it ends there is for the literal that follows to say.
    #[inline]
    fn digits(&mut self) -> Option<&'a [u8]> {
        let mut n = 0;
        while let Some(word) = self.rest.get(n..).and_then(<[u8]>::first_chunk) {
            let here = first_non_digit(u64::from_le_bytes(*word) ^ ZEROS);
            n += here;
            if here < 8 {
                break;
            }
        }
        // The last word of a text may be cut.
        while self.rest.get(n).is_some_and(u8::is_ascii_digit) {
            n += 1;
        }
        let (digits, rest) = self.rest.split_at_checked(n)?;
        let is_number = !matches!(digits, [] | [b'0', _, ..]);
        self.rest = rest;
        is_number.then_some(digits)
    }

    /// Takes the end of the message.
    #[inline]
    fn end(&mut self) -> Option<()> {
        (self.rest == b"}}").then_some(())
    }
}

#[cfg(test)]
mod tests;
