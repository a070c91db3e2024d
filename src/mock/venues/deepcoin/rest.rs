//! Deepcoin's pages: what each route shows of the world. Current pages are newest first, history pages ascend.

use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, MICROS_PER_SECOND, UnixMicros};
use quant_lake::venues::deepcoin::encode::history::{
    self, BookRow, FundingRow, push_funding, push_klines,
};
use quant_lake::venues::deepcoin::encode::rest::{
    self as pages, InstrumentRow, push_books, push_candles, push_error, push_instruments,
    push_mark_price, push_time,
};
use quant_lake::venues::deepcoin::encode::{CandleRow, TradeRow};
use quant_lake::venues::wire::WireError;

use super::{Deepcoin, Listed};
use crate::mock::top::TopN;
use crate::mock::venue::{Request, Response, RestCx};
use crate::mock::venues::parts::{NotAnInteger, int, limit, ms};
use crate::mock::world::Kline;
use crate::mock::world::kline::resample;

/// A refusal: HTTP status, code and text.
struct Refusal(u16, &'static str, String);

impl From<NotAnInteger> for Refusal {
    fn from(fault: NotAnInteger) -> Self {
        Self(200, "51000", format!("Parameter {} error", fault.name))
    }
}

impl From<WireError> for Refusal {
    fn from(fault: WireError) -> Self {
        Self(500, "50000", fault.to_string())
    }
}

type Page = Result<Vec<u8>, Refusal>;
type Handler = fn(&Deepcoin, &Request<'_>, &RestCx<'_>) -> Page;

/// Path below `/deepcoin` (also below `/deepcoin/v2`), requests per second, handler.
const ROUTES: [(&str, u32, Handler); 11] = [
    ("/market/candles", 5, candles),
    ("/market/trades", 1, trades),
    ("/market/books", 5, books),
    ("/market/instruments", 5, instruments),
    ("/market/mark-price", 5, mark_price),
    ("/market/time", 5, time),
    ("/market/ping", 5, ping),
    ("/market/handicap-kline1m", 1, old_klines),
    ("/market/handicap-trade", 1, old_trades),
    ("/market/handicap-orderbook", 1, old_books),
    ("/trade/fund-rate/history", 5, funding),
];

/// Answers a request.
pub(super) fn answer(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
    let path = request.path.strip_prefix("/deepcoin").unwrap_or("");
    let path = path.strip_prefix("/v2").unwrap_or(path);
    let Some((route, max, handler)) = ROUTES.iter().find(|(known, _, _)| *known == path) else {
        return Response::not_found();
    };
    let page = if venue.is_refused(route, *max, cx.conn_ms) {
        Err(Refusal(429, "50011", "Too Many Requests".to_owned()))
    } else {
        handler(venue, request, cx)
    };
    match page {
        Ok(body) => Response::json(200, body),
        Err(Refusal(status, code, text)) => {
            let mut out = Vec::new();
            push_error(&mut out, code, &text);
            Response::json(status, out)
        }
    }
}

fn bad_parameter<T>(name: &str) -> Result<T, Refusal> {
    Err(Refusal(200, "51000", format!("Parameter {name} error")))
}

fn listed<'a>(
    venue: &'a Deepcoin,
    request: &Request<'_>,
    name: &'static str,
) -> Result<&'a Listed, Refusal> {
    match request.query.get(name).and_then(|id| venue.find(id)) {
        Some(listed) => Ok(listed),
        None => bad_parameter(name),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of every route")]
fn time(_: &Deepcoin, _: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let mut out = Vec::new();
    push_time(&mut out, ms(cx.now));
    Ok(out)
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of every route")]
fn ping(_: &Deepcoin, _: &Request<'_>, _: &RestCx<'_>) -> Page {
    Ok(br#"{"code":"0","msg":"","data":{}}"#.to_vec())
}

/// Returns the length of a bar; names are case-sensitive. Months and years have none and are not served.
fn length_of(bar: &str) -> Option<i64> {
    let minutes = match bar {
        "1m" => 1,
        "5m" => 5,
        "15m" => 15,
        "30m" => 30,
        "1H" => 60,
        "4H" => 240,
        "12H" => 720,
        "1D" => 1_440,
        "1W" => 10_080,
        _ => return None,
    };
    Some(minutes * MICROS_PER_MINUTE)
}

fn candle_row(listed: &Listed, k: &Kline, volume: f64) -> CandleRow {
    let of = &listed.instrument;
    CandleRow {
        open_ms: ms(k.ts_open),
        open: of.price(k.open),
        high: of.price(k.high),
        low: of.price(k.low),
        close: of.price(k.close),
        volume,
        turnover: of.cash(k.cash),
    }
}

fn candles(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request, "instId")?;
    let Some(length) = length_of(request.query.get("bar").unwrap_or("1m")) else {
        return bad_parameter("bar");
    };
    let after = int(request.query, "after")?;
    let limit = limit(request.query, "limit", 100, 300)?;
    // Weeks begin on Monday; 1970-01-01 was a Thursday.
    let shift = if length == 7 * MICROS_PER_DAY {
        4 * MICROS_PER_DAY
    } else {
        0
    };
    let open_of = |ts: UnixMicros| ts.plus(-shift).floor_to(length).plus(shift);
    let until = after.map_or(cx.now, |ms| {
        UnixMicros(ms.saturating_mul(1_000)).min(cx.now)
    });
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    // Halts leave bars out, so that a page may reach further back than it has rows.
    let back = open_of(until).plus(-length.saturating_mul(rows + 1).saturating_mul(3));
    let minutes = listed.instrument.klines_1m(back, cx.now.plus(1), cx.now);
    let bars = resample(&minutes, cx.now, |ts| {
        (open_of(ts), open_of(ts).plus(length))
    });
    let rows: Vec<CandleRow> = bars
        .iter()
        .rev()
        .filter(|b| after.is_none_or(|after| ms(b.ts_open) < after))
        .take(limit)
        .map(|b| candle_row(listed, b, listed.qty(b.lots)))
        .collect();
    let mut out = Vec::new();
    push_candles(&mut out, &listed.terms, &rows)?;
    Ok(out)
}

fn trades(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request, "instId")?;
    if request.query.get("productGroup") != Some(listed.terms.group.name()) {
        return bad_parameter("productGroup");
    }
    let limit = limit(request.query, "limit", 100, 500)?;
    let of = &listed.instrument;
    let matches = of.matches(of.oldest(), cx.now.plus(1));
    let newest = matches.iter().rev().take(limit);
    let rows: Vec<TradeRow> = newest.map(|m| listed.trade(m)).collect();
    let mut out = Vec::new();
    pages::push_trades(&mut out, &listed.terms, &rows)?;
    Ok(out)
}

fn books(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request, "instId")?;
    let depth = limit(request.query, "sz", 1, 400)?;
    let Some(image) = listed.instrument.book_at(cx.book_time) else {
        return Err(Refusal(200, "50000", "no book".to_owned()));
    };
    let (bids, asks) = TopN::new(depth).diff(&image.book);
    let mut out = Vec::new();
    push_books(
        &mut out,
        &listed.terms,
        &listed.levels(&bids),
        &listed.levels(&asks),
    )?;
    Ok(out)
}

