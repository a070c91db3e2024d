//! OKX's REST pages: what each route shows of the world, newest first, `after` and `before` exclusive.

use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::okx::encode::book::BookMessage;
use quant_lake::venues::okx::encode::candles::CandleRow;
use quant_lake::venues::okx::encode::funding::FundingRow;
use quant_lake::venues::okx::encode::instruments::{
    Contract, ContractType, InstrumentRow, push_instruments,
};
use quant_lake::venues::okx::encode::rest::{
    NO_INSTRUMENT, OpenInterestRow, PARAMETER_ERROR, TOO_MANY_REQUESTS, push_book_page,
    push_candles, push_error, push_funding_history, push_mark_price, push_open_interest, push_time,
    push_trades,
};
use quant_lake::venues::okx::encode::{InstType, TradeRow};
use quant_lake::venues::wire::WireError;

use super::{Listed, Okx, history};
use crate::mock::top::TopN;
use crate::mock::venue::{Request, Response, RestCx};
use crate::mock::venues::parts::{NotAnInteger, int, limit, ms};
use crate::mock::world::Kline;
use crate::mock::world::kline::resample;

/// A refusal: HTTP status, the venue's code and text.
pub(super) struct Refusal(pub(super) u16, pub(super) &'static str, pub(super) String);

impl From<NotAnInteger> for Refusal {
    fn from(fault: NotAnInteger) -> Self {
        Self(
            400,
            PARAMETER_ERROR,
            format!("Parameter {} error", fault.name),
        )
    }
}

impl From<WireError> for Refusal {
    fn from(fault: WireError) -> Self {
        Self(500, "50000", fault.to_string())
    }
}

pub(super) type Page = Result<Vec<u8>, Refusal>;

type Handler = fn(&Okx, &Request<'_>, &RestCx<'_>) -> Page;

/// Path, limit as (milliseconds, requests), handler.
const ROUTES: [(&str, (i64, u32), Handler); 11] = [
    ("/api/v5/public/time", (2_000, 10), time),
    ("/api/v5/public/instruments", (2_000, 20), instruments),
    (
        "/api/v5/public/market-data-history",
        (2_000, 5),
        history::answer,
    ),
    ("/api/v5/public/funding-rate-history", (2_000, 10), funding),
    ("/api/v5/public/open-interest", (2_000, 20), open_interest),
    ("/api/v5/public/mark-price", (2_000, 10), mark_price),
    ("/api/v5/market/candles", (2_000, 40), candles),
    (
        "/api/v5/market/history-candles",
        (2_000, 20),
        history_candles,
    ),
    ("/api/v5/market/trades", (2_000, 100), trades),
    ("/api/v5/market/history-trades", (2_000, 20), history_trades),
    ("/api/v5/market/books", (2_000, 40), books),
];

/// Answers a request.
pub(super) fn answer(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
    let Some((route, quota, handler)) = ROUTES.iter().find(|(path, _, _)| *path == request.path)
    else {
        return Response::not_found();
    };
    let page = if venue.is_refused(route, *quota, cx.conn_ms) {
        Err(Refusal(
            429,
            TOO_MANY_REQUESTS,
            "Too Many Requests".to_owned(),
        ))
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

pub(super) fn bad_parameter<T>(name: &str) -> Result<T, Refusal> {
    Err(Refusal(
        400,
        PARAMETER_ERROR,
        format!("Parameter {name} error"),
    ))
}

fn listed<'a>(venue: &'a Okx, request: &Request<'_>) -> Result<&'a Listed, Refusal> {
    match request.query.get("instId") {
        None | Some("") => bad_parameter("instId"),
        Some(name) => match venue.find(name) {
            Some(listed) => Ok(listed),
            None => Err(Refusal(
                200,
                NO_INSTRUMENT,
                "Instrument ID, Instrument ID code, or Spread ID doesn't exist.".to_owned(),
            )),
        },
    }
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of every route")]
fn time(_: &Okx, _: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let mut out = Vec::new();
    push_time(&mut out, ms(cx.now));
    Ok(out)
}

/// Length of a bar and the shift of its opens against UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    length: i64,
    shift: i64,
}

impl Bar {
    /// Returns the bar that holds `ts`, `[open, end)`.
    pub(super) fn span(self, ts: UnixMicros) -> (UnixMicros, UnixMicros) {
        let open = ts.plus(self.shift).floor_to(self.length).plus(-self.shift);
        (open, open.plus(self.length))
    }
}

/// Returns the bar of a name: from six hours on, names without `utc` open on Hong Kong time.
pub(super) fn bar_of(name: &str) -> Option<Bar> {
    let hour = 60 * MICROS_PER_MINUTE;
    let (length, is_long) = match name.strip_suffix("utc").unwrap_or(name) {
        "1m" => (MICROS_PER_MINUTE, false),
        "3m" => (3 * MICROS_PER_MINUTE, false),
        "5m" => (5 * MICROS_PER_MINUTE, false),
        "15m" => (15 * MICROS_PER_MINUTE, false),
        "30m" => (30 * MICROS_PER_MINUTE, false),
        "1H" => (hour, false),
        "2H" => (2 * hour, false),
        "4H" => (4 * hour, false),
        "6H" => (6 * hour, true),
        "12H" => (12 * hour, true),
        "1D" => (MICROS_PER_DAY, true),
        "1W" => (7 * MICROS_PER_DAY, true),
        _ => return None,
    };
    let is_utc = name.ends_with("utc");
    if is_utc && !is_long {
        return None;
    }
    // 1970-01-01 was a Thursday: weeks begin on Monday.
    let week = if length == 7 * MICROS_PER_DAY {
        3 * MICROS_PER_DAY
    } else {
        0
    };
    let hong_kong = if is_long && !is_utc { 8 * hour } else { 0 };
    Some(Bar {
        length,
        shift: week + hong_kong,
    })
}

/// Returns a candle in the venue's units.
pub(super) fn candle_row(listed: &Listed, k: &Kline) -> CandleRow {
    let of = &listed.instrument;
    CandleRow {
        open_ms: ms(k.ts_open),
        open: of.price(k.open),
        high: of.price(k.high),
        low: of.price(k.low),
        close: of.price(k.close),
        vol: listed.qty(k.lots),
        vol_ccy: of.qty(k.lots),
        vol_quote: of.cash(k.cash),
        confirm: k.is_closed,
    }
}

fn candles(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    // No more than the last 1,440 bars.
    candle_page(venue, request, cx, Some(1_440))
}

fn history_candles(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    candle_page(venue, request, cx, None)
}

fn candle_page(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>, newest: Option<usize>) -> Page {
    let listed = listed(venue, request)?;
    let name = request
        .query
        .get("bar")
        .filter(|b| !b.is_empty())
        .unwrap_or("1m");
    let Some(bar) = bar_of(name) else {
        return bad_parameter("bar");
    };
    let (after, before) = (int(request.query, "after")?, int(request.query, "before")?);
    let limit = limit(request.query, "limit", 100, 300)?;
    let of = &listed.instrument;
    let until = after.map_or(cx.now.plus(1), |ms| {
        UnixMicros(ms.saturating_mul(1_000)).min(cx.now.plus(1))
    });
    // Halts leave bars out, so that a page may reach further back than it has rows.
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let back = bar
        .span(until)
        .0
        .plus(-bar.length.saturating_mul(rows + 1).saturating_mul(3));
    let minutes = of.klines_1m(back, UnixMicros(i64::MAX), cx.now);
    let mut bars = resample(&minutes, cx.now, |ts| bar.span(ts));
    // The oldest bar may have been cut by where the minutes begin.
    if bars.first().is_some_and(|b| b.ts_open < back) {
        bars.remove(0);
    }
    if let Some(newest) = newest {
        let last = of.klines_1m(cx.now.floor_minute(), cx.now.plus(1), cx.now);
        let end = last.last().map_or(cx.now, |k| k.ts_open);
        let reach = i64::try_from(newest).unwrap_or(i64::MAX);
        let oldest = bar.span(end).0.plus(-bar.length * (reach - 1));
        bars.retain(|b| b.ts_open >= oldest);
    }
    let rows: Vec<CandleRow> = bars
        .iter()
        .rev()
        .filter(|b| after.is_none_or(|after| ms(b.ts_open) < after))
        .filter(|b| before.is_none_or(|before| ms(b.ts_open) > before))
        .take(limit)
        .map(|b| candle_row(listed, b))
        .collect();
    let mut out = Vec::new();
    push_candles(&mut out, &listed.terms, &rows)?;
    Ok(out)
}

fn trade_page(listed: &Listed, rows: Vec<TradeRow>, limit: usize) -> Page {
    let newest: Vec<TradeRow> = rows.into_iter().rev().take(limit).collect();
    let mut out = Vec::new();
    push_trades(&mut out, &listed.terms, &newest)?;
    Ok(out)
}

fn trades(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request)?;
    let limit = limit(request.query, "limit", 100, 500)?;
    let of = &listed.instrument;
    trade_page(
        listed,
        listed.trades(&of.matches(of.oldest(), cx.now.plus(1))),
        limit,
    )
}

fn history_trades(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request)?;
    let by_ts = match request.query.get("type") {
        None | Some("" | "1") => false,
        Some("2") => true,
        Some(_) => return bad_parameter("type"),
    };
    let (after, before) = (int(request.query, "after")?, int(request.query, "before")?);
    // Paging by time goes to older rows only.
    if by_ts && before.is_some() {
        return bad_parameter("before");
    }
    let limit = limit(request.query, "limit", 100, 100)?;
    let of = &listed.instrument;
    let mut rows = listed.trades(&of.matches(of.oldest(), cx.now.plus(1)));
    let key = |row: &TradeRow| if by_ts { row.ts_ms } else { row.trade_id };
    rows.retain(|r| {
        after.is_none_or(|after| key(r) < after) && before.is_none_or(|before| key(r) > before)
    });
    trade_page(listed, rows, limit)
}

fn books(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = listed(venue, request)?;
    let depth = limit(request.query, "sz", 1, 400)?;
    let Some(image) = listed.instrument.book_at(cx.book_time) else {
        return Err(Refusal(
            200,
            "50026",
            "System error. Try again later".to_owned(),
        ));
    };
    let mut top = TopN::new(depth);
    let (bids, asks) = top.diff(&image.book);
    let m = BookMessage {
        ts_ms: ms(cx.book_time),
        asks: &listed.levels(&asks),
        bids: &listed.levels(&bids),
    };
    let mut out = Vec::new();
    push_book_page(&mut out, &listed.terms, &m, image.last_id)?;
    Ok(out)
}

fn swap<'a>(venue: &'a Okx, request: &Request<'_>) -> Result<&'a Listed, Refusal> {
    let listed = listed(venue, request)?;
    if listed.ct_val.is_none() {
        return bad_parameter("instId");
    }
    Ok(listed)
}

fn funding(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = swap(venue, request)?;
    let (after, before) = (int(request.query, "after")?, int(request.query, "before")?);
    let limit = limit(request.query, "limit", 400, 400)?;
    let rows: Vec<FundingRow<'_>> = listed
        .instrument
        .fundings(cx.now)
        .iter()
        .rev()
        .map(|f| FundingRow {
            inst_id: &listed.terms.inst_id,
            ts_ms: ms(f.ts),
            rate: f.rate,
        })
        .filter(|r| after.is_none_or(|after| r.ts_ms < after))
        .filter(|r| before.is_none_or(|before| r.ts_ms > before))
        .take(limit)
        .collect();
    let mut out = Vec::new();
    push_funding_history(&mut out, &rows)?;
    Ok(out)
}

/// Returns open interest as published at `now`.
pub(super) fn interest_row(listed: &Listed, now: UnixMicros) -> Option<OpenInterestRow> {
    let last = listed.instrument.positions(now).pop()?;
    Some(OpenInterestRow {
        ts_ms: ms(last.published_at),
        oi: listed.qty(last.open_interest_lots),
        oi_ccy: listed.instrument.qty(last.open_interest_lots),
        oi_usd: last.notional,
    })
}

fn open_interest(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = swap(venue, request)?;
    let Some(row) = interest_row(listed, cx.now) else {
        return Ok(br#"{"code":"0","msg":"","data":[]}"#.to_vec());
    };
    let mut out = Vec::new();
    push_open_interest(&mut out, &listed.terms, &row)?;
    Ok(out)
}

fn mark_price(venue: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let listed = swap(venue, request)?;
    let Some(mark) = listed.instrument.mark_at(cx.now) else {
        return Ok(br#"{"code":"0","msg":"","data":[]}"#.to_vec());
    };
    let mut out = Vec::new();
    push_mark_price(&mut out, &listed.terms, mark.mark, ms(mark.ts))?;
    Ok(out)
}

fn instruments(venue: &Okx, request: &Request<'_>, _: &RestCx<'_>) -> Page {
    let Some(kind) = request.query.get("instType").and_then(InstType::from_name) else {
        return bad_parameter("instType");
    };
    let wanted = request.query.get("instId");
    let rows: Vec<InstrumentRow> = venue
        .listed
        .iter()
        .filter(|l| l.terms.inst_type == kind && wanted.is_none_or(|id| id == l.terms.inst_id))
        .map(|l| {
            let of = &l.instrument;
            InstrumentRow {
                terms: l.terms.clone(),
                base: of.base.clone(),
                quote: of.quote.clone(),
                contract: l.ct_val.map(|ct_val| Contract {
                    kind: ContractType::Linear,
                    ct_val,
                    ct_mult: 1.0,
                    ct_val_ccy: of.base.clone(),
                    settle_ccy: of.quote.clone(),
                    expiry_ms: None,
                }),
                lever: 100,
                list_ms: ms(of.start),
                lot_size: l.lot,
                min_size: l.lot,
                tick_size: of.params.tick_size,
                max_limit: 100_000_000.0,
                max_market: 12_000.0,
            }
        })
        .collect();
    if wanted.is_some() && rows.is_empty() {
        return Err(Refusal(
            200,
            NO_INSTRUMENT,
            "Instrument ID doesn't exist".to_owned(),
        ));
    }
    let mut out = Vec::new();
    push_instruments(&mut out, &rows)?;
    Ok(out)
}
