//! Binance: USD-M and coin-margined futures, spot.

use quant_core::market::Market;
use quant_core::time::{Day, MICROS_PER_DAY, MICROS_PER_HOUR, UnixMicros};
use quant_lake::ingest::HeldDay;
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::binance::pages::{BinancePages, PAGES_VERSION};

use super::{Job, Unavailable, VenueCx};
use crate::rest::governor::{BINANCE_DATA, BINANCE_FUNDING, BINANCE_SPOT_WEIGHT, BINANCE_WEIGHT};
use crate::rest::pager::{
    AggBack, AggForward, AggRoute, Backward, Forward, Pager, ms_before, ms_up,
};
use crate::rest::request::Request;

/// `aggTrades` of futures go back one day since 2026.
const AGG_REACH_US: i64 = MICROS_PER_DAY;
/// So much of it is given up: a request that comes too late is refused whole.
const AGG_MARGIN_US: i64 = 10_000_000;
/// `/futures/data` goes back 30 days.
const DATA_REACH_US: i64 = 30 * MICROS_PER_DAY;
/// How long before a day its first settlement may have had its predecessor.
const FUNDING_BEFORE_US: i64 = 25 * MICROS_PER_HOUR;
/// Rows of an `openInterestHist` page.
const DATA_LIMIT: usize = 500;
/// Rows of a `fundingRate` page.
const FUNDING_LIMIT: usize = 1_000;

const fn prefix(market: Market) -> &'static str {
    match market {
        Market::Spot => "/api/v3",
        Market::Cm => "/dapi/v1",
        _ => "/fapi/v1",
    }
}

const fn bucket(market: Market) -> &'static str {
    match market {
        Market::Spot => BINANCE_SPOT_WEIGHT,
        _ => BINANCE_WEIGHT,
    }
}

pub(super) fn time_request(market: Market) -> Request {
    Request::get(format!("{}/time", prefix(market)), bucket(market), 1)
}

pub(super) fn terms_request(market: Market) -> Request {
    // Spot asks 20 for all symbols; one symbol would do there, but the futures' route takes none.
    let weight = if market == Market::Spot { 20 } else { 1 };
    Request::get(
        format!("{}/exchangeInfo", prefix(market)),
        bucket(market),
        weight,
    )
}

pub(super) fn interval_request(market: Market) -> Request {
    Request::get(
        format!("{}/fundingInfo", prefix(market)),
        BINANCE_FUNDING,
        1,
    )
}

fn agg_route(cx: &VenueCx) -> AggRoute {
    let market = cx.key.market;
    AggRoute {
        path: match market {
            Market::Spot => "/api/v3/aggTrades",
            Market::Cm => "/dapi/v1/aggTrades",
            _ => "/fapi/v1/aggTrades",
        },
        symbol: cx.symbol(),
        bucket: bucket(market),
        weight: if market == Market::Spot { 4 } else { 20 },
    }
}

pub(super) fn job(
    cx: &VenueCx,
    dataset: Dataset,
    day: Day,
    held: Option<&HeldDay>,
) -> Result<Job, Unavailable> {
    let market = cx.key.market;
    let (end, complete) = cx.end_of(day);
    let (from, until) = (ms_up(day.start().0), ms_before(end.0));
    let is_spot = market == Market::Spot;
    let has: &[Dataset] = if is_spot {
        &[Dataset::Klines1m, Dataset::AggTrades]
    } else {
        &BinancePages::DATASETS
    };
    if !has.contains(&dataset) {
        return Err(cx.no_route(dataset, has));
    }
    let (mut after, mut lost_before) = (None, None);
    let (route, pager): (&str, Box<dyn Pager>) = match dataset {
        Dataset::Klines1m => ("klines", klines(cx, "klines", "symbol", from, end)),
        Dataset::MarkKlines => (
            "markPriceKlines",
            klines(cx, "markPriceKlines", "symbol", from, end),
        ),
        Dataset::PremiumKlines => (
            "premiumIndexKlines",
            klines(cx, "premiumIndexKlines", "symbol", from, end),
        ),
        Dataset::IndexKlines => (
            "indexPriceKlines",
            klines(cx, "indexPriceKlines", "pair", from, end),
        ),
        Dataset::AggTrades => {
            let oldest = (!is_spot).then(|| cx.now.plus(-AGG_REACH_US));
            // A day of which something is within reach is asked for: what lies before is a gap.
            too_old(
                oldest,
                (day, day.end()),
                "aggTrades",
                "24 h",
                "older days are in the archive: `--source vision --datasets agg_trades`",
            )?;
            after = held.and_then(|h| h.last_id);
            let route = agg_route(cx);
            // The venue's clock goes on between its being asked and the first page.
            let edge = oldest.map(|oldest| oldest.plus(AGG_MARGIN_US + cx.age_us));
            let is_reached = |at: UnixMicros| edge.is_none_or(|edge| edge <= at);
            let pager: Box<dyn Pager> = match (held.and_then(|h| h.last), after, edge) {
                // What is held need not be asked for again.
                (Some(last), Some(id), _) if is_reached(last) => {
                    Box::new(AggForward::after(route, id, until))
                }
                (_, _, Some(edge)) if !is_reached(day.start()) => {
                    lost_before = Some(edge);
                    Box::new(AggForward::new(route, ms_up(edge.0), until))
                }
                // What there is of today ends with the latest trade: back from there by ids, a thousand at a time, no
                // empty hour costs a request. Futures answer ids only within their reach, and go forward.
                _ if is_spot && !complete => Box::new(AggBack::new(route, from)),
                _ => Box::new(AggForward::new(route, from, until)),
            };
            ("aggTrades", pager)
        }
        Dataset::Funding => ("fundingRate", funding(cx, day, until)),
        _ => {
            too_old(
                Some(cx.now.plus(-DATA_REACH_US)),
                (day, day.start()),
                "openInterestHist",
                "30 days",
                "older days are in the archive: `--source vision --datasets metrics`",
            )?;
            ("openInterestHist", open_interest(cx, from, until))
        }
    };
    let pages = BinancePages {
        dataset,
        market,
        symbol: cx.symbol(),
        unit: cx.unit,
        closed_before: cx.now,
    };
    Ok(Job {
        source: cx.source(dataset, SourceKind::Rest, PAGES_VERSION, route, complete),
        pager,
        format: Box::new(move || Box::new(pages.clone())),
        stamped: false,
        adds: after.is_some(),
        after,
        lost_before,
        latest: None,
        complete,
        notes: Vec::new(),
    })
}

