//! Pages of Binance's REST API: USD-M futures (`/fapi`, `/futures/data`), coin-margined (`/dapi`) and spot (`/api`).
//!
//! A page does not say whether its last bar is final, so bars that close after the time of the request are left out.

use quant_core::market::{Instrument, InstrumentKey, Market, Side};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde_json::Value;

use crate::schema::Dataset;
use crate::venues::contracts::QtyUnit;
use crate::venues::pages::{
    Page, PageError, PageFormat, cells, count, integer, json, list, millis, not_negative, number,
    positive, same_symbol, set_intervals, shape,
};
use crate::venues::records::{
    AggTrade, FundingRow, IndexKline, Kline, MarkKline, OpenInterestRow, PremiumKline, Ts,
};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;

/// Version of these parsers.
pub const PAGES_VERSION: &str = "binance-rest-1";

/// Delivery date of contracts that do not expire.
const PERPETUAL_DELIVERY_MS: i64 = 4_133_404_800_000;

/// A dataset of one symbol, as pages show it.
#[derive(Clone, Debug, PartialEq)]
pub struct BinancePages {
    /// Dataset.
    pub dataset: Dataset,
    /// Market.
    pub market: Market,
    /// The venue's symbol.
    pub symbol: String,
    /// What quantities count: contracts of a fixed quote value on coin-margined instruments.
    pub unit: QtyUnit,
    /// Bars that close later are left out: the time at which the pages were asked for.
    pub closed_before: UnixMicros,
}

impl BinancePages {
    /// Returns the datasets that pages can hold.
    pub const DATASETS: [Dataset; 7] = [
        Dataset::Klines1m,
        Dataset::AggTrades,
        Dataset::MarkKlines,
        Dataset::PremiumKlines,
        Dataset::IndexKlines,
        Dataset::Funding,
        Dataset::OpenInterest,
    ];

    fn candle(&self, item: &Value, any_sign: bool) -> Result<(Candle, bool), RowProblem> {
        let row = cells(item, 11)?;
        let (ts_open, last) = (
            millis(&row[0], "open_time")?,
            millis(&row[6], "close_time")?,
        );
        let price = if any_sign { number } else { positive };
        let (open, high) = (price(&row[1], "open")?, price(&row[2], "high")?);
        let (low, close) = (price(&row[3], "low")?, price(&row[4], "close")?);
        check_candle(open, high, low, close)?;
        let ts_close = Ts(last.0 + 1_000);
        if ts_close.0 <= ts_open.0 || ts_close.0 > ts_open.0 + MICROS_PER_MINUTE {
            return Err(RowProblem::EmptyInterval);
        }
        let candle = Candle {
            ts_open,
            ts_close,
            open,
            high,
            low,
            close,
        };
        Ok((candle, ts_close.0 <= self.closed_before.0))
    }

    fn kline(&self, item: &Value) -> Result<(Kline, bool), RowProblem> {
        let (c, is_final) = self.candle(item, false)?;
        let row = cells(item, 11)?;
        let volume = not_negative(&row[5], "volume")?;
        let other = not_negative(&row[7], "quote_volume")?;
        let taker = not_negative(&row[9], "taker_buy_volume")?;
        let taker_other = not_negative(&row[10], "taker_buy_quote_volume")?;
        let row = Kline {
            ts_open: c.ts_open,
            ts_close: c.ts_close,
            open: c.open,
            high: c.high,
            low: c.low,
            close: c.close,
            volume,
            volume_raw: None,
            quote_volume: Some(other),
            n_trades: Some(count(&row[8], "count")?),
            taker_buy_volume: Some(taker),
            taker_buy_quote_volume: Some(taker_other),
        };
        if self.unit == QtyUnit::Base {
            return Ok((row, is_final));
        }
        // Coin-margined: volume counts contracts of a fixed quote value, the other column is the base volume.
        let cash = |contracts: f64| Some(self.unit.quote(contracts, c.close));
        let row = Kline {
            volume: other,
            volume_raw: Some(volume),
            quote_volume: cash(volume),
            taker_buy_volume: Some(taker_other),
            taker_buy_quote_volume: cash(taker),
            ..row
        };
        Ok((row, is_final))
    }

