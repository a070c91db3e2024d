//! Hyperliquid: `POST /info` only; its coins, the weights of its answers and what it refuses.
//!
//! Perpetuals are known by their base currency and count in coins. The venue settles funding every hour at an eighth of
//! the rate of eight hours, so that its rates are made of the marks of the simulated instrument rather than of the
//! settlements that other venues show. Prices are those of the simulated book: the venue's rule of five significant
//! digits would make them another market's. References: the venue's documents of 2025.

mod info;

use std::sync::{Arc, Mutex, PoisonError};

use quant_core::time::{MICROS_PER_HOUR, UnixMicros};
use quant_lake::venues::hyperliquid::encode::{DECIMALS, FundingRow, Terms};
use quant_lake::venues::wire::Digits;

use super::super::limits::{Verdict, Window};
use super::super::venue::{Request, Response, RestCx, Session, VenueHandler};
use super::super::world::{Instrument, World};
use super::parts::ms;

/// Weight that an address may use in a minute.
const WEIGHT_PER_MINUTE: u32 = 1_200;

/// One perpetual under its coin.
#[derive(Debug)]
struct Listed {
    terms: Terms,
    instrument: Arc<Instrument>,
}

impl Listed {
    /// Returns a perpetual as the venue would list it; `None` for spot, and for steps finer than the venue has.
    fn new(instrument: &Arc<Instrument>) -> Option<Self> {
        let decimals = |step| Digits::of(step, false).decimals();
        let qty_decimals = decimals(instrument.params.lot_size);
        let price = decimals(instrument.params.tick_size);
        (instrument.is_perp && price + qty_decimals <= DECIMALS).then(|| Self {
            terms: Terms {
                coin: instrument.base.clone(),
                qty_decimals,
                max_leverage: 50,
            },
            instrument: Arc::clone(instrument),
        })
    }

    /// Returns the settlements known at `now`, ascending: one at every full hour whose last mark is still kept.
    fn settled(&self, now: UnixMicros) -> Vec<FundingRow> {
        let of = &self.instrument;
        let mut hour = of.oldest().floor_to(MICROS_PER_HOUR);
        let mut out = Vec::new();
        while hour <= now {
            // The stamps of the venue lie some milliseconds behind the hour, each time others.
            let late_ms = hour.0.div_euclid(MICROS_PER_HOUR).rem_euclid(97);
            let time_ms = ms(hour) + late_ms;
            if let Some(mark) = of.mark_at(hour.plus(-1)).filter(|_| time_ms <= ms(now)) {
                out.push(FundingRow {
                    time_ms,
                    rate: mark.predicted_funding / 8.0,
                    premium: mark.mark / mark.index - 1.0,
                });
            }
            hour = hour.plus(MICROS_PER_HOUR);
        }
        out
    }
}

/// The venue.
#[derive(Debug)]
pub struct Hyperliquid {
    listed: Vec<Listed>,
    window: Mutex<Window>,
}

impl Hyperliquid {
    /// Returns the venue for the instruments of a world; of two perpetuals of one coin it lists the first.
    pub fn new(world: &World) -> Self {
        let mut listed: Vec<Listed> = Vec::new();
        for instrument in world.instruments() {
            if !listed.iter().any(|l| l.terms.coin == instrument.base) {
                listed.extend(Listed::new(instrument));
            }
        }
        Self {
            listed,
            window: Mutex::new(Window::new(60_000, WEIGHT_PER_MINUTE)),
        }
    }

    fn find(&self, coin: &str) -> Option<&Listed> {
        self.listed.iter().find(|l| l.terms.coin == coin)
    }

    /// Counts a weight and returns whether the address is over its limit.
    fn is_over(&self, weight: u32, conn_ms: i64) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(window.take(conn_ms, weight), Verdict::Ok(_))
    }
}

impl VenueHandler for Hyperliquid {
    fn name(&self) -> &'static str {
        "hyperliquid"
    }

    fn claims(&self, path: &str) -> bool {
        path == "/info"
    }

    fn is_ws(&self, _: &str) -> bool {
        false
    }

    fn rest(&self, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
        if request.method == "POST" {
            info::answer(self, request.body, cx)
        } else {
            Response::text(405, "")
        }
    }

    fn open(&self, _: &Request<'_>, _: &RestCx<'_>) -> Result<Box<dyn Session>, Response> {
        Err(Response::not_found())
    }
}

#[cfg(test)]
mod tests;
