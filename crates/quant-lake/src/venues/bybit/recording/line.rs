//! The lines of a recording: what wraps a frame, and when and on which connection it was received.
//!
//! Three shapes, told apart line by line: `{"t":"recv","conn":..,"ts":seconds,"data":"<escaped frame>"}` of cryptofeed,
//! `<recv time> <frame>` of hftbacktest's recorders, and a bare frame.

use crate::venues::bybit::frame::{Seen, need, read_time};
use crate::venues::json::{Json, unescape};
use crate::venues::number::parse_digits;
use crate::venues::rows::RowProblem;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A message of the venue.
    Frame {
        /// Connection, empty where the recording does not tell.
        conn: &'a [u8],
        /// When it was received, microseconds UTC.
        ts_recv: Option<i64>,
        text: &'a [u8],
    },
    /// A connection begins.
    Connect { conn: &'a [u8], addr: &'a [u8] },
    /// A request of the recorder, which names the address of its connection.
    Send { conn: &'a [u8], addr: &'a [u8] },
    /// Nothing of the stream: the recorder's header, an answer to an HTTP request.
    Other(&'static str),
}

/// Reads a line; an escaped frame is put into `buffer`.
pub(super) fn read_line<'a>(
    line: &'a [u8],
    buffer: &'a mut Vec<u8>,
) -> Result<Line<'a>, RowProblem> {
    if line.first().is_some_and(u8::is_ascii_digit) {
        let at = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (ts_recv, _) = read_time(&line[..at]).ok_or(RowProblem::NotATime {
            column: "recv",
            expected: "10, 13, 16 or 19 digits, 2009 to 2099",
        })?;
        return Ok(Line::Frame {
            conn: b"",
            ts_recv: Some(ts_recv),
            text: line.get(at + 1..).unwrap_or_default(),
        });
    }
    // Frames have no key `t`; most lines need not be read twice to know.
    if !line.starts_with(b"{\"topic\"") && has_key(line, b"t")? {
        return wrapped(line, buffer);
    }
    Ok(Line::Frame {
        conn: b"",
        ts_recv: None,
        text: line,
    })
}

/// Returns whether an object has a key; it is looked at first where the recorder writes it.
fn has_key(line: &[u8], wanted: &[u8]) -> Result<bool, RowProblem> {
    let mut json = Json::new(line);
    json.object()?;
    while let Some(key) = json.key()? {
        if key == wanted {
            return Ok(true);
        }
        json.skip()?;
    }
    Ok(false)
}

fn wrapped<'a>(line: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<Line<'a>, RowProblem> {
    let mut json = Json::new(line);
    json.object()?;
    let mut seen = Seen::default();
    let (mut kind, mut conn, mut addr, mut ts, mut data) = (None, None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"t" => {
                seen.mark(0, "t")?;
                kind = Some(json.string()?);
            }
            b"conn" => {
                seen.mark(1, "conn")?;
                conn = Some(json.string()?);
            }
            b"addr" => {
                seen.mark(2, "addr")?;
                addr = Some(json.string()?);
            }
            b"ts" => {
                seen.mark(3, "ts")?;
                ts = Some(json.number_text()?);
            }
            b"data" => {
                seen.mark(4, "data")?;
                data = Some(json.value()?);
            }
            _ => json.skip()?,
        }
    }
    json.end()?;
    let kind = need(kind, "t")?;
    if kind == b"header" {
        return Ok(Line::Other("headers"));
    }
    if kind == b"http" {
        return Ok(Line::Other("http_answers"));
    }
    let conn = conn.unwrap_or_default();
    match kind {
        b"connect" => Ok(Line::Connect {
            conn,
            addr: need(addr, "addr")?,
        }),
        b"send" => Ok(Line::Send {
            conn,
            addr: addr.unwrap_or_default(),
        }),
        b"recv" => {
            let text = need(data, "data")?;
            let text = match text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) {
                Some(inner) => {
                    if !unescape(inner, buffer) {
                        return Err(RowProblem::UnknownName {
                            column: "data",
                            expected: "escapes of characters",
                        });
                    }
                    &buffer[..]
                }
                // Some recorders keep the frame as it is.
                None => text,
            };
            Ok(Line::Frame {
                conn,
                ts_recv: Some(read_seconds(need(ts, "ts")?)?),
                text,
            })
        }
        _ => Err(RowProblem::UnknownName {
            column: "t",
            expected: "header, http, connect, send or recv",
        }),
    }
}

/// Reads decimal seconds as microseconds without going through a float; further digits are cut off. Whole numbers may be
/// of any unit.
pub(super) fn read_seconds(text: &[u8]) -> Result<i64, RowProblem> {
    let read = || {
        let Some(dot) = memchr::memchr(b'.', text) else {
            return read_time(text).map(|(us, _)| us);
        };
        let (whole, fraction) = (&text[..dot], &text[dot + 1..]);
        if whole.len() != 10 || fraction.len() > 18 {
            return None;
        }
        parse_digits(fraction)?;
        let kept = &fraction[..fraction.len().min(6)];
        let scale = 10_i64.pow(6 - u32::try_from(kept.len()).ok()?);
        let (us, _) = read_time(whole)?;
        Some(us + parse_digits(kept)? * scale)
    };
    read().ok_or(RowProblem::NotATime {
        column: "ts",
        expected: "seconds since 1970, 2009 to 2099",
    })
}