    fn agg_trade(&self, item: &Value) -> Result<(AggTrade, bool), RowProblem> {
        let price = positive(&item["p"], "p")?;
        let raw = positive(&item["q"], "q")?;
        let is_buyer_maker = item["m"].as_bool().ok_or(RowProblem::UnknownName {
            column: "m",
            expected: "true or false",
        })?;
        let row = AggTrade {
            ts_event: millis(&item["T"], "T")?,
            ts_recv: None,
            trade_id: count(&item["a"], "a")?,
            price,
            // `nq`, the quantity without retail price improvement, is not what archives hold.
            qty: self.unit.base(raw, price),
            qty_raw: self.unit.raw(raw),
            aggressor: Side::from_is_buyer_maker(is_buyer_maker).sign(),
            first_id: integer(&item["f"], "f")?,
            last_id: integer(&item["l"], "l")?,
            late: None,
        };
        Ok((row, true))
    }

    fn funding(&self, item: &Value) -> Result<(FundingRow, bool), RowProblem> {
        same_symbol(item, "symbol", &self.symbol)?;
        // Old rows have no mark price, or an empty one.
        let mark_price = match &item["markPrice"] {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            value => Some(positive(value, "markPrice")?),
        };
        let row = FundingRow {
            ts_event: millis(&item["fundingTime"], "fundingTime")?,
            rate: number(&item["fundingRate"], "fundingRate")?,
            interval_h: None,
            mark_price,
        };
        Ok((row, true))
    }

    fn open_interest(&self, item: &Value) -> Result<(OpenInterestRow, bool), RowProblem> {
        same_symbol(item, "symbol", &self.symbol)?;
        let row = OpenInterestRow {
            // The end of the period.
            ts_event: millis(&item["timestamp"], "timestamp")?,
            ts_published: None,
            open_interest: not_negative(&item["sumOpenInterest"], "sumOpenInterest")?,
            notional: Some(not_negative(
                &item["sumOpenInterestValue"],
                "sumOpenInterestValue",
            )?),
        };
        Ok((row, true))
    }
}

/// Times and prices shared by all bars.
struct Candle {
    ts_open: Ts,
    ts_close: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

macro_rules! reference {
    ($pages:expr, $items:expr, $row:ident, $any_sign:literal) => {
        Page::read($items, |item| {
            let (c, is_final) = $pages.candle(item, $any_sign)?;
            let row = $row {
                ts_open: c.ts_open,
                ts_close: c.ts_close,
                open: c.open,
                high: c.high,
                low: c.low,
                close: c.close,
                n_ticks: Some(count(&cells(item, 11)?[8], "count")?),
            };
            Ok((row, is_final))
        })
    };
}

impl PageFormat for BinancePages {
    fn dataset(&self) -> Dataset {
        self.dataset
    }

