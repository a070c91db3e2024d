//! Bybit's REST pages: what each route shows of the world, newest first.

use quant_core::synth::SimMark;
use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::bybit::encode::rest::{
    BookPage, KlineRow, PriceKlines, push_error, push_klines, push_orderbook, push_price_klines,
    push_recent_trades, push_time,
};
use quant_lake::venues::bybit::encode::rest_market::{
    FundingRow, InstrumentRow, OpenInterestRow, push_funding_history, push_instruments,
    push_open_interest,
};
use quant_lake::venues::bybit::encode::{Category, TickTracker};
use quant_lake::venues::wire::WireError;

use super::{Bybit, Listed, interval_minutes};
use crate::mock::top::TopN;
use crate::mock::venue::{Request, Response, RestCx};
use crate::mock::venues::parts::{NotAnInteger, PriceBar, int, limit, mark_bars, ms};
use crate::mock::world::kline::resample;
use crate::mock::world::{Instrument, Kline};

/// Largest funding rate.
pub(super) const FUNDING_CAP: f64 = 0.005;

/// A refusal: the venue's code and text.
struct Refusal(i64, String);

impl From<NotAnInteger> for Refusal {
    fn from(fault: NotAnInteger) -> Self {
        Self(10_001, format!("params error: {} invalid", fault.name))
    }
}

impl From<WireError> for Refusal {
    fn from(fault: WireError) -> Self {
        Self(10_016, fault.to_string())
    }
}

type Page = Result<Vec<u8>, Refusal>;

