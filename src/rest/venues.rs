//! What each venue's REST history offers: routes, limits, how far back, and how a day of a dataset is asked for.
//!
//! References: the venues' documents of 2026 (`docs/formats.md` tells what of them is kept).

mod binance;
mod deepcoin;
mod hyperliquid;
mod okx;

use quant_core::market::{Instrument, InstrumentKey, Market, Venue};
use quant_core::time::{Day, UnixMicros};
use quant_lake::ingest::{HeldDay, PageSource};
use quant_lake::manifest::{IngestParams, SourceKind};
use quant_lake::schema::Dataset;
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::venues::pages::{PageError, PageFormat};

use super::pager::Pager;
use super::request::Request;

/// Makes a reader of the pages.
pub type MakeFormat = Box<dyn Fn() -> Box<dyn PageFormat> + Send + Sync>;

/// How one day of a dataset is fetched.
pub struct Job {
    /// What the rows will be.
    pub source: PageSource,
    /// What to ask.
    pub pager: Box<dyn Pager>,
    /// How to read it.
    pub format: MakeFormat,
    /// Lines of the page file begin with the time of receipt: rows have no time of their own.
    pub stamped: bool,
    /// The rows add to those the lake holds of the day; else they take their place.
    pub adds: bool,
    /// The largest id held of the day: rows go on from there, and a larger distance is a hole.
    pub after: Option<i64>,
    /// Part of the day, before this moment, cannot be asked for any more.
    pub lost_before: Option<UnixMicros>,
    /// The venue shows so many of its latest rows: if all of them are there, older ones may be missing.
    pub latest: Option<usize>,
    /// The day is over and everything of it was asked for: it need not be asked for again.
    pub complete: bool,
    /// Remarks for the report.
    pub notes: Vec<String>,
}

/// Why a day of a dataset is not asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The venue has no such route.
    #[error("{venue} has no REST history of {dataset} on {market}\nhint: it has {has}")]
    NoRoute {
        /// Venue.
        venue: &'static str,
        /// Market.
        market: Market,
        /// Dataset.
        dataset: Dataset,
        /// What it has.
        has: String,
    },
    /// The day lies before what the venue still shows.
    #[error("{route} reaches back {reach} only, to {oldest}; {day} begins earlier\nhint: {hint}")]
    TooOld {
        /// Route.
        route: &'static str,
        /// How far.
        reach: &'static str,
        /// The first instant still shown.
        oldest: UnixMicros,
        /// Day.
        day: Day,
        /// What to do instead.
        hint: &'static str,
    },
    /// The day has not begun.
    #[error("{day} has not begun: the venue's clock says {now}")]
    NotYet {
        /// Day.
        day: Day,
        /// The venue's clock.
        now: UnixMicros,
    },
    /// Only the present can be asked for.
    #[error("{route} shows the present only; {day} is over\nhint: {hint}")]
    OnlyNow {
        /// Route.
        route: &'static str,
        /// Day.
        day: Day,
        /// What to do instead.
        hint: &'static str,
    },
}

/// One instrument on its venue, at the venue's time.
#[derive(Clone, Debug)]
pub struct VenueCx {
    /// Which instrument.
    pub key: InstrumentKey,
    /// The venue's clock when the work began.
    pub now: UnixMicros,
    /// How long ago that was, microseconds: what was just within reach is out of it by now.
    pub age_us: i64,
    /// What quantities count.
    pub unit: QtyUnit,
}

impl VenueCx {
    fn symbol(&self) -> String {
        self.key.symbol.as_str().to_owned()
    }

    /// Returns the end of what can be asked for of a day, and whether that is all of it.
    fn end_of(&self, day: Day) -> (UnixMicros, bool) {
        (day.end().min(self.now), day.end() <= self.now)
    }

    /// Returns a description of the rows of a route.
    fn source(
        &self,
        dataset: Dataset,
        kind: SourceKind,
        parser_version: &'static str,
        route: &str,
        complete: bool,
    ) -> PageSource {
        let mut params = IngestParams::new();
        params.insert("route".to_owned(), route.into());
        // A day asked for before its end is another thing than the whole day.
        params.insert("complete".to_owned(), complete.into());
        match self.unit {
            QtyUnit::Base => {}
            QtyUnit::Linear { ctval } => {
                params.insert("base_per_contract".to_owned(), ctval.into());
            }
            QtyUnit::Inverse { usd } => {
                params.insert("quote_per_contract".to_owned(), usd.into());
            }
        }
        PageSource {
            key: self.key.clone(),
            dataset,
            kind,
            parser_version,
            params,
        }
    }

    fn no_route(&self, dataset: Dataset, has: &[Dataset]) -> Unavailable {
        let names: Vec<&str> = has.iter().map(|d| d.name()).collect();
        Unavailable::NoRoute {
            venue: self.key.exchange.venue.name(),
            market: self.key.market,
            dataset,
            has: names.join(", "),
        }
    }
}