    fn page(&mut self, body: &[u8], _: Option<i64>) -> Result<Page, PageError> {
        let route = match self.dataset {
            Dataset::Klines1m => "klines",
            Dataset::AggTrades => "aggTrades",
            Dataset::MarkKlines => "markPriceKlines",
            Dataset::PremiumKlines => "premiumIndexKlines",
            Dataset::IndexKlines => "indexPriceKlines",
            Dataset::Funding => "fundingRate",
            _ => "openInterestHist",
        };
        let value = json(body, route)?;
        if let Some(error) = venue_error(&value, route) {
            return Err(error);
        }
        let items = match &value {
            Value::Array(items) => items.as_slice(),
            _ => return Err(shape(route, "a list of rows", body)),
        };
        Ok(match self.dataset {
            Dataset::Klines1m => Page::read(items, |item| self.kline(item)),
            Dataset::AggTrades => Page::read(items, |item| self.agg_trade(item)),
            Dataset::MarkKlines => reference!(self, items, MarkKline, false),
            Dataset::PremiumKlines => reference!(self, items, PremiumKline, true),
            Dataset::IndexKlines => reference!(self, items, IndexKline, false),
            Dataset::Funding => with_intervals(Page::read(items, |item| self.funding(item))),
            _ => Page::read(items, |item| self.open_interest(item)),
        })
    }
}

fn with_intervals(mut page: Page) -> Page {
    if let crate::venues::pages::Rows::Funding(rows) = &mut page.rows {
        set_intervals(rows);
    }
    page
}

/// Returns the error of `{"code":-1121,"msg":"Invalid symbol."}`.
pub fn venue_error(value: &Value, route: &'static str) -> Option<PageError> {
    let code = value.get("code")?.as_i64()?;
    let msg = value.get("msg").and_then(Value::as_str).unwrap_or("");
    Some(PageError::Venue {
        route,
        code: code.to_string(),
        msg: msg.to_owned(),
    })
}

/// Reads the server's clock out of `/fapi/v1/time`.
///
/// # Errors
/// `Shape`.
pub fn server_time(body: &[u8]) -> Result<UnixMicros, PageError> {
    let value = json(body, "time")?;
    millis(&value["serverTime"], "serverTime")
        .map(|ts| UnixMicros(ts.0))
        .map_err(|_| shape("time", "serverTime", body))
}

/// Returns the hours between settlements that `fundingInfo` names for a symbol; symbols at the usual 8 hours are not listed.
///
/// # Errors
/// `Shape`.
pub fn funding_interval(body: &[u8], symbol: &str) -> Result<Option<u32>, PageError> {
    let value = json(body, "fundingInfo")?;
    let items = list(&value, "fundingInfo", body)?;
    let named = items.iter().find(|i| i["symbol"] == symbol);
    Ok(named
        .and_then(|item| integer(&item["fundingIntervalHours"], "fundingIntervalHours").ok())
        .and_then(|hours| u32::try_from(hours).ok())
        .filter(|hours| (1..=24).contains(hours)))
}

/// Reads the terms of one symbol out of `exchangeInfo`, from `at` on; `None` if it is not listed.
///
/// Steps are those of the filters: `pricePrecision` and `quantityPrecision` are not steps. Fees are not published there and
/// are the caller's.
///
/// # Errors
/// `Shape` if a filter is missing or not a step.
pub fn instrument(
    body: &[u8],
    key: &InstrumentKey,
    at: UnixMicros,
    fees_bps: (f64, f64),
) -> Result<Option<Instrument>, PageError> {
    const ROUTE: &str = "exchangeInfo";
    let value = json(body, ROUTE)?;
    let symbols = list(&value["symbols"], ROUTE, body)?;
    let wanted = key.symbol.as_str();
    let Some(found) = symbols.iter().find(|s| s["symbol"] == wanted) else {
        return Ok(None);
    };
    let wrong = |expected| shape(ROUTE, expected, found.to_string().as_bytes());
    let filter = |kind: &str| {
        let filters = found["filters"].as_array()?;
        filters.iter().find(|f| f["filterType"] == kind)
    };
    let step = |kind: &str, field: &str| {
        let text = filter(kind)?.get(field)?.as_str()?;
        // Venues pad with zeros: `0.10`, `1.00000000`.
        let trimmed = match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
            None => text,
        };
        trimmed.parse().ok()
    };
    let tick_size = step("PRICE_FILTER", "tickSize").ok_or_else(|| wrong("a price step"))?;
    let lot_size = step("LOT_SIZE", "stepSize").ok_or_else(|| wrong("a quantity step"))?;
    let min_notional = filter("MIN_NOTIONAL")
        .or_else(|| filter("NOTIONAL"))
        .and_then(|f| f.get("notional").or_else(|| f.get("minNotional")))
        .and_then(|v| not_negative(v, "notional").ok())
        .unwrap_or(0.0);
    let instant = |field: &str| {
        let ms = found.get(field)?.as_i64().filter(|ms| *ms > 0)?;
        UnixMicros::from_millis(ms)
    };
    let is_inverse = key.market == Market::Cm;
    let contract_type = found["contractType"].as_str().unwrap_or("");
    let is_perpetual = contract_type.ends_with("PERPETUAL");
    Ok(Some(Instrument {
        key: key.clone(),
        valid_from: at,
        valid_to: None,
        tick_size,
        lot_size,
        min_notional,
        contract_value: found["contractSize"]
            .as_f64()
            .filter(|v| is_inverse && *v > 0.0)
            .unwrap_or(1.0),
        inverse: is_inverse,
        funding_interval_h: is_perpetual.then_some(8),
        maker_bps: fees_bps.0,
        taker_bps: fees_bps.1,
        onboard: instant("onboardDate"),
        // A perpetual has a delivery date far away until its delisting is announced.
        delist: instant("deliveryDate").filter(|t| t.0 != PERPETUAL_DELIVERY_MS * 1_000),
        source: match contract_type {
            "" => "binance exchangeInfo".to_owned(),
            kind => format!("binance exchangeInfo ({kind})"),
        },
    }))
}

#[cfg(test)]
mod tests;
