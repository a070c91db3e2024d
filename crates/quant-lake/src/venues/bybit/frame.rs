//! The v5 `orderbook` frame: fields by name, never by position, since their order differs between depths and categories.
//!
//! Says what a message says; whether it may be applied is decided by the stream.

use quant_core::market::BookLevel;

use crate::venues::json::Json;
use crate::venues::number::parse_digits;
use crate::venues::rows::RowProblem;

/// Start of 2009, before which no venue existed.
const OLDEST_US: i64 = 1_230_768_000_000_000;

/// Start of 2100.
const NEWEST_US: i64 = 4_102_444_800_000_000;

/// Unit of a time, told by its number of digits: from 2009 to 2099 each unit has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    /// 10 digits.
    Seconds,
    /// 13 digits.
    Millis,
    /// 16 digits.
    Micros,
    /// 19 digits; what is below a microsecond is cut off.
    Nanos,
}

impl TimeUnit {
    /// Returns the name used in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        }
    }
}

/// Reads a time of any unit as microseconds UTC; `None` outside 2009 to 2099.
pub(super) fn read_time(text: &[u8]) -> Option<(i64, TimeUnit)> {
    let (us, unit) = match text.len() {
        10 => (parse_digits(text)? * 1_000_000, TimeUnit::Seconds),
        13 => (parse_digits(text)? * 1_000, TimeUnit::Millis),
        16 => (parse_digits(text)?, TimeUnit::Micros),
        19 => {
            // The last three digits are below a microsecond, but must be digits.
            let (us, rest) = text.split_at(16);
            parse_digits(rest)?;
            (parse_digits(us)?, TimeUnit::Nanos)
        }
        _ => return None,
    };
    (OLDEST_US..NEWEST_US).contains(&us).then_some((us, unit))
}

/// Takes a time of a message.
pub(super) fn time(
    json: &mut Json<'_>,
    column: &'static str,
) -> Result<(i64, TimeUnit), RowProblem> {
    let text = json.number_text()?;
    read_time(text).ok_or(RowProblem::NotATime {
        column,
        expected: "10, 13, 16 or 19 digits, 2009 to 2099",
    })
}

/// Fields of an object that were seen: none may come twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// Returns whether no field was seen.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Marks a field.
    pub(super) fn mark(&mut self, bit: u32, field: &'static str) -> Result<(), RowProblem> {
        let mask = 1 << (bit & 31);
        if self.0 & mask != 0 {
            return Err(RowProblem::Field {
                field,
                problem: "given twice",
            });
        }
        self.0 |= mask;
        Ok(())
    }
}

/// Returns a field that must be there.
pub(super) fn need<T>(value: Option<T>, field: &'static str) -> Result<T, RowProblem> {
    value.ok_or(RowProblem::Field {
        field,
        problem: "missing",
    })
}

/// Levels of the message being read; the memory is used again.
#[derive(Debug, Default)]
pub(super) struct Sides {
    pub(super) bids: Vec<BookLevel>,
    pub(super) asks: Vec<BookLevel>,
}

/// A book message but for its levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookFrame<'a> {
    /// Levels per side that the topic promises.
    pub(super) depth: u16,
    pub(super) symbol: &'a [u8],
    pub(super) is_snapshot: bool,
    /// Time of the gateway.
    pub(super) ts: (i64, TimeUnit),
    /// Time of the matching engine; older messages lack it.
    pub(super) cts: Option<(i64, TimeUnit)>,
    pub(super) u: i64,
    pub(super) seq: i64,
}

/// Splits `orderbook.N.SYMBOL`; `None` for other topics, such as `orderbook.rpi.SYMBOL`.
pub(super) fn book_topic(topic: &[u8]) -> Option<(u16, &[u8])> {
    let rest = topic.strip_prefix(b"orderbook.")?;
    let dot = memchr::memchr(b'.', rest)?;
    let depth = parse_digits(&rest[..dot]).and_then(|n| u16::try_from(n).ok())?;
    Some((depth, &rest[dot + 1..]))
}

/// Reads a message; its levels replace those in `sides`.
pub(super) fn read_book<'a>(
    line: &'a [u8],
    sides: &mut Sides,
) -> Result<BookFrame<'a>, RowProblem> {
    let mut json = Json::new(line);
    json.object()?;
    let mut seen = Seen::default();
    let (mut topic, mut kind, mut ts, mut cts, mut data) = (None, None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"topic" => {
                seen.mark(0, "topic")?;
                topic = Some(json.string()?);
            }
            b"type" => {
                seen.mark(1, "type")?;
                kind = Some(json.string()?);
            }
            b"ts" => {
                seen.mark(2, "ts")?;
                ts = Some(time(&mut json, "ts")?);
            }
            b"cts" => {
                seen.mark(3, "cts")?;
                cts = Some(time(&mut json, "cts")?);
            }
            b"data" => {
                seen.mark(4, "data")?;
                data = Some(read_data(&mut json, sides)?);
            }
            // The venue adds fields; none of them changes what the others say.
            _ => json.skip()?,
        }
    }
    json.end()?;
    let (depth, of) = book_topic(need(topic, "topic")?).ok_or(RowProblem::UnknownName {
        column: "topic",
        expected: "orderbook.N.SYMBOL",
    })?;
    let is_snapshot = match need(kind, "type")? {
        b"snapshot" => true,
        b"delta" => false,
        _ => {
            return Err(RowProblem::UnknownName {
                column: "type",
                expected: "snapshot or delta",
            });
        }
    };
    let (symbol, u, seq) = need(data, "data")?;
    if symbol != of {
        return Err(RowProblem::UnknownName {
            column: "data.s",
            expected: "the symbol of the topic",
        });
    }
    Ok(BookFrame {
        depth,
        symbol,
        is_snapshot,
        ts: need(ts, "ts")?,
        cts,
        u,
        seq,
    })
}

fn read_data<'a>(
    json: &mut Json<'a>,
    sides: &mut Sides,
) -> Result<(&'a [u8], i64, i64), RowProblem> {
    json.object()?;
    let mut seen = Seen::default();
    let (mut symbol, mut u, mut seq, mut bids, mut asks) = (None, None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"s" => {
                seen.mark(0, "data.s")?;
                symbol = Some(json.string()?);
            }
            b"b" => {
                seen.mark(1, "data.b")?;
                bids = Some(json.levels(&mut sides.bids)?);
            }
            b"a" => {
                seen.mark(2, "data.a")?;
                asks = Some(json.levels(&mut sides.asks)?);
            }
            b"u" => {
                seen.mark(3, "data.u")?;
                u = Some(json.integer("data.u")?);
            }
            b"seq" => {
                seen.mark(4, "data.seq")?;
                seq = Some(json.integer("data.seq")?);
            }
            _ => json.skip()?,
        }
    }
    need(bids, "data.b")?;
    need(asks, "data.a")?;
    let (u, seq) = (need(u, "data.u")?, need(seq, "data.seq")?);
    for (id, column) in [(u, "data.u"), (seq, "data.seq")] {
        if id < 0 {
            return Err(RowProblem::BadSign {
                column,
                required: "not negative",
            });
        }
    }
    Ok((need(symbol, "data.s")?, u, seq))
}
