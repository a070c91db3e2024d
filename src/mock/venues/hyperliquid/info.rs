//! Hyperliquid's `POST /info`: what each `type` shows of the world. Lists ascend.

use quant_core::market::Side;
use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::hyperliquid::encode::{
    BOOK_LEVELS, BookRow, CandleRow, ContextRow, push_book, push_candles, push_contexts,
    push_funding, push_meta,
};
use quant_lake::venues::wire::WireError;
use serde_json::Value;

use super::{Hyperliquid, Listed};
use crate::mock::venue::{Response, RestCx};
use crate::mock::venues::parts::{Day24, ms};
use crate::mock::world::BookImage;
use crate::mock::world::kline::resample;

/// Bars of an interval that the venue keeps, and shows in one answer.
const MAX_CANDLES: usize = 5_000;
/// Settlements in one answer.
const MAX_FUNDINGS: usize = 500;
/// Amount that impact prices are for, quote currency.
const IMPACT_NOTIONAL: f64 = 20_000.0;

/// A refusal: HTTP status and body.
struct Refusal(u16, &'static str);

/// A request that is JSON but none that the venue knows.
const UNKNOWN: Refusal = Refusal(
    422,
    "Failed to deserialize the JSON body into the target type",
);
/// A coin that is not listed.
const UNLISTED: Refusal = Refusal(500, "null");

impl From<WireError> for Refusal {
    fn from(_: WireError) -> Self {
        Self(500, "null")
    }
}

/// A body and the weight of its items, beyond the weight of the request.
type Answer = Result<(Vec<u8>, usize), Refusal>;
type Handler = fn(&Hyperliquid, &Value, &RestCx<'_>) -> Answer;

/// Type, weight, handler.
const TYPES: [(&str, u32, Handler); 5] = [
    ("candleSnapshot", 20, candles),
    ("fundingHistory", 20, funding),
    ("metaAndAssetCtxs", 20, contexts),
    ("meta", 20, meta),
    ("l2Book", 2, book),
];

/// Answers a request.
pub(super) fn answer(venue: &Hyperliquid, body: &[u8], cx: &RestCx<'_>) -> Response {
    match answered(venue, body, cx) {
        Ok(body) => Response::json(200, body),
        Err(Refusal(status, body)) => Response::json(status, body),
    }
}

fn answered(venue: &Hyperliquid, body: &[u8], cx: &RestCx<'_>) -> Result<Vec<u8>, Refusal> {
    let asked: Value = serde_json::from_slice(body)
        .map_err(|_| Refusal(400, "Failed to parse the request body as JSON"))?;
    let kind = asked["type"].as_str().unwrap_or("");
    let found = TYPES.iter().find(|(name, _, _)| *name == kind);
    let Some((_, weight, handler)) = found else {
        return Err(UNKNOWN);
    };
    if venue.is_over(*weight, cx.conn_ms) {
        return Err(Refusal(429, "null"));
    }
    let (body, more) = handler(venue, &asked, cx)?;
    // What an answer weighs beyond its request counts for the next one.
    venue.is_over(u32::try_from(more).unwrap_or(u32::MAX), cx.conn_ms);
    Ok(body)
}

fn coin<'a>(venue: &'a Hyperliquid, asked: &Value) -> Result<&'a Listed, Refusal> {
    let name = asked["coin"].as_str().ok_or(UNKNOWN)?;
    venue.find(name).ok_or(UNLISTED)
}

/// Returns `[startTime, endTime]` in milliseconds; without an end, until now.
fn span(asked: &Value, cx: &RestCx<'_>) -> Result<(i64, i64), Refusal> {
    let from = asked["startTime"].as_i64().ok_or(UNKNOWN)?;
    let until = match &asked["endTime"] {
        Value::Null => ms(cx.now),
        end => end.as_i64().ok_or(UNKNOWN)?,
    };
    Ok((from, until))
}

/// Returns the length of an interval; months have none and are not served.
fn length_of(interval: &str) -> Option<i64> {
    let minutes = match interval {
        "1m" => 1,
        "3m" => 3,
        "5m" => 5,
        "15m" => 15,
        "30m" => 30,
        "1h" => 60,
        "2h" => 120,
        "4h" => 240,
        "8h" => 480,
        "12h" => 720,
        "1d" => 1_440,
        "3d" => 4_320,
        "1w" => 10_080,
        _ => return None,
    };
    Some(minutes * MICROS_PER_MINUTE)
}

