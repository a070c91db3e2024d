//! Lines of JSON: books, recordings, pages.

use quant_core::market::Venue;

use super::Sniffed;
use crate::venues::capture::received_in_front;
use crate::venues::json::Json;
use crate::venues::pages::split_received;

/// Most lines that are looked at for one that tells the venue.
const LINES: usize = 400;

/// Tells what lines of JSON are; `None` if the first one is none.
pub(super) fn sniff(head: &[u8], first: &[u8]) -> Option<Sniffed> {
    let (received, body) = match received_in_front(first) {
        (None, _) => split_received(first),
        found => found,
    };
    // Of JSON over many lines the first one is a bracket.
    let body = if body.trim_ascii().len() <= 1 {
        head
    } else {
        body
    };
    let body = body.trim_ascii_start();
    match body.first() {
        Some(b'{' | b'[') => {}
        _ => return None,
    }
    let capture = received.is_none() && starts_as_capture(first);
    if received.is_some() || capture {
        let lines = head.split(|b| *b == b'\n').take(LINES);
        let mut venues = lines.filter_map(|line| {
            if capture {
                capture_venue(line)
            } else {
                venue_of(received_in_front(line).1)
            }
        });
        if let Some(venue) = venues.next() {
            return Some(Sniffed::Recording { venue, capture });
        }
        return Some(page(body));
    }
    if body.first() == Some(&b'[') {
        return Some(page(body));
    }
    let keys = keys_of(body);
    let has = |key: &str| keys.iter().any(|k| k == key);
    let topic = text_of(body, b"topic").unwrap_or_default();
    if let Some(rest) = topic.strip_prefix("orderbook.") {
        let mut parts = rest.splitn(2, '.');
        let depth = parts.next().and_then(|d| d.parse().ok());
        let symbol = parts.next().unwrap_or_default().to_owned();
        return Some(Sniffed::BybitBook { symbol, depth });
    }
    if has("asks") && has("bids") && (has("instId") || has("ts")) {
        return Some(Sniffed::OkxBook {
            inst_id: text_of(body, b"instId").unwrap_or_default(),
            actions: has("action"),
        });
    }
    if let Some(venue) = venue_of(body) {
        return Some(Sniffed::Recording {
            venue,
            capture: false,
        });
    }
    Some(page(body))
}

/// `{"t":"recv", ...}`.
fn starts_as_capture(line: &[u8]) -> bool {
    let known = ["header", "http", "connect", "send", "recv"];
    text_of(line, b"t").is_some_and(|t| known.contains(&t.as_str()))
}

/// Returns the venue of one line of a capture, if it tells.
fn capture_venue(line: &[u8]) -> Option<Venue> {
    let of_host = |url: &str| {
        let hosts = [
            ("binance", Venue::Binance),
            ("okx", Venue::Okx),
            ("okex", Venue::Okx),
            ("bybit", Venue::Bybit),
            ("hyperliquid", Venue::Hyperliquid),
            ("deepcoin", Venue::Deepcoin),
        ];
        let url = url.to_ascii_lowercase();
        let found = hosts.iter().find(|(host, _)| url.contains(host));
        found.map(|(_, venue)| *venue)
    };
    [&b"exchange"[..], b"addr", b"url", b"conn"]
        .into_iter()
        .find_map(|key| of_host(&text_of(line, key)?))
}

/// Returns the venue whose message this is, by its keys.
fn venue_of(body: &[u8]) -> Option<Venue> {
    let keys = keys_of(body);
    let has = |key: &str| keys.iter().any(|k| k == key);
    if has("stream") || has("e") || has("lastUpdateId") {
        Some(Venue::Binance)
    } else if has("arg") {
        Some(Venue::Okx)
    } else if has("topic") {
        Some(Venue::Bybit)
    } else if has("channel") {
        Some(Venue::Hyperliquid)
    } else {
        None
    }
}

/// Returns the venue of an answer, by its envelope.
fn page(body: &[u8]) -> Sniffed {
    let keys = keys_of(body);
    let has = |key: &str| keys.iter().any(|k| k == key);
    let venue = if has("retCode") {
        Some(Venue::Bybit)
    } else if has("code") && has("data") {
        // Deepcoin copied the envelope; it writes no spaces, and nothing else differs. OKX is the likelier one.
        Some(Venue::Okx)
    } else if body.first() == Some(&b'[') {
        let inner = body[1..].trim_ascii_start();
        if inner.starts_with(b"[") {
            Some(Venue::Binance)
        } else {
            let keys = keys_of(inner);
            let has = |key: &str| keys.iter().any(|k| k == key);
            if has("coin") || (has("t") && has("T") && has("s") && has("i")) {
                Some(Venue::Hyperliquid)
            } else if has("fundingTime") || has("sumOpenInterest") || (has("a") && has("f")) {
                Some(Venue::Binance)
            } else {
                None
            }
        }
    } else {
        None
    };
    match venue {
        Some(venue) => Sniffed::Pages { venue },
        None => Sniffed::Json { keys },
    }
}

/// Returns the keys of the object at the start, as far as it can be read; a cut line gives those before the cut.
pub(crate) fn keys_of(body: &[u8]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut json = Json::new(body);
    if json.object().is_err() {
        return keys;
    }
    while let Ok(Some(key)) = json.key() {
        keys.push(String::from_utf8_lossy(key).into_owned());
        if keys.len() >= 64 || json.skip().is_err() {
            break;
        }
    }
    keys
}

/// Returns the text of a field of the object at the start.
pub(crate) fn text_of(body: &[u8], name: &[u8]) -> Option<String> {
    let mut json = Json::new(body);
    json.object().ok()?;
    while let Ok(Some(key)) = json.key() {
        if key == name && json.next_byte() == Some(b'"') {
            let text = json.string().ok()?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        json.skip().ok()?;
    }
    None
}
