//! Lines of recorded sockets: `<received> <message>`, or a capture's `{"t":"recv","conn":..,"ts":..,"data":".."}`.
//!
//! A capture tells connections, requests and answers apart (`t`: header, http, connect, send, recv). What a message says is
//! the venue's business.

use super::json::{Json, unescape};
use super::json_values::{need, set};
use super::number::parse_digits;
use super::rows::RowProblem;

/// One line of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Nothing a venue sent: the head of a capture, a request, a line of a kind nobody knows.
    Other,
    /// The answer to a REST request.
    Http {
        /// Body of the answer.
        body: &'a [u8],
    },
    /// A connection was opened: whatever was in flight on the one of this name before is lost.
    Connected {
        /// Its name, where the capture tells.
        conn: Option<&'a [u8]>,
    },
    /// A message of the venue.
    Message {
        /// When it was received, microseconds UTC, rounded down.
        received: Option<i64>,
        /// Connection it came over, where the capture tells.
        conn: Option<&'a [u8]>,
        /// The message: JSON, or a word such as `pong`.
        body: &'a [u8],
    },
}

/// The connection that the messages of one stream come over.
#[derive(Clone, Debug, Default)]
pub struct Via {
    seen: bool,
    conn: Option<Vec<u8>>,
}

impl Via {
    /// Notes the connection of a message.
    #[inline]
    pub fn saw(&mut self, conn: Option<&[u8]>) {
        self.seen = true;
        if self.conn.as_deref() != conn {
            self.conn = conn.map(<[u8]>::to_vec);
        }
    }

    /// Returns whether the stream was cut by the opening of a connection: one of the same name, or one nobody can tell apart.
    pub fn is_cut_by(&self, conn: Option<&[u8]>) -> bool {
        self.seen && (self.conn.is_none() || conn.is_none() || self.conn.as_deref() == conn)
    }
}

/// Reads the lines of a recording, and keeps the memory that takes.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    text: Vec<u8>,
}

impl Capture {
    /// Reads one line. A line that is neither of the two forms is a message of unknown receipt.
    ///
    /// # Errors
    /// `NotJson`, `Field` or `NotATime` if the line is of a capture and cannot be read.
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Result<Frame<'a>, RowProblem> {
        if line.first() != Some(&b'{') {
            let (received, body) = received_in_front(line);
            return Ok(Frame::Message {
                received,
                conn: None,
                body,
            });
        }
        let mut json = Json::new(line);
        json.object()?;
        let (mut t, mut ts, mut data, mut conn) = (None, None, None, None);
        while let Some(key) = json.key()? {
            match key {
                b"t" if json.next_byte() == Some(b'"') => set(&mut t, "t", json.string()?)?,
                b"ts" => set(&mut ts, "ts", json.value()?)?,
                b"data" => set(&mut data, "data", json.value()?)?,
                b"conn" if json.next_byte() == Some(b'"') => {
                    set(&mut conn, "conn", json.string()?)?;
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        let Some(t) = t else {
            return Ok(Frame::Message {
                received: None,
                conn: None,
                body: line,
            });
        };
        match t {
            b"connect" => Ok(Frame::Connected { conn }),
            b"recv" | b"http" => {
                let received = match ts {
                    Some(ts) => Some(exact_seconds(ts)?),
                    None => None,
                };
                let data = need(data, "data")?;
                let body: &'a [u8] = match data {
                    [b'"', inner @ .., b'"'] => {
                        if !unescape(inner, &mut self.text) {
                            return Err(RowProblem::Field {
                                field: "data",
                                problem: "an escape that is no character",
                            });
                        }
                        &self.text
                    }
                    bare => bare,
                };
                Ok(if t == b"recv" {
                    Frame::Message {
                        received,
                        conn,
                        body,
                    }
                } else {
                    Frame::Http { body }
                })
            }
            _ => Ok(Frame::Other),
        }
    }
}

/// Splits `<received> <message>`: nanoseconds, microseconds or milliseconds by the number of digits.
pub fn received_in_front(line: &[u8]) -> (Option<i64>, &[u8]) {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let Some(b' ') = line.get(digits) else {
        return (None, line);
    };
    // 18 digits of a nanosecond stamp fit the short reader, and the last digit is below a microsecond anyway.
    let received = match digits {
        16 | 19 => parse_digits(&line[..16]),
        13 => parse_digits(&line[..13]).map(|ms| ms * 1_000),
        _ => None,
    };
    match received {
        Some(received) => (Some(received), &line[digits + 1..]),
        None => (None, line),
    }
}

/// Returns when a line of a recording was received, else the time the venue sent it, microseconds UTC; rounded down.
///
/// Good enough to put recordings in order: a line need not be whole, nor a message of any venue.
pub fn line_time(line: &[u8]) -> Option<i64> {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 0 {
        let is_stamp = matches!(line.get(digits), None | Some(b' '));
        return micros(&line[..digits]).filter(|_| is_stamp);
    }
    // Captures count seconds, venues do not.
    if let Some(received) = number_of(line, "ts").and_then(|ts| exact_seconds(ts).ok()) {
        return Some(received);
    }
    // The names under which the venues send their own time.
    ["E", "ts", "time", "T"]
        .into_iter()
        .find_map(|field| number_of(line, field).and_then(micros))
}

/// Reads an instant by its number of digits: seconds, milliseconds, microseconds or nanoseconds since 1970.
fn micros(digits: &[u8]) -> Option<i64> {
    match digits.len() {
        10 => parse_digits(digits).map(|s| s * 1_000_000),
        13 => parse_digits(digits).map(|ms| ms * 1_000),
        // 18 digits of a nanosecond stamp fit the short reader, and the last digit is below a microsecond anyway.
        16 | 19 => parse_digits(&digits[..16]),
        _ => None,
    }
}

/// Returns the first number in a text that follows `"field":`, quoted or not.
fn number_of<'a>(text: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let field = format!("\"{field}\":");
    memchr::memmem::find_iter(text, field.as_bytes()).find_map(|at| {
        let rest = text.get(at + field.len()..)?;
        let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'"')).count();
        let rest = &rest[blank..];
        let n = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'.')
            .count();
        (n > 0).then(|| &rest[..n])
    })
}

/// Reads seconds with a fraction as microseconds, rounded down, without the detour over a float.
fn exact_seconds(text: &[u8]) -> Result<i64, RowProblem> {
    let point = memchr::memchr(b'.', text).unwrap_or(text.len());
    let fraction = text.get(point + 1..).unwrap_or_default();
    let mut micros = [b'0'; 6];
    let n = fraction.len().min(6);
    micros[..n].copy_from_slice(&fraction[..n]);
    let whole = Some(&text[..point]).filter(|w| w.len() == 10);
    match (
        whole.and_then(parse_digits),
        parse_digits(&micros),
        fraction.iter().all(u8::is_ascii_digit),
    ) {
        (Some(s), Some(us), true) => Ok(s * 1_000_000 + us),
        _ => Err(RowProblem::NotATime {
            column: "ts",
            expected: "10 digits of seconds with a decimal fraction",
        }),
    }
}

#[cfg(test)]
mod tests;