fn candles(venue: &Hyperliquid, asked: &Value, cx: &RestCx<'_>) -> Answer {
    let asked = &asked["req"];
    let interval = asked["interval"].as_str().ok_or(UNKNOWN)?;
    let length = length_of(interval).ok_or(UNKNOWN)?;
    let (from, until) = span(asked, cx)?;
    let listed = coin(venue, asked)?;
    let of = &listed.instrument;
    // Weeks begin on Monday; 1970-01-01 was a Thursday.
    let shift = if length == 7 * MICROS_PER_DAY {
        4 * MICROS_PER_DAY
    } else {
        0
    };
    let open_of = |ts: UnixMicros| ts.plus(-shift).floor_to(length).plus(shift);
    let kept = i64::try_from(MAX_CANDLES).unwrap_or(i64::MAX);
    let oldest = open_of(cx.now).plus(-length * (kept - 1));
    let first = open_of(UnixMicros(from.saturating_mul(1_000))).max(oldest);
    let minutes = of.klines_1m(first, cx.now.plus(1), cx.now);
    let bars = resample(&minutes, cx.now, |ts| {
        (open_of(ts), open_of(ts).plus(length))
    });
    let rows: Vec<CandleRow> = bars
        .iter()
        .filter(|k| (from..=until).contains(&ms(k.ts_open)))
        .take(MAX_CANDLES)
        .map(|k| CandleRow {
            open_ms: ms(k.ts_open),
            length_ms: length / 1_000,
            open: of.price(k.open),
            high: of.price(k.high),
            low: of.price(k.low),
            close: of.price(k.close),
            volume: of.qty(k.lots),
            n_trades: k.n_trades,
        })
        .collect();
    let mut out = Vec::new();
    push_candles(&mut out, &listed.terms, interval, &rows)?;
    Ok((out, rows.len() / 60))
}

fn funding(venue: &Hyperliquid, asked: &Value, cx: &RestCx<'_>) -> Answer {
    let (from, until) = span(asked, cx)?;
    let listed = coin(venue, asked)?;
    let mut rows = listed.settled(cx.now);
    rows.retain(|row| (from..=until).contains(&row.time_ms));
    rows.truncate(MAX_FUNDINGS);
    let mut out = Vec::new();
    push_funding(&mut out, &listed.terms, &rows)?;
    Ok((out, rows.len() / 20))
}

/// Refuses the universes of builders: the simulated market has none.
fn first_dex(asked: &Value) -> Result<(), Refusal> {
    match asked["dex"].as_str().unwrap_or("") {
        "" => Ok(()),
        _ => Err(UNLISTED),
    }
}

fn meta(venue: &Hyperliquid, asked: &Value, _: &RestCx<'_>) -> Answer {
    first_dex(asked)?;
    let mut out = Vec::new();
    push_meta(&mut out, venue.listed.iter().map(|l| &l.terms))?;
    Ok((out, 0))
}

/// Returns the average price of taking [`IMPACT_NOTIONAL`] from a side; `None` where it does not hold as much.
fn impact(listed: &Listed, image: &BookImage, side: Side) -> Option<f64> {
    let of = &listed.instrument;
    let (mut left, mut coins) = (IMPACT_NOTIONAL, 0.0);
    for (ticks, lots) in image.book.levels(side) {
        let (price, qty) = (of.price(ticks), of.qty(lots));
        if price * qty >= left {
            return Some(IMPACT_NOTIONAL / (coins + left / price));
        }
        left -= price * qty;
        coins += qty;
    }
    None
}

fn context(listed: &Listed, cx: &RestCx<'_>) -> Option<ContextRow> {
    let of = &listed.instrument;
    let (day, mark) = (Day24::at(of, cx.now)?, of.mark_at(cx.now)?);
    let image = of.book_at(cx.book_time)?;
    let best = |side| image.book.best(side).map(|(ticks, _)| of.price(ticks));
    let mid = best(Side::Buy).zip(best(Side::Sell));
    let impacts = [Side::Buy, Side::Sell].map(|side| impact(listed, &image, side));
    Some(ContextRow {
        funding: mark.predicted_funding / 8.0,
        open_interest: of
            .positions(cx.now)
            .last()
            .map_or(0.0, |p| of.qty(p.open_interest_lots)),
        prev_day: of.price(day.open),
        day_notional: of.cash(day.cash),
        day_base: of.qty(day.lots),
        premium: mid.map(|_| mark.mark / mark.index - 1.0),
        oracle: mark.index,
        mark: mark.mark,
        mid: mid.map(|(bid, ask)| f64::midpoint(bid, ask)),
        impact: impacts[0].zip(impacts[1]).map(|(bid, ask)| [bid, ask]),
    })
}

