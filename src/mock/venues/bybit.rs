//! Bybit v5: which paths are its own, its instruments' names, and its one rate limit.
//!
//! REST under `/v5/market`, sockets `/v5/public/{linear,spot}`. Archive files and their listings are the server's.
//! References: the venue's v5 documents and recorded frames of 2026.

mod rest;
mod session;
mod streams;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quant_core::market::Side;
use quant_core::synth::SimMatch;
use quant_lake::venues::bybit::encode::{Category, Terms, TickDirection, TickTracker, TradeRow};
use quant_lake::venues::wire::{Digits, Level};

use super::super::limits::{Verdict, Window};
use super::super::venue::{Request, Response, RestCx, Session, VenueHandler};
use super::super::world::{Instrument, World};
use session::BybitSession;

/// 600 requests per 5 s and address; then 403 for ten minutes.
const LIMIT: (i64, u32) = (5_000, 600);
const BAN_MS: i64 = 600_000;

/// Spot trade ids have nineteen digits.
const SPOT_IDS_FROM: i64 = 2_290_000_000_000_000_000;

/// One instrument under Bybit's name.
#[derive(Debug)]
struct Listed {
    terms: Terms,
    instrument: Arc<Instrument>,
}

impl Listed {
    fn new(instrument: &Arc<Instrument>) -> Option<Self> {
        let category = if instrument.is_perp {
            Category::Linear
        } else {
            Category::Spot
        };
        let symbol = format!("{}{}", instrument.base, instrument.quote);
        let decimals = |step| Digits::of(step, true).decimals();
        let params = &instrument.params;
        Some(Self {
            terms: Terms::new(
                symbol.parse().ok()?,
                category,
                decimals(params.tick_size),
                decimals(params.lot_size),
            ),
            instrument: Arc::clone(instrument),
        })
    }

    fn levels(&self, levels: &[(i64, i64)]) -> Vec<Level> {
        let of = &self.instrument;
        let level = |(ticks, lots): &(i64, i64)| Level::new(of.price(*ticks), of.qty(*lots));
        levels.iter().map(level).collect()
    }

    fn trade(&self, m: &SimMatch, tick: TickDirection) -> TradeRow {
        let id = match self.terms.category {
            Category::Spot => SPOT_IDS_FROM + m.id,
            Category::Linear | Category::Inverse => m.id,
        };
        TradeRow {
            ts_us: m.ts.0,
            price: self.instrument.price(m.price_ticks),
            qty: self.instrument.qty(m.qty_lots),
            side: m.aggressor,
            tick,
            id,
            seq: m.update_id,
            is_block: false,
            is_rpi: false,
        }
    }

    /// Returns the rows of matches in their order.
    fn trades(&self, matches: &[SimMatch], tracker: &mut TickTracker) -> Vec<TradeRow> {
        let of = &self.instrument;
        let row = |m: &SimMatch| self.trade(m, tracker.next(of.price(m.price_ticks)));
        matches.iter().map(row).collect()
    }
}

/// Returns the side of the position that a forced order closes.
const fn liquidated(order: Side) -> Side {
    match order {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

/// Returns the length of an interval's name in minutes; `D` and `W` are a day and a week.
fn interval_minutes(name: &str) -> Option<i64> {
    Some(match name {
        "1" | "3" | "5" | "15" | "30" | "60" | "120" | "240" | "360" | "720" => {
            name.parse().ok()?
        }
        "D" => 1_440,
        "W" => 7 * 1_440,
        _ => return None,
    })
}

/// The venue.
#[derive(Debug)]
pub struct Bybit {
    listed: Arc<Vec<Arc<Listed>>>,
    window: Mutex<Window>,
    connections: AtomicU64,
}

impl Bybit {
    /// Returns the venue for the instruments of a world.
    pub fn new(world: &World) -> Self {
        let listed = world.instruments().iter().filter_map(Listed::new);
        Self {
            listed: Arc::new(listed.map(Arc::new).collect()),
            window: Mutex::new(Window::new(LIMIT.0, LIMIT.1).with_bans(0, BAN_MS, BAN_MS)),
            connections: AtomicU64::new(0),
        }
    }

    fn find(&self, category: Category, symbol: &str) -> Option<&Arc<Listed>> {
        find(&self.listed, category, symbol)
    }

    /// Returns whether the address is over its limit.
    fn is_refused(&self, conn_ms: i64) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(window.take(conn_ms, 1), Verdict::Ok(_))
    }
}

fn find<'a>(
    listed: &'a [Arc<Listed>],
    category: Category,
    symbol: &str,
) -> Option<&'a Arc<Listed>> {
    listed
        .iter()
        .find(|l| l.terms.category == category && l.terms.symbol.as_str() == symbol)
}

/// Returns the category of a socket path.
fn category_of(path: &str) -> Option<Category> {
    match path.strip_prefix("/v5/public/")?.trim_end_matches('/') {
        "linear" => Some(Category::Linear),
        "inverse" => Some(Category::Inverse),
        "spot" => Some(Category::Spot),
        _ => None,
    }
}

impl VenueHandler for Bybit {
    fn name(&self) -> &'static str {
        "bybit"
    }

    fn claims(&self, path: &str) -> bool {
        path.starts_with("/v5/")
    }

    fn is_ws(&self, path: &str) -> bool {
        category_of(path).is_some()
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        rest::answer(self, request, cx)
    }

    fn open(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        let category = category_of(request.path).ok_or_else(Response::not_found)?;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let conn_id = format!("sim-{number:08x}");
        let listed = Arc::clone(&self.listed);
        Ok(Box::new(BybitSession::new(
            listed, category, conn_id, cx.conn_ms,
        )))
    }
}

#[cfg(test)]
mod tests;