fn instruments(venue: &Deepcoin, request: &Request<'_>, _: &RestCx<'_>) -> Page {
    let is_spot = match request.query.get("instType") {
        Some("SPOT") => true,
        Some("SWAP") => false,
        _ => return bad_parameter("instType"),
    };
    let rows: Vec<InstrumentRow> = venue
        .listed
        .iter()
        .filter(|l| l.is_spot() == is_spot)
        .filter_map(|l| {
            let (of, params) = (&l.instrument, &l.instrument.params);
            let lot = if is_spot {
                params.lot_size
            } else {
                "1".parse().ok()?
            };
            Some(InstrumentRow {
                terms: l.terms.clone(),
                base: of.base.clone(),
                quote: of.quote.clone(),
                ct_val: (!is_spot).then(|| params.lot_size.size()),
                lever: 125,
                tick_size: params.tick_size,
                lot_size: lot,
                min_size: lot,
                max_size: lot.value(200_000),
            })
        })
        .collect();
    let mut out = Vec::new();
    push_instruments(&mut out, &rows)?;
    Ok(out)
}

fn mark_price(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request, "instId")?;
    let Some(mark) = listed.instrument.mark_at(cx.now) else {
        return bad_parameter("instId");
    };
    let mut out = Vec::new();
    push_mark_price(&mut out, &listed.terms, mark.mark, ms(mark.ts))?;
    Ok(out)
}

/// A page of history: `[from, until]` in seconds on the wire, and how many rows.
struct History<'a> {
    listed: &'a Listed,
    from_s: i64,
    until_s: i64,
    limit: usize,
}

