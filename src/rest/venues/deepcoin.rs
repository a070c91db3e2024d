//! Deepcoin: recent candles and trades, historical trades without sizes, funding.

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::Day;
use quant_lake::ingest::HeldDay;
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::deepcoin::pages::{DeepcoinPages, PAGES_VERSION, Route};

use super::{Job, Unavailable, VenueCx};
use crate::rest::governor::{DEEPCOIN, DEEPCOIN_SLOW};
use crate::rest::pager::{Backward, Forward, Numbered, Once, Pager, ms_before, ms_up};
use crate::rest::request::Request;

/// Rows of a candle page.
const CANDLES: usize = 300;
/// Rows of a page of history.
const HISTORY: usize = 2_000;
/// The latest trades, with their sizes: no more are shown.
const LATEST: usize = 500;
/// Parameter of trades without sizes.
const PRICES_ONLY: &str = "prices_only";
/// What becomes of trades with sizes.
const KEPT: &str = "the trades held of this day have sizes and are kept: history has prices only and does not take their place";
/// Rows of a page of funding.
const FUNDING: usize = 100;

pub(super) fn time_request() -> Request {
    Request::get("/deepcoin/market/time", DEEPCOIN, 1)
}

pub(super) fn terms_request(key: &InstrumentKey) -> Request {
    let kind = match key.market {
        Market::Spot => "SPOT",
        _ => "SWAP",
    };
    Request::get("/deepcoin/market/instruments", DEEPCOIN, 1).with("instType", kind)
}

/// Returns the group of products an instrument is listed in.
fn product_group(key: &InstrumentKey) -> &'static str {
    match key.market {
        Market::Spot => "Spot",
        _ if key.symbol.as_str().contains("-USD-") => "Swap",
        _ => "SwapU",
    }
}

pub(super) fn job(
    cx: &VenueCx,
    dataset: Dataset,
    day: Day,
    held: Option<&HeldDay>,
) -> Result<Job, Unavailable> {
    // A day is made of trades with sizes or of prices only. Sizes that are held cannot be had again.
    let sized = held.filter(|h| h.rows > 0 && !h.params.contains_key(PRICES_ONLY));
    let (end, complete) = cx.end_of(day);
    let (from, before) = (ms_up(day.start().0), ms_before(end.0) + 1);
    let id = cx.symbol();
    let mut notes = Vec::new();
    let (route, name, pager): (Route, &'static str, Box<dyn Pager>) = match dataset {
        Dataset::Klines1m => {
            let request = move |before: i64| {
                Request::get("/deepcoin/market/candles", DEEPCOIN, 1)
                    .with("instId", &id)
                    .with("bar", "1m")
                    .with("limit", CANDLES)
                    .with("after", before)
            };
            let pager = Backward::new(Box::new(request), from, before);
            (Route::Candles, "candles", Box::new(pager))
        }
        Dataset::Trades if complete && sized.is_none() => {
            notes.push("history has no sizes: quantities are 0, good for prices only".to_owned());
            let request = move |from: i64, until: i64| {
                Request::get("/deepcoin/market/handicap-trade", DEEPCOIN_SLOW, 1)
                    .with("symbol", &id)
                    .with("stime", from)
                    .with("etime", until)
                    .with("limit", HISTORY)
            };
            let range = (from.div_euclid(1_000), (before - 1).div_euclid(1_000));
            let pager = Forward::new(Box::new(request), range, 1_000_000, 0, HISTORY).as_told();
            (Route::OldTrades, "handicap-trade", Box::new(pager))
        }
        Dataset::Trades => {
            if complete {
                // The latest ones may still reach into yesterday.
                if day.plus(1) < cx.now.day() {
                    return Err(Unavailable::TooOld {
                        route: "trades",
                        reach: "500 trades",
                        oldest: cx.now.day().plus(-1).start(),
                        day,
                        hint: KEPT,
                    });
                }
                notes.push(KEPT.to_owned());
            }
            notes.push("the venue shows its latest 500 trades only, not the whole day".to_owned());
            let request = Request::get("/deepcoin/market/trades", DEEPCOIN_SLOW, 1)
                .with("instId", &id)
                .with("productGroup", product_group(&cx.key))
                .with("limit", LATEST);
            (Route::Trades, "trades", Box::new(Once::new(request)))
        }
        Dataset::Funding if cx.key.market != Market::Spot => {
            let request = move |page: i64| {
                Request::get("/deepcoin/trade/fund-rate/history", DEEPCOIN, 1)
                    .with("instId", &id)
                    .with("page", page)
                    .with("size", FUNDING)
            };
            let pager = Numbered::new(Box::new(request), FUNDING, from);
            (Route::Funding, "fund-rate/history", Box::new(pager))
        }
        _ => {
            let has = [Dataset::Klines1m, Dataset::Trades, Dataset::Funding];
            let n = if cx.key.market == Market::Spot { 2 } else { 3 };
            return Err(cx.no_route(dataset, &has[..n]));
        }
    };
    let pages = DeepcoinPages {
        route,
        inst_id: cx.symbol(),
        unit: cx.unit,
        closed_before: cx.now,
    };
    let mut source = cx.source(dataset, SourceKind::Deepcoin, PAGES_VERSION, name, complete);
    if route == Route::OldTrades {
        source.params.insert(PRICES_ONLY.to_owned(), true.into());
    }
    let is_latest = route == Route::Trades;
    Ok(Job {
        source,
        pager,
        format: Box::new(move || Box::new(pages.clone())),
        stamped: false,
        adds: is_latest,
        after: sized.filter(|_| is_latest).and_then(|h| h.last_id),
        lost_before: None,
        latest: is_latest.then_some(LATEST),
        complete,
        notes,
    })
}