/// Answers a request; refusals have status 200 as the venue's have, but for the address limit.
pub(super) fn answer(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
    if venue.is_refused(cx.conn_ms) {
        return Response::json(403, r#"{"retCode":10006,"retMsg":"access too frequent"}"#);
    }
    let now_ms = ms(cx.now);
    let page = match request.path {
        "/v5/market/time" => time(cx),
        "/v5/market/kline" => klines(venue, request, cx),
        "/v5/market/mark-price-kline" => price_klines(venue, request, cx, PriceKlines::Mark),
        "/v5/market/index-price-kline" => price_klines(venue, request, cx, PriceKlines::Index),
        "/v5/market/premium-index-price-kline" => {
            price_klines(venue, request, cx, PriceKlines::Premium)
        }
        "/v5/market/recent-trade" => recent_trades(venue, request, cx),
        "/v5/market/orderbook" => orderbook(venue, request, cx),
        "/v5/market/instruments-info" => instruments(venue, request, cx),
        "/v5/market/funding/history" => funding(venue, request, cx),
        "/v5/market/open-interest" => interest(venue, request, cx),
        _ => return Response::not_found(),
    };
    let body = page.unwrap_or_else(|Refusal(code, text)| {
        let mut out = Vec::new();
        push_error(&mut out, code, &text, now_ms);
        out
    });
    Response::json(200, body)
}

fn refuse<T>(text: &str) -> Result<T, Refusal> {
    Err(Refusal(10_001, text.to_owned()))
}

fn category(request: &Request<'_>) -> Result<Category, Refusal> {
    match request.query.get("category") {
        None | Some("linear") => Ok(Category::Linear),
        Some("inverse") => Ok(Category::Inverse),
        Some("spot") => Ok(Category::Spot),
        Some(_) => refuse("params error: category invalid"),
    }
}

fn listed<'a>(venue: &'a Bybit, request: &Request<'_>) -> Result<&'a Listed, Refusal> {
    let category = category(request)?;
    let symbol = request.query.get("symbol").unwrap_or("");
    match venue.find(category, symbol) {
        Some(listed) => Ok(listed),
        None => refuse("params error: symbol invalid"),
    }
}

fn time(cx: &RestCx<'_>) -> Page {
    let mut out = Vec::new();
    push_time(&mut out, cx.now.0)?;
    Ok(out)
}

/// Returns the bar of a length that holds `ts`, `[open, end)`; weeks begin on Monday.
pub(super) fn span_of(ts: UnixMicros, length: i64) -> (UnixMicros, UnixMicros) {
    // 1970-01-01 was a Thursday.
    let shift = if length == 7 * MICROS_PER_DAY {
        4 * MICROS_PER_DAY
    } else {
        0
    };
    let open = ts.plus(-shift).floor_to(length).plus(shift);
    (open, open.plus(length))
}

/// Returns a bar in the venue's units.
pub(super) fn kline_row(of: &Instrument, kline: &Kline) -> KlineRow {
    KlineRow {
        start_ms: ms(kline.ts_open),
        open: of.price(kline.open),
        high: of.price(kline.high),
        low: of.price(kline.low),
        close: of.price(kline.close),
        volume: of.qty(kline.lots),
        turnover: of.cash(kline.cash),
    }
}

/// Returns open interest in coins as published at `now`; 0 before the first publication.
pub(super) fn open_interest(of: &Instrument, now: UnixMicros) -> f64 {
    let all = of.positions(now);
    all.last().map_or(0.0, |p| of.qty(p.open_interest_lots))
}

/// Bounds of a page of bars: both ends inclusive, milliseconds on the wire.
struct Range {
    length: i64,
    from: UnixMicros,
    until: UnixMicros,
    limit: usize,
}

fn range(request: &Request<'_>, cx: &RestCx<'_>) -> Result<Range, Refusal> {
    let name = request.query.get("interval").unwrap_or("");
    let Some(minutes) = interval_minutes(name) else {
        return refuse("params error: interval invalid");
    };
    let length = minutes * MICROS_PER_MINUTE;
    let limit = limit(request.query, "limit", 200, 1_000)?;
    let until =
        int(request.query, "end")?.map_or(cx.now, |end| UnixMicros(end.saturating_mul(1_000)));
    let until = until.min(cx.now);
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    // Halts leave bars out, so that a page may reach twice as far back as it has rows.
    let usual = span_of(until, length)
        .0
        .plus(-length.saturating_mul(rows).saturating_mul(2));
    let from =
        int(request.query, "start")?.map_or(usual, |start| UnixMicros(start.saturating_mul(1_000)));
    Ok(Range {
        length,
        from,
        until,
        limit,
    })
}

/// Keeps the newest rows of an ascending list, newest first.
fn newest<T>(mut rows: Vec<T>, limit: usize) -> Vec<T> {
    rows.reverse();
    rows.truncate(limit);
    rows
}

fn klines(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let (listed, range) = (listed(venue, request)?, range(request, cx)?);
    let of = &listed.instrument;
    let first = span_of(range.from, range.length).0;
    let minutes = of.klines_1m(first, range.until.plus(range.length), cx.now);
    let bars = resample(&minutes, cx.now, |ts| span_of(ts, range.length));
    let inside = bars
        .iter()
        .filter(|k| k.ts_open >= range.from && k.ts_open <= range.until);
    let rows: Vec<KlineRow> = inside.map(|k| kline_row(of, k)).collect();
    let mut out = Vec::new();
    push_klines(
        &mut out,
        &listed.terms,
        &newest(rows, range.limit),
        ms(cx.now),
    )?;
    Ok(out)
}

fn price_klines(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>, kind: PriceKlines) -> Page {
    let (listed, range) = (listed(venue, request)?, range(request, cx)?);
    if listed.terms.category == Category::Spot {
        return refuse("params error: category invalid");
    }
    let price = |m: &SimMark| match kind {
        PriceKlines::Mark => m.mark,
        PriceKlines::Index => m.index,
        PriceKlines::Premium => m.mark / m.index - 1.0,
    };
    let span = (span_of(range.from, range.length).0, range.until.plus(1));
    let bars = mark_bars(
        &listed.instrument,
        span,
        cx.now,
        |ts| span_of(ts, range.length).0,
        price,
    );
    let row = |b: &PriceBar| KlineRow {
        start_ms: ms(b.open_ts),
        open: b.open,
        high: b.high,
        low: b.low,
        close: b.close,
        volume: 0.0,
        turnover: 0.0,
    };
    let inside = bars.iter().filter(|b| b.open_ts >= range.from);
    let rows: Vec<KlineRow> = inside.map(row).collect();
    let mut out = Vec::new();
    push_price_klines(
        &mut out,
        &listed.terms,
        kind,
        &newest(rows, range.limit),
        ms(cx.now),
    )?;
    Ok(out)
}

fn recent_trades(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request)?;
    let (usual, max) = match listed.terms.category {
        Category::Spot => (60, 60),
        Category::Linear | Category::Inverse => (500, 1_000),
    };
    let limit = limit(request.query, "limit", usual, max)?;
    let of = &listed.instrument;
    let matches = of.matches(of.oldest(), cx.now.plus(1));
    // One more than shown, for the direction of the oldest one.
    let tail = &matches[matches.len().saturating_sub(limit + 1)..];
    let rows = listed.trades(tail, &mut TickTracker::default());
    let mut out = Vec::new();
    push_recent_trades(&mut out, &listed.terms, &newest(rows, limit), ms(cx.now))?;
    Ok(out)
}

