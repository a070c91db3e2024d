//! One frame, taken apart in one pass: its fields as slices of the line, the levels of its book read.

use quant_core::market::{BookLevel, Symbol};

use super::usual;
use crate::venues::json::Json;
use crate::venues::rows::RowProblem;

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Trade,
    AggTrade,
    BookTicker,
    Depth,
    PartialDepth,
    RestImage,
    Kline,
    ForceOrder,
    Other,
}

/// Levels of the frame read last; the buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) bids: Vec<BookLevel>,
    pub(super) asks: Vec<BookLevel>,
}

impl Levels {
    pub(super) fn len(&self) -> u64 {
        (self.bids.len() + self.asks.len()) as u64
    }
}

/// The fields of a frame, unread. Names follow the venue's keys, which mean different things per event.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Frame<'a> {
    pub(super) stream: Option<&'a [u8]>,
    pub(super) data: Option<&'a [u8]>,
    pub(super) event: Option<&'a [u8]>,
    pub(super) symbol: Option<&'a [u8]>,
    /// `symbol` of a coin-margined REST image, the only one that names its instrument.
    long_symbol: Option<&'a [u8]>,
    pub(super) event_time: Option<&'a [u8]>,
    pub(super) trade_time: Option<&'a [u8]>,
    pub(super) first_id: Option<&'a [u8]>,
    pub(super) last_id: Option<&'a [u8]>,
    pub(super) prev_id: Option<&'a [u8]>,
    pub(super) last_update_id: Option<&'a [u8]>,
    pub(super) bid: Option<&'a [u8]>,
    pub(super) bid_qty: Option<&'a [u8]>,
    /// Ask price of a bookTicker; id of an aggTrade.
    pub(super) ask: Option<&'a [u8]>,
    pub(super) ask_qty: Option<&'a [u8]>,
    pub(super) id: Option<&'a [u8]>,
    pub(super) price: Option<&'a [u8]>,
    pub(super) qty: Option<&'a [u8]>,
    pub(super) first_trade: Option<&'a [u8]>,
    pub(super) last_trade: Option<&'a [u8]>,
    pub(super) maker: Option<&'a [u8]>,
    /// `X` of a trade.
    pub(super) kind: Option<&'a [u8]>,
    kline: Option<&'a [u8]>,
    order: Option<&'a [u8]>,
    has_levels: bool,
    is_answer: bool,
}

/// Whose frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// The asked symbol's.
    Asked,
    /// Another symbol's.
    Other(&'a [u8]),
    /// Of a stream of the whole market, which says nothing about which books were recorded; of whom, if it tells.
    Market(Option<&'a [u8]>),
    /// Nothing says whose: a REST image, an answer.
    Nobody,
}

fn set<'a>(
    slot: &mut Option<&'a [u8]>,
    value: &'a [u8],
    field: &'static str,
) -> Result<(), RowProblem> {
    if slot.replace(value).is_some() {
        return Err(RowProblem::Field {
            field,
            problem: "given twice",
        });
    }
    Ok(())
}

