//! Binance's REST routes: parameters, weights, errors and bodies.

use quant_core::market::{Market, Side};
use quant_core::synth::SimPositions;
use quant_core::synth::derive::reference_klines;
use quant_core::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::binance::encode::{
    AggTradeRow, DepthSnapshot, FundingInfo, FundingRateRow, LongShortRow, OpenInterestRow,
    PERPETUAL_DELIVERY_MS, PremiumIndex, ReferenceKlineRow, SymbolInfo, TakerRow, TradeRow,
    push_error, push_exchange_info, push_funding_info, push_server_time,
};

use super::pages::{Window, klines, length_of};
use super::streams::agg_rows;
use super::{Binance, Bucket, Listed};
use crate::mock::venue::{Request, Response, RestCx};

/// A refusal with its answer.
type Refused = Box<Response>;

/// Largest window of an `aggTrades` request by time.
const AGG_WINDOW_US: i64 = MICROS_PER_HOUR;
/// How far back `aggTrades` goes since 2026.
const AGG_HISTORY_US: i64 = MICROS_PER_DAY;
/// How far back `/futures/data` goes.
const DATA_HISTORY_US: i64 = 30 * MICROS_PER_DAY;

/// Returns an error as the venue writes it.
pub(crate) fn error(status: u16, code: i64, msg: &str) -> Response {
    let mut body = Vec::new();
    push_error(&mut body, code, msg);
    Response::json(status, body)
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "a refusal travels as an error, which should be small"
)]
fn refuse(code: i64, msg: &str) -> Refused {
    Box::new(error(400, code, msg))
}

/// Returns the path without an explicit venue prefix.
pub(super) fn without_prefix(path: &str) -> &str {
    ["/um/", "/spot/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix).map(|_| &path[prefix.len() - 1..]))
        // Only REST paths: the WebSocket routes know the prefix themselves.
        .filter(|rest| {
            ["/fapi/", "/futures/", "/api/"]
                .iter()
                .any(|p| rest.starts_with(p))
        })
        .unwrap_or(path)
}

/// One request on its way.
struct Call<'a> {
    venue: &'a Binance,
    request: &'a Request<'a>,
    cx: &'a RestCx<'a>,
    market: Market,
}

/// Answers a request.
pub(super) fn answer(venue: &Binance, request: &Request<'_>, cx: &RestCx<'_>) -> Response {
    let path = without_prefix(request.path);
    let market = if path.starts_with("/api/") {
        Market::Spot
    } else {
        Market::Um
    };
    let call = Call {
        venue,
        request,
        cx,
        market,
    };
    if request.method != "GET" {
        return error(405, -1000, "Request method not supported.");
    }
    let Some((bucket, weight)) = call.weight(path) else {
        return Response {
            content_type: "text/html",
            ..Response::json(404, "<html><body><h2>404 Not found</h2></body></html>")
        };
    };
    let used = match venue.charge(bucket, weight, cx.conn_ms) {
        Ok(used) => used,
        Err(refused) => return *refused,
    };
    let mut body = Vec::new();
    let out = match call.body(path, &mut body) {
        Ok(()) => Response::json(200, body),
        Err(refused) => *refused,
    };
    if bucket == Bucket::Data {
        return out;
    }
    out.header("x-mbx-used-weight-1m", used.to_string())
}

