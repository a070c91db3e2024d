//! OKX v5: which paths are its own, its instruments' names and contract sizes, and its rate limits.
//!
//! REST under `/api/v5`, sockets `/ws/v5/{public,business}`. Swaps count in contracts. Archive files are the server's.
//! References: the venue's v5 documents and recorded frames of 2022.

mod history;
mod rest;
mod session;
mod streams;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quant_core::synth::SimMatch;
use quant_core::units::Step;
use quant_lake::venues::okx::encode::{InstType, Terms, TradeRow};
use quant_lake::venues::wire::{Digits, Level};

use super::super::limits::{Verdict, Window};
use super::super::venue::{Request, Response, RestCx, Session, VenueHandler};
use super::super::world::{Instrument, World};
use session::{OkxSession, Socket};

/// One instrument under OKX's name.
#[derive(Debug)]
struct Listed {
    terms: Terms,
    instrument: Arc<Instrument>,
    /// Coins per contract; `None` on spot.
    ct_val: Option<f64>,
    /// Quantity step in the venue's unit.
    lot: Step,
}

/// Decimals beyond which a quantity is rounding noise.
const QTY_DECIMALS: u8 = 9;

impl Listed {
    fn new(instrument: &Arc<Instrument>) -> Option<Self> {
        let (base, quote) = (&instrument.base, &instrument.quote);
        let (inst_id, inst_type, ct_val) = if instrument.is_perp {
            let value = crate::synth::okx::contract_value(base);
            (format!("{base}-{quote}-SWAP"), InstType::Swap, Some(value))
        } else {
            (format!("{base}-{quote}"), InstType::Spot, None)
        };
        let lot = instrument.params.lot_size.size() / ct_val.unwrap_or(1.0);
        let mut text = Vec::new();
        Digits::UpTo(QTY_DECIMALS).push(&mut text, lot);
        let lot: Step = String::from_utf8(text).ok()?.parse().ok()?;
        let decimals = |step| Digits::of(step, true).decimals();
        let tick = instrument.params.tick_size;
        Some(Self {
            terms: Terms::new(&inst_id, inst_type, decimals(tick), decimals(lot)),
            instrument: Arc::clone(instrument),
            ct_val,
            lot,
        })
    }

    /// Returns a quantity in the venue's unit.
    fn qty(&self, lots: i64) -> f64 {
        self.lot.value(lots)
    }

    fn levels(&self, levels: &[(i64, i64)]) -> Vec<Level> {
        let level =
            |(ticks, lots): &(i64, i64)| Level::new(self.instrument.price(*ticks), self.qty(*lots));
        levels.iter().map(level).collect()
    }

    /// Returns every match as a row of its own.
    fn fills(&self, matches: &[SimMatch]) -> Vec<TradeRow> {
        let row = |m: &SimMatch| TradeRow {
            trade_id: m.id,
            side: m.aggressor,
            price: self.instrument.price(m.price_ticks),
            qty: self.qty(m.qty_lots),
            ts_ms: m.ts.0.div_euclid(1_000),
            count: 1,
            source: 0,
            seq_id: m.update_id,
        };
        matches.iter().map(row).collect()
    }

    /// Returns one row per taker order and price; its id is that of the last match in it.
    fn trades(&self, matches: &[SimMatch]) -> Vec<TradeRow> {
        let row = |group: &[SimMatch]| {
            let last = group.last()?;
            Some(TradeRow {
                trade_id: last.id,
                side: last.aggressor,
                price: self.instrument.price(last.price_ticks),
                qty: self.qty(group.iter().map(|m| m.qty_lots).sum()),
                ts_ms: last.ts.0.div_euclid(1_000),
                count: u32::try_from(group.len()).unwrap_or(u32::MAX),
                source: 0,
                seq_id: last.update_id,
            })
        };
        matches
            .chunk_by(|a, b| a.agg_id == b.agg_id)
            .filter_map(row)
            .collect()
    }
}

/// The venue.
#[derive(Debug)]
pub struct Okx {
    listed: Arc<Vec<Arc<Listed>>>,
    /// One window per route and address; every client of a mock comes from this machine.
    windows: Mutex<BTreeMap<&'static str, Window>>,
    connections: AtomicU64,
}

impl Okx {
    /// Returns the venue for the instruments of a world.
    pub fn new(world: &World) -> Self {
        let listed = world.instruments().iter().filter_map(Listed::new);
        Self {
            listed: Arc::new(listed.map(Arc::new).collect()),
            windows: Mutex::new(BTreeMap::new()),
            connections: AtomicU64::new(0),
        }
    }

    fn find(&self, inst_id: &str) -> Option<&Arc<Listed>> {
        find(&self.listed, inst_id)
    }

    /// Returns whether the address is over a route's limit of `max` requests per `length_ms`.
    fn is_refused(&self, route: &'static str, (length_ms, max): (i64, u32), conn_ms: i64) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows
            .entry(route)
            .or_insert_with(|| Window::new(length_ms, max));
        !matches!(window.take(conn_ms, 1), Verdict::Ok(_))
    }
}

fn find<'a>(listed: &'a [Arc<Listed>], inst_id: &str) -> Option<&'a Arc<Listed>> {
    listed.iter().find(|l| l.terms.inst_id == inst_id)
}

impl VenueHandler for Okx {
    fn name(&self) -> &'static str {
        "okx"
    }

    fn claims(&self, path: &str) -> bool {
        path.starts_with("/api/v5/") || path.starts_with("/ws/v5/")
    }

    fn is_ws(&self, path: &str) -> bool {
        Socket::of(path).is_some()
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        rest::answer(self, request, cx)
    }

    fn open(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        let socket = Socket::of(request.path).ok_or_else(Response::not_found)?;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let conn_id = format!("{number:08x}");
        let listed = Arc::clone(&self.listed);
        Ok(Box::new(OkxSession::new(
            listed, socket, conn_id, cx.conn_ms,
        )))
    }
}

#[cfg(test)]
mod tests;