/// Takes a value as it stands: the inside of a string, or the text of a number or flag.
#[inline]
fn scalar<'a>(json: &mut Json<'a>) -> Result<&'a [u8], RowProblem> {
    match json.next_byte() {
        Some(b'"') => json.string(),
        Some(b'0'..=b'9') => json.number_text(),
        _ => json.value(),
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame, combined (`stream`, `data`) or bare; its levels replace those in `into`.
    pub(super) fn read(text: &'a [u8], into: &mut Levels) -> Result<Self, RowProblem> {
        let mut frame = Self::default();
        frame.fill(text, into)?;
        Ok(frame)
    }

    /// As [`Self::read`], into a frame without a field.
    #[inline]
    pub(super) fn fill(&mut self, text: &'a [u8], into: &mut Levels) -> Result<(), RowProblem> {
        into.bids.clear();
        into.asks.clear();
        if usual::quote(text, self).is_some() || usual::trade(text, self).is_some() {
            return Ok(());
        }
        self.general(text, into)
    }

    /// Reads a frame of any spelling.
    pub(super) fn general(&mut self, text: &'a [u8], into: &mut Levels) -> Result<(), RowProblem> {
        let mut json = Json::new(text);
        self.object(&mut json, into, true)?;
        json.end()
    }

    fn object(
        &mut self,
        json: &mut Json<'a>,
        into: &mut Levels,
        outer: bool,
    ) -> Result<(), RowProblem> {
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"stream" if outer => set(&mut self.stream, scalar(json)?, "stream")?,
                b"data" if outer => {
                    set(&mut self.data, b"", "data")?;
                    match json.next_byte() {
                        Some(b'{') => self.object(json, into, false)?,
                        _ => json.skip()?,
                    }
                }
                b"b" | b"bids" if json.next_byte() == Some(b'[') => {
                    self.has_levels = true;
                    json.levels(&mut into.bids)?;
                }
                b"a" | b"asks" if json.next_byte() == Some(b'[') => {
                    self.has_levels = true;
                    json.levels(&mut into.asks)?;
                }
                b"e" => set(&mut self.event, scalar(json)?, "e")?,
                b"E" => set(&mut self.event_time, scalar(json)?, "E")?,
                b"T" => set(&mut self.trade_time, scalar(json)?, "T")?,
                b"s" => set(&mut self.symbol, scalar(json)?, "s")?,
                b"symbol" => set(&mut self.long_symbol, scalar(json)?, "symbol")?,
                b"U" => set(&mut self.first_id, scalar(json)?, "U")?,
                b"u" => set(&mut self.last_id, scalar(json)?, "u")?,
                b"pu" => set(&mut self.prev_id, scalar(json)?, "pu")?,
                b"lastUpdateId" => set(&mut self.last_update_id, scalar(json)?, "lastUpdateId")?,
                b"b" => set(&mut self.bid, scalar(json)?, "b")?,
                b"B" => set(&mut self.bid_qty, scalar(json)?, "B")?,
                b"a" => set(&mut self.ask, scalar(json)?, "a")?,
                b"A" => set(&mut self.ask_qty, scalar(json)?, "A")?,
                b"t" => set(&mut self.id, scalar(json)?, "t")?,
                b"p" => set(&mut self.price, scalar(json)?, "p")?,
                b"q" => set(&mut self.qty, scalar(json)?, "q")?,
                b"f" => set(&mut self.first_trade, scalar(json)?, "f")?,
                b"l" => set(&mut self.last_trade, scalar(json)?, "l")?,
                b"m" => set(&mut self.maker, scalar(json)?, "m")?,
                b"X" => set(&mut self.kind, scalar(json)?, "X")?,
                b"k" => set(&mut self.kline, json.value()?, "k")?,
                b"o" => set(&mut self.order, json.value()?, "o")?,
                b"result" | b"error" | b"id" if outer => {
                    self.is_answer = true;
                    json.skip()?;
                }
                _ => json.skip()?,
            }
        }
        Ok(())
    }

    /// Returns what the frame is about, from its event name, else from the stream's name and the fields it has.
    pub(super) fn channel(&self) -> Channel {
        match self.event {
            Some(b"trade") => Channel::Trade,
            Some(b"aggTrade") => Channel::AggTrade,
            Some(b"bookTicker") => Channel::BookTicker,
            Some(b"kline") => Channel::Kline,
            Some(b"forceOrder") => Channel::ForceOrder,
            Some(b"depthUpdate") | None if self.is_partial_depth() => Channel::PartialDepth,
            Some(b"depthUpdate") => Channel::Depth,
            None if self.last_update_id.is_some() && self.has_levels => Channel::RestImage,
            None if self.topic() == Some(b"bookTicker")
                || (self.bid.is_some() && self.ask.is_some()) =>
            {
                Channel::BookTicker
            }
            Some(_) | None => Channel::Other,
        }
    }

    /// Returns what follows the symbol in the stream's name.
    fn topic(&self) -> Option<&'a [u8]> {
        let stream = self.stream?;
        let at = memchr::memchr(b'@', stream)?;
        stream.get(at + 1..)
    }

    fn is_partial_depth(&self) -> bool {
        self.topic().is_some_and(|topic| {
            topic
                .strip_prefix(b"depth")
                .and_then(|rest| rest.first())
                .is_some_and(u8::is_ascii_digit)
        })
    }

    /// Returns whose frame it is: as its symbol says, else the name of its stream.
    pub(super) fn owner(&self, symbol: &Symbol) -> Owner<'a> {
        let ours = symbol.as_str().as_bytes();
        if let Some(named) = self.symbol.or(self.long_symbol) {
            return if named == ours {
                Owner::Asked
            } else if self.is_market_wide() {
                Owner::Market(Some(named))
            } else {
                Owner::Other(named)
            };
        }
        match self.stream_symbol() {
            None => Owner::Nobody,
            Some(_) if self.is_market_wide() => Owner::Market(None),
            Some(named) if named.eq_ignore_ascii_case(ours) => Owner::Asked,
            Some(named) => Owner::Other(named),
        }
    }

    /// Returns whether the frame is one of no stream: the answer to a request, as after subscribing.
    pub(super) const fn is_answer(&self) -> bool {
        self.is_answer
    }

    fn stream_symbol(&self) -> Option<&'a [u8]> {
        self.stream?.split(|b| *b == b'@').next()
    }

    /// Returns whether the stream is of all symbols of the market: `!forceOrder@arr`.
    fn is_market_wide(&self) -> bool {
        self.stream.is_some_and(|s| s.first() == Some(&b'!'))
    }

    /// Returns the named fields of the kline inside; `None` without one.
    pub(super) fn kline<const N: usize>(
        &self,
        names: &[&[u8]; N],
    ) -> Result<Option<[Option<&'a [u8]>; N]>, RowProblem> {
        self.kline.map(|text| pick(text, names)).transpose()
    }

    /// Returns the named fields of the forced order inside; `None` without one.
    pub(super) fn order<const N: usize>(
        &self,
        names: &[&[u8]; N],
    ) -> Result<Option<[Option<&'a [u8]>; N]>, RowProblem> {
        self.order.map(|text| pick(text, names)).transpose()
    }
}

/// Returns the named fields of an object.
fn pick<'a, const N: usize>(
    text: &'a [u8],
    names: &[&[u8]; N],
) -> Result<[Option<&'a [u8]>; N], RowProblem> {
    let mut out = [None; N];
    let mut json = Json::new(text);
    json.object()?;
    while let Some(key) = json.key()? {
        match names.iter().position(|n| *n == key) {
            Some(i) => {
                let value = scalar(&mut json)?;
                if let Some(slot) = out.get_mut(i) {
                    set(slot, value, "field of an inner object")?;
                }
            }
            None => json.skip()?,
        }
    }
    json.end()?;
    Ok(out)
}
