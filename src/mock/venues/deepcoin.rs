//! Deepcoin: REST pages only; its instruments' names, contract sizes and request limits.
//!
//! Swaps count in contracts of one lot. References: the venue's documents and recorded answers.

mod rest;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use quant_core::synth::SimMatch;
use quant_lake::venues::deepcoin::encode::{ProductGroup, Terms, TradeRow};
use quant_lake::venues::wire::{Digits, Level};

use super::super::limits::{Verdict, Window};
use super::super::venue::{Request, Response, RestCx, Session, VenueHandler};
use super::super::world::{Instrument, World};

/// One instrument under Deepcoin's name.
#[derive(Debug)]
struct Listed {
    terms: Terms,
    instrument: Arc<Instrument>,
}

impl Listed {
    fn new(instrument: &Arc<Instrument>) -> Self {
        let (base, quote) = (&instrument.base, &instrument.quote);
        let decimals = |step| Digits::of(step, true).decimals();
        let price = decimals(instrument.params.tick_size);
        // A contract is one lot, as the venue's BTC-USDT-SWAP of 0.001: quantities are whole.
        let terms = if instrument.is_perp {
            let group = if quote == "USD" {
                ProductGroup::Swap
            } else {
                ProductGroup::SwapU
            };
            Terms::new(&format!("{base}-{quote}-SWAP"), group, price, 0)
        } else {
            let qty = decimals(instrument.params.lot_size);
            Terms::new(&format!("{base}-{quote}"), ProductGroup::Spot, price, qty)
        };
        Self {
            terms,
            instrument: Arc::clone(instrument),
        }
    }

    fn is_spot(&self) -> bool {
        self.terms.group == ProductGroup::Spot
    }

    /// Returns a quantity in the venue's unit.
    fn qty(&self, lots: i64) -> f64 {
        if self.is_spot() {
            self.instrument.qty(lots)
        } else {
            lots as f64
        }
    }

    fn levels(&self, levels: &[(i64, i64)]) -> Vec<Level> {
        let level =
            |(ticks, lots): &(i64, i64)| Level::new(self.instrument.price(*ticks), self.qty(*lots));
        levels.iter().map(level).collect()
    }

    fn trade(&self, m: &SimMatch) -> TradeRow {
        TradeRow {
            trade_id: m.id,
            price: self.instrument.price(m.price_ticks),
            qty: self.qty(m.qty_lots),
            side: m.aggressor,
            ts_ms: m.ts.0.div_euclid(1_000),
        }
    }
}

/// The venue.
#[derive(Debug)]
pub struct Deepcoin {
    listed: Vec<Listed>,
    windows: Mutex<BTreeMap<&'static str, Window>>,
}

impl Deepcoin {
    /// Returns the venue for the instruments of a world.
    pub fn new(world: &World) -> Self {
        Self {
            listed: world.instruments().iter().map(Listed::new).collect(),
            windows: Mutex::new(BTreeMap::new()),
        }
    }

    /// Finds an instrument by its name, or by the form without dashes, which names the swap.
    fn find(&self, name: &str) -> Option<&Listed> {
        let bare = |l: &&Listed| {
            !l.is_spot() && format!("{}{}", l.instrument.base, l.instrument.quote) == name
        };
        self.listed
            .iter()
            .find(|l| l.terms.inst_id == name)
            .or_else(|| self.listed.iter().find(bare))
    }

    /// Returns whether the address is over a route's limit of `max` requests per second.
    fn is_refused(&self, route: &'static str, max: u32, conn_ms: i64) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows
            .entry(route)
            .or_insert_with(|| Window::new(1_000, max));
        !matches!(window.take(conn_ms, 1), Verdict::Ok(_))
    }
}

impl VenueHandler for Deepcoin {
    fn name(&self) -> &'static str {
        "deepcoin"
    }

    fn claims(&self, path: &str) -> bool {
        path.starts_with("/deepcoin/")
    }

    fn is_ws(&self, _: &str) -> bool {
        false
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        rest::answer(self, request, cx)
    }

    fn open(&self, _: &Request<'_>, _: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        Err(Response::not_found())
    }
}

#[cfg(test)]
mod tests;