fn contexts(venue: &Hyperliquid, asked: &Value, cx: &RestCx<'_>) -> Answer {
    first_dex(asked)?;
    let rows: Option<Vec<_>> = venue
        .listed
        .iter()
        .map(|l| Some((&l.terms, context(l, cx)?)))
        .collect();
    let mut out = Vec::new();
    push_contexts(&mut out, &rows.ok_or(UNLISTED)?)?;
    Ok((out, 0))
}

/// Returns the digits and the mantissa that prices are rounded to, if they are.
fn rounding(asked: &Value) -> Result<Option<(i32, f64)>, Refusal> {
    let digits = match &asked["nSigFigs"] {
        Value::Null => None,
        Value::Number(n) => Some(n.as_i64().ok_or(UNKNOWN)?),
        _ => return Err(UNKNOWN),
    };
    match (digits, asked["mantissa"].as_i64()) {
        (None, None) => Ok(None),
        (Some(n @ 2..=5), None) => Ok(Some((i32::try_from(n).unwrap_or(5), 1.0))),
        (Some(5), Some(1)) => Ok(Some((5, 1.0))),
        (Some(5), Some(2)) => Ok(Some((5, 2.0))),
        (Some(5), Some(5)) => Ok(Some((5, 5.0))),
        _ => Err(UNKNOWN),
    }
}

/// Returns the width in ticks of the prices that are shown as one; 1 where ticks are wider.
fn width(listed: &Listed, best: i64, (digits, mantissa): (i32, f64)) -> i64 {
    let price = listed.instrument.price(best);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a price is small, and a width is at most a tenth of a price in ticks"
    )]
    let ticks = {
        let whole = price.log10().floor() as i32 + 1;
        (10_f64.powi(whole - digits) * mantissa / listed.instrument.price(1)).round() as i64
    };
    ticks.max(1)
}

fn book(venue: &Hyperliquid, asked: &Value, cx: &RestCx<'_>) -> Answer {
    let rounding = rounding(asked)?;
    let listed = match coin(venue, asked) {
        Ok(listed) => listed,
        // Alone of all types it answers so of a coin that is not there.
        Err(Refusal(500, _)) => return Ok((b"null".to_vec(), 0)),
        Err(refusal) => return Err(refusal),
    };
    let of = &listed.instrument;
    let image = of.book_at(cx.book_time).ok_or(UNLISTED)?;
    let sides = [Side::Buy, Side::Sell].map(|side| {
        let best = image.book.best(side).map_or(1, |(ticks, _)| ticks);
        let width = rounding.map_or(1, |rounding| width(listed, best, rounding));
        // Away from the middle: a level never shows a better price than there is.
        let shown = |ticks: i64| match side {
            Side::Buy => ticks.div_euclid(width) * width,
            Side::Sell => -(-ticks).div_euclid(width) * width,
        };
        let mut levels: Vec<(i64, i64, i64)> = Vec::new();
        for (ticks, lots) in image.book.levels(side) {
            let is_full = levels.len() == BOOK_LEVELS;
            match levels.last_mut().filter(|(p, _, _)| *p == shown(ticks)) {
                // The simulated book counts quantities, not orders: each price is one.
                Some((_, sum, orders)) => (*sum, *orders) = (*sum + lots, *orders + 1),
                None if is_full => break,
                None => levels.push((shown(ticks), lots, 1)),
            }
        }
        let row = |(ticks, lots, orders): &(i64, i64, i64)| BookRow {
            price: of.price(*ticks),
            qty: of.qty(*lots),
            orders: *orders,
        };
        levels.iter().map(row).collect::<Vec<_>>()
    });
    let mut out = Vec::new();
    push_book(
        &mut out,
        &listed.terms,
        ms(cx.book_time),
        [&sides[0], &sides[1]],
    )?;
    Ok((out, 0))
}
