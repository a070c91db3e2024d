//! Which streams a recording holds: channel and instrument of every message, by its envelope.

use std::collections::BTreeMap;

use quant_core::market::Venue;
use quant_core::time::UnixMicros;
use serde::Serialize;

use super::measure::{Counts, Times};
use crate::venues::json::Json;
use crate::venues::rows::{RowProblem, excerpt};
use crate::venues::stamp::parse_stamp;

/// Streams that are counted apart.
const MAX_CHANNELS: usize = 4_096;

/// Messages of one channel and instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelSummary {
    /// Channel, or dataset of rows.
    pub channel: String,
    /// Instrument, if the message names one.
    pub instrument: String,
    /// Messages or rows.
    pub count: u64,
    /// First venue time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<UnixMicros>,
    /// Last venue time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<UnixMicros>,
}

impl ChannelSummary {
    pub(super) fn rows(channel: &str, instrument: &str, count: u64) -> Self {
        Self {
            channel: channel.to_owned(),
            instrument: instrument.to_owned(),
            count,
            first: None,
            last: None,
        }
    }
}

/// What the envelope of a message says.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) channel: Vec<u8>,
    pub(super) instrument: Vec<u8>,
    pub(super) ts: Option<i64>,
    pub(super) data: Option<&'a [u8]>,
    /// Futures depth names the id before (`pu`).
    pub(super) has_pu: bool,
    /// A book image that a recorder asked for.
    pub(super) is_image: bool,
}

/// Reads the envelope of a message; `None` for what is no JSON object.
pub(super) fn envelope(venue: Venue, body: &[u8]) -> Option<Envelope<'_>> {
    let mut out = Envelope::default();
    let mut json = Json::new(body);
    json.object().ok()?;
    let mut event = None;
    let mut ids = false;
    while let Some(key) = json.key().ok()? {
        let text = json.next_byte() == Some(b'"');
        match key {
            b"stream" | b"channel" | b"topic" if text => {
                out.channel = json.string().ok()?.to_vec();
            }
            b"e" | b"event" | b"op" if text => event = Some(json.string().ok()?),
            b"data" => out.data = Some(json.value().ok()?),
            b"arg" => {
                let arg = json.value().ok()?;
                argument(arg, &mut out);
            }
            b"s" if text && venue == Venue::Binance => {
                out.instrument = json.string().ok()?.to_vec();
            }
            b"E" | b"ts" => out.ts = stamp(&mut json).ok()?,
            b"pu" => {
                out.has_pu = true;
                json.skip().ok()?;
            }
            b"lastUpdateId" => {
                ids = true;
                json.skip().ok()?;
            }
            _ => json.skip().ok()?,
        }
    }
    let data = out.data.unwrap_or(body);
    match venue {
        Venue::Binance => binance(data, &mut out, ids),
        Venue::Bybit => {
            if let Some(dot) = out.channel.iter().rposition(|b| *b == b'.') {
                out.instrument = out.channel.split_off(dot + 1);
                out.channel.pop();
            }
        }
        Venue::Okx => first_of(data, &mut out, &[]),
        _ => first_of(data, &mut out, &[b"coin", b"s"]),
    }
    if let (Some(event), None, Venue::Okx) = (event, out.data, venue) {
        // The answer to a subscription names the channel too.
        out.channel = [b"(", event, b")"].concat();
    }
    if out.channel.is_empty() {
        out.channel = match (event, out.is_image) {
            (_, true) => b"REST image".to_vec(),
            (Some(event), _) => event.to_vec(),
            (None, _) => b"(other)".to_vec(),
        };
    }
    Some(out)
}

/// Reads a time; `None` for what is none.
fn stamp(json: &mut Json<'_>) -> Result<Option<i64>, RowProblem> {
    if !matches!(json.next_byte(), Some(b'"' | b'0'..=b'9')) {
        json.skip()?;
        return Ok(None);
    }
    Ok(parse_stamp(json.number_text()?).map(|(ts, _)| ts))
}

/// OKX: `"arg":{"channel":..,"instId":..}`.
fn argument(arg: &[u8], out: &mut Envelope<'_>) {
    let mut json = Json::new(arg);
    if json.object().is_err() {
        return;
    }
    while let Ok(Some(key)) = json.key() {
        let slot = match key {
            b"channel" => &mut out.channel,
            b"instId" | b"instFamily" | b"uly" => &mut out.instrument,
            _ => {
                if json.skip().is_err() {
                    return;
                }
                continue;
            }
        };
        match json.string() {
            Ok(text) => *slot = text.to_vec(),
            Err(_) => return,
        }
    }
}

