//! Binance: which paths are its own, its instruments' names, and the weights of its REST routes.
//!
//! USD-M futures (`/fapi`, `/futures/data`, `/public/{ws,stream}`, `/market/{ws,stream}`, and the retired `/um/{ws,stream}`)
//! and spot (`/api/v3`, `/ws`, `/stream`). References: the venue's REST and WebSocket documents of 2026.

mod pages;
mod rest;
mod session;
mod streams;

use std::sync::{Arc, Mutex, PoisonError};

use quant_core::market::{Market, Symbol};
use quant_lake::venues::binance::encode::{
    Decimals, RestEncoder, StreamEncoder, decimals_of, um_update_id,
};

use super::super::limits::{Verdict, Window, retry_after_s};
use super::super::venue::{Request, Response, RestCx, Session, VenueHandler};
use super::super::world::{Instrument, World};
pub(crate) use rest::error;
use session::{BinanceSession, Route};

/// Requests over the limit before the address is banned.
const PATIENCE: u32 = 10;
/// First ban and longest ban: two minutes to three days.
const BAN_MS: (i64, i64) = (120_000, 3 * 86_400_000);

/// One instrument under Binance's name.
#[derive(Debug)]
struct Listed {
    market: Market,
    symbol: Symbol,
    decimals: Decimals,
    instrument: Arc<Instrument>,
    stream: StreamEncoder,
    rest: RestEncoder,
}

impl Listed {
    fn new(instrument: &Arc<Instrument>) -> Option<Self> {
        let market = if instrument.is_perp {
            Market::Um
        } else {
            Market::Spot
        };
        let name = format!("{}{}", instrument.base, instrument.quote);
        let symbol: Symbol = name.parse().ok()?;
        let decimals = if instrument.is_perp {
            // The venue pads futures prices to one digit more than the tick needs: BTCUSDT has tick 0.10 and 61800.30.
            Decimals {
                price: decimals_of(instrument.price(1)).saturating_add(1),
                qty: decimals_of(instrument.qty(1)),
            }
        } else {
            Decimals::SPOT
        };
        Some(Self {
            stream: StreamEncoder::new(market, &symbol, decimals).ok()?,
            rest: RestEncoder::new(market, &symbol, decimals)
                .ok()?
                .with_rpi_keys(),
            market,
            symbol,
            decimals,
            instrument: Arc::clone(instrument),
        })
    }

    /// Returns the id the venue gives a book message: from a counter of the whole venue on futures, the symbol's own on spot.
    fn update_id(&self, message_id: i64) -> i64 {
        match self.market {
            Market::Spot => message_id,
            _ => um_update_id(message_id),
        }
    }

    /// Returns levels as the encoders want them.
    fn levels(&self, levels: impl Iterator<Item = (i64, i64)>) -> Vec<(f64, f64)> {
        levels
            .map(|(ticks, lots)| (self.instrument.price(ticks), self.instrument.qty(lots)))
            .collect()
    }
}

/// Request weights of one address: every client of a mock comes from this machine.
#[derive(Debug)]
struct Weights {
    um: Window,
    spot: Window,
    /// `/futures/data`: requests, not weight.
    data: Window,
    /// `fundingRate` and `fundingInfo` share their own bucket.
    funding: Window,
}

/// The venue.
#[derive(Debug)]
pub struct Binance {
    listed: Arc<Vec<Arc<Listed>>>,
    weights: Mutex<Weights>,
}

impl Binance {
    /// Returns the venue for the instruments of a world.
    pub fn new(world: &World) -> Self {
        let listed = world.instruments().iter().filter_map(Listed::new);
        let with_bans = |w: Window| w.with_bans(PATIENCE, BAN_MS.0, BAN_MS.1);
        Self {
            listed: Arc::new(listed.map(Arc::new).collect()),
            weights: Mutex::new(Weights {
                um: with_bans(Window::new(60_000, 2_400)),
                spot: with_bans(Window::new(60_000, 6_000)),
                data: Window::new(300_000, 1_000),
                funding: Window::new(300_000, 500),
            }),
        }
    }

    fn find(&self, market: Market, symbol: &str) -> Option<&Arc<Listed>> {
        self.listed
            .iter()
            .find(|l| l.market == market && l.symbol.as_str() == symbol)
    }

    /// Counts the weight; the answer that refuses the request if it is over a limit.
    fn charge(&self, bucket: Bucket, weight: u32, conn_ms: i64) -> Result<u32, Box<Response>> {
        let mut weights = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match bucket {
            Bucket::Um => &mut weights.um,
            Bucket::Spot => &mut weights.spot,
            Bucket::Data => &mut weights.data,
            Bucket::Funding => &mut weights.funding,
        };
        let max = window.max();
        let (status, wait, text) = match window.take(conn_ms, weight) {
            Verdict::Ok(used) => {
                // Routes with a bucket of their own do not count against the weight, but report it.
                return Ok(match bucket {
                    Bucket::Um | Bucket::Spot => used,
                    Bucket::Data | Bucket::Funding => weights.um.used(conn_ms),
                });
            }
            Verdict::TooMany(wait) => (
                429,
                wait,
                format!(
                    "Too many requests; current limit of IP(127.0.0.1) is {max} requests per minute. Please use the websocket for live updates to avoid polling the API."
                ),
            ),
            Verdict::Banned(wait) => (
                418,
                wait,
                format!(
                    "Way too many requests; IP(127.0.0.1) banned until {}. Please use the websocket for live updates to avoid bans.",
                    conn_ms + wait
                ),
            ),
        };
        let used = window.used(conn_ms);
        drop(weights);
        Err(Box::new(
            error(status, -1003, &text)
                .header("retry-after", retry_after_s(wait).to_string())
                .header("x-mbx-used-weight-1m", used.to_string()),
        ))
    }
}

/// Which limit a route counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bucket {
    Um,
    Spot,
    Data,
    Funding,
}

impl VenueHandler for Binance {
    fn name(&self) -> &'static str {
        "binance"
    }

    fn claims(&self, path: &str) -> bool {
        let path = rest::without_prefix(path);
        ["/fapi/", "/futures/data/", "/api/v3/"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
            || self.is_ws(path)
    }

    fn is_ws(&self, path: &str) -> bool {
        Route::of(path, "").is_some()
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        rest::answer(self, request, cx)
    }

    fn open(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        let route = Route::of(request.path, request.host).ok_or_else(Response::not_found)?;
        let session = BinanceSession::new(Arc::clone(&self.listed), route, request, cx);
        Ok(Box::new(session))
    }
}

#[cfg(test)]
mod tests;