impl<'a> History<'a> {
    fn of(venue: &'a Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Result<Self, Refusal> {
        let listed = listed(venue, request, "symbol")?;
        let Some(from_s) = int(request.query, "stime")? else {
            return bad_parameter("stime");
        };
        let now_s = cx.now.0.div_euclid(MICROS_PER_SECOND);
        let until_s = int(request.query, "etime")?.unwrap_or(now_s).min(now_s);
        match int(request.query, "limit")? {
            Some(limit @ 1..=2_000) => Ok(Self {
                listed,
                from_s,
                until_s,
                limit: usize::try_from(limit).unwrap_or(1),
            }),
            _ => bad_parameter("limit"),
        }
    }

    fn from(&self) -> UnixMicros {
        UnixMicros(self.from_s.saturating_mul(MICROS_PER_SECOND))
    }

    /// Exclusive.
    fn until(&self) -> UnixMicros {
        UnixMicros((self.until_s.saturating_add(1)).saturating_mul(MICROS_PER_SECOND))
    }

    /// Where the next page begins: after the last row shown, or past the range when it is exhausted.
    fn etime(&self, last_s: Option<i64>, has_more: bool) -> i64 {
        match last_s {
            Some(last) if has_more => last,
            _ => self.until_s,
        }
    }
}

fn old_klines(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let page = History::of(venue, request, cx)?;
    let of = &page.listed.instrument;
    let all = of.klines_1m(page.from(), page.until(), cx.now);
    let closed: Vec<&Kline> = all.iter().filter(|k| k.is_closed).collect();
    let shown = &closed[..closed.len().min(page.limit)];
    let rows: Vec<CandleRow> = shown
        .iter()
        .map(|k| candle_row(page.listed, k, of.qty(k.lots)))
        .collect();
    let last = shown
        .last()
        .map(|k| k.ts_open.0.div_euclid(MICROS_PER_SECOND));
    let mut out = Vec::new();
    push_klines(
        &mut out,
        &page.listed.terms,
        &rows,
        page.etime(last, closed.len() > shown.len()),
    )?;
    Ok(out)
}

fn old_trades(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let page = History::of(venue, request, cx)?;
    let matches = page
        .listed
        .instrument
        .matches(page.from(), page.until().min(cx.now.plus(1)));
    let shown = &matches[..matches.len().min(page.limit)];
    let rows: Vec<TradeRow> = shown.iter().map(|m| page.listed.trade(m)).collect();
    let last = shown.last().map(|m| m.ts.0.div_euclid(MICROS_PER_SECOND));
    let etime = page.etime(last, matches.len() > shown.len());
    let mut out = Vec::new();
    history::push_trades(&mut out, &page.listed.terms, &rows, etime)?;
    Ok(out)
}

/// One book per minute.
fn old_books(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let page = History::of(venue, request, cx)?;
    let of = &page.listed.instrument;
    let minutes = of.minutes(page.from(), page.until().min(cx.now.plus(1)));
    let inside: Vec<_> = minutes
        .iter()
        .filter(|m| m.sim.start >= page.from())
        .collect();
    let shown = &inside[..inside.len().min(page.limit)];
    let rows: Vec<BookRow> = shown
        .iter()
        .map(|m| {
            let (bids, asks) = TopN::new(history::BOOK_LEVELS).diff(&m.book_before.book);
            BookRow {
                ts_s: m.sim.start.0.div_euclid(MICROS_PER_SECOND),
                bids: page.listed.levels(&bids),
                asks: page.listed.levels(&asks),
            }
        })
        .collect();
    let etime = page.etime(rows.last().map(|r| r.ts_s), inside.len() > shown.len());
    let mut out = Vec::new();
    history::push_books(&mut out, &page.listed.terms, &rows, etime)?;
    Ok(out)
}

fn funding(venue: &Deepcoin, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request, "instId")?;
    if listed.is_spot() {
        return bad_parameter("instId");
    }
    let page = int(request.query, "page")?.unwrap_or(1).max(1);
    let size = limit(request.query, "size", 20, 100)?;
    let of = &listed.instrument;
    let skip = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(size);
    let all = of.fundings(cx.now);
    let rows: Vec<FundingRow> = all
        .iter()
        .rev()
        .skip(skip)
        .take(size)
        .map(|f| FundingRow {
            ts_s: f.ts.0.div_euclid(MICROS_PER_SECOND),
            rate: f.rate,
            period_h: f.interval_h,
        })
        .collect();
    let mut out = Vec::new();
    push_funding(&mut out, &format!("{}{}", of.base, of.quote), &rows)?;
    Ok(out)
}