/// Returns the host of a venue's market.
pub const fn default_host(venue: Venue, market: Market) -> Option<&'static str> {
    match (venue, market) {
        (Venue::Binance, Market::Um) => Some("https://fapi.binance.com"),
        (Venue::Binance, Market::Cm) => Some("https://dapi.binance.com"),
        (Venue::Binance, Market::Spot) => Some("https://api.binance.com"),
        (Venue::Okx, _) => Some("https://www.okx.com"),
        (Venue::Deepcoin, _) => Some("https://api.deepcoin.com"),
        (Venue::Hyperliquid, _) => Some("https://api.hyperliquid.xyz"),
        _ => None,
    }
}

/// Returns what is taken of a venue's history where the command names no datasets: minute bars, and the kind of trades it has.
pub const fn default_datasets(venue: Venue) -> &'static [Dataset] {
    match venue {
        Venue::Binance => &[Dataset::Klines1m, Dataset::AggTrades],
        // It has no history of trades.
        Venue::Hyperliquid => &[Dataset::Klines1m, Dataset::Funding],
        _ => &[Dataset::Klines1m, Dataset::Trades],
    }
}

/// Returns the request of the venue's clock.
pub fn time_request(key: &InstrumentKey) -> Option<Request> {
    match key.exchange.venue {
        Venue::Binance => Some(binance::time_request(key.market)),
        Venue::Okx => Some(okx::time_request()),
        Venue::Deepcoin => Some(deepcoin::time_request()),
        Venue::Hyperliquid => Some(hyperliquid::time_request(key)),
        _ => None,
    }
}

/// Reads the venue's clock.
///
/// # Errors
/// Another thing than the answer of [`time_request`].
pub fn read_time(venue: Venue, body: &[u8]) -> Result<UnixMicros, PageError> {
    match venue {
        Venue::Okx => quant_lake::venues::okx::pages::server_time(body),
        Venue::Deepcoin => quant_lake::venues::deepcoin::pages::server_time(body),
        Venue::Hyperliquid => quant_lake::venues::hyperliquid::pages::server_time(body),
        _ => quant_lake::venues::binance::pages::server_time(body),
    }
}

/// Returns the request of an instrument's terms.
pub fn terms_request(key: &InstrumentKey) -> Option<Request> {
    match key.exchange.venue {
        Venue::Binance => Some(binance::terms_request(key.market)),
        Venue::Okx => Some(okx::terms_request(key)),
        Venue::Deepcoin => Some(deepcoin::terms_request(key)),
        Venue::Hyperliquid => Some(hyperliquid::terms_request(key)),
        _ => None,
    }
}

/// Returns the request for the hours between settlements, where the terms do not say them.
pub fn interval_request(key: &InstrumentKey) -> Option<Request> {
    match (key.exchange.venue, key.market) {
        (Venue::Binance, Market::Um | Market::Cm) => Some(binance::interval_request(key.market)),
        _ => None,
    }
}

/// Reads the hours between settlements of an instrument; `None` if they are the venue's usual ones.
///
/// # Errors
/// `Shape`.
pub fn read_interval(body: &[u8], key: &InstrumentKey) -> Result<Option<u32>, PageError> {
    quant_lake::venues::binance::pages::funding_interval(body, key.symbol.as_str())
}

/// Reads an instrument's terms; `None` if it is not listed.
///
/// # Errors
/// Another thing than the answer of [`terms_request`].
pub fn read_terms(
    body: &[u8],
    key: &InstrumentKey,
    at: UnixMicros,
    fees_bps: (f64, f64),
) -> Result<Option<Instrument>, PageError> {
    use quant_lake::venues;
    match key.exchange.venue {
        Venue::Okx => venues::okx::pages::instrument(body, key, at, fees_bps),
        Venue::Deepcoin => venues::deepcoin::pages::instrument(body, key, at, fees_bps),
        Venue::Hyperliquid => venues::hyperliquid::pages::instrument(body, key, at, fees_bps),
        _ => venues::binance::pages::instrument(body, key, at, fees_bps),
    }
}

/// Returns whether quantities of an instrument count contracts, so that its terms are needed.
pub fn needs_contract(key: &InstrumentKey) -> bool {
    match key.exchange.venue {
        Venue::Okx | Venue::Deepcoin => key.market != Market::Spot,
        Venue::Binance => key.market == Market::Cm,
        _ => false,
    }
}

/// Returns how a day of a dataset is fetched, of which the lake may hold a part.
///
/// # Errors
/// `Unavailable`: the venue does not have it, any more or yet.
pub fn job(
    cx: &VenueCx,
    dataset: Dataset,
    day: Day,
    held: Option<&HeldDay>,
) -> Result<Job, Unavailable> {
    if day.start() >= cx.now {
        return Err(Unavailable::NotYet { day, now: cx.now });
    }
    match cx.key.exchange.venue {
        Venue::Binance => binance::job(cx, dataset, day, held),
        Venue::Okx => okx::job(cx, dataset, day),
        Venue::Deepcoin => deepcoin::job(cx, dataset, day, held),
        Venue::Hyperliquid => hyperliquid::job(cx, dataset, day),
        _ => Err(cx.no_route(dataset, &[])),
    }
}

#[cfg(test)]
mod tests;
