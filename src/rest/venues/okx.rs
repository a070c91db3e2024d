//! OKX: candles, trades and funding of v5.

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_DAY, MICROS_PER_HOUR};
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::okx::encode::InstType;
use quant_lake::venues::okx::pages::{OkxPages, PAGES_VERSION};

use super::{Job, Unavailable, VenueCx};
use crate::rest::governor::{OKX_CANDLES, OKX_PUBLIC, OKX_TRADES};
use crate::rest::okx_hist::inst_type_of;
use crate::rest::pager::{Backward, Pager, TradesBack, ms_before, ms_up};
use crate::rest::request::Request;

/// Trades and funding go back three months.
const REACH_US: i64 = 90 * MICROS_PER_DAY;
/// Rows of a candle page: the document says 100, the venue sends 300.
const CANDLES: usize = 300;

pub(super) fn time_request() -> Request {
    Request::get("/api/v5/public/time", OKX_PUBLIC, 1)
}

pub(super) fn terms_request(key: &InstrumentKey) -> Request {
    let kind = inst_type_of(key).name();
    Request::get("/api/v5/public/instruments", OKX_PUBLIC, 1)
        .with("instType", kind)
        .with("instId", key.symbol.as_str())
}

pub(super) fn job(cx: &VenueCx, dataset: Dataset, day: Day) -> Result<Job, Unavailable> {
    let (end, complete) = cx.end_of(day);
    let (from, before) = (ms_up(day.start().0), ms_before(end.0) + 1);
    let id = cx.symbol();
    let has_funding = inst_type_of(&cx.key) == InstType::Swap;
    let has = &OkxPages::DATASETS[..if has_funding { 3 } else { 2 }];
    if !has.contains(&dataset) {
        return Err(cx.no_route(dataset, has));
    }
    let (route, pager): (&'static str, Box<dyn Pager>) = match dataset {
        Dataset::Klines1m => {
            let request = move |before: i64| {
                Request::get("/api/v5/market/history-candles", OKX_CANDLES, 1)
                    .with("instId", &id)
                    .with("bar", "1m")
                    .with("limit", CANDLES)
                    .with("after", before)
            };
            (
                "history-candles",
                Box::new(Backward::new(Box::new(request), from, before)),
            )
        }
        Dataset::Trades => {
            let request = move |by_time: bool, cursor: i64| {
                Request::get("/api/v5/market/history-trades", OKX_TRADES, 1)
                    .with("instId", &id)
                    .with("type", if by_time { 2 } else { 1 })
                    .with("limit", 100)
                    .with("after", cursor)
            };
            (
                "history-trades",
                Box::new(TradesBack::new(Box::new(request), from, before)),
            )
        }
        _ => {
            // A day more, for the hours between settlements.
            let from = from - 25 * MICROS_PER_HOUR / 1_000;
            let request = move |before: i64| {
                Request::get("/api/v5/public/funding-rate-history", OKX_PUBLIC, 1)
                    .with("instId", &id)
                    .with("limit", 100)
                    .with("after", before)
            };
            (
                "funding-rate-history",
                Box::new(Backward::new(Box::new(request), from, before)),
            )
        }
    };
    let oldest = cx.now.plus(-REACH_US);
    if dataset != Dataset::Klines1m && day.start() < oldest {
        return Err(Unavailable::TooOld {
            route,
            reach: "three months",
            oldest,
            day,
            hint: "older days are in the venue's archive: `--source okx-hist`",
        });
    }
    let pages = OkxPages {
        dataset,
        inst_id: cx.symbol(),
        unit: cx.unit,
    };
    Ok(Job {
        source: cx.source(dataset, SourceKind::Rest, PAGES_VERSION, route, complete),
        pager,
        format: Box::new(move || Box::new(pages.clone())),
        stamped: false,
        adds: false,
        after: None,
        lost_before: None,
        latest: None,
        complete,
        notes: Vec::new(),
    })
}