impl Call<'_> {
    /// Returns what a route costs; `None` for a route that does not exist.
    fn weight(&self, path: &str) -> Option<(Bucket, u32)> {
        let limit = |default: usize| {
            let text = self.request.query.get("limit");
            text.and_then(|t| t.parse().ok()).unwrap_or(default)
        };
        let by_rows = |n: usize| match n {
            0..100 => 1,
            100..500 => 2,
            500..=1_000 => 5,
            _ => 10,
        };
        if let Some(route) = path.strip_prefix("/futures/data/") {
            let known = [
                "openInterestHist",
                "topLongShortAccountRatio",
                "topLongShortPositionRatio",
                "globalLongShortAccountRatio",
                "takerlongshortRatio",
            ];
            return known.contains(&route).then_some((Bucket::Data, 1));
        }
        if let Some(route) = path.strip_prefix("/fapi/v1/") {
            let weight = match route {
                "ping" | "time" | "exchangeInfo" | "premiumIndex" | "openInterest" => 1,
                "klines" | "markPriceKlines" | "indexPriceKlines" | "premiumIndexKlines"
                | "continuousKlines" => by_rows(limit(500)),
                "depth" => match limit(500) {
                    0..=50 => 2,
                    51..=100 => 5,
                    101..=500 => 10,
                    _ => 20,
                },
                "trades" => 5,
                "aggTrades" => 20,
                "ticker/bookTicker" => 2,
                "fundingRate" | "fundingInfo" => return Some((Bucket::Funding, 1)),
                _ => return None,
            };
            return Some((Bucket::Um, weight));
        }
        let weight = match path.strip_prefix("/api/v3/")? {
            "ping" | "time" => 1,
            "klines" | "ticker/bookTicker" => 2,
            "aggTrades" => 4,
            "trades" => 25,
            "depth" => match limit(100) {
                0..=100 => 5,
                101..=500 => 25,
                501..=1_000 => 50,
                _ => 250,
            },
            _ => return None,
        };
        Some((Bucket::Spot, weight))
    }

    fn body(&self, path: &str, out: &mut Vec<u8>) -> Result<(), Refused> {
        let route = path.rsplit("/v1/").next().unwrap_or(path);
        let route = route.rsplit("/v3/").next().unwrap_or(route);
        match route.trim_start_matches("/futures/data/") {
            "ping" => out.extend_from_slice(b"{}"),
            "time" => push_server_time(out, self.cx.now.0),
            "exchangeInfo" => self.exchange_info(out),
            "depth" => self.depth(out)?,
            "trades" => self.trades(out)?,
            "aggTrades" => self.agg_trades(out)?,
            "klines" => {
                let listed = self.listed("symbol")?;
                self.klines(listed, out)?;
            }
            "continuousKlines" => {
                let listed = self.listed("pair")?;
                self.klines(listed, out)?;
            }
            "markPriceKlines" => self.reference(out, "symbol", 0)?,
            "indexPriceKlines" => self.reference(out, "pair", 1)?,
            "premiumIndexKlines" => self.reference(out, "symbol", 2)?,
            "premiumIndex" => self.premium_index(out)?,
            "openInterest" => self.open_interest(out)?,
            "fundingRate" => self.funding(out)?,
            "fundingInfo" => push_funding_info(out, &[] as &[FundingInfo<'_>]),
            "ticker/bookTicker" => self.book_ticker(out)?,
            statistic => self.data(statistic, out)?,
        }
        Ok(())
    }

    // ---- parameters -----------------------------------------------------------------------------------------

    fn listed(&self, name: &str) -> Result<&Listed, Refused> {
        let symbol = self.request.query.get(name).filter(|s| !s.is_empty());
        let symbol = symbol.ok_or_else(|| {
            refuse(
                -1102,
                &format!(
                    "Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
                ),
            )
        })?;
        let found = self.venue.find(self.market, symbol);
        found
            .map(AsRef::as_ref)
            .ok_or_else(|| refuse(-1121, "Invalid symbol."))
    }

    fn whole(&self, name: &str) -> Result<Option<i64>, Refused> {
        match self.request.query.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                refuse(
                    -1102,
                    &format!(
                        "Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
                    ),
                )
            }),
        }
    }

    fn limit(&self, default: usize, max: usize) -> Result<usize, Refused> {
        match self.whole("limit")? {
            None => Ok(default),
            Some(n) => usize::try_from(n)
                .ok()
                .filter(|n| (1..=max).contains(n))
                .ok_or_else(|| refuse(-1130, "Data sent for parameter 'limit' is not valid.")),
        }
    }

    /// Returns `startTime` and `endTime`, both inclusive.
    fn times(&self) -> Result<(Option<UnixMicros>, Option<UnixMicros>), Refused> {
        let time = |name| -> Result<Option<UnixMicros>, Refused> {
            let Some(ms) = self.whole(name)? else {
                return Ok(None);
            };
            UnixMicros::from_millis(ms)
                .filter(|_| ms >= 0)
                .map(Some)
                .ok_or_else(|| {
                    refuse(
                        -1130,
                        &format!("Data sent for parameter '{name}' is not valid."),
                    )
                })
        };
        let (start, end) = (time("startTime")?, time("endTime")?);
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(refuse(-1023, "Start time is greater than end time."));
        }
        // An end in milliseconds includes its whole millisecond.
        Ok((start, end.map(|end| end.plus(999))))
    }

    fn interval(&self) -> Result<(&str, i64), Refused> {
        let interval = self.request.query.get("interval").filter(|i| !i.is_empty());
        let interval = interval.ok_or_else(|| {
            refuse(
                -1102,
                "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
            )
        })?;
        length_of(interval)
            .map(|length| (interval, length))
            .ok_or_else(|| refuse(-1120, "Invalid interval."))
    }

    fn window(&self, default: usize, max: usize) -> Result<Window, Refused> {
        let (from, until) = self.times()?;
        Ok(Window {
            from,
            until,
            limit: self.limit(default, max)?,
        })
    }

    // ---- bodies ---------------------------------------------------------------------------------------------

    fn exchange_info(&self, out: &mut Vec<u8>) {
        let futures: Vec<&Listed> = self
            .venue
            .listed
            .iter()
            .map(AsRef::as_ref)
            .filter(|l| l.market == Market::Um)
            .collect();
        let infos: Vec<SymbolInfo<'_>> = futures
            .iter()
            .map(|l| {
                let of = &*l.instrument;
                SymbolInfo {
                    symbol: &l.symbol,
                    pair: l.symbol.as_str(),
                    contract_type: "PERPETUAL",
                    status: "TRADING",
                    base: &of.base,
                    quote: &of.quote,
                    margin: &of.quote,
                    onboard_ms: of.start.0 / 1_000,
                    delivery_ms: PERPETUAL_DELIVERY_MS,
                    decimals: l.decimals,
                    tick_size: of.price(1),
                    min_price: of.price(1),
                    max_price: of.params.start_price * 100.0,
                    step_size: of.qty(1),
                    min_qty: of.qty(1),
                    max_qty: of.qty(1_000_000),
                    max_market_qty: of.qty(120_000),
                    min_notional: 100.0,
                    contract_size: 1.0,
                }
            })
            .collect();
        push_exchange_info(out, Market::Um, self.cx.now.0, &infos);
    }

    fn depth(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let limit = if self.market == Market::Spot {
            self.limit(100, 5_000)?
        } else {
            let limit = self.limit(500, 1_000)?;
            if ![5, 10, 20, 50, 100, 500, 1_000].contains(&limit) {
                return Err(refuse(-4021, "Invalid depth limit."));
            }
            limit
        };
        let oldest = listed.instrument.oldest();
        let image = listed.instrument.book_at(self.cx.book_time.max(oldest));
        let image = image.ok_or_else(|| {
            refuse(
                -1001,
                "Internal error; unable to process your request. Please try again.",
            )
        })?;
        let bids = listed.levels(image.book.levels(Side::Buy).take(limit));
        let asks = listed.levels(image.book.levels(Side::Sell).take(limit));
        let snapshot = DepthSnapshot {
            last_update_id: listed.update_id(image.last_id),
            event_us: self.cx.book_time.0,
            transaction_us: image.ts.0,
            bids: &bids,
            asks: &asks,
        };
        listed.stream.depth_snapshot(out, &snapshot);
        Ok(())
    }

    fn trades(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let limit = self.limit(500, 1_000)?;
        let of = &*listed.instrument;
        let mut rows: Vec<TradeRow> = Vec::new();
        // Backward by minute, until there are enough.
        let mut until = self.cx.now.plus(1);
        while rows.len() < limit && until > of.oldest() {
            let from = until.plus(-1).floor_minute();
            let page = of.matches(from, until);
            let earlier = page.iter().rev().map(|m| TradeRow {
                id: m.id,
                price: of.price(m.price_ticks),
                qty: of.qty(m.qty_lots),
                quote_qty: of.cash(i128::from(m.price_ticks) * i128::from(m.qty_lots)),
                ts_us: m.ts.0,
                is_buyer_maker: m.aggressor == Side::Sell,
            });
            rows.extend(earlier);
            until = from;
        }
        rows.truncate(limit);
        rows.reverse();
        listed.rest.trades(out, &rows);
        Ok(())
    }

    fn agg_trades(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let limit = self.limit(500, 1_000)?;
        let from_id = self.whole("fromId")?;
        let (start, end) = self.times()?;
        if from_id.is_some() && (start.is_some() || end.is_some()) {
            return Err(refuse(-1128, "Combination of optional parameters invalid."));
        }
        if let (Some(start), Some(end)) = (start, end)
            && end.0 - start.0 > AGG_WINDOW_US + 999
        {
            return Err(refuse(
                -1127,
                "More than 1 hours between startTime and endTime.",
            ));
        }
        let now = self.cx.now;
        if self.market == Market::Um && start.is_some_and(|s| s.0 < now.0 - AGG_HISTORY_US) {
            return Err(refuse(
                -1130,
                "Data sent for parameter 'startTime' is not valid.",
            ));
        }
        let oldest = listed.instrument.oldest();
        let mut rows: Vec<AggTradeRow> = Vec::new();
        if let Some(from_id) = from_id {
            self.agg_forward(listed, oldest, now.plus(1), limit, &mut rows, |row| {
                row.agg_id >= from_id
            });
        } else if let Some(start) = start {
            let until = end.map_or(start.plus(AGG_WINDOW_US), |end| end.plus(1));
            let until = until.min(now.plus(1));
            self.agg_forward(listed, start.max(oldest), until, limit, &mut rows, |_| true);
        } else {
            let mut until = end.map_or(now.plus(1), |end| end.plus(1).min(now.plus(1)));
            while rows.len() < limit && until > oldest {
                let from = until.plus(-1).floor_minute();
                let page = agg_rows(&listed.instrument.matches(from, until), listed);
                rows.extend(page.into_iter().rev());
                until = from;
            }
            rows.truncate(limit);
            rows.reverse();
        }
        listed.rest.agg_trades(out, &rows);
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "a step of `agg_trades`, kept beside it")]
    fn agg_forward(
        &self,
        listed: &Listed,
        from: UnixMicros,
        until: UnixMicros,
        limit: usize,
        rows: &mut Vec<AggTradeRow>,
        keep: impl Fn(&AggTradeRow) -> bool,
    ) {
        let mut at = from;
        while rows.len() < limit && at < until {
            let next = at.floor_minute().plus(MICROS_PER_MINUTE).min(until);
            let page = agg_rows(&listed.instrument.matches(at, next), listed);
            rows.extend(page.into_iter().filter(&keep));
            at = next;
        }
        rows.truncate(limit);
    }

    fn klines(&self, listed: &Listed, out: &mut Vec<u8>) -> Result<(), Refused> {
        let (interval, length) = self.interval()?;
        let max = if self.market == Market::Spot {
            1_000
        } else {
            1_500
        };
        let window = self.window(500, max)?;
        let rows = klines(&listed.instrument, interval, &window, self.cx.now);
        listed.rest.klines(out, &rows, length);
        Ok(())
    }

    /// Mark (0), index (1) and premium (2) klines; as far back as minutes are kept, one-minute only.
    fn reference(&self, out: &mut Vec<u8>, name: &str, which: usize) -> Result<(), Refused> {
        let listed = self.listed(name)?;
        let (interval, length) = self.interval()?;
        let window = self.window(500, 1_500)?;
        if interval != "1m" {
            return Err(refuse(-1120, "Invalid interval."));
        }
        let of = &*listed.instrument;
        let rows: Vec<ReferenceKlineRow> = of
            .minutes(of.oldest(), self.cx.now.floor_minute())
            .iter()
            .filter_map(|minute| {
                let all = reference_klines(&minute.sim)?;
                let k = [all.mark, all.index, all.premium][which];
                Some(ReferenceKlineRow {
                    open_us: k.start.0,
                    open: k.open,
                    high: k.high,
                    low: k.low,
                    close: k.close,
                    n_ticks: k.n_ticks,
                })
            })
            .collect();
        let page = window.cut(&rows, |row| UnixMicros(row.open_us));
        listed.rest.reference_klines(out, &page, length);
        Ok(())
    }

    fn premium_index(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let now = self.cx.now;
        let mark = listed.instrument.mark_at(now);
        let mark = mark.ok_or_else(|| refuse(-1121, "Invalid symbol."))?;
        let answer = PremiumIndex {
            mark: mark.mark,
            index: mark.index,
            settle: mark.index,
            funding_rate: Some(mark.predicted_funding),
            next_funding_us: listed.instrument.next_funding(now).0,
            ts_us: now.0,
        };
        listed.rest.premium_index(out, &answer);
        Ok(())
    }

    fn open_interest(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let positions = listed.instrument.positions(self.cx.now);
        let last = positions.last();
        let lots = last.map_or(0, |p| p.open_interest_lots);
        let ts = last.map_or(self.cx.now, |p| p.published_at);
        listed
            .rest
            .open_interest(out, listed.instrument.qty(lots), ts.0);
        Ok(())
    }

    fn funding(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        let listed = self.listed("symbol")?;
        let mut window = self.window(100, 1_000)?;
        if window.from.is_none() && window.until.is_none() {
            window.limit = 200;
        }
        let fundings = listed.instrument.fundings(self.cx.now);
        let page = window.cut(&fundings, |f| f.ts);
        let rows: Vec<FundingRateRow> = page
            .iter()
            .map(|f| FundingRateRow {
                ts_us: f.ts.0,
                rate: f.rate,
                mark_price: Some(f.mark),
            })
            .collect();
        listed.rest.funding_rates(out, &rows);
        Ok(())
    }

    fn book_ticker(&self, out: &mut Vec<u8>) -> Result<(), Refused> {
        use quant_lake::venues::binance::encode::BookTickerFrame;
        let listed = self.listed("symbol")?;
        let of = &*listed.instrument;
        let image = of.book_at(self.cx.now);
        let image = image.ok_or_else(|| refuse(-1121, "Invalid symbol."))?;
        let best = |side| image.book.best(side).unwrap_or((0, 0));
        let (bid, ask) = (best(Side::Buy), best(Side::Sell));
        let frame = BookTickerFrame {
            update_id: listed.update_id(image.last_id),
            bid_px: of.price(bid.0),
            bid_qty: of.qty(bid.1),
            ask_px: of.price(ask.0),
            ask_qty: of.qty(ask.1),
            transaction_us: image.ts.0,
            event_us: self.cx.now.0,
        };
        let mut text = Vec::new();
        listed.stream.book_ticker(&mut text, &frame);
        // REST has long names and no event name.
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let field = |name: &str| value[name].clone();
        let mut answer = serde_json::json!({
            "symbol": field("s"), "bidPrice": field("b"), "bidQty": field("B"),
            "askPrice": field("a"), "askQty": field("A"),
        });
        if self.market == Market::Um {
            answer["time"] = (image.ts.0 / 1_000).into();
            answer["lastUpdateId"] = frame.update_id.into();
        }
        out.extend_from_slice(answer.to_string().as_bytes());
        Ok(())
    }

    /// `/futures/data`: the latest rows of the range, 30 days back, an unknown symbol has no rows.
    fn data(&self, statistic: &str, out: &mut Vec<u8>) -> Result<(), Refused> {
        let period = self.request.query.get("period").unwrap_or("");
        let length = ["5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"]
            .contains(&period)
            .then(|| length_of(period))
            .flatten()
            .ok_or_else(|| refuse(-1130, "parameter 'period' is invalid."))?;
        let window = self.window(30, 500)?;
        let now = self.cx.now;
        if window
            .from
            .is_some_and(|from| from.0 <= now.0 - DATA_HISTORY_US)
        {
            return Err(refuse(-1130, "parameter 'startTime' is invalid."));
        }
        let Ok(listed) = self.listed("symbol") else {
            out.extend_from_slice(b"[]");
            return Ok(());
        };
        let of = &*listed.instrument;
        let mut rows = of.positions(now);
        rows.retain(|p| p.ts.0 % length == 0 && p.ts.0 > now.0 - DATA_HISTORY_US);
        let page = window.latest(&rows, |p| p.ts);
        let ratios = |ratio: fn(&SimPositions) -> f64| -> Vec<LongShortRow> {
            let rows = page.iter().map(|p| LongShortRow {
                ts_us: p.ts.0,
                ratio: ratio(p),
            });
            rows.collect()
        };
        match statistic {
            "openInterestHist" => {
                let rows: Vec<OpenInterestRow> = page
                    .iter()
                    .map(|p| OpenInterestRow {
                        ts_us: p.ts.0,
                        open_interest: of.qty(p.open_interest_lots),
                        value: p.notional,
                        circulating_supply: None,
                    })
                    .collect();
                listed.rest.open_interest_hist(out, &rows);
            }
            "takerlongshortRatio" => {
                let rows: Vec<TakerRow> = page
                    .iter()
                    .map(|p| {
                        let from = p.ts.plus(-length);
                        let klines = of.klines_1m(from, p.ts, now);
                        let buy: i64 = klines.iter().map(|k| k.buy_lots).sum();
                        let all: i64 = klines.iter().map(|k| k.lots).sum();
                        TakerRow {
                            ts_us: p.ts.0,
                            buy: of.qty(buy),
                            sell: of.qty(all - buy),
                        }
                    })
                    .collect();
                listed.rest.taker_ratios(out, &rows);
            }
            "topLongShortAccountRatio" => listed
                .rest
                .long_short_ratios(out, &ratios(|p| p.top_account_ratio)),
            "topLongShortPositionRatio" => listed
                .rest
                .long_short_ratios(out, &ratios(|p| p.top_position_ratio)),
            _ => listed
                .rest
                .long_short_ratios(out, &ratios(|p| p.account_ratio)),
        }
        Ok(())
    }
}