fn orderbook(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request)?;
    let usual = if listed.terms.category == Category::Spot {
        1
    } else {
        25
    };
    let limit = limit(request.query, "limit", usual, 1_000)?;
    let Some(image) = listed.instrument.book_at(cx.book_time) else {
        return refuse("no data");
    };
    let mut top = TopN::new(limit);
    let (bids, asks) = top.diff(&image.book);
    let page = BookPage {
        ts_ms: ms(cx.book_time),
        cts_ms: ms(image.ts),
        u: image.last_id,
        seq: image.last_id,
        bids: &listed.levels(&bids),
        asks: &listed.levels(&asks),
    };
    let mut out = Vec::new();
    push_orderbook(&mut out, &listed.terms, &page, ms(cx.now))?;
    Ok(out)
}

fn instruments(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let category = category(request)?;
    let symbol = request.query.get("symbol");
    let wanted = |l: &&std::sync::Arc<Listed>| {
        l.terms.category == category && symbol.is_none_or(|s| l.terms.symbol.as_str() == s)
    };
    let rows: Vec<InstrumentRow> = venue
        .listed
        .iter()
        .filter(wanted)
        .map(|l| {
            let params = &l.instrument.params;
            InstrumentRow {
                terms: l.terms.clone(),
                base: l.instrument.base.clone(),
                quote: l.instrument.quote.clone(),
                launch_ms: ms(l.instrument.start),
                tick_size: params.tick_size,
                qty_step: params.lot_size,
                min_qty: params.lot_size,
                max_qty: params.lot_size.value(1_000_000),
                min_notional: 5.0,
                max_leverage: 100.0,
                funding_interval_min: 480,
                funding_cap: FUNDING_CAP,
            }
        })
        .collect();
    if symbol.is_some() && rows.is_empty() {
        return refuse("params error: symbol invalid");
    }
    let mut out = Vec::new();
    push_instruments(&mut out, category, &rows, ms(cx.now))?;
    Ok(out)
}

fn contract<'a>(venue: &'a Bybit, request: &Request<'_>) -> Result<&'a Listed, Refusal> {
    let listed = listed(venue, request)?;
    if listed.terms.category == Category::Spot {
        return refuse("params error: category invalid");
    }
    Ok(listed)
}

fn funding(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = contract(venue, request)?;
    let (from, until) = (
        int(request.query, "startTime")?,
        int(request.query, "endTime")?,
    );
    if from.is_some() && until.is_none() {
        return refuse("params error: endTime is needed with startTime");
    }
    let limit = limit(request.query, "limit", 200, 200)?;
    let rows: Vec<FundingRow> = listed
        .instrument
        .fundings(cx.now)
        .iter()
        .map(|f| FundingRow {
            ts_ms: ms(f.ts),
            rate: f.rate,
        })
        .filter(|r| {
            from.is_none_or(|from| r.ts_ms >= from) && until.is_none_or(|until| r.ts_ms <= until)
        })
        .collect();
    let mut out = Vec::new();
    push_funding_history(&mut out, &listed.terms, &newest(rows, limit), ms(cx.now))?;
    Ok(out)
}

fn interest(venue: &Bybit, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = contract(venue, request)?;
    let minutes = match request.query.get("intervalTime").unwrap_or("") {
        "5min" => 5,
        "15min" => 15,
        "30min" => 30,
        "1h" => 60,
        "4h" => 240,
        "1d" => 1_440,
        _ => return refuse("params error: intervalTime invalid"),
    };
    let every = minutes * MICROS_PER_MINUTE;
    let (from, until) = (
        int(request.query, "startTime")?,
        int(request.query, "endTime")?,
    );
    // The cursor is the stamp of the last row shown: the next page is older.
    let cursor = int(request.query, "cursor")?;
    let limit = limit(request.query, "limit", 50, 200)?;
    let of = &listed.instrument;
    let mut rows: Vec<OpenInterestRow> = of
        .positions(cx.now)
        .iter()
        .filter(|p| p.ts.floor_to(every) == p.ts)
        .map(|p| OpenInterestRow {
            ts_ms: ms(p.ts),
            open_interest: of.qty(p.open_interest_lots),
        })
        .filter(|r| {
            from.is_none_or(|from| r.ts_ms >= from) && until.is_none_or(|until| r.ts_ms <= until)
        })
        .filter(|r| cursor.is_none_or(|cursor| r.ts_ms < cursor))
        .collect();
    let has_more = rows.len() > limit;
    rows = newest(rows, limit);
    let next = rows
        .last()
        .filter(|_| has_more)
        .map_or(String::new(), |r| r.ts_ms.to_string());
    let mut out = Vec::new();
    push_open_interest(&mut out, &listed.terms, &rows, &next, ms(cx.now))?;
    Ok(out)
}
