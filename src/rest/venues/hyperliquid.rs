//! Hyperliquid: `POST /info`.

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE};
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::hyperliquid::pages::{HyperliquidPages, PAGES_VERSION};
use serde_json::{Value, json};

use super::{Job, Unavailable, VenueCx};
use crate::rest::governor::HYPERLIQUID;
use crate::rest::pager::{Forward, Once, Pager, ms_before, ms_up};
use crate::rest::request::Request;

/// Weight of most `/info` requests.
const WEIGHT: u32 = 20;
/// Weight of a book.
const BOOK_WEIGHT: u32 = 2;
/// Elements of an answer to a range of time, at least; some answers have more.
const LIMIT: usize = 500;
/// Only so many bars of an interval are kept.
const BARS: i64 = 5_000;

/// Asks for a book: the venue has no clock of its own, and ours may be wrong.
pub(super) fn time_request(key: &InstrumentKey) -> Request {
    let body = json!({"type": "l2Book", "coin": key.symbol.as_str()});
    Request::post("/info", &body, HYPERLIQUID, BOOK_WEIGHT)
}

pub(super) fn terms_request(key: &InstrumentKey) -> Request {
    let body = universe("meta", key.symbol.as_str());
    Request::post("/info", &body, HYPERLIQUID, WEIGHT)
}

/// Returns a request of the universe that a coin is in: `dex:NAME` is in that of its builder.
fn universe(kind: &str, coin: &str) -> Value {
    let mut body = json!({"type": kind});
    if let Some((dex, _)) = coin.split_once(':') {
        body["dex"] = dex.into();
    }
    body
}

pub(super) fn job(cx: &VenueCx, dataset: Dataset, day: Day) -> Result<Job, Unavailable> {
    let (end, mut complete) = cx.end_of(day);
    let (from, until) = (ms_up(day.start().0), ms_before(end.0));
    let coin = cx.symbol();
    let mut stamped = false;
    let (route, pager): (&'static str, Box<dyn Pager>) = match dataset {
        Dataset::Klines1m => {
            let oldest = cx.now.plus(-BARS * MICROS_PER_MINUTE);
            if day.start() < oldest {
                return Err(Unavailable::TooOld {
                    route: "candleSnapshot",
                    reach: "5,000 bars",
                    oldest,
                    day,
                    hint: "the venue keeps no older bars; collect them from now on, or take its archive of fills",
                });
            }
            let request = move |from: i64, until: i64| {
                let body = json!({"type": "candleSnapshot", "req": {
                    "coin": coin, "interval": "1m", "startTime": from, "endTime": until}});
                Request::post("/info", &body, HYPERLIQUID, WEIGHT + 25)
            };
            let last_open = end.floor_minute().0 / 1_000 - 60_000;
            let pager = Forward::new(Box::new(request), (from, last_open), 1_000, 60_000, LIMIT);
            ("candleSnapshot", Box::new(pager))
        }
        Dataset::Funding => {
            let request = move |from: i64, until: i64| {
                let body = json!({"type": "fundingHistory", "coin": coin,
                    "startTime": from, "endTime": until});
                Request::post("/info", &body, HYPERLIQUID, WEIGHT)
            };
            let pager = Forward::new(Box::new(request), (from, until), 1_000, 1, LIMIT);
            ("fundingHistory", Box::new(pager))
        }
        Dataset::OpenInterest => {
            if complete {
                return Err(Unavailable::OnlyNow {
                    route: "metaAndAssetCtxs",
                    day,
                    hint: "take a sample now and then: each one adds a row to the day",
                });
            }
            complete = false;
            stamped = true;
            let body = universe("metaAndAssetCtxs", &coin);
            let request = Request::post("/info", &body, HYPERLIQUID, WEIGHT);
            ("metaAndAssetCtxs", Box::new(Once::new(request)))
        }
        _ => return Err(cx.no_route(dataset, &HyperliquidPages::DATASETS)),
    };
    let pages = HyperliquidPages {
        dataset,
        coin: cx.symbol(),
        closed_before: cx.now,
    };
    Ok(Job {
        source: cx.source(dataset, SourceKind::Rest, PAGES_VERSION, route, complete),
        pager,
        format: Box::new(move || Box::new(pages.clone())),
        stamped,
        // Samples of the present add to each other.
        adds: stamped,
        after: None,
        lost_before: None,
        latest: None,
        complete,
        notes: Vec::new(),
    })
}