/// Binance: `"stream":"btcusdt@depth@100ms"`; the image is the bare answer of the depth route.
fn binance(data: &[u8], out: &mut Envelope<'_>, ids: bool) {
    let at = out.channel.iter().position(|b| *b == b'@');
    let in_stream = at.map(|at| {
        let name = out.channel[..at].to_ascii_uppercase();
        out.channel.drain(..=at);
        name
    });
    let mut json = Json::new(data);
    if json.object().is_err() {
        return;
    }
    let (mut bids, mut image) = (false, ids);
    let mut event = None;
    while let Ok(Some(key)) = json.key() {
        let done = match key {
            b"s" => json.string().map(|s| out.instrument = s.to_vec()),
            b"e" => json.string().map(|e| event = Some(e.to_vec())),
            b"E" => stamp(&mut json).map(|ts| out.ts = out.ts.or(ts)),
            b"T" if out.ts.is_none() => stamp(&mut json).map(|ts| out.ts = ts),
            b"pu" => {
                out.has_pu = true;
                json.skip()
            }
            b"lastUpdateId" => {
                image = true;
                json.skip()
            }
            b"bids" => {
                bids = true;
                json.skip()
            }
            _ => json.skip(),
        };
        if done.is_err() {
            return;
        }
    }
    out.is_image = image && bids && out.channel.is_empty();
    if let Some(name) = in_stream
        && out.instrument.is_empty()
    {
        out.instrument = name;
    }
    if out.channel.is_empty()
        && let Some(event) = event
    {
        out.channel = event;
    }
}

/// Takes instrument and time from the first object of the data.
fn first_of(data: &[u8], out: &mut Envelope<'_>, names: &[&[u8]]) {
    let mut json = Json::new(data);
    if json.next_byte() == Some(b'[')
        && (json.array().is_err() || !matches!(json.element(), Ok(true)))
    {
        return;
    }
    if json.object().is_err() {
        return;
    }
    while let Ok(Some(key)) = json.key() {
        let done = match key {
            b"ts" | b"time" if out.ts.is_none() => stamp(&mut json).map(|ts| out.ts = ts),
            key if names.contains(&key) && json.next_byte() == Some(b'"') => {
                json.string().map(|s| out.instrument = s.to_vec())
            }
            _ => json.skip(),
        };
        if done.is_err() {
            return;
        }
    }
}

/// Messages of every stream, and how late they were received.
#[derive(Debug, Default)]
pub(super) struct Channels {
    streams: BTreeMap<(Vec<u8>, Vec<u8>), Times>,
    left_out: u64,
    pub(super) lag: Counts,
}

impl Channels {
    pub(super) fn see(&mut self, envelope: &Envelope<'_>, received: Option<i64>) {
        let key = (envelope.channel.clone(), envelope.instrument.clone());
        let full = self.streams.len() >= MAX_CHANNELS;
        if full && !self.streams.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let times = self.streams.entry(key).or_default();
        match envelope.ts {
            Some(ts) => {
                times.see(ts);
                if let Some(received) = received {
                    self.lag.add(received - ts);
                }
            }
            None => times.n += 1,
        }
    }

    /// Returns the instrument with most messages.
    pub(super) fn busiest(&self) -> Vec<(String, u64)> {
        let mut by: BTreeMap<&[u8], u64> = BTreeMap::new();
        for ((_, instrument), times) in &self.streams {
            if !instrument.is_empty() {
                *by.entry(instrument).or_default() += times.n;
            }
        }
        let mut all: Vec<(String, u64)> = by
            .into_iter()
            .map(|(name, n)| (String::from_utf8_lossy(name).into_owned(), n))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    }

    pub(super) fn summaries(&self) -> Vec<ChannelSummary> {
        let streams = self.streams.iter();
        let mut all: Vec<ChannelSummary> = streams
            .map(|((channel, instrument), times)| ChannelSummary {
                channel: excerpt(channel, 64),
                instrument: excerpt(instrument, 64),
                count: times.n,
                first: times.first_at(),
                last: times.last_at(),
            })
            .collect();
        if self.left_out > 0 {
            all.push(ChannelSummary::rows("(further streams)", "", self.left_out));
        }
        all
    }
}