/// Refuses a day if what must be within reach of it lies before the first instant shown.
fn too_old(
    oldest: Option<UnixMicros>,
    (day, at): (Day, UnixMicros),
    route: &'static str,
    reach: &'static str,
    hint: &'static str,
) -> Result<(), Unavailable> {
    match oldest {
        Some(oldest) if at <= oldest => Err(Unavailable::TooOld {
            route,
            reach,
            oldest,
            day,
            hint,
        }),
        _ => Ok(()),
    }
}

/// The last bar that is closed at `end` is the last one asked for: a page does not say which of its bars are final.
fn klines(
    cx: &VenueCx,
    route: &'static str,
    name: &'static str,
    from: i64,
    end: UnixMicros,
) -> Box<dyn Pager> {
    let market = cx.key.market;
    let (limit, weight) = match market {
        Market::Spot => (1_000, 2),
        // More than 1,000 rows cost 10, and a day has 1,440.
        _ => (1_500, 10),
    };
    let last_open = ms_before(end.floor_minute().0 - 60_000_000 + 1_000);
    // Coin-margined index klines want the pair, which is the symbol before `_`.
    let symbol = cx.symbol();
    let symbol = match (name, symbol.split_once('_')) {
        ("pair", Some((pair, _))) => pair.to_owned(),
        _ => symbol,
    };
    let (path, bucket) = (format!("{}/{route}", prefix(market)), bucket(market));
    let request = move |from: i64, until: i64| {
        Request::get(path.clone(), bucket, weight)
            .with(name, &symbol)
            .with("interval", "1m")
            .with("startTime", from)
            .with("endTime", until)
            .with("limit", limit)
    };
    Box::new(Forward::new(
        Box::new(request),
        (from, last_open),
        1_000,
        60_000,
        limit,
    ))
}

fn funding(cx: &VenueCx, day: Day, until: i64) -> Box<dyn Pager> {
    let symbol = cx.symbol();
    let path = format!("{}/fundingRate", prefix(cx.key.market));
    let request = move |from: i64, until: i64| {
        Request::get(path.clone(), BINANCE_FUNDING, 1)
            .with("symbol", &symbol)
            .with("startTime", from)
            .with("endTime", until)
            .with("limit", FUNDING_LIMIT)
    };
    let from = ms_up(day.start().0 - FUNDING_BEFORE_US);
    Box::new(Forward::new(
        Box::new(request),
        (from, until),
        1_000,
        1,
        FUNDING_LIMIT,
    ))
}

/// The venue shows the latest rows of a range that has more than fit: pages go backward by their end.
fn open_interest(cx: &VenueCx, from: i64, until: i64) -> Box<dyn Pager> {
    let symbol = cx.symbol();
    let request = move |before: i64| {
        Request::get("/futures/data/openInterestHist", BINANCE_DATA, 1)
            .with("symbol", &symbol)
            .with("period", "5m")
            .with("limit", DATA_LIMIT)
            .with("startTime", from)
            .with("endTime", before - 1)
    };
    Box::new(Backward::new(Box::new(request), from, until + 1))
}
